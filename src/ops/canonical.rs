//! Canonical JSON: one sequence of bytes for a value, so that a signature is over the value.
//!
//! RFC 8785 (JCS): the keys of an object in the order of their UTF-16 code units, no white space,
//! strings with as few escapes as JSON allows. What is signed keeps to counts, whole numbers from
//! 0 to 2^53 - 1, about which no two readers of JSON disagree. What is only digested, the scope of
//! an erasure as it was asked, may hold any number.
//!
//! **Invariant:** no two values have the same bytes, and reading the bytes gives the value back.

use std::fmt::{self, Write};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

/// Reads JSON of which a canonical form exists.
///
/// # Errors
/// [`CanonicalError::Read`] for what isn't JSON, for a key that an object has twice, for a number
/// that isn't a count.
pub fn parse(bytes: &[u8]) -> Result<Value, CanonicalError> {
    Ok(serde_json::from_slice::<Strict>(bytes)?.0)
}

/// The canonical bytes of a value.
///
/// # Errors
/// [`CanonicalError::Number`] when it holds a number that isn't a count.
pub fn bytes(value: &Value) -> Result<Vec<u8>, CanonicalError> {
    let mut text = String::new();
    write(&mut text, value, count)?;
    Ok(text.into_bytes())
}

/// The canonical bytes of a value that may hold any number. Whole numbers keep all their digits,
/// where RFC 8785 would round those past 2^53: a point's id may be one of them.
pub fn bytes_of_any(value: &Value) -> Vec<u8> {
    let mut text = String::new();
    // No number is refused, so nothing is.
    write(&mut text, value, |text, number| {
        any_number(text, number);
        Ok(())
    })
    .unwrap_or_default();
    text.into_bytes()
}

type WriteNumber = fn(&mut String, &Number) -> Result<(), CanonicalError>;

fn write(
    text: &mut String,
    value: &Value,
    write_number: WriteNumber,
) -> Result<(), CanonicalError> {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(true) => text.push_str("true"),
        Value::Bool(false) => text.push_str("false"),
        Value::Number(number) => write_number(text, number)?,
        Value::String(string) => quote(text, string),
        Value::Array(items) => {
            text.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                write(text, item, write_number)?;
            }
            text.push(']');
        }
        Value::Object(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_by(|(left, _), (right, _)| left.encode_utf16().cmp(right.encode_utf16()));
            text.push('{');
            for (place, (key, value)) in entries.into_iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                quote(text, key);
                text.push(':');
                write(text, value, write_number)?;
            }
            text.push('}');
        }
    }
    Ok(())
}

fn quote(text: &mut String, string: &str) {
    text.push('"');
    for c in string.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\u{8}' => text.push_str("\\b"),
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\u{c}' => text.push_str("\\f"),
            '\r' => text.push_str("\\r"),
            '\0'..='\u{1f}' => append(text, format_args!("\\u{:04x}", u32::from(c))),
            _ => text.push(c),
        }
    }
    text.push('"');
}

fn count(text: &mut String, number: &Number) -> Result<(), CanonicalError> {
    match number.as_u64() {
        Some(count) if count <= COUNT_MAX => {
            append(text, format_args!("{count}"));
            Ok(())
        }
        Some(_) | None => Err(CanonicalError::Number),
    }
}

