//! A writer that knows what was acknowledged to it, and what it can't know.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::client::Client;

/// What is stored under an id.
#[derive(Clone, PartialEq, Debug)]
pub struct Content {
    pub vector: Value,
    pub payload: Value,
}

/// Writes to ids of its own, one request after the other.
pub struct Writer {
    number: u64,
    dimension: usize,
    state: u64,
    /// What was acknowledged and is there.
    known: BTreeMap<u64, Content>,
    /// The write whose answer never came: nothing stands for a deletion.
    pending: Vec<(u64, Option<Content>)>,
    pub acknowledged: usize,
    /// Writes whose answer never came, and how many of them had become durable.
    pub unfinished: usize,
    pub survived: usize,
}

impl Writer {
    pub fn new(number: u64, dimension: usize) -> Self {
        Self {
            number,
            dimension,
            state: 0x9E37_79B9_7F4A_7C15 ^ (number + 1),
            known: BTreeMap::new(),
            pending: Vec::new(),
            acknowledged: 0,
            unfinished: 0,
            survived: 0,
        }
    }

    /// Writes until the connection breaks.
    pub fn write_until_killed(&mut self, client: Client, collection: &str) {
        loop {
            self.pending = self.next_write();
            let (puts, removals): (Vec<_>, Vec<_>) = self
                .pending
                .iter()
                .partition(|(_, content)| content.is_some());
            let path = format!("/collections/{collection}/points");
            let answer = if removals.is_empty() {
                let points: Vec<Value> = puts
                    .iter()
                    .filter_map(|(id, content)| content.as_ref().map(|content| (id, content)))
                    .map(|(id, Content { vector, payload })| {
                        json!({"id": id, "vector": vector, "payload": payload})
                    })
                    .collect();
                client.put(&path, &json!({"points": points}))
            } else {
                let ids: Vec<u64> = removals.iter().map(|(id, _)| *id).collect();
                client.post(&format!("{path}/delete"), &json!({"points": ids}))
            };
            let Ok(answer) = answer else {
                self.unfinished += 1;
                return;
            };
            assert_eq!(answer.status, 200, "{}", answer.body);
            self.acknowledged += 1;
            let pending = std::mem::take(&mut self.pending);
            self.known = applied(&self.known, &pending);
        }
    }

    /// Finds out what became of the write that was cut short, and checks everything else. How
    /// many points are this writer's.
    pub fn settle(&mut self, stored: &BTreeMap<u64, Content>, round: u64) -> usize {
        let own: BTreeMap<_, _> = stored
            .range(self.number * IDS..(self.number + 1) * IDS)
            .map(|(id, content)| (*id, content.clone()))
            .collect();
        let pending = std::mem::take(&mut self.pending);
        let after = applied(&self.known, &pending);
        if own == after {
            self.survived += usize::from(after != self.known);
            self.known = after;
        } else {
            assert!(
                own == self.known,
                "round {round}: {}",
                difference(&own, &self.known, &after)
            );
        }
        own.len()
    }

    /// A single point, a batch, or deletions: over few ids, so that points are replaced.
    fn next_write(&mut self) -> Vec<(u64, Option<Content>)> {
        let kind = self.random(10);
        let count = match kind {
            0..4 => 1,
            4..8 => 2 + self.random(30),
            _ => 1 + self.random(6),
        };
        let ids: BTreeSet<u64> = (0..count)
            .map(|_| self.number * IDS + self.random(IDS))
            .collect();
        ids.into_iter()
            .map(|id| (id, (kind < 8).then(|| self.content())))
            .collect()
    }

    fn content(&mut self) -> Content {
        // Small integers, which JSON and single precision both keep.
        let mut vector: Vec<f64> = (0..4)
            .map(|_| f64::from(u32::try_from(self.random(1 << 20)).unwrap()))
            .collect();
        vector.resize(self.dimension, 0.0);
        let stamp = self.random(u64::MAX);
        let text = "x".repeat(usize::try_from(self.random(600)).unwrap());
        Content {
            vector: json!(vector),
            payload: json!({"writer": self.number, "stamp": stamp, "text": text}),
        }
    }

    fn random(&mut self, below: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 8) % below
    }
}

fn applied(
    known: &BTreeMap<u64, Content>,
    write: &[(u64, Option<Content>)],
) -> BTreeMap<u64, Content> {
    let mut after = known.clone();
    for (id, content) in write {
        match content {
            Some(content) => after.insert(*id, content.clone()),
            None => after.remove(id),
        };
    }
    after
}

fn difference(
    own: &BTreeMap<u64, Content>,
    known: &BTreeMap<u64, Content>,
    after: &BTreeMap<u64, Content>,
) -> String {
    let ids: BTreeSet<&u64> = own.keys().chain(known.keys()).chain(after.keys()).collect();
    let wrong = ids
        .into_iter()
        .filter(|id| own.get(id) != known.get(id) || own.get(id) != after.get(id));
    let lines = wrong.map(|id| {
        format!(
            "{id}: stored {:?}, acknowledged {:?}, asked for last {:?}",
            own.get(id),
            known.get(id),
            after.get(id)
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Ids of one writer.
const IDS: u64 = 400;
