//! Whoever touches the audit log is shown where.

use std::{fs, path::PathBuf, time::Duration};

use locule::{
    audit::{Actor, AuditLog, AuditOptions, Durability, Entry, Outcome},
    clock::Timestamp,
    ops::Hex,
};
use serde_json::Value;

use super::{
    Erased,
    command::{Told, verify},
};

/// A log of several small files, closed by a signed checkpoint.
struct Log(Erased);

impl Log {
    fn new() -> Self {
        let log = Self(Erased::begin());
        let audit = log.open(None);
        for number in 0..40 {
            let entry = Entry {
                actor: Actor::Key("0123456789abcdef"),
                tenant: [None, Some("acme"), Some("globex")][number % 3],
                action: "search",
                outcome: Outcome::Allowed,
                ip: None,
                request: 7,
                durability: Durability::Written,
            };
            let time = START.plus(Duration::from_millis(number as u64));
            audit.record(time, &entry).unwrap();
        }
        drop(audit);
        assert!(log.file(3).exists(), "too few files to tell anything");
        log
    }

    fn open(&self, keep: Option<Duration>) -> AuditLog {
        let options = AuditOptions {
            file_bytes: 4_000,
            keep,
            ..AuditOptions::default()
        };
        AuditLog::open(&self.directory(), self.0.signer(), options).unwrap()
    }

    fn key(&self) -> String {
        Hex(*self.0.signer().verifying_key().as_bytes()).to_string()
    }

    fn directory(&self) -> PathBuf {
        self.0.path("data/audit")
    }

    fn file(&self, number: u32) -> PathBuf {
        self.directory().join(format!("{number:06}.jsonl"))
    }

    fn lines(&self, number: u32) -> Vec<String> {
        let text = fs::read_to_string(self.file(number)).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn write(&self, number: u32, lines: &[String]) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        fs::write(self.file(number), text).unwrap();
    }

    fn verify(&self, more: &[&str]) -> Told {
        let data = self.0.path("data");
        let mut arguments = vec!["audit", data.to_str().unwrap()];
        arguments.extend(more);
        verify(&arguments)
    }

    /// Checks that it breaks there, and why.
    #[track_caller]
    fn breaks_at(&self, number: u32, line: usize, why: &str) {
        let told = self.verify(&[]).ends_with(1).says(why);
        let broken = &told.json.unwrap()["broken"];
        assert_eq!(broken["file"], self.file(number).to_str().unwrap());
        assert_eq!(broken["line"], line as u64);
    }
}

#[test]
fn a_log_that_nobody_touched_holds_with_its_signed_end() {
    let log = Log::new();
    let told = log.verify(&["--key", &log.key()]).ends_with(0);
    let json = told.says("entries 1 to 40").json.unwrap();
    assert_eq!(json["last"]["seq"], 40);
    assert_eq!(json["unsigned"], 0);
    assert!(json["checkpoints"].as_u64() >= Some(3), "{json}");
    // Its own directory, too; and of another node it isn't.
    verify(&["audit", log.directory().to_str().unwrap()]).ends_with(0);
    let another = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    log.verify(&["--key", another])
        .ends_with(1)
        .says("isn't one that the node signed");
}

#[test]
fn every_touched_line_is_found_where_it_stands() {
    let log = Log::new();
    let whole = log.lines(2);
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] = changed[at].replacen("allowed", "ALLOWED", 1);
        log.write(2, &changed);
        log.breaks_at(2, at + 1, "the entry was changed");
        if at + 1 < whole.len() {
            let mut without = whole.clone();
            without.remove(at);
            log.write(2, &without);
            log.breaks_at(2, at + 1, "1 entries before this one are missing");
            let mut swapped = whole.clone();
            swapped.swap(at, at + 1);
            log.write(2, &swapped);
            log.breaks_at(2, at + 1, "are missing");
        }
        let mut twice = whole.clone();
        twice.insert(at, whole[at].clone());
        log.write(2, &twice);
        log.breaks_at(2, at + 2, "doesn't belong here");
    }
    log.write(2, &whole);
    log.verify(&[]).ends_with(0);
}

