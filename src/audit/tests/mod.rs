//! The log by itself: its lines, its chains, a disk that fails, files that come and go.

mod reducing;

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::{
    seal::{Keyring, RootKeySource},
    tenant::{Generation, TenantUuid},
};

/// A log in a directory of its own, signed by a key of its own.
struct Bench {
    directory: TempDir,
    options: AuditOptions,
}

impl Bench {
    fn new(options: AuditOptions) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { directory, options }
    }

    fn log(&self) -> std::path::PathBuf {
        self.directory.path().join("audit")
    }

    fn key(&self) -> SigningKey {
        let root = RootKeySource::File(self.directory.path().join("root.key"));
        let ring = Keyring::open(&self.directory.path().join("ring"), root.fetch().unwrap());
        let (ring, generation) = (ring.unwrap(), Generation::FIRST);
        let key = ring.load(TenantUuid::SYSTEM, generation);
        key.unwrap_or_else(|_| ring.make(TenantUuid::SYSTEM, generation).unwrap())
            .derive_signing_key()
    }

    fn open(&self) -> AuditLog {
        AuditLog::open(&self.log(), self.key(), self.options).unwrap()
    }

    fn text(&self, number: u32) -> String {
        fs::read_to_string(files::path(&self.log(), number, "jsonl")).unwrap()
    }

    fn verified(&self) -> Verified {
        verify_directory(&self.log(), Some(&self.key().verifying_key())).unwrap()
    }
}

fn entry(tenant: Option<&str>) -> Entry<'_> {
    Entry {
        actor: Actor::Key("0123456789abcdef"),
        tenant,
        action: "search",
        outcome: Outcome::Allowed,
        ip: Some([127, 0, 0, 1].into()),
        request: 7,
        durability: Durability::Written,
    }
}

