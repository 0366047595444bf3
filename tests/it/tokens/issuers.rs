//! Tokens of issuers that the operator has named: who they may speak for, and what ends that.

use std::{fs, thread::sleep, time::Duration};

use locule::{
    access::{IssuerOptions, Role, SignatureAlgorithm},
    outbound::{Followed, KeySetSource},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::signer::{Signer, sign_with_secret, unsigned};
use crate::harness::{Node, START, Setup};

/// A node that believes two issuers, each of which publishes its keys in a file.
struct Believing {
    node: Node,
    directory: TempDir,
    ours: Signer,
    theirs: Signer,
}

pub fn issuer(name: &str, source: KeySetSource) -> (IssuerOptions, Followed) {
    let algorithms = ["ES256", "EdDSA"].map(|name| SignatureAlgorithm::parse(name).unwrap());
    let options = IssuerOptions {
        name: name.to_owned(),
        issuer: format!("https://{name}.example"),
        audience: "locule-test".to_owned(),
        algorithms: algorithms.to_vec(),
        tenant_claim: "org".to_owned(),
        tenants: None,
        role_claim: "roles".to_owned(),
        roles: vec![
            ("asker".to_owned(), Role::Inference),
            ("admin".to_owned(), Role::Owner),
        ],
        clock_skew: Duration::from_secs(30),
    };
    let issuer = name.to_owned();
    (options, Followed { issuer, source })
}

impl Believing {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (ours, theirs) = (Signer::p256("a"), Signer::ed25519("b"));
        let publish = |name: &str, signers: &[&Signer]| {
            let keys: Vec<Value> = signers.iter().map(|signer| signer.jwk()).collect();
            let path = directory.path().join(name);
            fs::write(path, json!({"keys": keys}).to_string()).unwrap();
        };
        publish("ours", &[&ours]);
        publish("theirs", &[&theirs]);
        let node = Node::with(Setup {
            issuers: ["ours", "theirs"]
                .map(|name| issuer(name, KeySetSource::File(directory.path().join(name))))
                .into(),
            ..Setup::default()
        });
        node.tenant("acme");
        let believing = Self {
            node,
            directory,
            ours,
            theirs,
        };
        believing.wait_for(200, &believing.ours.sign(&claims("ours")));
        believing.wait_for(200, &believing.theirs.sign(&claims("theirs")));
        believing
    }

    fn status(&self, token: &str) -> u16 {
        self.node.actor(token).get("/v1/self").status
    }

    /// Keys are read in the background.
    fn wait_for(&self, status: u16, token: &str) {
        for _ in 0..1_000 {
            if self.status(token) == status {
                return;
            }
            sleep(Duration::from_millis(20));
        }
        panic!("never answered with {status}");
    }
}

pub fn claims(issuer: &str) -> Value {
    let now = START.0 / 1000;
    json!({"iss": format!("https://{issuer}.example"), "aud": ["other", "locule-test"],
        "sub": "anna@acme.example", "org": "acme", "roles": ["staff", "asker"],
        "iat": now, "exp": now + 3600})
}