#[test]
fn an_end_that_was_cut_off_is_missed_by_the_signed_checkpoint() {
    let log = Log::new();
    let last = (1..)
        .take_while(|number| log.file(*number).exists())
        .last()
        .unwrap();
    let whole = log.lines(last);
    for kept in 0..whole.len() {
        log.write(last, &whole[..kept]);
        log.verify(&[])
            .ends_with(1)
            .says("the log ends before entry 40");
    }
    // A file in the middle, and the first.
    log.write(last, &whole);
    for number in [1, 2] {
        let text = fs::read(log.file(number)).unwrap();
        fs::remove_file(log.file(number)).unwrap();
        log.verify(&[]).ends_with(1);
        fs::write(log.file(number), text).unwrap();
    }
    log.verify(&[]).ends_with(0);
}

#[test]
fn files_that_the_node_removed_are_told_from_ones_that_are_missing() {
    let log = Log::new();
    let text = fs::read(log.file(1)).unwrap();
    fs::remove_file(log.file(1)).unwrap();
    log.breaks_at(2, 1, "no entry tells that the node removed it");
    // Nor without the checkpoint, which says how it ended.
    let anchor = log.file(1).with_extension("checkpoint");
    let signed = fs::read(&anchor).unwrap();
    fs::remove_file(&anchor).unwrap();
    log.breaks_at(2, 1, "no signed checkpoint tells how it ended");
    fs::write(log.file(1), text).unwrap();
    fs::write(&anchor, signed).unwrap();
    // The node says so, file by file.
    let day = Duration::from_secs(24 * 60 * 60);
    let audit = log.open(Some(day));
    audit.settle(START.plus(2 * day)).unwrap();
    drop(audit);
    assert!(!log.file(2).exists());
    let told = log.verify(&["--key", &log.key()]).ends_with(0);
    let json = told.says("earlier entries aren't here").json.unwrap();
    assert!(json["first"].as_u64() > Some(1), "{json}");
}

#[test]
fn an_end_without_its_checkpoint_cant_be_told_by_the_nodes_key() {
    let log = Log::new();
    let last = (1..)
        .take_while(|number| log.file(*number).exists())
        .last()
        .unwrap();
    let lines = log.lines(last).len();
    fs::remove_file(log.file(last).with_extension("checkpoint")).unwrap();
    let told = log.verify(&["--key", &log.key()]).ends_with(2);
    let json = told.says("whether more did can't be told").json.unwrap();
    assert_eq!(json["unsigned"], lines as u64);
    // Nobody asked who signed it; all that is there follows.
    log.verify(&[]).ends_with(0);
    for number in 1..last {
        fs::remove_file(log.file(number).with_extension("checkpoint")).unwrap();
    }
    log.verify(&["--key", &log.key()])
        .ends_with(2)
        .says("there is none");
}

#[test]
fn a_place_without_a_log_holds_for_nobody() {
    let erased = Erased::begin();
    verify(&["audit", erased.path("nowhere").to_str().unwrap()]).ends_with(2);
    let empty = erased.path("empty");
    fs::create_dir(&empty).unwrap();
    verify(&["audit", empty.to_str().unwrap()])
        .ends_with(2)
        .says("there is no audit log");
    fs::write(erased.path("none.jsonl"), "").unwrap();
    verify(&["audit", erased.path("none.jsonl").to_str().unwrap()]).ends_with(2);
    let json: Value = verify(&["audit", erased.path("root.key").to_str().unwrap()])
        .ends_with(1)
        .json
        .unwrap();
    assert_eq!(json["broken"]["line"], 1);
}

const START: Timestamp = Timestamp(1_800_000_000_000);
