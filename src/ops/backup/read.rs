//! Reading a backup back: its records, or the one file that it travels as.

use std::vec;

use super::{
    BackupError,
    blocks::Files,
    format::{Block, Manifest, file_header, take_record},
};
use crate::store::StorageKey;

/// The records of a backup, block by block. Each block is checked against its digest first.
#[derive(Debug)]
pub struct Records {
    files: Files,
    blocks: vec::IntoIter<Block>,
    block: Vec<u8>,
    taken: usize,
    left: u64,
    stopped: bool,
}

impl Records {
    pub(super) fn new(files: Files, manifest: Manifest) -> Self {
        Self {
            files,
            left: manifest.records,
            blocks: manifest.blocks.into_iter(),
            block: Vec::new(),
            taken: 0,
            stopped: false,
        }
    }

    fn step(&mut self) -> Result<Option<(StorageKey, Vec<u8>)>, BackupError> {
        loop {
            let mut rest = self.block.get(self.taken..).unwrap_or_default();
            if let Some(record) = take_record(&mut rest).map_err(|_| BackupError::Damaged)? {
                self.taken = self.block.len() - rest.len();
                self.left = self.left.checked_sub(1).ok_or(BackupError::Damaged)?;
                return Ok(Some(record));
            }
            let Some(block) = self.blocks.next() else {
                let whole = self.left == 0;
                return if whole {
                    Ok(None)
                } else {
                    Err(BackupError::Damaged)
                };
            };
            self.block = self.files.find_block(&block)?;
            self.taken = 0;
        }
    }
}

impl Iterator for Records {
    type Item = Result<(StorageKey, Vec<u8>), BackupError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.stopped {
            return None;
        }
        let step = self.step().transpose();
        self.stopped = !matches!(step, Some(Ok(_)));
        step
    }
}

/// A backup as one file, piece by piece.
#[derive(Debug)]
pub struct Download {
    files: Files,
    blocks: vec::IntoIter<Block>,
    front: Option<Vec<u8>>,
    bytes: u64,
}

impl Download {
    pub(super) fn new(files: Files, manifest: Manifest, encoded: &[u8]) -> Self {
        let mut front = file_header(encoded.len());
        front.extend_from_slice(encoded);
        Self {
            files,
            bytes: front.len() as u64 + manifest.block_bytes(),
            blocks: manifest.blocks.into_iter(),
            front: Some(front),
        }
    }

    /// How long the file is.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Iterator for Download {
    type Item = Result<Vec<u8>, BackupError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(front) = self.front.take() {
            return Some(Ok(front));
        }
        let block = self.blocks.next()?;
        Some(self.files.find_block(&block))
    }
}
