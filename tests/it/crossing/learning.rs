//! Nobody can learn that something exists for someone else: what exists only elsewhere is
//! answered as what exists nowhere.

use serde_json::{Value, json};

use super::{
    routes::{Does, ROUTES},
    twins::{ONLY_BERTAS, Twins, only_bertas_ids},
};
use crate::harness::{Actor, Answer};

/// An answer, but for what differs between any two: when it was, how long it took, its number.
fn essence(answer: &Answer) -> (u16, String, Vec<(String, String)>) {
    let mut body = answer.body.clone();
    if let Some(fields) = body.as_object_mut() {
        fields.remove("time");
    }
    let headers = answer.headers.iter().filter_map(|(name, value)| {
        // The length tells the time's digits.
        let varies = ["date", "x-request-id", "content-length"].contains(&name.as_str());
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (!varies).then(|| (name.to_string(), value))
    });
    (answer.status, body.to_string(), headers.collect())
}

/// Every question about what only berta has, as anna may ask it.
fn questions(anna: &Actor) -> Vec<(String, Answer)> {
    let mut answers = Vec::new();
    for route in ROUTES {
        let creates = route.method == "PUT" && route.does == Does::Change;
        for id in only_bertas_ids() {
            let ask = |collection: &str| route.ask(anna, collection, &id);
            // In a collection of hers, by ids that she hasn't.
            if !creates && route.name() != "DELETE /collections/{name}" {
                answers.push((format!("{} docs {id}", route.name()), ask("docs")));
            }
            // In a collection that she hasn't.
            if route.name() != "PUT /collections/{name}" {
                answers.push((
                    format!("{} {ONLY_BERTAS} {id}", route.name()),
                    ask(ONLY_BERTAS),
                ));
            }
        }
    }
    for (route, body) in [
        ("query", json!({"query": 1000})),
        ("query", json!({"query": {"nearest": 1000}})),
        ("scroll", json!({"offset": 1000})),
        (
            "scroll",
            json!({"filter": {"must": [{"has_id": only_bertas_ids()}]}}),
        ),
        (
            "count",
            json!({"filter": {"must": [{"has_id": only_bertas_ids()}]}}),
        ),
        (
            "count",
            json!({"filter": {"must": [{"key": "owner", "match": {"value": "berta"}}]}}),
        ),
        (
            "delete",
            json!({"filter": {"must": [{"has_id": only_bertas_ids()}]}}),
        ),
    ] {
        let path = format!("/collections/docs/points/{route}");
        answers.push((format!("{route} {body}"), anna.post(&path, body)));
    }
    answers
}

#[test]
fn what_exists_only_elsewhere_is_answered_as_what_exists_nowhere() {
    let twins = Twins::new();
    let key = twins.anna.owner.key.as_ref().unwrap();
    let mut nowhere = questions(&twins.node.actor(key));
    twins.give_berta_more();
    let mut elsewhere = questions(&twins.node.actor(key));
    assert_eq!(nowhere.len(), elsewhere.len());
    for ((what, before), (_, after)) in nowhere.iter_mut().zip(&mut elsewhere) {
        // A write has its number, which is anna's own and counts her own writes.
        for answer in [&mut *before, &mut *after] {
            if let Some(result) = answer.body["result"].as_object_mut() {
                result.remove("operation_id");
            }
        }
        assert_eq!(essence(before), essence(after), "{what}");
        for text in ["berta", "only"] {
            let own_words = after.text.contains(ONLY_BERTAS) && what.contains(ONLY_BERTAS);
            assert!(
                own_words || !after.text.contains(text),
                "{what}: {}",
                after.text
            );
        }
    }
    let statuses: Vec<u16> = elsewhere.iter().map(|(_, answer)| answer.status).collect();
    assert!(
        statuses.contains(&404) && statuses.contains(&200),
        "{statuses:?}"
    );
}

#[test]
fn ids_and_offsets_of_another_tenant_find_nothing() {
    let twins = Twins::new();
    twins.give_berta_more();
    let anna = &twins.anna.owner;
    for id in only_bertas_ids() {
        let text = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
        anna.get(&format!("/collections/docs/points/{text}"))
            .expect(404);
        let body = json!({"ids": [id]});
        let found = anna.post("/collections/docs/points", body).expect(200);
        assert_eq!(found["result"], json!([]));
        anna.post("/collections/docs/points/query", json!({"query": id}))
            .expect(404);
        let body = json!({"filter": {"must": [{"has_id": [id]}]}});
        let count = anna
            .post("/collections/docs/points/count", body)
            .expect(200);
        assert_eq!(count["result"]["count"], 0);
    }
    // An offset is a place in the order of ids; what follows it is anna's own.
    let body = json!({"offset": 1000, "with_vector": true});
    let page = anna
        .post("/collections/docs/points/scroll", body)
        .expect(200);
    let ids: Vec<&Value> = page["result"]["points"]
        .as_array()
        .unwrap()
        .iter()
        .collect();
    assert_eq!(ids.len(), 1, "her own uuid: {page}");
    assert!(page.to_string().contains("of anna"));
    anna.get(&format!("/collections/{ONLY_BERTAS}")).expect(404);
    let exists = anna
        .get(&format!("/collections/{ONLY_BERTAS}/exists"))
        .expect(200);
    assert_eq!(exists["result"]["exists"], false);
    let names = anna.get("/collections").expect(200).to_string();
    assert!(!names.contains(ONLY_BERTAS), "{names}");
}

#[test]
fn a_name_that_another_tenant_took_is_free() {
    let twins = Twins::new();
    twins.give_berta_more();
    twins.anna.owner.create_collection(ONLY_BERTAS, 2, "Euclid");
    let own = twins
        .anna
        .owner
        .get(&format!("/collections/{ONLY_BERTAS}"))
        .expect(200);
    assert_eq!(own["result"]["points_count"], 0);
    assert_eq!(own["result"]["config"]["params"]["vectors"]["size"], 2);
    let hers = twins
        .berta
        .owner
        .get(&format!("/collections/{ONLY_BERTAS}"))
        .expect(200);
    assert_eq!(hers["result"]["config"]["params"]["vectors"]["size"], 4);
}

#[test]
fn versions_and_operation_numbers_count_ones_own_writes() {
    let twins = Twins::new();
    let put = |actor: &Actor| {
        let body = json!({"points": [{"id": 1, "vector": [1.0, 0.0, 0.0, 0.0]}]});
        let answer = actor.put("/collections/docs/points", body).expect(200);
        answer["result"]["operation_id"].as_u64().unwrap()
    };
    let before = put(&twins.anna.owner);
    for _ in 0..5 {
        put(&twins.berta.owner);
    }
    assert_eq!(put(&twins.anna.owner), before + 1);
}

/// Numbers that follow each other would tell each tenant how much all others ask.
#[test]
fn request_ids_dont_count_other_tenants_requests() {
    let twins = Twins::new();
    let ids: Vec<u64> = (0..20)
        .map(|_| {
            let answer = twins.anna.owner.get("/collections");
            let id = answer.headers["x-request-id"].to_str().unwrap();
            u64::from_str_radix(id, 16).unwrap()
        })
        .collect();
    let near = |pair: &[u64]| pair[0].abs_diff(pair[1]) < 1 << 32;
    assert!(!ids.windows(2).any(near), "{ids:x?}");
}
