//! The binary, serving a directory.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
    thread,
};

use parking_lot::Mutex;
use serde_json::json;

use super::client::Client;
use crate::harness::OPERATOR_KEY;

pub struct Process {
    child: Child,
    pub address: SocketAddr,
    log: Arc<Mutex<String>>,
}

impl Process {
    /// Starts a node, and returns once it is ready.
    pub fn start(directory: &Path) -> Self {
        Self::try_start(directory).unwrap_or_else(|log| panic!("the node didn't start: {log}"))
    }

    /// Starts a node with more of an environment, and returns once it is ready.
    pub fn start_with(directory: &Path, environment: &[(&str, &str)]) -> Self {
        Self::try_start_with(directory, environment)
            .unwrap_or_else(|log| panic!("the node didn't start: {log}"))
    }

    /// Starts a node; what it said, if it ended before it was ready.
    pub fn try_start(directory: &Path) -> Result<Self, String> {
        Self::try_start_with(directory, &[])
    }

    /// The same, with more of an environment.
    pub fn try_start_with(directory: &Path, environment: &[(&str, &str)]) -> Result<Self, String> {
        Self::ready(spawn(directory, environment))
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        self.log.lock().clone()
    }

    fn ready(mut child: Child) -> Result<Self, String> {
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut log = String::new();
        for line in lines.by_ref().map_while(Result::ok) {
            log.push_str(&line);
            log.push('\n');
            let Some((_, address)) = line.split_once("ready address=") else {
                continue;
            };
            let address = address.trim().parse().unwrap();
            let log = Arc::new(Mutex::new(log));
            let rest = Arc::clone(&log);
            thread::spawn(move || {
                for line in lines.map_while(Result::ok) {
                    rest.lock().push_str(&line);
                }
            });
            return Ok(Self {
                child,
                address,
                log,
            });
        }
        child.wait().unwrap();
        Err(log)
    }

    /// Someone with a key, on a connection of its own.
    pub fn client(&self, key: &str) -> Client {
        Client::new(self.address, key)
    }

    pub fn operator(&self) -> Client {
        self.client(OPERATOR_KEY)
    }

    /// Makes a tenant: its owner's key.
    pub fn tenant(&self, id: &str) -> String {
        let created = self.operator().post("/v1/tenants", &json!({"id": id}));
        let created = created.unwrap();
        assert_eq!(created.status, 201, "{}", created.body);
        created.body["owner_key"]["key"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// SIGKILL: no code of the node's runs any more.
    pub fn kill(&mut self) {
        assert!(
            self.child.try_wait().unwrap().is_none(),
            "the node ended by itself: {}",
            self.log.lock()
        );
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Whether it ends by itself within a minute, and not well.
    pub fn ends_badly(&mut self) -> bool {
        for _ in 0..6_000 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return !status.success();
            }
            thread::sleep(std::time::Duration::from_millis(10));
        }
        false
    }

    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended can't be killed, and needn't be.
        if self.child.kill().is_ok() {
            let _ = self.child.wait();
        }
    }
}

/// The binary on a free port, with nothing of the caller's own configuration.
pub fn spawn(directory: &Path, environment: &[(&str, &str)]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_locule"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LOCULE_")) {
        command.env_remove(name);
    }
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(directory)
        .env("LOCULE_OPERATOR_KEY", OPERATOR_KEY)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}
