//! The capability: proof that the gate allowed one principal one act on one tenant.

use std::marker::PhantomData;

use super::role::{Action, Role};
use crate::{
    clock::Timestamp,
    tenant::{CollectionName, TenantUuid},
};

mod sealed {
    pub trait Sealed {}
}

/// A kind of act. Sealed: the list below is all there are.
pub trait Op: sealed::Sealed {
    /// The action that the gate checks for it.
    const ACTION: Action;
}

macro_rules! ops {
    ($($(#[$doc:meta])* $name:ident => $action:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}
        impl sealed::Sealed for $name {}
        impl Op for $name {
            const ACTION: Action = Action::$action;
        }
    )*};
}

ops! {
    /// Nearest neighbours, without vectors back.
    Search => Search,
    /// How collections are set up.
    Describe => DescribeCollection,
    /// Points themselves.
    Read => ReadPoints,
    /// Changing points.
    Write => WritePoints,
    /// A new collection.
    CreateCollection => CreateCollection,
    /// The end of a collection.
    DeleteCollection => DeleteCollection,
    /// The end of points, collections and generations.
    Erase => Erase,
    /// What was erased.
    ReadReceipts => ReadReceipts,
    /// How long points are kept.
    ManageRetention => ManageRetention,
    /// The tenant's keys.
    ManageKeys => ManageKeys,
    /// A token in place of the key.
    TakeToken => TakeToken,
    /// Who is asking.
    ReadSelf => ReadSelf,
    /// The tenant's webhooks.
    ManageWebhooks => ManageWebhooks,
    /// The tenant's usage.
    ReadUsage => ReadUsage,
    /// The tenant's backups.
    ManageBackups => ManageBackups,
    /// Copies of the tenant's key that are kept outside.
    ManageCustody => ManageCustody,
    /// Closing the own tenant.
    Contain => Contain,
    /// The tenant's audit log.
    ReadAudit => ReadAudit,
    /// The node's audit log.
    ReadNodeAudit => ReadNodeAudit,
    /// The node's tenants.
    ManageTenants => ManageTenants,
    /// An owner's key for a tenant that has none.
    MakeRecoveryKey => MakeRecoveryKey,
    /// The node's root key.
    RotateRoot => RotateRoot,
}

/// Permission for one act. Not `Clone`: an act that is granted once happens once.
#[must_use = "a grant is permission for an act; without the act it was only recorded"]
#[derive(Debug)]
pub struct Grant<O: Op> {
    tenant: TenantUuid,
    role: Role,
    /// The collections it is good for, if it isn't good for all.
    collections: Option<std::sync::Arc<[CollectionName]>>,
    now: Timestamp,
    op: PhantomData<fn() -> O>,
}

impl<O: Op> Grant<O> {
    pub(in crate::access) const fn mint(
        tenant: TenantUuid,
        role: Role,
        collections: Option<std::sync::Arc<[CollectionName]>>,
        now: Timestamp,
    ) -> Self {
        Self {
            tenant,
            role,
            collections,
            now,
            op: PhantomData,
        }
    }

    /// Whose partition it is good for.
    pub const fn tenant(&self) -> TenantUuid {
        self.tenant
    }

    /// When it was minted: the time at which the act happens, for whatever expires.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Most neighbours a query under it may ask for.
    pub const fn neighbours_max(&self) -> usize {
        self.role.neighbours_max()
    }

    /// Whether it is good for this collection.
    pub fn covers(&self, collection: &CollectionName) -> bool {
        self.collections
            .as_ref()
            .is_none_or(|names| names.contains(collection))
    }
}
