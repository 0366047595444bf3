//! Erasure: gone from answers at once, from the disk soon after, with a receipt that holds.

mod canaries;
mod crash;
mod killed;
mod load;
mod rotation;
mod scopes;
mod traces;
mod waiting;
mod wire;

use std::{num::NonZeroUsize, path::Path};

use locule::ops::{
    receipt::SignedReceipt,
    verify::{Scan, Traces, scan},
};
use serde_json::{Value, json};

use crate::harness::{Actor, Node, Tenant, vectors};

/// Asks for an erasure and waits for its end.
#[track_caller]
pub fn erase(actor: &Actor, scope: Value) -> Value {
    let body = json!({"reason": "a test", "scope": scope});
    let erasure = actor.post("/v1/erasures?wait=60", body).expect(202);
    assert_eq!(erasure["state"], "done", "{erasure}");
    erasure
}

/// The receipt of an erasure, its signature checked.
#[track_caller]
pub fn receipt(actor: &Actor, erasure: &Value) -> SignedReceipt {
    let id = erasure["id"].as_str().unwrap();
    let answer = actor.get(&format!("/v1/erasures/{id}/receipt"));
    assert_eq!(answer.status, 200, "{}", answer.text);
    SignedReceipt::parse(answer.text.as_bytes()).unwrap()
}

/// What is left, in a directory, of what a receipt says is gone.
pub fn left(directory: &Path, receipt: &SignedReceipt) -> Scan {
    let traces = Traces::of_receipt(receipt.body());
    let mut left = scan(directory, &traces, NonZeroUsize::MIN).unwrap();
    assert!(left.unread.is_empty(), "{:?}", left.unread);
    left.disregard_copies_of(receipt.document());
    left
}

/// A tenant with people's notes: `count` of them, each with a person (of ten), a number and a text.
pub fn people(node: &Node, id: &str, count: u64) -> Tenant {
    let tenant = node.tenant(id);
    tenant.owner.create_collection("notes", DIMENSION, "Cosine");
    put_notes(&tenant.writer, "notes", 0..count);
    tenant
}

pub fn put_notes(writer: &Actor, collection: &str, numbers: std::ops::Range<u64>) {
    let vectors = vectors::random(usize::try_from(numbers.end).unwrap(), DIMENSION, 7);
    let numbers: Vec<u64> = numbers.collect();
    for some in numbers.chunks(2_000) {
        let points: Vec<Value> = some
            .iter()
            .map(|number| {
                json!({
                    "id": number,
                    "vector": vectors[usize::try_from(*number).unwrap()],
                    "payload": {"person": format!("person-{}", number % 10), "number": number, "text": format!("note {number}")},
                })
            })
            .collect();
        let path = format!("/collections/{collection}/points?wait=true");
        writer.put(&path, json!({"points": points})).expect(200);
    }
}

/// The ids of all points, by scrolling.
pub fn ids(actor: &Actor, collection: &str) -> Vec<u64> {
    let path = format!("/collections/{collection}/points/scroll");
    let body = json!({"limit": 10_000, "with_payload": false});
    let page = actor.post(&path, body).expect(200);
    let points = page["result"]["points"].as_array().unwrap();
    points
        .iter()
        .map(|point| point["id"].as_u64().unwrap())
        .collect()
}

pub const DIMENSION: usize = 16;
