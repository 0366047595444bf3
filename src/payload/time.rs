//! Times in payloads and filters.

use jiff::Timestamp as Instant;

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

#[cfg(test)]
mod tests {
    use super::parse_datetime;

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
