//! The log's files: `NNNNNN.jsonl`, a new one every 64 MiB, the chain running on through them.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::{chain::Link, entry::Durability};

/// The file that is appended to.
#[derive(Debug)]
pub(super) struct Files {
    directory: PathBuf,
    number: u32,
    file: File,
    bytes: u64,
}

impl Files {
    /// Opens the last file, cuts off a torn last line, and tells the chain's last link.
    pub(super) fn open(directory: &Path) -> Result<(Self, Link), AuditError> {
        fs::create_dir_all(directory)?;
        let mut numbers: Vec<u32> = fs::read_dir(directory)?
            .filter_map(|entry| entry.ok()?.path().file_stem()?.to_str()?.parse().ok())
            .collect();
        numbers.sort_unstable();
        let number = numbers.last().copied().unwrap_or(1);
        let mut file = open_file(directory, number)?;
        let (bytes, mut link) = whole_lines(&mut file)?;
        file.set_len(bytes)?;
        file.seek(SeekFrom::End(0))?;
        if link.is_none() && numbers.len() > 1 {
            let previous = numbers.get(numbers.len() - 2).copied().unwrap_or(1);
            link = whole_lines(&mut open_file(directory, previous)?)?.1;
        }
        let link = link.unwrap_or_default();
        Ok((
            Self {
                directory: directory.to_owned(),
                number,
                file,
                bytes,
            },
            link,
        ))
    }

    pub(super) fn append(&mut self, line: &str, durability: Durability) -> Result<(), AuditError> {
        if self.bytes >= FILE_BYTES_MAX {
            self.file.sync_data()?;
            self.number += 1;
            self.file = open_file(&self.directory, self.number)?;
            self.bytes = 0;
            File::open(&self.directory)?.sync_all()?;
        }
        self.file.write_all(line.as_bytes())?;
        self.bytes += line.len() as u64;
        match durability {
            Durability::Written => {}
            Durability::Synced => self.file.sync_data()?,
        }
        Ok(())
    }
}

#[cfg(test)]
impl Files {
    /// Every write fails from here on, as on a disk that is gone.
    pub(super) fn close_for_writing(&mut self) {
        let path = self.directory.join(format!("{:06}.jsonl", self.number));
        self.file = File::open(path).unwrap();
    }

    /// The next entry goes into a new file.
    pub(super) const fn fill_up(&mut self) {
        self.bytes = FILE_BYTES_MAX;
    }
}

fn open_file(directory: &Path, number: u32) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(directory.join(format!("{number:06}.jsonl")))
}

/// How many bytes of a file are whole lines, and the link that the last of them makes.
fn whole_lines(file: &mut File) -> Result<(u64, Option<Link>), AuditError> {
    let length = file.metadata()?.len();
    let start = length.saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let Some(end) = tail.iter().rposition(|byte| *byte == b'\n') else {
        return if start == 0 {
            Ok((0, None))
        } else {
            Err(AuditError::Damaged)
        };
    };
    let last = tail
        .get(..end)
        .unwrap_or_default()
        .rsplit(|byte| *byte == b'\n')
        .next();
    let line = last
        .and_then(|line| std::str::from_utf8(line).ok())
        .ok_or(AuditError::Damaged)?;
    let (link, _) = Link::of_line(line).ok_or(AuditError::Damaged)?;
    Ok((start + end as u64 + 1, Some(link)))
}

/// Why the log can't be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The directory or a file can't be used.
    #[error("the audit log can't be read or written")]
    Io(#[from] io::Error),
    /// The last whole line isn't an entry, or its hash is wrong.
    #[error("the audit log's last entry is damaged; move the audit directory aside and keep it")]
    Damaged,
    /// An earlier append failed.
    #[error("an earlier audit entry couldn't be written; nothing is allowed until a restart")]
    Failed,
}

const FILE_BYTES_MAX: u64 = 64 << 20;
/// Longer than any line.
const TAIL_BYTES: u64 = 64 << 10;
