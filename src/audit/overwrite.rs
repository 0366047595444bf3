//! Overwriting who is named in entries, so that a crash leaves no line that is half one and half the other.
//!
//! What is to be written, and where, is on disk before the first byte of the log changes:
//! `NNNNNN.overwrite` beside `NNNNNN.jsonl`, put in place by a rename, is carried out by the next start if
//! this one doesn't come to it. It holds digests and places, and nothing that is to be forgotten.
//!
//! ```text
//! {"v":1,"places":[[from,to,"64 hex"],..]}    bytes of the file, and the digest that stands there then
//! ```

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::{
    files::{numbers, path, sync_directory},
    line::{hex, reduced, unhex},
};
use crate::failpoint;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Overwrite {
    v: u8,
    places: Vec<(u64, u64, String)>,
}

impl Overwrite {
    pub(super) const fn new() -> Self {
        Self {
            v: 1,
            places: Vec::new(),
        }
    }

    /// Adds the place of who is named, and the digest of that.
    pub(super) fn add(&mut self, (from, to): (u64, u64), digest: &[u8; 32]) {
        self.places.push((from, to, hex(digest)));
    }

    pub(super) const fn len(&self) -> usize {
        self.places.len()
    }

    /// Writes what is to be done, and does it.
    pub(super) fn carry_out(&self, directory: &Path, number: u32) -> io::Result<()> {
        if self.places.is_empty() {
            return Ok(());
        }
        self.intend(directory, number)?;
        failpoint::hit("audit.intended");
        self.finish(directory, number)
    }

    pub(super) fn intend(&self, directory: &Path, number: u32) -> io::Result<()> {
        let fresh = path(directory, number, &format!("{EXTENSION}.new"));
        let mut file = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        fs::rename(fresh, path(directory, number, EXTENSION))?;
        sync_directory(directory)
    }

    fn finish(&self, directory: &Path, number: u32) -> io::Result<()> {
        let log = path(directory, number, "jsonl");
        match File::options().write(true).open(log) {
            // It was kept long enough, and removed meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => self.write(&opened?)?,
        }
        fs::remove_file(path(directory, number, EXTENSION))?;
        sync_directory(directory)
    }

    fn write(&self, log: &File) -> io::Result<()> {
        let length = log.metadata()?.len();
        for (from, to, digest) in &self.places {
            let digest = unhex(digest).ok_or_else(damaged)?;
            let mut instead = reduced(&digest);
            let room = usize::try_from(to.saturating_sub(*from)).unwrap_or(usize::MAX);
            if *to > length || room < instead.len() {
                return Err(damaged());
            }
            instead.resize(room, b' ');
            log.write_all_at(&instead, *from)?;
        }
        log.sync_data()
    }
}

/// Carries out what an earlier start intended and didn't come to.
pub(super) fn resume(directory: &Path) -> io::Result<()> {
    for number in numbers(directory, EXTENSION)? {
        let text = fs::read(path(directory, number, EXTENSION))?;
        let intended: Overwrite = serde_json::from_slice(&text)?;
        if intended.v != 1 {
            return Err(damaged());
        }
        intended.finish(directory, number)?;
    }
    Ok(())
}

fn damaged() -> io::Error {
    let why = "an .overwrite file isn't one that the node wrote for its log";
    io::Error::new(io::ErrorKind::InvalidData, why)
}

const EXTENSION: &str = "overwrite";
