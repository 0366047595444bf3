//! The table of roles and actions: one exhaustive match, printed into `tests/golden/roles.txt`.

use serde::{Deserialize, Serialize};

use crate::audit::Durability;

/// What a credential is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Asks for nearest neighbours, and can't copy a corpus.
    Inference,
    /// Loads documents.
    Writer,
    /// The tenant's own administrator.
    Owner,
    /// Reads the tenant's audit log and usage.
    Auditor,
    /// Runs the node. Has no way to any tenant's data.
    Operator,
}

/// What can be asked for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Action {
    /// Nearest neighbours: ids, scores, payload.
    Search,
    /// Whether a collection is there, and how it is set up.
    DescribeCollection,
    /// Retrieve, scroll, count, and vectors back.
    ReadPoints,
    /// Upsert and delete points.
    WritePoints,
    /// Create a collection.
    CreateCollection,
    /// Delete a collection.
    DeleteCollection,
    /// Erase points, subjects, collections, the tenant.
    Erase,
    /// Read what was erased, and the receipts.
    ReadReceipts,
    /// Set, change and see how long points are kept.
    ManageRetention,
    /// Create, list and revoke the tenant's keys.
    ManageKeys,
    /// Take a short-lived token in place of the key.
    TakeToken,
    /// Read who is asking, and what they may use.
    ReadSelf,
    /// Create, list and delete the tenant's webhooks.
    ManageWebhooks,
    /// Close the own tenant at once.
    Contain,
    /// Read the tenant's usage.
    ReadUsage,
    /// Make, list, download and delete the tenant's backups, and restore one.
    ManageBackups,
    /// Export the tenant's generation key, and list such exports.
    ManageCustody,
    /// Read the tenant's audit log, and the report made from it.
    ReadAudit,
    /// Read what the node's operators did, and strangers tried.
    ReadNodeAudit,
    /// Create, list, suspend, resume and delete tenants.
    ManageTenants,
    /// Make an owner's key for a tenant whose owner lost theirs.
    MakeRecoveryKey,
    /// Put another root key in place of the current one.
    RotateRoot,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] = [
        Self::Inference,
        Self::Writer,
        Self::Owner,
        Self::Auditor,
        Self::Operator,
    ];

    /// Whether the role may ever do this. A key may be bounded further.
    pub const fn may(self, action: Action) -> bool {
        match action {
            Action::Search | Action::DescribeCollection => match self {
                Self::Inference | Self::Writer | Self::Owner => true,
                Self::Auditor | Self::Operator => false,
            },
            Action::ReadPoints | Action::WritePoints | Action::CreateCollection => match self {
                Self::Writer | Self::Owner => true,
                Self::Inference | Self::Auditor | Self::Operator => false,
            },
            Action::TakeToken | Action::ReadSelf => true,
            Action::DeleteCollection
            | Action::Erase
            | Action::ManageRetention
            | Action::ManageKeys
            | Action::ManageBackups
            | Action::ManageCustody
            | Action::ManageWebhooks
            | Action::Contain => match self {
                Self::Owner => true,
                Self::Inference | Self::Writer | Self::Auditor | Self::Operator => false,
            },
            Action::ReadUsage | Action::ReadAudit | Action::ReadReceipts => match self {
                Self::Owner | Self::Auditor => true,
                Self::Inference | Self::Writer | Self::Operator => false,
            },
            Action::ManageTenants
            | Action::MakeRecoveryKey
            | Action::ReadNodeAudit
            | Action::RotateRoot => match self {
                Self::Operator => true,
                Self::Inference | Self::Writer | Self::Owner | Self::Auditor => false,
            },
        }
    }

    /// Whether a key of this role may take tokens of another: one that may do less.
    pub const fn may_give(self, other: Self) -> bool {
        match self {
            Self::Owner => match other {
                Self::Inference | Self::Writer | Self::Owner | Self::Auditor => true,
                Self::Operator => false,
            },
            Self::Writer => matches!(other, Self::Inference | Self::Writer),
            Self::Inference => matches!(other, Self::Inference),
            Self::Auditor => matches!(other, Self::Auditor),
            Self::Operator => matches!(other, Self::Operator),
        }
    }

    /// Most neighbours that one query may ask for.
    pub const fn neighbours_max(self) -> usize {
        match self {
            Self::Inference => 100,
            Self::Writer | Self::Owner | Self::Auditor | Self::Operator => 10_000,
        }
    }

    /// The role's name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inference => "inference",
            Self::Writer => "writer",
            Self::Owner => "owner",
            Self::Auditor => "auditor",
            Self::Operator => "operator",
        }
    }
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 22] = [
        Self::Search,
        Self::DescribeCollection,
        Self::ReadPoints,
        Self::WritePoints,
        Self::CreateCollection,
        Self::DeleteCollection,
        Self::Erase,
        Self::ReadReceipts,
        Self::ManageRetention,
        Self::ManageKeys,
        Self::TakeToken,
        Self::ReadSelf,
        Self::ManageWebhooks,
        Self::Contain,
        Self::ReadUsage,
        Self::ManageBackups,
        Self::ManageCustody,
        Self::ReadAudit,
        Self::ReadNodeAudit,
        Self::ManageTenants,
        Self::MakeRecoveryKey,
        Self::RotateRoot,
    ];

    /// Whether it is about everything that the tenant has, if it names no collection. A key that is bound
    /// to collections isn't good for that. What is about nothing of theirs, or shows of them what the key
    /// is good for, is none.
    pub const fn reaches_all(self) -> bool {
        match self {
            Self::Erase
            | Self::ManageWebhooks
            | Self::Contain
            | Self::ManageBackups
            | Self::ManageCustody => true,
            Self::Search
            | Self::DescribeCollection
            | Self::ReadPoints
            | Self::WritePoints
            | Self::CreateCollection
            | Self::DeleteCollection
            | Self::ReadReceipts
            | Self::ManageRetention
            | Self::ManageKeys
            | Self::TakeToken
            | Self::ReadSelf
            | Self::ReadUsage
            | Self::ReadAudit
            | Self::ReadNodeAudit
            | Self::ManageTenants
            | Self::MakeRecoveryKey
            | Self::RotateRoot => false,
        }
    }

    /// The action's name in the audit log, in metrics and in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::DescribeCollection => "describe_collection",
            Self::ReadPoints => "read_points",
            Self::WritePoints => "write_points",
            Self::CreateCollection => "create_collection",
            Self::DeleteCollection => "delete_collection",
            Self::Erase => "erase",
            Self::ReadReceipts => "read_receipts",
            Self::ManageRetention => "manage_retention",
            Self::ManageKeys => "manage_keys",
            Self::TakeToken => "take_token",
            Self::ReadSelf => "read_self",
            Self::ManageWebhooks => "manage_webhooks",
            Self::Contain => "contain",
            Self::ReadUsage => "read_usage",
            Self::ManageBackups => "manage_backups",
            Self::ManageCustody => "manage_custody",
            Self::ReadAudit => "read_audit",
            Self::ReadNodeAudit => "read_node_audit",
            Self::ManageTenants => "manage_tenants",
            Self::MakeRecoveryKey => "recovery_key",
            Self::RotateRoot => "rotate_root",
        }
    }

    /// When its audit entry must be where, before it happens.
    pub const fn durability(self) -> Durability {
        match self {
            Self::CreateCollection
            | Self::DeleteCollection
            | Self::Erase
            | Self::ManageRetention
            | Self::ManageKeys
            | Self::TakeToken
            | Self::ManageWebhooks
            | Self::Contain
            | Self::ManageBackups
            | Self::ManageCustody
            | Self::ManageTenants
            | Self::MakeRecoveryKey
            | Self::RotateRoot => Durability::Synced,
            Self::WritePoints | Self::ReadAudit | Self::ReadNodeAudit | Self::ReadReceipts => {
                Durability::Written
            }
            Self::Search
            | Self::DescribeCollection
            | Self::ReadPoints
            | Self::ReadSelf
            | Self::ReadUsage => Durability::Counted,
        }
    }
}
