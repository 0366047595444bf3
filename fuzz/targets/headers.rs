//! Heads of requests: a byte for the route and the peer, a line for each header, an empty one, then
//! the body. `{key}` stands for a key that is good from one address alone: whoever doesn't bring it,
//! and doesn't come from there by a proxy that is trusted, is answered nothing.

#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use fuzzed::Node;
use locule::{access::Origin, http};
use serde_json::json;

const ROUTES: [(&str, &str); 4] = [
    ("GET", "/v1/self"),
    ("PUT", "/collections/docs/points"),
    ("POST", "/collections/docs/points/query"),
    ("POST", "/v1/erasures"),
];
/// Who is connected: a stranger, and a proxy that is trusted.
const PEERS: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(10, 0, 0, 1)];
const HOME: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);

struct Bound {
    node: Node,
    key: String,
}

impl Bound {
    fn new() -> Self {
        let node = Node::stocked();
        let body = json!({"name": "bound", "role": "writer", "allowed_ips": [HOME.to_string()]});
        let made = node.ask("POST", "/v1/keys", &body);
        let key = made["key"].as_str().unwrap().to_owned();
        Self { node, key }
    }

    fn send(&self, choice: u8, headers: HeaderMap, body: &[u8]) {
        let route = ROUTES[usize::from(choice) % ROUTES.len()];
        let peer = IpAddr::from(PEERS[usize::from(choice) / ROUTES.len() % PEERS.len()]);
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let ip = http::fuzzed_client(peer, &headers, &trusted);
        if peer == PEERS[0] {
            assert_eq!(ip, peer);
        }
        let brings = headers
            .get("api-key")
            .or_else(|| headers.get("authorization"));
        let brings = brings.is_some_and(|value| value.as_bytes().ends_with(self.key.as_bytes()));
        let origin = Origin {
            ip: Some(ip),
            certificate: None,
        };
        let answer = self.node.send_from(origin, route, headers, body);
        let believed = (200..300).contains(&answer.status);
        assert!(!believed || brings && ip == HOME, "{ip}: {}", answer.body);
    }
}

thread_local! {
    static BOUND: Bound = Bound::new();
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let [choice, rest @ ..] = data else {
        return;
    };
    BOUND.with(|bound| {
        let (mut headers, mut rest) = (HeaderMap::new(), rest);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line = &rest[..end];
            rest = &rest[end + 1..];
            if line.is_empty() {
                break;
            }
            let Some(colon) = line.iter().position(|byte| *byte == b':') else {
                return;
            };
            let value = line[colon + 1..].trim_ascii();
            let value = match std::str::from_utf8(value) {
                Ok(text) => HeaderValue::try_from(text.replace("{key}", &bound.key)),
                Err(_) => HeaderValue::try_from(value),
            };
            // What isn't a header gets no further than the connection.
            let (Ok(name), Ok(value)) = (HeaderName::from_bytes(&line[..colon]), value) else {
                return;
            };
            headers.append(name, value);
        }
        bound.send(choice.wrapping_sub(b'a'), headers, rest);
    });
});
