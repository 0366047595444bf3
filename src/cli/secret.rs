//! *Secrets that are typed or piped in.*
//!
//! **Invariant:** what is typed isn't shown.
//!
//! Called by: the commands that take one: never as an argument, which anyone on the machine can list.

use std::io::{self, IsTerminal};
use std::process::{Command as Process, Stdio};

use anyhow::Context;

use super::output;

/// A line from the terminal, without showing it, or from wherever standard input comes.
pub(super) fn typed(prompt: &str) -> anyhow::Result<String> {
    let terminal = io::stdin().is_terminal();
    let _hidden = terminal.then(|| {
        output::notice(prompt);
        Hidden::start()
    });
    let mut line = String::new();
    io::stdin()
        .read_line(&mut line)
        .context("can't read standard input")?;
    Ok(line)
}

/// What is typed isn't shown, as long as this lives.
struct Hidden;

impl Hidden {
    fn start() -> Self {
        stty("-echo");
        Self
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        stty("echo");
    }
}

fn stty(setting: &str) {
    // A terminal that can't hide it shows it: better than none at all.
    Process::new("stty")
        .arg(setting)
        .stdin(Stdio::inherit())
        .status()
        .ok();
}
