//! A sound request for every route, about a tenant that is there.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    crossing::ROUTES,
    harness::{Actor, Answer, Node, Tenant},
};

/// What requests are about.
pub struct Target {
    tenant: String,
    /// A key of the tenant's that nobody uses.
    key: String,
    erasure: String,
    webhook: String,
    /// What waits to be sent to the webhook.
    delivery: String,
}

impl Target {
    pub fn of(node: &Node, tenant: &Tenant) -> Self {
        let spare = json!({"name": "spare", "role": "inference"});
        let key = tenant.owner.post("/v1/keys", spare).expect(201);
        // It leads into a private network, so nothing is ever sent there.
        let events = ["security.suspicious"];
        let hook = json!({"url": "http://127.0.0.1/hook", "events": events});
        let webhook = tenant.owner.post("/v1/webhooks", hook).expect(201);
        tenant.owner.create_collection("spare", 2, "Dot");
        let ask = json!({"reason": "a test", "scope": {"collection": "spare"}});
        let erasure = tenant.owner.post("/v1/erasures?wait=60", ask);
        assert!([200, 202].contains(&erasure.status), "{}", erasure.text);
        assert_eq!(erasure["state"], "done");
        let id = |made: &Value| made["id"].as_str().unwrap().to_owned();
        let webhook = id(&webhook);
        Self {
            tenant: tenant.id.clone(),
            key: id(&key),
            erasure: id(&erasure.body),
            delivery: id(&delivery(node, tenant, &webhook)),
            webhook,
        }
    }
}

/// Something for a webhook: a refresh token is used twice.
fn delivery(node: &Node, tenant: &Tenant, webhook: &str) -> Value {
    let pair = tenant.writer.post("/v1/token", json!({})).expect(200);
    let body = json!({"refresh_token": pair["refresh_token"]});
    for status in [200, 401] {
        let refreshed = node.stranger().post("/v1/token/refresh", body.clone());
        refreshed.expect(status);
    }
    let path = format!("/v1/webhooks/{webhook}/deliveries");
    tenant.owner.get(&path).expect(200)["deliveries"][0].clone()
}

/// A request.
pub struct Asked {
    method: Method,
    path: String,
    body: Option<Value>,
    /// Whether it names something that is a tenant's: a key, a tenant.
    pub names_something: bool,
}

impl Asked {
    pub fn send(&self, actor: &Actor) -> Answer {
        let body = self.body.as_ref().map(|body| body.to_string().into_bytes());
        actor.send(self.method.clone(), &self.path, &[], body)
    }
}

/// How much a route takes away: those that end something are asked last.
pub fn ends(route: &str) -> u8 {
    match route {
        "POST /v1/erasures" | "POST /collections/{name}/points/delete" => 1,
        "DELETE /collections/{name}" => 2,
        "POST /v1/tenants/{id}/suspend" => 3,
        "POST /v1/tenants/{id}/resume" => 4,
        "DELETE /v1/keys/{id}" | "DELETE /v1/webhooks/{id}" => 5,
        "POST /v1/contain" => 6,
        "POST /v1/tenants/{id}/contain" => 7,
        "DELETE /v1/tenants/{id}" => 8,
        _ => 0,
    }
}

