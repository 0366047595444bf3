//! *What people and scripts see.* The only place of the crate that prints. Results go to stdout, as
//! tables for people or as JSON for programs; notices and errors go to stderr.
//!
//! **Invariant:** no control character of a payload, a name or an error reaches the terminal, which
//! might obey it.
//! **Invariant:** a reader that goes away (`locule query .. | head`) ends the command quietly.

#[cfg(test)]
mod tests;

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use serde::Serialize;
use serde_json::Value;

/// How a command answers.
#[derive(clap::Args, Clone, Copy, Debug)]
pub(crate) struct Format {
    /// Print JSON: one line when piped, indented on a terminal.
    #[arg(long)]
    json: bool,
}

impl Format {
    pub(crate) fn is_json(self) -> bool {
        self.json
    }
}

/// Prints a value as one JSON document.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let text = if out.is_terminal() {
        serde_json::to_string_pretty(value)?
    } else {
        serde_json::to_string(value)?
    };
    // JSON escapes control characters itself.
    writeln!(out, "{text}")?;
    Ok(())
}

/// Prints one line.
pub(crate) fn line(text: impl Display) -> anyhow::Result<()> {
    writeln!(io::stdout().lock(), "{}", plain(&text.to_string()))?;
    Ok(())
}

/// Prints what a document lists: the document itself for programs, else a row each, with the cells at
/// these JSON pointers under their headings.
pub(crate) fn list<const N: usize>(
    document: &Value,
    list: &str,
    columns: [(&str, &str); N],
    format: Format,
) -> anyhow::Result<()> {
    if format.is_json() {
        return json(document);
    }
    let items = document.pointer(list).and_then(Value::as_array);
    let rows = items.into_iter().flatten();
    let rows: Vec<[String; N]> = rows
        .map(|item| columns.map(|(_, pointer)| cell(item, pointer)))
        .collect();
    table(columns.map(|(heading, _)| heading), &rows)
}

/// Prints a value: itself for programs, else names and what is at these JSON pointers.
pub(crate) fn record(value: &Value, named: &[(&str, &str)], format: Format) -> anyhow::Result<()> {
    if format.is_json() {
        return json(value);
    }
    let named = named.iter();
    let shown: Vec<_> = named
        .map(|(name, pointer)| (*name, cell(value, pointer)))
        .collect();
    fields(&shown)
}

/// Prints lines of JSON as they are, so that what is signed stays so; a terminal sees them plain.
pub(crate) fn json_lines(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if out.is_terminal() {
        for line in text.lines() {
            writeln!(out, "{}", plain(line))?;
        }
    } else {
        out.write_all(text.as_bytes())?;
    }
    Ok(())
}

/// Prints names and values below one another.
pub(crate) fn fields(fields: &[(&str, String)]) -> anyhow::Result<()> {
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut out = io::stdout().lock();
    for (name, value) in fields {
        writeln!(out, "{name:width$}  {}", plain(value))?;
    }
    Ok(())
}

/// Prints rows under their headings, each column as wide as its widest cell.
pub(crate) fn table<const N: usize>(
    headings: [&str; N],
    rows: &[[String; N]],
) -> anyhow::Result<()> {
    let rows: Vec<[String; N]> = rows
        .iter()
        .map(|row| row.each_ref().map(|cell| plain(cell)))
        .collect();
    let mut widths = headings.map(|heading| heading.chars().count());
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = io::stdout().lock();
    let headings = headings.map(str::to_uppercase);
    for row in std::iter::once(&headings).chain(&rows) {
        let mut text = String::new();
        for (cell, width) in row.iter().zip(widths) {
            text.push_str(&format!("{cell:width$}  "));
        }
        writeln!(out, "{}", text.trim_end())?;
    }
    Ok(())
}

/// Tells something beside the result, on stderr.
pub(crate) fn notice(text: impl Display) {
    // Nobody is left to tell that stderr is closed.
    writeln!(io::stderr().lock(), "{}", plain(&text.to_string())).ok();
}

/// Tells why a command failed and what lies underneath, and gives the exit code that goes with it.
pub(crate) fn failure(error: &anyhow::Error) -> ExitCode {
    let reader_left = |cause: &(dyn std::error::Error + 'static)| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    };
    // The last word only: a command whose own connection broke has failed.
    if reader_left(error.as_ref()) {
        return ExitCode::SUCCESS;
    }
    notice(format!("error: {error}"));
    let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
    if !causes.is_empty() {
        notice(format!("  because: {}", causes.join(": ")));
    }
    ExitCode::FAILURE
}

/// The value at a JSON pointer, as it should read in a cell; `-` for what isn't there.
pub(crate) fn cell(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) if items.is_empty() => "-".to_owned(),
        Some(Value::Array(items)) => {
            let items: Vec<String> = items.iter().map(|item| cell(item, "")).collect();
            items.join(",")
        }
        Some(Value::Object(entries)) => {
            let entries = entries.iter().filter(|(_, value)| !value.is_null());
            let entries: Vec<String> = entries
                .map(|(name, value)| format!("{name}={}", cell(value, "")))
                .collect();
            if entries.is_empty() {
                "-".to_owned()
            } else {
                entries.join(" ")
            }
        }
        Some(other @ (Value::Bool(_) | Value::Number(_))) => other.to_string(),
    }
}

/// A number with its thousands set apart.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The beginning of a text, on one line.
pub(crate) fn shortened(text: &str, chars_max: usize) -> String {
    let text = plain(text.trim());
    if text.chars().count() <= chars_max {
        return text;
    }
    let mut short: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    short.push('…');
    short
}

fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
