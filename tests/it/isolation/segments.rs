//! Stored indexes that were changed, taken away, or put where another belongs: their tenant goes on
//! answering right, from its rows, and so does everyone else.

use std::{collections::BTreeMap, fs, thread, time::Duration};

use locule::store::{RecordKind, StorageKey};
use serde_json::{Value, json};

use super::disk::{Disk, Rows, head, row};
use crate::harness::{Actor, Node};

#[test]
fn a_stored_index_is_read_back_with_what_was_written_since() {
    let mut house = House::build();
    house.harm(|_| {});
    house.expect_answers(2, 0);
    // A second time, from what the first opening left.
    house.harm(|_| {});
    house.expect_answers(2, 0);
}

#[test]
fn a_chunk_a_manifest_or_a_tombstone_that_was_changed_or_taken_away_costs_a_rebuild() {
    let mut house = House::build();
    let whole = house.rows("anna");
    for kind in [
        RecordKind::Chunk,
        RecordKind::Segment,
        RecordKind::Tombstone,
    ] {
        let keys = keys_of(&whole, kind);
        for key in [keys.first().unwrap(), keys.last().unwrap()] {
            let harms: [fn(&mut Vec<u8>); 4] = [
                |value| value[0] ^= 1,
                |value| *value.last_mut().unwrap() ^= 0x80,
                |value| value.truncate(value.len() / 2),
                Vec::clear,
            ];
            for harm in harms {
                let mut rows = whole.clone();
                harm(rows.get_mut(key).unwrap());
                house.harm(|disk| disk.replace_rows("anna", &rows));
                house.expect_answers(1, 1);
            }
            let mut rows = whole.clone();
            rows.remove(key);
            house.harm(|disk| disk.replace_rows("anna", &rows));
            house.expect_answers(1, 1);
        }
    }
    house.harm(|disk| disk.replace_rows("anna", &whole));
    house.expect_answers(2, 0);
}

#[test]
fn a_chunk_in_anothers_place_costs_a_rebuild() {
    let mut house = House::build();
    let (anna, berta) = (house.rows("anna"), house.rows("berta"));
    let chunks = keys_of(&anna, RecordKind::Chunk);
    assert_eq!(chunks, keys_of(&berta, RecordKind::Chunk));
    // Two of her own, swapped.
    let mut rows = anna.clone();
    rows.insert(chunks[0].clone(), anna[&chunks[1]].clone());
    rows.insert(chunks[1].clone(), anna[&chunks[0]].clone());
    house.harm(|disk| disk.replace_rows("anna", &rows));
    house.expect_answers(1, 1);
    // One of another tenant's.
    let mut rows = anna.clone();
    rows.insert(chunks[0].clone(), berta[&chunks[0]].clone());
    house.harm(|disk| disk.replace_rows("anna", &rows));
    house.expect_answers(1, 1);
    // All of another tenant's, its manifest and tombstones too.
    let mut rows = anna.clone();
    for kind in [
        RecordKind::Chunk,
        RecordKind::Segment,
        RecordKind::Tombstone,
    ] {
        for key in keys_of(&anna, kind) {
            rows.remove(&key);
        }
        for key in keys_of(&berta, kind) {
            rows.insert(key.clone(), berta[&key].clone());
        }
    }
    house.harm(|disk| disk.replace_rows("anna", &rows));
    house.expect_answers(1, 1);
}

#[test]
fn the_index_of_another_collection_or_epoch_costs_a_rebuild() {
    let mut house = House::build();
    house.harm(|_| {});
    let first = house.rows("anna");
    // So much changes that the index is stored anew.
    house.replace_half("anna");
    house.harm(|_| {});
    let second = house.rows("anna");
    house.expect_answers(2, 0);
    let (old, new) = (
        keys_of(&first, RecordKind::Chunk),
        keys_of(&second, RecordKind::Chunk),
    );
    assert!(old.iter().all(|key| !new.contains(key)), "other keys");
    // The older chunks under the newer one's keys.
    let mut rows = second.clone();
    for (old, new) in old.iter().zip(&new) {
        rows.insert(new.clone(), first[old].clone());
    }
    house.harm(|disk| disk.replace_rows("anna", &rows));
    house.expect_answers(1, 1);
    // The older index as a whole, where the newer one was.
    let mut rows = second.clone();
    for kind in [
        RecordKind::Chunk,
        RecordKind::Segment,
        RecordKind::Tombstone,
    ] {
        for key in keys_of(&second, kind) {
            rows.remove(&key);
        }
        for key in keys_of(&first, kind) {
            rows.insert(key.clone(), first[&key].clone());
        }
    }
    house.harm(|disk| disk.replace_rows("anna", &rows));
    house.expect_answers(1, 1);
    // An index under another collection's number, of which the head knows nothing: it stays
    // unread.
    let mut rows = second.clone();
    for key in keys_of(&second, RecordKind::Segment) {
        let elsewhere = StorageKey::segment(77).as_bytes().to_vec();
        rows.insert(elsewhere, second[&key].clone());
    }
    house.harm(|disk| disk.replace_rows("anna", &rows));
    house.expect_answers(2, 0);
}

