//! Why something wasn't done with a backup: told so that its owner knows what to do.

use std::io;

use super::{BACKUPS_MAX, MAKING_MAX, record::BackupId};
use crate::{
    clock::Timestamp, partition::PartitionError, router::RouterError, seal::SealError,
    store::CatalogError, tenant::Generation,
};

/// When a generation's key was shredded, and by which erasure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct End {
    /// When.
    pub at: Timestamp,
    /// By which erasure, if it was one.
    pub erasure: Option<[u8; 16]>,
}

/// Why something wasn't done with a backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is no such backup.
    #[error("there is no such backup")]
    NotFound,
    /// It isn't finished.
    #[error("the backup isn't finished, or failed")]
    NotDone,
    /// Something else is done to the tenant's data as a whole.
    #[error(
        "a backup, a restore or an erasure of this tenant is under way; try again when it is done"
    )]
    Underway,
    /// As many are being made as may be at a time.
    #[error("the node makes {MAKING_MAX} backups at a time, and does; try again")]
    Busy,
    /// The tenant may not have so many.
    #[error("a tenant may keep {BACKUPS_MAX} backups, and has them; delete some")]
    TooMany,
    /// It is longer than the tenant's data may be.
    #[error("by the tenant's quota of bytes on disk, a backup of it has at most {bytes_max} bytes")]
    TooLong {
        /// How long it may be.
        bytes_max: u64,
    },
    /// The file isn't a backup.
    #[error("the file isn't a backup that `locule backup download` wrote")]
    NotABackup,
    /// Its bytes aren't what they were.
    #[error(
        "the backup is damaged: its manifest or a block isn't what was written, so nothing of it is used"
    )]
    Damaged,
    /// It is another tenant's.
    #[error("the backup is another tenant's: a backup can be restored into its own tenant only")]
    OtherTenant,
    /// Its generation's key is gone.
    #[error("{}", why_ended(*generation, how.as_ref(), *current))]
    Ended {
        /// The backup's generation.
        generation: Generation,
        /// How it ended, if that is known.
        how: Option<End>,
        /// The tenant's present generation.
        current: Option<Generation>,
    },
    /// The tenant's data couldn't be read or replaced.
    #[error(transparent)]
    Router(#[from] RouterError),
    /// The catalog failed.
    #[error("the catalog failed")]
    Catalog(#[from] CatalogError),
    /// No random bytes.
    #[error("no random bytes")]
    Seal(#[from] SealError),
    /// The work has no thread to be done on.
    #[error("the node couldn't start a thread for it; try again")]
    Thread(#[source] io::Error),
    /// The directory of backups can't be used.
    #[error("the directory of backups can't be read or written")]
    Io(#[from] io::Error),
}

impl From<PartitionError> for BackupError {
    fn from(error: PartitionError) -> Self {
        Self::Router(error.into())
    }
}

fn why_ended(generation: Generation, how: Option<&End>, current: Option<Generation>) -> String {
    let mut text = format!("the backup is of generation {}, whose key ", generation.0);
    match how {
        Some(End { at, erasure }) => {
            text.push_str(&format!("was shredded at {at}"));
            if let Some(erasure) = erasure {
                text.push_str(&format!(" by erasure {}", BackupId(*erasure)));
            }
        }
        None => text.push_str(
            "isn't there: keys are shredded when data is erased, and when they are replaced",
        ),
    }
    if let Some(current) = current {
        text.push_str(&format!("; the tenant is at generation {}", current.0));
    }
    text.push_str(". What the backup holds opens for nobody any more");
    text
}
