//! Requests full of a tenant's words: to every route of the data plane, sound ones and others.

use reqwest::Method;
use serde_json::{Value, json};

use super::secrets::{DIMENSION, Words};
use crate::harness::Actor;

pub fn send_everything(owner: &Actor, words: &Words) {
    for distance in ["Dot", "Cosine"] {
        store(owner, words, distance);
        ask(owner, words);
        fail(owner, words);
        if distance == "Dot" {
            owner
                .delete(&format!("/collections/{}", words.collection))
                .expect(200);
        }
    }
}

fn store(owner: &Actor, words: &Words, distance: &str) {
    let collection = format!("/collections/{}", words.collection);
    let body = json!({
        "vectors": {"size": DIMENSION, "distance": distance},
        "metadata": {&words.metadata: words.metadata},
    });
    owner.put(&collection, body).expect(200);
    let nested = format!("nested.{}[].list", words.inner_field);
    for (field, kind) in [(words.field.as_str(), "keyword"), (&nested, "text")] {
        let body = json!({"field_name": field, "field_schema": {"type": kind}});
        owner.put(&format!("{collection}/index"), body).expect(200);
    }
    let points = format!("{collection}/points?wait=true");
    let point =
        |id: Value, vector: &[f32]| json!({"id": id, "vector": vector, "payload": words.payload()});
    let body = json!({"points": [
        point(json!(words.number), &words.vector),
        point(json!(words.uuid), &words.second_vector),
        point(json!(3), &words.second_vector),
    ]});
    owner.put(&points, body).expect(200);
    let body = json!({"batch": {
        "ids": [words.number, 4],
        "vectors": [words.vector, {"": words.second_vector}],
        "payloads": [words.payload(), words.payload()],
    }});
    owner.put(&points, body).expect(200);
    change(owner, words);
    let by_words = json!({"must": [
        {"key": words.field, "match": {"value": words.value}},
        {"has_id": [3]},
    ]});
    let delete = format!("{collection}/points/delete");
    owner.post(&delete, json!({"filter": by_words})).expect(200);
    owner.post(&delete, json!({"points": [4]})).expect(200);
    let count = owner
        .post(&format!("{collection}/points/count"), json!({}))
        .expect(200);
    assert_eq!(count["result"]["count"], 2);
}

/// Changes to points that bring words, and one that puts all back.
fn change(owner: &Actor, words: &Words) {
    let collection = format!("/collections/{}", words.collection);
    let points = format!("{collection}/points");
    let ids = json!([words.number]);
    let payload = words.payload();
    let set = json!({"points": ids, "payload": payload, "key": words.inner_field});
    owner
        .post(&format!("{points}/payload"), set.clone())
        .expect(200);
    let overwritten = json!({"points": ids, "payload": payload});
    owner
        .put(&format!("{points}/payload"), overwritten.clone())
        .expect(200);
    let keys = json!({"points": [words.uuid], "keys": [words.searched]});
    owner
        .post(&format!("{points}/payload/delete"), keys.clone())
        .expect(200);
    let vectors = json!({"points": [{"id": words.number, "vector": words.vector}]});
    owner
        .put(&format!("{points}/vectors"), vectors.clone())
        .expect(200);
    let batch = json!({"operations": [
        {"set_payload": set},
        {"delete_payload": keys},
        {"update_vectors": vectors},
        {"overwrite_payload": overwritten},
    ]});
    owner.post(&format!("{points}/batch"), batch).expect(200);
    let metadata = json!({"metadata": {&words.metadata: words.metadata}});
    owner.patch(&collection, metadata).expect(200);
    let alias = json!({"alias_name": words.unknown, "collection_name": words.collection});
    let actions = json!({"actions": [
        {"create_alias": alias},
        {"delete_alias": {"alias_name": words.unknown}},
    ]});
    owner.post("/collections/aliases", actions).expect(200);
    owner.get("/aliases").expect(200);
    owner.get(&format!("{collection}/aliases")).expect(200);
}

