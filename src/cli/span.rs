//! *A length of time, as a person writes it.*
//!
//! Called by: the client commands that take one.

/// A length of time in seconds. Without a unit it might mean anything.
pub(super) fn seconds(text: &str) -> Result<u64, &'static str> {
    const EXPECTED: &str = "write a number with s, m, h or d, like 90s, 30m, 24h or 7d";
    let (number, unit) = text
        .split_at_checked(text.len().saturating_sub(1))
        .ok_or(EXPECTED)?;
    let unit: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return Err(EXPECTED),
    };
    // `parse` takes a sign, too.
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(EXPECTED);
    }
    let number = number.parse::<u64>().map_err(|_| EXPECTED)?;
    number.checked_mul(unit).ok_or(EXPECTED)
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn a_length_of_time_says_its_unit() {
        for (text, expected) in [
            ("0s", 0),
            ("90s", 90),
            ("30m", 1_800),
            ("24h", 86_400),
            ("7d", 604_800),
        ] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for text in [
            "",
            "s",
            "24",
            "24 h",
            "+1h",
            "-1h",
            "1.5h",
            "1w",
            "1H",
            "h1",
            "1é",
            "99999999999999999999s",
            "999999999999999999d",
        ] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
