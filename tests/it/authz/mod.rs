//! Who may do what, through HTTP: every route, asked by everyone, of their own tenant, of another's
//! and of a suspended one. The table of what comes back is checked in (`tests/golden/authz.txt`).
//!
//! A route that isn't in `requests` fails the test: so no route is served that no stranger was
//! refused at.

mod requests;

use std::{collections::BTreeSet, fmt::Write};

use serde_json::{Value, json};

use self::requests::{Asked, Target, request};
use crate::harness::{Actor, Node, Tenant};

/// What a request came to, as far as who may is concerned.
fn verdict(status: u16) -> String {
    match status {
        200..300 => "yes".to_owned(),
        429 => panic!("{status} says nothing of who may"),
        500.. => panic!("{status}: the server failed"),
        _ => status.to_string(),
    }
}

/// Every route of the document but those that take no credential.
fn guarded_routes(node: &Node) -> Vec<String> {
    let document = node.stranger().get("/openapi.json").expect(200);
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            // `[{}]`: what is sent is itself the credential, or none is needed.
            let scheme = operation["security"][0].as_object();
            if scheme.is_some_and(|scheme| !scheme.is_empty()) {
                routes.push(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    assert!(routes.len() > 40, "{routes:?}");
    routes.sort();
    // What takes away what the others ask for comes last.
    routes.sort_by_key(|route| requests::ends(route));
    routes
}

#[test]
fn every_route_refuses_a_stranger_and_a_wrong_key_in_the_same_words() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    let target = Target::of(&node, &tenant);
    let wrong = node.actor(&format!("lcl_0123456789abcdef_{}", "0".repeat(64)));
    for route in guarded_routes(&node) {
        let Some(asked) = request(&route, &target) else {
            panic!("{route} has no request in tests/it/authz/requests.rs: add one");
        };
        for actor in [&node.stranger(), &wrong] {
            let answer = asked.send(actor);
            assert_eq!(answer.status, 401, "{route}: {}", answer.text);
            assert!(answer.headers.contains_key("www-authenticate"), "{route}");
        }
    }
}

#[test]
fn the_table_of_who_may_is_the_checked_in_one() {
    let mut table = format!(
        "{:<52} {:<9} {:<9} {:<7} {:<7} {:<8} {}\n",
        "route", "stranger", "inference", "writer", "auditor", "operator", "owner"
    );
    for which in ["own tenant", "another tenant", "suspended tenant"] {
        writeln!(table, "\n[{which}]").unwrap();
        let node = Node::start();
        let (acme, globex) = (furnished(&node, "acme"), furnished(&node, "globex"));
        let target = match which {
            "another tenant" => Target::of(&node, &globex),
            _ => Target::of(&node, &acme),
        };
        if which == "suspended tenant" {
            let operator = node.operator();
            operator
                .post("/v1/tenants/acme/suspend", json!({}))
                .expect(200);
        }
        for route in guarded_routes(&node) {
            let asked = request(&route, &target).unwrap_or_else(|| panic!("{route}"));
            // What names nothing can't be asked of another tenant.
            if which == "another tenant" && !asked.names_something {
                continue;
            }
            let actors = [
                &node.stranger(),
                &acme.inference,
                &acme.writer,
                &acme.auditor,
                &node.operator(),
                &acme.owner,
            ];
            let verdicts = actors.map(|actor| verdict_of(&asked, actor, &route));
            let [stranger, inference, writer, auditor, operator, owner] = verdicts;
            writeln!(
                table,
                "{route:<52} {stranger:<9} {inference:<9} {writer:<7} {auditor:<7} {operator:<8} {owner}"
            )
            .unwrap();
        }
    }
    let path = crate::harness::checkout("tests/golden/authz.txt");
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    if table != golden {
        let fresh = std::env::temp_dir().join("authz.txt");
        std::fs::write(&fresh, &table).unwrap();
        panic!(
            "the table has changed; look at the difference, and to accept it:\ncp {} {}",
            fresh.display(),
            path.display()
        );
    }
}

fn verdict_of(asked: &Asked, actor: &Actor, route: &str) -> String {
    let answer = asked.send(actor);
    let verdict = verdict(answer.status);
    // No refusal tells what the caller may not know.
    if verdict == "401" || verdict == "403" {
        assert!(!answer.text.contains("globex"), "{route}: {}", answer.text);
    }
    verdict
}

/// The tables of roles and of routes can't contradict each other: whoever may not search by the one
/// isn't answered by the other.
#[test]
fn the_operator_is_answered_by_no_route_of_the_data_plane() {
    let node = Node::start();
    let acme = furnished(&node, "acme");
    let target = Target::of(&node, &acme);
    let mut seen = BTreeSet::new();
    for route in guarded_routes(&node) {
        if !route.contains(" /v1/") {
            let asked = request(&route, &target).unwrap();
            assert_eq!(asked.send(&node.operator()).status, 403, "{route}");
            assert_eq!(asked.send(&acme.auditor).status, 403, "{route}");
            seen.insert(route);
        }
    }
    assert!(seen.len() >= 33, "{seen:?}");
}

fn furnished(node: &Node, id: &str) -> Tenant {
    let tenant = node.tenant(id);
    tenant.owner.create_collection("docs", 4, "Dot");
    let point: Value = json!({"text": "a text", "owner": id});
    tenant
        .owner
        .put_point("docs", 1, &[1.0, 0.0, 0.0, 0.0], point);
    tenant
}
