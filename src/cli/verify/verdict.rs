//! What a check came to, for people and for programs.

use std::process::ExitCode;

use serde_json::{Map, Value, json};

use super::COULD_NOT_LOOK;
use crate::cli::output::{self, Format};

/// What a check came to.
pub(super) struct Verdict {
    /// What was checked, in a line.
    about: String,
    parts: Vec<Part>,
    /// What programs are told beside.
    facts: Map<String, Value>,
}

struct Part {
    name: &'static str,
    state: State,
    text: String,
    details: Vec<String>,
}

/// What one part of a check came to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Holds,
    /// Nothing that was asked for depends on it.
    Open,
    Fails,
    /// It couldn't be looked at.
    Unknown,
}

impl State {
    const fn word(self) -> &'static str {
        match self {
            Self::Holds => "ok",
            Self::Open => "open",
            Self::Fails => "FAILS",
            Self::Unknown => "UNKNOWN",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Open => "open",
            Self::Fails => "fails",
            Self::Unknown => "unknown",
        }
    }
}

impl Verdict {
    pub(super) fn about(what: impl Into<String>) -> Self {
        Self {
            about: what.into(),
            parts: Vec::new(),
            facts: Map::new(),
        }
    }

    pub(super) fn part(&mut self, name: &'static str, state: State, text: impl Into<String>) {
        self.part_with(name, state, text, Vec::new());
    }

    pub(super) fn part_with(
        &mut self,
        name: &'static str,
        state: State,
        text: impl Into<String>,
        details: Vec<String>,
    ) {
        self.parts.push(Part {
            name,
            state,
            text: text.into(),
            details,
        });
    }

    pub(super) fn fact(&mut self, name: &str, value: Value) {
        self.facts.insert(name.to_owned(), value);
    }

    /// Whether all holds: `None` when it can't be told.
    fn holds(&self) -> Option<bool> {
        let is = |state| self.parts.iter().any(|part| part.state == state);
        match (is(State::Fails), is(State::Unknown)) {
            (true, _) => Some(false),
            (false, true) => None,
            (false, false) => Some(true),
        }
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        match self.holds() {
            Some(true) => ExitCode::SUCCESS,
            Some(false) => ExitCode::FAILURE,
            None => ExitCode::from(COULD_NOT_LOOK),
        }
    }

    pub(super) fn tell(&self, format: Format) -> anyhow::Result<()> {
        if format.is_json() {
            let mut document = self.facts.clone();
            document.insert("holds".to_owned(), json!(self.holds()));
            let parts = self.parts.iter().map(
                |part| json!({"name": part.name, "state": part.state.name(), "text": part.text}),
            );
            document.insert("parts".to_owned(), parts.collect());
            return output::json(&document);
        }
        output::line(&self.about)?;
        let width = self.parts.iter().map(|part| part.name.len()).max();
        let width = width.unwrap_or(0);
        for part in &self.parts {
            let (word, name) = (part.state.word(), part.name);
            output::line(format_args!("  {word:7}  {name:width$}  {}", part.text))?;
            for detail in &part.details {
                output::line(format_args!("    {detail}"))?;
            }
        }
        output::line(match self.holds() {
            Some(true) => "It holds.",
            Some(false) => "It doesn't hold.",
            None => "It can't be told: not everything could be looked at.",
        })
    }
}
