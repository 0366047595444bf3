//! What was acknowledged survives: the real binary, killed in the middle of things.

pub mod backups;
pub mod client;
mod collections;
pub mod process;
mod root_key;
mod segments;
mod stop;
mod tenants;
pub mod writer;

use std::{collections::BTreeMap, thread, time::Duration};

use serde_json::{Value, json};

use self::{
    client::Client,
    process::Process,
    writer::{Content, Writer},
};

#[test]
fn every_acknowledged_write_survives_kill_9_and_no_batch_is_half_there() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = Process::start(directory.path());
    let keys: Vec<String> = (0..TENANTS)
        .map(|number| {
            let key = process.tenant(&format!("tenant-{number}"));
            let schema = json!({"vectors": {"size": 4, "distance": "Euclid"}});
            let path = format!("/collections/{COLLECTION}");
            let created = process.client(&key).put(&path, &schema);
            assert_eq!(created.unwrap().status, 200);
            key
        })
        .collect();
    // Two writers a tenant, each with ids of its own.
    let mut writers: Vec<Writer> = (0..2 * TENANTS)
        .map(|number| Writer::new(number as u64, 4))
        .collect();
    for round in 0..ROUNDS {
        let pause = Duration::from_millis(5 + round * 37 % 56);
        thread::scope(|scope| {
            for (number, writer) in writers.iter_mut().enumerate() {
                let client = process.client(&keys[number % TENANTS]);
                scope.spawn(move || writer.write_until_killed(client, COLLECTION));
            }
            thread::sleep(pause);
            process.kill();
        });
        process = Process::start(directory.path());
        for (tenant, key) in keys.iter().enumerate() {
            let stored = everything(&process.client(key), 10_000);
            let mut points = 0;
            for writer in writers.iter_mut().skip(tenant).step_by(TENANTS) {
                points += writer.settle(&stored, round);
            }
            assert_eq!(points, stored.len(), "round {round}: points of no writer");
        }
    }
    let acknowledged: usize = writers.iter().map(|writer| writer.acknowledged).sum();
    let (unfinished, survived) = writers.iter().fold((0, 0), |(all, kept), writer| {
        (all + writer.unfinished, kept + writer.survived)
    });
    eprintln!(
        "{ROUNDS} kills; {acknowledged} acknowledged writes, all there; \
         of {unfinished} writes cut short, {survived} had become durable"
    );
    assert!(
        acknowledged > usize::try_from(ROUNDS).unwrap(),
        "hardly anything was written"
    );
}

/// All points of the collection, each with its vector and payload, by pages of so many.
pub fn everything(client: &Client, page: usize) -> BTreeMap<u64, Content> {
    let mut stored = BTreeMap::new();
    let mut offset = Value::Null;
    loop {
        let body = json!({"limit": page, "offset": offset, "with_vector": true});
        let path = format!("/collections/{COLLECTION}/points/scroll");
        let page = client.post(&path, &body).unwrap();
        assert_eq!(page.status, 200, "{}", page.body);
        for point in page.body["result"]["points"].as_array().unwrap() {
            let content = Content {
                vector: point["vector"].clone(),
                payload: point["payload"].clone(),
            };
            stored.insert(point["id"].as_u64().unwrap(), content);
        }
        offset = page.body["result"]["next_page_offset"].clone();
        if offset.is_null() {
            return stored;
        }
    }
}

const ROUNDS: u64 = 56;
const TENANTS: usize = 2;
pub const COLLECTION: &str = "docs";
