//! Values, families, key files and records of one tenant where another's belong.

use std::{fs, sync::Arc};

use locule::{
    clock::{Manual, Timestamp},
    engine::Engine,
    tenant::Generation,
};

use super::{
    disk::{Disk, Rows, head, row, schema, swap_files},
    neighbours::Neighbours,
};
use crate::harness::{Node, options};

fn check(harmed: &[&str], harm: impl FnOnce(&Disk)) {
    let mut neighbours = Neighbours::settle();
    neighbours.harm(harm);
    neighbours.expect_corrupt(harmed);
}

#[test]
fn a_row_copied_over_another_tenants_row_opens_nowhere() {
    let mut neighbours = Neighbours::settle();
    for key in [row(1), schema(), head()] {
        let mut own = Rows::new();
        neighbours.harm(|disk| {
            own = disk.rows("berta");
            let value = disk.rows("anna")[&key].clone();
            disk.change_rows("berta", |rows| {
                assert!(rows.insert(key, value).is_some());
            });
        });
        neighbours.expect_corrupt(&["berta"]);
        neighbours.harm(|disk| disk.replace_rows("berta", &own));
    }
    neighbours.expect_corrupt(&[]);
}

#[test]
fn a_row_added_to_another_tenants_family_opens_nowhere() {
    check(&["berta"], |disk| {
        let value = disk.rows("anna")[&row(1)].clone();
        disk.change_rows("berta", |rows| {
            assert!(rows.insert(row(77), value).is_none());
        });
    });
}

#[test]
fn a_row_moved_within_its_own_family_doesnt_open() {
    check(&["berta"], |disk| {
        disk.change_rows("berta", |rows| {
            let (one, other) = (rows[&row(0)].clone(), rows[&row(1)].clone());
            rows.insert(row(0), other);
            rows.insert(row(1), one);
        });
    });
    check(&["berta"], |disk| {
        disk.change_rows("berta", |rows| {
            drop(rows.insert(head(), rows[&row(1)].clone()))
        });
    });
}

#[test]
fn two_families_with_each_others_contents_open_for_nobody() {
    let mut neighbours = Neighbours::settle();
    let swap = |disk: &Disk| {
        let (anna, berta) = (disk.rows("anna"), disk.rows("berta"));
        disk.replace_rows("anna", &berta);
        disk.replace_rows("berta", &anna);
    };
    neighbours.harm(swap);
    neighbours.expect_corrupt(&["anna", "berta"]);
    neighbours.harm(swap);
    neighbours.expect_corrupt(&[]);
}

#[test]
fn a_tenant_that_is_routed_to_anothers_family_reads_nothing_of_it() {
    check(&["anna"], |disk| {
        let other = disk.record("berta").family;
        disk.change_record("anna", |record| record.family = other);
    });
    check(&["anna"], |disk| {
        disk.change_record("anna", |record| record.family.0 = [7; 16])
    });
}

#[test]
fn a_tenant_that_takes_anothers_number_finds_no_door_that_it_opens() {
    // Even with the right family and the right key at hand, a credential says whose they are.
    let mut neighbours = Neighbours::settle();
    neighbours.harm(|disk| {
        let other = disk.record("berta");
        disk.change_record("anna", |record| {
            record.uuid = other.uuid;
            record.family = other.family;
        });
    });
    let answer = neighbours.owner("anna").get("/collections/docs/points/1");
    assert_eq!(answer.status, 404, "{}", answer.text);
    assert!(!answer.text.contains("berta"));
}

#[test]
fn swapped_key_files_open_for_nobody() {
    let mut neighbours = Neighbours::settle();
    let swap = |disk: &Disk| swap_files(&disk.key_file("anna", 1), &disk.key_file("berta", 1));
    neighbours.harm(swap);
    neighbours.expect_corrupt(&["anna", "berta"]);
    neighbours.harm(swap);
    neighbours.expect_corrupt(&[]);
}

