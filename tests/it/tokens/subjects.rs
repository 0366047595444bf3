//! Users of an identity provider are watched as keys are: each has a budget, and is suspended for what
//! its tenant doesn't bear.

use std::{fs, thread::sleep, time::Duration};

use locule::outbound::KeySetSource;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    issuers::{claims, issuer},
    signer::Signer,
};
use crate::harness::{Actor, Node, Setup, Tenant};

/// A node that believes an issuer about two tenants, and what they want done about odd behaviour.
struct Watched {
    node: Node,
    directory: TempDir,
    signer: Signer,
    acme: Tenant,
    globex: Tenant,
}

impl Watched {
    fn new(watch: &Value) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let signer = Signer::p256("a");
        let set = json!({"keys": [signer.jwk()]}).to_string();
        fs::write(directory.path().join("ours"), set).unwrap();
        let node = Node::with(setup(&directory));
        let [acme, globex] = ["acme", "globex"].map(|id| {
            let tenant = node.tenant(id);
            tenant.owner.create_collection("docs", 2, "Dot");
            for id in 0..10 {
                let vector = [1.0, id as f32];
                tenant.owner.put_point("docs", id, &vector, json!({}));
            }
            node.operator()
                .patch(&format!("/v1/tenants/{id}"), json!({"watch": watch}))
                .expect(200);
            tenant
        });
        let watched = Self {
            node,
            directory,
            signer,
            acme,
            globex,
        };
        watched.wait();
        watched
    }

    fn restart(self) -> Self {
        let node = self.node.stop().start_with(setup(&self.directory));
        let watched = Self {
            acme: self.acme.on(&node),
            globex: self.globex.on(&node),
            node,
            ..self
        };
        watched.wait();
        watched
    }

    /// Keys are read in the background. Until then nobody is believed.
    fn wait(&self) {
        for _ in 0..1_000 {
            if self.user("nobody-else", "globex").get("/v1/self").status == 200 {
                return;
            }
            sleep(Duration::from_millis(20));
        }
        panic!("the issuer's keys weren't read");
    }

    /// Someone of a tenant's, with a token that is made now.
    fn user(&self, subject: &str, tenant: &str) -> Actor {
        let mut claims = claims("ours");
        claims["sub"] = subject.into();
        claims["org"] = tenant.into();
        claims["exp"] = (claims["exp"].as_u64().unwrap() + 80_000).into();
        self.node.actor(&self.signer.sign(&claims))
    }
}

fn setup(directory: &TempDir) -> Setup {
    let source = KeySetSource::File(directory.path().join("ours"));
    Setup {
        issuers: vec![issuer("ours", source)],
        ..Setup::default()
    }
}

fn ask(actor: &Actor, vector: [f32; 2]) -> u16 {
    let body = json!({"query": vector, "limit": 4});
    actor.post("/collections/docs/points/query", body).status
}

fn suspended(tenant: &Tenant) -> Vec<String> {
    let listed = tenant.owner.get("/v1/subjects").expect(200);
    let subjects = listed["subjects"].as_array().unwrap().iter();
    let names = subjects.map(|subject| subject["subject"].as_str().unwrap().to_owned());
    names.collect()
}

#[test]
fn a_user_is_answered_so_many_different_points_in_a_day_by_all_tokens_together() {
    let budget = json!({"distinct_points_per_day": 5, "refuse_past_distinct_points": true});
    let watched = Watched::new(&budget);
    let anna = || watched.user("anna", "acme");
    assert_eq!(ask(&anna(), [0.0, 1.0]), 200);
    assert_eq!(ask(&anna(), [0.0, 1.0]), 200, "the same four");
    assert_eq!(ask(&anna(), [0.0, -1.0]), 200);
    assert_eq!(ask(&anna(), [0.0, 1.0]), 429);
    // Everyone else has a budget of their own: another user, the same one of another tenant, a key.
    assert_eq!(ask(&watched.user("berta", "acme"), [0.0, 1.0]), 200);
    assert_eq!(ask(&watched.user("anna", "globex"), [0.0, 1.0]), 200);
    assert_eq!(ask(&watched.acme.inference, [0.0, 1.0]), 200);
    // A restart gives nothing back.
    let watched = watched.restart();
    assert_eq!(ask(&watched.user("anna", "acme"), [0.0, 1.0]), 429);
    assert_eq!(ask(&watched.user("berta", "acme"), [0.0, 1.0]), 200);
    watched
        .node
        .clock
        .advance(Duration::from_secs(16 * 60 * 60));
    assert_eq!(ask(&watched.user("anna", "acme"), [0.0, 1.0]), 200);
}

