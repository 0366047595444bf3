//! What comes in: messages whose signature is all that they have to show.

use std::{thread, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::harness::{Actor, Answer, Node, Tenant};

/// Someone's system that may ask for erasures.
#[derive(Clone)]
pub struct Sender {
    id: String,
    path: String,
    secret: Vec<u8>,
}

/// A message, ready to be sent.
#[derive(Clone)]
pub struct Signed {
    pub path: String,
    pub id: String,
    pub timestamp: String,
    pub signature: String,
    pub body: String,
}

impl Sender {
    fn made_by(owner: &Actor) -> Self {
        let made = owner.post("/v1/webhooks", json!({"inbound": true}));
        Self::of(&made.expect(201))
    }

    pub fn of(made: &Value) -> Self {
        let text = |field: &str| made[field].as_str().unwrap_or_default().to_owned();
        let secret = text("secret");
        Self {
            id: text("id"),
            path: text("path"),
            secret: STANDARD
                .decode(secret.strip_prefix("whsec_").unwrap())
                .unwrap(),
        }
    }

    pub fn sign(&self, id: &str, seconds: u64, body: &Value) -> Signed {
        let (timestamp, body) = (seconds.to_string(), body.to_string());
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).unwrap();
        mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
        let code = STANDARD.encode(mac.finalize().into_bytes());
        Signed {
            path: self.path.clone(),
            id: id.to_owned(),
            timestamp,
            signature: format!("v1,{code}"),
            body,
        }
    }

    /// A message about Jo, now.
    fn about_jo(&self, node: &Node, id: &str) -> Signed {
        self.sign(id, now(node), &about("jo"))
    }
}

impl Signed {
    fn send(&self, node: &Node) -> Answer {
        self.send_with(node, &[])
    }

    fn send_with(&self, node: &Node, more: &[(&str, &str)]) -> Answer {
        let mut headers = vec![
            ("webhook-id", self.id.as_str()),
            ("webhook-timestamp", &self.timestamp),
            ("webhook-signature", &self.signature),
        ];
        headers.extend(more);
        let body = Some(self.body.clone().into_bytes());
        node.stranger()
            .send(Method::POST, &self.path, &headers, body)
    }
}

fn now(node: &Node) -> u64 {
    use locule::clock::Clock;
    node.clock.now().0 / 1000
}

pub fn about(person: &str) -> Value {
    let subject = json!({"field": "who", "value": person});
    json!({
        "type": "erasure.request",
        "timestamp": "2027-01-15T08:00:00Z",
        "data": {"scope": {"subject": subject}, "reason": "request 4711"},
    })
}

/// A tenant with one point of Jo's and one of Kim's.
fn furnished(node: &Node, id: &str) -> Tenant {
    let tenant = node.tenant(id);
    tenant.owner.create_collection("docs", 2, "Dot");
    for (number, who) in [(1, "jo"), (2, "kim")] {
        let payload = json!({"who": who});
        tenant.owner.put_point("docs", number, &[1.0, 0.0], payload);
    }
    tenant
}

fn people(owner: &Actor) -> Vec<Value> {
    let found = owner.query("docs", &[1.0, 0.0], 10);
    let mut people: Vec<_> = found.iter().map(|p| p["payload"]["who"].clone()).collect();
    people.sort_by_key(Value::to_string);
    people
}

fn erasures(owner: &Actor) -> Vec<Value> {
    let listed = owner.get("/v1/erasures").expect(200);
    listed["erasures"].as_array().unwrap().clone()
}

