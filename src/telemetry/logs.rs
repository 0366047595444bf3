//! Log lines, and the one place that says what may stand in them.
//!
//! **Invariant:** a field whose name isn't in [`SAFE`] is masked, whoever logs it; so are all fields of
//! other crates' lines, which may hold what was sent, and below `warn` their texts too (`it/canary/`).

use std::fmt::{self, Write};

use serde_json::{Map, Value};
use tracing::{Event, Level, Subscriber, field::Field, field::Visit};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    registry::LookupSpan,
};

use super::LogFormat;

/// Fields that may be shown: words and numbers of the node's own. What a tenant or a client says
/// never gets one of these names.
pub(super) const SAFE: [&str; 18] = [
    "address",
    "delivery",
    "error",
    "event",
    "family",
    "generation",
    "issuer",
    "key_id",
    "method",
    "micros",
    "panic",
    "request_id",
    "route",
    "shelf",
    "status",
    "step",
    "webhook",
    "what",
];

/// Writes a line for people, or a JSON object for machines.
#[derive(Debug)]
pub(super) struct Lines(pub(super) LogFormat);

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let (level, target) = (*metadata.level(), metadata.target());
        let mut shown = Shown {
            ours: target.split("::").next() == Some(env!("CARGO_CRATE_NAME")),
            level,
            message: String::new(),
            fields: Vec::new(),
        };
        event.record(&mut shown);
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        match self.0 {
            LogFormat::Text => {
                write!(writer, "{time} {level:>5} {target}: {}", shown.message)?;
                for (name, value) in shown.fields {
                    write!(writer, " {name}={value}")?;
                }
                writeln!(writer)
            }
            LogFormat::Json => {
                let fields: Map<String, Value> = shown
                    .fields
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), Value::String(value)))
                    .collect();
                let line = serde_json::json!({
                    "timestamp": time,
                    "level": level.as_str(),
                    "target": target,
                    "message": shown.message,
                    "fields": fields,
                });
                writeln!(writer, "{line}")
            }
        }
    }
}

/// A line's text and fields, as far as they may be shown.
struct Shown {
    ours: bool,
    level: Level,
    message: String,
    fields: Vec<(&'static str, String)>,
}

impl Shown {
    fn take(&mut self, field: &Field, value: String) {
        let name = field.name();
        if name == "message" {
            // Below `warn` other crates tell what they read and write.
            self.message = if self.ours || self.level <= Level::WARN {
                value
            } else {
                MASKED.to_owned()
            };
        } else if self.ours && SAFE.contains(&name) {
            self.fields.push((name, value));
        } else {
            self.fields.push((name, MASKED.to_owned()));
        }
    }
}

impl Visit for Shown {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        // A text takes what is written.
        let _ = write!(text, "{value:?}");
        self.take(field, text);
    }
}

const MASKED: &str = "..";

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, log: impl FnOnce()) -> String {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(Level::TRACE)
            .event_format(Lines(format))
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn only_declared_fields_are_shown_and_nothing_that_other_crates_read() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let line = logged(format, || {
                tracing::info!(status = 404, email = "anna@example.com", "an answer");
            });
            assert!(line.contains("404") && line.contains("an answer"), "{line}");
            assert!(line.contains("email") && !line.contains("anna"), "{line}");
            let line = logged(format, || {
                tracing::debug!(target: "hyper::proto", status = "secret", "read secret");
                tracing::warn!(target: "hyper::proto", key_id = "secret", "connection closed");
            });
            assert!(!line.contains("secret"), "{line}");
            assert!(line.contains("connection closed"), "{line}");
        }
    }

    #[test]
    fn a_json_line_is_one_object() {
        let line = logged(LogFormat::Json, || {
            tracing::error!(error = "a \"quoted\"\nthing", "it failed");
        });
        let value: Value = serde_json::from_str(line.trim_end()).unwrap();
        assert_eq!(value["fields"]["error"], "a \"quoted\"\nthing");
        assert_eq!(
            (&value["level"], &value["message"]),
            (&"ERROR".into(), &"it failed".into())
        );
    }
}
