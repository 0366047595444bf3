//! Who may do what: credential → [`Principal`] → [`Gate`] → [`Grant`].
//!
//! Owns: API keys, the table of roles and actions, request limits, and the only place that mints
//! a [`Grant`]. Reads neither disk nor network nor clock: it is handed records and the time.
//! **Invariant:** a `Principal` comes from a verified credential and from nothing else; the tenant
//! it names is the credential's (`tests/ui/principal_from_thin_air.rs`).
//! **Invariant:** a `Grant` is minted in `gate.rs` alone, after the decision was recorded
//! (`tests/ui/grant_minted_outside.rs`).
//! Called by: `engine` (authenticate, check), `partition` and `router` (they ask for grants).

mod api_key;
mod gate;
mod grant;
mod limit;
mod policy;
mod principal;
mod role;

pub use self::{
    api_key::{ApiKey, ApiKeyId, ApiKeyRecord, KeyTable, Presented, Unauthenticated},
    gate::{Denial, Gate, Reason, Target},
    grant::{
        Contain, CreateCollection, DeleteCollection, Describe, Erase, Grant, ManageKeys,
        ManageTenants, Op, Read, ReadAudit, ReadNodeAudit, ReadReceipts, ReadUsage, Search, Write,
    },
    limit::{Limits, Quota},
    policy::{Allowance, Policy, PolicyRecord, Watch},
    principal::{Principal, Scope},
    role::{Action, Role},
};
