//! Who may do what: credential → [`Principal`] → [`Gate`] → [`Grant`].
//!
//! Owns: API keys, tokens, signed messages, the table of roles and actions, request limits, and the only
//! place that mints a [`Grant`]. Reads neither disk nor network nor clock: it is handed records, issuers' keys and
//! the time.
//! **Invariant:** a `Principal` comes from a verified credential and from nothing else; the tenant
//! it names is the credential's (`tests/ui/principal_from_thin_air.rs`).
//! **Invariant:** a `Grant` is minted in `gate.rs` alone, after the decision was recorded
//! (`tests/ui/grant_minted_outside.rs`).
//! Called by: `engine` (authenticate, check), `partition` and `router` (they ask for grants).

mod answered;
mod api_key;
mod bounds;
mod denial;
mod extras;
mod gate;
mod grant;
mod limit;
mod message;
mod origin;
mod policy;
mod principal;
mod refused;
mod role;
mod token;
mod watch;
mod watched;

pub use self::{
    answered::{AnsweredId, StoredAnswered, point_hash},
    api_key::{ApiKey, ApiKeyId, ApiKeyRecord, KeyTable, KnownKey, Presented, Unauthenticated},
    bounds::Bounds,
    denial::Denial,
    extras::{KeyExtras, StoredExtras},
    gate::{Gate, Reason, Renewed, Target},
    grant::{
        Contain, CreateCollection, DeleteCollection, Describe, Erase, Grant, MakeRecoveryKey,
        ManageBackups, ManageCustody, ManageKeys, ManageRetention, ManageTenants, ManageWebhooks,
        Op, Read, ReadAudit, ReadNodeAudit, ReadReceipts, ReadSelf, ReadUsage, RotateRoot, Search,
        TakeToken, Write,
    },
    limit::{KeyLimits, Limits, Quota},
    message::{Message, MessageHead, Signer},
    origin::{Fingerprint, Origin},
    policy::{Allowance, Policy, PolicyRecord, Watch},
    principal::{Principal, Scope},
    refused::Refused,
    role::{Action, Role},
    token::{
        Families, Family, FamilyId, Issuer, IssuerOptions, KeySetError, PublicKey,
        SignatureAlgorithm, StoredFamily, TOKEN_LASTS_MAX, TenantFinder, TokenKeyRecord, Tokens,
    },
    watch::{Oddity, Unwritten, Watcher, day},
    watched::{StoredSuspension, SubjectId, SuspendedSubject, Suspensions, WatchedId},
};
