//! An erased tenant's entries: what goes, what stays, and what a crash leaves.

use super::*;

/// Acts of two tenants in several files: by keys, by an operator, by the node.
fn of_two_tenants(log: &AuditLog) {
    let tenants = [Some("acme"), Some("globex"), None].into_iter().cycle();
    for (number, tenant) in (0..24_u64).zip(tenants) {
        let actor = match number / 3 % 4 {
            0 => Actor::Operator("feedfeedfeedfeed"),
            1 => Actor::Node,
            2 => Actor::NodeAbout("abcdabcdabcdabcd"),
            _ => Actor::Key("0123456789abcdef"),
        };
        let by_node = actor == Actor::Node;
        let act = Entry {
            actor,
            ip: (!by_node).then(|| [10, 0, 0, 9].into()),
            request: 0xaaaa_0000 + number,
            ..entry(tenant)
        };
        log.record(START, &act).unwrap();
    }
}

fn own_lines(log: &AuditLog, tenant: Option<&str>) -> String {
    log.extract(START, tenant, 0, 1_000)
        .unwrap()
        .entries
        .join("\n")
}

#[test]
fn an_erased_tenants_entries_tell_what_was_done_and_when_and_nothing_of_who_but_operators() {
    let bench = Bench::new(small());
    let log = bench.open();
    of_two_tenants(&log);
    // Checkpoints of files that hold nothing of it are taken at their word.
    log.settle(START).unwrap();
    let (globex, node) = (own_lines(&log, Some("globex")), own_lines(&log, None));
    let times = own_lines(&log, Some("acme")).matches("\"time\"").count();
    assert_eq!(log.reduce(START, "acme").unwrap(), 4);
    // A request that was let in before is recorded behind.
    log.record(START, &entry(Some("acme"))).unwrap();
    let acme = own_lines(&log, Some("acme"));
    for gone in ["abcdabcd", "01234567", "127.0.0.1"] {
        assert!(!acme.contains(gone), "{gone}: {acme}");
    }
    for number in [6, 9, 18, 21] {
        assert!(!acme.contains(&format!("{:016x}", 0xaaaa_0000_u64 + number)));
    }
    assert_eq!(acme.matches("\"time\"").count(), times + 2);
    assert_eq!(acme.matches("\"who\"").count(), 4);
    assert_eq!(acme.matches("feedfeedfeedfeed").count(), 2, "{acme}");
    assert_eq!(acme.matches("\"salt\"").count(), 2 + 2 + 1 + 1);
    let behind = acme.lines().last().unwrap();
    for nothing in ["\"key_id\":null", "\"ip\":null", "\"request_id\":null"] {
        assert!(behind.contains(nothing), "{behind}");
    }
    assert_eq!(own_lines(&log, Some("globex")), globex);
    assert_eq!(own_lines(&log, None), node);
    assert_eq!(log.reduce(START, "acme").unwrap(), 0, "it's done once");
    drop(log);
    let found = bench.verified();
    assert_eq!((found.reduced, found.unsigned), (4, 0), "{found:?}");
    let log = bench.open();
    let whole = log.extract(START, Some("acme"), 0, 1_000).unwrap();
    let text = format!(
        "{}\n{}\n",
        whole.entries.join("\n"),
        whole.checkpoint.unwrap()
    );
    assert_eq!(verify_extract(text.as_bytes(), None).unwrap().reduced, 4);
}

