//! A node in this process, with one tenant: what the targets send bodies to.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::{HeaderMap, HeaderName, HeaderValue, Request, header::CONTENT_TYPE},
};
use locule::{
    access::{IssuerOptions, Origin, Presented},
    clock::System,
    engine::{Engine, EngineOptions},
    http,
    store::{Released, StoreOptions},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

/// A node and its tenant's owner.
pub struct Node {
    runtime: Runtime,
    engine: Arc<Engine>,
    routes: Router,
    /// The owner's key.
    pub owner: String,
    _closed: Closed,
    _directory: TempDir,
}

/// Waits until the node's databases are closed: `RocksDB` that is used while the process ends crashes it.
struct Closed(Released);

impl Drop for Closed {
    fn drop(&mut self) {
        self.0.wait(Duration::from_secs(30));
    }
}

/// What came back.
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Node {
    /// Starts one, in memory if the machine has a file system there: nothing of it is to last.
    pub fn start() -> Self {
        Self::believing(Vec::new())
    }

    /// One that believes these issuers.
    pub fn believing(issuers: Vec<IssuerOptions>) -> Self {
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let directory = directory.unwrap();
        let options = EngineOptions {
            directory: directory.path().to_owned(),
            root_key: None,
            root_key_next: None,
            operator_key: Some(Presented::new(OPERATOR_KEY)),
            store: StoreOptions::default(),
            partitions_open_max: 4,
            data_key_lasts: Duration::from_secs(365 * 24 * 60 * 60),
            issuers,
            audit: locule::audit::AuditOptions::default(),
            clock: Arc::new(System),
        };
        let started = Engine::start(options).unwrap();
        let mut node = Self {
            runtime: Builder::new_current_thread().enable_all().build().unwrap(),
            routes: http::fuzzed_routes(&started.engine),
            engine: started.engine,
            owner: OPERATOR_KEY.to_owned(),
            _closed: Closed(started.released),
            _directory: directory,
        };
        let made = node.ask("POST", "/v1/tenants", &json!({"id": "acme"}));
        node.owner = made["owner_key"]["key"].as_str().unwrap().to_owned();
        node
    }

    /// One with the collection `docs`: three points, payload of every kind.
    pub fn stocked() -> Self {
        let node = Self::start();
        node.fill("docs");
        node
    }

    /// Hands in the keys of an issuer that it believes.
    pub fn take_up_keys(&self, issuer: &str, set: &Value) {
        let tokens = self.engine.tokens().unwrap();
        let usable = tokens.take_up_keys(issuer, set.to_string().as_bytes());
        assert_eq!(usable.unwrap(), 1);
    }

    /// Makes a collection of a few points, as different as payloads can be.
    pub fn fill(&self, collection: &str) {
        let path = format!("/collections/{collection}");
        let vectors = json!({"vectors": {"size": 3, "distance": "Dot"}});
        self.ask("PUT", &path, &vectors);
        let payloads = [
            json!({"n": 1, "x": 0.5, "b": true, "colour": "red", "text": "a word or two"}),
            json!({"n": [1, -7], "x": [1e9, -0.0], "b": [false], "colour": ["red", "green"]}),
            json!({"n": null, "x": "5", "colour": [], "text": ["Two words", "three"], "a": {"b": [{"c": 1}, {"c": null}]}}),
            json!({"when": "2024-02-29T23:59:60Z", "id": "550e8400-e29b-41d4-a716-446655440000"}),
            json!({"when": ["2020-01-01", 3], "id": "550E8400E29B41D4A716446655440000", "n": u64::MAX}),
            json!({"where": {"lon": 13.4, "lat": 52.5}, "n": 9_007_199_254_740_993_i64}),
            json!({"where": [{"lon": 180, "lat": -90}, {"lon": -180, "lat": 90}], "x": -1e-300}),
            json!({}),
        ];
        let points = payloads.iter().zip(1..);
        let points: Vec<Value> = points
            .map(|(payload, id)| json!({"id": id, "vector": [id, 1, 0], "payload": payload}))
            .collect();
        self.ask("PUT", &format!("{path}/points"), &json!({"points": points}));
    }

    /// Sends what is right.
    pub fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.send(method, path, body.to_string().as_bytes());
        assert!(
            (200..300).contains(&answer.status),
            "{path} {}",
            answer.body
        );
        answer.body
    }

    /// Sends whatever it is, as the owner. An answer must come, and it isn't a server's error.
    pub fn send(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        self.send_with(method, path, &[("api-key", &self.owner)], body)
    }

    /// Sends it with these headers.
    pub fn send_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let json = HeaderValue::from_static("application/json");
        let mut all = HeaderMap::from_iter([(CONTENT_TYPE, json)]);
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes());
            all.append(name.unwrap(), HeaderValue::from_str(value).unwrap());
        }
        self.send_from(Origin::default(), (method, path), all, body)
    }

    /// Sends it with these headers and no others, from somewhere.
    pub fn send_from(
        &self,
        origin: Origin,
        (method, path): (&str, &str),
        headers: HeaderMap,
        body: &[u8],
    ) -> Answer {
        let request = Request::builder().method(method).uri(path);
        let mut request = request.body(Body::from(body.to_vec())).unwrap();
        *request.headers_mut() = headers;
        let caller = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        request.extensions_mut().insert(ConnectInfo(caller));
        request.extensions_mut().insert(origin);
        let (status, body) = self.runtime.block_on(async {
            let answer = self.routes.clone().oneshot(request).await.unwrap();
            let status = answer.status().as_u16();
            (status, to_bytes(answer.into_body(), usize::MAX).await)
        });
        let body = serde_json::from_slice(&body.unwrap()).unwrap_or(Value::Null);
        assert!(status < 500, "{method} {path}: {status} {body}");
        Answer { status, body }
    }

    /// Sends a body to the route that its first byte picks: `a` the first, `b` the second.
    pub fn send_to(&self, routes: &[(&str, &str)], data: &[u8]) {
        if let [route, body @ ..] = data {
            let route = usize::from(route.wrapping_sub(b'a')) % routes.len();
            let (method, path) = routes[route];
            self.send(method, path, body);
        }
    }
}

/// The operator's key.
pub const OPERATOR_KEY: &str = "an operator key that every target knows of";

thread_local! {
    /// One for the whole run: libFuzzer calls a target on one thread.
    pub static STOCKED: Node = Node::stocked();
}
