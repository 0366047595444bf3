//! Kills while tenants and collections are made and deleted.

use std::{collections::BTreeMap, thread, time::Duration};

use serde_json::{Value, json};

use super::{
    client::Client,
    collections::{Collections, create_collection, put_point},
    process::Process,
};

#[test]
fn acknowledged_tenants_collections_and_deletions_survive_kill_9() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = Process::start(directory.path());
    let bystander = process.tenant("bystander");
    let marked = process.client(&bystander);
    create_collection(&marked, "docs").unwrap();
    put_point(&marked, "docs").unwrap();
    let mut tenants = Tenants::default();
    let mut collections = Collections::default();
    for round in 0..ROUNDS {
        let pause = Duration::from_millis(5 + round * 23 % 56);
        thread::scope(|scope| {
            let (made, deleted) = tenants.split(round);
            let operator = process.operator();
            scope.spawn(move || made.make_until_killed(&operator));
            let operator = process.operator();
            scope.spawn(move || deleted.delete_until_killed(&operator));
            let owner = process.client(&bystander);
            let collections = &mut collections;
            scope.spawn(move || collections.change_until_killed(&owner));
            thread::sleep(pause);
            process.kill();
        });
        process = Process::start(directory.path());
        collections.settle(&process.client(&bystander));
        tenants.settle(&process);
    }
    tenants.check_all(&process);
    eprintln!(
        "{ROUNDS} kills; {} tenants acknowledged and alive, {} deleted for good, {} cut short; \
         {} changes of collections",
        tenants.living.len(),
        tenants.gone.len(),
        tenants.unfinished,
        collections.acknowledged
    );
    assert!(!tenants.living.is_empty() && !tenants.gone.is_empty());
    let answer = process.client(&bystander).get("/collections/docs/points/1");
    assert_eq!(answer.unwrap().status, 200);
}

/// What was acknowledged about tenants: their owners' keys by id.
#[derive(Default)]
struct Tenants {
    living: BTreeMap<String, String>,
    gone: BTreeMap<String, String>,
    making: Making,
    deleting: Deleting,
    unfinished: usize,
}

#[derive(Default)]
struct Making {
    round: u64,
    made: BTreeMap<String, String>,
    pending: Option<String>,
}

#[derive(Default)]
struct Deleting {
    victims: Vec<(String, String)>,
    deleted: Vec<(String, String)>,
    pending: Option<(String, String)>,
}

impl Tenants {
    /// One part that makes tenants, and one that deletes half of those that are there.
    fn split(&mut self, round: u64) -> (&mut Making, &mut Deleting) {
        self.making.round = round;
        let half = self.living.len() / 2;
        let victims = self.living.iter().take(half);
        self.deleting.victims = victims.map(|(id, key)| (id.clone(), key.clone())).collect();
        (&mut self.making, &mut self.deleting)
    }

    fn settle(&mut self, process: &Process) {
        let operator = process.operator();
        let made = std::mem::take(&mut self.making.made);
        for (id, key) in &made {
            living(process, id, key);
        }
        self.living.extend(made);
        // What wasn't acknowledged may be there or not; either way its name can be dealt with.
        if let Some(id) = self.making.pending.take() {
            self.unfinished += 1;
            let shown = operator.get(&format!("/v1/tenants/{id}")).unwrap();
            match shown.status {
                200 => {
                    // With all that was said of it, or not at all.
                    assert_eq!(
                        shown.body["watch"]["suspend_after_refusals"], WATCHED,
                        "{id}"
                    );
                    let deleted = operator.delete(&format!("/v1/tenants/{id}"));
                    assert_eq!(deleted.unwrap().status, 202, "{id}");
                }
                404 => {
                    let key = process.tenant(&id);
                    living(process, &id, &key);
                    self.living.insert(id, key);
                }
                other => panic!("{id}: {other}"),
            }
        }
        for (id, key) in std::mem::take(&mut self.deleting.deleted) {
            self.living.remove(&id);
            dead(process, &id, &key);
            self.gone.insert(id, key);
        }
        if let Some((id, key)) = self.deleting.pending.take() {
            self.unfinished += 1;
            match process.client(&key).get("/collections").unwrap().status {
                200 => living(process, &id, &key),
                401 => {
                    self.living.remove(&id);
                    dead(process, &id, &key);
                    self.gone.insert(id, key);
                }
                other => panic!("{id}: {other}"),
            }
        }
    }

    fn check_all(&self, process: &Process) {
        for (id, key) in &self.living {
            living(process, id, key);
        }
        for (id, key) in &self.gone {
            dead(process, id, key);
            // Deletions go on in the background, and are resumed by the next start.
            while state(process, id) != "deleted" {
                thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

impl Making {
    fn make_until_killed(&mut self, operator: &Client) {
        for number in 0.. {
            let id = format!("t-{}-{number}", self.round);
            self.pending = Some(id.clone());
            let new = json!({"id": id, "watch": {"suspend_after_refusals": WATCHED}});
            let Ok(answer) = operator.post("/v1/tenants", &new) else {
                return;
            };
            assert_eq!(answer.status, 201, "{}", answer.body);
            let key = answer.body["owner_key"]["key"].as_str().unwrap();
            self.made.insert(id, key.to_owned());
            self.pending = None;
        }
    }
}

impl Deleting {
    fn delete_until_killed(&mut self, operator: &Client) {
        while let Some((id, key)) = self.victims.pop() {
            self.pending = Some((id.clone(), key.clone()));
            let Ok(answer) = operator.delete(&format!("/v1/tenants/{id}")) else {
                return;
            };
            assert_eq!(answer.status, 202, "{}", answer.body);
            self.deleted.push((id, key));
            self.pending = None;
        }
    }
}

/// A tenant answers, and takes a write.
fn living(process: &Process, id: &str, key: &str) {
    let owner = process.client(key);
    let own = owner.get("/v1/self").unwrap();
    assert_eq!(
        (own.status, &own.body["tenant"]),
        (200, &json!(id)),
        "{}",
        own.body
    );
    if owner.get("/collections/docs").unwrap().status == 404 {
        create_collection(&owner, "docs").unwrap();
        put_point(&owner, "docs").unwrap();
    }
    let answer = owner.get("/collections/docs/points/1").unwrap();
    assert_eq!(answer.status, 200, "{id}: {}", answer.body);
}

/// A tenant's key is good for nothing, and its name for no one else.
fn dead(process: &Process, id: &str, key: &str) {
    let answer = process.client(key).get("/collections").unwrap();
    assert_eq!(answer.status, 401, "{id}: {}", answer.body);
    let again = process.operator().post("/v1/tenants", &json!({"id": id}));
    assert_eq!(again.unwrap().status, 409, "{id}");
}

fn state(process: &Process, id: &str) -> Value {
    let shown = process.operator().get(&format!("/v1/tenants/{id}"));
    shown.unwrap().body["state"].clone()
}

const ROUNDS: u64 = 30;
/// What is said of the tenants that are made meanwhile.
const WATCHED: u32 = 1_000;
