//! What nobody should send is refused by every route in its plane's own shape, with the reason.

use serde_json::{Value, json};

use crate::harness::{Actor, Node};

/// The routes of the control plane that change something, but for those that take a file or a signed
/// message, as the document has them.
fn changing(node: &Node) -> Vec<(reqwest::Method, String)> {
    let document = node.stranger().get("/openapi.json").expect(200);
    let paths = document["paths"].as_object().unwrap();
    let routes = paths.iter().filter(|(path, _)| path.starts_with("/v1/"));
    let routes = routes.flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys();
        methods.map(|method| (method.to_uppercase().parse().unwrap(), path.clone()))
    });
    let taken = |(method, path): &(reqwest::Method, String)| {
        let other_bodies = ["/v1/backups/upload", "/v1/webhooks/{id}/messages"];
        *method != reqwest::Method::GET && !other_bodies.contains(&path.as_str())
    };
    routes.filter(taken).collect()
}

fn send(actor: &Actor, method: reqwest::Method, path: &str, body: &Value) -> (u16, String) {
    let body = Some(body.to_string().into_bytes());
    let answer = actor.send(method, path, &[], body);
    (answer.status, answer.message().to_owned())
}

#[test]
fn no_control_route_ignores_a_field_that_it_does_not_know() {
    let node = Node::start();
    let owner = node.tenant("acme").owner;
    let routes = changing(&node);
    assert!(routes.len() > 20, "{routes:?}");
    for (method, path) in routes {
        let path = path.replace('{', "a").replace('}', "");
        let body = json!({"surely_unknown": 1});
        let (status, message) = send(&owner, method.clone(), &path, &body);
        assert_eq!(status, 400, "{method} {path}: {message}");
        assert!(
            message.contains("surely_unknown"),
            "{method} {path}: {message}"
        );
    }
    assert_eq!(owner.get("/v1/backups").expect(200)["backups"], json!([]));
}

#[test]
fn a_route_that_takes_no_body_takes_an_empty_one_and_an_empty_object() {
    let node = Node::start();
    let owner = node.tenant("acme").owner;
    for body in [None, Some(b"{}".to_vec())] {
        let made = owner.send(reqwest::Method::POST, "/v1/backups", &[], body);
        let id = made.expect(202)["id"].as_str().unwrap().to_owned();
        while owner.get(&format!("/v1/backups/{id}")).expect(200)["state"] == "running" {}
        owner.delete(&format!("/v1/backups/{id}")).expect(204);
    }
    for body in ["[]", "null", "{} {}", "nonsense"] {
        let body = Some(body.as_bytes().to_vec());
        let refused = owner.send(reqwest::Method::POST, "/v1/backups", &[], body);
        assert_eq!(refused.status, 400, "{}", refused.text);
    }
}

#[test]
fn a_path_that_is_no_text_is_refused_in_its_plane_s_own_shape() {
    let node = Node::start();
    let owner = node.tenant("acme").owner;
    owner.create_collection("docs", 2, "Dot");
    for path in [
        "/collections/%FF",
        "/collections/docs/points/%C3%28",
        "/collections/%FF/points/1",
        "/v1/erasures/%FF",
        "/v1/erasures/%FF/receipt",
        "/v1/restores/%FF",
        "/v1/backups/%FF",
        "/v1/retention/%FF",
        "/v1/webhooks/%FF/deliveries",
    ] {
        let refused = owner.get(path);
        assert_eq!(refused.status, 400, "{path}: {}", refused.text);
        let message = refused.message();
        assert!(message.contains("UTF-8"), "{path}: {}", refused.text);
    }
    let refused = node.operator().get("/v1/tenants/%FF");
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert!(refused.message().contains("UTF-8"), "{}", refused.text);
}

#[test]
fn json_may_be_nested_as_deep_as_the_refusal_says() {
    let node = Node::start();
    let owner = node.tenant("acme").owner;
    owner.create_collection("docs", 2, "Dot");
    // A filter and a payload have limits of their own, but have to be read to be held against them.
    let nested = |levels: usize| {
        let (open, close) = ("[".repeat(levels), "]".repeat(levels));
        format!(r#"{{"filter": {open}{close}}}"#)
    };
    let ask = |levels: usize| {
        let body = Some(nested(levels - 1).into_bytes());
        let path = "/collections/docs/points/query";
        let refused = owner.send(reqwest::Method::POST, path, &[], body);
        assert_eq!(refused.status, 400, "{}", refused.text);
        refused.message().to_owned()
    };
    let at_the_limit = ask(127);
    assert!(!at_the_limit.contains("recursion"), "{at_the_limit}");
    let past_it = ask(128);
    assert!(past_it.contains("the limit is 127 levels"), "{past_it}");
}
