//! The node's own tokens.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde_json::{Value, json};

use super::signer;
use crate::harness::{Actor, Node, START};

fn take(actor: &Actor, body: Value) -> (String, String) {
    let pair = actor.post("/v1/token", body).expect(200);
    let text = |field: &str| pair[field].as_str().unwrap().to_owned();
    (text("access_token"), text("refresh_token"))
}

fn refresh(node: &Node, token: &str) -> crate::harness::Answer {
    let body = json!({"refresh_token": token});
    node.stranger().post("/v1/token/refresh", body)
}

#[test]
fn a_token_stands_for_its_key_for_a_quarter_of_an_hour() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    tenant.owner.create_collection("docs", 2, "Dot");
    let pair = tenant.writer.post("/v1/token", json!({})).expect(200);
    assert_eq!(pair["token_type"], "Bearer");
    assert_eq!(pair["expires_in"], 900);
    let token = pair["access_token"].as_str().unwrap();
    let holder = node.actor(token);
    holder.put_point("docs", 1, &[1.0, 2.0], json!({}));
    let own = holder.get("/v1/self").expect(200);
    assert_eq!(
        (&own["tenant"], &own["role"]),
        (&json!("acme"), &json!("writer"))
    );
    assert_eq!(own["expires_at"], "2027-01-15T08:15:00.000Z");
    // As a bearer, too.
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let answer = node
        .stranger()
        .send(reqwest::Method::GET, "/collections", &headers, None);
    answer.expect(200);
    // It can do what its key can, and no more.
    holder.delete("/collections/docs").expect(403);

    node.clock.advance(Duration::from_millis(899_999));
    holder.get("/collections").expect(200);
    node.clock.advance(Duration::from_millis(1));
    let over = holder.get("/collections");
    assert_eq!(over.status, 401);
    assert!(over.message().contains("expired"), "{}", over.text);
}

#[test]
fn a_token_past_its_time_is_its_keys_in_its_tenants_log_and_is_held_against_nobody() {
    let node = Node::start();
    let (acme, globex) = (node.tenant("acme"), node.tenant("globex"));
    let watch = json!({"watch": {"suspend_after_refusals": 1}});
    node.operator().patch("/v1/tenants/acme", watch).expect(200);
    let body = json!({"name": "k", "role": "writer", "allowed_ips": ["127.0.0.1"]});
    let made = acme.owner.post("/v1/keys", body).expect(201);
    let key = node.actor(made["key"].as_str().unwrap());
    let (token, _) = take(&key, json!({}));
    let late = |from: &Actor| {
        let refused = from.get("/collections");
        assert_eq!(refused.status, 401);
        assert!(
            refused.message().contains("token has expired"),
            "{}",
            refused.text
        );
    };
    let denied = |actor: &Actor| actor.recorded("denied");
    node.clock.advance(Duration::from_secs(900));
    let holder = node.actor(&token);
    late(&holder);
    late(&holder.at_address([127, 0, 7, 1].into()));
    // Its refresh tokens are forgotten by and by, and it is the key's yet.
    node.clock.advance(Duration::from_secs(2 * 24 * 60 * 60));
    node.tend();
    late(&holder);
    let id = made["id"].as_str().unwrap();
    let entry = ("authenticate".to_owned(), id.to_owned());
    assert_eq!(denied(&acme.auditor), vec![entry; 3]);
    assert!(denied(&globex.auditor).is_empty());
    key.get("/collections").expect(200);

    assert_eq!(acme.owner.delete(&format!("/v1/keys/{id}")).status, 204);
    let refused = holder.get("/collections");
    assert_eq!(refused.status, 401);
    assert!(
        refused.message().contains("isn't believed"),
        "{}",
        refused.text
    );
    assert_eq!(denied(&acme.auditor).len(), 3, "no key, nobody");
    // Nor does one that somebody else has signed name anyone.
    let (head, _) = token.rsplit_once('.').unwrap();
    let forged = node.actor(&format!("{head}.{}", "A".repeat(86)));
    forged.get("/collections").expect(401);
    assert_eq!(denied(&acme.auditor).len(), 3);
}

