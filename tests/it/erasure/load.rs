use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::{DIMENSION, erase, ids, people, receipt};
use crate::harness::{Node, vectors};

/// Reads and writes go on while a partition is resealed again and again: every answer is right, and
/// every acknowledged write is there afterwards.
#[test]
fn nothing_is_lost_or_comes_back_while_a_partition_is_resealed() {
    let node = Node::start();
    let tenant = people(&node, "acme", 1_500);
    let stop = AtomicBool::new(false);
    // What each writer's own ids are known to be.
    let known: Mutex<BTreeMap<u64, Option<u64>>> = Mutex::default();
    let query = &vectors::random(1, DIMENSION, 99)[0];
    thread::scope(|scope| {
        for writer in 0..3_u64 {
            let (tenant, stop, known) = (&tenant, &stop, &known);
            scope.spawn(move || {
                let mut round = 0;
                while !stop.load(Ordering::Relaxed) {
                    round += 1;
                    let id = 10_000 + writer * 1_000 + round % 50;
                    let vector = &vectors::random(1, DIMENSION, round)[0];
                    if round % 3 == 0 {
                        let body = json!({"points": [id]});
                        tenant
                            .writer
                            .post("/collections/notes/points/delete?wait=true", body)
                            .expect(200);
                        known.lock().insert(id, None);
                    } else {
                        let payload = json!({"person": "writer", "round": round});
                        tenant.writer.put_point("notes", id, vector, payload);
                        known.lock().insert(id, Some(round));
                    }
                }
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let points = tenant.inference.query("notes", query, 20);
                    assert_eq!(points.len(), 20);
                    assert!(
                        points.iter().all(|point| point["payload"].is_object()),
                        "{points:?}"
                    );
                }
            });
        }
        scope.spawn(|| {
            for person in 0..8 {
                let name = format!("person-{person}");
                let subject = json!({"subject": {"field": "person", "value": name}});
                let erasure = erase(&tenant.owner, subject);
                assert_eq!(erasure["points"], 150);
                receipt(&tenant.owner, &erasure);
                let filter = json!({"must": [{"key": "person", "match": {"value": name}}]});
                let body = json!({"exact": true, "filter": filter});
                let count = tenant
                    .writer
                    .post("/collections/notes/points/count", body)
                    .expect(200);
                assert_eq!(count["result"]["count"], 0);
            }
            stop.store(true, Ordering::Relaxed);
        });
    });
    let check = |node: &Node| {
        let tenant = tenant.on(node);
        let own: Vec<u64> = (0..1_500).filter(|id| id % 10 >= 8).collect();
        let known = known.lock();
        let written = known
            .iter()
            .filter(|(_, round)| round.is_some())
            .map(|(id, _)| *id);
        let expected: Vec<u64> = own.into_iter().chain(written).collect();
        assert_eq!(ids(&tenant.writer, "notes"), expected);
        let wanted: Vec<u64> = known.keys().copied().collect();
        let body = json!({"ids": wanted, "with_payload": true});
        let points = tenant
            .writer
            .post("/collections/notes/points", body)
            .expect(200);
        for point in points["result"].as_array().unwrap() {
            let id = point["id"].as_u64().unwrap();
            assert_eq!(point["payload"]["round"], Value::from(known[&id]), "{id}");
        }
    };
    check(&node);
    let node = node.restart();
    check(&node);
    assert_eq!(node.metric("locule_corrupt_total"), 0);
}
