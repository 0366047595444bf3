//! Every route that answers points, or counts them.

use std::fmt;

use serde_json::{Value, json};

use super::{DAY, HOUR, MILLISECOND, hourly, keep, payload, vector};
use crate::harness::{Actor, Node};

/// A request whose answer depends on which points there are.
struct Question {
    path: String,
    /// Nothing, to get it.
    body: Option<Value>,
    /// Where in the answer the part stands that depends on them.
    part: &'static str,
}

impl Question {
    fn ask(&self, actor: &Actor) -> Value {
        let answer = match &self.body {
            Some(body) => actor.post(&self.path, body.clone()),
            None => actor.get(&self.path),
        };
        let mut part = answer.expect(200).pointer(self.part).unwrap().clone();
        // Versions tell how many writes there were, and a random sample comes in any order.
        strip(&mut part);
        if self.to_string().contains("random") {
            let points = part["points"].as_array_mut().unwrap();
            points.sort_by_key(|point| point["id"].as_u64());
        }
        part
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.path, self.body)
    }
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("version");
            fields.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn questions() -> Vec<Question> {
    let near = [1.0, 1.0, 0.5, -1.0];
    let nearest = json!({"query": near, "limit": 10, "with_payload": true});
    let filtered = |filter: &Value| {
        let mut body = nearest.clone();
        body["filter"] = filter.clone();
        body
    };
    let indexed = json!({"must": [{"key": "kind", "match": {"value": "hourly"}}]});
    let texts = ["text-0", "text-1", "text-2"];
    let open = json!({"must": [{"key": "text", "match": {"any": texts}}]});
    let by_id = json!({"must": [{"has_id": [0, 1, 2]}]});
    let mut exact = nearest.clone();
    exact["params"] = json!({"exact": true});
    let prefetch = json!({"query": near, "limit": 10});
    let fused = json!({"prefetch": [prefetch, prefetch], "query": {"fusion": "rrf"}});
    let groups = json!({"query": near, "group_by": "number", "limit": 10});
    let search = json!({"vector": near, "limit": 10, "with_payload": true});
    let asked = [
        ("", json!({"ids": [0, 1, 2], "with_vector": true})),
        ("/scroll", json!({"limit": 10})),
        ("/scroll", json!({"limit": 10, "order_by": "number"})),
        ("/scroll", json!({"limit": 10, "filter": indexed})),
        ("/scroll", json!({"limit": 10, "filter": open})),
        ("/count", json!({"exact": true})),
        ("/count", json!({"exact": false})),
        ("/count", json!({"filter": indexed})),
        ("/count", json!({"filter": indexed, "exact": false})),
        ("/count", json!({"filter": open})),
        ("/count", json!({"filter": by_id})),
        ("/query", exact),
        ("/query", filtered(&indexed)),
        ("/query", filtered(&open)),
        ("/query", filtered(&by_id)),
        ("/query", json!({"limit": 10})),
        (
            "/query",
            json!({"query": {"order_by": "number"}, "limit": 10}),
        ),
        (
            "/query",
            json!({"query": {"sample": "random"}, "limit": 1_000}),
        ),
        ("/query", fused),
        (
            "/query/batch",
            json!({"searches": [nearest, {"limit": 10}]}),
        ),
        ("/query/batch", json!({"searches": [nearest, nearest]})),
        ("/query/groups", groups),
        ("/search", search.clone()),
        ("/search/batch", json!({"searches": [search]})),
        ("/query", nearest),
    ];
    let asked = asked.into_iter().map(|(route, body)| Question {
        path: format!("/collections/docs/points{route}"),
        body: Some(body),
        part: "/result",
    });
    let facets = ["kind", "text"].map(|key| Question {
        path: "/collections/docs/facet".to_owned(),
        body: Some(json!({"key": key})),
        part: "/result",
    });
    let told = [
        ("/collections/docs", "/result/points_count"),
        ("/collections/docs", "/result/payload_schema/number/points"),
        ("/v1/usage", "/points"),
    ];
    let told = told.map(|(path, part)| Question {
        path: path.to_owned(),
        body: None,
        part,
    });
    asked.chain(facets).chain(told).collect()
}