#[test]
fn what_the_log_doesnt_say_that_the_node_took_out_was_taken_by_someone_else() {
    let bench = Bench::new(small());
    let log = bench.open();
    of_two_tenants(&log);
    log.reduce(START, "acme").unwrap();
    drop(log);
    let whole: Vec<_> = (1..)
        .map(|number| files::path(&bench.log(), number, "jsonl"))
        .take_while(|path| path.exists())
        .map(|path| (fs::read_to_string(&path).unwrap(), path))
        .collect();
    let mut tried = 0;
    for (text, path) in &whole {
        for (number, line) in (1..).zip(text.lines()) {
            let read = read::Read::of(line).unwrap();
            let (_, linked) = read.entry();
            let Some(read::Who::Told(_, digest)) = &linked.who else {
                continue;
            };
            let (start, rest) = line.split_once("\"key_id\":").unwrap();
            let (who, end) = rest.split_once(",\"prev\":").unwrap();
            let mut instead = line::reduced(digest);
            instead.resize(who.len() + 9, b' ');
            let instead = String::from_utf8(instead).unwrap();
            let taken = format!("{start}{instead},\"prev\":{end}");
            fs::write(path, text.replace(line, &taken)).unwrap();
            let found = verify_directory(&bench.log(), None);
            let tells = line.contains("reduce_audit_entries");
            // But for what the node could have taken out.
            if line.contains("\"node\",\"tenant\":\"acme\"") && !tells {
                assert!(found.is_ok());
                continue;
            }
            let found = found.unwrap_err().to_string();
            let place = format!("{}, line {number})", path.display());
            assert!(found.contains("was taken out"), "{found}");
            // Without the entry that tells, it is the first of those that it told of.
            assert!(tells || found.contains(&place), "{found}");
            // Spaces are told from none.
            let squeezed = text.replace(line, &taken.replace(&instead, instead.trim_end()));
            fs::write(path, squeezed).unwrap();
            verify_directory(&bench.log(), None).unwrap_err();
            tried += 1;
        }
        fs::write(path, text).unwrap();
    }
    assert!(tried > 16, "{tried}");
    bench.verified();
}

#[test]
fn names_behind_the_last_checkpoint_go_too() {
    let bench = Bench::new(small());
    let log = bench.open();
    for _ in 0..12 {
        log.record(START, &entry(Some("globex"))).unwrap();
    }
    log.settle(START).unwrap();
    log.record(START, &entry(Some("acme"))).unwrap();
    assert_eq!(log.reduce(START, "acme").unwrap(), 1);
    drop(log);
    assert_eq!(bench.verified().reduced, 1);
}

#[test]
fn a_crash_while_names_are_overwritten_leaves_no_line_half_done() {
    let bench = Bench::new(AuditOptions::default());
    let log = bench.open();
    of_two_tenants(&log);
    let path = files::path(&bench.log(), 1, "jsonl");
    let found = reduce::names_in(&path, u64::MAX, "acme").unwrap();
    log.reduce(START, "acme").unwrap();
    drop(log);
    let (done, checkpoint) = (
        fs::read(&path).unwrap(),
        files::path(&bench.log(), 1, "checkpoint"),
    );
    assert_eq!(found.len(), 4);
    // Each line as it was before, as it is after, and torn anywhere between.
    for torn in 0..=40 {
        found.intend(&bench.log(), 1).unwrap();
        let mut half = done.clone();
        for line in half.split_mut(|byte| *byte == b'\n') {
            let at = line.windows(7).position(|bytes| bytes == b"\"who\":\"");
            if let Some(at) = at {
                line[at + torn..at + 80].fill(b'x');
            }
        }
        fs::write(&path, &half).unwrap();
        // Without one, a start reads every line.
        fs::remove_file(&checkpoint).unwrap();
        drop(bench.open());
        assert!(fs::read(&path).unwrap().starts_with(&done));
        assert_eq!(bench.verified().reduced, 4);
        let files = fs::read_dir(bench.log()).unwrap().count();
        assert_eq!(files, 2, "the intent is gone");
    }
    // One that isn't the node's own is told of, and nothing is written.
    for wrong in [
        "",
        "{}",
        r#"{"v":2,"places":[]}"#,
        r#"{"v":1,"places":[[0,72,"00"]]}"#,
        &format!(
            r#"{{"v":1,"places":[[9000000,9000083,"{}"]]}}"#,
            "0".repeat(64)
        ),
        &format!(r#"{{"v":1,"places":[[5,3,"{}"]]}}"#, "0".repeat(64)),
    ] {
        fs::write(bench.log().join("000001.overwrite"), wrong).unwrap();
        let opened = AuditLog::open(&bench.log(), bench.key(), bench.options);
        assert!(matches!(opened, Err(AuditError::Io(_))), "{wrong}");
        assert_eq!(fs::read(&path).unwrap(), done);
    }
}
