//! Every route of the data plane, and a sound request for each.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use super::twins::{FIRST_VECTOR, TWIN_UUID};
use crate::harness::{Actor, Answer};

/// A route, and how it is asked.
#[derive(Clone, Copy)]
pub struct Route {
    pub method: &'static str,
    /// As the router has it.
    pub pattern: &'static str,
    /// The sound request's body, for a collection and a point that both twins have.
    body: Option<fn(&Value) -> Value>,
    pub does: Does,
}

/// What a route does with points.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Does {
    /// Shows texts of points.
    Show,
    /// Says something of collections or points, without their texts.
    Tell,
    /// Changes something.
    Change,
}

impl Route {
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.pattern)
    }

    pub fn path(&self, collection: &str, point: &Value) -> String {
        let point = point
            .as_str()
            .map_or_else(|| point.to_string(), str::to_owned);
        self.pattern
            .replace("{name}", collection)
            .replace("{id}", &point)
            .replace("{field}", "owner")
    }

    pub fn body(&self, point: &Value) -> Option<Value> {
        self.body.map(|body| body(point))
    }

    /// Asks for this collection and this point.
    pub fn ask(&self, actor: &Actor, collection: &str, point: &Value) -> Answer {
        self.send(actor, &self.path(collection, point), &[], self.body(point))
    }

    pub fn send(
        &self,
        actor: &Actor,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let method = Method::from_bytes(self.method.as_bytes()).unwrap();
        let body = body.map(|body| body.to_string().into_bytes());
        actor.send(method, path, headers, body)
    }
}

