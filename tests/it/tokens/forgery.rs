//! Tokens that the node didn't make, or didn't make so.

use std::time::Duration;

use serde_json::{Value, json};

use super::signer::{self, Signer, sign_with_secret, unsigned};
use crate::harness::{Node, START};

#[test]
fn no_token_but_the_nodes_own_is_believed() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    let pair = tenant.owner.post("/v1/token", json!({})).expect(200);
    let good = pair["access_token"].as_str().unwrap().to_owned();
    let (header, claims) = signer::read(&good);
    let (header_text, claims_text) = (header.to_string(), claims.to_string());
    let set = node.stranger().get("/v1/jwks.json").expect(200);
    let public = set["keys"][0]["x"].as_str().unwrap().to_owned();
    let thief = Signer::ed25519(header["kid"].as_str().unwrap());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let none = |alg: &str| {
        unsigned(
            &json!({"alg": alg, "kid": header["kid"]}).to_string(),
            &claims_text,
        )
    };
    let hs256 = json!({"alg": "HS256", "typ": "JWT", "kid": header["kid"]}).to_string();
    let changed = |claim: &str, value: Value| {
        let mut claims = claims.clone();
        claims[claim] = value;
        format!(
            "{}.{signature}",
            unsigned(&header_text, &claims.to_string())
        )
    };
    let mut flipped = good.clone().into_bytes();
    let last = flipped.len() - 20;
    flipped[last] = if flipped[last] == b'A' { b'B' } else { b'A' };
    let forged = [
        ("alg none", format!("{}.", none("none"))),
        ("alg None", format!("{}.", none("None"))),
        (
            "alg none with a signature",
            format!("{}.{signature}", none("none")),
        ),
        ("no signature", format!("{message}.")),
        (
            "the public key as a secret",
            sign_with_secret(&hs256, &claims_text, public.as_bytes()),
        ),
        (
            "the public key's bytes as a secret",
            sign_with_secret(&hs256, &claims_text, &unbase64(&public)),
        ),
        (
            "an empty secret",
            sign_with_secret(&hs256, &claims_text, b""),
        ),
        ("another key under the same id", thief.sign(&claims)),
        (
            "a key that came along",
            thief.sign_text(
                &json!({"alg": "EdDSA", "kid": "mine", "jwk": thief.jwk()}).to_string(),
                &claims_text,
            ),
        ),
        (
            "no key id",
            format!(
                "{}.{signature}",
                unsigned(r#"{"alg":"EdDSA"}"#, &claims_text)
            ),
        ),
        ("another role", changed("role", json!("operator"))),
        ("another tenant", changed("tenant", json!("0".repeat(32)))),
        (
            "another end",
            changed("exp", json!(START.0 / 1000 + 9_000_000)),
        ),
        ("cut short", good[..good.len() - 1].to_owned()),
        ("longer", format!("{good}A")),
        ("a bit", String::from_utf8(flipped).unwrap()),
        (
            "named twice",
            format!(
                "{}.{signature}",
                unsigned(
                    &header_text,
                    &format!("{},\"role\":\"owner\"}}", claims_text.trim_end_matches('}'))
                )
            ),
        ),
        ("four parts", format!("{good}.{signature}")),
        ("two parts", message.to_owned()),
    ];
    for (what, token) in &forged {
        let answer = node.actor(token).get("/v1/self");
        assert_eq!(answer.status, 401, "{what}: {}", answer.text);
    }
    // And the good one is good, still.
    node.actor(&good).get("/v1/self").expect(200);
    // What another node made isn't this one's.
    let other = Node::start();
    let theirs = other.tenant("acme").owner.post("/v1/token", json!({}));
    let theirs = theirs.expect(200)["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    other.actor(&theirs).get("/v1/self").expect(200);
    node.actor(&theirs).get("/v1/self").expect(401);
}

#[test]
fn a_token_is_refused_once_its_time_is_over() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    let pair = tenant.owner.post("/v1/token", json!({})).expect(200);
    let token = pair["access_token"].as_str().unwrap();
    node.actor(token).get("/v1/self").expect(200);
    node.clock.advance(Duration::from_secs(901));
    node.actor(token).get("/v1/self").expect(401);
}

/// It was made before the node's clock was set back.
#[test]
fn a_token_from_a_future_is_refused_until_then() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    node.clock.advance(Duration::from_secs(600));
    let pair = tenant.owner.post("/v1/token", json!({})).expect(200);
    let token = pair["access_token"].as_str().unwrap();
    let node = node.stop().at(START).start();
    node.actor(token).get("/v1/self").expect(401);
    // Clocks may be a minute apart.
    node.clock.advance(Duration::from_secs(539));
    node.actor(token).get("/v1/self").expect(401);
    node.clock.advance(Duration::from_secs(1));
    node.actor(token).get("/v1/self").expect(200);
}

fn unbase64(text: &str) -> Vec<u8> {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.decode(text).unwrap()
}
