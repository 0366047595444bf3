//! The client commands against a real server: what they tell people and programs, and what they
//! say when they can't.

mod audit;
mod https;
mod incidents;
mod keys;
mod retention;
mod tenants;
mod tokens;
mod webhooks;

use std::{
    io::Write,
    process::{Command, Stdio},
};

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
    locule_told(
        &[("LOCULE_URL", url), ("LOCULE_API_KEY", key)],
        "",
        arguments,
    )
}

/// ... with these variables, and this on its standard input.
pub fn locule_told(variables: &[(&str, &str)], input: &str, arguments: &[&str]) -> Told {
    let mut running = Command::new(env!("CARGO_BIN_EXE_locule"))
        .args(arguments)
        // What the machine has set is about other servers.
        .env_clear()
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that doesn't read has ended by now, perhaps.
    let mut stdin = running.stdin.take().unwrap();
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = running.wait_with_output().unwrap();
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
