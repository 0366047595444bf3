//! Taking a backup in that comes as one file.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read, Seek, Write},
    path::PathBuf,
};

use super::{
    BackupError,
    blocks::Files,
    format::{Block, FILE_HEADER_BYTES, Manifest, manifest_length},
};
use crate::seal;

/// A backup that is being uploaded, on its way to the disk.
#[derive(Debug)]
pub struct Upload {
    path: PathBuf,
    file: File,
    /// Bytes that may still come, and that might have come in all.
    room: Option<(u64, u64)>,
}

impl Upload {
    pub(super) fn new(files: &Files, bytes_max: Option<u64>) -> Result<Self, BackupError> {
        let (path, file) = files.upload()?;
        let room = bytes_max.map(|most| (most, most));
        Ok(Self { path, file, room })
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// [`BackupError::TooLong`], [`BackupError::Io`].
    pub fn add(&mut self, piece: &[u8]) -> Result<(), BackupError> {
        if let Some((left, bytes_max)) = &mut self.room {
            let bytes_max = *bytes_max;
            let rest = left.checked_sub(piece.len() as u64);
            *left = rest.ok_or(BackupError::TooLong { bytes_max })?;
        }
        Ok(self.file.write_all(piece)?)
    }

    /// What has come, from its beginning on.
    pub(super) fn rewound(&self) -> io::Result<BufReader<&File>> {
        let mut file = &self.file;
        file.rewind()?;
        Ok(BufReader::new(file))
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.path));
    }
}

/// What stands at the front of a file.
pub(super) struct Front {
    pub(super) manifest: Manifest,
    pub(super) encoded: Vec<u8>,
}

/// Reads the manifest of a file, and checks what takes no key.
pub(super) fn front(file: &mut impl Read) -> Result<Front, BackupError> {
    let mut header = [0; FILE_HEADER_BYTES];
    file.read_exact(&mut header).map_err(cut_short)?;
    let length = manifest_length(&header).map_err(|_| BackupError::NotABackup)?;
    let mut encoded = Vec::new();
    file.take(length as u64).read_to_end(&mut encoded)?;
    let manifest = Manifest::decode(&encoded).map_err(|_| BackupError::Damaged)?;
    Ok(Front { manifest, encoded })
}

/// Reads the next block of a file, if it is what its digest says.
pub(super) fn block(block: &Block, file: &mut impl Read) -> Result<Vec<u8>, BackupError> {
    let mut bytes = Vec::new();
    file.take(u64::from(block.length)).read_to_end(&mut bytes)?;
    if seal::digest(&[&bytes]) == block.digest {
        Ok(bytes)
    } else {
        Err(BackupError::Damaged)
    }
}

/// Stores the blocks of a file, and then its manifest. How many bytes that took.
pub(super) fn blocks(
    files: &Files,
    front: &Front,
    file: &mut impl Read,
) -> Result<u64, BackupError> {
    files.make()?;
    let mut new_bytes = 0;
    for block in &front.manifest.blocks {
        new_bytes += files.put_block(&self::block(block, file)?)?.1;
    }
    if file.read(&mut [0])? != 0 {
        return Err(BackupError::Damaged);
    }
    files.put_manifest(front.manifest.id, &front.encoded)?;
    Ok(new_bytes)
}

fn cut_short(error: io::Error) -> BackupError {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        BackupError::NotABackup
    } else {
        error.into()
    }
}
