//! *Readers of what belongs to segments, for `fuzz/`*: see `partition/fuzzing.rs`.

use super::{
    format::{Manifest, decode_tombstone, encode_tombstone},
    table::Table,
};

pub(in crate::partition) fn manifest(bytes: &[u8]) {
    if let Ok(manifest) = Manifest::decode(bytes) {
        let again = Manifest::decode(&manifest.encode());
        assert_eq!(again, Ok(manifest), "a manifest reads back");
    }
}

pub(in crate::partition) fn tombstone(bytes: &[u8]) {
    if let Ok(rows) = decode_tombstone(bytes) {
        let again = decode_tombstone(&encode_tombstone(&rows));
        assert_eq!(again, Ok(rows), "a tombstone reads back");
    }
}

/// The lengths of the first two parts, a byte each, then the three parts.
pub(in crate::partition) fn slots(bytes: &[u8]) {
    let [slots, dead, bytes @ ..] = bytes else {
        return;
    };
    let (slots, bytes) = bytes.split_at(bytes.len().min(usize::from(*slots)));
    let (dead, order) = bytes.split_at(bytes.len().min(usize::from(*dead)));
    let table = Table {
        slots: slots.to_vec(),
        dead: dead.to_vec(),
        order: order.to_vec(),
    };
    if let Ok(read) = table.read(u64::MAX) {
        let living = read.slots.len() - read.dead.count_ones(..);
        assert_eq!(read.order.len(), living, "whatever isn't dead is in order");
    }
}
