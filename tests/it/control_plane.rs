//! Tenants, keys, and who may do what to them.

use serde_json::json;

use crate::harness::Node;

#[test]
fn an_operator_makes_a_tenant_and_has_no_way_to_its_data() {
    let node = Node::start();
    let tenant = node.tenant("acme");
    tenant.writer.create_collection("docs", 3, "Cosine");
    let operator = node.operator();
    assert_eq!(operator.get("/collections").status, 403);
    assert_eq!(operator.get("/collections/docs").status, 403);
    let body = json!({"query": [1.0, 0.0, 0.0]});
    assert_eq!(
        operator.post("/collections/docs/points/query", body).status,
        403
    );
}

#[test]
fn a_tenant_id_is_never_given_out_again() {
    let node = Node::start();
    let operator = node.operator();
    let tenant = node.tenant("acme");
    operator
        .post("/v1/tenants", json!({"id": "acme"}))
        .expect(409);
    operator.delete("/v1/tenants/acme").expect(202);
    assert_eq!(
        tenant.owner.get("/v1/self").status,
        401,
        "its keys are good for nothing"
    );
    let node = node.restart();
    node.operator()
        .post("/v1/tenants", json!({"id": "acme"}))
        .expect(409);
}
