//! The engine's one error: what happened, and what the caller should do about it.

use std::{sync::Arc, time::Duration};

use crate::{
    access::{Denial, Unauthenticated},
    partition::PartitionError,
    router::RouterError,
    seal::{CustodyError, RotationError, SealError},
    tenant::NameError,
};

/// What the caller should do about an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// Send something else.
    Invalid,
    /// It isn't there, or the caller may not know whether it is.
    NotFound,
    /// Present a credential that is good.
    Unauthenticated,
    /// Ask someone with another role.
    Denied,
    /// Wait so long, then try again.
    Limited(Duration),
    /// It is there already.
    Conflict,
    /// Try again later.
    Unavailable,
    /// Stored data didn't open. Ask the operator.
    Corrupt,
    /// A bug, or a failing disk. Ask the operator.
    Internal,
}

/// Why the engine didn't do something.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error about what was sent.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    pub(super) fn caused<E: std::error::Error + Send + Sync + 'static>(
        kind: ErrorKind,
        error: E,
    ) -> Self {
        Self {
            kind,
            message: error.to_string(),
            source: Some(Box::new(error)),
        }
    }

    /// What the caller should do.
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The error and its causes, for the log.
    pub fn chain(&self) -> String {
        let mut text = self.message.clone();
        let mut cause = self.source.as_deref().and_then(std::error::Error::source);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

impl From<Denial> for Error {
    fn from(denial: Denial) -> Self {
        let kind = match &denial {
            Denial::Role { .. } | Denial::Suspended => ErrorKind::Denied,
            // A key that isn't good for a collection may not learn whether it is there.
            Denial::Collection | Denial::WholeTenant | Denial::Bound { .. } => ErrorKind::Denied,
            Denial::Limited { wait } => ErrorKind::Limited(*wait),
            Denial::Audit(_) => ErrorKind::Unavailable,
        };
        Self::caused(kind, denial)
    }
}

impl From<Unauthenticated> for Error {
    fn from(error: Unauthenticated) -> Self {
        Self::caused(ErrorKind::Unauthenticated, error)
    }
}

impl From<PartitionError> for Error {
    fn from(error: PartitionError) -> Self {
        let kind = match &error {
            PartitionError::NoCollection { .. }
            | PartitionError::NoAlias { .. }
            | PartitionError::NoPoint { .. }
            | PartitionError::PointWithoutVector { .. } => ErrorKind::NotFound,
            PartitionError::CollectionExists { .. } | PartitionError::AliasExists { .. } => {
                ErrorKind::Conflict
            }
            PartitionError::Vector(_)
            | PartitionError::Query(_)
            | PartitionError::NoVector { .. }
            | PartitionError::Payload(_)
            | PartitionError::TooMuch { .. }
            | PartitionError::TooManyAliases { .. }
            | PartitionError::TooManyIndexes { .. } => ErrorKind::Invalid,
            PartitionError::Quota { .. } | PartitionError::NotGranted => ErrorKind::Denied,
            PartitionError::Corrupt | PartitionError::WrongPartition => ErrorKind::Corrupt,
            PartitionError::Closed
            | PartitionError::Interrupted
            | PartitionError::Sweep(_)
            | PartitionError::Store(_) => ErrorKind::Unavailable,
            PartitionError::Seal(SealError::TooLong) => ErrorKind::Invalid,
            PartitionError::Seal(SealError::Random | SealError::BudgetUsedUp) => {
                ErrorKind::Unavailable
            }
        };
        Self::caused(kind, error)
    }
}

impl From<RouterError> for Error {
    fn from(error: RouterError) -> Self {
        match error {
            RouterError::Partition(error) => error.into(),
            RouterError::NoTenant | RouterError::NoRestore => {
                Self::caused(ErrorKind::NotFound, error)
            }
            RouterError::Taken | RouterError::Moved | RouterError::NotPutBack { .. } => {
                Self::caused(ErrorKind::Conflict, error)
            }
            RouterError::Custody(CustodyError::Keyring(_) | CustodyError::Io(_))
            | RouterError::Rotation(RotationError::Keyring(_) | RotationError::Io(_)) => {
                Self::caused(ErrorKind::Unavailable, error)
            }
            RouterError::Custody(_) => Self::caused(ErrorKind::Invalid, error),
            RouterError::Rotation(_) => Self::caused(ErrorKind::Conflict, error),
            RouterError::Store(error) => PartitionError::Store(Arc::new(error)).into(),
            RouterError::Keyring(_)
            | RouterError::Catalog(_)
            | RouterError::Seal(_)
            | RouterError::Generations => Self::caused(ErrorKind::Unavailable, error),
        }
    }
}

impl From<NameError> for Error {
    fn from(error: NameError) -> Self {
        Self::caused(ErrorKind::Invalid, error)
    }
}
