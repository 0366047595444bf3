//! A disk that is full, under the real server: nothing is allowed that can't be recorded, destructive
//! acts least of all, and when there is room again it goes on without a gap.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::json;

use crate::harness::{Actor, OPERATOR_KEY};

/// A server that doesn't outlive the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    /// No file may get longer than this: what the system says to a write past it is what it says
    /// when a disk is full, but for the number.
    fn limit_files(&self, bytes: Option<u64>) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).unwrap());
        let limit = Rlimit {
            current: bytes,
            maximum: None,
        };
        prlimit(pid, Resource::Fsize, limit).unwrap();
    }
}

#[test]
fn with_a_full_disk_destructive_acts_are_refused_and_later_go_on_without_a_gap() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let log = directory.path().join("log");
    let port = crate::harness::free_port();
    let server = Command::new("sh")
        // A process that is told of the limit by a signal would end by it.
        .args([
            "-c",
            "trap '' XFSZ; exec \"$0\" \"$@\"",
            env!("CARGO_BIN_EXE_locule"),
        ])
        .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data"])
        .arg(&data)
        .env("LOCULE_OPERATOR_KEY", OPERATOR_KEY)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let server = Server(server);
    wait_for(&log, "ready");
    let runtime = Arc::new(tokio::runtime::Runtime::new().unwrap());
    let url = format!("http://127.0.0.1:{port}");
    let operator = Actor::new(&url, Some(OPERATOR_KEY), &runtime);
    let created = operator
        .post("/v1/tenants", json!({"id": "acme"}))
        .expect(201);
    let owner = Actor::new(&url, created["owner_key"]["key"].as_str(), &runtime);
    owner.create_collection("docs", 2, "Dot");
    owner.put_point("docs", 1, &[1.0, 0.0], json!({}));
    // The log becomes the longest file, so that the limit meets it and nothing else.
    for _ in 0..300 {
        owner.get("/collections").expect(200);
    }
    let audit = data.join("audit/000001.jsonl");
    server.limit_files(Some(fs::metadata(&audit).unwrap().len() + 100));
    for _ in 0..2 {
        let refused = owner.delete("/collections/docs");
        assert_eq!(refused.status, 503, "{}", refused.text);
        assert!(
            refused.message().contains("audit log can't be written"),
            "{}",
            refused.text
        );
        assert!(refused.headers.contains_key("retry-after"));
        let refused = operator.delete("/v1/tenants/acme");
        assert_eq!(refused.status, 503, "{}", refused.text);
        let refused = owner.get("/collections/docs");
        assert_eq!(
            refused.status, 503,
            "what can't be recorded isn't read either"
        );
    }
    server.limit_files(None);
    let count = owner
        .post("/collections/docs/points/count", json!({}))
        .expect(200);
    assert_eq!(count["result"]["count"], 1, "nothing was deleted");
    owner.delete("/collections/docs").expect(200);
    let text = fs::read_to_string(&audit).unwrap();
    let resumed = text
        .lines()
        .find(|line| line.contains("audit_resumed"))
        .unwrap();
    assert!(resumed.contains("\"count\":6,"), "{resumed}");
    assert!(locule::audit::verify(text.as_bytes()).unwrap() > 300);
}

fn wait_for(log: &Path, word: &str) {
    for _ in 0..3_000 {
        if fs::read_to_string(log).unwrap().contains(word) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!(
        "the server didn't start: {}",
        fs::read_to_string(log).unwrap()
    );
}