/// As ECMAScript writes a number, but that whole numbers keep their digits.
fn any_number(text: &mut String, number: &Number) {
    if number.is_u64() || number.is_i64() {
        append(text, format_args!("{number}"));
        return;
    }
    let float = number.as_f64().unwrap_or_default();
    if float == 0.0 {
        text.push('0');
        return;
    }
    // The shortest digits that give the number back, as `d.ddde-7`.
    let shortest = format!("{:e}", float.abs());
    let (digits, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let digits: String = digits.chars().filter(|c| *c != '.').collect();
    let point = exponent.parse::<i32>().unwrap_or_default() + 1;
    if float < 0.0 {
        text.push('-');
    }
    let whole = usize::try_from(point).unwrap_or(0);
    match point {
        1..=21 if digits.len() <= whole => {
            text.push_str(&digits);
            text.push_str(&"0".repeat(whole - digits.len()));
        }
        1..=21 => {
            let (before, after) = digits.split_at(whole);
            append(text, format_args!("{before}.{after}"));
        }
        -5..=0 => {
            let zeros = "0".repeat(usize::try_from(-point).unwrap_or(0));
            append(text, format_args!("0.{zeros}{digits}"));
        }
        _ => {
            let (first, rest) = digits.split_at(1);
            let dot = if rest.is_empty() { "" } else { "." };
            append(text, format_args!("{first}{dot}{rest}e{:+}", point - 1));
        }
    }
}

fn append(text: &mut String, what: fmt::Arguments<'_>) {
    // Writing to a string can't fail.
    text.write_fmt(what).unwrap_or_default();
}

/// A value that was read strictly.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "an object, array, string, boolean, null or whole number from 0 to {COUNT_MAX}"
        )
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        if value > COUNT_MAX {
            return Err(E::invalid_value(de::Unexpected::Unsigned(value), &self));
        }
        Ok(value.into())
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((key, Strict(value))) = entries.next_entry::<String, _>()? {
            if object.insert(key, value).is_some() {
                return Err(de::Error::custom("an object has a key twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

/// Why something has no canonical form.
#[derive(Debug, thiserror::Error)]
pub enum CanonicalError {
    /// It isn't JSON, or not of the restricted kind.
    #[error("it isn't JSON of the kind that can be signed")]
    Read(#[from] serde_json::Error),
    /// It holds a number that isn't a count.
    #[error("a number isn't a whole number from 0 to {COUNT_MAX}")]
    Number,
}

/// The largest count: 2^53 - 1, the largest whole number that every reader of JSON keeps.
pub const COUNT_MAX: u64 = (1 << 53) - 1;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn text(value: &Value) -> String {
        String::from_utf8(bytes(value).unwrap()).unwrap()
    }

    /// Any value that has a canonical form.
    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0..=COUNT_MAX).prop_map(Value::from),
            (0..3_u64).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[\u{0}-\u{20}\"\\\\a\u{e000}\u{10000}]{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            let key = "[ab\"\u{e000}\u{10000}\n]{0,2}";
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::btree_map(key, inner, 0..6)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    /// The same value, every object's entries put in in the reverse order.
    fn reversed(value: &Value) -> Value {
        match value {
            Value::Array(items) => Value::Array(items.iter().map(reversed).collect()),
            Value::Object(entries) => {
                let entries: Vec<_> = entries.iter().collect();
                let entries = entries.into_iter().rev();
                Value::Object(entries.map(|(k, v)| (k.clone(), reversed(v))).collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
        }
    }

    proptest! {
        #[test]
        fn reading_the_bytes_gives_the_value_back(value in values()) {
            // So no two values have the same bytes.
            prop_assert_eq!(parse(&bytes(&value).unwrap()).unwrap(), value);
        }

        #[test]
        fn order_and_white_space_make_no_difference(value in values()) {
            let canonical = bytes(&value).unwrap();
            prop_assert_eq!(&bytes(&reversed(&value)).unwrap(), &canonical);
            let pretty = serde_json::to_vec_pretty(&reversed(&value)).unwrap();
            prop_assert_eq!(&bytes(&parse(&pretty).unwrap()).unwrap(), &canonical);
            prop_assert_eq!(bytes_of_any(&value), canonical);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(value) = parse(&bytes) {
                prop_assert_eq!(parse(&super::bytes(&value).unwrap()).unwrap(), value);
            }
        }

        #[test]
        fn a_float_is_written_so_that_it_is_read_back(bits in any::<u64>()) {
            let float = f64::from_bits(bits);
            prop_assume!(float.is_finite());
            let text = String::from_utf8(bytes_of_any(&json!(float))).unwrap();
            prop_assert_eq!(text.parse::<f64>().unwrap(), float);
        }
    }

    #[test]
    fn keys_stand_in_the_order_of_rfc_8785() {
        // The example of its section 3.2.3: by UTF-16 code units, U+1F600 before U+FB33.
        let value = json!({
            "\u{20ac}": "Euro Sign", "\r": "Carriage Return", "\u{fb33}": "Hebrew Letter Dalet With Dagesh",
            "1": "One", "\u{1f600}": "Emoji: Grinning Face", "\u{80}": "Control", "\u{f6}": "Latin Small Letter O With Diaeresis"
        });
        assert_eq!(
            text(&value),
            "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\
             \"\u{f6}\":\"Latin Small Letter O With Diaeresis\",\"\u{20ac}\":\"Euro Sign\",\
             \"\u{1f600}\":\"Emoji: Grinning Face\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}"
        );
        assert_eq!(
            text(&json!("\u{20ac}$\u{f}\nA'B\"\\\"/\u{7f}")),
            "\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\"/\u{7f}\""
        );
    }

    #[test]
    fn what_readers_of_json_disagree_about_is_refused() {
        for text in [
            "1.0",
            "1e2",
            "-1",
            "-0",
            "9007199254740992",
            "18446744073709551616",
            "[0.5]",
            "{\"a\":1,\"a\":1}",
            "{\"a\":1,\"\\u0061\":2}",
            "\"\\ud800\"",
            "",
            "{} {}",
            "NaN",
            "01",
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        assert_eq!(parse(b"9007199254740991").unwrap(), json!(COUNT_MAX));
        for value in [json!(0.5), json!(-1), json!(COUNT_MAX + 1), json!([1.0])] {
            assert!(bytes(&value).is_err(), "{value}");
        }
    }

    #[test]
    fn numbers_of_a_scope_are_written_as_ecmascript_writes_them() {
        // From RFC 8785, appendix B, and whole numbers that a double can't hold.
        for (number, expected) in [
            (json!(5e-324), "5e-324"),
            (json!(-5e-324), "-5e-324"),
            (
                json!(1.797_693_134_862_315_7e308),
                "1.7976931348623157e+308",
            ),
            (json!(9_007_199_254_740_992.0), "9007199254740992"),
            (
                json!(295_147_905_179_352_830_000.0),
                "295147905179352830000",
            ),
            (json!(9.999_999_999_999_997e22), "9.999999999999997e+22"),
            (json!(1e23), "1e+23"),
            (json!(1e21), "1e+21"),
            (
                json!(999_999_999_999_999_900_000.0),
                "999999999999999900000",
            ),
            (json!(9.999_999_999_999_997e-7), "9.999999999999997e-7"),
            (json!(0.000_001), "0.000001"),
            (json!(333_333_333.333_333_3), "333333333.3333333"),
            (json!(-0.0), "0"),
            (json!(4.5), "4.5"),
            (json!(-7), "-7"),
            (json!(u64::MAX), "18446744073709551615"),
        ] {
            assert_eq!(String::from_utf8(bytes_of_any(&number)).unwrap(), expected);
        }
    }
}
