//! Filters: whatever one means, it means the same to a scan of payloads and to payload indexes, to
//! a count and to a page.

#![no_main]

use fuzzed::Node;
use serde_json::{Value, json};

thread_local! {
    static NODE: Node = {
        let node = Node::start();
        for collection in ["plain", "indexed"] {
            node.fill(collection);
        }
        let kinds = [
            ("n", "integer"),
            ("x", "float"),
            ("b", "bool"),
            ("colour", "keyword"),
            ("text", "text"),
            ("when", "datetime"),
            ("id", "uuid"),
            ("where", "geo"),
        ];
        for (field, kind) in kinds {
            let index = json!({"field_name": field, "field_schema": kind});
            node.ask("PUT", "/collections/indexed/index", &index);
        }
        node
    };
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let body = [br#"{"filter":"#, data, b"}"].concat();
    NODE.with(|node| {
        let [plain, indexed] = ["plain", "indexed"].map(|collection| {
            let path = format!("/collections/{collection}/points");
            let page = node.send("POST", &format!("{path}/scroll"), &body);
            let count = node.send("POST", &format!("{path}/count"), &body);
            let points = page.body["result"]["points"].as_array();
            let ids = points.map(|points| points.iter().map(|point| point["id"].clone()));
            let ids: Option<Vec<Value>> = ids.map(Iterator::collect);
            // A body may hold more than a filter: then it means different things to the two.
            if let (200, 200, Some(ids)) = (page.status, count.status, &ids) {
                assert_eq!(count.body["result"]["count"], ids.len());
            }
            (page.status, count.status, ids)
        });
        assert_eq!(plain, indexed, "{}", String::from_utf8_lossy(data));
    });
});
