//! Values and key files that were changed, cut short or taken away.

use std::fs;

use super::{
    disk::{Disk, Rows, head, row, schema},
    neighbours::Neighbours,
};

/// Does `berta` one harm after another; each time she fails alone. With the last one undone she
/// answers again: nothing that didn't open was thrown away or written over.
fn check<H: FnOnce(&Disk)>(harms: impl IntoIterator<Item = H>) {
    let mut neighbours = Neighbours::settle();
    let mut unharmed = None;
    let mut restore = |disk: &Disk| {
        let path = disk.key_file("berta", 1);
        let (rows, key) =
            unharmed.get_or_insert_with(|| (disk.rows("berta"), fs::read(&path).unwrap()));
        disk.replace_rows("berta", rows);
        fs::write(path, key).unwrap();
    };
    for harm in harms {
        neighbours.harm(|disk| {
            restore(disk);
            harm(disk);
        });
        neighbours.expect_corrupt(&["berta"]);
    }
    neighbours.harm(restore);
    neighbours.expect_corrupt(&[]);
}

type Harm = Box<dyn FnOnce(&Disk)>;

#[test]
fn an_unharmed_directory_answers_for_everyone() {
    let mut neighbours = Neighbours::settle();
    neighbours.harm(|disk| {
        disk.change_rows("berta", |rows| {
            assert_eq!(rows.len(), 5, "head, schema, points")
        });
        disk.change_record("berta", |_| {});
        let key = disk.key_file("berta", 1);
        fs::write(&key, fs::read(&key).unwrap()).unwrap();
    });
    neighbours.expect_corrupt(&[]);
}

#[test]
fn one_flipped_bit_anywhere_in_a_row_is_noticed() {
    // In the version, the generation, the nonce, the ciphertext, the tag.
    check([0, 4, 5, 17, usize::MAX].map(|place| {
        move |disk: &Disk| {
            disk.change_rows("berta", |rows| {
                let value = rows.get_mut(&row(1)).unwrap();
                let place = place.min(value.len() - 1);
                value[place] ^= 1;
            });
        }
    }));
}

#[test]
fn a_row_that_was_cut_short_is_noticed() {
    check([0, 16, 40].map(|length| {
        move |disk: &Disk| {
            disk.change_rows("berta", |rows| {
                rows.get_mut(&row(1)).unwrap().truncate(length)
            });
        }
    }));
}

#[test]
fn a_head_or_a_schema_that_was_changed_or_taken_away_is_noticed() {
    let gone = |key: Vec<u8>| -> Harm {
        Box::new(move |disk| disk.change_rows("berta", |rows| drop(rows.remove(&key).unwrap())))
    };
    let changed = |key: Vec<u8>| -> Harm {
        Box::new(move |disk| {
            disk.change_rows("berta", |rows| rows.get_mut(&key).unwrap()[20] ^= 0x80);
        })
    };
    check([
        gone(head()),
        changed(head()),
        gone(schema()),
        changed(schema()),
    ]);
}

#[test]
fn an_emptied_family_isnt_taken_for_a_new_tenant() {
    check([|disk: &Disk| disk.replace_rows("berta", &Rows::new())]);
}

#[test]
fn a_key_file_that_was_cut_short_changed_or_taken_away_is_noticed() {
    let mut harms: Vec<Harm> = Vec::new();
    for length in [0, 24, 92] {
        harms.push(Box::new(move |disk| {
            let path = disk.key_file("berta", 1);
            let bytes = fs::read(&path).unwrap();
            assert_eq!(bytes.len(), 93);
            fs::write(path, &bytes[..length]).unwrap();
        }));
    }
    // In the magic, the tenant, the generation, the root key's id, the nonce, the wrapped key, the tag.
    for place in [0, 5, 24, 30, 40, 60, 92] {
        harms.push(Box::new(move |disk| {
            let path = disk.key_file("berta", 1);
            let mut bytes = fs::read(&path).unwrap();
            bytes[place] ^= 1;
            fs::write(path, bytes).unwrap();
        }));
    }
    harms.push(Box::new(|disk| {
        fs::remove_file(disk.key_file("berta", 1)).unwrap()
    }));
    check(harms);
}

#[test]
fn what_doesnt_open_can_still_be_deleted() {
    let mut neighbours = Neighbours::settle();
    neighbours.harm(|disk| {
        disk.change_rows("berta", |rows| drop(rows.remove(&head())));
        fs::write(disk.key_file("berta", 1), b"no key").unwrap();
    });
    neighbours.expect_corrupt(&["berta"]);
    let operator = neighbours.node().operator();
    operator.delete("/v1/tenants/berta?wait=60").expect(202);
    neighbours.harm(|disk| assert!(!disk.key_file("berta", 1).exists()));
    let record = neighbours.node().operator().get("/v1/tenants/berta");
    assert_eq!(record["state"], "deleted");
}
