//! SIGTERM, second instances, and first starts that are cut short.

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use serde_json::json;

use super::{
    client::{self, connect, read_answer},
    process::{self, Process},
};

#[test]
fn sigterm_finishes_what_is_in_flight_and_leaves_with_0() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = Process::start(directory.path());
    let key = process.tenant("acme");
    let schema = json!({"vectors": {"size": 2, "distance": "Dot"}});
    let owner = process.client(&key);
    assert_eq!(owner.put("/collections/docs", &schema).unwrap().status, 200);

    // A request whose handler has begun (it asked for the body) and isn't done.
    let body = json!({"points": [{"id": 1, "vector": [1.0, 2.0]}]}).to_string();
    let path = "/collections/docs/points";
    let head = client::head("PUT", path, &key, body.len());
    let mut request = connect(process.address).unwrap();
    let expecting = format!("{head}expect: 100-continue\r\n\r\n");
    request.get_mut().write_all(expecting.as_bytes()).unwrap();
    assert_eq!(read_answer(&mut request).unwrap().status, 100);

    process.terminate();
    while TcpStream::connect(process.address).is_ok() {
        thread::sleep(Duration::from_millis(1));
    }
    request.get_mut().write_all(body.as_bytes()).unwrap();
    let answer = read_answer(&mut request).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(process.wait().code(), Some(0));

    let process = Process::start(directory.path());
    let stored = process.client(&key).get("/collections/docs/points/1");
    assert_eq!(stored.unwrap().status, 200);
}

#[test]
fn sigterm_leaves_with_0_whatever_goes_on_in_the_background() {
    for round in 0..16 {
        let directory = tempfile::tempdir().unwrap();
        let mut process = Process::start(directory.path());
        // Each has families made ahead in the background.
        for tenant in 0..3 {
            process.tenant(&format!("tenant-{tenant}"));
        }
        thread::sleep(Duration::from_millis(round));
        process.terminate();
        let status = process.wait();
        assert_eq!(status.code(), Some(0), "round {round}: {status}");
    }
}

#[test]
fn a_second_instance_on_a_directory_refuses_to_start() {
    let directory = tempfile::tempdir().unwrap();
    let first = Process::start(directory.path());
    let key = first.tenant("acme");

    let mut second = process::spawn(directory.path(), &[]);
    let status = second.wait().unwrap();
    let mut said = String::new();
    second.stderr.unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(
        said.contains("is in use by another locule process"),
        "{said}"
    );
    assert!(!said.contains("ready"), "{said}");

    let answer = first.client(&key).get("/collections").unwrap();
    assert_eq!(answer.status, 200, "the first one answers on");
}

#[test]
fn a_first_start_that_was_killed_doesn_t_stop_the_next() {
    for round in 0..16 {
        let directory = tempfile::tempdir().unwrap();
        let mut child = process::spawn(directory.path(), &[]);
        thread::sleep(Duration::from_millis(round * 4));
        child.kill().unwrap();
        child.wait().unwrap();
        let process = Process::start(directory.path());
        let key = process.tenant("acme");
        let answer = process.client(&key).get("/v1/self").unwrap();
        assert_eq!(answer.status, 200, "round {round}");
    }
}
