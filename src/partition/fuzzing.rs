//! *Every reader of what a family stores, for `fuzz/`*: compiled with the feature `fuzzing` alone.
//!
//! Each takes any bytes. What it can read, it writes again and reads the same.

use super::{
    format::{
        Head, Row, decode_aliases, decode_collection, decode_retention, decode_untold,
        encode_aliases, encode_collection, encode_retention, encode_untold,
    },
    segment::fuzzing::{manifest, slots, tombstone},
};
use crate::{
    index::Blank,
    payload::index::{Definition, Indexes},
    tenant::CollectionName,
    vector::{Dimension, Metric},
};

/// The readers.
pub const RECORDS: [fn(&[u8]); 11] = [
    row,
    head,
    collection,
    aliases,
    manifest,
    tombstone,
    slots,
    image,
    payload_indexes,
    retention,
    untold,
];

fn row(bytes: &[u8]) {
    if let Ok(row) = Row::decode(bytes) {
        let vectors = row.vectors.iter();
        let vectors: Vec<(&str, &[f32])> = vectors
            .map(|(name, values)| (name.as_str(), values.as_slice()))
            .collect();
        let again = Row::encode(
            (row.seq, row.written),
            row.id,
            &vectors,
            row.payload.into_json().as_bytes(),
        );
        assert!(Row::decode(&again).is_ok(), "a row reads back");
    }
}

fn head(bytes: &[u8]) {
    if let Ok(head) = Head::decode(bytes) {
        assert_eq!(Head::decode(&head.encode()), Ok(head), "a head reads back");
    }
}

fn collection(bytes: &[u8]) {
    if let Ok((name, schema, indexes)) = decode_collection(bytes) {
        let indexes: Vec<&Definition> = indexes.iter().collect();
        let again = encode_collection(&name, &schema, &indexes);
        assert!(decode_collection(&again).is_ok(), "a collection reads back");
    }
}

fn aliases(bytes: &[u8]) {
    if let Ok(aliases) = decode_aliases(bytes) {
        let named = aliases.iter().map(|(name, of)| (name, *of));
        let again = encode_aliases(&named.collect::<Vec<(&CollectionName, u32)>>());
        assert_eq!(decode_aliases(&again), Ok(aliases), "aliases read back");
    }
}

/// A header, its length first, then what fills its parts.
fn image(bytes: &[u8]) {
    let (Some((length, bytes)), Ok(dimension)) = (bytes.split_first(), Dimension::new(3)) else {
        return;
    };
    let Some((header, mut filling)) = bytes.split_at_checked(usize::from(*length)) else {
        return;
    };
    let lengths = Blank::lengths(Metric::Cosine, dimension, header);
    // The caller holds the lengths against what is stored before it takes memory.
    if !lengths.is_ok_and(|lengths| lengths.iter().sum::<u64>() < IMAGE_BYTES_MAX) {
        return;
    }
    if let Ok(mut blank) = Blank::new(Metric::Cosine, dimension, header) {
        for part in blank.parts_mut() {
            let count = part.len().min(filling.len());
            let (some, rest) = filling.split_at(count);
            part[..count].copy_from_slice(some);
            filling = rest;
        }
        drop(blank.finish());
    }
}

fn payload_indexes(bytes: &[u8]) {
    if let Ok(indexes) = Indexes::decode(bytes) {
        let again = Indexes::decode(&indexes.encode()).map(|again| again.encode());
        assert_eq!(again, Ok(indexes.encode()), "payload indexes read back");
    }
}

fn retention(bytes: &[u8]) {
    if let Ok(standing) = decode_retention(bytes) {
        let again = decode_retention(&encode_retention(&standing));
        assert_eq!(again, Ok(standing), "a retention reads back");
    }
}

fn untold(bytes: &[u8]) {
    if let Ok(points) = decode_untold(bytes) {
        let again = decode_untold(&encode_untold(points));
        assert_eq!(again, Ok(points), "a count reads back");
    }
}

const IMAGE_BYTES_MAX: u64 = 1 << 20;
