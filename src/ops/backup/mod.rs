//! Backups: a tenant's sealed values as of one moment, in files of their own beside the database.
//!
//! Owns: the directory of backups, their records, their format. A backup is ciphertext of one
//! generation; the generation's key is never in it. So it can be restored while that key is there,
//! into the tenant whose key it is, and once the key is shredded it is noise, wherever it is kept.
//! **Invariant:** a backup's manifest and blocks are checked before anything of them is used, and
//! every value opens under the tenant's key before it is stored again (`it/backup`).
//! **Invariant:** a backup is there whole or not at all: its manifest is written last.
//! Called by: `engine`; by erasures, for what they end ([`Backups::end`]); by `cli`, to check one by
//! itself ([`check()`]).

mod blocks;
mod check;
mod end;
mod error;
mod format;
mod make;
mod read;
mod record;
mod take;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;

use self::{blocks::Files, format::Manifest, make::Stored};
pub use self::{
    check::{CheckedBackup, Held, check},
    error::{BackupError, End},
    read::{Download, Records},
    record::{BackupId, BackupRecord, BackupState},
    take::Upload,
};
use crate::{
    access::{Grant, ManageBackups},
    clock::Timestamp,
    router::{RouterError, Source, Turn},
    seal::{self, ManifestKey},
    store::{Catalog, CatalogKind},
    tenant::{Generation, TenantUuid},
};

/// Every tenant's backups.
#[derive(Debug)]
pub struct Backups {
    directory: PathBuf,
    catalog: Arc<Catalog>,
    records: Mutex<HashMap<TenantUuid, Vec<BackupRecord>>>,
    /// Bytes so far of those that are being made.
    progress: Mutex<HashMap<BackupId, Arc<AtomicU64>>>,
}

impl Backups {
    /// Takes up the backups that the catalog knows. Those that a crash cut short are failed ones.
    ///
    /// # Errors
    /// [`BackupError::Catalog`].
    pub fn open(directory: &Path, catalog: Arc<Catalog>) -> Result<Self, BackupError> {
        let backups = Self {
            directory: directory.to_owned(),
            catalog,
            records: Mutex::default(),
            progress: Mutex::default(),
        };
        let stored = backups.catalog.load::<BackupRecord>(CatalogKind::Backup)?;
        {
            let mut records = backups.records.lock();
            for (_, record) in stored {
                records.entry(record.tenant).or_default().push(record);
            }
            for of_tenant in records.values_mut() {
                of_tenant.sort_by_key(|record| (record.made, record.id.0));
            }
        }
        for mut record in backups.every(|record| record.state == BackupState::Running) {
            record.state = BackupState::Failed("the node stopped meanwhile".to_owned());
            backups.settle(&record)?;
        }
        Ok(backups)
    }

    /// A tenant's backups, the oldest first.
    pub fn list(&self, tenant: TenantUuid) -> Vec<BackupRecord> {
        let mut records = self.kept(tenant);
        records.retain(|record| record.state != BackupState::Deleted);
        records
    }

    /// ... and those that were deleted while there were copies elsewhere.
    fn kept(&self, tenant: TenantUuid) -> Vec<BackupRecord> {
        let records = self.records.lock();
        records.get(&tenant).cloned().unwrap_or_default()
    }

    /// One of a tenant's backups.
    ///
    /// # Errors
    /// [`BackupError::NotFound`], also for another tenant's.
    pub fn find(&self, tenant: TenantUuid, id: BackupId) -> Result<BackupRecord, BackupError> {
        let records = self.records.lock();
        let mut own = records.get(&tenant).into_iter().flatten();
        let found = own.find(|record| record.id == id && record.state != BackupState::Deleted);
        found.cloned().ok_or(BackupError::NotFound)
    }

    /// Bytes on disk of a tenant's backups, together.
    ///
    /// # Errors
    /// [`BackupError::Io`].
    pub fn stored_bytes(&self, tenant: TenantUuid) -> Result<u64, BackupError> {
        Ok(self.files(tenant).bytes()?)
    }