#[test]
fn an_index_that_was_once_disbelieved_stays_so() {
    let mut house = House::build();
    let whole = house.rows("anna");
    let chunk = keys_of(&whole, RecordKind::Chunk).swap_remove(0);
    house.harm(|disk| disk.change_rows("anna", |rows| drop(rows.remove(&chunk))));
    // The shelf is opened, and then has no place for a new one.
    house
        .owner("berta")
        .get("/collections/docs/points/1")
        .expect(200);
    let place = house.node().directory().join("shelves/000000/ingest");
    fs::write(&place, "").unwrap();
    // What is deleted now leaves no tombstone for the old one.
    house.delete("anna", 40);
    house.harm(|disk| {
        fs::remove_file(&place).unwrap();
        disk.change_rows("anna", |rows| {
            rows.insert(chunk.clone(), whole[&chunk].clone());
        });
    });
    house.expect_answers(1, 0);
}

#[test]
fn a_damaged_row_behind_an_index_stops_its_tenant_and_one_under_it_its_reader() {
    let mut house = House::build();
    let whole = house.rows("anna");
    let rows = keys_of(&whole, RecordKind::Row);
    // Behind: it was written after the index was stored.
    let last = rows.last().unwrap().clone();
    house.harm(|disk| disk.change_rows("anna", |rows| rows.get_mut(&last).unwrap()[40] ^= 1));
    let anna = house.owner("anna");
    let count = |actor: &Actor| {
        actor
            .post("/collections/docs/points/count", json!({}))
            .status
    };
    assert_eq!((count(&anna), count(&house.owner("berta"))), (500, 200));
    // Under it: found when it is read, by a request that is for it.
    for gone in [false, true] {
        house.harm(|disk| {
            let mut rows = whole.clone();
            let key = row(20);
            assert!(rows.contains_key(&key));
            if gone {
                rows.remove(&key);
            } else {
                rows.get_mut(&key).unwrap()[40] ^= 1;
            }
            disk.replace_rows("anna", &rows);
        });
        let anna = house.owner("anna");
        assert_eq!(count(&anna), 200);
        assert_eq!(anna.get("/collections/docs/points/19").status, 200);
        let counted = house.node().metric("locule_corrupt_total");
        let answer = anna.get("/collections/docs/points/20");
        assert_eq!(answer.status, 500, "{}", answer.text);
        assert_eq!(answer.message(), "stored data of this tenant didn't open");
        assert_eq!(house.node().metric("locule_corrupt_total"), counted + 1);
    }
    house.harm(|disk| disk.replace_rows("anna", &whole));
    house.expect_answers(2, 0);
}

#[test]
fn a_directory_from_before_there_were_segments_is_read_and_gets_them() {
    let mut house = House::build();
    house.harm(|disk| {
        let key = disk.load_key("anna", 1).derive_data_key(0);
        disk.change_rows("anna", |rows| {
            rows.retain(|at, _| at[0] <= RecordKind::Row as u8);
            let sealed = rows.get_mut(&head()).unwrap();
            // The first version ends behind the count of messages.
            let mut plain = key.open(head()[0], &head(), sealed).unwrap();
            plain.truncate(1 + 8 + 4 + 8);
            plain[0] = 1;
            let resealed = key.seal(head()[0], &head(), &plain).unwrap();
            *sealed = resealed.as_bytes().to_vec();
        });
    });
    house.expect_answers(1, 0);
    house.put("anna", 30..34, 6.0);
    house.delete("anna", 35);
    house.wait_for_segments(1);
    house.harm(|_| {});
    house.expect_answers(2, 0);
}

/// Two tenants with a stored index each, and with points that were written, replaced and deleted
/// since it was stored. Point N stands in row N at first.
struct House {
    node: Option<Node>,
    owners: BTreeMap<&'static str, String>,
    expected: BTreeMap<&'static str, BTreeMap<u64, f32>>,
}

impl House {
    fn build() -> Self {
        let mut house = Self {
            node: Some(Node::start()),
            owners: BTreeMap::new(),
            expected: BTreeMap::new(),
        };
        for tenant in TENANTS {
            let owner = house.node().tenant(tenant).owner;
            house.owners.insert(tenant, owner.key.clone().unwrap());
            owner.create_collection("docs", DIMENSION, "Dot");
            house.put(tenant, 0..POINTS, 1.0);
        }
        house.wait_for_segments(2);
        for tenant in TENANTS {
            house.put(tenant, POINTS..POINTS + 2, 2.0);
            house.put(tenant, 5..8, 3.0);
            house.delete(tenant, 10);
            house.delete(tenant, POINTS + 1);
            house.put(tenant, 11..12, 4.0);
        }
        house.node = Some(house.node.take().unwrap().restart());
        house.expect_answers(2, 0);
        house
    }

