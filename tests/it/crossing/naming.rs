//! A request that names a tenant is refused: whoever sends it believes something that isn't so.

use serde_json::{Value, json};

use super::{
    routes::{ROUTES, Route},
    twins::{Twins, everything_of},
};
use crate::harness::Answer;

#[track_caller]
fn is_refused(answer: &Answer, route: &Route, how: &str) {
    let what = format!("{} with {how}: {}", route.name(), answer.text);
    assert_eq!(answer.status, 400, "{what}");
    assert!(answer.message().contains("tenant"), "{what}");
    assert!(
        !answer.text.contains("of anna") && !answer.text.contains("of berta"),
        "{what}"
    );
}

#[test]
fn a_tenant_in_a_header_is_refused_on_every_route() {
    let twins = Twins::new();
    let before = everything_of(&twins.berta);
    for route in ROUTES {
        let (path, body) = (route.path("docs", &json!(1)), route.body(&json!(1)));
        for header in [
            "x-tenant",
            "x-tenant-id",
            "tenant",
            "X-Locule-Tenant",
            "TENANT_ID",
        ] {
            // One's own name isn't taken either.
            for name in ["berta", "anna"] {
                let headers = [(header, name)];
                let answer = route.send(&twins.anna.owner, &path, &headers, body.clone());
                is_refused(&answer, &route, header);
            }
        }
    }
    assert_eq!(everything_of(&twins.berta), before);
}

#[test]
fn a_tenant_in_a_parameter_is_refused_on_every_route() {
    let twins = Twins::new();
    for route in ROUTES {
        let (path, body) = (route.path("docs", &json!(1)), route.body(&json!(1)));
        for query in [
            "tenant=berta",
            "wait=true&tenant_id=berta",
            "Tenant=anna",
            "%74enant=berta",
        ] {
            let path = format!("{path}?{query}");
            let answer = route.send(&twins.anna.owner, &path, &[], body.clone());
            is_refused(&answer, &route, query);
        }
    }
}

#[test]
fn a_tenant_in_a_body_is_refused_on_every_route_that_reads_one() {
    let twins = Twins::new();
    for route in ROUTES {
        let Some(body) = route.body(&json!(1)) else {
            continue;
        };
        for field in ["tenant", "tenant_id"] {
            let named = with_field(&body, &[], field);
            let path = route.path("docs", &json!(1));
            let answer = route.send(&twins.anna.owner, &path, &[], Some(named));
            is_refused(&answer, &route, field);
        }
        // And in the parts of a body that aren't the tenant's own words.
        for place in [
            &["points", "0"][..],
            &["searches", "0"],
            &["vectors"],
            &["filter"],
        ] {
            if body
                .pointer(&format!("/{}", place.join("/")))
                .is_some_and(Value::is_object)
            {
                let named = with_field(&body, place, "tenant");
                let path = route.path("docs", &json!(1));
                let answer = route.send(&twins.anna.owner, &path, &[], Some(named));
                is_refused(&answer, &route, &place.join("/"));
            }
        }
    }
}

#[test]
fn a_tenant_in_a_path_leads_nowhere() {
    let twins = Twins::new();
    for route in ROUTES {
        let (path, body) = (route.path("docs", &json!(1)), route.body(&json!(1)));
        for prefix in [
            "/berta",
            "/tenants/berta",
            "/v1/tenants/berta",
            "/tenant/berta",
            "/v1/berta",
        ] {
            let path = format!("{prefix}{path}");
            let answer = route.send(&twins.anna.owner, &path, &[], body.clone());
            assert_eq!(
                answer.status, 404,
                "{} {path}: {}",
                route.method, answer.text
            );
            let operator = twins.node.operator();
            let answer = route.send(&operator, &path, &[], body.clone());
            assert_eq!(
                answer.status, 404,
                "{} {path}: {}",
                route.method, answer.text
            );
        }
    }
    // A collection's name is just that, whatever it looks like.
    for name in [
        "berta%2Fdocs",
        "berta%5Cdocs",
        "berta.docs",
        "..%2Fberta%2Fdocs",
        "berta@docs",
    ] {
        let answer = twins.anna.owner.get(&format!("/collections/{name}"));
        assert!(
            [400, 404].contains(&answer.status),
            "{name}: {}",
            answer.text
        );
    }
}

/// What a tenant calls its own things is its own business.
#[test]
fn the_word_may_stand_in_a_tenants_own_data() {
    let twins = Twins::new();
    let anna = &twins.anna.owner;
    anna.create_collection("tenant", 2, "Dot");
    anna.put_point(
        "tenant",
        1,
        &[1.0, 0.0],
        json!({"tenant": "berta", "tenant_id": 7}),
    );
    let filter = json!({"must": [{"key": "tenant", "match": {"value": "berta"}}]});
    let body = json!({"query": [1.0, 0.0], "filter": filter, "with_payload": ["tenant"]});
    let answer = anna
        .post("/collections/tenant/points/query", body)
        .expect(200);
    assert_eq!(
        answer["result"]["points"][0]["payload"],
        json!({"tenant": "berta"})
    );
}

fn with_field(body: &Value, place: &[&str], field: &str) -> Value {
    let mut body = body.clone();
    let pointer: String = place.iter().map(|step| format!("/{step}")).collect();
    body.pointer_mut(&pointer).unwrap()[field] = json!("berta");
    body
}
