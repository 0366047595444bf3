//! What answers say to browsers.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use locule::http::Options;
use reqwest::Method;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::harness::Node;

#[test]
fn every_answer_says_that_it_is_nobody_elses() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    for answer in [
        tenant.owner.get("/v1/self"),
        tenant.owner.get("/collections"),
        node.stranger().get("/collections"),
        node.stranger().get("/nowhere"),
        node.stranger().get("/v1/nowhere"),
        node.stranger().get("/healthz"),
        tenant.owner.put("/collections/docs", json!([])),
    ] {
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            (
                "content-security-policy",
                "default-src 'none'; frame-ancestors 'none'",
            ),
        ] {
            assert_eq!(answer.headers[name], value, "{}", answer.text);
        }
        let strict = answer.headers.get("strict-transport-security");
        assert!(strict.is_none(), "plain HTTP promises no TLS");
    }
}

#[test]
fn no_page_may_read_answers_but_those_of_origins_that_were_named() {
    let ask = |node: &Node, origin: &str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "PUT"),
            ("access-control-request-headers", "api-key"),
        ];
        let preflight = node
            .stranger()
            .send(Method::OPTIONS, "/collections/docs", &headers, None);
        let real = node
            .stranger()
            .send(Method::GET, "/healthz", &[("origin", origin)], None);
        [preflight, real].map(|answer| {
            let allowed = answer.headers.get("access-control-allow-origin");
            allowed.map(|origin| origin.to_str().unwrap().to_owned())
        })
    };
    let closed = Node::start();
    assert_eq!(ask(&closed, "https://app.example"), [None, None]);
    let open = Node::listening(Options {
        cors_origins: vec!["https://app.example".to_owned()],
        ..Options::default()
    });
    let preflight = open.stranger().send(
        Method::OPTIONS,
        "/collections/docs",
        &[
            ("origin", "https://app.example"),
            ("access-control-request-method", "PUT"),
        ],
        None,
    );
    assert_eq!(preflight.status, 200);
    assert_eq!(preflight.headers["x-content-type-options"], "nosniff");
    assert_eq!(preflight.headers["x-frame-options"], "DENY");
    let origin = [("origin", "https://app.example")];
    let real = open.stranger().send(Method::GET, "/healthz", &origin, None);
    assert_eq!(
        real.headers["access-control-expose-headers"],
        "retry-after,x-request-id,locule-key-expires"
    );
    let allowed = Some("https://app.example".to_owned());
    assert_eq!(
        ask(&open, "https://app.example"),
        [allowed.clone(), allowed]
    );
    assert_eq!(ask(&open, "https://evil.example"), [None, None]);
}

/// A browser lets a style through whose hash the policy names.
#[test]
fn the_reports_page_may_have_its_own_style_and_nothing_else() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    let page = tenant.owner.get("/v1/report?format=html");
    let (_, rest) = page.text.split_once("<style>").unwrap();
    let (style, rest) = rest.split_once("</style>").unwrap();
    let hash = STANDARD.encode(Sha256::digest(style));
    assert_eq!(
        page.headers["content-security-policy"].to_str().unwrap(),
        format!("default-src 'none'; style-src 'sha256-{hash}'; frame-ancestors 'none'")
    );
    assert!(!rest.contains("style"), "{rest}");
    assert_eq!(page.headers["x-content-type-options"], "nosniff");
}