/// The erasure once it is done.
fn done(owner: &Actor, id: &str) -> Value {
    for _ in 0..1_000 {
        let erasure = owner.get(&format!("/v1/erasures/{id}")).expect(200);
        if erasure["state"] == "done" {
            return erasure;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("it doesn't come to its end");
}

#[test]
fn a_signed_message_erases_what_it_names_for_the_tenant_whose_webhook_signed_it() {
    let node = Node::start();
    let (anna, berta) = (furnished(&node, "anna"), furnished(&node, "berta"));
    let sender = Sender::made_by(&anna.owner);
    let taken = sender.about_jo(&node, "msg_1").send(&node).expect(202);
    let fields: Vec<_> = taken.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["id", "state"], "senders aren't owners");
    assert_eq!(people(&anna.owner), ["kim"]);
    assert_eq!(people(&berta.owner), ["jo", "kim"]);
    assert!(erasures(&berta.owner).is_empty());

    let id = taken["id"].as_str().unwrap();
    let erasure = done(&anna.owner, id);
    let by = format!("webhook:{}", sender.id);
    assert_eq!(
        (&erasure["requested_by"], &erasure["reason"]),
        (&json!(by), &json!("request 4711"))
    );
    assert_eq!(
        (&erasure["points"], &erasure["scope"]),
        (&json!(1), &json!("subject"))
    );
    let receipt = anna.owner.get(&format!("/v1/erasures/{id}/receipt"));
    assert_eq!(receipt.expect(200)["receipt"]["requested"]["by"], json!(by));
    let log = anna.auditor.get("/v1/audit").text;
    let entry = log.lines().find(|line| line.contains(&by)).expect(&log);
    for word in [r#""action":"erase""#, "allowed"] {
        assert!(entry.contains(word), "{entry}");
    }
}

#[test]
fn what_was_changed_anywhere_is_refused_like_what_nobody_signed() {
    let node = Node::start();
    let (anna, berta) = (furnished(&node, "anna"), furnished(&node, "berta"));
    let (sender, second) = (Sender::made_by(&anna.owner), Sender::made_by(&anna.owner));
    let others = Sender::made_by(&berta.owner);
    let outbound = json!({"url": "https://hooks.example/", "events": ["quota.near"]});
    let outbound = Sender::of(&anna.owner.post("/v1/webhooks", outbound).expect(201));
    let deleted = Sender::made_by(&anna.owner);
    let path = format!("/v1/webhooks/{}", deleted.id);
    anna.owner.delete(&path).expect(204);

    let right = sender.about_jo(&node, "msg_1");
    let later = (now(&node) + 1).to_string();
    let change = |change: &dyn Fn(&mut Signed)| {
        let mut changed = right.clone();
        change(&mut changed);
        changed
    };
    let at = |sender: &Sender| sender.path.clone();
    let mut wrong = vec![
        ("a body", change(&|m| m.body = m.body.replace("jo", "ko"))),
        ("a space more", change(&|m| m.body.push(' '))),
        ("a time", change(&|m| m.timestamp.clone_from(&later))),
        ("an id", change(&|m| m.id = "msg_2".to_owned())),
        ("no signature", change(&|m| m.signature = "v1,".to_owned())),
        ("a cut one", change(&|m| m.signature.truncate(20))),
        (
            "another version",
            change(&|m| m.signature = m.signature.replace("v1", "v1a")),
        ),
        (
            "no version",
            change(&|m| m.signature = m.signature.replace("v1,", "")),
        ),
        ("her other webhook", change(&|m| m.path = at(&second))),
        ("another tenant's", change(&|m| m.path = at(&others))),
        (
            "no such webhook",
            change(&|m| m.path = m.path.replace(&sender.id, &"0".repeat(32))),
        ),
        (
            "no id at all",
            change(&|m| m.path = m.path.replace(&sender.id, "x")),
        ),
        ("a deleted one", deleted.about_jo(&node, "msg_1")),
        (
            "another tenant's secret",
            change(&|m| {
                m.signature = others.about_jo(&node, "msg_1").signature;
            }),
        ),
    ];
    let mut outward = outbound.about_jo(&node, "msg_1");
    outward.path = format!("/v1/webhooks/{}/messages", outbound.id);
    wrong.push(("an outbound one", outward));
    let words = wrong[0].1.send(&node).text;
    let before = node.metric("locule_authentication_failures_total");
    for (what, message) in &wrong {
        let answer = message.send(&node);
        assert_eq!((answer.status, &answer.text), (401, &words), "{what}");
    }
    let malformed = [
        change(&|m| m.id.clear()),
        change(&|m| m.id.push('.')),
        change(&|m| m.timestamp = "soon".to_owned()),
        change(&|m| m.signature = ["v1,"; 9].join(" ")),
    ];
    for message in &malformed {
        assert_eq!(message.send(&node).status, 401);
    }
    assert_eq!(
        right.send_with(&node, &[("webhook-id", "msg_2")]).status,
        401
    );
    let bare = anna.owner.post(&sender.path, about("jo"));
    assert_eq!(bare.status, 401, "no key is a signature: {}", bare.text);
    // One of those names no webhook that could be looked for.
    let failures = node.metric("locule_authentication_failures_total") - before;
    assert_eq!(failures, wrong.len() as u64 - 1);
    for tenant in [&anna, &berta] {
        assert_eq!(people(&tenant.owner), ["jo", "kim"]);
        assert!(erasures(&tenant.owner).is_empty());
    }
    right.send(&node).expect(202);
}

#[test]
fn a_message_is_believed_within_five_minutes_of_its_time() {
    let node = Node::start();
    let anna = furnished(&node, "anna");
    let sender = Sender::made_by(&anna.owner);
    let at = |time: u64| sender.sign(&format!("msg_{time}"), time, &about("jo"));
    let now = now(&node);
    for time in [now - 301, now + 301, 0, 999_999_999_999] {
        let answer = at(time).send(&node);
        assert_eq!(answer.status, 401);
        assert!(answer.message().contains("300 seconds"), "{}", answer.text);
    }
    assert_eq!(people(&anna.owner), ["jo", "kim"]);
    for time in [now - 300, now + 300] {
        at(time).send(&node).expect(202);
    }
    assert_eq!(people(&anna.owner), ["kim"]);
}

#[test]
fn one_right_signature_among_several_is_enough() {
    let node = Node::start();
    let anna = furnished(&node, "anna");
    let (sender, old) = (Sender::made_by(&anna.owner), Sender::made_by(&anna.owner));
    let mut message = sender.about_jo(&node, "msg_1");
    let olds = old.about_jo(&node, "msg_1").signature;
    message.signature = format!("v2,abc {olds} {}", message.signature);
    message.send(&node).expect(202);
    message.signature = format!("v2,abc {olds}");
    assert_eq!(message.send(&node).status, 401);
}

#[test]
fn a_message_that_comes_again_makes_no_second_erasure_also_after_a_restart() {
    let node = Node::start();
    let anna = furnished(&node, "anna");
    let sender = Sender::made_by(&anna.owner);
    let message = sender.about_jo(&node, "msg_1");
    let first = message.send(&node).expect(202);
    done(&anna.owner, first["id"].as_str().unwrap());
    // Someone who has listened sends it again once there is something new to lose.
    let payload = json!({"who": "jo"});
    anna.owner.put_point("docs", 3, &[1.0, 0.0], payload);
    assert_eq!(message.send(&node).expect(202)["id"], first["id"]);
    let node = node.restart();
    let anna = anna.on(&node);
    assert_eq!(message.send(&node).expect(202)["id"], first["id"]);
    assert_eq!(people(&anna.owner), ["jo", "kim"]);
    // Its sender, who never heard of it, tries again for days, with a new time each.
    node.clock.advance(Duration::from_secs(3 * 24 * 60 * 60));
    assert_eq!(message.send(&node).status, 401);
    let again = sender.about_jo(&node, "msg_1").send(&node).expect(202);
    assert_eq!(
        (&again["id"], &again["state"]),
        (&first["id"], &json!("done"))
    );
    assert_eq!(people(&anna.owner), ["jo", "kim"]);
    assert_eq!(erasures(&anna.owner).len(), 1);
    // Another message is another erasure, and another webhook's ids are its own.
    sender.about_jo(&node, "msg_2").send(&node).expect(202);
    assert_eq!(people(&anna.owner), ["kim"]);
    let second = Sender::made_by(&anna.owner);
    let other = second.about_jo(&node, "msg_1").send(&node).expect(202);
    assert_ne!(other["id"], first["id"]);
    assert_eq!(erasures(&anna.owner).len(), 3);
}

#[test]
fn an_id_that_was_another_messages_is_a_conflict() {
    let node = Node::start();
    let anna = furnished(&node, "anna");
    let sender = Sender::made_by(&anna.owner);
    sender.about_jo(&node, "msg_1").send(&node).expect(202);
    let other = sender.sign("msg_1", now(&node), &about("kim"));
    other.send(&node).expect(409);
    assert_eq!(people(&anna.owner), ["kim"]);
}

#[test]
fn a_message_that_comes_many_times_at_once_makes_one_erasure() {
    let node = Node::start();
    let anna = furnished(&node, "anna");
    let message = Sender::made_by(&anna.owner).about_jo(&node, "msg_1");
    let answers: Vec<_> = thread::scope(|scope| {
        let sent: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| message.send(&node)))
            .collect();
        sent.into_iter().map(|sent| sent.join().unwrap()).collect()
    });
    let made = erasures(&anna.owner);
    assert_eq!(made.len(), 1);
    for answer in answers {
        match answer.status {
            202 => assert_eq!(answer["id"], made[0]["id"]),
            // It came while the first was being written down, and may come again.
            503 => assert!(answer.headers.contains_key("retry-after")),
            other => panic!("{other}: {}", answer.text),
        }
    }
}

