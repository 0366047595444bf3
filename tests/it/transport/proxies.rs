//! Whose word about addresses counts.

use locule::http::Options;
use reqwest::Method;
use serde_json::json;

use crate::harness::Node;

#[test]
fn a_forwarded_address_counts_from_a_trusted_proxy_alone_for_keys_and_for_the_audit_log() {
    for (trusted, client_is) in [(true, "198.51.100.7"), (false, "127.0.0.1")] {
        let mut options = Options::default();
        if trusted {
            options.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        }
        let node = Node::listening(options);
        let tenant = node.tenant("acme");
        let key = |ips: &str| {
            let body = json!({"name": "a key", "role": "owner", "allowed_ips": [ips]});
            let made = tenant.owner.post("/v1/keys", body).expect(201);
            node.actor(made["key"].as_str().unwrap())
        };
        let (theirs, ours) = (key("198.51.100.7"), key("127.0.0.1"));
        let forwarded = [("x-forwarded-for", "203.0.113.1, 198.51.100.7")];
        let status = |key: &crate::harness::Actor| {
            key.send(Method::GET, "/collections", &forwarded, None)
                .status
        };
        let expected = if trusted { (200, 401) } else { (401, 200) };
        assert_eq!((status(&theirs), status(&ours)), expected);

        let log = node.directory().join("audit/000001.jsonl");
        let log = std::fs::read_to_string(log).unwrap();
        let last = log.lines().last().unwrap();
        assert!(last.contains(client_is), "{last}");
    }
}
