//! Each gets its own, and changes its own.

use serde_json::{Value, json};

use super::{
    routes::{Does, ROUTES},
    twins::{FIRST_VECTOR, Twins, everything_of, only_bertas_ids, shared_ids},
};
use crate::harness::Tenant;

/// An answer shows at least one text of its asker, and none of the other.
#[track_caller]
fn shows_only(asker: &Tenant, other: &Tenant, text: &str, what: &str) {
    assert!(text.contains(&format!("of {}", asker.id)), "{what}: {text}");
    assert!(!text.contains(&other.id), "{what}: {text}");
}

#[test]
fn every_route_answers_with_the_askers_own() {
    let twins = Twins::new();
    for (asker, other) in twins.tenants() {
        for route in ROUTES.iter().filter(|route| route.does != Does::Change) {
            for id in [json!(1), shared_ids()[5].clone()] {
                let answer = route.ask(&asker.owner, "docs", &id);
                assert_eq!(answer.status, 200, "{}: {}", route.name(), answer.text);
                if route.does == Does::Show {
                    shows_only(asker, other, &answer.text, &route.name());
                }
                assert!(!answer.text.contains(&other.id), "{}", answer.text);
            }
        }
    }
}

#[test]
fn an_inference_key_is_answered_with_its_own_tenants_points() {
    let twins = Twins::new();
    for (asker, other) in twins.tenants() {
        let found = asker.inference.query("docs", &FIRST_VECTOR, 100);
        assert_eq!(found.len(), 6);
        shows_only(asker, other, &json!(found).to_string(), "query");
    }
}

#[test]
fn vectors_and_scores_are_the_askers_own() {
    let twins = Twins::new();
    for (asker, own) in [(&twins.anna, 100.0..150.0), (&twins.berta, 200.0..250.0)] {
        let body = json!({"query": FIRST_VECTOR, "limit": 100, "with_vector": true});
        let answer = asker
            .owner
            .post("/collections/docs/points/query", body)
            .expect(200);
        let points = answer["result"]["points"].as_array().unwrap().clone();
        assert_eq!(points.len(), 6);
        for point in points {
            assert!(own.contains(&point["score"].as_f64().unwrap()), "{point}");
            assert!(
                own.contains(&point["vector"][0].as_f64().unwrap()),
                "{point}"
            );
        }
    }
}

#[test]
fn whatever_one_changes_the_others_data_stays_as_it_is() {
    let twins = Twins::new();
    twins.give_berta_more();
    let before = everything_of(&twins.berta);
    assert_eq!(before.len(), 7, "three collections");
    let anna = &twins.anna.owner;
    let mut ids = shared_ids();
    ids.extend(only_bertas_ids());
    let delete = "/collections/docs/points/delete";
    // By ids that both have and that only berta has; by filters that match all, hers, and ids.
    anna.post(delete, json!({"points": ids})).expect(200);
    for filter in [
        json!({"must": [{"key": "owner", "match": {"value": "berta"}}]}),
        json!({"must": [{"has_id": ids}]}),
        json!({"must_not": [{"has_id": [77]}]}),
        json!({}),
    ] {
        anna.post(delete, json!({"filter": filter})).expect(200);
    }
    let count = anna
        .post("/collections/docs/points/count", json!({}))
        .expect(200);
    assert_eq!(count["result"]["count"], 0, "her own are gone");
    assert_eq!(everything_of(&twins.berta), before);
    for route in ROUTES.iter().filter(|route| route.does == Does::Change) {
        for collection in ["notes", "only-bertas"] {
            for id in &ids {
                let answer = route.ask(anna, collection, id);
                assert!(answer.status < 500, "{}: {}", route.name(), answer.text);
            }
        }
    }
    assert_eq!(everything_of(&twins.berta), before);
    // Nor does anything change when the partition is opened anew from disk.
    let (key, node) = (twins.berta.owner.key.clone().unwrap(), twins.node.restart());
    let berta = Tenant {
        owner: node.actor(&key),
        ..twins.berta
    };
    assert_eq!(everything_of(&berta), before);
}

#[test]
fn two_credentials_in_one_request_are_never_mixed() {
    let twins = Twins::new();
    let key = format!("Bearer {}", twins.berta.owner.key.as_ref().unwrap());
    let headers = [("authorization", key.as_str())];
    for route in ROUTES.iter().filter(|route| route.does == Does::Show) {
        let (path, body) = (route.path("docs", &json!(1)), route.body(&json!(1)));
        let answer = route.send(&twins.anna.owner, &path, &headers, body);
        shows_only(&twins.anna, &twins.berta, &answer.text, &route.name());
    }
}

#[test]
fn tenants_who_ask_at_the_same_time_get_their_own() {
    let twins = Twins::new();
    std::thread::scope(|scope| {
        for (asker, other) in twins.tenants() {
            for _ in 0..2 {
                scope.spawn(|| {
                    for round in 0..30_u64 {
                        for route in ROUTES.iter().filter(|route| route.does == Does::Show) {
                            let id = Value::from(1 + round % 5);
                            let answer = route.ask(&asker.owner, "docs", &id);
                            shows_only(asker, other, &answer.text, &route.name());
                        }
                    }
                });
            }
        }
    });
}