    /// Bytes so far of a backup that is being made.
    pub fn progress(&self, id: BackupId) -> Option<u64> {
        let progress = self.progress.lock();
        progress.get(&id).map(|bytes| bytes.load(Ordering::Relaxed))
    }

    /// The backups of one generation that can be restored: those that end with its key.
    pub fn of_generation(&self, tenant: TenantUuid, generation: Generation) -> Vec<BackupRecord> {
        let mut records = self.list(tenant);
        records
            .retain(|record| record.generation == generation && record.state == BackupState::Done);
        records
    }

    /// Records that a backup is to be made.
    ///
    /// # Errors
    /// [`BackupError::TooMany`].
    pub fn begin(
        &self,
        turn: &Turn,
        generation: Generation,
        now: Timestamp,
    ) -> Result<BackupRecord, BackupError> {
        let tenant = turn.tenant();
        let kept = self.list(tenant);
        let living = |record: &&BackupRecord| !matches!(record.state, BackupState::Ended { .. });
        if kept.iter().filter(living).count() >= BACKUPS_MAX {
            return Err(BackupError::TooMany);
        }
        if self.progress.lock().len() >= MAKING_MAX {
            return Err(BackupError::Busy);
        }
        let record = BackupRecord {
            id: BackupId(seal::random_bytes()?),
            tenant,
            generation,
            state: BackupState::Running,
            made: now,
            seq: 0,
            points: 0,
            bytes: 0,
            new_bytes: 0,
            digest: [0; 32],
            downloads: 0,
            uploaded: false,
        };
        self.keep(&record)?;
        self.progress.lock().insert(record.id, Arc::default());
        Ok(record)
    }

    /// Makes a backup that was begun. Whatever comes of it is recorded.
    ///
    /// # Errors
    /// [`BackupError`].
    pub fn make(
        &self,
        _turn: &Turn,
        grant: &Grant<ManageBackups>,
        record: &BackupRecord,
        source: &Source,
    ) -> Result<BackupRecord, BackupError> {
        let progress = self.progress.lock().get(&record.id).cloned();
        let made = self.store(grant, record, source, &progress.unwrap_or_default());
        let settled = match &made {
            Ok(stored) => BackupRecord {
                state: BackupState::Done,
                seq: stored.manifest.seq,
                points: stored.manifest.points,
                bytes: stored.manifest.block_bytes(),
                new_bytes: stored.new_bytes,
                digest: stored.digest,
                ..record.clone()
            },
            Err(error) => BackupRecord {
                state: BackupState::Failed(error.to_string()),
                ..record.clone()
            },
        };
        let kept = self.settle(&settled);
        self.progress.lock().remove(&record.id);
        made?;
        kept?;
        Ok(settled)
    }

    /// Ends a backup that was begun and isn't made: nothing of it is on the disk.
    pub fn give_up(&self, record: &BackupRecord, why: String) {
        let failed = BackupRecord {
            state: BackupState::Failed(why),
            ..record.clone()
        };
        if let Err(error) = self.keep(&failed) {
            tracing::warn!(%error, "a backup that isn't made runs on in the list until the next start");
        }
        self.progress.lock().remove(&record.id);
    }

    fn store(
        &self,
        grant: &Grant<ManageBackups>,
        record: &BackupRecord,
        source: &Source,
        progress: &AtomicU64,
    ) -> Result<Stored, BackupError> {
        if source.generation() != record.generation {
            return Err(RouterError::Moved.into());
        }
        let before = self.list(record.tenant);
        let previous = before
            .iter()
            .rev()
            .find(|other| other.state == BackupState::Done);
        let blank = Manifest {
            id: record.id,
            tenant: record.tenant,
            generation: record.generation,
            made: record.made,
            seq: 0,
            points: 0,
            records: 0,
            previous: previous.map_or([0; 32], |previous| previous.digest),
            blocks: Vec::new(),
        };
        make::make(&self.files(record.tenant), grant, source, blank, progress)
    }

