//! Nothing in the audit log of a node that did real things can be changed unnoticed, but for one
//! thing, which no log can show: that it once went on behind its last signed checkpoint.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use locule::audit::{AuditOptions, Verified, verify_directory};
use proptest::{
    prelude::*,
    sample::Index,
    test_runner::{Config, TestRunner},
};
use serde_json::json;

use super::command::verify;
use crate::{
    erasure::erase,
    harness::{Node, Setup, Stopped},
};

/// A node that did what its audit log tells of, in several small files.
fn node() -> Node {
    let node = Node::with(Setup {
        audit: AuditOptions {
            file_bytes: 6_000,
            ..AuditOptions::default()
        },
        ..Setup::default()
    });
    for id in ["acme", "globex", "initech"] {
        let tenant = node.tenant(id);
        tenant.owner.create_collection("docs", 2, "Dot");
        for number in 1..4 {
            tenant
                .writer
                .put_point("docs", number, &[1.0, 0.0], json!({}));
            tenant.inference.query("docs", &[1.0, 0.0], 1);
        }
        erase(
            &tenant.owner,
            json!({"points": {"collection": "docs", "ids": [1]}}),
        );
        let denied = tenant.inference.delete("/collections/docs");
        assert_eq!(denied.status, 403, "{}", denied.text);
        node.stranger().get("/collections").expect(401);
    }
    // Of this one nobody is told any more.
    let path = "/v1/tenants/globex?wait=60";
    node.operator().delete(path).expect(202);
    node
}

/// The files of a log, as they were.
struct Log {
    directory: PathBuf,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Log {
    fn of(stopped: &Stopped) -> Self {
        let directory = stopped.path().join("audit");
        let entries = fs::read_dir(&directory).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let files: BTreeMap<_, _> = paths
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect();
        let of_kind = |kind: &str| {
            let is = |path: &&PathBuf| path.extension().is_some_and(|found| found == kind);
            files.keys().filter(is).count()
        };
        let (logs, checkpoints) = (of_kind("jsonl"), of_kind("checkpoint"));
        assert!(logs > 2 && checkpoints >= logs - 1, "{:?}", files.keys());
        assert_eq!(logs + checkpoints, files.len(), "{:?}", files.keys());
        Self { directory, files }
    }

    fn whole(&self) -> Verified {
        verify_directory(&self.directory, None).unwrap()
    }

    /// What a check says with other bytes in the place of a file's.
    fn with(&self, path: &Path, bytes: &[u8]) -> Option<Verified> {
        put(path, bytes);
        let found = verify_directory(&self.directory, None).ok();
        put(path, &self.files[path]);
        found
    }

    /// Files and in each a place, such that every byte of the log comes up as often as any other.
    fn byte(&self, at: Index) -> (&Path, usize) {
        let mut at = at.index(self.files.values().map(Vec::len).sum());
        for (path, bytes) in &self.files {
            if at < bytes.len() {
                return (path, at);
            }
            at -= bytes.len();
        }
        unreachable!("the place is below the sum of all lengths")
    }
}

/// Puts bytes in the place of a file's, which isn't emptied first: that would bring it to the disk.
fn put(path: &Path, bytes: &[u8]) {
    let file = File::options().write(true).open(path).unwrap();
    file.write_all_at(bytes, 0).unwrap();
    file.set_len(bytes.len().try_into().unwrap()).unwrap();
}

#[derive(Clone, Debug)]
enum Tampering {
    /// A byte becomes any other.
    Byte(u8),
    /// All is cut off from there on.
    Cut,
    /// The line is taken out.
    Without,
    /// The line is there twice.
    Twice,
    /// The byte is taken out.
    Byteless,
}

impl Tampering {
    fn any() -> impl Strategy<Value = Self> {
        prop_oneof![
            6 => (1_u8..).prop_map(Self::Byte),
            1 => Just(Self::Cut),
            1 => Just(Self::Without),
            1 => Just(Self::Twice),
            1 => Just(Self::Byteless),
        ]
    }