/// A sound request for a route. None if nobody has said what that is.
pub fn request(route: &str, target: &Target) -> Option<Asked> {
    let (method, pattern) = route.split_once(' ').unwrap();
    let asked = |path: String, body: Option<Value>, names_something| {
        Some(Asked {
            method: Method::from_bytes(method.as_bytes()).unwrap(),
            path,
            body,
            names_something,
        })
    };
    if let Some(data) = ROUTES.iter().find(|data| data.name() == route) {
        let point = json!(1);
        // What only asks for what is near, as every role that searches may.
        let query = json!([1.0, 0.0, 0.0, 0.0]);
        let body = match route {
            "POST /collections/{name}/points/query" => Some(json!({"query": query})),
            "POST /collections/{name}/points/query/groups" => {
                Some(json!({"query": query, "group_by": "owner"}))
            }
            _ => data.body(&point),
        };
        return asked(data.path("docs", &point), body, false);
    }
    let body = match route {
        "POST /v1/tenants" => Some(json!({"id": "initech"})),
        "PATCH /v1/tenants/{id}" => Some(json!({"region": "eu"})),
        "POST /v1/tenants/{id}/suspend" | "POST /v1/tenants/{id}/resume" => Some(json!({})),
        "POST /v1/keys/{id}/rotate"
        | "POST /v1/keys/{id}/resume"
        | "POST /v1/subjects/{subject}/resume"
        | "POST /v1/token"
        | "POST /v1/webhooks/{id}/deliveries/{delivery}/replay" => Some(json!({})),
        "POST /v1/webhooks" => {
            Some(json!({"url": "https://example.com/hook", "events": ["key.expiring"]}))
        }
        "POST /v1/erasures" => {
            let scope = json!({"points": {"collection": "docs", "ids": [1]}});
            Some(json!({"reason": "a test", "scope": scope}))
        }
        "POST /v1/restores" => Some(json!({"backup": "0".repeat(32)})),
        "POST /v1/custody" => Some(json!({"passphrase": "a long passphrase", "reason": "a test"})),
        // No backup, which whoever may is told: a copy isn't what this is about.
        "POST /v1/backups/upload" => Some(json!({})),
        "POST /v1/root-key/rotate" | "POST /v1/backups" => Some(json!({})),
        "PUT /v1/retention" => Some(json!({"purge_within_hours": 30})),
        "PUT /v1/retention/{collection}" => Some(json!({"ttl_days": 30})),
        "POST /v1/keys" => Some(json!({"name": "a key", "role": "inference"})),
        "POST /v1/tenants/{id}/recovery-key" => Some(json!({"reason": "a test"})),
        "POST /v1/tenants/{id}/contain" | "POST /v1/contain" => Some(json!({})),
        "GET /v1/tenants"
        | "GET /v1/tenants/{id}"
        | "DELETE /v1/tenants/{id}"
        | "GET /v1/keys"
        | "GET /v1/subjects"
        | "GET /v1/webhooks"
        | "DELETE /v1/webhooks/{id}"
        | "GET /v1/webhooks/{id}/deliveries"
        | "GET /v1/erasures"
        | "GET /v1/erasures/{id}"
        | "GET /v1/erasures/{id}/receipt"
        | "DELETE /v1/keys/{id}"
        | "GET /v1/backups"
        | "GET /v1/backups/{id}"
        | "GET /v1/backups/{id}/download"
        | "DELETE /v1/backups/{id}"
        | "GET /v1/restores"
        | "GET /v1/restores/{id}"
        | "GET /v1/custody"
        | "GET /v1/retention"
        | "DELETE /v1/retention"
        | "GET /v1/retention/{collection}"
        | "DELETE /v1/retention/{collection}"
        | "GET /v1/self"
        | "GET /v1/usage"
        | "GET /v1/audit"
        | "GET /v1/node/audit"
        | "GET /v1/report"
        | "GET /v1/tenants/{id}/report" => None,
        _ => return None,
    };
    let unknown = "0".repeat(32);
    let id = if pattern.starts_with("/v1/backups") || pattern.starts_with("/v1/restores") {
        &unknown
    } else if pattern.starts_with("/v1/keys") {
        &target.key
    } else if pattern.starts_with("/v1/webhooks") {
        &target.webhook
    } else if pattern.starts_with("/v1/erasures") {
        &target.erasure
    } else {
        &target.tenant
    };
    let path = pattern
        .replace("{id}", id)
        .replace("{collection}", "docs")
        .replace("{delivery}", &target.delivery);
    asked(path, body, pattern.contains('{'))
}
