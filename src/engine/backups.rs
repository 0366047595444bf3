//! Backups and restores, for the tenant's owner. What takes long goes on in the background, and is
//! asked after.

use std::{sync::Arc, thread, time::Duration};

use super::{Engine, Error, ErrorKind};
use crate::{
    access::{Grant, ManageBackups, Principal},
    ops::backup::{BackupError, BackupId, BackupRecord, Download, Upload},
    priority::{Job, Priority},
    router::{RestoreId, RestoreRecord, RouterError, Turn},
};

impl Engine {
    /// Begins a backup of the principal's tenant, as of now.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] while another, a restore or an erasure is under way;
    /// [`ErrorKind::Denied`] when the tenant's backups use up what they may.
    pub fn make_backup(self: &Arc<Self>, principal: &Principal) -> Result<BackupRecord, Error> {
        let grant: Grant<ManageBackups> = self.check(principal, None)?;
        let turn = self.turn(&grant)?;
        self.may_back_up(&grant)?;
        self.record_act(principal, "make_backup")?;
        let source = self.watch(principal, self.router.source(&grant).map_err(Error::from))?;
        let record = self
            .backups
            .begin(&turn, source.generation(), self.clock.now())?;
        let (engine, begun) = (Arc::clone(self), record.clone());
        let spawned = self.in_background("backup", move || {
            if let Err(error) = engine.backups.make(&turn, &grant, &begun, &source) {
                tracing::error!(error = Error::from(error).chain(), "a backup failed");
            }
        });
        if let Err(error) = spawned {
            self.backups.give_up(&record, error.to_string());
            return Err(error);
        }
        Ok(record)
    }

    /// The backups of the principal's tenant, the oldest first.
    ///
    /// # Errors
    /// [`Error`].
    pub fn backups(&self, principal: &Principal) -> Result<Vec<BackupRecord>, Error> {
        let grant: Grant<ManageBackups> = self.check(principal, None)?;
        let records = self.backups.list(grant.tenant());
        Ok(records
            .into_iter()
            .map(|record| self.with_progress(record))
            .collect())
    }

    /// One backup.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], also for another tenant's.
    pub fn backup(&self, principal: &Principal, id: BackupId) -> Result<BackupRecord, Error> {
        let grant: Grant<ManageBackups> = self.check(principal, None)?;
        let record = self.backups.find(grant.tenant(), id)?;
        Ok(self.with_progress(record))
    }

    fn with_progress(&self, mut record: BackupRecord) -> BackupRecord {
        record.bytes = self.backups.progress(record.id).unwrap_or(record.bytes);
        record
    }

    /// A backup as one file. That it left the node is recorded.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::Conflict`] when it can't be restored any more.
    pub fn download_backup(&self, principal: &Principal, id: BackupId) -> Result<Download, Error> {
        let grant: Grant<ManageBackups> = self.check(principal, None)?;
        self.record_act(principal, "download_backup")?;
        Ok(self.backups.download(grant.tenant(), id)?)
    }

