//! What is left of a generation is found wherever it stands, and what isn't there isn't.

use std::{
    fs::{self, File},
    os::unix::fs::{FileExt, symlink},
    path::Path,
};

use locule::{
    ops::{
        receipt::SignedReceipt,
        verify::{CheckError, Place, Scan, Trace, Traces, check, scan},
    },
    tenant::Generation,
};

use super::{Erased, FAMILY, TENANT, THREADS, canaries, facts, write_with};

/// A place to look through, and what to look for.
struct Scene {
    erased: Erased,
    receipt: SignedReceipt,
}

impl Scene {
    fn new() -> Self {
        let erased = Erased::begin();
        let receipt = erased.receipt(facts());
        fs::create_dir_all(erased.path("place/below")).unwrap();
        Self { erased, receipt }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.erased.path("place").join(name)
    }

    fn traces(&self) -> Traces {
        Traces::of_receipt(self.receipt.body())
    }

    fn scan(&self) -> Scan {
        self.scan_at(&self.erased.path("place"))
    }

    fn scan_at(&self, path: &Path) -> Scan {
        let scan = scan(path, &self.traces(), THREADS).unwrap();
        assert_eq!((scan.more, scan.unread.len()), (0, 0));
        scan
    }

    fn found(&self) -> Vec<Found> {
        let finds = self.scan().finds.into_iter().map(|find| {
            let name = find.path.file_name().unwrap().to_str().unwrap().to_owned();
            let place = match find.place {
                Place::Name => None,
                Place::Content { offset, whole } => Some((offset, whole)),
            };
            (name, place, find.trace)
        });
        finds.collect()
    }
}

/// A file's name; where in it, and whether all of the trace is there; the trace.
type Found = (String, Option<(u64, bool)>, Trace);

/// All borders that a scan may have: chunks of 256 KiB, pieces of 64 MiB.
const CHUNK: usize = 256 << 10;
const PIECE: usize = 64 << 20;

#[test]
fn a_place_without_traces_is_looked_through_to_the_last_byte() {
    let scene = Scene::new();
    write_with(&scene.path("a"), 3 * CHUNK + 17, &[]);
    write_with(&scene.path("below/b"), 5, &[]);
    write_with(&scene.path("empty"), 0, &[]);
    let scan = scene.scan();
    assert_eq!(scan.finds, []);
    assert_eq!((scan.files, scan.bytes), (3, 3 * CHUNK as u64 + 17 + 5));
}

#[test]
fn every_kind_of_trace_is_found_where_it_stands() {
    let scene = Scene::new();
    let name = FAMILY.to_string();
    let wrapped = scene.receipt.body().key.wrapped_sample.unwrap().0;
    let [row, head, segment] = [0, 1, 2].map(|place| canaries()[place].bytes.0);
    let upper = name.to_uppercase();
    let planted: [(usize, &[u8]); 7] = [
        (0, name.as_bytes()),
        (100, upper.as_bytes()),
        (200, &FAMILY.0),
        (301, &wrapped),
        (402, &row),
        (503, &head),
        (1_000 - 24, &segment),
    ];
    write_with(&scene.path("a"), 1_000, &planted);
    let expected = [
        (0, Trace::FamilyName),
        (100, Trace::FamilyName),
        (200, Trace::FamilyBytes),
        (301, Trace::WrappedKey),
        (402, Trace::Canary(0)),
        (503, Trace::Canary(1)),
        (976, Trace::Canary(2)),
    ];
    let expected = expected.map(|(at, trace)| ("a".to_owned(), Some((at, true)), trace));
    assert_eq!(scene.found(), expected);
}

