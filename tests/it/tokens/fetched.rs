//! Key sets that issuers publish: when they are fetched, how often made-up tokens can cause that, and
//! that whatever comes in place of a set changes nothing.

use std::{io::Read, net::TcpListener, thread::sleep, time::Duration};

use locule::outbound::{KeySetSource, Published};
use serde_json::Value;

use super::{
    issuers::{claims, issuer},
    publisher::{Publisher, Says, set},
    signer::Signer,
};
use crate::harness::{Node, START, Setup};

const FETCH_EVERY: Duration = Duration::from_secs(300);
const CALL_EVERY: Duration = Duration::from_secs(30);

/// A node that believes issuers, each of which publishes its keys at a URL.
fn believing(published: &[(&str, &str)]) -> Node {
    let issuers = published.iter().map(|(name, url)| {
        let source = KeySetSource::Url(Published::parse(url).unwrap());
        issuer(name, source)
    });
    let node = Node::with(Setup {
        issuers: issuers.collect(),
        ..Setup::default()
    });
    node.tenant("acme");
    node
}

fn status(node: &Node, token: &str) -> u16 {
    node.actor(token).get("/v1/self").status
}

/// Sets are taken up in the background.
#[track_caller]
fn wait_for(node: &Node, status: u16, token: &str) {
    let mut last = None;
    for _ in 0..3_000 {
        let answer = node.actor(token).get("/v1/self");
        if answer.status == status {
            return;
        }
        last = Some(answer);
        sleep(Duration::from_millis(20));
    }
    panic!("never answered with {status}: {last:?}");
}

/// A token that is good for nearly as long as one may be.
fn token(signer: &Signer) -> String {
    let mut claims = claims("ours");
    claims["exp"] = (START.0 / 1000 + 86_000).into();
    signer.sign(&claims)
}

/// A token that names a key that the issuer never had.
fn made_up(number: usize) -> String {
    Signer::ed25519(&format!("made-up-{number}")).sign(&claims("ours"))
}

#[test]
fn a_key_set_is_fetched_at_the_start_and_every_five_minutes_and_what_is_gone_from_it_is_refused() {
    let (old, new) = (Signer::p256("old"), Signer::p256("new"));
    let publisher = Publisher::start(Says::keys(&[&old]));
    let node = believing(&[("ours", &publisher.url())]);
    wait_for(&node, 200, &token(&old));
    publisher.say(Says::keys(&[&new]));
    node.clock.advance(FETCH_EVERY);
    // No token of the new key has been seen: the time alone has it fetched.
    wait_for(&node, 401, &token(&old));
    assert_eq!(status(&node, &token(&new)), 200);
}

#[test]
fn a_token_that_names_a_new_key_is_refused_at_first_and_has_it_fetched_without_waiting() {
    let (old, new) = (Signer::p256("old"), Signer::ed25519("new"));
    let publisher = Publisher::start(Says::keys(&[&old]));
    let node = believing(&[("ours", &publisher.url())]);
    wait_for(&node, 200, &token(&old));
    let before = publisher.asked();
    publisher.say(Says::keys(&[&old, &new]));
    let refused = node.actor(&token(&new)).get("/v1/self");
    assert_eq!(refused.status, 401);
    assert!(
        refused.message().contains("token isn't believed"),
        "{}",
        refused.text
    );
    wait_for(&node, 200, &token(&new));
    assert_eq!(status(&node, &token(&old)), 200);
    assert!(publisher.asked() > before);
    // The issuer takes the old key back; the next unknown one brings that to light.
    publisher.say(Says::keys(&[&new]));
    node.clock.advance(CALL_EVERY);
    assert_eq!(status(&node, &made_up(0)), 401);
    wait_for(&node, 401, &token(&old));
    assert_eq!(status(&node, &token(&new)), 200);
}