#[test]
fn a_key_file_under_anothers_name_opens_nothing() {
    check(&["berta"], |disk| {
        fs::copy(disk.key_file("anna", 1), disk.key_file("berta", 1)).unwrap();
    });
    // The family and the key file of one tenant, both in another's place.
    check(&["anna"], |disk| {
        fs::copy(disk.key_file("berta", 1), disk.key_file("anna", 1)).unwrap();
        let other = disk.record("berta").family;
        disk.change_record("anna", |record| record.family = other);
    });
}

#[test]
fn a_key_file_of_one_generation_isnt_anothers() {
    check(&["berta"], |disk| {
        fs::rename(disk.key_file("berta", 1), disk.key_file("berta", 2)).unwrap();
    });
    check(&["berta"], |disk| {
        fs::copy(disk.key_file("berta", 1), disk.key_file("berta", 2)).unwrap();
        disk.change_record("berta", |record| record.generation = Generation(2));
    });
}

#[test]
fn a_record_that_claims_another_generation_opens_no_row() {
    check(&["berta"], |disk| {
        let _key = disk.make_key("berta", 2);
        disk.change_record("berta", |record| record.generation = Generation(2));
    });
}

#[test]
fn what_was_sealed_for_an_earlier_generation_doesnt_come_back() {
    let mut neighbours = Neighbours::settle();
    let mut old = Rows::new();
    neighbours.harm(|disk| {
        old = disk.rows("berta");
        let (from, to) = (disk.load_key("berta", 1), disk.make_key("berta", 2));
        let (from, to) = (from.derive_data_key(0), to.derive_data_key(0));
        let resealed = old.iter().map(|(key, value)| {
            let plain = from.open(key[0], key, value).unwrap();
            let sealed = to.seal(key[0], key, &plain).unwrap();
            (key.clone(), sealed.as_bytes().to_vec())
        });
        disk.replace_rows("berta", &resealed.collect());
        disk.change_record("berta", |record| record.generation = Generation(2));
    });
    // The control: a second generation, whole.
    neighbours.expect_corrupt(&[]);
    let mut new = Rows::new();
    neighbours.harm(|disk| {
        new = disk.rows("berta");
        disk.change_rows("berta", |rows| {
            drop(rows.insert(row(2), old[&row(2)].clone()))
        });
    });
    neighbours.expect_corrupt(&["berta"]);
    // The old generation's rows as a whole, under the new record.
    neighbours.harm(|disk| disk.replace_rows("berta", &old));
    neighbours.expect_corrupt(&["berta"]);
    // The old record, with the old key still at hand, over the new rows.
    neighbours.harm(|disk| {
        disk.replace_rows("berta", &new);
        disk.change_record("berta", |record| record.generation = Generation(1));
    });
    neighbours.expect_corrupt(&["berta"]);
}

#[test]
fn a_key_that_isnt_a_storage_key_is_never_answered() {
    let mut neighbours = Neighbours::settle();
    neighbours.harm(|disk| {
        let value = disk.rows("anna")[&row(1)].clone();
        disk.change_rows("berta", |rows| {
            rows.insert([row(1), vec![0]].concat(), value.clone());
            rows.insert(vec![0xFF; 13], value);
        });
    });
    neighbours.expect_corrupt(&[]);
}

#[test]
fn a_node_whose_own_key_is_anothers_doesnt_start() {
    let node = Node::start();
    node.tenant("anna");
    let stopped = node.stop();
    let disk = Disk::of(&stopped);
    let (own, other) = (disk.system_key_file(), disk.key_file("anna", 1));
    drop(disk);
    swap_files(&own, &other);
    let clock = Arc::new(Manual::at(Timestamp(0)));
    let error = Engine::start(options(&stopped.path(), clock)).unwrap_err();
    let error = error.to_string();
    assert!(error.starts_with("the keyring doesn't open"), "{error}");
    swap_files(&own, &other);
    stopped
        .start()
        .operator()
        .get("/v1/tenants/anna")
        .expect(200);
}