fn ask(owner: &Actor, words: &Words) {
    let collection = format!("/collections/{}", words.collection);
    let points = |route: &str, body: Value| {
        owner
            .post(&format!("{collection}/points{route}"), body)
            .expect(200);
    };
    owner.get("/collections").expect(200);
    owner.get(&collection).expect(200);
    owner.get(&format!("{collection}/exists")).expect(200);
    for id in [words.number.to_string(), words.uuid.to_string()] {
        owner.get(&format!("{collection}/points/{id}")).expect(200);
    }
    let ids = json!([words.number, words.uuid]);
    let nested = format!("nested.{}[].list", words.inner_field);
    let filter = json!({
        "must": [{"key": nested, "match": {"any": [words.deep_value, words.searched]}}],
        "should": [
            {"has_id": ids},
            {"is_empty": {"key": words.searched}},
            {"key": nested, "match": {"text": words.searched}},
            {"key": words.field, "match": {"prefix": words.searched}},
            {"nested": {"key": words.searched, "filter": {
                "must": [{"key": words.searched, "match": {"phrase": words.searched}}],
            }}},
            {"has_vector": words.searched},
        ],
        "must_not": [{"key": words.searched, "match": {"value": words.searched}}],
    });
    let fields = json!([words.field, nested]);
    points(
        "",
        json!({"ids": ids, "with_payload": true, "with_vector": true}),
    );
    points(
        "/scroll",
        json!({"offset": words.number, "filter": filter, "with_vector": true}),
    );
    points(
        "/scroll",
        json!({"offset": words.uuid, "with_payload": {"exclude": fields}}),
    );
    points("/count", json!({"filter": filter}));
    let query = json!({"query": words.query, "filter": filter, "with_payload": fields,
        "with_vector": true, "params": {"exact": true}});
    let by_id = json!({"query": {"nearest": words.uuid}, "with_payload": true});
    points("/query", query.clone());
    points("/query", by_id.clone());
    points("/query/batch", json!({"searches": [query, by_id]}));
    let tree = json!({
        "prefetch": [
            {"query": {"nearest": words.query, "mmr": {}}},
            {"query": {"recommend": {"positive": [words.number, words.query]}}, "filter": filter},
        ],
        "query": {"fusion": "rrf"}, "with_payload": true, "with_vector": true,
    });
    points("/query", tree);
    let order = json!({"key": words.field, "start_from": 1});
    points("/query", json!({"query": {"order_by": order}}));
    points("/scroll", json!({"order_by": order, "filter": filter}));
    let groups = json!({"query": words.query, "group_by": words.field, "with_payload": true});
    points("/query/groups", groups);
    let groups = json!({"vector": words.query, "group_by": words.field});
    points("/search/groups", groups);
    let recommend = json!({"positive": [words.uuid], "negative": [words.query],
        "with_payload": true});
    points("/recommend", recommend.clone());
    points("/recommend/batch", json!({"searches": [recommend]}));
    owner
        .post(
            &format!("{collection}/facet"),
            json!({"key": words.field, "filter": filter}),
        )
        .expect(200);
    points("/count", json!({"filter": filter, "exact": false}));
    let search = json!({"vector": words.query, "limit": 5, "filter": filter,
        "with_payload": true});
    points("/search", search.clone());
    points("/search/batch", json!({"searches": [search]}));
}