    /// Stores points, each with a vector of its own.
    fn put(&mut self, tenant: &'static str, ids: std::ops::Range<u64>, stamp: f32) {
        let points: Vec<Value> = ids
            .clone()
            .map(|id| json!({"id": id, "vector": vector(tenant, id, stamp), "payload": {"id": id}}))
            .collect();
        let owner = self.owner(tenant);
        let body = json!({"points": points});
        owner.put("/collections/docs/points", body).expect(200);
        let expected = self.expected.entry(tenant).or_default();
        expected.extend(ids.map(|id| (id, stamp)));
    }

    fn delete(&mut self, tenant: &'static str, id: u64) {
        let owner = self.owner(tenant);
        let body = json!({"points": [id]});
        owner
            .post("/collections/docs/points/delete", body)
            .expect(200);
        self.expected.get_mut(tenant).unwrap().remove(&id);
    }

    fn replace_half(&mut self, tenant: &'static str) {
        let before = self.node().metric("locule_segments_written_total");
        self.put(tenant, 100..100 + POINTS / 2, 5.0);
        self.wait_for_segments(before + 1);
    }

    fn wait_for_segments(&self, count: u64) {
        while self.node().metric("locule_segments_written_total") < count {
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn rows(&mut self, tenant: &str) -> Rows {
        let mut rows = Rows::new();
        self.harm(|disk| rows = disk.rows(tenant));
        rows
    }

    /// Stops the node, does something to its directory, and starts it again.
    fn harm(&mut self, harm: impl FnOnce(&Disk)) {
        let stopped = self.node.take().unwrap().stop();
        harm(&Disk::of(&stopped));
        self.node = Some(stopped.start());
    }

    /// Everyone has just their own points, with their own vectors; so many indexes were read
    /// back for that, and so many rebuilt.
    #[track_caller]
    fn expect_answers(&self, read: u64, rebuilt: u64) {
        for tenant in TENANTS {
            let owner = self.owner(tenant);
            let expected = &self.expected[tenant];
            let body = json!({"limit": 10_000});
            let page = owner.post("/collections/docs/points/scroll", body);
            let page = page.expect(200);
            let points = page["result"]["points"].as_array().unwrap();
            let ids: Vec<u64> = points.iter().map(|p| p["id"].as_u64().unwrap()).collect();
            assert!(ids.iter().eq(expected.keys()), "{tenant}: {ids:?}");
            for (id, stamp) in expected {
                if id % 16 > 0 && id % 100 > 12 {
                    continue;
                }
                let found = owner.query("docs", &vector(tenant, *id, *stamp), 1);
                assert_eq!(found[0]["id"], *id, "{tenant}: {found:?}");
                assert_eq!(found[0]["payload"]["id"], *id);
                let score = found[0]["score"].as_f64().unwrap();
                let exact = f64::from(*stamp).powi(2) + 100.0;
                assert!((score - exact).abs() < 1e-3, "{tenant} {id}: {score}");
            }
        }
        let node = self.node();
        assert_eq!(node.metric("locule_segments_read_total"), read);
        assert_eq!(node.metric("locule_segments_rebuilt_total"), rebuilt);
        assert_eq!(node.metric("locule_corrupt_total"), 0);
    }

    fn owner(&self, tenant: &str) -> Actor {
        self.node().actor(&self.owners[tenant])
    }

    fn node(&self) -> &Node {
        self.node.as_ref().unwrap()
    }
}

/// Nearest to itself: ten in a component that is the point's own, the stamp in one that is the
/// tenant's.
fn vector(tenant: &str, id: u64, stamp: f32) -> Vec<f32> {
    let mut vector = vec![0.0; DIMENSION];
    vector[usize::try_from(id).unwrap()] = 10.0;
    let own = TENANTS.iter().position(|t| *t == tenant).unwrap();
    vector[DIMENSION - 1 - own] = stamp;
    vector
}

fn keys_of(rows: &Rows, kind: RecordKind) -> Vec<Vec<u8>> {
    let keys = rows.keys().filter(|key| key[0] == kind as u8);
    keys.cloned().collect()
}

const TENANTS: [&str; 2] = ["anna", "berta"];
/// Past the bytes from which on an index is stored, and so many that what is written after it is
/// less than the part that has it stored anew when the node stops.
const POINTS: u64 = 720;
const DIMENSION: usize = 2_048;
