//! Times in payloads and filters.

use std::time::Duration;

use jiff::Timestamp as Instant;
use serde_json::Value;

use super::{Payload, path::Path};
use crate::clock::Timestamp;

/// Reads the spellings of a time that clients write: RFC 3339, with a blank in place of the `T`
/// or before the offset, or with ` UTC` for it; without an offset (then it is UTC); a date alone.
pub fn parse_datetime(text: &str) -> Option<Instant> {
    let text = text.trim_start();
    if let Ok(instant) = text.parse::<Instant>() {
        return Some(instant);
    }
    let text = text.strip_suffix(" UTC").unwrap_or(text);
    if let Some((civil, offset)) = text.rsplit_once(' ')
        && offset.starts_with(['+', '-'])
        && let Ok(instant) = format!("{civil}{offset}").parse::<Instant>()
    {
        return Some(instant);
    }
    let civil = text.parse::<jiff::civil::DateTime>().ok()?;
    jiff::tz::Offset::UTC.to_timestamp(civil).ok()
}

/// The earliest of the moments that a path leads to: a time as text, or seconds since 1970 as a number.
/// What is neither is passed over.
pub fn earliest(payload: &Payload, path: &Path) -> Option<Timestamp> {
    let values = path.values(payload.as_map());
    values.into_iter().filter_map(moment).min()
}

fn moment(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => {
            let millis = parse_datetime(text)?.as_millisecond();
            Some(Timestamp(u64::try_from(millis).unwrap_or(0)))
        }
        Value::Number(seconds) => {
            // What was before 1970 is as long ago as anything; what is behind the end of time never is.
            let seconds = seconds.as_f64()?.max(0.0);
            let since = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
            Some(Timestamp(0).plus(since))
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{earliest, parse_datetime};
    use crate::payload::{Payload, path::Path};

    #[test]
    fn a_moment_is_a_time_or_seconds_and_the_earliest_counts() {
        let at = |value: serde_json::Value, path: &str| {
            let map = value.as_object().unwrap().clone();
            let path = Path::parse(path).unwrap();
            earliest(&Payload::new(map).unwrap(), &path).map(|at| at.0)
        };
        let second = 1_800_000_000_000;
        assert_eq!(at(json!({"end": 1_800_000_000}), "end"), Some(second));
        assert_eq!(
            at(json!({"end": 1_800_000_000.25}), "end"),
            Some(second + 250)
        );
        assert_eq!(
            at(json!({"end": "2027-01-15T08:00:00Z"}), "end"),
            Some(second)
        );
        assert_eq!(
            at(json!({"end": "2027-01-15T08:00:00.5Z"}), "end"),
            Some(second + 500)
        );
        assert_eq!(at(json!({"end": -5}), "end"), Some(0));
        assert_eq!(at(json!({"end": "1960-01-01"}), "end"), Some(0));
        assert_eq!(at(json!({"end": 1e300}), "end"), Some(u64::MAX));
        for never in [
            json!({}),
            json!({"end": null}),
            json!({"end": "soon"}),
            json!({"end": [7]}),
        ] {
            assert_eq!(at(never.clone(), "end"), None, "{never}");
        }
        let parts = json!({"parts": [{"end": 9}, {"end": "never"}, {"end": 7.001}, {}]});
        assert_eq!(at(parts, "parts[].end"), Some(7_001));
    }

    #[test]
    fn every_spelling_of_a_time_is_the_same_time() {
        let same = [
            "2024-02-03T04:05:06Z",
            "2024-02-03T04:05:06z",
            " 2024-02-03T04:05:06.000000Z",
            "2024-02-03 04:05:06Z",
            "2024-02-03T05:05:06+01:00",
            "2024-02-03 05:05:06 +01:00",
            "2024-02-03 03:05:06.0 -0100",
            "2024-02-03 04:05:06 UTC",
            "2024-02-03T04:05:06",
            "2024-02-03 04:05:06",
        ];
        for text in same {
            assert_eq!(
                parse_datetime(text),
                parse_datetime("2024-02-03T04:05:06+00:00"),
                "{text}"
            );
            assert!(parse_datetime(text).is_some(), "{text}");
        }
        assert_eq!(
            parse_datetime("2024-02-03"),
            parse_datetime("2024-02-03T00:00Z")
        );
        assert_eq!(
            parse_datetime("2024-02-03T04:05"),
            parse_datetime("2024-02-03T04:05:00Z")
        );
        for text in [
            "",
            " ",
            "UTC",
            " UTC",
            "2024",
            "2024-13-01",
            "yesterday",
            "12:30",
            "5",
        ] {
            assert_eq!(parse_datetime(text), None, "{text}");
        }
    }
}
