//! A message whose erasure a crash cut short before its sender had an answer.

use std::{
    io::{self, Write},
    path::Path,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use super::inbound::{Sender, Signed, about};
use crate::crash::{
    client::{Answer, connect, read_answer},
    process::Process,
};

/// Before anything is removed, and before it is written down that it was.
const PLACES: [&str; 2] = ["erase-accepted", "erase-removed"];

#[test]
fn a_message_that_comes_again_after_a_crash_makes_the_erasure_that_the_first_didnt() {
    for place in PLACES {
        let directory = tempfile::tempdir().unwrap();
        let (key, sender) = prepared(directory.path());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let message = sender.sign("msg_1", now.as_secs(), &about("jo"));
        let failing = [("LOCULE_FAILPOINT", place)];
        let mut process = Process::start_with(directory.path(), &failing);
        assert!(send(&process, &message).is_err(), "{place}");
        assert!(process.ends_badly(), "{place} was never reached");

        let process = Process::start(directory.path());
        let owner = process.client(&key);
        let erasures = || {
            let listed = owner.get("/v1/erasures").unwrap().body;
            listed["erasures"].as_array().unwrap().clone()
        };
        assert_eq!(erasures(), [] as [Value; 0], "{place}: nobody was told");
        let taken = send(&process, &message).unwrap();
        assert_eq!(taken.status, 202, "{place}: {}", taken.body);
        while erasures()[0]["state"] != "done" {
            thread::sleep(Duration::from_millis(20));
        }
        let again = send(&process, &message).unwrap();
        assert_eq!((again.status, &again.body["id"]), (202, &taken.body["id"]));
        assert_eq!(erasures().len(), 1, "{place}");
        let count = owner.post("/collections/docs/points/count", &json!({}));
        assert_eq!(count.unwrap().body["result"]["count"], 1, "{place}");
    }
}

/// A directory with a tenant of two people's points: its owner's key, and who may send messages.
fn prepared(directory: &Path) -> (String, Sender) {
    let process = Process::start(directory);
    let key = process.tenant("acme");
    let owner = process.client(&key);
    let schema = json!({"vectors": {"size": 2, "distance": "Dot"}});
    owner.put("/collections/docs", &schema).unwrap();
    let point = |id, who| json!({"id": id, "vector": [1, 0], "payload": {"who": who}});
    let points = json!({"points": [point(1, "jo"), point(2, "kim")]});
    let stored = owner.put("/collections/docs/points?wait=true", &points);
    assert_eq!(stored.unwrap().status, 200);
    let made = owner.post("/v1/webhooks", &json!({"inbound": true}));
    (key, Sender::of(&made.unwrap().body))
}

fn send(process: &Process, message: &Signed) -> io::Result<Answer> {
    let Signed {
        path,
        id,
        timestamp,
        signature,
        body,
    } = message;
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: locule\r\ncontent-length: {}\r\nwebhook-id: {id}\r\n\
         webhook-timestamp: {timestamp}\r\nwebhook-signature: {signature}\r\n\r\n{body}",
        body.len()
    );
    let mut connection = connect(process.address)?;
    connection.get_mut().write_all(request.as_bytes())?;
    read_answer(&mut connection)
}