#[test]
fn its_claims_and_its_key_are_for_anyone_to_check() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    let bound = json!({"name": "bound", "role": "writer", "collections": ["docs"]});
    let bound = tenant.owner.post("/v1/keys", bound).expect(201);
    let (token, _) = take(
        &node.actor(bound["key"].as_str().unwrap()),
        json!({"ttl_seconds": 60}),
    );
    let (header, claims) = signer::read(&token);
    assert_eq!(header["alg"], "EdDSA");
    let now = START.0 / 1000;
    for (claim, value) in [
        ("iss", json!("locule")),
        ("aud", json!("locule")),
        ("sub", bound["id"].clone()),
        ("role", json!("writer")),
        ("collections", json!(["docs"])),
        ("iat", json!(now)),
        ("exp", json!(now + 60)),
    ] {
        assert_eq!(claims[claim], value, "{claim}");
    }
    assert_eq!(claims["tenant"].as_str().unwrap().len(), 32);
    let (other, _) = take(&tenant.writer, json!({}));
    assert_ne!(claims["jti"], signer::read(&other).1["jti"]);

    let set = node.stranger().get("/v1/jwks.json").expect(200);
    let key = set["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["kid"] == header["kid"])
        .unwrap();
    assert_eq!(
        (&key["kty"], &key["crv"]),
        (&json!("OKP"), &json!("Ed25519"))
    );
    let public = URL_SAFE_NO_PAD.decode(key["x"].as_str().unwrap()).unwrap();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let key = DecodingKey::from_ed_der(&public);
    let holds = crypto::verify(signature, message.as_bytes(), &key, Algorithm::EdDSA);
    assert!(holds.unwrap());
}

#[test]
fn a_token_is_for_the_keys_role_or_a_lesser_one_and_never_gets_tokens() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    let operator = node.operator();
    for (actor, name, may) in [
        (
            &tenant.owner,
            "owner",
            &["inference", "writer", "owner", "auditor"][..],
        ),
        (&tenant.writer, "writer", &["inference", "writer"]),
        (&tenant.inference, "inference", &["inference"]),
        (&tenant.auditor, "auditor", &["auditor"]),
        (&operator, "operator", &["operator"]),
    ] {
        for role in ["inference", "writer", "owner", "auditor", "operator"] {
            let answer = actor.post("/v1/token", json!({"role": role}));
            let expected = if may.contains(&role) { 200 } else { 403 };
            assert_eq!(answer.status, expected, "{name} {role}: {}", answer.text);
            if expected == 200 {
                let holder = node.actor(answer["access_token"].as_str().unwrap());
                assert_eq!(holder.get("/v1/self").expect(200)["role"], role);
                let again = holder.post("/v1/token", json!({}));
                assert_eq!(again.status, 403, "{}", again.text);
            }
        }
    }
    for seconds in [json!(0), json!(901), json!(-1), json!("60")] {
        let body = json!({"ttl_seconds": seconds});
        tenant.owner.post("/v1/token", body).expect(400);
    }
}

#[test]
fn a_refresh_token_is_good_once_and_gets_the_next() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    let (first, mut token) = take(
        &tenant.owner,
        json!({"role": "inference", "ttl_seconds": 60}),
    );
    for _ in 0..3 {
        node.clock.advance(Duration::from_secs(60));
        let pair = refresh(&node, &token).expect(200);
        assert_eq!(pair["expires_in"], 60);
        let holder = node.actor(pair["access_token"].as_str().unwrap());
        assert_eq!(holder.get("/v1/self").expect(200)["role"], "inference");
        let next = pair["refresh_token"].as_str().unwrap().to_owned();
        assert_ne!(next, token);
        token = next;
    }
    node.actor(&first).get("/v1/self").expect(401);
    // It is no credential for anything else.
    node.actor(&token).get("/v1/self").expect(401);
    // It is stored: the next start knows it. A day later it is over.
    let node = node.restart();
    let pair = refresh(&node, &token).expect(200);
    node.clock.advance(Duration::from_secs(24 * 60 * 60));
    refresh(&node, pair["refresh_token"].as_str().unwrap()).expect(401);
}