#[test]
fn a_suspended_tenants_messages_wait_and_a_deleted_ones_are_a_strangers() {
    let node = Node::start();
    let anna = furnished(&node, "anna");
    let message = Sender::made_by(&anna.owner).about_jo(&node, "msg_1");
    let operator = node.operator();
    let set = |act: &str| {
        let path = format!("/v1/tenants/anna/{act}");
        operator.post(&path, json!({})).expect(200)
    };
    for close in ["suspend", "contain"] {
        set(close);
        let refused = message.send(&node);
        assert_eq!(refused.status, 403, "{close}: {}", refused.text);
        set("resume");
        assert_eq!(people(&anna.owner), ["jo", "kim"]);
    }
    message.send(&node).expect(202);
    assert_eq!(people(&anna.owner), ["kim"]);
    operator.delete("/v1/tenants/anna").expect(202);
    assert_eq!(message.send(&node).status, 401);
    let node = node.restart();
    assert_eq!(message.send(&node).status, 401);
}

#[test]
fn messages_count_as_requests_of_their_tenant() {
    let node = Node::start();
    let anna = furnished(&node, "anna");
    let sender = Sender::made_by(&anna.owner);
    let quota = json!({"quota": {"requests_per_second": 1}});
    node.operator().patch("/v1/tenants/anna", quota).expect(200);
    let statuses: Vec<_> = (0..12)
        .map(|number| sender.about_jo(&node, &format!("msg_{number}")).send(&node))
        .collect();
    let limited = statuses.iter().find(|answer| answer.status == 429).unwrap();
    assert!(limited.headers.contains_key("retry-after"));
}

