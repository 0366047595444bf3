//! Bodies that no one should send.

use reqwest::Method;
use serde_json::json;

use super::routes::{self, count, refused, stocked};
use crate::harness::Actor;

#[test]
fn every_route_takes_what_it_should_take() {
    let (_node, owner) = stocked();
    for route in routes::all() {
        let answer = route.send(&owner, &route.body.to_string());
        assert_eq!(answer.status, 200, "{} {}", route.path, answer.text);
        assert_eq!(answer["status"], "ok");
    }
}

#[test]
fn every_route_refuses_what_isn_t_json_or_isn_t_whole() {
    let (_node, owner) = stocked();
    for route in routes::all() {
        let text = route.body.to_string();
        let mut bodies = vec![
            "",
            "nonsense",
            "[1, 2",
            "{]",
            "\u{feff}{}",
            "{\"a\": 'b'}",
            "{,}",
        ]
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>();
        bodies.extend((1..text.len()).step_by(7).map(|end| text[..end].to_owned()));
        bodies.push(format!("{text} {text}"));
        bodies.push("[".repeat(10_000));
        bodies.push("{\"a\":".repeat(10_000));
        for body in bodies {
            let answer = route.send(&owner, &body);
            assert_eq!(
                answer.status, 400,
                "{} took {body}: {}",
                route.path, answer.text
            );
            assert!(answer.message().contains("JSON"), "{}", answer.text);
        }
        let bytes = Some(vec![b'{', b'"', 0xFF, 0xFE, b'"', b':', b'1', b'}']);
        let answer = owner.send(route.method.clone(), route.path, &[], bytes);
        assert_eq!(answer.status, 400, "{}", answer.text);
    }
    assert_eq!(count(&owner, "docs"), 3);
}

#[test]
fn every_field_of_every_route_refuses_values_of_another_kind() {
    let (_node, owner) = stocked();
    let before = count(&owner, "docs");
    let strange = json!({"strange": {"er": 1}});
    for route in routes::all() {
        for whole in [
            json!([]),
            json!(1),
            json!("text"),
            json!(null),
            json!([[{}]]),
        ] {
            let answer = route.send(&owner, &whole.to_string());
            assert!(
                (400..500).contains(&answer.status),
                "{} took {whole}: {}",
                route.path,
                answer.text
            );
        }
        for field in route.body.as_object().unwrap().keys() {
            // These are kept for their owner to read back.
            let kept = ["hnsw_config", "on_disk_payload", "payload", "metadata"];
            if kept.contains(&field.as_str()) {
                continue;
            }
            let mut body = route.body.clone();
            body[field] = strange.clone();
            let answer = route.send(&owner, &body.to_string());
            assert_eq!(
                answer.status, 400,
                "{} took {body}: {}",
                route.path, answer.text
            );
        }
        let mut body = route.body.clone();
        body["tenant"] = json!("globex");
        let answer = route.send(&owner, &body.to_string());
        refused(&answer, "tenant");
        body = route.body.clone();
        body["surprise"] = json!(1);
        refused(&route.send(&owner, &body.to_string()), "surprise");
    }
    assert_eq!(count(&owner, "docs"), before);
}