#[test]
fn a_refresh_token_that_is_used_twice_ends_its_family_at_once_and_for_good() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    let (_, stolen) = take(&tenant.writer, json!({}));
    let (other_access, other) = take(&tenant.writer, json!({}));
    let pair = refresh(&node, &stolen).expect(200);
    let holder = node.actor(pair["access_token"].as_str().unwrap());
    let next = pair["refresh_token"].as_str().unwrap();
    holder.get("/v1/self").expect(200);

    let reused = refresh(&node, &stolen);
    assert_eq!(reused.status, 401);
    let unknown = refresh(&node, "nonsense");
    assert_eq!(reused.text, unknown.text, "it isn't told why");
    holder.get("/v1/self").expect(401);
    refresh(&node, next).expect(401);
    assert_eq!(node.metric("locule_refresh_token_reuses_total"), 1);
    // Others of the same key go on.
    node.actor(&other_access).get("/v1/self").expect(200);
    refresh(&node, &other).expect(200);
    tenant.writer.get("/v1/self").expect(200);

    let log = std::fs::read_to_string(node.directory().join("audit/000001.jsonl")).unwrap();
    let told = log
        .lines()
        .filter(|line| line.contains("\"reuse_refresh_token\""));
    assert_eq!(told.count(), 1);
    let node = node.restart();
    node.actor(holder.key.as_ref().unwrap())
        .get("/v1/self")
        .expect(401);
    refresh(&node, next).expect(401);
}

#[test]
fn what_isnt_a_refresh_token_ends_nothing() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    let (_, token) = take(&tenant.owner, json!({}));
    let (head, code) = token.rsplit_once('_').unwrap();
    let (head, number) = head.rsplit_once('_').unwrap();
    let other = "0".repeat(64);
    for forged in [
        format!("{head}_{number}_{other}"),
        // An old number with a new number's code, and the other way around.
        format!("{head}_0000000000000000_{code}"),
        format!("{head}_0000000000000002_{code}"),
        format!("{head}_{number}_{}", code.to_uppercase()),
        format!("{head}_+{}_{code}", &number[1..]),
        token[..token.len() - 1].to_owned(),
        format!("{token}0"),
        String::new(),
    ] {
        let answer = refresh(&node, &forged);
        assert_eq!(answer.status, 401, "{forged}: {}", answer.text);
    }
    assert_eq!(node.metric("locule_refresh_token_reuses_total"), 0);
    refresh(&node, &token).expect(200);
}

#[test]
fn a_revoked_key_takes_its_tokens_with_it() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    let made = tenant
        .owner
        .post("/v1/keys", json!({"name": "k", "role": "writer"}));
    let made = made.expect(201);
    let key = node.actor(made["key"].as_str().unwrap());
    let (access, token) = take(&key, json!({}));
    let holder = node.actor(&access);
    holder.get("/v1/self").expect(200);
    let path = format!("/v1/keys/{}", made["id"].as_str().unwrap());
    assert_eq!(tenant.owner.delete(&path).status, 204);
    holder.get("/v1/self").expect(401);
    refresh(&node, &token).expect(401);
    let node = node.restart();
    node.actor(&access).get("/v1/self").expect(401);
    refresh(&node, &token).expect(401);
}

#[test]
fn a_suspended_tenants_tokens_are_refused_and_a_deleted_ones_are_strangers() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    let (access, token) = take(&tenant.owner, json!({}));
    let holder = node.actor(&access);
    let operator = node.operator();
    operator
        .post("/v1/tenants/acme/suspend", json!({}))
        .expect(200);
    holder.get("/collections").expect(403);
    refresh(&node, &token).expect(403);
    operator
        .post("/v1/tenants/acme/resume", json!({}))
        .expect(200);
    holder.get("/collections").expect(200);
    operator.delete("/v1/tenants/acme").expect(202);
    holder.get("/collections").expect(401);
    refresh(&node, &token).expect(401);
}

#[test]
fn token_keys_change_every_week_and_old_ones_are_published_until_their_tokens_are_over() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    let (first, _) = take(&tenant.owner, json!({}));
    let keys = |node: &Node| {
        let set = node.stranger().get("/v1/jwks.json").expect(200);
        set["keys"].as_array().unwrap().len()
    };
    let week = Duration::from_secs(7 * 24 * 60 * 60);
    node.clock.advance(week - Duration::from_secs(1));
    let (second, _) = take(&tenant.owner, json!({}));
    assert_eq!(keys(&node), 1);
    node.clock.advance(Duration::from_secs(1));
    let (third, _) = take(&tenant.owner, json!({}));
    let id = |token: &str| signer::read(token).0["kid"].clone();
    assert_eq!(id(&first), id(&second));
    assert_ne!(id(&second), id(&third));
    assert_eq!(keys(&node), 2);
    for token in [&second, &third] {
        node.actor(token).get("/v1/self").expect(200);
    }
    let node = node.restart();
    for token in [&second, &third] {
        node.actor(token).get("/v1/self").expect(200);
    }
    node.clock.advance(Duration::from_secs(20 * 60));
    let node = node.restart();
    assert_eq!(keys(&node), 1);
}
