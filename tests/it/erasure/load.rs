//! Reads and writes go on while a partition is resealed again and again. Every read is checked
//! against what was acknowledged before it began; whatever changed meanwhile may be either way.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::{DIMENSION, ids, people, receipt};
use crate::harness::{Node, Tenant, vectors};

/// What is known of a point.
#[derive(Clone, Copy, PartialEq, Default)]
struct Known {
    /// Changes that were begun.
    changes: u64,
    under_way: bool,
    /// The number in its payload, as far as was acknowledged; nothing if it isn't there.
    holds: Option<u64>,
}

/// What was asked of the points so far, and what was acknowledged. No two change the same point at
/// once.
#[derive(Default)]
struct History(Mutex<BTreeMap<u64, Known>>);

impl History {
    /// Notes that points are changed, changes them, and notes what they hold from then on.
    fn change<T>(
        &self,
        ids: &[u64],
        holds: impl Fn(u64) -> Option<u64>,
        act: impl FnOnce() -> T,
    ) -> T {
        for id in ids {
            let mut points = self.0.lock();
            let known = points.entry(*id).or_default();
            known.changes += 1;
            known.under_way = true;
        }
        let acknowledged = act();
        let mut points = self.0.lock();
        for id in ids {
            let known = points.entry(*id).or_default();
            known.under_way = false;
            known.holds = holds(*id);
        }
        acknowledged
    }

    fn now(&self) -> BTreeMap<u64, Known> {
        self.0.lock().clone()
    }

    /// What a read saw for certain that began when this was known, and has ended.
    fn certain(&self, before: &BTreeMap<u64, Known>) -> BTreeMap<u64, Option<u64>> {
        let after = self.0.lock();
        let untouched = before
            .iter()
            .filter(|(id, known)| !known.under_way && after[*id] == **known);
        untouched.map(|(id, known)| (*id, known.holds)).collect()
    }
}

/// How often what is there was looked for, and what isn't any more.
#[derive(Clone, Copy, Default)]
struct Looked {
    there: usize,
    gone: usize,
}

/// Reads by every way, and checks what was answered.
struct Reader<'t> {
    tenant: &'t Tenant,
    history: &'t History,
    looked: Looked,
}

impl Reader<'_> {
    fn read(&mut self) {
        let query = &vectors::random(1, DIMENSION, 99)[0];
        let exact = json!({"exact": true});
        self.all(
            "points",
            |known| json!({"ids": known, "with_payload": true}),
        );
        self.all("points/scroll", |_| json!({"limit": 10_000}));
        self.all(
            "points/query",
            |_| json!({"query": query, "limit": 10_000, "params": exact, "with_payload": true}),
        );
        self.count();
        self.nearest(query);
    }

    fn ask(&self, route: &str, body: Value) -> Value {
        let path = format!("/collections/notes/{route}");
        let mut answer = self.tenant.writer.post(&path, body).expect(200);
        answer["result"].take()
    }

    /// A read that answers every point that is there.
    fn all(&mut self, route: &str, body: impl Fn(Vec<u64>) -> Value) {
        let before = self.history.now();
        let result = self.ask(route, body(before.keys().copied().collect()));
        let certain = self.history.certain(&before);
        let answered = numbers(result.get("points").unwrap_or(&result));
        for (id, holds) in certain {
            assert_eq!(answered.get(&id), holds.as_ref(), "{route}: {id}");
            match holds {
                Some(_) => self.looked.there += 1,
                None => self.looked.gone += 1,
            }
        }
    }

    fn count(&self) {
        let before = self.history.now();
        let ids: Vec<u64> = before.keys().copied().collect();
        let filter = json!({"must": [{"has_id": ids}]});
        let result = self.ask("points/count", json!({"exact": true, "filter": filter}));
        let certain = self.history.certain(&before);
        let count = usize::try_from(result["count"].as_u64().unwrap()).unwrap();
        let there = certain.values().flatten().count();
        let gone = certain.len() - there;
        assert!(
            (there..=ids.len() - gone).contains(&count),
            "{count} of {}: {there} are there, {gone} are not",
            ids.len()
        );
    }

    /// The index may pass a neighbour over, and answers none that isn't there.
    fn nearest(&self, query: &[f32]) {
        let before = self.history.now();
        let points = self.tenant.inference.query("notes", query, 20);
        let certain = self.history.certain(&before);
        let answered = numbers(&json!(points));
        assert_eq!(answered.len(), 20);
        for (id, number) in answered {
            if let Some(holds) = certain.get(&id) {
                assert_eq!(*holds, Some(number), "nearest: {id}");
            }
        }
    }
}