#[test]
fn an_issuers_token_is_its_tenants_and_its_roles_and_names_no_one_in_the_log() {
    let believing = Believing::new();
    let token = believing.ours.sign(&claims("ours"));
    let holder = believing.node.actor(&token);
    let own = holder.get("/v1/self").expect(200);
    assert_eq!(
        (&own["tenant"], &own["role"], &own["key"]),
        (&json!("acme"), &json!("inference"), &Value::Null)
    );
    holder.get("/collections").expect(200);
    holder.get("/v1/keys").expect(403);
    holder.post("/v1/token", json!({})).expect(403);
    let mut admin = claims("ours");
    admin["roles"] = json!("admin");
    let admin = believing.node.actor(&believing.ours.sign(&admin));
    admin.get("/v1/keys").expect(200);

    let log = fs::read_to_string(believing.node.directory().join("audit/000001.jsonl")).unwrap();
    assert!(log.contains(r#""key_id":"ours:"#), "{log}");
    assert!(!log.contains("anna"), "{log}");

    believing.node.clock.advance(Duration::from_secs(3629));
    holder.get("/v1/self").expect(200);
    believing.node.clock.advance(Duration::from_secs(1));
    holder.get("/v1/self").expect(401);
    // That it came late is known of whoever it is.
    let mut later = claims("ours");
    (later["roles"], later["exp"]) = (json!("admin"), json!(START.0 / 1000 + 7200));
    let later = believing.node.actor(&believing.ours.sign(&later));
    let (action, actor) = later.recorded("denied").pop().unwrap();
    assert_eq!(action, "authenticate");
    let log = fs::read_to_string(believing.node.directory().join("audit/000001.jsonl")).unwrap();
    assert!(actor.starts_with("ours:") && log.matches(&actor).count() > 1);
}

#[test]
fn nothing_about_an_issuers_token_may_be_off() {
    let believing = Believing::new();
    let now = START.0 / 1000;
    let with = |claim: &str, value: Value| {
        let mut claims = claims("ours");
        claims[claim] = value;
        claims
    };
    let without = |claim: &str| {
        let mut claims = claims("ours");
        claims.as_object_mut().unwrap().remove(claim);
        claims
    };
    for (what, claims) in [
        ("another audience", with("aud", json!("other"))),
        ("no audience", without("aud")),
        (
            "an audience that begins so",
            with("aud", json!("locule-test-2")),
        ),
        (
            "another issuer's name",
            with("iss", json!("https://theirs.example")),
        ),
        (
            "an issuer that no one named",
            with("iss", json!("https://evil.example")),
        ),
        ("the node's own name", with("iss", json!("locule"))),
        ("no issuer", without("iss")),
        ("expired", with("exp", json!(now - 31))),
        ("no end", without("exp")),
        ("good for more than a day", with("exp", json!(now + 90_000))),
        ("not yet good", with("nbf", json!(now + 31))),
        ("made in the future", with("iat", json!(now + 31))),
        (
            "times that are texts",
            with("exp", json!((now + 60).to_string())),
        ),
        ("no subject", without("sub")),
        ("no tenant", without("org")),
        ("a tenant that isn't there", with("org", json!("nobody"))),
        ("two tenants", with("org", json!(["acme", "acme"]))),
        ("no role", without("roles")),
        ("roles that no one knows", with("roles", json!(["staff"]))),
        ("two roles", with("roles", json!(["asker", "admin"]))),
    ] {
        let token = believing.ours.sign(&claims);
        assert_eq!(believing.status(&token), 401, "{what}");
    }
    // Within the skew of clocks, all is well.
    for (claim, value) in [("exp", now - 29), ("nbf", now + 29), ("iat", now + 29)] {
        let token = believing.ours.sign(&with(claim, json!(value)));
        assert_eq!(believing.status(&token), 200, "{claim}");
    }
}

#[test]
fn keys_are_believed_for_their_own_issuer_and_algorithm_alone() {
    let believing = Believing::new();
    let (ours, theirs) = (&believing.ours, &believing.theirs);
    let text = claims("ours").to_string();
    let x = ours.jwk()["x"].as_str().unwrap().to_owned();
    let header = |alg: &str, kid: &str| json!({"alg": alg, "kid": kid}).to_string();
    for (what, token) in [
        ("the other issuer's key", theirs.sign(&claims("ours"))),
        (
            "the other issuer's key under our id",
            theirs.sign_text(&header("EdDSA", "a"), &text),
        ),
        (
            "our key under the other's id",
            ours.sign_text(&header("ES256", "b"), &text),
        ),
        (
            "our key by another algorithm",
            ours.sign_text(&header("EdDSA", "a"), &text),
        ),
        (
            "alg none",
            format!("{}.", unsigned(&header("none", "a"), &text)),
        ),
        ("no alg", ours.sign_text(r#"{"kid":"a"}"#, &text)),
        (
            "a shared secret",
            sign_with_secret(&header("HS256", "a"), &text, x.as_bytes()),
        ),
        (
            "an id that isn't a text",
            ours.sign_text(r#"{"alg":"ES256","kid":1}"#, &text),
        ),
        (
            "what must be understood",
            ours.sign_text(
                r#"{"alg":"ES256","kid":"a","crit":["b64"],"b64":false}"#,
                &text,
            ),
        ),
    ] {
        assert_eq!(believing.status(&token), 401, "{what}");
    }
    // Without an id, the only key that fits is the one.
    let unnamed = ours.sign_text(r#"{"alg":"ES256"}"#, &text);
    assert_eq!(believing.status(&unnamed), 200);
}

#[test]
fn a_key_that_an_issuer_takes_back_takes_its_tokens_with_it() {
    let believing = Believing::new();
    let old = believing.ours.sign(&claims("ours"));
    assert_eq!(believing.status(&old), 200);
    let next = Signer::p256("c");
    let token = next.sign(&claims("ours"));
    assert_eq!(believing.status(&token), 401);
    let path = believing.directory.path().join("ours");
    // What can't be used changes nothing.
    fs::write(&path, "no key set").unwrap();
    sleep(Duration::from_millis(1_200));
    assert_eq!(believing.status(&old), 200);
    fs::write(&path, json!({"keys": [next.jwk()]}).to_string()).unwrap();
    believing.wait_for(200, &token);
    assert_eq!(believing.status(&old), 401);
    // The other issuer goes on.
    let theirs = believing.theirs.sign(&claims("theirs"));
    assert_eq!(believing.status(&theirs), 200);
}