#[test]
fn a_user_who_is_refused_too_often_is_suspended_until_the_owner_says_otherwise() {
    let watched = Watched::new(&json!({"suspend_after_refusals": 3}));
    let anna = watched.user("anna", "acme");
    for _ in 0..3 {
        anna.post("/collections/docs/points/scroll", json!({}))
            .expect(403);
    }
    let refused = anna.get("/collections/docs");
    assert_eq!(refused.status, 401);
    assert!(refused.message().contains("suspended"), "{}", refused.text);
    assert_eq!(watched.user("anna", "acme").get("/v1/self").status, 401);
    assert_eq!(watched.user("berta", "acme").get("/v1/self").status, 200);
    assert_eq!(watched.user("anna", "globex").get("/v1/self").status, 200);
    let [name] = <[String; 1]>::try_from(suspended(&watched.acme)).unwrap();
    assert!(name.starts_with("ours:"), "{name}");
    assert!(suspended(&watched.globex).is_empty());
    let log = watched.acme.auditor.get("/v1/audit?limit=1000").text;
    let told = log.lines().find(|line| line.contains("suspend_subject"));
    assert!(told.unwrap().contains(&name), "{log}");

    let watched = watched.restart();
    let anna = watched.user("anna", "acme");
    assert_eq!(anna.get("/v1/self").status, 401, "after a restart too");
    let resume = format!("/v1/subjects/{name}/resume");
    watched.globex.owner.post(&resume, json!({})).expect(404);
    watched.acme.writer.post(&resume, json!({})).expect(403);
    watched.acme.owner.post(&resume, json!({})).expect(200);
    watched.acme.owner.post(&resume, json!({})).expect(404);
    anna.get("/v1/self").expect(200);
    assert!(suspended(&watched.acme).is_empty());
    let watched = watched.restart();
    watched.user("anna", "acme").get("/v1/self").expect(200);
}

#[test]
fn a_user_from_more_networks_than_the_tenant_bears_is_suspended_and_forgotten_with_the_tenant() {
    let watched = Watched::new(&json!({"suspend_after_networks": 2}));
    let anna = watched.user("anna", "acme");
    let from = |network: u8| anna.at_address([127, 0, network, 1].into());
    from(1).get("/v1/self").expect(200);
    from(2).get("/v1/self").expect(200);
    assert_eq!(from(3).get("/v1/self").status, 401);
    assert_eq!(from(1).get("/v1/self").status, 401, "everywhere");
    assert_eq!(suspended(&watched.acme).len(), 1);
    // A tenant of that name can't come again; what is left of it is nothing.
    let erasure = watched
        .node
        .operator()
        .delete("/v1/tenants/acme")
        .expect(202);
    let id = erasure["id"].as_str().unwrap();
    for _ in 0..1_000 {
        let shown = watched.node.operator().get(&format!("/v1/erasures/{id}"));
        if shown.expect(200)["state"] == "done" {
            break;
        }
        sleep(Duration::from_millis(20));
    }
    let watched = watched.restart();
    assert_eq!(watched.user("anna", "acme").get("/v1/self").status, 401);
    assert_eq!(watched.user("anna", "globex").get("/v1/self").status, 200);
}