    /// A backup as one file. Counted before the first byte of it is given out.
    ///
    /// # Errors
    /// [`BackupError`].
    pub fn download(&self, tenant: TenantUuid, id: BackupId) -> Result<Download, BackupError> {
        let record = self.find(tenant, id)?;
        must_be_done(&record)?;
        let (manifest, encoded) = self.manifest(&record)?;
        self.count_download(tenant, id)?;
        Ok(Download::new(self.files(tenant), manifest, &encoded))
    }

    /// The records of a backup, to restore it, if the key vouches for its manifest.
    ///
    /// # Errors
    /// [`BackupError`]: the one that says why it can't be restored.
    pub fn records(
        &self,
        tenant: TenantUuid,
        id: BackupId,
        current: (Generation, &ManifestKey),
    ) -> Result<Records, BackupError> {
        let record = self.find(tenant, id)?;
        must_be_done(&record)?;
        let (_, encoded) = self.manifest(&record)?;
        let manifest = self.opened(tenant, &encoded, current)?;
        Ok(Records::new(self.files(tenant), manifest))
    }

    /// The manifest that a record is of, with its bytes.
    fn manifest(&self, record: &BackupRecord) -> Result<(Manifest, Vec<u8>), BackupError> {
        let encoded = self.files(record.tenant).find_manifest(record.id)?;
        if seal::digest(&[&encoded]) != record.digest {
            return Err(BackupError::Damaged);
        }
        let manifest = Manifest::decode(&encoded).map_err(|_| BackupError::Damaged)?;
        Ok((manifest, encoded))
    }

    /// The manifest in `encoded`, if it is the tenant's, of the present generation, and genuine.
    fn opened(
        &self,
        tenant: TenantUuid,
        encoded: &[u8],
        (generation, key): (Generation, &ManifestKey),
    ) -> Result<Manifest, BackupError> {
        let manifest = Manifest::decode(encoded).map_err(|_| BackupError::Damaged)?;
        if manifest.tenant != tenant {
            return Err(BackupError::OtherTenant);
        }
        if manifest.generation != generation {
            return Err(self.ended(tenant, manifest.generation, generation));
        }
        Manifest::open(encoded, key).map_err(|_| BackupError::Damaged)
    }

    /// Why a backup of another generation can't be restored.
    fn ended(
        &self,
        tenant: TenantUuid,
        generation: Generation,
        current: Generation,
    ) -> BackupError {
        let records = self.list(tenant);
        let how = records.iter().rev().find_map(|record| match record.state {
            BackupState::Ended { at, erasure } if record.generation == generation => {
                Some(End { at, erasure })
            }
            BackupState::Running
            | BackupState::Done
            | BackupState::Failed(_)
            | BackupState::Deleted
            | BackupState::Ended { .. } => None,
        });
        BackupError::Ended {
            generation,
            how,
            current: Some(current),
        }
    }

    /// The name of a tenant's directory, if there is one.
    pub fn directory(&self, tenant: TenantUuid) -> Option<String> {
        self.files(tenant).name()
    }

    /// A place for a backup that comes as a file.
    ///
    /// # Errors
    /// [`BackupError`].
    pub fn upload(
        &self,
        tenant: TenantUuid,
        bytes_max: Option<u64>,
    ) -> Result<Upload, BackupError> {
        Upload::new(&self.files(tenant), bytes_max)
    }