#[test]
fn numbers_that_aren_t_numbers_are_refused_wherever_they_stand() {
    let (_node, owner) = stocked();
    let texts = [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e400",
        "-1e400",
        "+1",
        "01",
        "0x10",
        ".5",
        "1.",
    ];
    let bodies: [(&str, &str); 6] = [
        ("/points", r#"{"points": [{"id": 9, "vector": [1, ?, 0]}]}"#),
        (
            "/points",
            r#"{"points": [{"id": 9, "vector": [1, 0, 0], "payload": {"n": ?}}]}"#,
        ),
        ("/points", r#"{"points": [{"id": ?, "vector": [1, 0, 0]}]}"#),
        ("/points/query", r#"{"query": [1, ?, 0]}"#),
        (
            "/points/query",
            r#"{"query": [1, 0, 0], "score_threshold": ?}"#,
        ),
        (
            "/points/query",
            r#"{"query": [1, 0, 0], "filter": {"must": {"key": "n", "range": {"lt": ?}}}}"#,
        ),
    ];
    for (path, template) in bodies {
        for text in texts {
            let body = template.replace('?', text);
            let answer = send(&owner, path, &body);
            assert_eq!(answer, 400, "{path} took {body}");
        }
    }
    // A number, but none of single precision: in a vector alone that matters.
    for body in [
        r#"{"points": [{"id": 9, "vector": [1, 1e39, 0]}]}"#,
        r#"{"points": [{"id": 9, "vector": [1, 3e19, 0]}]}"#,
    ] {
        assert_eq!(send(&owner, "/points", body), 400, "{body}");
    }
    assert_eq!(
        send(&owner, "/points/query", r#"{"query": [1, -1e39, 0]}"#),
        400
    );
    assert_eq!(count(&owner, "docs"), 3);
}

#[test]
fn ids_are_unsigned_numbers_or_uuids() {
    let (_node, owner) = stocked();
    for id in [
        "-1",
        "18446744073709551616",
        "1.5",
        "1e3",
        "\"not-a-uuid\"",
        "\"7\"",
        "null",
        "[1]",
        "{}",
        "true",
        "\"\"",
    ] {
        let bodies = [
            (
                "/points",
                format!(r#"{{"points": [{{"id": {id}, "vector": [1, 0, 0]}}]}}"#),
            ),
            (
                "/points",
                format!(r#"{{"batch": {{"ids": [{id}], "vectors": [[1, 0, 0]]}}}}"#),
            ),
            ("/points/delete", format!(r#"{{"points": [1, {id}]}}"#)),
            (
                "/points/delete",
                format!(r#"{{"filter": {{"must": [{{"has_id": [{id}]}}]}}}}"#),
            ),
            (
                "/points/query",
                format!(r#"{{"query": [1, 0, 0], "filter": {{"must": [{{"has_id": [{id}]}}]}}}}"#),
            ),
        ];
        for (path, body) in bodies {
            assert_eq!(send(&owner, path, &body), 400, "{path} took {body}");
        }
    }
    for id in ["-1", "18446744073709551616", "not-a-uuid", "%00", "1.5"] {
        let answer = owner.get(&format!("/collections/docs/points/{id}"));
        refused(
            &answer,
            "a point id is an unsigned 64-bit integer or a UUID",
        );
    }
    for id in [
        "18446744073709551615",
        "\"936da01f-9abd-4d9d-80c7-02af85c822a8\"",
        "\"936DA01F9ABD4D9D80C702AF85C822A8\"",
        "\"urn:uuid:936da01f-9abd-4d9d-80c7-02af85c822a8\"",
    ] {
        let body = format!(r#"{{"points": [{{"id": {id}, "vector": [1, 0, 0]}}]}}"#);
        assert_eq!(send(&owner, "/points", &body), 200, "{body}");
    }
    assert_eq!(count(&owner, "docs"), 5, "three spellings of one UUID");
}

#[test]
fn a_field_that_comes_twice_is_refused() {
    let (_node, owner) = stocked();
    for (path, body) in [
        (
            "/points",
            r#"{"points": [], "points": [{"id": 9, "vector": [1, 0, 0]}]}"#,
        ),
        (
            "/points",
            r#"{"points": [{"id": 9, "id": 10, "vector": [1, 0, 0]}]}"#,
        ),
        (
            "/points",
            r#"{"points": [{"id": 9, "vector": [1, 0, 0], "vector": [0, 0, 0]}]}"#,
        ),
        (
            "/points/query",
            r#"{"query": [1, 0, 0], "limit": 1, "limit": 2}"#,
        ),
        (
            "/points/query",
            r#"{"query": [1, 0, 0], "with_vector": false, "with_vectors": true}"#,
        ),
        ("/points/delete", r#"{"points": [1], "points": [2]}"#),
    ] {
        assert_eq!(send(&owner, path, body), 400, "{path} took {body}");
    }
    assert_eq!(count(&owner, "docs"), 3);
}

fn send(owner: &Actor, path: &str, body: &str) -> u16 {
    let method = if path == "/points" {
        Method::PUT
    } else {
        Method::POST
    };
    let path = format!("/collections/docs{path}");
    let body = Some(body.as_bytes().to_vec());
    owner.send(method, &path, &[], body).status
}
