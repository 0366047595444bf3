//! *How far a load has come*: a bar on a terminal, a line every few seconds elsewhere. What counts
//! is what the server has acknowledged, not what's been read.

use std::fmt::Display;
use std::path::PathBuf;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::reader;
use crate::cli::output;
use crate::clock::Stopwatch;

pub(crate) struct Progress {
    bar: ProgressBar,
    watch: Stopwatch,
    told_at: Duration,
}

impl Progress {
    pub(crate) fn start(files: &[PathBuf]) -> anyhow::Result<Self> {
        // Of standard input nobody knows the length, and so of the whole.
        let known = !files.iter().any(|path| reader::is_stdin(path));
        let bytes = known.then(|| {
            files
                .iter()
                .filter_map(|path| path.metadata().ok())
                .map(|file| file.len())
                .sum()
        });
        let style = if known {
            "{bar:30} {percent:>3} %  {msg}, {eta} left"
        } else {
            "{spinner} {msg}"
        };
        let bar = ProgressBar::with_draw_target(bytes, ProgressDrawTarget::stderr())
            .with_style(ProgressStyle::with_template(style)?);
        Ok(Self {
            bar,
            watch: Stopwatch::start(),
            told_at: Duration::ZERO,
        })
    }

    /// Another `source_bytes` of the files are stored, which makes `rows` rows in all.
    pub(crate) fn advance(&mut self, source_bytes: u64, rows: u64) {
        let elapsed = self.watch.elapsed();
        let so_far = format!(
            "{} rows, {:.0} rows/s",
            output::count(rows),
            rate(rows, elapsed)
        );
        if !self.bar.is_hidden() {
            self.bar.inc(source_bytes);
            self.bar.set_message(so_far);
        } else if elapsed.saturating_sub(self.told_at) >= TELL_EVERY {
            self.told_at = elapsed;
            output::notice(so_far);
        }
    }

    pub(crate) fn aside(&self) -> Aside {
        Aside(self.bar.clone())
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Tells something while the bar is up.
#[derive(Clone)]
pub(crate) struct Aside(ProgressBar);

impl Aside {
    pub(crate) fn tell(&self, text: impl Display) {
        self.0.suspend(|| output::notice(text));
    }
}

/// Rows per second.
pub(crate) fn rate(rows: u64, elapsed: Duration) -> f64 {
    rows as f64 / elapsed.as_secs_f64().max(f64::EPSILON)
}

/// Often enough to see that it lives, rare enough for a log.
const TELL_EVERY: Duration = Duration::from_secs(5);
