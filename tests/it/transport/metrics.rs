//! Where the metrics are, and that nothing else is there.

use std::{io::Read, net::TcpStream, sync::Arc};

use reqwest::Method;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::{
    crash::process::Process,
    harness::{Actor, OPERATOR_KEY},
};

/// The binary, with its metrics on a listener of their own.
struct Apart {
    process: Process,
    directory: tempfile::TempDir,
    runtime: Arc<Runtime>,
}

impl Apart {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let apart = [("LOCULE_METRICS_LISTEN", "127.0.0.1:0")];
        Self {
            process: Process::start_with(directory.path(), &apart),
            directory,
            runtime: Arc::new(Runtime::new().unwrap()),
        }
    }

    fn metrics_address(&self) -> String {
        let log = self.process.log();
        let line = log
            .lines()
            .find_map(|line| line.split_once("metrics address="));
        line.unwrap_or_else(|| panic!("no address in {log}"))
            .1
            .trim()
            .to_owned()
    }

    fn at(&self, address: &str) -> Actor {
        Actor::new(
            &format!("http://{address}"),
            Some(OPERATOR_KEY),
            &self.runtime,
        )
    }
}

#[test]
fn metrics_with_a_listener_of_their_own_are_there_and_nowhere_else() {
    let node = Apart::start();
    let (scraper, main) = (
        node.at(&node.metrics_address()),
        node.at(&node.process.address.to_string()),
    );
    main.post("/v1/tenants", json!({"id": "acme-secret-name"}))
        .expect(201);
    let shown = scraper.get("/metrics");
    assert_eq!(shown.status, 200);
    let kind = shown.headers["content-type"].to_str().unwrap();
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    assert!(shown.text.contains("locule_tenants 1\n"), "{}", shown.text);
    assert!(shown.text.ends_with("# EOF\n"));
    assert!(!shown.text.contains("acme-secret-name"));

    let none = main.get("/no-such-route");
    let hidden = main.get("/metrics");
    assert_eq!((hidden.status, &hidden.text), (404, &none.text));
    main.get("/healthz").expect(200);
}

#[test]
fn nothing_but_the_metrics_is_on_their_listener_whoever_asks() {
    let node = Apart::start();
    let scraper = node.at(&node.metrics_address());
    for path in [
        "/",
        "/healthz",
        "/readyz",
        "/openapi.json",
        "/collections",
        "/v1/tenants",
        "/v1/node/key",
        "/v1/jwks.json",
        "/metrics/",
        "/metrics/x",
        "//metrics",
    ] {
        let answer = scraper.get(path);
        assert_eq!((answer.status, &*answer.text), (404, ""), "{path}");
    }
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let answer = scraper.send(method.clone(), "/metrics", &[], Some(b"{}".to_vec()));
        assert_eq!(answer.status, 405, "{method}");
    }
    let made = scraper.post("/v1/tenants", json!({"id": "acme"}));
    assert_eq!(made.status, 404);
    scraper.get("/metrics").expect(200);
}

#[test]
fn who_connects_to_the_metrics_and_says_nothing_holds_up_no_scraper() {
    let node = Apart::start();
    let address = node.metrics_address();
    // One after the other they'd take longer than any scraper waits.
    let silent: Vec<TcpStream> = (0..20)
        .map(|_| TcpStream::connect(&*address).unwrap())
        .collect();
    let scraper = node.at(&address);
    scraper.get("/metrics").expect(200);
    // Each is closed in the end.
    for mut stream in silent {
        assert_eq!(stream.read(&mut [0]).unwrap_or_default(), 0);
    }
    scraper.get("/metrics").expect(200);
}

#[test]
fn a_place_for_the_metrics_that_cant_be_is_refused_at_the_start_by_name() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap();
    let node = Apart::start();
    for (value, why) in [
        (taken.to_string(), "for the metrics".to_owned()),
        (
            node.process.address.to_string(),
            "for the metrics".to_owned(),
        ),
        ("9100".to_owned(), "metrics_listen".to_owned()),
        ("localhost:9100".to_owned(), "metrics_listen".to_owned()),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let apart = [("LOCULE_METRICS_LISTEN", &*value)];
        let log = Process::try_start_with(directory.path(), &apart)
            .err()
            .unwrap();
        assert!(log.contains(&why), "no `{why}` for {value} in {log}");
        let made = directory.path().join("catalog");
        assert!(!made.exists(), "nothing is made before it is known");
    }
    assert!(node.directory.path().join("catalog").exists());
}

#[test]
fn without_a_place_of_their_own_the_metrics_are_with_the_rest_and_need_no_key() {
    let node = crate::harness::Node::start();
    let shown = node.stranger().get("/metrics");
    assert_eq!(shown.status, 200);
    assert!(shown.text.contains("locule_tenants 0\n"), "{}", shown.text);
}
