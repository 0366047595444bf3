//! Two tenants that are as alike as they can be, and hold different data.

use serde_json::{Value, json};

use crate::harness::{Node, Tenant};

pub struct Twins {
    pub node: Node,
    pub anna: Tenant,
    pub berta: Tenant,
}

impl Twins {
    /// Both have `docs` and `notes` with the same ids.
    pub fn new() -> Self {
        let node = Node::start();
        let (anna, berta) = (node.tenant("anna"), node.tenant("berta"));
        let twins = Self { node, anna, berta };
        twins.fill(&twins.anna);
        twins.fill(&twins.berta);
        twins
    }

    fn fill(&self, tenant: &Tenant) {
        for collection in ["docs", "notes"] {
            tenant.owner.create_collection(collection, 4, "Dot");
            let points: Vec<Value> = shared_ids()
                .into_iter()
                .enumerate()
                .map(|(at, id)| point(&tenant.id, collection, id, at))
                .collect();
            let path = format!("/collections/{collection}/points");
            tenant
                .owner
                .put(&path, json!({"points": points}))
                .expect(200);
        }
    }

    /// Gives berta a collection, and points in `docs`, that anna doesn't have.
    pub fn give_berta_more(&self) {
        let owner = &self.berta.owner;
        owner.create_collection(ONLY_BERTAS, 4, "Dot");
        for collection in ["docs", ONLY_BERTAS] {
            let points: Vec<Value> = only_bertas_ids()
                .into_iter()
                .enumerate()
                .map(|(at, id)| point("berta", collection, id, at))
                .collect();
            let path = format!("/collections/{collection}/points");
            owner.put(&path, json!({"points": points})).expect(200);
        }
    }

    pub fn tenants(&self) -> [(&Tenant, &Tenant); 2] {
        [(&self.anna, &self.berta), (&self.berta, &self.anna)]
    }
}

/// All that a tenant has: its collections, how they are set up, its points with their vectors.
pub fn everything_of(tenant: &Tenant) -> Vec<Value> {
    let owner = &tenant.owner;
    let collections = owner.get("/collections").expect(200)["result"].clone();
    let mut everything = vec![collections.clone()];
    for collection in collections["collections"].as_array().unwrap() {
        let path = format!("/collections/{}", collection["name"].as_str().unwrap());
        everything.push(owner.get(&path).expect(200)["result"].clone());
        let body = json!({"limit": 1000, "with_vector": true});
        let page = owner
            .post(&format!("{path}/points/scroll"), body)
            .expect(200);
        everything.push(page["result"].clone());
    }
    everything
}

fn point(tenant: &str, collection: &str, id: Value, at: usize) -> Value {
    let own = if tenant == "anna" { 100.0 } else { 200.0 };
    let mut vector = [own, 0.0, 0.0, 0.0];
    vector[at % 4] += 1.0 + at as f32;
    let text = format!("text {at} of {tenant} in {collection}");
    json!({"id": id, "vector": vector, "payload": {"text": text, "owner": tenant}})
}

pub fn shared_ids() -> Vec<Value> {
    let mut ids: Vec<Value> = (1..=5).map(Value::from).collect();
    ids.push(json!(TWIN_UUID));
    ids
}

pub fn only_bertas_ids() -> [Value; 2] {
    [json!(1000), json!("0b0b0b0b-1111-4222-8333-444455556666")]
}

pub const ONLY_BERTAS: &str = "only-bertas";
pub const TWIN_UUID: &str = "7a7a7a7a-1111-4222-8333-444455556666";
/// Near every point.
pub const FIRST_VECTOR: [f32; 4] = [1.0, 0.0, 0.0, 0.0];