    /// Takes an uploaded backup in. One that is here already stays as it is.
    ///
    /// # Errors
    /// [`BackupError`]: the one that says why it can't be restored.
    pub fn take_in(
        &self,
        turn: &Turn,
        upload: Upload,
        current: (Generation, &ManifestKey),
    ) -> Result<BackupRecord, BackupError> {
        let tenant = turn.tenant();
        let mut file = upload.rewound()?;
        let front = take::front(&mut file)?;
        let manifest = self.opened(tenant, &front.encoded, current)?;
        let digest = seal::digest(&[&front.encoded]);
        if let Ok(here) = self.find(tenant, manifest.id)
            && here.state == BackupState::Done
            && here.digest == digest
            && self.manifest(&here).is_ok()
        {
            // Blocks that are damaged or gone here are put right by those of the file.
            take::blocks(&self.files(tenant), &front, &mut file)?;
            return Ok(here);
        }
        let mut known = self.kept(tenant).into_iter();
        let known = known.find(|record| record.id == manifest.id);
        let mut record = BackupRecord {
            state: BackupState::Running,
            made: manifest.made,
            uploaded: true,
            id: manifest.id,
            tenant,
            generation: manifest.generation,
            seq: manifest.seq,
            points: manifest.points,
            bytes: manifest.block_bytes(),
            new_bytes: 0,
            digest,
            // The file that it came from is a copy elsewhere.
            downloads: known.as_ref().map_or(0, |known| known.downloads).max(1),
        };
        if known.is_none() {
            self.keep(&record)?;
        }
        match take::blocks(&self.files(tenant), &front, &mut file) {
            Ok(new_bytes) => {
                record.new_bytes = new_bytes;
                record.state = BackupState::Done;
                self.keep(&record)?;
                Ok(record)
            }
            Err(error) => {
                if known.is_none() {
                    self.forget(&record)?;
                }
                Err(error)
            }
        }
    }

    /// Records the end of something, and removes what it left.
    fn settle(&self, record: &BackupRecord) -> Result<(), BackupError> {
        let files = self.files(record.tenant);
        if record.state == BackupState::Done {
            return self.keep(record);
        }
        files.remove_manifest(record.id)?;
        if let Err(error) = files.sweep() {
            tracing::warn!(%error, "what an unfinished backup left couldn't be removed");
        }
        self.keep(record)
    }

    fn keep(&self, record: &BackupRecord) -> Result<(), BackupError> {
        // Held over both, so that what is in memory and on disk change in the same order.
        let mut records = self.records.lock();
        self.catalog.put(CatalogKind::Backup, record.id.0, record)?;
        let of_tenant = records.entry(record.tenant).or_default();
        match of_tenant.iter_mut().find(|other| other.id == record.id) {
            Some(other) => *other = record.clone(),
            None => of_tenant.push(record.clone()),
        }
        Ok(())
    }

    /// Counts a download, unless the backup ended just now.
    fn count_download(&self, tenant: TenantUuid, id: BackupId) -> Result<(), BackupError> {
        let mut records = self.records.lock();
        let record = records
            .get_mut(&tenant)
            .and_then(|records| records.iter_mut().find(|record| record.id == id))
            .ok_or(BackupError::NotFound)?;
        must_be_done(record)?;
        let mut counted = record.clone();
        counted.downloads += 1;
        self.catalog.put(CatalogKind::Backup, id.0, &counted)?;
        *record = counted;
        Ok(())
    }

    fn every(&self, wanted: impl Fn(&BackupRecord) -> bool) -> Vec<BackupRecord> {
        let records = self.records.lock();
        let all = records.values().flatten();
        all.filter(|record| wanted(record)).cloned().collect()
    }

    fn files(&self, tenant: TenantUuid) -> Files {
        Files::new(&self.directory, tenant)
    }
}

fn must_be_done(record: &BackupRecord) -> Result<(), BackupError> {
    match &record.state {
        BackupState::Done => Ok(()),
        BackupState::Running | BackupState::Failed(_) => Err(BackupError::NotDone),
        BackupState::Deleted => Err(BackupError::NotFound),
        BackupState::Ended { at, erasure } => Err(BackupError::Ended {
            generation: record.generation,
            how: Some(End {
                at: *at,
                erasure: *erasure,
            }),
            current: None,
        }),
    }
}

/// Backups that a tenant may keep.
const BACKUPS_MAX: usize = 1_000;
/// Backups that are made at a time.
const MAKING_MAX: usize = 8;