/// Small files, so that many come.
fn small() -> AuditOptions {
    AuditOptions {
        file_bytes: 2_000,
        ..AuditOptions::default()
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const START: Timestamp = Timestamp(1_800_000_000_000);

#[test]
fn lines_of_every_version_are_read_and_go_on_in_one_chain() {
    let bench = Bench::new(AuditOptions::default());
    fs::create_dir_all(bench.log()).unwrap();
    let golden = include_str!("../../../tests/golden/audit.v2.jsonl");
    let v1 = include_str!("../../../tests/golden/audit.v1.jsonl");
    assert!(golden.starts_with(v1));
    fs::write(bench.log().join("000001.jsonl"), golden).unwrap();
    let log = bench.open();
    log.state.lock().salts = Salts::fixed();
    log.record(START, &entry(Some("acme"))).unwrap();
    let operator = Entry {
        actor: Actor::Operator("0000000000000000"),
        ..entry(None)
    };
    log.record(START, &operator).unwrap();
    let acme = log.extract(START, Some("acme"), 0, 10).unwrap();
    assert_eq!(acme.entries.len(), 2, "its own chain began with version 2");
    log.reduce(START, "acme").unwrap();
    drop(log);
    let found = bench.verified();
    assert_eq!((found.last.seq, found.reduced), (10, 1), "older ones stay");
    let text = bench.text(1);
    assert_eq!(verify(text.as_bytes()).unwrap(), 10);
    let golden = include_str!("../../../tests/golden/audit.v3.jsonl");
    assert_eq!(text, golden, "the format of lines is fixed");
}

#[test]
fn a_full_disk_refuses_until_there_is_room_and_leaves_no_gap() {
    let bench = Bench::new(AuditOptions::default());
    let log = bench.open();
    log.record(START, &entry(Some("acme"))).unwrap();
    log.state.lock().files.fill_disk();
    for _ in 0..3 {
        let refused = log.record(START, &entry(Some("acme")));
        assert!(matches!(refused, Err(AuditError::Io(_))));
    }
    log.state
        .lock()
        .files
        .make_room(b"{\"v\":3,\"seq\":2,\"entry\":{\"v\":3,\"se");
    log.record(START, &entry(Some("acme"))).unwrap();
    let node = log.extract(START, None, 0, 10).unwrap();
    assert!(node.entries[0].contains("\"action\":\"audit_resumed\""));
    assert!(node.entries[0].contains("\"count\":3,"), "{node:?}");
    drop(log);
    assert_eq!(bench.verified().last.seq, 3);
    assert_eq!(bench.open().end_of(Some("acme")).seq, 2);
}

#[test]
fn the_chains_run_on_through_files_and_restarts_with_checkpoints_and_without() {
    let bench = Bench::new(small());
    for round in 0..3 {
        let log = bench.open();
        for number in 0..20 {
            let tenant = [None, Some("acme"), Some("globex")][number % 3];
            log.record(START, &entry(tenant)).unwrap();
        }
        drop(log);
        if round == 1 {
            for path in fs::read_dir(bench.log()).unwrap() {
                let path = path.unwrap().path();
                if path.extension().is_some_and(|found| found == "checkpoint") {
                    fs::remove_file(path).unwrap();
                }
            }
        }
    }
    let found = bench.verified();
    assert_eq!((found.first, found.last.seq, found.unsigned), (1, 60, 0));
    assert!(found.files > 5, "{found:?}");
    let log = bench.open();
    for tenant in [None, Some("acme"), Some("globex")] {
        let whole = log.extract(START, tenant, 0, 100).unwrap();
        let (mut paged, mut after) = (Vec::new(), 0);
        while let page = log.extract(START, tenant, after, 3).unwrap()
            && !page.entries.is_empty()
        {
            after += page.entries.len() as u64;
            paged.extend(page.entries);
        }
        assert_eq!(whole.entries, paged);
        let text = whole.entries.join("\n");
        assert_eq!(verify(text.as_bytes()).unwrap(), paged.len() as u64);
        let signed = format!("{text}\n{}\n", whole.checkpoint.unwrap());
        let key = bench.key().verifying_key();
        let found = verify_extract(signed.as_bytes(), Some(&key)).unwrap();
        assert_eq!((found.last, found.unsigned), (log.end_of(tenant), 0));
        assert_eq!(paged.len(), if tenant == Some("globex") { 18 } else { 21 });
    }
}

#[test]
fn old_files_go_and_a_signed_anchor_stays() {
    let bench = Bench::new(AuditOptions {
        keep: Some(30 * DAY),
        ..small()
    });
    let log = bench.open();
    for day in 0..60 {
        log.record(START.plus(day * DAY), &entry(Some("acme")))
            .unwrap();
    }
    let before = files::numbers(&bench.log(), "jsonl").unwrap();
    log.settle(START.plus(60 * DAY)).unwrap();
    let after = files::numbers(&bench.log(), "jsonl").unwrap();
    assert!(after.len() < before.len() && after.len() > 1, "{after:?}");
    let oldest = log.extract(START, Some("acme"), 0, 1).unwrap();
    let time = read::field(&oldest.entries[0], "time").unwrap();
    let time = Timestamp::parse(time).unwrap();
    assert!(time > START.plus(20 * DAY) && time <= START.plus(31 * DAY));
    let found = bench.verified();
    assert!(found.first > 20, "{found:?}");
    drop(log);
    let log = bench.open();
    log.record(START.plus(61 * DAY), &entry(Some("acme")))
        .unwrap();
    assert_eq!(log.end_of(Some("acme")).seq, 61);
    drop(log);
    bench.verified();
    let anchor = files::path(&bench.log(), after[0] - 1, "checkpoint");
    fs::remove_file(anchor).unwrap();
    let broken = verify_directory(&bench.log(), None).unwrap_err();
    assert!(
        broken.to_string().contains("no signed checkpoint"),
        "{broken}"
    );
}

#[test]
fn counted_reads_tell_who_at_once_and_how_often_after_the_minute() {
    let bench = Bench::new(AuditOptions {
        reads: Reads::Counted,
        ..AuditOptions::default()
    });
    let log = bench.open();
    let read = Entry {
        durability: Durability::Counted,
        ..entry(Some("acme"))
    };
    let elsewhere = Entry {
        ip: Some([10, 0, 0, 9].into()),
        ..read
    };
    for _ in 0..5 {
        log.record(START, &read).unwrap();
    }
    log.record(START, &elsewhere).unwrap();
    assert_eq!(
        log.end_of(Some("acme")).seq,
        2,
        "both addresses stand there"
    );
    log.record(START, &entry(Some("acme"))).unwrap();
    assert_eq!(
        log.end_of(Some("acme")).seq,
        3,
        "what isn't a read is recorded"
    );
    log.settle(START.plus(Duration::from_secs(60))).unwrap();
    let entries = log.extract(START, Some("acme"), 3, 9).unwrap().entries;
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert!(entries[0].contains("\"count\":4,\"since\":\"2027-01-15T08:00:00.000Z\""));
    let later = START.plus(Duration::from_secs(61));
    log.record(later, &read).unwrap();
    log.record(later, &read).unwrap();
    drop(log);
    assert!(
        bench.text(1).contains("\"count\":1,"),
        "a stop writes what it has"
    );
    assert_eq!(bench.verified().last.seq, 6);
}

/// Each kind of tampering is found, and told with its place.
#[test]
fn what_was_changed_moved_removed_or_cut_off_is_found_where_it_is() {
    let bench = Bench::new(small());
    let log = bench.open();
    for number in 0..20 {
        let tenant = [Some("acme"), Some("globex")][number % 2];
        log.record(START, &entry(tenant)).unwrap();
    }
    drop(log);
    bench.verified();
    let second = files::path(&bench.log(), 2, "jsonl");
    let good = fs::read_to_string(&second).unwrap();
    let lines: Vec<&str> = good.lines().collect();
    let first = lines[0].split_once(',').unwrap().1;
    let seq: u64 = first.split([':', ',']).nth(1).unwrap().parse().unwrap();
    let check = |tampered: Vec<&str>, place: (u64, u64), kind: Break| {
        fs::write(&second, tampered.join("\n") + "\n").unwrap();
        let found = verify_directory(&bench.log(), None).unwrap_err();
        let ChainError::Broken {
            seq,
            file,
            line,
            kind: found,
        } = found
        else {
            panic!("{found}");
        };
        assert_eq!((line, seq, found), (place.0, place.1, kind));
        assert_eq!(file.unwrap(), second);
        assert!(AuditLog::open(&bench.log(), bench.key(), bench.options).is_ok());
        fs::write(&second, &good).unwrap();
    };
    let changed = lines[1].replacen("allowed", "ALLOWED", 1);
    check(
        [&[lines[0], &changed], &lines[2..]].concat(),
        (2, seq + 1),
        Break::Changed,
    );
    check(lines[1..].to_vec(), (1, seq), Break::Missing { entries: 1 });
    check(
        [&[lines[1], lines[0]], &lines[2..]].concat(),
        (1, seq),
        Break::Missing { entries: 1 },
    );
    check(
        [&[lines[0], lines[0]], &lines[1..]].concat(),
        (2, seq + 1),
        Break::Moved { seq },
    );
    check([&["nonsense"], &lines[..]].concat(), (1, seq), Break::Form);
    // The end of the whole log: only a checkpoint shows it.
    let last = files::numbers(&bench.log(), "jsonl")
        .unwrap()
        .pop()
        .unwrap();
    let path = files::path(&bench.log(), last, "jsonl");
    let whole = fs::read_to_string(&path).unwrap();
    let cut = whole
        .trim_end()
        .rsplit_once('\n')
        .map_or("", |(rest, _)| rest);
    fs::write(&path, format!("{cut}\n").trim_start()).unwrap();
    let found = verify_directory(&bench.log(), None)
        .unwrap_err()
        .to_string();
    assert!(found.contains("the log ends before entry 20"), "{found}");
    let started = AuditLog::open(&bench.log(), bench.key(), bench.options);
    assert!(
        started
            .unwrap_err()
            .to_string()
            .contains("ends before entry 20")
    );
    fs::write(&path, &whole).unwrap();
    bench.verified();
    // A checkpoint to match would have to be signed.
    let checkpoint = files::path(&bench.log(), last, "checkpoint");
    let text = fs::read_to_string(&checkpoint).unwrap();
    fs::write(&checkpoint, text.replace("\"seq\":20", "\"seq\":19")).unwrap();
    let found = verify_directory(&bench.log(), None)
        .unwrap_err()
        .to_string();
    assert!(found.contains("isn't one that the node signed"), "{found}");
}
