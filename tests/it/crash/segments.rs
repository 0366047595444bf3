//! Kills while indexes are stored: what a half-written one leaves is never read.

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use serde_json::json;

use super::{COLLECTION, everything, process::Process, writer::Writer};

#[test]
fn what_is_acknowledged_while_an_index_is_stored_survives_kill_9() {
    let directory = tempfile::tempdir().unwrap();
    let mut process = Process::start(directory.path());
    let key = process.tenant("large");
    let schema = json!({"vectors": {"size": DIMENSION, "distance": "Euclid"}});
    let created = process
        .client(&key)
        .put(&format!("/collections/{COLLECTION}"), &schema);
    assert_eq!(created.unwrap().status, 200);
    let mut writers: Vec<Writer> = (0..2)
        .map(|number| Writer::new(number, DIMENSION))
        .collect();
    let (mut written, mut read) = (0, 0);
    for round in 0..ROUNDS {
        // Long enough at first for what an index is stored for.
        let pause = Duration::from_millis(if round == 0 {
            1_500
        } else {
            100 + round * 61 % 300
        });
        thread::scope(|scope| {
            for writer in &mut writers {
                let client = process.client(&key);
                scope.spawn(move || writer.write_until_killed(client, COLLECTION));
            }
            thread::sleep(pause);
            written += metric(&process, "locule_segments_written_total");
            process.kill();
        });
        process = Process::start(directory.path());
        let stored = everything(&process.client(&key), 100);
        let points: usize = writers
            .iter_mut()
            .map(|writer| writer.settle(&stored, round))
            .sum();
        assert_eq!(points, stored.len(), "round {round}: points of no writer");
        read += metric(&process, "locule_segments_read_total");
        let rebuilt = metric(&process, "locule_segments_rebuilt_total");
        assert_eq!(rebuilt, 0, "round {round}: an index is whole or not there");
    }
    eprintln!("{ROUNDS} kills; {written} indexes stored before them, {read} read back");
    assert!(written > 0 && read > 0, "no index was stored, or none read");
}

fn metric(process: &Process, name: &str) -> u64 {
    let mut stream = TcpStream::connect(process.address).unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap().trim().parse().unwrap()
}

const ROUNDS: u64 = 12;
/// The writers' 800 ids are past the bytes from which on an index is stored before half of them
/// are there.
const DIMENSION: usize = 4_096;
