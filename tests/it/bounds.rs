//! Nobody gives what they don't have: what the holder of a bound key makes, shows or ends is bound at least
//! as much, and of the tenant as a whole it has nothing to say.

use serde_json::{Value, json};

use crate::harness::{Actor, Node, Tenant};

struct Bound {
    node: Node,
    acme: Tenant,
    /// An owner of `docs` and `notes`, from this machine's addresses.
    owner: Actor,
}

fn bound() -> Bound {
    let node = Node::start();
    let acme = node.tenant("acme");
    for name in ["docs", "notes", "secret"] {
        acme.owner.create_collection(name, 2, "Dot");
    }
    let body = json!({"name": "bound", "role": "owner", "collections": ["docs", "notes"],
        "allowed_ips": ["127.0.0.0/8"]});
    let made = acme.owner.post("/v1/keys", body).expect(201);
    let owner = node.actor(made["key"].as_str().unwrap());
    Bound { node, acme, owner }
}

fn id_of(made: &Value) -> &str {
    made["id"].as_str().unwrap()
}

#[test]
fn what_a_bound_key_makes_is_bound_as_much_where_nothing_is_said() {
    let Bound { node, owner, .. } = bound();
    let plain = json!({"name": "k", "role": "owner"});
    let made = owner.post("/v1/keys", plain.clone()).expect(201);
    assert_eq!(made["collections"], json!(["docs", "notes"]));
    assert_eq!(made["allowed_ips"], json!(["127.0.0.0/8"]));
    let second = node.actor(made["key"].as_str().unwrap());
    second.get("/collections/docs").expect(200);
    second.get("/collections/secret").expect(403);
    // Nor does a token of it make more.
    let pair = owner.post("/v1/token", json!({})).expect(200);
    let holder = node.actor(pair["access_token"].as_str().unwrap());
    let made = holder.post("/v1/keys", plain).expect(201);
    assert_eq!(made["collections"], json!(["docs", "notes"]));
    let less = json!({"name": "k", "role": "writer", "collections": ["notes"],
        "allowed_ips": ["127.0.0.1"]});
    let made = owner.post("/v1/keys", less).expect(201);
    assert_eq!(made["collections"], json!(["notes"]));
    assert_eq!(made["allowed_ips"], json!(["127.0.0.1/32"]));
}

#[test]
fn what_would_reach_further_than_its_maker_is_refused_and_recorded() {
    let Bound { node, acme, owner } = bound();
    let before = node.metric("locule_privilege_escalation_attempts_total");
    for more in [
        json!({"collections": ["docs", "secret"]}),
        json!({"allowed_ips": ["127.0.0.1", "10.0.0.0/8"]}),
        json!({"allowed_ips": ["126.0.0.0/7"]}),
    ] {
        let mut body = json!({"name": "k", "role": "inference"});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let refused = owner.post("/v1/keys", body);
        assert_eq!(refused.status, 403, "{}", refused.text);
        for word in ["collections docs, notes", "networks 127.0.0.0/8"] {
            assert!(refused.message().contains(word), "{}", refused.text);
        }
    }
    let after = node.metric("locule_privilege_escalation_attempts_total");
    assert_eq!(after, before + 3);
    let log = acme.auditor.get("/v1/audit?limit=10000").text;
    let denied = log.lines().filter(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["action"] == "manage_keys" && line["outcome"] == "denied"
    });
    assert_eq!(denied.count(), 3, "{log}");
}

#[test]
fn a_bound_key_rotates_resumes_and_revokes_none_that_reaches_further() {
    let Bound {
        node: _node,
        acme,
        owner,
    } = bound();
    let make = |by: &Actor, body: Value| by.post("/v1/keys", body).expect(201);
    let wider = make(&acme.owner, json!({"name": "w", "role": "writer"}));
    let elsewhere = json!({"name": "e", "role": "writer", "collections": ["docs"]});
    let elsewhere = make(&acme.owner, elsewhere);
    let own = make(&owner, json!({"name": "o", "role": "writer"}));
    for key in [&wider, &elsewhere] {
        let path = format!("/v1/keys/{}", id_of(key));
        for act in ["rotate", "resume"] {
            let refused = owner.post(&format!("{path}/{act}"), json!({}));
            assert_eq!(refused.status, 403, "{act}: {}", refused.text);
        }
        assert_eq!(owner.delete(&path).status, 403);
    }
    // What was refused isn't on record as something that was done.
    let log = acme.auditor.get("/v1/audit?limit=10000").text;
    let done = |act: &str| log.contains(&format!(r#""action":"{act}""#));
    assert!(done("create_key"), "{log}");
    for act in ["rotate_key", "resume_key", "revoke_key"] {
        assert!(!done(act), "{act}: {log}");
    }
    let keys = owner.get("/v1/keys").expect(200);
    assert!(keys.to_string().contains(id_of(&wider)), "it is listed");
    let path = format!("/v1/keys/{}", id_of(&own));
    owner.post(&format!("{path}/resume"), json!({})).expect(200);
    let next = owner.post(&format!("{path}/rotate"), json!({})).expect(201);
    assert_eq!(next["collections"], json!(["docs", "notes"]));
    let path = format!("/v1/keys/{}", id_of(&next));
    assert_eq!(owner.delete(&path).status, 204);
}

#[test]
fn of_the_whole_tenant_a_key_that_is_bound_to_collections_has_nothing_to_say() {
    let Bound {
        node: _node,
        acme,
        owner,
    } = bound();
    let zeros = "0".repeat(32);
    let hook = json!({"url": "https://example.com/hook", "events": ["key.expiring"]});
    let erase = |scope: Value| json!({"reason": "a test", "scope": scope});
    for (path, body) in [
        ("/v1/backups", json!({})),
        ("/v1/restores", json!({"backup": zeros})),
        (
            "/v1/custody",
            json!({"passphrase": "twelve letters and more", "reason": "a test"}),
        ),
        ("/v1/webhooks", hook),
        ("/v1/contain", json!({})),
        ("/v1/erasures", erase(json!({"tenant": true}))),
        (
            "/v1/erasures",
            erase(json!({"subject": {"field": "person", "value": "jo"}})),
        ),
    ] {
        let refused = owner.post(path, body);
        assert_eq!(refused.status, 403, "{path}: {}", refused.text);
        let why = "the key is bound to collections";
        assert!(refused.message().contains(why), "{path}: {}", refused.text);
    }
    let bound = json!({"purge_within_hours": 30});
    owner.put("/v1/retention", bound.clone()).expect(403);
    acme.owner.put("/v1/retention", bound).expect(200);
    assert_eq!(owner.delete("/v1/retention").status, 403);
    for path in ["/v1/backups", "/v1/custody", "/v1/webhooks"] {
        assert_eq!(owner.get(path).status, 403, "{path}");
    }
    for path in [
        "/v1/self",
        "/v1/usage",
        "/v1/audit",
        "/v1/report",
        "/v1/erasures",
        "/v1/retention",
    ] {
        assert_eq!(owner.get(path).status, 200, "{path}");
    }
    let listed = owner.get("/collections").expect(200);
    let listed = listed["result"]["collections"].as_array().unwrap().len();
    assert_eq!(listed, 2);
    let own = erase(json!({"collection": "notes"}));
    assert!([200, 202].contains(&owner.post("/v1/erasures?wait=60", own).status));
    acme.owner.get("/collections/secret").expect(200);
}
