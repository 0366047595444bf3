//! Making a backup: records into blocks, blocks into files, then the manifest.
//!
//! Where a block ends is decided by what is in it: each record ends one with a chance that grows
//! with its length, told by its own last bytes, which are a seal's tag and so as good as random.
//! A block that is there already comes out the same in the next backup, wherever rows were added
//! or removed before it. The values beside the rows have a block of their own, since the head
//! changes with every write.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{
    BackupError,
    blocks::Files,
    format::{Block, Manifest, put_record},
};
use crate::{
    access::{Grant, ManageBackups},
    router::Source,
    seal,
    store::{RecordKind, StorageKey},
};

/// What was stored.
pub(super) struct Stored {
    pub(super) manifest: Manifest,
    pub(super) digest: [u8; 32],
    pub(super) new_bytes: u64,
}

/// Copies a source's values into blocks and a manifest. `blank` says everything that isn't known
/// from the values.
pub(super) fn make(
    files: &Files,
    grant: &Grant<ManageBackups>,
    source: &Source,
    blank: Manifest,
    progress: &AtomicU64,
) -> Result<Stored, BackupError> {
    files.make()?;
    let mut cutter = Cutter {
        files,
        progress,
        block: Vec::with_capacity(BLOCK_BYTES_MEAN * 2),
        blocks: Vec::new(),
        new_bytes: 0,
        in_rows: false,
    };
    let copied = source.copy_out(grant, |at, sealed| cutter.take(at, sealed))?;
    cutter.cut()?;
    let manifest = Manifest {
        seq: copied.seq,
        points: copied.points,
        records: copied.records,
        blocks: cutter.blocks,
        ..blank
    };
    let bytes = manifest.encode(&source.manifest_key());
    files.put_manifest(manifest.id, &bytes)?;
    Ok(Stored {
        digest: seal::digest(&[&bytes]),
        manifest,
        new_bytes: cutter.new_bytes,
    })
}

struct Cutter<'s> {
    files: &'s Files,
    progress: &'s AtomicU64,
    block: Vec<u8>,
    blocks: Vec<Block>,
    new_bytes: u64,
    in_rows: bool,
}

impl Cutter<'_> {
    fn take(&mut self, at: StorageKey, sealed: &[u8]) -> Result<(), BackupError> {
        let row = at.kind() == RecordKind::Row as u8;
        if row != self.in_rows {
            self.cut()?;
            self.in_rows = row;
        }
        put_record(&mut self.block, at, sealed);
        if row && (ends(sealed) || self.block.len() >= BLOCK_BYTES_MAX) {
            self.cut()?;
        }
        Ok(())
    }

    fn cut(&mut self) -> Result<(), BackupError> {
        if self.block.is_empty() {
            return Ok(());
        }
        let (block, new) = self.files.put_block(&self.block)?;
        self.progress
            .fetch_add(u64::from(block.length), Ordering::Relaxed);
        self.blocks.push(block);
        self.new_bytes += new;
        self.block.clear();
        Ok(())
    }
}

/// Whether a block ends behind this record.
fn ends(sealed: &[u8]) -> bool {
    let Some(tag) = sealed.last_chunk::<4>() else {
        return false;
    };
    // One byte in so many ends a block, so a record of so many bytes has so much of a chance.
    let chance = (sealed.len() as u64) << 32;
    u64::from(u32::from_be_bytes(*tag)) < chance / BLOCK_BYTES_MEAN as u64
}

/// How long a block is on average: short enough that one row that changed doesn't cost much, long
/// enough that the fsync of each isn't what a backup takes.
const BLOCK_BYTES_MEAN: usize = 1 << 20;
/// How long a block may become, by less than one record.
const BLOCK_BYTES_MAX: usize = 4 << 20;