#[test]
fn a_trace_across_any_border_is_found_once() {
    let scene = Scene::new();
    let canary = canaries()[0].bytes.0;
    let name = FAMILY.to_string();
    for border in [CHUNK, 2 * CHUNK] {
        for before in 0..=32 {
            let at = border - before;
            for (planted, trace) in [
                (&canary[..], Trace::Canary(0)),
                (name.as_bytes(), Trace::FamilyName),
            ] {
                write_with(&scene.path("a"), 2 * CHUNK + 100, &[(at, planted)]);
                let expected = ("a".to_owned(), Some((at as u64, true)), trace);
                assert_eq!(scene.found(), [expected], "{before} before {border}");
            }
        }
    }
}

#[test]
fn a_big_sparse_file_is_read_by_several_threads_and_none_misses_a_trace() {
    let scene = Scene::new();
    let canary = canaries()[1].bytes.0;
    let file = File::create(scene.path("disk.img")).unwrap();
    let length = 3 * PIECE as u64 + 1_000;
    file.set_len(length).unwrap();
    let mut places = vec![0, length - 24, 2 * PIECE as u64 + 12_345];
    places.extend((0..=24).map(|before| PIECE as u64 - before + before * 4_096));
    places.extend([PIECE as u64 * 2 - 12, PIECE as u64 * 3 - 1]);
    places.sort_unstable();
    for at in &places {
        file.write_all_at(&canary, *at).unwrap();
    }
    // As a file that is named, and as one in a directory.
    for path in [scene.path("disk.img"), scene.path("")] {
        let scan = scene.scan_at(&path);
        let found: Vec<_> = scan.finds.iter().map(|find| find.place).collect();
        let expected: Vec<_> = places
            .iter()
            .map(|offset| Place::Content {
                offset: *offset,
                whole: true,
            })
            .collect();
        assert_eq!(found, expected);
        assert_eq!((scan.files, scan.bytes), (1, length));
    }
}

#[test]
fn a_trace_that_a_log_cut_in_two_is_found_by_a_half() {
    let scene = Scene::new();
    let name = FAMILY.to_string();
    for cut in 1..32 {
        let (before, after) = name.as_bytes().split_at(cut);
        // RocksDB's log has a header of seven bytes at each 32 KiB.
        write_with(
            &scene.path("MANIFEST-000005"),
            70_000,
            &[(32_768 - cut, before), (32_768 + 7, after)],
        );
        let found = scene.found();
        let halves = if cut == 16 { 2 } else { 1 };
        assert_eq!(found.len(), halves, "{cut}: {found:?}");
        for (_, place, trace) in found {
            assert_eq!(trace, Trace::FamilyName);
            assert!(place.is_some_and(|(_, whole)| !whole), "{cut}");
        }
    }
}