/// What is refused is as secret as what is stored.
fn fail(owner: &Actor, words: &Words) {
    let collection = format!("/collections/{}", words.collection);
    let mistake = &words.mistake;
    // Anything, to a collection that isn't there.
    for (method, route) in [
        (Method::GET, ""),
        (Method::GET, "/points/1"),
        (Method::POST, "/points/query"),
        (Method::POST, "/points/scroll"),
        (Method::PUT, "/points"),
    ] {
        let path = format!("/collections/{}{route}", words.unknown);
        let body = json!({"query": words.query, "points": [], "filter": {"must": []}});
        let body = match route {
            "/points/query" => json!({"query": words.query}),
            "/points" => json!({"points": [{"id": words.uuid, "vector": words.bad_vector}]}),
            "/points/scroll" => json!({"offset": words.uuid}),
            _ => body,
        };
        let answer = owner.send(method, &path, &[], Some(body.to_string().into_bytes()));
        assert_eq!(answer.status, 404, "{path}: {}", answer.text);
    }
    let refused = |method: Method, path: &str, body: &str| {
        let answer = owner.send(method, path, &[], Some(body.as_bytes().to_vec()));
        assert!(
            (400..500).contains(&answer.status),
            "{path} {body}: {}",
            answer.text
        );
    };
    let words_of = |value: Value| value.to_string();
    let points = format!("{collection}/points");
    let too_long: Vec<f32> = [&words.bad_vector[..], &[1.0]].concat();
    let point = json!({"id": words.uuid, "vector": too_long, "payload": {mistake: mistake}});
    refused(Method::PUT, &points, &words_of(json!({"points": [point]})));
    let point = json!({"id": mistake, "vector": words.bad_vector});
    refused(Method::PUT, &points, &words_of(json!({"points": [point]})));
    refused(
        Method::PUT,
        &points,
        &words_of(json!({"points": [], mistake: mistake})),
    );
    // Cut short; not JSON; not UTF-8.
    let whole = words_of(json!({"points": [{"id": 1, "payload": {mistake: mistake}}]}));
    refused(Method::PUT, &points, &whole[..whole.len() - 3]);
    refused(Method::POST, &format!("{points}/query"), mistake);
    let mut bytes = format!("{{\"query\": \"{mistake}").into_bytes();
    bytes.push(0xFF);
    let path = format!("{points}/query");
    owner
        .send(Method::POST, &path, &[], Some(bytes))
        .expect(400);
    let filters = [
        json!({mistake: []}),
        json!({"must": [{"key": mistake, "match": {mistake: mistake}}]}),
        json!({"must": [{"key": mistake, "range": {"gt": mistake}}]}),
        json!({"must": [{"has_id": [mistake]}]}),
    ];
    for filter in filters {
        for route in ["scroll", "count", "delete"] {
            let body = words_of(json!({"filter": filter}));
            refused(Method::POST, &format!("{points}/{route}"), &body);
        }
        let body = words_of(json!({"query": words.query, "filter": filter}));
        refused(Method::POST, &format!("{points}/query"), &body);
    }
    let body = json!({"query": words.query, "using": mistake, "lookup_from": mistake});
    refused(Method::POST, &format!("{points}/query"), &words_of(body));
    for query in [
        json!({"recommend": {"positive": [mistake]}}),
        json!({mistake: mistake}),
        json!({"order_by": format!("{mistake}..")}),
        json!({"order_by": {"key": "n", "start_from": mistake}}),
        json!({"nearest": words.uuid, "mmr": {"diversity": 2}}),
        json!({"formula": mistake}),
    ] {
        let body = words_of(json!({"query": query}));
        refused(Method::POST, &format!("{points}/query"), &body);
    }
    let body = words_of(json!({"key": format!("{mistake}..")}));
    refused(Method::POST, &format!("{collection}/facet"), &body);
    refused(Method::GET, &format!("{points}/{mistake}"), "");
    refused(Method::GET, &format!("{points}/1?{mistake}={mistake}"), "");
    refused(Method::GET, &format!("/collections/{mistake}%3F"), "");
    refused(Method::GET, &format!("/{mistake}/{mistake}"), "");
    refused(
        Method::PATCH,
        &collection,
        &words_of(json!({mistake: mistake})),
    );
    let body = json!({"vectors": {"size": 4, "distance": mistake}});
    refused(
        Method::PUT,
        &format!("/collections/{mistake}"),
        &words_of(body),
    );
    // Taken.
    let body = json!({"vectors": {"size": DIMENSION, "distance": "Dot"}, "metadata": mistake});
    refused(Method::PUT, &collection, &words_of(body));
    // Another tenant's word in every place where one may be named.
    let header = [("x-tenant", "canary-header-that-names-a-tenant")];
    owner
        .send(Method::GET, &collection, &header, None)
        .expect(400);
}