    /// Deletes a backup.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub fn delete_backup(&self, principal: &Principal, id: BackupId) -> Result<(), Error> {
        let grant: Grant<ManageBackups> = self.check(principal, None)?;
        self.record_act(principal, "delete_backup")?;
        let turn = self.turn(&grant)?;
        Ok(self.backups.delete(&turn, id)?)
    }

    /// A place for a backup that comes as a file: then [`Self::take_in_backup`]. Where the tenant's bytes
    /// on disk are bounded, so is the file; by more than that, since a tenant may be past its quota by
    /// the writes that were under way, and must get back what it had.
    ///
    /// # Errors
    /// [`Error`].
    pub fn upload_backup(&self, principal: &Principal) -> Result<Upload, Error> {
        let grant: Grant<ManageBackups> = self.check(principal, None)?;
        self.may_back_up(&grant)?;
        let bytes_max = self.disk_bytes_max(grant.tenant());
        let bytes_max =
            bytes_max.map(|most| most.saturating_mul(2).saturating_add(UPLOAD_BYTES_MORE));
        Ok(self.backups.upload(grant.tenant(), bytes_max)?)
    }

    /// Takes in a backup that came as a file, if the principal's tenant can restore it.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`] when it is another tenant's, [`ErrorKind::Conflict`] when it is damaged
    /// or its key was shredded.
    pub fn take_in_backup(
        &self,
        principal: &Principal,
        upload: Upload,
    ) -> Result<BackupRecord, Error> {
        let grant: Grant<ManageBackups> = self.check(principal, None)?;
        self.record_act(principal, "upload_backup")?;
        let turn = self.turn(&grant)?;
        let (generation, key) = self.router.manifest_key(&grant)?;
        Ok(self.backups.take_in(&turn, upload, (generation, &key))?)
    }

    /// Begins to put a backup in place of the principal's tenant's data.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::Conflict`] when it is damaged, its key was shredded, or
    /// something else is under way; [`ErrorKind::Denied`] when it has more points than the tenant may.
    pub fn restore_backup(
        self: &Arc<Self>,
        principal: &Principal,
        id: BackupId,
    ) -> Result<RestoreRecord, Error> {
        let grant: Grant<ManageBackups> = self.check(principal, None)?;
        let turn = self.turn(&grant)?;
        let (generation, key) = self.router.manifest_key(&grant)?;
        let records = self
            .backups
            .records(grant.tenant(), id, (generation, &key))?;
        self.may_have(&grant, self.backups.find(grant.tenant(), id)?.points)?;
        self.record_act(principal, "restore_backup")?;
        let record = self.router.begin_restore(&grant, id.0, self.clock.now())?;
        // What is being erased would be there again. Each of the two is recorded before it looks
        // for the other.
        if self.erasures.under_way(grant.tenant()) {
            let refused = BackupError::Underway;
            self.router.give_up_restore(record, refused.to_string());
            return Err(refused.into());
        }
        let (engine, begun) = (Arc::clone(self), record.clone());
        let spawned = self.in_background("restore", move || {
            let restored = engine
                .router
                .restore(&grant, &turn, begun, generation, records);
            if let Err(error) = restored {
                tracing::error!(error = Error::from(error).chain(), "a restore failed");
            }
        });
        if let Err(error) = spawned {
            self.router.give_up_restore(record, error.to_string());
            return Err(error);
        }
        Ok(record)
    }

    /// The last restores of the principal's tenant, the oldest first.
    ///
    /// # Errors
    /// [`Error`].
    pub fn restores(&self, principal: &Principal) -> Result<Vec<RestoreRecord>, Error> {
        let grant: Grant<ManageBackups> = self.check(principal, None)?;
        Ok(self.router.restores(&grant))
    }

    /// One restore.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], also for another tenant's.
    pub fn restore(&self, principal: &Principal, id: RestoreId) -> Result<RestoreRecord, Error> {
        let found = self.restores(principal)?;
        let found = found.into_iter().find(|record| record.id == id);
        Ok(found.ok_or(RouterError::NoRestore)?)
    }

    /// A tenant's backups may take as much of the disk as its data, each.
    fn may_back_up(&self, grant: &Grant<ManageBackups>) -> Result<(), Error> {
        let Some(most) = self.disk_bytes_max(grant.tenant()) else {
            return Ok(());
        };
        let stored = self.backups.stored_bytes(grant.tenant())?;
        if stored < most {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Denied,
            format!(
                "the tenant's backups hold {stored} bytes, and may hold as many as its data: {most}; delete some"
            ),
        ))
    }

    fn may_have(&self, grant: &Grant<ManageBackups>, points: u64) -> Result<(), Error> {
        let record = self.router.own_record(grant.tenant());
        match record.and_then(|record| record.quota.points_max) {
            Some(most) if points > most => Err(Error::new(
                ErrorKind::Denied,
                format!(
                    "the backup has {points} points, and the tenant's quota is {most}; the operator can raise it"
                ),
            )),
            Some(_) | None => Ok(()),
        }
    }

    fn turn(&self, grant: &Grant<ManageBackups>) -> Result<Turn, Error> {
        let turn = self
            .router
            .turns()
            .take_within(grant.tenant(), TURN_PATIENCE);
        Ok(turn.ok_or(BackupError::Underway)?)
    }

    /// What `work` holds, the tenant's turn say, is let go of if it can't be begun.
    fn in_background(&self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
        thread::Builder::new()
            .name(name.into())
            .spawn(|| {
                Priority::Long.take();
                let _job = Job::begin();
                work();
            })
            .map(drop)
            .map_err(|error| BackupError::Thread(error).into())
    }
}

impl From<BackupError> for Error {
    fn from(error: BackupError) -> Self {
        let kind = match error {
            BackupError::Router(error) => return error.into(),
            BackupError::NotFound => ErrorKind::NotFound,
            BackupError::NotDone
            | BackupError::Underway
            | BackupError::TooMany
            | BackupError::Damaged
            | BackupError::Ended { .. } => ErrorKind::Conflict,
            BackupError::NotABackup => ErrorKind::Invalid,
            BackupError::OtherTenant | BackupError::TooLong { .. } => ErrorKind::Denied,
            BackupError::Busy
            | BackupError::Catalog(_)
            | BackupError::Seal(_)
            | BackupError::Thread(_)
            | BackupError::Io(_) => ErrorKind::Unavailable,
        };
        Self::caused(kind, error)
    }
}

/// Bytes that an uploaded backup may have beyond twice its tenant's quota.
const UPLOAD_BYTES_MORE: u64 = 64 << 20;
/// How long a request waits for what is under way to be over, before it is refused.
const TURN_PATIENCE: Duration = Duration::from_secs(1);
