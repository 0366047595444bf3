//! Credentials, as texts: API keys, access tokens, tokens of an issuer, refresh tokens. `{key}`,
//! `{token}`, `{issued}` and `{refresh}` stand for ones that were given out: believed is just such a
//! one, as it was given out. Behind a `#`, header and claims that the issuer signs, whatever they
//! say.

#![no_main]

use std::{
    cell::RefCell,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer, SigningKey};
use fuzzed::{Node, OPERATOR_KEY};
use locule::access::{IssuerOptions, Role, SignatureAlgorithm};
use serde_json::{Value, json};

struct Given {
    node: Node,
    issuer: SigningKey,
    token: String,
    issued: String,
    refresh: RefCell<String>,
}

impl Given {
    fn new() -> Self {
        let options = IssuerOptions {
            name: "idp".to_owned(),
            issuer: ISSUER.to_owned(),
            audience: AUDIENCE.to_owned(),
            algorithms: vec![SignatureAlgorithm::parse("EdDSA").unwrap()],
            tenant_claim: "org".to_owned(),
            tenants: None,
            role_claim: "roles".to_owned(),
            roles: vec![("asker".to_owned(), Role::Inference)],
            clock_skew: Duration::from_secs(30),
        };
        let node = Node::believing(vec![options]);
        let issuer = SigningKey::from_bytes(&[7; 32]);
        let x = URL_SAFE_NO_PAD.encode(issuer.verifying_key().as_bytes());
        let key = json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "a", "x": x});
        node.take_up_keys("idp", &json!({"keys": [key]}));
        let pair = node.ask("POST", "/v1/token", &json!({}));
        let text = |name: &str| pair[name].as_str().unwrap().to_owned();
        let claims = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "anna", "org": "acme",
            "roles": "asker", "exp": now() + 86_000});
        let issued = signed(&issuer, r#"{"alg":"EdDSA","kid":"a"}"#, &claims.to_string());
        let given = Self {
            token: text("access_token"),
            refresh: text("refresh_token").into(),
            issued,
            issuer,
            node,
        };
        for text in [&given.node.owner, &given.token, &given.issued] {
            assert_eq!(given.status(text), 200);
        }
        given
    }

    fn status(&self, credential: &str) -> u16 {
        let head = format!("Bearer {credential}");
        let head = [("authorization", head.as_str())];
        self.node.send_with("GET", "/v1/self", &head, b"").status
    }

    /// Presents a text as each kind of credential.
    fn present(&self, text: &str) {
        let text = text
            .replace("{key}", &self.node.owner)
            .replace("{token}", &self.token)
            .replace("{issued}", &self.issued)
            .replace("{refresh}", &self.refresh.borrow());
        if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            let given = [&self.node.owner, &self.token, &self.issued];
            let status = self.status(&text);
            let known =
                text.trim() == OPERATOR_KEY || given.iter().any(|given| *given == text.trim());
            assert!(status == 401 || known && status == 200, "{text}: {status}");
        }
        let body = json!({"refresh_token": text}).to_string();
        let path = "/v1/token/refresh";
        let answer = self.node.send_with("POST", path, &[], body.as_bytes());
        if answer.status == 200 {
            let next = answer.body["refresh_token"].as_str().unwrap().to_owned();
            assert_eq!(self.refresh.replace(next), text.trim());
        }
    }

    /// Presents what the issuer has signed.
    fn sign(&self, header: &str, claims: &str) {
        let (now, soon) = (now().to_string(), (now() + 600).to_string());
        let claims = claims.replace("{now}", &now).replace("{soon}", &soon);
        if self.status(&signed(&self.issuer, header, &claims)) != 200 {
            return;
        }
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let (header, claims) = (read(header), read(&claims));
        assert_eq!(header["alg"], "EdDSA");
        assert_eq!(
            (&claims["iss"], &claims["org"]),
            (&json!(ISSUER), &json!("acme"))
        );
        let for_us = |claim: &Value| *claim == AUDIENCE;
        let audience = &claims["aud"];
        let listed = audience.as_array();
        assert!(for_us(audience) || listed.is_some_and(|all| all.iter().any(for_us)));
        assert!(claims.to_string().contains("asker"));
    }
}

fn signed(issuer: &SigningKey, header: &str, claims: &str) -> String {
    let [header, claims] = [header, claims].map(|json| URL_SAFE_NO_PAD.encode(json));
    let message = format!("{header}.{claims}");
    let signature = issuer.sign(message.as_bytes()).to_bytes();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap().as_secs()
}

thread_local! {
    static GIVEN: Given = Given::new();
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let claims = text
        .strip_prefix('#')
        .and_then(|text| text.split_once('\n'));
    GIVEN.with(|given| match claims {
        Some((header, claims)) => given.sign(header, claims),
        None => given.present(text),
    });
});

const ISSUER: &str = "https://idp.example";
const AUDIENCE: &str = "locule-fuzz";
