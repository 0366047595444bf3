//! TLS: which versions, whose certificates, and what happens when they change.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
    thread::sleep,
    time::Duration,
};

use hyper_util::rt::{TokioExecutor, TokioIo};
use locule::{access::Fingerprint, http::Options};
use reqwest::Method;
use rustls::{
    ClientConnection, StreamOwned, SupportedProtocolVersion,
    version::{TLS12, TLS13},
};
use serde_json::json;

use super::authority::Authority;
use crate::harness::{Node, OPERATOR_KEY};

fn node(authority: &Authority, change: impl FnOnce(&mut locule::http::TlsOptions)) -> Node {
    let mut tls = authority.options();
    change(&mut tls);
    Node::listening(Options {
        tls: Some(tls),
        ..Options::default()
    })
}

type Stream = StreamOwned<ClientConnection, TcpStream>;

/// A connection that has shaken hands, or why it hasn't.
fn connect(
    node: &Node,
    authority: &Authority,
    versions: &[&'static SupportedProtocolVersion],
) -> Result<Stream, String> {
    let tcp = TcpStream::connect(node.address).unwrap();
    let name = "127.0.0.1".try_into().unwrap();
    let connection = ClientConnection::new(authority.config(versions), name).unwrap();
    let mut stream = StreamOwned::new(connection, tcp);
    while stream.conn.is_handshaking() {
        stream
            .conn
            .complete_io(&mut stream.sock)
            .map_err(|error| error.to_string())?;
    }
    Ok(stream)
}

fn ask_health(stream: &mut Stream) -> String {
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: here\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"ok\n") {
        let mut piece = [0; 1024];
        let read = stream.read(&mut piece).unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&piece[..read]);
    }
    String::from_utf8(answer).unwrap()
}

fn shown(stream: &Stream) -> Fingerprint {
    Fingerprint::of(&stream.conn.peer_certificates().unwrap()[0])
}

#[test]
fn tls_1_3_is_spoken_and_1_2_only_where_it_is_allowed() {
    let authority = Authority::new();
    authority.install("server");
    let strict = node(&authority, |_| {});
    let mut stream = connect(&strict, &authority, &[&TLS13]).unwrap();
    assert!(ask_health(&mut stream).contains("200 OK"));
    let refused = connect(&strict, &authority, &[&TLS12]).err().unwrap();
    assert!(refused.contains("ProtocolVersion"), "{refused}");

    let lenient = node(&authority, |tls| tls.version_1_2 = true);
    let mut stream = connect(&lenient, &authority, &[&TLS12]).unwrap();
    assert!(ask_health(&mut stream).contains("200 OK"));
}

#[test]
fn plain_http_to_a_tls_listener_is_answered_with_nothing() {
    let authority = Authority::new();
    authority.install("server");
    let node = node(&authority, |_| {});
    let mut stream = TcpStream::connect(node.address).unwrap();
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: here\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    // A reset is as good as an end.
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

#[test]
fn http_2_is_spoken_over_tls_and_answers_say_how_to_come_back() {
    let authority = Authority::new();
    authority.install("server");
    let node = node(&authority, |_| {});
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (status, headers) = runtime.block_on(async {
        let mut config = (*authority.config(&[&TLS13])).clone();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let tcp = tokio::net::TcpStream::connect(node.address).await.unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let name = "127.0.0.1".try_into().unwrap();
        let stream = connector.connect(name, tcp).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .unwrap();
        tokio::spawn(connection);
        let request = hyper::Request::get(format!("https://{}/v1/tenants", node.address))
            .header("api-key", OPERATOR_KEY)
            .body(String::new())
            .unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.version(), hyper::Version::HTTP_2);
        (answer.status(), answer.headers().clone())
    });
    assert_eq!(status, 200);
    assert_eq!(headers["strict-transport-security"], "max-age=31536000");
}

#[test]
fn a_changed_certificate_is_taken_up_and_connections_that_stand_go_on() {
    let authority = Authority::new();
    let first = authority.install("first");
    let node = node(&authority, |_| {});
    let mut standing = connect(&node, &authority, &[&TLS13]).unwrap();
    assert_eq!(shown(&standing), first);
    ask_health(&mut standing);

    let second = authority.install("second");
    wait_for(|| shown(&connect(&node, &authority, &[&TLS13]).unwrap()) == second);
    ask_health(&mut standing);

    // Files that can't be used change nothing.
    fs::write(authority.file("server.pem"), "not a certificate").unwrap();
    for _ in 0..5 {
        sleep(Duration::from_millis(20));
        let stream = connect(&node, &authority, &[&TLS13]).unwrap();
        assert_eq!(shown(&stream), second);
    }
    let third = authority.install("third");
    wait_for(|| shown(&connect(&node, &authority, &[&TLS13]).unwrap()) == third);
    ask_health(&mut standing);
}

#[test]
fn a_key_that_is_bound_to_a_certificate_is_good_with_it_alone() {
    let authority = Authority::new();
    authority.install("server");
    let node = node(&authority, |tls| {
        tls.client_authorities = Some(authority.file("ca.pem"));
    });
    let (worker, other) = (authority.certify("worker"), authority.certify("other"));
    let operator = node.actor_by(authority.client(None), OPERATOR_KEY);
    let created = operator
        .post("/v1/tenants", json!({"id": "acme"}))
        .expect(201);
    let owner = created["owner_key"]["key"].as_str().unwrap();
    let owner = node.actor_by(authority.client(None), owner);
    let body = json!({"name": "bound", "role": "writer",
        "client_certificate": worker.fingerprint.to_string()});
    let made = owner.post("/v1/keys", body).expect(201);
    assert_eq!(
        made["client_certificate"],
        json!(worker.fingerprint.to_string())
    );
    let key = made["key"].as_str().unwrap();

    let asks = |shows| {
        let actor = node.actor_by(authority.client(shows), key);
        actor.send(Method::GET, "/collections", &[], None)
    };
    asks(Some(&worker)).expect(200);
    for shows in [None, Some(&other)] {
        let refused = asks(shows);
        assert_eq!(refused.status, 401, "{}", refused.text);
        assert!(refused.message().contains("client certificate"));
    }
    // What a rotated key is bound to, its successor is.
    let path = format!("/v1/keys/{}/rotate", made["id"].as_str().unwrap());
    let next = owner.post(&path, json!({})).expect(201);
    let next = next["key"].as_str().unwrap();
    let bare = node.actor_by(authority.client(None), next);
    bare.get("/collections").expect(401);
    let with = node.actor_by(authority.client(Some(&worker)), next);
    with.get("/collections").expect(200);
}

#[test]
fn a_certificate_of_another_authority_doesnt_get_in() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    ours.install("server");
    let required = node(&ours, |tls| {
        tls.client_authorities = Some(ours.file("ca.pem"));
        tls.client_required = true;
    });
    let good = ours.certify("worker");
    let actor = required.actor_by(ours.client(Some(&good)), OPERATOR_KEY);
    actor.get("/healthz").expect(200);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let url = format!("https://{}/healthz", required.address);
    for shows in [None, Some(&theirs.certify("worker"))] {
        let asked = runtime.block_on(ours.client(shows).get(&url).send());
        assert!(asked.is_err(), "{asked:?}");
    }
}

fn wait_for(mut holds: impl FnMut() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        sleep(Duration::from_millis(20));
    }
    panic!("it never came about");
}
