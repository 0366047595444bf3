//! `locule token`: tokens in place of a key, from a terminal.

use super::{Told, locule, locule_told};
use crate::harness::{Node, Tenant};

struct Desk {
    node: Node,
    tenant: Tenant,
}

impl Desk {
    fn new() -> Self {
        let node = Node::start();
        let tenant = node.tenant("acme");
        Self { node, tenant }
    }

    fn create(&self, more: &[&str]) -> Told {
        let owner = self.tenant.owner.key.as_deref().unwrap();
        locule(
            &self.node.url,
            owner,
            &[&["token", "create"], more].concat(),
        )
    }

    /// With a refresh token in the environment, and another on standard input.
    fn refresh(&self, set: &str, piped: &str) -> Told {
        let variables = [
            ("LOCULE_URL", &*self.node.url),
            ("LOCULE_REFRESH_TOKEN", set),
        ];
        locule_told(&variables, piped, &["token", "refresh", "--json"])
    }

    fn role(&self, token: &str) -> String {
        let who = self.node.actor(token).get("/v1/self").expect(200);
        who["role"].as_str().unwrap().to_owned()
    }
}

#[test]
fn a_token_is_shown_once_and_is_of_the_role_and_the_time_that_were_asked_for() {
    let desk = Desk::new();
    let told = desk.create(&["--role", "inference", "--ttl", "5m"]).good();
    let token = told.field("access token");
    assert_eq!(
        (told.field("seconds"), desk.role(token).as_str()),
        ("300", "inference")
    );
    assert!(
        told.err.contains("shown this once") && !told.err.contains(token),
        "{}",
        told.err
    );
    let whole = desk.create(&["--json"]).json();
    assert_eq!(whole["expires_in"], 900);
    assert_eq!(desk.role(whole["access_token"].as_str().unwrap()), "owner");
}

#[test]
fn a_refresh_token_is_read_from_the_environment_or_standard_input_and_never_from_an_argument() {
    let desk = Desk::new();
    let first = desk.create(&[]).good().field("refresh token").to_owned();
    let second = desk.refresh(&first, "").json();
    assert_eq!(desk.role(second["access_token"].as_str().unwrap()), "owner");
    let second = second["refresh_token"].as_str().unwrap();
    let third = desk.refresh("", &format!("{second}\n")).json();
    let third = third["refresh_token"].as_str().unwrap();
    let argument = ["token", "refresh", third];
    locule(&desk.node.url, "", &argument).failed();
    desk.refresh(third, "").json();
}

#[test]
fn a_token_that_cant_be_says_why_and_what_to_do() {
    let desk = Desk::new();
    for (arguments, why) in [
        (&["--ttl", "16m"][..], "900"),
        (&["--ttl", "300"], "30m"),
        (&["--role", "operator"], "inference"),
    ] {
        let failed = desk.create(arguments).failed();
        assert!(failed.contains(why), "no `{why}` in {failed}");
    }
    let failed = desk.refresh("", "").failed();
    assert!(failed.contains("LOCULE_REFRESH_TOKEN"), "{failed}");
    let used = desk.create(&[]).good().field("refresh token").to_owned();
    desk.refresh(&used, "").good();
    for bad in [&used, "made up"] {
        let failed = desk.refresh(bad, "").failed();
        assert!(failed.contains("locule token create"), "{failed}");
        assert!(!failed.contains(bad), "{failed}");
    }
}
