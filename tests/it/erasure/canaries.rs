//! Canaries go out through every route, and are erased by every scope. Then every byte of the
//! directory is looked at: for the words themselves, and for the ciphertext that held them, which is
//! taken from the database beforehand, whatever the receipts name of it.

use std::fs;

use locule::ops::receipt::SignedReceipt;
use serde_json::{Value, json};

use super::{erase, left, receipt};
use crate::{
    backup,
    canary::{
        requests::send_everything,
        scanner::Scanner,
        secrets::{DIMENSION, Secret, Words},
    },
    harness::{Node, Stopped, Tenant},
    isolation::disk::Disk,
};

/// A scope of one kind.
struct Case {
    /// The kind, and what the tenant is called.
    name: &'static str,
    scope: fn(&Words) -> Value,
    /// Which of the tenant's four points it leaves alone.
    stay: &'static [&'static str],
}

const CASES: [Case; 5] = [
    Case {
        name: "points",
        scope: |words| json!({"points": {"collection": words.collection, "ids": [words.number]}}),
        stay: &["uuid", "plain", "other"],
    },
    Case {
        name: "filter",
        scope: |words| {
            let filter = json!({"must": [{"key": words.field, "match": {"value": words.value}}]});
            json!({"filter": {"collection": words.collection, "filter": filter}})
        },
        stay: &["plain", "other"],
    },
    Case {
        name: "subject",
        scope: |words| json!({"subject": {"field": "email", "value": words.email}}),
        stay: &["plain"],
    },
    Case {
        name: "collection",
        scope: |words| json!({"collection": words.collection}),
        stay: &["other"],
    },
    Case {
        name: "tenant",
        scope: |_| json!({"tenant": true}),
        stay: &[],
    },
];

/// A tenant that said its words to every route, and has a backup.
struct Planted {
    case: Case,
    tenant: Tenant,
    words: Words,
}

impl Planted {
    fn new(node: &Node, case: Case) -> Self {
        let (tenant, words) = (node.tenant(case.name), Words::of(case.name));
        send_everything(&tenant.owner, &words);
        let owner = &tenant.owner;
        owner.put_point(&words.collection, 77, &words.query, json!({}));
        owner.create_collection(OTHER, DIMENSION, "Dot");
        owner.put_point(OTHER, 78, &words.vector, words.payload());
        backup::make(owner);
        Self {
            case,
            tenant,
            words,
        }
    }

    /// Which of its points are answered.
    fn answered(&self) -> Vec<&'static str> {
        let Words {
            collection,
            number,
            uuid,
            ..
        } = &self.words;
        let points = [
            ("number", collection.as_str(), number.to_string()),
            ("uuid", collection, uuid.to_string()),
            ("plain", collection, "77".to_owned()),
            ("other", OTHER, "78".to_owned()),
        ];
        let there = points.into_iter().filter(|(_, collection, id)| {
            let path = format!("/collections/{collection}/points/{id}");
            self.tenant.owner.get(&path).status == 200
        });
        there.map(|(name, ..)| name).collect()
    }

    /// Slices of all ciphertext that the tenant's generation has, from the middle of each value
    /// and from its end, and how many values say a word once they are opened.
    fn ciphertext(&self, copy: &Stopped) -> (Vec<Secret>, usize) {
        let disk = Disk::of(copy);
        let key = disk.load_key(&self.tenant.id, 1).derive_data_key(0);
        let word = self.words.value.as_bytes();
        let (mut slices, mut telling) = (Vec::new(), 0);
        for (place, value) in disk.rows(&self.tenant.id) {
            let plain = key.open(place[0], &place, &value).unwrap();
            telling += usize::from(plain.windows(word.len()).any(|part| part == word));
            let of = |part: &str| format!("{part} of the value at {place:02x?}");
            let middle = value.len() / 2;
            slices.push(Secret::bytes(
                &of("the middle"),
                &value[middle - 8..middle + 8],
            ));
            slices.push(Secret::bytes(&of("the end"), &value[value.len() - 16..]));
        }
        (slices, telling)
    }
}

#[test]
fn by_whatever_scope_canaries_are_erased_neither_they_nor_their_ciphertext_are_left() {
    let node = Node::start();
    let planted = CASES.map(|case| Planted::new(&node, case));
    let said: Vec<Secret> = planted.iter().flat_map(|one| one.words.secrets()).collect();
    let said = Scanner::new(&said);
    // Twice: opening the one as a database changes it.
    let (before, opened) = (node.as_after_a_crash(), node.as_after_a_crash());
    let ciphertext = planted.each_ref().map(|one| {
        let (slices, telling) = one.ciphertext(&opened);
        assert!(
            telling >= 3,
            "{}: {telling} values say its word",
            one.tenant.id
        );
        Scanner::new(&slices)
    });
    let receipts: Vec<SignedReceipt> = planted
        .iter()
        .zip(&ciphertext)
        .map(|(one, ciphertext)| {
            let Case { name, scope, stay } = one.case;
            ciphertext.expect_all(&before.path(), name);
            let erasure = erase(&one.tenant.owner, scope(&one.words));
            assert_eq!(erasure["scope"], name);
            assert_eq!(erasure["points"], 4 - stay.len(), "{erasure}");
            assert_eq!(one.answered(), stay, "{name}");
            ciphertext.expect_nothing(node.directory(), name);
            said.expect_nothing(node.directory(), name);
            let reader = if stay.is_empty() {
                node.operator()
            } else {
                one.tenant.owner.clone()
            };
            let receipt = receipt(&reader, &erasure);
            assert_eq!(left(node.directory(), &receipt).finds, [], "{name}");
            receipt
        })
        .collect();

    let stopped = node.stop();
    said.expect_nothing(&stopped.path(), "after it stopped");
    for (receipt, ciphertext) in receipts.iter().zip(&ciphertext) {
        ciphertext.expect_nothing(&stopped.path(), "after it stopped");
        assert_eq!(left(&stopped.path(), receipt).finds, []);
        // A keyring that wasn't shredded is found.
        let key = format!("keys/ring/{}", receipt.body().key.file);
        let (old, now) = (before.path().join(&key), stopped.path().join(&key));
        fs::copy(old, &now).unwrap();
        let finds = left(&stopped.path(), receipt).finds;
        assert!(
            finds.len() >= 2 && finds.iter().all(|find| find.path.ends_with(&key)),
            "{finds:?}"
        );
        fs::remove_file(now).unwrap();
        let copy = left(&before.path(), receipt);
        assert!(copy.finds.len() as u64 + copy.more > receipt.body().canaries.len() as u64);
    }
    let node = stopped.start();
    for one in planted {
        let Case { name, stay, .. } = one.case;
        let tenant = one.tenant.on(&node);
        assert_eq!(Planted { tenant, ..one }.answered(), stay, "{name}");
    }
    for ciphertext in &ciphertext {
        ciphertext.expect_nothing(node.directory(), "after it started again");
    }
    said.expect_nothing(node.directory(), "after it started again");
}

const OTHER: &str = "other";
