//! The log's files: `NNNNNN.jsonl`, a new one every so many bytes, the chain running on through
//! them.
//!
//! A write that fails leaves the file as it was: what it may have left is cut off before the next
//! one. So a disk that was full for a while leaves no gap and no torn line.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Read as _, Seek, SeekFrom},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

/// The file that is appended to.
#[derive(Debug)]
pub(super) struct Files {
    directory: PathBuf,
    number: u32,
    file: Arc<File>,
    bytes: u64,
    /// A failed write may have left something behind `bytes`.
    torn: bool,
}

impl Files {
    /// Opens the last file, and cuts off a torn last line: it was never acknowledged.
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let number = numbers(directory, "jsonl")?.last().copied();
        let number = number.unwrap_or(FIRST);
        let file = open_file(directory, number)?;
        let bytes = whole_lines(&file)?;
        file.set_len(bytes)?;
        Ok(Self {
            directory: directory.to_owned(),
            number,
            file: Arc::new(file),
            bytes,
            torn: false,
        })
    }

    /// Hands a line to the operating system.
    pub(super) fn append(&mut self, line: &[u8]) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.bytes)?;
            self.torn = false;
        }
        self.file
            .write_all_at(line, self.bytes)
            .inspect_err(|_| self.torn = true)?;
        self.bytes += line.len() as u64;
        Ok(())
    }

    /// Goes on in a new file. The one before was synced by whoever asks for this.
    pub(super) fn rotate(&mut self) -> io::Result<()> {
        let file = open_file(&self.directory, self.number + 1)?;
        sync_directory(&self.directory)?;
        self.number += 1;
        self.file = Arc::new(file);
        self.bytes = 0;
        Ok(())
    }

    /// The file's number and how long it is.
    pub(super) const fn position(&self) -> (u32, u64) {
        (self.number, self.bytes)
    }

    /// The file, to sync it while others append.
    pub(super) fn current(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }
}

#[cfg(test)]
impl Files {
    /// Every write fails from here on, as on a disk that is full.
    pub(super) fn fill_disk(&mut self) {
        let path = path(&self.directory, self.number, "jsonl");
        self.file = Arc::new(File::open(path).unwrap());
    }

    /// Writes succeed again; the one that failed had got so far.
    pub(super) fn make_room(&mut self, torn: &[u8]) {
        self.file = Arc::new(open_file(&self.directory, self.number).unwrap());
        self.file.write_all_at(torn, self.bytes).unwrap();
    }
}

/// Where a file of the log is.
pub(super) fn path(directory: &Path, number: u32, extension: &str) -> PathBuf {
    directory.join(format!("{number:06}.{extension}"))
}

/// The numbers of the files with an extension, in order.
pub(super) fn numbers(directory: &Path, extension: &str) -> io::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == extension) {
            numbers.extend(
                path.file_stem()
                    .and_then(|stem| stem.to_str()?.parse::<u32>().ok()),
            );
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// How long a file is; none if it isn't there.
pub(super) fn length(directory: &Path, number: u32) -> io::Result<Option<u64>> {
    match fs::metadata(path(directory, number, "jsonl")) {
        Ok(metadata) => Ok(Some(metadata.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The whole lines of a file from one place to another, each given without its end, and where it
/// begins; `each` tells whether to go on.
pub(super) fn lines(
    path: &Path,
    (from, to): (u64, u64),
    mut each: impl FnMut(&str, u64) -> bool,
) -> io::Result<()> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut reader = BufReader::with_capacity(256 << 10, file.take(to.saturating_sub(from)));
    let (mut line, mut place) = (Vec::new(), from);
    loop {
        line.clear();
        let length = reader.read_until(b'\n', &mut line)?;
        let Some(whole) = line.strip_suffix(b"\n") else {
            return Ok(());
        };
        // What isn't text is no entry: an empty line is none either.
        if !each(std::str::from_utf8(whole).unwrap_or_default(), place) {
            return Ok(());
        }
        place += length as u64;
    }
}

pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn open_file(directory: &Path, number: u32) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path(directory, number, "jsonl"))
}

/// How many bytes of a file are whole lines.
fn whole_lines(file: &File) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    let mut block = vec![0; 4096];
    while end > 0 {
        let start = end.saturating_sub(block.len() as u64);
        let length = usize::try_from(end - start).unwrap_or(usize::MAX);
        let part = block.get_mut(..length).unwrap_or_default();
        file.read_exact_at(part, start)?;
        if let Some(at) = part.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// The first file's number.
const FIRST: u32 = 1;
