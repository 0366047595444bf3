//! Which files there are below a path.

use std::{
    collections::HashSet,
    fs::{self, File, Metadata},
    io::{self, Seek, SeekFrom},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{
    scan::{Find, Place, Unread},
    traces::Traces,
};

/// What was found without opening a file.
pub(super) struct Walk<'t> {
    traces: &'t Traces,
    pub(super) files: Vec<FileToRead>,
    /// Names that are traces themselves.
    pub(super) named: Vec<Find>,
    pub(super) unread: Vec<Unread>,
    /// Directories that were entered: a link may lead back to one.
    entered: HashSet<(u64, u64)>,
}

/// A file, and its length when it was met.
pub(super) struct FileToRead {
    pub(super) path: PathBuf,
    pub(super) length: u64,
}

impl<'t> Walk<'t> {
    /// Walks over all that is at and below a path.
    pub(super) fn over(path: &Path, traces: &'t Traces) -> io::Result<Self> {
        let mut walk = Self {
            traces,
            files: Vec::new(),
            named: Vec::new(),
            unread: Vec::new(),
            entered: HashSet::new(),
        };
        let metadata = fs::metadata(path)?;
        walk.look_at_name(path);
        if metadata.is_dir() {
            let mut open = walk.enter(path, &metadata)?;
            while let Some(path) = open.pop() {
                match walk.meet(&path) {
                    Ok(more) => open.extend(more),
                    // Removed since its directory was read, or a link to nothing.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(source) => walk.unread.push(Unread { path, source }),
                }
            }
        } else {
            // A disk has no length of its own, but an end.
            let length = File::open(path)?.seek(SeekFrom::End(0))?;
            let path = path.to_owned();
            walk.files.push(FileToRead { path, length });
        }
        Ok(walk)
    }

    /// Takes note of a file, or tells what is in a directory.
    fn meet(&mut self, path: &Path) -> io::Result<Vec<PathBuf>> {
        self.look_at_name(path);
        let metadata = fs::metadata(path)?;
        if metadata.is_dir() {
            return self.enter(path, &metadata);
        }
        // Sockets and the like hold nothing, and reading them might never end.
        if metadata.is_file() {
            self.files.push(FileToRead {
                path: path.to_owned(),
                length: metadata.len(),
            });
        }
        Ok(Vec::new())
    }

    fn enter(&mut self, path: &Path, metadata: &Metadata) -> io::Result<Vec<PathBuf>> {
        if !self.entered.insert((metadata.dev(), metadata.ino())) {
            return Ok(Vec::new());
        }
        fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect()
    }

    fn look_at_name(&mut self, path: &Path) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        self.named
            .extend(self.traces.in_name(&name).map(|trace| Find {
                path: path.to_owned(),
                place: Place::Name,
                trace,
            }));
    }
}