    fn of(&self, whole: &[u8], at: usize) -> Vec<u8> {
        let start = whole[..at].iter().rposition(|byte| *byte == b'\n');
        let start = start.map_or(0, |end| end + 1);
        let end = whole[at..].iter().position(|byte| *byte == b'\n').unwrap();
        let (before, line, after) = (
            &whole[..start],
            &whole[start..=at + end],
            &whole[at + end + 1..],
        );
        match self {
            Self::Byte(flip) => {
                let mut changed = whole.to_vec();
                changed[at] ^= flip;
                changed
            }
            Self::Cut => whole[..at].to_vec(),
            Self::Byteless => [&whole[..at], &whole[at + 1..]].concat(),
            Self::Without => [before, after].concat(),
            Self::Twice => [before, line, line, after].concat(),
        }
    }
}

/// Of log files and of checkpoints alike.
#[test]
fn a_log_with_a_signed_end_holds_for_nobody_who_changed_cut_took_or_added_anything() {
    let stopped = node().stop();
    let log = Log::of(&stopped);
    assert_eq!(log.whole().unsigned, 0);
    assert!(log.whole().reduced > 5);
    let mut runner = TestRunner::new(Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    });
    let tampered = runner.run(&(any::<Index>(), Tampering::any()), |(at, tampering)| {
        let (path, at) = log.byte(at);
        let found = log.with(path, &tampering.of(&log.files[path], at));
        prop_assert!(found.is_none(), "{}, byte {at}: {found:?}", path.display());
        Ok(())
    });
    tampered.unwrap();
    // The ends of files, which few cases would come upon.
    for (path, whole) in &log.files {
        let at = whole.len() - 1;
        for flip in 1..=u8::MAX {
            let found = log.with(path, &Tampering::Byte(flip).of(whole, at));
            assert_eq!(found, None, "{}, byte {at}: {flip}", path.display());
        }
    }
    assert_eq!(log.whole().unsigned, 0, "untouched, it holds");
}

/// By design: what came behind the last checkpoint is chained and not signed yet. Whoever checks is
/// told how many entries that are.
#[test]
fn behind_the_last_checkpoint_whole_lines_can_be_cut_off_unnoticed_and_nothing_can_be_changed() {
    let node = node();
    let reader = node.tenant("reader").auditor;
    let stopped = loop {
        let copy = node.as_after_a_crash();
        if Log::of(&copy).whole().unsigned > 2 {
            break copy;
        }
        // An entry that isn't fsynced, so no checkpoint comes with it.
        reader.get("/v1/audit?limit=1").expect(200);
    };
    let log = Log::of(&stopped);
    let unsigned = log.whole().unsigned;
    verify(&["audit", stopped.path().to_str().unwrap()])
        .ends_with(0)
        .says("whether more did can't be told");
    let is_log = |path: &&PathBuf| path.extension().is_some_and(|found| found == "jsonl");
    let path = log.files.keys().rfind(is_log).unwrap();
    let whole = &log.files[path];
    let mut ends: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] == b'\n').collect();
    let last = ends.pop().unwrap();
    for (cut, end) in (1..unsigned).zip(ends.iter().rev()) {
        let found = log.with(path, &whole[..=*end]).unwrap();
        assert_eq!(found.unsigned, unsigned - cut);
    }
    // An end of a line that isn't one is as good as none: the last line is cut off.
    let found = log.with(path, &whole[..last]).unwrap();
    assert_eq!(found.unsigned, unsigned - 1);
    let unsigned_from = ends.iter().rev().nth(unsigned.try_into().unwrap());
    for at in unsigned_from.map_or(0, |end| end + 1)..last {
        let flip = u8::try_from(at % 255).unwrap() + 1;
        let found = log.with(path, &Tampering::Byte(flip).of(whole, at));
        assert_eq!(found, None, "byte {at}");
    }
}

const CASES: u32 = 2_000;
