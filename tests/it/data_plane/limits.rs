//! Every limit: what stands at it is taken, one more is refused with the limit in the answer.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use reqwest::Method;
use serde_json::{Value, json};

use super::routes::{count, refused, stocked};

#[test]
fn a_body_may_have_32_mib() {
    let (_node, owner) = stocked();
    let padded = |length: usize| {
        let mut body = br#"{"points": [1]}"#.to_vec();
        body.resize(length, b' ');
        let path = "/collections/docs/points/delete";
        owner.send(Method::POST, path, &[], Some(body))
    };
    let answer = padded((32 << 20) + 1);
    assert_eq!(answer.status, 413, "{}", answer.text);
    refused(&answer, "33554432 bytes");
    assert_eq!(count(&owner, "docs"), 3, "nothing of it was done");
    padded(32 << 20).expect(200);
    assert_eq!(count(&owner, "docs"), 2);
}

#[test]
fn a_body_may_come_as_gzip_and_is_measured_unzipped() {
    let (_node, owner) = stocked();
    let path = "/collections/docs/points/delete";
    let sent = |encoding: &str, body: Vec<u8>| {
        owner.send(
            Method::POST,
            path,
            &[("content-encoding", encoding)],
            Some(body),
        )
    };
    let body = br#"{"points": [1]}"#;
    let mut bomb = body.to_vec();
    bomb.resize((32 << 20) + 1, b' ');
    let bomb = sent("gzip", gzip(&bomb));
    assert_eq!(bomb.status, 413, "{}", bomb.text);
    refused(&bomb, "33554432 bytes");
    refused(&sent("gzip", body.to_vec()), "isn't gzip");
    let zipped = gzip(body);
    refused(
        &sent("gzip", zipped[..zipped.len() - 9].to_vec()),
        "cut short",
    );
    let other = sent("br", zipped.clone());
    assert_eq!(other.status, 415, "{}", other.text);
    refused(&other, "Content-Encoding: gzip");
    assert_eq!(count(&owner, "docs"), 3, "nothing of it was done");
    sent("gzip", zipped).expect(200);
    assert_eq!(count(&owner, "docs"), 2);
    sent("identity", br#"{"points": [2]}"#.to_vec()).expect(200);
    assert_eq!(count(&owner, "docs"), 1);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_request_may_have_10_000_points() {
    let (_node, owner) = stocked();
    let points = |count: u64| {
        let points: Vec<Value> = (100..100 + count)
            .map(|id| json!({"id": id, "vector": [1, 0, 0]}))
            .collect();
        json!({"points": points})
    };
    let ids = |count: u64| (100..100 + count).collect::<Vec<_>>();
    let path = "/collections/docs/points";
    refused(&owner.put(path, points(10_001)), "limit of 10000");
    let batch = json!({"ids": ids(10_001), "vectors": vec![[1, 0, 0]; 10_001]});
    refused(&owner.put(path, json!({"batch": batch})), "limit of 10000");
    assert_eq!(count(&owner, "docs"), 3);
    owner.put(path, points(10_000)).expect(200);
    assert_eq!(count(&owner, "docs"), 10_003);

    refused(
        &owner.post(path, json!({"ids": ids(10_001)})),
        "limit of 10000",
    );
    let all = owner.post(path, json!({"ids": ids(10_000)})).expect(200);
    assert_eq!(all["result"].as_array().unwrap().len(), 10_000);
    let scroll = "/collections/docs/points/scroll";
    refused(
        &owner.post(scroll, json!({"limit": 10_001})),
        "limit of 10000",
    );
    refused(&owner.post(scroll, json!({"limit": 0})), "1 or more");
    let page = owner.post(scroll, json!({"limit": 10_000})).expect(200);
    assert_eq!(page["result"]["points"].as_array().unwrap().len(), 10_000);
    let delete = "/collections/docs/points/delete";
    refused(
        &owner.post(delete, json!({"points": ids(10_001)})),
        "limit of 10000",
    );
    assert_eq!(count(&owner, "docs"), 10_003);
    owner
        .post(delete, json!({"points": ids(10_000)}))
        .expect(200);
    assert_eq!(count(&owner, "docs"), 3);
}

#[test]
fn a_query_may_ask_for_10_000_neighbours_and_an_inference_key_for_100() {
    let (node, owner) = stocked();
    let key = owner.post("/v1/keys", json!({"name": "i", "role": "inference"}));
    let inference = node.actor(key.expect(201)["key"].as_str().unwrap());
    for (route, name) in [("query", "query"), ("search", "vector")] {
        let path = format!("/collections/docs/points/{route}");
        let ask = |limit: Value, offset: Value| {
            let mut body = json!({"limit": limit, "offset": offset});
            body[name] = json!([1, 0, 0]);
            body
        };
        for (actor, most) in [(&owner, 10_000), (&inference, 100)] {
            actor.post(&path, ask(json!(most), json!(0))).expect(200);
            actor
                .post(&path, ask(json!(most - 1), json!(1)))
                .expect(200);
            let limit = format!("may ask for {most} at most");
            refused(&actor.post(&path, ask(json!(most + 1), json!(0))), &limit);
            refused(&actor.post(&path, ask(json!(most), json!(1))), &limit);
            refused(
                &actor.post(&path, ask(json!(u64::MAX), json!(u64::MAX))),
                &limit,
            );
            let batch =
                json!({"searches": [ask(json!(1), json!(0)), ask(json!(most + 1), json!(0))]});
            refused(&actor.post(&format!("{path}/batch"), batch), &limit);
        }
        refused(&owner.post(&path, ask(json!(0), json!(0))), "1 or more");
        refused(&owner.post(&path, ask(json!(-1), json!(0))), "`-1`");
    }
    let searches = |count| json!({"searches": vec![json!({"query": 1, "limit": 1}); count]});
    let path = "/collections/docs/points/query/batch";
    refused(&owner.post(path, searches(1_001)), "limit of 1000");
    let all = owner.post(path, searches(1_000)).expect(200);
    assert_eq!(all["result"].as_array().unwrap().len(), 1_000);
}

#[test]
fn a_payload_may_have_1_mib_and_64_levels() {
    let (_node, owner) = stocked();
    let put = |payload: Value| {
        let points = json!({"points": [
            {"id": 20, "vector": [1, 0, 0]},
            {"id": 21, "vector": [1, 0, 0], "payload": payload},
        ]});
        owner.put("/collections/docs/points", points)
    };
    let long = |bytes: usize| json!({"t": "x".repeat(bytes - r#"{"t":""}"#.len())});
    refused(
        &put(long((1 << 20) + 1)),
        "1048577 bytes as JSON, more than the limit of 1048576",
    );
    // As it is stored, not as it is sent: a control character takes six bytes.
    refused(
        &put(json!({"t": "\u{1}".repeat(200_000)})),
        "more than the limit of 1048576",
    );
    for kind in [deep_object, deep_array, deep_mixed] {
        refused(&put(kind(65)), "deeper than 64 levels");
        assert_eq!(put(kind(500)).status, 400);
    }
    assert_eq!(count(&owner, "docs"), 3);
    put(long(1 << 20)).expect(200);
    for kind in [deep_object, deep_array, deep_mixed] {
        put(kind(64)).expect(200);
        let stored = owner.get("/collections/docs/points/21").expect(200);
        assert_eq!(stored["result"]["payload"], kind(64));
    }
}

/// Objects in objects, the outermost being the payload.
fn deep_object(levels: usize) -> Value {
    (1..levels).fold(json!({}), |inner, _| json!({"a": inner}))
}

fn deep_array(levels: usize) -> Value {
    json!({"a": (2..levels).fold(json!([]), |inner, _| json!([inner]))})
}

fn deep_mixed(levels: usize) -> Value {
    let inner = (2..levels).fold(json!([]), |inner, level| {
        if level % 2 == 0 {
            json!({"b": inner})
        } else {
            json!([inner])
        }
    });
    json!({"a": inner})
}

#[test]
fn a_filter_may_have_32_levels_and_4_096_conditions() {
    let (_node, owner) = stocked();
    let deep = |levels: usize| {
        (1..levels).fold(
            json!({"must": [{"key": "n", "match": {"value": 1}}]}),
            |inner, _| json!({"must": [inner]}),
        )
    };
    let wide =
        |count: usize| json!({"should": vec![json!({"key": "n", "match": {"value": 1}}); count]});
    let spread = |count: usize| {
        let mut clauses: Vec<Value> = vec![wide(count / 2 - 1), wide(count - count / 2 - 1)];
        clauses.rotate_left(1);
        json!({"must": clauses})
    };
    for route in ["query", "scroll", "count", "delete"] {
        let ask = |filter: Value| {
            let mut body = json!({"filter": filter});
            if route == "query" {
                body["query"] = json!([1, 0, 0]);
            }
            owner.post(&format!("/collections/docs/points/{route}"), body)
        };
        refused(&ask(deep(33)), "deeper than 32");
        assert_eq!(ask(deep(200)).status, 400);
        refused(&ask(wide(4_097)), "more than 4096 conditions");
        refused(&ask(spread(4_097)), "more than 4096 conditions");
        if route == "delete" {
            assert_eq!(count(&owner, "docs"), 3);
            continue;
        }
        for filter in [deep(32), wide(4_096), spread(4_096)] {
            let answer = ask(filter);
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
    }
}

#[test]
fn a_collection_s_name_may_have_255_bytes_of_any_script() {
    let (_node, owner) = stocked();
    let (longest, accents) = ("n".repeat(255), "é".repeat(127));
    for name in [
        longest.as_str(),
        &accents,
        "données 日本語 🦀",
        "a b&c=d#e",
        "...",
    ] {
        let path = format!("/collections/{}", encoded(name));
        let schema = json!({"vectors": {"size": 2, "distance": "Dot"}});
        owner.put(&path, schema).expect(200);
        let point = json!({"points": [{"id": 1, "vector": [1, 0]}]});
        owner.put(&format!("{path}/points"), point).expect(200);
        owner.get(&format!("{path}/points/1")).expect(200);
        let listed = owner.get("/collections").expect(200);
        let listed = listed["result"]["collections"].as_array().unwrap();
        assert!(
            listed.contains(&json!({"name": name})),
            "{name} isn't in {listed:?}"
        );
        owner.delete(&path).expect(200);
        owner.get(&path).expect(404);
    }
    let (longer, wider) = ("n".repeat(256), "é".repeat(128));
    for name in [
        longer.as_str(),
        &wider,
        "a/b",
        "a\\b",
        "a:b",
        "a\0b",
        "a\nb",
        "<a>",
        "a?",
        "a*",
    ] {
        let schema = json!({"vectors": {"size": 2, "distance": "Dot"}});
        let answer = owner.put(&format!("/collections/{}", encoded(name)), schema);
        refused(&answer, "1 to 255 bytes");
    }
    // Not UTF-8 at all.
    assert_eq!(owner.get("/collections/%FF%FE").status, 400);
}

fn encoded(name: &str) -> String {
    name.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
