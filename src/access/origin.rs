//! Where a request comes from, as far as a key may be bound to it.

use std::{fmt, net::IpAddr};

use serde::{Deserialize, Serialize};

use crate::seal;

/// Where a request comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Origin {
    /// The client's address.
    pub ip: Option<IpAddr>,
    /// The certificate that it showed, whose key it has.
    pub certificate: Option<Fingerprint>,
}

/// SHA-256 of a certificate's DER.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// A certificate's fingerprint.
    pub fn of(der: &[u8]) -> Self {
        Self(seal::digest(&[der]))
    }

    /// Parses 64 hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |at: usize| char::from(*pair.get(at)?).to_digit(16);
            *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_reads_what_it_writes_and_nothing_else() {
        let print = Fingerprint::of(b"a certificate");
        assert_eq!(Fingerprint::parse(&print.to_string()), Some(print));
        for wrong in [
            "",
            "00",
            &"g".repeat(64),
            &"+1".repeat(32),
            &format!("{print}0"),
        ] {
            assert_eq!(Fingerprint::parse(wrong), None, "{wrong}");
        }
    }
}