/// The numbers in points' payloads, by id.
fn numbers(points: &Value) -> BTreeMap<u64, u64> {
    let number = |point: &Value| {
        let number = point["payload"]["number"].as_u64();
        let number = number.unwrap_or_else(|| panic!("without its payload: {point}"));
        (point["id"].as_u64().unwrap(), number)
    };
    points.as_array().unwrap().iter().map(number).collect()
}

/// Tells the others to stop, also when something went wrong.
struct Stop<'s>(&'s AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn write_until(stop: &AtomicBool, tenant: &Tenant, history: &History, writer: u64) {
    let mut round = 0;
    while !stop.load(Ordering::Relaxed) {
        round += 1;
        let id = 10_000 + writer * 1_000 + round % 50;
        if round % 3 == 0 {
            let path = "/collections/notes/points/delete?wait=true";
            let delete = || {
                tenant
                    .writer
                    .post(path, json!({"points": [id]}))
                    .expect(200)
            };
            history.change(&[id], |_| None, delete);
        } else {
            let vector = &vectors::random(1, DIMENSION, round)[0];
            let payload = json!({"person": "writer", "number": round});
            let put = || tenant.writer.put_point("notes", id, vector, payload);
            history.change(&[id], |_| Some(round), put);
        }
    }
}

fn erase_people(tenant: &Tenant, history: &History) {
    for person in 0..8 {
        let name = format!("person-{person}");
        let scope = json!({"subject": {"field": "person", "value": name}});
        let body = json!({"reason": "a test", "scope": scope});
        let own: Vec<u64> = (0..PEOPLE).filter(|id| id % 10 == person).collect();
        let mut erasure = history.change(
            &own,
            |_| None,
            || tenant.owner.post("/v1/erasures", body).expect(202),
        );
        assert_eq!(erasure["points"], own.len());
        let path = format!("/v1/erasures/{}", erasure["id"].as_str().unwrap());
        while erasure["state"] != "done" {
            assert_ne!(erasure["state"], "failed", "{erasure}");
            erasure = tenant.owner.get(&path).expect(200);
        }
        receipt(&tenant.owner, &erasure);
    }
}

#[test]
fn nothing_is_lost_or_comes_back_while_a_partition_is_resealed() {
    let node = Node::start();
    let history = History::default();
    let all: Vec<u64> = (0..PEOPLE).collect();
    let tenant = history.change(&all, Some, || people(&node, "acme", PEOPLE));
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let (tenant, history, stop) = (&tenant, &history, &stop);
        for writer in 0..3 {
            scope.spawn(move || write_until(stop, tenant, history, writer));
        }
        for _ in 0..2 {
            scope.spawn(move || {
                let looked = Looked::default();
                let mut reader = Reader {
                    tenant,
                    history,
                    looked,
                };
                while !stop.load(Ordering::Relaxed) {
                    reader.read();
                }
                reader.read();
                let Looked { there, gone } = reader.looked;
                assert!(there > 0 && gone > 0, "{there} times there, {gone} gone");
            });
        }
        scope.spawn(move || {
            let _stop = Stop(stop);
            erase_people(tenant, history);
        });
    });
    let check = |node: &Node| {
        let tenant = &tenant.on(node);
        let there: Vec<u64> = history
            .now()
            .into_iter()
            .filter_map(|(id, known)| known.holds.map(|_| id))
            .collect();
        assert_eq!(ids(&tenant.writer, "notes"), there);
        let looked = Looked::default();
        let mut reader = Reader {
            tenant,
            history: &history,
            looked,
        };
        reader.read();
        assert!(reader.looked.there > there.len(), "by several ways");
    };
    check(&node);
    let node = node.restart();
    check(&node);
    assert_eq!(node.metric("locule_corrupt_total"), 0);
}

const PEOPLE: u64 = 1_500;
