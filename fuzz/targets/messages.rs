//! Signed messages, as lines: id, time, signatures, then the body. Nothing is believed that wasn't
//! signed as it stands, and what was signed is answered, whatever it says.

#![no_main]

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use fuzzed::Node;
use hmac::{Hmac, KeyInit, Mac};
use locule::access::MessageHead;
use serde_json::json;
use sha2::Sha256;

struct Hook {
    node: Node,
    path: String,
    secret: Vec<u8>,
}

impl Hook {
    fn new() -> Self {
        let node = Node::stocked();
        let made = node.ask("POST", "/v1/webhooks", &json!({"inbound": true}));
        let secret = made["secret"].as_str().unwrap();
        Self {
            path: made["path"].as_str().unwrap().to_owned(),
            secret: STANDARD
                .decode(secret.strip_prefix("whsec_").unwrap())
                .unwrap(),
            node,
        }
    }

    fn send(&self, id: &str, time: &str, signatures: &str, body: &[u8]) -> u16 {
        let head = [
            ("webhook-id", id),
            ("webhook-timestamp", time),
            ("webhook-signature", signatures),
        ];
        self.node.send_with("POST", &self.path, &head, body).status
    }
}

thread_local! {
    static HOOK: Hook = Hook::new();
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(4, |byte| *byte == b'\n');
    let mut text = || parts.next().and_then(|part| std::str::from_utf8(part).ok());
    let (Some(id), Some(time), Some(signatures)) = (text(), text(), text()) else {
        return;
    };
    let body = parts.next().unwrap_or_default();
    let printable = |text: &str| text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    HOOK.with(|hook| {
        if [id, time, signatures].into_iter().all(printable) {
            assert_eq!(hook.send(id, time, signatures, body), 401);
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = now.as_secs().to_string();
        if MessageHead::read(id, &now, signatures).is_err() {
            return;
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(&hook.secret).unwrap();
        mac.update(&[id.as_bytes(), b".", now.as_bytes(), b".", body].concat());
        let code = STANDARD.encode(mac.finalize().into_bytes());
        let status = hook.send(id, &now, &format!("v1,{code}"), body);
        assert_ne!(status, 401);
    });
});