fn index(owner: &Actor, fields: &[&str]) {
    for field in fields {
        let schema = if *field == "number" {
            "integer"
        } else {
            "keyword"
        };
        let body = json!({"field_name": field, "field_schema": schema});
        owner.put("/collections/docs/index", body).expect(200);
    }
}

#[test]
fn every_route_answers_as_if_what_has_ended_had_never_been() {
    for with_index in [true, false] {
        let node = Node::start();
        let tenant = hourly(&node, 3);
        let fresh = node.tenant("berta");
        fresh.owner.create_collection("docs", 4, "Dot");
        for owner in [&tenant.owner, &fresh.owner] {
            index(
                owner,
                if with_index {
                    &["kind", "number"]
                } else {
                    &["number"]
                },
            );
        }
        keep(&tenant, json!({"ttl_days": 1}));
        // What was there is still there to the last millisecond.
        node.clock.advance(DAY - 2 * HOUR - MILLISECOND);
        for number in 0..3 {
            fresh
                .owner
                .put_point("docs", number, &vector(number), payload(number));
        }
        let questions = questions();
        for question in &questions {
            let (there, other) = (question.ask(&tenant.owner), question.ask(&fresh.owner));
            assert_eq!(there, other, "{question}");
        }
        for gone in 0..3 {
            node.clock
                .advance(if gone == 0 { MILLISECOND } else { HOUR });
            let path = "/collections/docs/points/delete";
            fresh
                .owner
                .post(path, json!({"points": [gone]}))
                .expect(200);
            for question in &questions {
                let (ended, deleted) = (question.ask(&tenant.owner), question.ask(&fresh.owner));
                assert_eq!(ended, deleted, "after {gone}: {question}");
            }
            let one = tenant
                .owner
                .get(&format!("/collections/docs/points/{gone}"));
            assert_eq!(one.status, 404, "{}", one.text);
        }
    }
}

/// Each route first, right after the end: none of them relies on another one to have cleared.
#[test]
fn whichever_route_is_asked_first_sees_nothing_of_what_has_ended() {
    let node = Node::start();
    let tenant = hourly(&node, 1);
    index(&tenant.owner, &["kind", "number"]);
    keep(&tenant, json!({"ttl_days": 1}));
    for question in questions() {
        tenant.owner.put_point("docs", 0, &vector(0), payload(0));
        let there = question.ask(&tenant.owner);
        node.clock.advance(DAY);
        let first = question.ask(&tenant.owner);
        tenant.owner.get("/collections/docs").expect(200);
        assert_eq!(first, question.ask(&tenant.owner), "{question}");
        assert_ne!(first, there, "{question}");
    }
    // Those that change points find none either.
    let changes = [
        ("/payload", json!({"payload": {"a": 1}, "points": [0]})),
        ("/payload/delete", json!({"keys": ["kind"], "points": [0]})),
        ("/vectors/delete", json!({"vector": [""], "points": [0]})),
    ];
    for (route, body) in changes {
        tenant.owner.put_point("docs", 0, &vector(0), payload(0));
        node.clock.advance(DAY);
        let path = format!("/collections/docs/points{route}");
        let answer = tenant.owner.post(&path, body);
        assert_eq!(answer.status, 404, "{path}: {}", answer.text);
    }
    tenant.owner.put_point("docs", 0, &vector(0), payload(0));
    node.clock.advance(DAY);
    let about = json!({"query": 0, "limit": 3});
    let answer = tenant.owner.post("/collections/docs/points/query", about);
    assert_eq!(answer.status, 404, "{}", answer.text);
    tenant.owner.put_point("docs", 0, &vector(0), payload(0));
    node.clock.advance(DAY);
    // An id that has ended is a new one.
    let new = json!({"points": [{"id": 0, "vector": vector(0)}], "update_mode": "insert_only"});
    tenant
        .owner
        .put("/collections/docs/points", new)
        .expect(200);
    let answer = tenant.owner.get("/collections/docs/points/0").expect(200);
    assert_eq!(answer["result"]["payload"], json!({}));
}
