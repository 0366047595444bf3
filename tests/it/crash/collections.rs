//! Someone who makes and deletes collections, and knows what was acknowledged.

use std::collections::BTreeMap;

use serde_json::json;

use super::client::Client;

/// What was acknowledged about collections, and the change that wasn't.
#[derive(Default)]
pub struct Collections {
    /// The collections that are there, and whether each has a point.
    known: BTreeMap<String, bool>,
    pending: Option<Change>,
    turn: usize,
    pub acknowledged: usize,
}

#[derive(Clone, Debug)]
enum Change {
    Create(String),
    Put(String),
    Delete(String),
}

impl Collections {
    pub fn change_until_killed(&mut self, owner: &Client) {
        loop {
            let name = format!("c{}", self.turn / 4 % 3);
            let change = match self.turn % 4 {
                0 => Change::Create(name),
                1 => Change::Put(name),
                _ => Change::Delete(name),
            };
            self.turn += 1;
            self.pending = Some(change.clone());
            let done = match &change {
                Change::Create(name) => create_collection(owner, name),
                Change::Put(name) => put_point(owner, name),
                // Deleting one that isn't there is a change like any other.
                Change::Delete(name) => owner
                    .delete(&format!("/collections/{name}"))
                    .map(|a| a.status),
            };
            let Ok(status) = done else {
                return;
            };
            let known = self.known.contains_key(change.name());
            let expected = match &change {
                Change::Create(_) if known => 409,
                Change::Put(_) if !known => 404,
                Change::Create(_) | Change::Put(_) | Change::Delete(_) => 200,
            };
            assert_eq!(status, expected, "{change:?}");
            self.known = change.applied(&self.known);
            self.pending = None;
            self.acknowledged += 1;
        }
    }

    pub fn settle(&mut self, owner: &Client) {
        let listed = owner.get("/collections").unwrap();
        let listed = listed.body["result"]["collections"].as_array().unwrap();
        let names = listed.iter().map(|one| one["name"].as_str().unwrap());
        let stored: BTreeMap<String, bool> = names
            .filter(|name| *name != "docs")
            .map(|name| {
                let path = format!("/collections/{name}/points/1");
                (name.to_owned(), owner.get(&path).unwrap().status == 200)
            })
            .collect();
        let pending = self.pending.take();
        let after = pending
            .as_ref()
            .map_or_else(|| self.known.clone(), |c| c.applied(&self.known));
        assert!(
            stored == self.known || stored == after,
            "{stored:?} is stored; {:?} was acknowledged, then came {pending:?}",
            self.known
        );
        self.known = stored;
    }
}

impl Change {
    fn name(&self) -> &str {
        match self {
            Self::Create(name) | Self::Put(name) | Self::Delete(name) => name,
        }
    }

    fn applied(&self, known: &BTreeMap<String, bool>) -> BTreeMap<String, bool> {
        let mut after = known.clone();
        match self {
            // One that is made again is empty; one that is there stays as it is.
            Self::Create(name) => {
                after.entry(name.clone()).or_insert(false);
            }
            Self::Put(name) => {
                after.entry(name.clone()).and_modify(|point| *point = true);
            }
            Self::Delete(name) => {
                after.remove(name);
            }
        }
        after
    }
}

pub fn create_collection(owner: &Client, name: &str) -> std::io::Result<u16> {
    let schema = json!({"vectors": {"size": 2, "distance": "Dot"}});
    let answer = owner.put(&format!("/collections/{name}"), &schema)?;
    Ok(answer.status)
}

pub fn put_point(owner: &Client, name: &str) -> std::io::Result<u16> {
    let point = json!({"points": [{"id": 1, "vector": [1.0, 2.0], "payload": {"a": 1}}]});
    let answer = owner.put(&format!("/collections/{name}/points"), &point)?;
    Ok(answer.status)
}
