//! Clients that take their time, and clients that want too much.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::Duration,
};

use locule::http::Options;

use super::authority::Authority;
use crate::harness::{Node, OPERATOR_KEY};

fn impatient() -> Node {
    Node::listening(Options {
        header_time: Duration::from_millis(200),
        request_time: Duration::from_millis(400),
        ..Options::default()
    })
}

fn connect(node: &Node) -> TcpStream {
    let stream = TcpStream::connect(node.address).unwrap();
    // Longer than any limit here by far: a server that waits for ever is told from a slow machine.
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream
}

/// What was answered until the server closed the connection.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("the server didn't close: {error}"),
    }
    answer
}

#[test]
fn a_connection_that_asks_for_nothing_in_time_is_closed() {
    let node = impatient();
    for begun in [
        &b""[..],
        b"G",
        b"GET /healthz HTTP/1.1\r\nhost: here\r\nx-",
        // The first bytes of HTTP/2, and all of its greeting.
        b"PRI * HT",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    ] {
        let mut stream = connect(&node);
        stream.write_all(begun).unwrap();
        let answer = rest(&mut stream);
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{answer:?}");
    }
    node.stranger().get("/healthz").expect(200);
}

#[test]
fn headers_that_drip_are_cut_off() {
    let node = impatient();
    let mut stream = connect(&node);
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: here\r\n")
        .unwrap();
    let mut drops = 0;
    while stream.write_all(b"x-a: b\r\n").is_ok() {
        std::thread::sleep(Duration::from_millis(20));
        drops += 1;
        assert!(drops < 1_000, "the server still listens");
    }
}

#[test]
fn a_tls_handshake_that_doesnt_come_is_closed() {
    let authority = Authority::new();
    authority.install("server");
    let node = Node::listening(Options {
        tls: Some(authority.options()),
        header_time: Duration::from_millis(200),
        ..Options::default()
    });
    for begun in [&b""[..], b"\x16\x03\x01\x02"] {
        let mut stream = connect(&node);
        stream.write_all(begun).unwrap();
        rest(&mut stream);
    }
}

#[test]
fn a_body_that_doesnt_come_is_answered_with_408() {
    let node = impatient();
    let mut stream = connect(&node);
    let head = format!(
        "POST /v1/tenants HTTP/1.1\r\nhost: here\r\napi-key: {OPERATOR_KEY}\r\ncontent-length: 100\r\n\r\n{{\"id\""
    );
    stream.write_all(head.as_bytes()).unwrap();
    let answer = String::from_utf8(rest(&mut stream)).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("application/problem+json"), "{answer}");
    assert!(answer.contains("within the limit of"), "{answer}");
}

#[test]
fn headers_that_are_too_long_are_refused() {
    let node = Node::start();
    let mut stream = connect(&node);
    let head = format!(
        "GET /healthz HTTP/1.1\r\nhost: here\r\nx-long: {}\r\n\r\n",
        "a".repeat(100 << 10)
    );
    // The server may close before it has read all of it.
    let _ = stream.write_all(head.as_bytes());
    let answer = rest(&mut stream);
    assert!(
        answer.is_empty() || answer.starts_with(b"HTTP/1.1 431"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    let mut stream = connect(&node);
    let many: String = (0..200).map(|n| format!("x-{n}: y\r\n")).collect();
    let head = format!("GET /healthz HTTP/1.1\r\nhost: here\r\n{many}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let answer = rest(&mut stream);
    assert!(answer.starts_with(b"HTTP/1.1 431"), "{answer:?}");
}

#[test]
fn requests_that_are_taken_back_by_the_hundred_end_the_connection() {
    let node = Node::start();
    let mut stream = connect(&node);
    let mut flood = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    frame(&mut flood, SETTINGS, 0, 0, b"");
    for number in 0..500 {
        let id = number * 2 + 1;
        // GET http://here/, and at once: never mind.
        let end_of_headers_and_stream = 5;
        frame(
            &mut flood,
            HEADERS,
            end_of_headers_and_stream,
            id,
            b"\x82\x86\x84\x41\x04here",
        );
        frame(&mut flood, RESET, 0, id, &8_u32.to_be_bytes());
    }
    let _ = stream.write_all(&flood);
    let answer = rest(&mut stream);
    let errors = goaways(&answer);
    assert_eq!(errors.last(), Some(&ENHANCE_YOUR_CALM), "{errors:?}");
    node.stranger().get("/healthz").expect(200);
}

/// Over HTTP/2 a client may ask for much and let nothing of it be sent.
#[test]
fn answers_that_nobody_takes_end_the_connection() {
    let node = Node::listening(Options {
        header_time: Duration::from_secs(1),
        idle_time: Duration::from_millis(500),
        write_time: Duration::from_millis(200),
        ..Options::default()
    });
    let mut stream = connect(&node);
    // Before the server asks whether anyone is there.
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mut asked = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    let no_window_at_first = [0, 4, 0, 0, 0, 0];
    frame(&mut asked, SETTINGS, 0, 0, &no_window_at_first);
    for number in 0..20 {
        // GET http://here/openapi.json
        let end_of_headers_and_stream = 5;
        frame(
            &mut asked,
            HEADERS,
            end_of_headers_and_stream,
            number * 2 + 1,
            b"\x82\x86\x04\x0d/openapi.json\x41\x04here",
        );
    }
    stream.write_all(&asked).unwrap();
    let answer = rest(&mut stream);
    let told = frames(&answer);
    let count = |kind| told.iter().filter(|(found, _)| *found == kind).count();
    assert_eq!((count(HEADERS), count(DATA)), (20, 0));
    assert_eq!(goaways(&answer).last(), Some(&0));
    node.stranger().get("/healthz").expect(200);
}

#[test]
fn connections_past_the_limit_wait_for_a_place() {
    let node = Node::listening(Options {
        connections_max: 2,
        ..Options::default()
    });
    let ask = b"GET /healthz HTTP/1.1\r\nhost: here\r\n\r\n";
    let mut answer = [0; 12];
    let mut held = [connect(&node), connect(&node)];
    for stream in &mut held {
        stream.write_all(ask).unwrap();
        stream.read_exact(&mut answer).unwrap();
    }
    let mut third = connect(&node);
    third.write_all(ask).unwrap();
    third
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    assert!(third.read_exact(&mut answer).is_err(), "there was no place");
    drop(held);
    third
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    third.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}

fn frame(to: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, body: &[u8]) {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    to.extend_from_slice(&length[1..]);
    to.extend_from_slice(&[kind, flags]);
    to.extend_from_slice(&stream.to_be_bytes());
    to.extend_from_slice(body);
}

/// The kinds and bodies of all frames.
fn frames(mut bytes: &[u8]) -> Vec<(u8, &[u8])> {
    let mut frames = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<9>() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let length = usize::try_from(length).unwrap().min(rest.len());
        let (body, rest) = rest.split_at(length);
        frames.push((head[3], body));
        bytes = rest;
    }
    frames
}

/// The errors of all frames that say that the connection ends.
fn goaways(bytes: &[u8]) -> Vec<u32> {
    let told = frames(bytes).into_iter();
    let told = told.filter(|(kind, body)| *kind == GOAWAY && body.len() >= 8);
    told.map(|(_, body)| u32::from_be_bytes(body[4..8].try_into().unwrap()))
        .collect()
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const ENHANCE_YOUR_CALM: u32 = 11;
