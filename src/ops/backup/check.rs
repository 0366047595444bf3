//! Checking a backup by itself: the file that it travels as, or a manifest beside its blocks. Takes no
//! key and no node, so it tells that all is there and unchanged since the manifest was made, and not
//! who made that.

use std::{
    fs::File,
    io::{BufReader, Read, Seek},
    path::Path,
};

use super::{
    BackupError, BackupId,
    blocks::Files,
    format::{Block, MANIFEST_MAGIC, Manifest, take_record},
    take,
};
use crate::{
    clock::Timestamp,
    seal,
    store::RecordKind,
    tenant::{Generation, TenantUuid},
};

/// A backup, as its manifest tells of it, and what came of looking.
#[derive(Debug)]
pub struct CheckedBackup {
    /// Its number.
    pub id: BackupId,
    /// Whose data it is.
    pub tenant: TenantUuid,
    /// Which generation's key opens it.
    pub generation: Generation,
    /// The moment that it is of.
    pub made: Timestamp,
    /// Its points.
    pub points: u64,
    /// Its sealed values.
    pub records: u64,
    /// Its blocks.
    pub blocks: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// The SHA-256 of its manifest.
    pub digest: [u8; 32],
    /// The SHA-256 of the manifest before it; zeros if it is the first.
    pub previous: [u8; 32],
    /// The places, from 0, of blocks that are damaged or gone.
    pub damaged: Vec<u64>,
    /// Points and sealed values that its blocks hold.
    pub held: Held,
    /// Whether the file goes on behind its last block.
    pub goes_on: bool,
}

/// What blocks hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Held {
    /// Points.
    pub points: u64,
    /// Sealed values.
    pub records: u64,
    /// Blocks with their own digest that don't fall into records.
    pub unreadable: u64,
}

/// Checks what is at a path.
///
/// # Errors
/// [`BackupError::NotABackup`]; [`BackupError::Damaged`] when its manifest is; [`BackupError::Io`].
pub fn check(path: &Path) -> Result<CheckedBackup, BackupError> {
    let mut file = BufReader::new(File::open(path)?);
    let mut magic = Vec::new();
    file.by_ref()
        .take(MANIFEST_MAGIC.len() as u64)
        .read_to_end(&mut magic)?;
    file.rewind()?;
    if magic != MANIFEST_MAGIC {
        let front = take::front(&mut file)?;
        let mut checked = looked_through(&front.manifest, &front.encoded, |block| {
            take::block(block, &mut file)
        })?;
        checked.goes_on = file.read(&mut [0])? != 0;
        return Ok(checked);
    }
    let mut encoded = Vec::new();
    file.read_to_end(&mut encoded)?;
    let manifest = Manifest::decode(&encoded).map_err(|_| BackupError::Damaged)?;
    let files = Files::at(path.parent().unwrap_or_else(|| Path::new(".")));
    looked_through(&manifest, &encoded, |block| files.find_block(block))
}

fn looked_through(
    manifest: &Manifest,
    encoded: &[u8],
    mut find: impl FnMut(&Block) -> Result<Vec<u8>, BackupError>,
) -> Result<CheckedBackup, BackupError> {
    let (mut damaged, mut held) = (Vec::new(), Held::default());
    for (place, block) in (0..).zip(&manifest.blocks) {
        match find(block) {
            Ok(bytes) => held.count(&bytes),
            Err(BackupError::Damaged) => damaged.push(place),
            Err(error) => return Err(error),
        }
    }
    Ok(CheckedBackup {
        id: manifest.id,
        tenant: manifest.tenant,
        generation: manifest.generation,
        made: manifest.made,
        points: manifest.points,
        records: manifest.records,
        blocks: manifest.blocks.len() as u64,
        bytes: manifest.block_bytes(),
        digest: seal::digest(&[encoded]),
        previous: manifest.previous,
        damaged,
        held,
        goes_on: false,
    })
}

impl Held {
    fn count(&mut self, mut block: &[u8]) {
        loop {
            match take_record(&mut block) {
                Ok(Some((at, _))) => {
                    self.records += 1;
                    self.points += u64::from(at.kind() == RecordKind::Row as u8);
                }
                Ok(None) => return,
                Err(_) => {
                    self.unreadable += 1;
                    return;
                }
            }
        }
    }
}