pub const ROUTES: [Route; 33] = [
    route("GET", "/collections", None, Does::Tell),
    route(
        "PUT",
        "/collections/{name}",
        Some(|_| json!({"vectors": {"size": 4, "distance": "Dot"}})),
        Does::Change,
    ),
    route("GET", "/collections/{name}", None, Does::Tell),
    route("GET", "/collections/{name}/exists", None, Does::Tell),
    route(
        "PUT",
        "/collections/{name}/index",
        Some(|_| json!({"field_name": "owner", "field_schema": "keyword"})),
        Does::Change,
    ),
    route(
        "PUT",
        "/collections/{name}/points",
        Some(|id| {
            let vector = FIRST_VECTOR;
            json!({"points": [{"id": id, "vector": vector, "payload": {"text": "changed"}}]})
        }),
        Does::Change,
    ),
    route(
        "POST",
        "/collections/{name}/points",
        Some(|id| json!({"ids": [id, TWIN_UUID], "with_payload": true, "with_vector": true})),
        Does::Show,
    ),
    route("GET", "/collections/{name}/points/{id}", None, Does::Show),
    route(
        "POST",
        "/collections/{name}/points/scroll",
        Some(|id| json!({"offset": id, "limit": 100, "with_vector": true})),
        Does::Show,
    ),
    route(
        "POST",
        "/collections/{name}/points/count",
        Some(|id| json!({"filter": {"must": [{"has_id": [id, TWIN_UUID]}]}})),
        Does::Tell,
    ),
    route(
        "POST",
        "/collections/{name}/points/query",
        Some(|id| {
            let filter = json!({"must": [{"has_id": [id, TWIN_UUID]}]});
            json!({"query": FIRST_VECTOR, "limit": 100, "with_payload": true,
                "with_vector": true, "filter": filter})
        }),
        Does::Show,
    ),
    route(
        "POST",
        "/collections/{name}/points/query/batch",
        Some(|id| {
            let by_vector = json!({"query": FIRST_VECTOR, "limit": 100, "with_payload": true});
            let by_point = json!({"query": id, "limit": 100, "with_payload": true});
            json!({"searches": [by_vector, by_point]})
        }),
        Does::Show,
    ),
    route(
        "POST",
        "/collections/{name}/points/query/groups",
        Some(|id| {
            let prefetch = json!({"query": FIRST_VECTOR, "filter": {"must": [{"has_id": [id]}]}});
            json!({"query": FIRST_VECTOR, "prefetch": prefetch, "group_by": "text",
                "with_payload": true, "with_vector": true})
        }),
        Does::Show,
    ),
    route(
        "POST",
        "/collections/{name}/facet",
        Some(|_| json!({"key": "text"})),
        Does::Show,
    ),
    route(
        "POST",
        "/collections/{name}/points/search/groups",
        Some(|_| json!({"vector": FIRST_VECTOR, "group_by": "owner", "with_payload": true})),
        Does::Show,
    ),
    route(
        "POST",
        "/collections/{name}/points/recommend",
        Some(|id| json!({"positive": [id], "limit": 100, "with_payload": true})),
        Does::Show,
    ),
    route(
        "POST",
        "/collections/{name}/points/recommend/batch",
        Some(|id| {
            let recommend = json!({"negative": [id], "strategy": "best_score",
                "limit": 100, "with_payload": true});
            json!({"searches": [recommend]})
        }),
        Does::Show,
    ),
    route(
        "POST",
        "/collections/{name}/points/search",
        Some(|_| json!({"vector": FIRST_VECTOR, "limit": 100, "with_payload": true})),
        Does::Show,
    ),
    route(
        "POST",
        "/collections/{name}/points/search/batch",
        Some(|id| {
            let filter = json!({"must_not": [{"has_id": [id]}]});
            let search = json!({"vector": FIRST_VECTOR, "limit": 100, "with_payload": true,
                "params": {"exact": true}, "filter": filter});
            json!({"searches": [search, search]})
        }),
        Does::Show,
    ),
    route(
        "DELETE",
        "/collections/{name}/index/{field}",
        None,
        Does::Change,
    ),
    route(
        "PATCH",
        "/collections/{name}",
        Some(|_| json!({"hnsw_config": {"m": 16}})),
        Does::Change,
    ),
    route(
        "POST",
        "/collections/{name}/points/payload",
        Some(|id| json!({"points": [id], "payload": {"text": "changed"}})),
        Does::Change,
    ),
    route(
        "PUT",
        "/collections/{name}/points/payload",
        Some(|id| json!({"points": [id], "payload": {"text": "changed"}})),
        Does::Change,
    ),
    route(
        "POST",
        "/collections/{name}/points/payload/delete",
        Some(|id| json!({"points": [id], "keys": ["text"]})),
        Does::Change,
    ),
    route(
        "POST",
        "/collections/{name}/points/payload/clear",
        Some(|id| json!({"points": [id]})),
        Does::Change,
    ),
    route(
        "PUT",
        "/collections/{name}/points/vectors",
        Some(|id| json!({"points": [{"id": id, "vector": FIRST_VECTOR}]})),
        Does::Change,
    ),
    route(
        "POST",
        "/collections/{name}/points/vectors/delete",
        Some(|id| json!({"points": [id], "vector": [""]})),
        Does::Change,
    ),
    route(
        "POST",
        "/collections/{name}/points/batch",
        Some(|id| {
            let changed = json!({"points": [id], "payload": {"text": "changed"}});
            json!({"operations": [{"overwrite_payload": changed}]})
        }),
        Does::Change,
    ),
    route(
        "POST",
        "/collections/aliases",
        Some(|_| json!({"actions": []})),
        Does::Change,
    ),
    route("GET", "/aliases", None, Does::Tell),
    route("GET", "/collections/{name}/aliases", None, Does::Tell),
    // Last, since they take away what the others ask for.
    route(
        "POST",
        "/collections/{name}/points/delete",
        Some(|id| json!({"points": [id]})),
        Does::Change,
    ),
    route("DELETE", "/collections/{name}", None, Does::Change),
];

const fn route(
    method: &'static str,
    pattern: &'static str,
    body: Option<fn(&Value) -> Value>,
    does: Does,
) -> Route {
    Route {
        method,
        pattern,
        body,
        does,
    }
}

/// A new route without a request on the list would be a route that no test here crosses.
#[test]
fn every_route_of_the_data_plane_is_on_the_list() {
    let served = crate::harness::routes_in("src/http/data/mod.rs");
    let listed: BTreeSet<_> = ROUTES.iter().map(Route::name).collect();
    assert!(served.len() >= 33, "{served:?}");
    assert_eq!(served, listed);
}
