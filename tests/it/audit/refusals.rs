//! Nobody who is refused can fill the disk that the log is on: of each address's and each key's refusals so many
//! have an entry, the others a number.

use std::time::Duration;

use locule::audit::verify;
use serde_json::{Value, json};

use super::{entry, lines};
use crate::harness::Node;

/// The entries of refusals of strangers.
fn refusals(node: &Node) -> Vec<Value> {
    let entries = lines(node).into_iter().map(|line| entry(&line));
    let strangers = entries.filter(|entry| entry["actor"] == "stranger");
    strangers
        .inspect(|entry| {
            assert_eq!(
                (&entry["action"], &entry["outcome"]),
                (&json!("authenticate"), &json!("denied"))
            );
        })
        .collect()
}

#[test]
fn past_so_many_a_minute_refusals_of_an_address_are_counted() {
    let node = Node::start();
    let here = node.actor("nobody's key");
    let there = here.at_address([127, 0, 0, 2].into());
    for _ in 0..75 {
        here.get("/collections").expect(401);
    }
    // Another address has entries of its own, and so has the next minute.
    there.get("/collections").expect(401);
    let first = refusals(&node);
    assert_eq!(first.len(), 61);
    assert!(first.iter().all(|entry| entry["count"].is_null()));
    assert_eq!(first[60]["ip"], "127.0.0.2");
    node.clock.advance(Duration::from_secs(60));
    here.get("/collections").expect(401);
    let then = refusals(&node);
    assert_eq!(then.len(), 63);
    let (counted, next) = (&then[61], &then[62]);
    assert_eq!(
        (&counted["count"], &counted["ip"], &counted["since"]),
        (
            &json!(15),
            &json!("127.0.0.1"),
            &json!("2027-01-15T08:00:00.000Z")
        )
    );
    assert!(next["count"].is_null());
    assert_eq!(next["time"], "2027-01-15T08:01:00.000Z");
    // What was counted isn't lost when the node stops, and the chain holds.
    for _ in 0..70 {
        here.get("/collections").expect(401);
    }
    let node = node.restart();
    let last = refusals(&node).pop().unwrap();
    assert_eq!(last["count"], 11);
    let text: String = lines(&node)
        .iter()
        .map(|line| format!("{line}\n"))
        .collect();
    verify(text.as_bytes()).unwrap();
}

/// However many addresses they come from.
#[test]
fn refusals_of_all_addresses_together_have_so_many_entries_a_minute() {
    let node = Node::start();
    for address in 1..=15 {
        let stranger = node
            .actor("nobody's key")
            .at_address([127, 0, 1, address].into());
        for _ in 0..50 {
            stranger.get("/collections").expect(401);
        }
    }
    assert_eq!(refusals(&node).len(), 600);
    node.clock.advance(Duration::from_secs(60));
    node.actor("nobody's key").get("/v1/self").expect(401);
    let counted: Vec<Value> = refusals(&node)
        .into_iter()
        .filter(|entry| !entry["count"].is_null())
        .collect();
    let sum: u64 = counted
        .iter()
        .map(|entry| entry["count"].as_u64().unwrap())
        .sum();
    assert_eq!((counted.len(), sum), (3, 150));
}

#[test]
fn past_so_many_a_minute_refusals_of_a_key_are_counted_in_its_tenants_log() {
    let node = Node::start();
    let acme = node.tenant("acme");
    let quota = json!({"quota": {"requests_per_second": 20}});
    node.operator().patch("/v1/tenants/acme", quota).expect(200);
    let statuses = |times: u32| -> Vec<u16> {
        let ask = |_| acme.inference.get("/v1/keys").status;
        (0..times).map(ask).collect()
    };
    // So many are its role's to be refused, and then it asks too much.
    let refused = statuses(120);
    assert_eq!(refused.iter().filter(|status| **status == 403).count(), 20);
    assert_eq!(refused.iter().filter(|status| **status == 429).count(), 100);
    node.clock.advance(Duration::from_secs(60));
    statuses(1);
    let own = acme.auditor.get("/v1/audit?limit=10000").text;
    let key = acme.inference.key.as_deref().unwrap();
    let id = key.split('_').nth(1).unwrap();
    let of_key: Vec<Value> = own
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|entry: &Value| entry["key_id"] == id)
        .collect();
    let alike = |outcome: &str| -> Vec<Option<u64>> {
        let alike = of_key.iter().filter(|entry| entry["outcome"] == outcome);
        alike.map(|entry| entry["count"].as_u64()).collect()
    };
    let mut limited = vec![None; 60];
    limited.push(Some(40));
    assert_eq!(alike("limited"), limited);
    assert_eq!(alike("denied"), [None; 21]);
}
