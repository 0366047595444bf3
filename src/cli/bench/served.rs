//! *A server in a process of its own*, as `locule serve` runs it: what is measured shares no thread, no
//! memory and no lock with who measures.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};

use crate::seal;

/// It ends when this is dropped.
pub(super) struct Served {
    process: Child,
    /// Where it is.
    pub(super) url: String,
    /// Its operator's key.
    pub(super) operator: String,
}

impl Served {
    /// Starts one, of which so many partitions may be open, and returns once it is ready.
    pub(super) fn start(directory: &Path, partitions_open_max: usize) -> anyhow::Result<Self> {
        let secret = seal::random_bytes::<32>()?;
        let operator: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut command = Command::new(std::env::current_exe()?);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LOCULE_")) {
            command.env_remove(name);
        }
        let mut process = command
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(directory)
            .env("LOCULE_OPERATOR_KEY", &operator)
            .env(
                "LOCULE_PARTITIONS_OPEN_MAX",
                partitions_open_max.to_string(),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("can't start a server")?;
        let said = process.stderr.take().context("a server has a log")?;
        let mut lines = BufReader::new(said).lines();
        let mut log = String::new();
        for line in lines.by_ref() {
            let line = line?;
            if let Some((_, address)) = line.split_once("ready address=") {
                let url = format!("http://{}", address.trim());
                // Its log is read on, or it would wait for that.
                thread::spawn(move || lines.for_each(drop));
                return Ok(Self {
                    process,
                    url,
                    operator,
                });
            }
            log.push_str(&line);
            log.push('\n');
        }
        process.wait()?;
        anyhow::bail!("the server didn't start: {log}")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let process = i32::try_from(self.process.id())
            .ok()
            .and_then(Pid::from_raw);
        // One that has ended can't be told to, and needn't be.
        if let Some(process) = process
            && kill_process(process, Signal::TERM).is_ok()
        {
            drop(self.process.wait());
        }
    }
}
