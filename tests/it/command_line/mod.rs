//! The client commands against a real server: what they tell people and programs, and what they
//! say when they can't.

mod https;
mod incidents;
mod keys;

use std::process::{Command, Stdio};

use serde_json::Value;

/// How the binary ended.
#[derive(Debug)]
pub struct Told {
    pub success: bool,
    /// What it came to.
    pub out: String,
    /// Notices and errors.
    pub err: String,
}

/// Runs a command with a key, at a server.
pub fn locule(url: &str, key: &str, arguments: &[&str]) -> Told {
    let output = Command::new(env!("CARGO_BIN_EXE_locule"))
        .args(arguments)
        // What the machine has set is about other servers.
        .env_clear()
        .env("LOCULE_URL", url)
        .env("LOCULE_API_KEY", key)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Told {
        success: output.status.success(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Told {
    /// What it told people.
    #[track_caller]
    pub fn good(self) -> Self {
        assert!(self.success, "{self:?}");
        self
    }

    /// What it told programs.
    #[track_caller]
    pub fn json(self) -> Value {
        let good = self.good();
        serde_json::from_str(&good.out).unwrap()
    }

    /// Why it failed.
    #[track_caller]
    pub fn failed(self) -> String {
        assert!(!self.success && self.out.is_empty(), "{self:?}");
        self.err
    }

    /// The value beside a name.
    #[track_caller]
    pub fn field(&self, name: &str) -> &str {
        let begins = format!("{name}  ");
        let mut lines = self.out.lines();
        let line = lines.find_map(|line| line.strip_prefix(&begins));
        line.unwrap_or_else(|| panic!("no {name} in {self:?}"))
            .trim()
    }
}
