//! `locule tenant create` and `update`: what an operator sets, from a terminal.

use serde_json::{Value, json};

use super::{Told, locule};
use crate::harness::{Node, OPERATOR_KEY};

fn run(node: &Node, arguments: &[&str]) -> Told {
    let tenant = [&["tenant"], arguments].concat();
    locule(&node.url, OPERATOR_KEY, &tenant)
}

fn quota(node: &Node) -> Value {
    node.operator().get("/v1/tenants/acme").expect(200)["quota"].clone()
}

#[test]
fn a_tenant_is_made_with_all_that_can_be_set_and_changed_one_thing_at_a_time() {
    let node = Node::start();
    let create = [
        "create",
        "acme",
        "--points-max",
        "1000",
        "--requests-per-second",
        "50",
        "--bytes-per-second",
        "1000000",
        "--concurrent-requests",
        "8",
        "--disk-bytes-max",
        "none",
        "--region",
        "eu",
        "--suspend-after-networks",
        "3",
    ];
    run(&node, &create).good();
    let mut expected = json!({"points_max": 1000, "requests_per_second": 50, "bytes_per_second": 1_000_000,
        "concurrent_requests": 8, "disk_bytes_max": null});
    assert_eq!(quota(&node), expected);

    let told = run(&node, &["update", "acme", "--requests-per-second", "100"]).good();
    expected["requests_per_second"] = 100.into();
    assert_eq!(quota(&node), expected);
    assert!(told.field("quota").contains("requests_per_second=100"));
    assert_eq!(told.field("region"), "eu");

    let update = [
        "update",
        "acme",
        "--json",
        "--points-max",
        "none",
        "--disk-bytes-max",
        "5000000",
        "--region",
        "none",
        "--suspend-after-networks",
        "none",
        "--distinct-points-per-day",
        "20",
        "--refuse-past-distinct-points",
        "true",
    ];
    let told = run(&node, &update).json();
    expected["points_max"] = Value::Null;
    expected["disk_bytes_max"] = 5_000_000.into();
    assert_eq!((&told["quota"], &told["region"]), (&expected, &Value::Null));
    let watch = json!({"distinct_points_per_day": 20, "refuse_past_distinct_points": true,
        "suspend_after_refusals": null, "suspend_after_networks": null});
    assert_eq!(told["watch"], watch);
    assert_eq!(run(&node, &["show", "acme", "--json"]).json(), told);
}

#[test]
fn the_names_of_before_are_known_yet() {
    let node = Node::start();
    let create = [
        "create",
        "acme",
        "--quota-points",
        "7",
        "--quota-requests",
        "9",
    ];
    run(&node, &create).good();
    let quota = quota(&node);
    assert_eq!(
        (&quota["points_max"], &quota["requests_per_second"]),
        (&json!(7), &json!(9))
    );
}

#[test]
fn a_change_that_cant_be_says_why_and_changes_nothing() {
    let node = Node::start();
    node.tenant("acme");
    let before = quota(&node);
    for (arguments, why) in [
        (&["acme"][..], "--points-max 1000000"),
        (
            &["acme", "--requests-per-second", "0"],
            "1 to 4294967295, or none",
        ),
        (&["acme", "--points-max", "many"], "a whole number, or none"),
        (&["acme", "--points-max", "1e6"], "a whole number, or none"),
        (&["acme", "--points-max"], "N|none"),
        (
            &["acme", "--refuse-past-distinct-points", "yes"],
            "true, false",
        ),
        (&["nobody", "--points-max", "5"], "no such tenant"),
        (&["", "--points-max", "5"], "can't be a name"),
    ] {
        let failed = run(&node, &[&["update"], arguments].concat()).failed();
        assert!(failed.contains(why), "no `{why}` in {failed}");
    }
    assert_eq!(quota(&node), before);
}