#[test]
fn an_issuer_that_gives_its_keys_no_names_is_asked_again_while_there_is_none_that_fits() {
    let signer = Signer::p256("a");
    let publisher = Publisher::start(Says::Nothing);
    let node = believing(&[("ours", &publisher.url())]);
    publisher.wait_for(1);
    let mut jwk = signer.jwk();
    jwk.as_object_mut().unwrap().remove("kid");
    publisher.say(Says::body(serde_json::json!({"keys": [jwk]}).to_string()));
    let unnamed = signer.sign_text(r#"{"alg":"ES256"}"#, &claims("ours").to_string());
    wait_for(&node, 200, &unnamed);
}

#[test]
fn made_up_key_ids_cause_two_calls_at_once_and_then_one_in_thirty_seconds() {
    let (signer, other) = (Signer::p256("a"), Signer::p256("b"));
    let publisher = Publisher::start(Says::keys(&[&signer]));
    // Beside it one whose calls show that time passes for both.
    let beside = Publisher::start(Says::keys(&[&other]));
    let node = believing(&[("ours", &publisher.url()), ("theirs", &beside.url())]);
    wait_for(&node, 200, &token(&signer));
    beside.wait_for(1);
    let mut number = 0;
    let mut forge = || {
        number += 1;
        assert_eq!(status(&node, &made_up(number)), 401);
    };
    let mut forge_until = |times: usize| {
        while publisher.asked() < times {
            forge();
            sleep(Duration::from_millis(20));
        }
        // The calls are used up: from here on it is asked no more.
        for _ in 0..20 {
            forge();
        }
    };
    let call_beside = |times: usize| {
        let theirs = Signer::ed25519("made-up").sign(&claims("theirs"));
        // Again and again: one that comes while a set is being fetched asks for no other.
        while beside.asked() < times {
            assert_eq!(status(&node, &theirs), 401);
            sleep(Duration::from_millis(20));
        }
    };
    forge_until(3);
    for times in [2, 3] {
        call_beside(times);
        assert_eq!(publisher.asked(), 3);
    }
    node.clock.advance(CALL_EVERY);
    forge_until(4);
    call_beside(4);
    assert_eq!(publisher.asked(), 4);
    assert_eq!(status(&node, &token(&signer)), 200);
}

#[test]
fn a_node_starts_beside_an_issuer_that_is_down_and_believes_it_once_it_is_up() {
    let signer = Signer::p256("a");
    let publisher = Publisher::start(Says::Nothing);
    // Nobody listens there.
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let nowhere = format!("http://{}/jwks.json", gone.local_addr().unwrap());
    drop(gone);
    let node = believing(&[("ours", &publisher.url()), ("theirs", &nowhere)]);
    publisher.wait_for(1);
    assert_eq!(status(&node, &token(&signer)), 401);
    assert_eq!(status(&node, &signer.sign(&claims("theirs"))), 401);
    node.operator().get("/v1/tenants").expect(200);
    publisher.say(Says::keys(&[&signer]));
    node.clock.advance(FETCH_EVERY);
    wait_for(&node, 200, &token(&signer));
}

#[test]
fn whatever_comes_in_place_of_a_key_set_changes_nothing() {
    let (old, new) = (Signer::p256("old"), Signer::p256("new"));
    let good = set(&[&new]);
    let elsewhere = Publisher::start(Says::body(&*good));
    let location = |status: &str| format!("{status}\r\nlocation: {}", elsewhere.url());
    let padded = |bytes: usize| format!("{good}{}", " ".repeat(bytes - good.len()));
    let many = {
        let keys = vec![new.jwk(); 65];
        serde_json::json!({ "keys": keys }).to_string()
    };
    let odd = Signer::ed25519("new").jwk();
    let odd_use = |name: &str, value: &str| {
        let mut jwk: Value = odd.clone();
        jwk[name] = value.into();
        serde_json::json!({ "keys": [jwk] }).to_string()
    };
    let publisher = Publisher::start(Says::keys(&[&old]));
    let node = believing(&[("ours", &publisher.url())]);
    wait_for(&node, 200, &token(&old));
    for (what, says) in [
        ("no answer", Says::Nothing),
        ("no text", Says::body("")),
        ("no JSON", Says::body("<html>maintenance</html>")),
        ("no set", Says::body(r#"{"jwks":[]}"#)),
        ("half a set", Says::body(&good[..good.len() - 1])),
        ("no key", Says::body(r#"{"keys":[]}"#)),
        (
            "a shared secret",
            Says::body(r#"{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"new"}]}"#),
        ),
        ("a key for encryption", Says::body(odd_use("use", "enc"))),
        (
            "a key for another algorithm",
            Says::body(odd_use("alg", "RS256")),
        ),
        ("too many keys", Says::body(many)),
        (
            "a set that is too long",
            Says::body(padded((256 << 10) + 1)),
        ),
        ("a set without an end", Says::Endless),
        (
            "an error with a set",
            Says::with("500 Internal Server Error", &*good),
        ),
        ("not found, with a set", Says::with("404 Not Found", &*good)),
        (
            "a part, with a set",
            Says::with("206 Partial Content", &*good),
        ),
        (
            "moved, with a set",
            Says::with(&location("302 Found"), &*good),
        ),
        (
            "moved for good",
            Says::with(&location("308 Permanent Redirect"), ""),
        ),
    ] {
        publisher.say(says);
        node.clock.advance(FETCH_EVERY);
        // By now the node is done with the answer before this one, at least.
        publisher.wait_until_said();
        assert_eq!(status(&node, &token(&old)), 200, "{what}");
        assert_eq!(status(&node, &token(&new)), 401, "{what}");
    }
    publisher.say(Says::Nothing);
    node.clock.advance(FETCH_EVERY);
    publisher.wait_until_said();
    assert_eq!(
        (status(&node, &token(&old)), status(&node, &token(&new))),
        (200, 401)
    );
    assert_eq!(elsewhere.asked(), 0, "no redirect is followed");
    // As long as it may be, it is taken up.
    publisher.say(Says::body(padded(256 << 10)));
    node.clock.advance(FETCH_EVERY);
    wait_for(&node, 200, &token(&new));
    assert_eq!(status(&node, &token(&old)), 401);
}

#[test]
fn an_issuer_that_hangs_holds_up_neither_its_own_tokens_nor_anyone_else_nor_the_stop() {
    let (old, theirs) = (Signer::p256("old"), Signer::p256("theirs"));
    let publisher = Publisher::start(Says::keys(&[&old]));
    let beside = Publisher::start(Says::Nothing);
    let node = believing(&[("ours", &publisher.url()), ("theirs", &beside.url())]);
    wait_for(&node, 200, &token(&old));
    beside.wait_for(1);
    publisher.say(Says::Half);
    beside.say(Says::keys(&[&theirs]));
    node.clock.advance(FETCH_EVERY);
    publisher.wait_until_said();
    assert_eq!(status(&node, &token(&old)), 200);
    wait_for(&node, 200, &theirs.sign(&claims("theirs")));
    node.operator().get("/v1/tenants").expect(200);
    // Waits until nothing holds the directory.
    node.stop();
}

#[test]
fn a_key_set_behind_a_certificate_that_nobody_vouches_for_isnt_read() {
    let authority = crate::transport::Authority::new();
    authority.install("issuer");
    let (believed, signer) = (authority.server_config(), Signer::p256("a"));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/jwks.json", listener.local_addr().unwrap());
    let node = believing(&[("ours", &url)]);
    let (mut tcp, _) = listener.accept().unwrap();
    let mut tls = rustls::ServerConnection::new(believed).unwrap();
    let refused = loop {
        match tls.complete_io(&mut tcp) {
            Ok(_) if tls.is_handshaking() => {}
            other => break other,
        }
    };
    let refused = refused.expect_err("it goes on").to_string();
    assert!(refused.contains("UnknownCA"), "{refused}");
    let mut sent = Vec::new();
    drop(tls.reader().read_to_end(&mut sent));
    assert!(sent.is_empty());
    assert_eq!(status(&node, &token(&signer)), 401);
}
