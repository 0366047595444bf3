//! Kills at any moment of erasures, while others write.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::mpsc,
    thread,
    time::Duration,
};

use serde_json::json;

use super::{
    crash::{ended, parsed},
    left,
};
use crate::{
    crash::{
        COLLECTION,
        client::Client,
        everything,
        process::Process,
        writer::{Content, Writer},
    },
    isolation::disk::families_with_data,
};

#[test]
fn kills_at_any_moment_of_erasures_lose_no_write_no_erasure_and_bring_nothing_back() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = Process::start(directory.path());
    let key = process.tenant("acme");
    let schema = json!({"vectors": {"size": 4, "distance": "Euclid"}});
    let path = format!("/collections/{COLLECTION}");
    let created = process.client(&key).put(&path, &schema).unwrap();
    assert_eq!(created.status, 200, "{}", created.body);
    let mut writers = [0, 1].map(|number| Writer::new(number, 4));
    let mut eraser = Eraser::default();
    for round in 0..ROUNDS {
        let (accepted, heard) = mpsc::channel();
        thread::scope(|scope| {
            for writer in &mut writers {
                let client = process.client(&key);
                scope.spawn(move || writer.write_until_killed(client, COLLECTION));
            }
            let (client, eraser) = (process.client(&key), &mut eraser);
            scope.spawn(move || eraser.erase_until_killed(&client, &accepted));
            // So in every round there is an erasure that is owed.
            heard.recv().unwrap();
            thread::sleep(Duration::from_millis(round * 29 % 83));
            process.kill();
        });
        process = Process::start(directory.path());
        let client = process.client(&key);
        let stored = everything(&client, 10_000);
        let mut points = eraser.settle(&stored, round);
        for writer in &mut writers {
            points += writer.settle(&stored, round);
        }
        assert_eq!(points, stored.len(), "round {round}: points of nobody's");
    }
    for id in eraser.accepted.values() {
        let erasure = ended(&process, Some(&key), id);
        assert_eq!(erasure["state"], "done", "{erasure}");
        let receipt = process
            .client(&key)
            .get(&format!("/v1/erasures/{id}/receipt"));
        let receipt = parsed(&receipt.unwrap().body);
        assert_eq!(left(directory.path(), &receipt).finds, [], "{id}");
    }
    let stored = everything(&process.client(&key), 10_000);
    eraser.settle(&stored, ROUNDS);
    process.kill();
    assert_eq!(families_with_data(directory.path()), 1);
    eprintln!(
        "{ROUNDS} kills; {} erasures owed and done, {} people left alone; {} acknowledged writes",
        eraser.accepted.len(),
        eraser.there.len(),
        writers
            .iter()
            .map(|writer| writer.acknowledged)
            .sum::<usize>()
    );
}

/// Stores a person's points and erases most of the people again, one after the other.
#[derive(Default)]
struct Eraser {
    next: u64,
    /// Whose points are there.
    there: BTreeSet<u64>,
    /// Whose erasure was accepted, and its id.
    accepted: BTreeMap<u64, String>,
    /// Of whom the last request had no answer: all points are there, or none.
    open: Option<u64>,
}

impl Eraser {
    fn erase_until_killed(&mut self, owner: &Client, accepted: &mpsc::Sender<()>) {
        loop {
            let person = self.next;
            self.next += 1;
            self.open = Some(person);
            let points: Vec<_> = (0..POINTS)
                .map(|number| {
                    let id = FIRST + person * POINTS + number;
                    json!({"id": id, "vector": [1, 2, 3, number], "payload": {"person": person}})
                })
                .collect();
            let path = format!("/collections/{COLLECTION}/points");
            let Ok(stored) = owner.put(&path, &json!({"points": points})) else {
                return;
            };
            assert_eq!(stored.status, 200, "{}", stored.body);
            if person % 3 == 2 {
                self.there.insert(person);
                continue;
            }
            let scope = json!({"subject": {"field": "person", "value": person}});
            let body = json!({"reason": "a test", "scope": scope});
            let Ok(asked) = owner.post("/v1/erasures", &body) else {
                return;
            };
            assert_eq!(asked.status, 202, "{}", asked.body);
            let id = asked.body["id"].as_str().unwrap().to_owned();
            self.accepted.insert(person, id);
            self.open = None;
            // Whoever listens heard enough after the first.
            let _ = accepted.send(());
        }
    }

    /// Checks that of each person all points are there or none, as was acknowledged; how many are.
    fn settle(&mut self, stored: &BTreeMap<u64, Content>, round: u64) -> usize {
        let mut points = BTreeMap::new();
        for id in stored.range(FIRST..).map(|(id, _)| id) {
            *points.entry((id - FIRST) / POINTS).or_insert(0) += 1;
        }
        if let Some(open) = self.open.take()
            && points.contains_key(&open)
        {
            self.there.insert(open);
        }
        let expected: BTreeMap<u64, u64> =
            self.there.iter().map(|person| (*person, POINTS)).collect();
        assert_eq!(points, expected, "round {round}");
        usize::try_from(points.values().sum::<u64>()).unwrap()
    }
}

const ROUNDS: u64 = 10;
/// Points of one person.
const POINTS: u64 = 4;
/// The first id that is no writer's.
const FIRST: u64 = 100_000;
