//! Compact JWTs (RFC 7519), read strictly: nothing is believed here, and nothing is read twice.
//!
//! **Invariant:** a header or a set of claims that names a member twice is refused: two readers of
//! it might disagree. **Invariant:** no bytes make this panic or allocate more than they are.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::Value;

/// A token in its parts, not yet believed.
#[derive(Debug)]
pub(super) struct Jwt<'a> {
    pub(super) header: Object,
    pub(super) claims: Object,
    /// What the signature is over.
    pub(super) signed: &'a str,
    /// The signature, in base64url.
    pub(super) signature: &'a str,
}

impl<'a> Jwt<'a> {
    /// Whether a credential wants to be a token: then it is judged as one and as nothing else.
    pub(super) fn looks_like_one(text: &str) -> bool {
        text.starts_with("eyJ") && text.bytes().filter(|byte| *byte == b'.').count() == 2
    }

    /// Takes a token apart.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        if text.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let jwt = Self {
            header: Object::decode(header)?,
            claims: Object::decode(claims)?,
            signed,
            signature,
        };
        // Extensions that must be understood aren't.
        jwt.header.find("crit").is_none().then_some(jwt)
    }
}

/// A JSON object whose members' names are all different.
#[derive(Debug)]
pub(super) struct Object(Vec<(String, Value)>);

impl Object {
    fn decode(part: &str) -> Option<Self> {
        let json = URL_SAFE_NO_PAD.decode(part).ok()?;
        serde_json::from_slice(&json).ok()
    }

    pub(super) fn find(&self, name: &str) -> Option<&Value> {
        let member = self.0.iter().find(|(member, _)| member == name);
        member.map(|(_, value)| value)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.find(name)?.as_str()
    }

    /// A time in seconds since 1970, in milliseconds. Fractions of a second are cut off.
    pub(super) fn time(&self, name: &str) -> Option<u64> {
        let value = self.find(name)?;
        let seconds = value.as_u64().or_else(|| {
            // Bounded so that it is exact.
            let seconds = value.as_f64()?;
            let fits = (0.0..=9_007_199_254_740_991.0).contains(&seconds);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "bounded above, and cutting off is meant"
            )]
            fits.then_some(seconds as u64)
        })?;
        seconds.checked_mul(1000)
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut members: Vec<(String, Value)> = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if members.len() == MEMBERS_MAX {
                        return Err(A::Error::custom("too many members"));
                    }
                    if members.iter().any(|(member, _)| *member == name) {
                        return Err(A::Error::custom("a member that is named twice"));
                    }
                    members.push((name, map.next_value()?));
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// Longest token.
const TOKEN_BYTES_MAX: usize = 8 << 10;
/// Most members of a header or of claims.
const MEMBERS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token(header: &str, claims: &str) -> String {
        let [header, claims] = [header, claims].map(|json| URL_SAFE_NO_PAD.encode(json));
        format!("{header}.{claims}.c2ln")
    }

    #[test]
    fn a_token_is_read_and_anything_odd_isnt() {
        let good = token(r#"{"alg":"EdDSA","kid":"k"}"#, r#"{"sub":"s","exp":7}"#);
        assert!(Jwt::looks_like_one(&good));
        let jwt = Jwt::parse(&good).unwrap();
        assert_eq!(jwt.header.text("kid"), Some("k"));
        assert_eq!(jwt.claims.time("exp"), Some(7000));
        for odd in [
            token(r#"{"alg":"EdDSA","alg":"none"}"#, "{}"),
            token("{}", r#"{"sub":"a","sub":"b"}"#),
            token("{}", r#"{"sub":"a","\u0073ub":"b"}"#),
            token(r#"{"crit":["exp"]}"#, "{}"),
            token("[]", "{}"),
            token("{}", "null"),
            token("{}", "{} "),
            "eyJ.eyJ.".to_owned(),
            "..".to_owned(),
            format!("{good}.more"),
            good.replacen('.', "=.", 1),
            token(
                "{}",
                &format!(r#"{{"long":"{}"}}"#, "a".repeat(TOKEN_BYTES_MAX)),
            ),
        ] {
            let read = Jwt::parse(&odd);
            // White space behind an object is JSON, and harmless.
            assert!(read.is_none() || odd == token("{}", "{} "), "{odd}");
        }
    }

    #[test]
    fn times_that_arent_are_none() {
        for (json, time) in [
            ("7", Some(7000)),
            ("7.9", Some(7000)),
            ("-1", None),
            ("1e300", None),
            ("18446744073709551615", None),
            (r#""7""#, None),
            ("null", None),
        ] {
            let object: Object = serde_json::from_str(&format!(r#"{{"exp":{json}}}"#)).unwrap();
            assert_eq!(object.time("exp"), time, "{json}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in ".{0,200}", parts in "[A-Za-z0-9_-]{0,60}\\.[A-Za-z0-9_-]{0,60}\\.[A-Za-z0-9_-]{0,20}") {
            Jwt::parse(&text);
            Jwt::parse(&parts);
        }

        #[test]
        fn no_json_makes_the_reader_panic(header in "[{}\\[\\]\",:a-z0-9\\\\ ]{0,60}", claims in "[{}\\[\\]\",:a-z0-9\\\\ ]{0,60}") {
            Jwt::parse(&token(&header, &claims));
        }
    }
}
