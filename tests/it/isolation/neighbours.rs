//! Three tenants on one shelf. One or two are harmed; what becomes of each?

use serde_json::{Value, json};

use super::disk::Disk;
use crate::harness::{Actor, Answer, Node};

/// The tenants. The same collection, the same ids, other words.
pub const TENANTS: [&str; 3] = ["anna", "berta", "carla"];

/// Three tenants with three points each, and a node that isn't running.
pub struct Neighbours {
    node: Option<Node>,
    owners: Vec<String>,
}

impl Neighbours {
    pub fn settle() -> Self {
        let node = Node::start();
        let mut owners = Vec::new();
        for tenant in TENANTS {
            let owner = node.tenant(tenant).owner;
            owner.create_collection("docs", 4, "Dot");
            for id in 1..=3 {
                owner.put_point("docs", id, &vector(tenant, id), payload(tenant, id));
            }
            owners.extend(owner.key);
        }
        let neighbours = Self {
            node: Some(node),
            owners,
        };
        neighbours.expect_corrupt(&[]);
        neighbours
    }

    /// Stops the node, does something to its directory, and starts it again.
    pub fn harm(&mut self, harm: impl FnOnce(&Disk)) {
        let stopped = self.node.take().unwrap().stop();
        harm(&Disk::of(&stopped));
        self.node = Some(stopped.start());
    }

    /// The harmed tenants are answered `corrupt` on every route, which is counted and recorded;
    /// the others are answered as ever, before and after.
    #[track_caller]
    pub fn expect_corrupt(&self, harmed: &[&str]) {
        let node = self.node();
        let well: Vec<_> = TENANTS
            .into_iter()
            .filter(|t| !harmed.contains(t))
            .collect();
        let recorded_before = self.recorded(&TENANTS);
        for tenant in &well {
            for answer in asked(&self.owner(tenant)) {
                let answer = answer();
                assert!(answer.status < 300, "{tenant}: {}", answer.text);
            }
        }
        for tenant in harmed {
            for answer in asked(&self.owner(tenant)) {
                let counted = node.metric("locule_corrupt_total");
                let recorded = self.recorded(&[tenant]);
                let answer = answer();
                assert_eq!(answer.status, 500, "{tenant}: {}", answer.text);
                assert_eq!(answer.message(), "stored data of this tenant didn't open");
                assert_eq!(node.metric("locule_corrupt_total"), counted + 1);
                assert_eq!(self.recorded(&[tenant]), recorded + 1);
            }
            let answer = self.owner(tenant).get("/v1/self");
            assert_eq!(answer.status, 200, "its keys are still its keys");
        }
        for tenant in &well {
            self.expect_answers(tenant);
        }
        let asked = harmed.len() * asked(&self.owner(TENANTS[0])).len();
        assert_eq!(self.recorded(&TENANTS), recorded_before + asked);
    }

    /// A tenant's own three points, and nothing else.
    #[track_caller]
    fn expect_answers(&self, tenant: &str) {
        let owner = self.owner(tenant);
        let found = owner.query("docs", &vector(tenant, 2), 10);
        let payloads: Vec<Value> = found.iter().map(|point| point["payload"].clone()).collect();
        assert_eq!(found[0]["id"], 2, "{tenant}: {found:?}");
        assert_eq!(payloads.len(), 3, "{tenant}: {found:?}");
        for id in 1..=3 {
            assert!(
                payloads.contains(&payload(tenant, id)),
                "{tenant}: {found:?}"
            );
        }
    }

    /// How many entries of the audit log say that something of these tenants didn't open.
    fn recorded(&self, tenants: &[&str]) -> usize {
        let directory = self.node().directory().join("audit");
        std::fs::read_dir(directory)
            .unwrap()
            .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
            .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
            .map(|line| serde_json::from_str::<Value>(&line).unwrap()["entry"].take())
            .filter(|entry| {
                let tenant = entry["tenant"].as_str().unwrap_or_default();
                entry["outcome"] == "corrupt" && tenants.contains(&tenant)
            })
            .count()
    }

    pub fn owner(&self, tenant: &str) -> Actor {
        let number = TENANTS.iter().position(|t| *t == tenant).unwrap();
        self.node().actor(&self.owners[number])
    }

    pub fn node(&self) -> &Node {
        self.node.as_ref().unwrap()
    }
}

/// One request of every kind that needs the tenant's data; none changes what is there.
fn asked(owner: &Actor) -> Vec<Box<dyn Fn() -> Answer + '_>> {
    let unlike = json!({"must": [{"key": "text", "match": {"value": "none"}}]});
    let post = |route: &'static str, body: Value| -> Box<dyn Fn() -> Answer + '_> {
        Box::new(move || owner.post(&format!("/collections/docs/points{route}"), body.clone()))
    };
    vec![
        Box::new(|| owner.get("/collections")),
        Box::new(|| owner.get("/collections/docs")),
        Box::new(|| owner.get("/collections/docs/exists")),
        Box::new(|| owner.get("/collections/docs/points/1")),
        Box::new(|| owner.get("/v1/usage")),
        Box::new(|| owner.delete("/collections/none")),
        post("", json!({"ids": [1, 2, 3], "with_vector": true})),
        post("/scroll", json!({"with_vector": true})),
        post("/count", json!({})),
        post("/query", json!({"query": [1.0, 0.0, 0.0, 0.0]})),
        post(
            "/search",
            json!({"vector": [1.0, 0.0, 0.0, 0.0], "limit": 3}),
        ),
        post("/delete", json!({"filter": unlike})),
        post(
            "/batch",
            json!({"operations": [{"clear_payload": {"filter": unlike}}]}),
        ),
    ]
}

fn vector(tenant: &str, id: usize) -> Vec<f32> {
    let own = TENANTS.iter().position(|t| *t == tenant).unwrap() as f32;
    let mut vector = vec![own, 0.0, 0.0, 0.0];
    vector[id] = 10.0 + own;
    vector
}

fn payload(tenant: &str, id: usize) -> Value {
    json!({"text": format!("point {id} of {tenant}")})
}
