//! What the catalog knows of a backup.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    tenant::{Generation, TenantUuid},
};

/// A backup's number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct BackupId(pub [u8; 16]);

impl BackupId {
    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u128::from_str_radix(text, 16).ok().filter(|_| hex)?;
        Some(Self(number.to_be_bytes()))
    }
}

impl fmt::Display for BackupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A backup's record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BackupRecord {
    /// Its number.
    pub id: BackupId,
    /// Whose data it is.
    pub tenant: TenantUuid,
    /// Which generation's key opens it.
    pub generation: Generation,
    /// How far it has come, and whether it is still good for anything.
    pub state: BackupState,
    /// The moment that it is of.
    pub made: Timestamp,
    /// The sequence number of the last write that is in it.
    pub seq: u64,
    /// Its points.
    pub points: u64,
    /// Bytes of its blocks.
    pub bytes: u64,
    /// Of these, bytes that no backup before it had.
    pub new_bytes: u64,
    /// The SHA-256 of its manifest.
    pub digest: [u8; 32],
    /// How often it was downloaded: each is a copy elsewhere.
    pub downloads: u64,
    /// Whether it was made elsewhere, or at another time, and brought back as a file.
    pub uploaded: bool,
}

/// How far a backup has come.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum BackupState {
    /// It is being made.
    Running,
    /// It can be restored.
    Done,
    /// It wasn't made. With the reason.
    Failed(String),
    /// The key that opened it was shredded: the server's own copy is gone, and any other opens for
    /// nobody.
    Ended {
        /// When.
        at: Timestamp,
        /// By which erasure, if it was one.
        erasure: Option<[u8; 16]>,
    },
    /// Its owner deleted the server's copy, when there were others elsewhere. It is known no more but
    /// to the receipt of the erasure that ends those.
    Deleted,
}

impl BackupState {
    /// The state's name on the wire.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed(_) => "failed",
            Self::Ended { .. } => "ended",
            Self::Deleted => "deleted",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::golden;

    #[test]
    fn golden_backups_read_back() {
        let at = Timestamp(1_800_000_000_000);
        let ended = BackupRecord {
            id: BackupId([1; 16]),
            tenant: TenantUuid::from_bytes([7; 16]),
            generation: Generation(4),
            state: BackupState::Ended {
                at,
                erasure: Some([2; 16]),
            },
            made: at,
            seq: 12,
            points: 11,
            bytes: 1 << 20,
            new_bytes: 1 << 10,
            digest: [3; 32],
            downloads: 1,
            uploaded: true,
        };
        let failed = BackupRecord {
            state: BackupState::Failed("the disk is full".to_owned()),
            ..ended.clone()
        };
        let deleted = BackupRecord {
            state: BackupState::Deleted,
            ..ended.clone()
        };
        golden(
            &deleted,
            include_bytes!("../../../tests/golden/backup_deleted.v1.bin"),
        );
        golden(
            &ended,
            include_bytes!("../../../tests/golden/backup_ended.v1.bin"),
        );
        golden(
            &failed,
            include_bytes!("../../../tests/golden/backup_failed.v1.bin"),
        );
    }
}
