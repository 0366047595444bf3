//! The end of backups: deleted by their owner, or with the key that opened them.

use super::{BackupError, BackupId, BackupRecord, BackupState, Backups};
use crate::{clock::Timestamp, failpoint, router::Turn, store::CatalogKind, tenant::Generation};

impl Backups {
    /// Deletes a backup. Blocks that others have too stay. Of copies elsewhere the receipt of the
    /// erasure that ends them is to tell, so that there are some stays known until then.
    ///
    /// # Errors
    /// [`BackupError::NotFound`].
    pub fn delete(&self, turn: &Turn, id: BackupId) -> Result<(), BackupError> {
        let record = self.find(turn.tenant(), id)?;
        if record.downloads == 0 || record.state != BackupState::Done {
            return self.forget(&record);
        }
        self.remove_files(&record)?;
        self.keep(&BackupRecord {
            state: BackupState::Deleted,
            ..record
        })
    }

    /// Deletes the server's own copies of a generation's backups, once its key was shredded, and
    /// remembers that they ended, so that a copy from elsewhere is refused with the reason. Those
    /// that ended: the copies elsewhere are as many as their downloads. May be repeated.
    ///
    /// # Errors
    /// [`BackupError`].
    pub fn end(
        &self,
        turn: &Turn,
        generation: Generation,
        at: Timestamp,
        erasure: Option<[u8; 16]>,
    ) -> Result<Vec<BackupRecord>, BackupError> {
        let tenant = turn.tenant();
        let files = self.files(tenant);
        let mut ended = self.kept(tenant);
        ended.retain(|record| record.generation == generation);
        for record in &mut ended {
            if matches!(record.state, BackupState::Done | BackupState::Deleted) {
                files.remove_manifest(record.id)?;
                record.state = BackupState::Ended { at, erasure };
                self.keep(record)?;
            }
        }
        ended.retain(|record| matches!(record.state, BackupState::Ended { .. }));
        failpoint::hit("backup.ended");
        files.sweep()?;
        Ok(ended)
    }

    /// Deletes everything of a tenant that was deleted, records too. The backups that it had.
    ///
    /// # Errors
    /// [`BackupError`].
    pub fn end_all(&self, turn: &Turn) -> Result<Vec<BackupRecord>, BackupError> {
        let tenant = turn.tenant();
        let records = self.kept(tenant);
        for record in &records {
            self.files(tenant).remove_manifest(record.id)?;
        }
        self.files(tenant).sweep()?;
        let ids: Vec<_> = records.iter().map(|record| record.id.0).collect();
        if !ids.is_empty() {
            self.catalog.remove(CatalogKind::Backup, &ids)?;
        }
        self.records.lock().remove(&tenant);
        Ok(records)
    }

    pub(super) fn forget(&self, record: &BackupRecord) -> Result<(), BackupError> {
        self.remove_files(record)?;
        self.catalog.remove(CatalogKind::Backup, &[record.id.0])?;
        if let Some(records) = self.records.lock().get_mut(&record.tenant) {
            records.retain(|other| other.id != record.id);
        }
        Ok(())
    }

    fn remove_files(&self, record: &BackupRecord) -> Result<(), BackupError> {
        let files = self.files(record.tenant);
        files.remove_manifest(record.id)?;
        failpoint::hit("backup.deleted");
        files.sweep()
    }
}