#[test]
fn a_file_named_like_the_key_is_found_and_a_copy_of_its_content_too() {
    // What would have happened had the key not been shredded: the check can fail.
    let erased = Erased::begin();
    let file = format!("{}.3.key", "07".repeat(16));
    let copy = fs::read(erased.path("ring").join(&file)).unwrap();
    let receipt = erased.receipt(facts());
    let scene = Scene { erased, receipt };
    fs::create_dir_all(scene.path("ring")).unwrap();
    assert_eq!(scene.found(), []);
    fs::write(scene.path("ring").join(&file), &copy).unwrap();
    fs::write(scene.path("a copy"), &copy).unwrap();
    let temporary = file.replace(".key", ".tmp");
    fs::write(scene.path(&temporary), b"").unwrap();
    // Other generations' keys are none of this erasure's business.
    fs::write(scene.path("ring").join(file.replace(".3.", ".33.")), b"").unwrap();
    let mut found = scene.found();
    found.sort();
    let sample = Some((69, true));
    let mut expected = vec![
        (file.clone(), None, Trace::KeyFile),
        (file, sample, Trace::WrappedKey),
        (temporary, None, Trace::KeyFile),
        ("a copy".to_owned(), sample, Trace::WrappedKey),
    ];
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn what_a_live_shelf_holds_of_a_family_is_found_before_it_is_dropped() {
    let scene = Scene::new();
    let shelf = scene.erased.shelves.shelf(1).unwrap();
    shelf.create(FAMILY).unwrap();
    let finds = scene.scan_at(&scene.erased.path("shelves")).finds;
    let in_file = |name: &str| {
        let found = finds.iter().find(|find| {
            let file = find.path.file_name().unwrap().to_string_lossy();
            file.starts_with(name) && find.trace == Trace::FamilyName
        });
        assert!(found.is_some(), "not in {name}: {finds:?}");
    };
    in_file("MANIFEST");
    in_file("OPTIONS");
}

#[test]
fn the_receipt_itself_is_no_trace_and_a_changed_copy_is() {
    let scene = Scene::new();
    let document = scene.receipt.document();
    fs::write(scene.path("receipt.json"), document).unwrap();
    fs::write(
        scene.path("below/with a line feed"),
        [document, b"\n"].concat(),
    )
    .unwrap();
    let mut scan = scene.scan();
    assert!(!scan.finds.is_empty());
    scan.disregard_copies_of(document);
    assert_eq!(scan.finds, []);
    let mut changed = document.to_vec();
    changed.extend_from_slice(b"!");
    fs::write(scene.path("changed.json"), changed).unwrap();
    let mut scan = scene.scan();
    scan.disregard_copies_of(document);
    assert!(
        scan.finds
            .iter()
            .all(|find| find.path.ends_with("changed.json"))
    );
    assert!(!scan.finds.is_empty());
}

#[test]
fn links_are_followed_and_end_nowhere_twice() {
    let scene = Scene::new();
    fs::create_dir(scene.erased.path("elsewhere")).unwrap();
    write_with(
        &scene.erased.path("elsewhere/file"),
        100,
        &[(10, &FAMILY.0)],
    );
    symlink(scene.erased.path("elsewhere"), scene.path("link")).unwrap();
    symlink(
        scene.erased.path("place"),
        scene.erased.path("elsewhere/back"),
    )
    .unwrap();
    symlink("nowhere", scene.path("dangling")).unwrap();
    assert_eq!(
        scene.found(),
        [("file".to_owned(), Some((10, true)), Trace::FamilyBytes)]
    );
}

#[test]
fn many_finds_are_counted_and_not_all_kept() {
    let scene = Scene::new();
    let finds = 10_000;
    fs::write(scene.path("a"), FAMILY.0.repeat(finds)).unwrap();
    let scan = scan(&scene.path("a"), &scene.traces(), THREADS).unwrap();
    assert_eq!(scan.finds.len(), 1_000);
    assert!(scan.more >= 9_000, "{}", scan.more);
}

#[test]
fn a_proof_is_given_for_a_clean_place_alone() {
    let scene = Scene::new();
    let check = |places: &[&str]| {
        let places = places.iter().map(|place| (*place).to_owned());
        check(
            &scene.erased.path(""),
            places.collect(),
            scene.traces(),
            THREADS,
        )
    };
    write_with(&scene.path("a"), 1_000, &[]);
    let checked = check(&["place"]).unwrap();
    assert_eq!((checked.files(), checked.bytes()), (1, 1_000));
    assert_eq!(checked.places(), ["place"]);
    write_with(&scene.path("b"), 1_000, &[(5, &FAMILY.0)]);
    let refused = check(&["place"]).unwrap_err();
    assert!(
        matches!(refused, CheckError::Found { finds: 1, .. }),
        "{refused}"
    );
    let missing = check(&["missing"]).unwrap_err();
    assert!(matches!(missing, CheckError::Scan(_)), "{missing}");
    let nowhere = check(&[]).unwrap_err();
    assert!(matches!(nowhere, CheckError::Nothing), "{nowhere}");
    assert!(
        scene.erased.keyring.holds(TENANT, super::NODE)
            && !scene.erased.keyring.holds(TENANT, Generation(3))
    );
}