#[test]
fn what_a_message_may_not_ask_is_refused_and_its_id_stays_free() {
    let node = Node::start();
    let anna = furnished(&node, "anna");
    let sender = Sender::made_by(&anna.owner);
    let with = |change: &dyn Fn(&mut Value)| {
        let mut body = about("jo");
        change(&mut body);
        sender.sign("msg_1", now(&node), &body)
    };
    for (what, status, message) in [
        (
            "the tenant",
            403,
            with(&|b| b["data"]["scope"] = json!({"tenant": true})),
        ),
        (
            "another type",
            400,
            with(&|b| b["type"] = json!("erasure.done")),
        ),
        (
            "a tenant's name",
            400,
            with(&|b| b["data"]["tenant"] = json!("anna")),
        ),
        ("one more field", 400, with(&|b| b["more"] = json!(1))),
        ("no scope", 400, with(&|b| b["data"] = json!({}))),
        (
            "two scopes",
            400,
            with(&|b| b["data"]["scope"]["collection"] = json!("docs")),
        ),
        ("no reason", 400, with(&|b| b["data"]["reason"] = json!(""))),
        (
            "no such collection",
            404,
            with(&|b| b["data"]["scope"] = json!({"collection": "x"})),
        ),
        (
            "not an object",
            400,
            sender.sign("msg_1", now(&node), &json!([about("jo")])),
        ),
        (
            "too long",
            413,
            with(&|b| b["data"]["reason"] = json!("a".repeat(1 << 20))),
        ),
    ] {
        let answer = message.send(&node);
        assert_eq!(answer.status, status, "{what}: {}", answer.text);
    }
    let log = anna.auditor.get("/v1/audit").text;
    let tried = log.lines().find(|line| line.contains("erase_tenant"));
    assert!(tried.expect(&log).contains("denied"), "it is recorded");
    let right = sender.about_jo(&node, "msg_1");
    let packed = right.send_with(&node, &[("content-encoding", "gzip")]);
    assert_eq!(packed.status, 415);
    assert_eq!(people(&anna.owner), ["jo", "kim"]);
    assert!(erasures(&anna.owner).is_empty());
    right.send(&node).expect(202);
}

#[test]
fn an_inbound_webhook_is_made_without_a_url_and_its_secret_is_shown_once() {
    let node = Node::start();
    let anna = node.tenant("anna");
    let made = anna.owner.post("/v1/webhooks", json!({"inbound": true}));
    let made = made.expect(201);
    let path = format!("/v1/webhooks/{}/messages", made["id"].as_str().unwrap());
    assert_eq!(
        (&made["path"], &made["inbound"]),
        (&json!(path), &json!(true))
    );
    assert_eq!((&made["url"], &made["events"]), (&Value::Null, &json!([])));
    let listed = anna.owner.get("/v1/webhooks").expect(200);
    assert_eq!(listed["webhooks"][0]["path"], json!(path));
    assert!(
        !listed
            .to_string()
            .contains(made["secret"].as_str().unwrap())
    );
    for body in [
        json!({"inbound": true, "url": "https://hooks.example/"}),
        json!({"inbound": true, "events": ["quota.near"]}),
        json!({"inbound": false}),
        json!({"inbound": "yes"}),
    ] {
        anna.owner.post("/v1/webhooks", body).expect(400);
    }
    for actor in [
        &anna.writer,
        &anna.inference,
        &anna.auditor,
        &node.operator(),
    ] {
        actor
            .post("/v1/webhooks", json!({"inbound": true}))
            .expect(403);
    }
}
