//! The client commands over TLS: whom they believe, what they show, and what they say to do next when
//! that isn't enough.

use std::{fs, path::Path};

use locule::http::{Options, TlsOptions};
use rcgen::{CertificateParams, SanType};
use serde_json::json;

use super::{Told, locule};
use crate::{
    harness::{Node, OPERATOR_KEY},
    transport::Authority,
};

fn node(authority: &Authority, change: impl FnOnce(&mut TlsOptions)) -> Node {
    let mut tls = authority.options();
    change(&mut tls);
    Node::listening(Options {
        tls: Some(tls),
        ..Options::default()
    })
}

/// The operator's list of tenants, asked for with more arguments.
fn list(url: &str, more: &[&str]) -> Told {
    locule(url, OPERATOR_KEY, &[&["tenant", "list"], more].concat())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[track_caller]
fn says(told: Told, words: &[&str]) {
    let failed = told.failed();
    for word in words {
        assert!(failed.contains(word), "no `{word}` in {failed}");
    }
    assert!(!failed.contains(OPERATOR_KEY), "{failed}");
}

#[test]
fn a_server_is_believed_for_the_authority_that_is_named_and_for_no_other() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    ours.install("server");
    let node = node(&ours, |_| {});
    let (good, other) = (ours.file("ca.pem"), theirs.file("ca.pem"));
    list(&node.url, &["--ca", text(&good)]).good();
    let url = node.url.replace("127.0.0.1", "localhost");
    list(&url, &["--ca", text(&good)]).good();
    // Several in one file, as authorities are rolled over.
    let both = ours.file("both.pem");
    let pems = [&other, &good].map(|file| fs::read_to_string(file).unwrap());
    fs::write(&both, pems.concat()).unwrap();
    list(&node.url, &["--ca", text(&both)]).good();

    for more in [vec![], vec!["--ca", text(&other)]] {
        says(
            list(&node.url, &more),
            &["nobody that is believed here", "--ca FILE"],
        );
    }
    let missing = ours.file("missing.pem");
    says(
        list(&node.url, &["--ca", text(&missing)]),
        &["can't read", "missing.pem"],
    );
    let key = ours.file("server.key");
    says(
        list(&node.url, &["--ca", text(&key)]),
        &["server.key", "no certificate or key in PEM"],
    );
}

#[test]
fn a_certificate_that_is_over_or_not_yet_good_or_for_another_name_is_told_apart() {
    let authority = Authority::new();
    let ca = authority.file("ca.pem");
    type Change = fn(&mut CertificateParams);
    let cases: [(Change, &[&str]); 3] = [
        (
            |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1),
            &["has expired", "renew it"],
        ),
        (
            |params| params.not_before = rcgen::date_time_ymd(2999, 1, 1),
            &["isn't good yet", "clocks"],
        ),
        (
            |params| {
                let name = "locule.example".try_into().unwrap();
                params.subject_alt_names = vec![SanType::DnsName(name)];
            },
            &["for other names", "--url"],
        ),
    ];
    for (change, words) in cases {
        authority.install_this(authority.certify_with("server", change));
        let node = node(&authority, |_| {});
        says(list(&node.url, &["--ca", text(&ca)]), words);
    }
}

#[test]
fn a_server_that_wants_a_client_certificate_is_shown_one_by_identity() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    ours.install("server");
    let node = node(&ours, |tls| {
        tls.client_authorities = Some(ours.file("ca.pem"));
        tls.client_required = true;
    });
    let ca = ours.file("ca.pem");
    let with = |more: &[&str]| list(&node.url, &[&["--ca", text(&ca)], more].concat());
    let good = ours.identity(&ours.certify("operator"));
    with(&["--identity", &good]).good();
    says(
        with(&[]),
        &["want", "a client certificate", "--identity FILE"],
    );
    let expired = ours.certify_with("operator", |params| {
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    });
    for refused in [
        theirs.identity(&theirs.certify("operator")),
        ours.identity(&expired),
    ] {
        says(
            with(&["--identity", &refused]),
            &["client certificate", "--identity", "tls_client_ca"],
        );
    }
    let half = ours.file("half.pem");
    fs::write(&half, ours.certify("operator").certificate).unwrap();
    says(
        with(&["--identity", text(&half)]),
        &["half.pem", "no certificate or key in PEM"],
    );
}

#[test]
fn a_key_that_is_bound_to_a_certificate_is_used_with_that_identity() {
    let authority = Authority::new();
    authority.install("server");
    let node = node(&authority, |tls| {
        tls.client_authorities = Some(authority.file("ca.pem"));
    });
    let operator = node.actor_by(authority.client(None), OPERATOR_KEY);
    let created = operator
        .post("/v1/tenants", json!({"id": "acme"}))
        .expect(201);
    let owner = created["owner_key"]["key"].as_str().unwrap();
    let ca = authority.file("ca.pem");
    let worker = authority.certify("worker");
    let print = worker.fingerprint.to_string();
    let create = [
        "key",
        "create",
        "--name",
        "k",
        "--role",
        "owner",
        "--json",
        "--ca",
        text(&ca),
        "--client-certificate",
        &print,
    ];
    let made = locule(&node.url, owner, &create).json();
    let key = made["key"].as_str().unwrap();
    let list = |more: &[&str]| {
        let list = ["key", "list", "--ca", text(&ca)];
        locule(&node.url, key, &[&list, more].concat())
    };
    list(&["--identity", &authority.identity(&worker)]).good();
    let other = authority.identity(&authority.certify("other"));
    for more in [vec![], vec!["--identity", &*other]] {
        let failed = list(&more).failed();
        assert!(failed.contains("client certificate"), "{failed}");
    }
}

#[test]
fn the_wrong_scheme_is_told_either_way() {
    let authority = Authority::new();
    authority.install("server");
    let (tls, plain) = (node(&authority, |_| {}), Node::start());
    let ca = authority.file("ca.pem");
    let url = tls.url.replace("https://", "http://");
    says(list(&url, &[]), &["write https://"]);
    let url = plain.url.replace("http://", "https://");
    says(
        list(&url, &["--ca", text(&ca)]),
        &["isn't TLS", "write http://"],
    );
}
