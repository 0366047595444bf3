//! A collection's retention.

use super::{FormatError, Reader, VERSION, put_text};
use crate::{
    clock::Timestamp,
    partition::retention::{End, Retention, Standing},
};

/// A collection's retention, as stored.
pub(in crate::partition) fn encode_retention(standing: &Standing) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&standing.revision.to_le_bytes());
    bytes.extend_from_slice(&standing.since.0.to_le_bytes());
    let hours = standing.retention.purge_within_hours().unwrap_or(0);
    bytes.extend_from_slice(&hours.to_le_bytes());
    match standing.retention.end() {
        None => bytes.push(0),
        Some(End::Days(days)) => {
            bytes.push(1);
            bytes.extend_from_slice(&days.to_le_bytes());
        }
        Some(End::Field { text, .. }) => {
            bytes.push(2);
            put_text(&mut bytes, text);
        }
    }
    bytes
}

/// Reads a collection's retention back.
pub(in crate::partition) fn decode_retention(bytes: &[u8]) -> Result<Standing, FormatError> {
    let mut reader = Reader(bytes);
    reader.version()?;
    let (revision, since) = (reader.u64()?, Timestamp(reader.u64()?));
    let hours = Some(reader.u32()?).filter(|hours| *hours > 0);
    let (mut days, mut field) = (None, None);
    match reader.u8()? {
        0 => {}
        1 => days = Some(u64::from(reader.u32()?)),
        2 => field = Some(reader.text()?),
        _ => return Err(FormatError),
    }
    reader.end()?;
    let retention = Retention::new(days, field, hours.map(u64::from)).map_err(|_| FormatError)?;
    Ok(Standing {
        retention,
        revision,
        since,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn standing(days: Option<u64>, field: Option<&str>, hours: Option<u64>) -> Standing {
        Standing {
            retention: Retention::new(days, field, hours).unwrap(),
            revision: 7,
            since: Timestamp(1_800_000_000_000),
        }
    }

    #[test]
    fn golden_retentions_of_version_1_read_back() {
        let golden = include_bytes!("../../../tests/golden/retention.v1.bin");
        let by_field = standing(None, Some("meta.expires_at"), Some(48));
        assert_eq!(encode_retention(&by_field), golden);
        assert_eq!(decode_retention(golden), Ok(by_field));
        let golden = include_bytes!("../../../tests/golden/retention_days.v1.bin");
        let by_days = standing(Some(30), None, None);
        assert_eq!(encode_retention(&by_days), golden);
        assert_eq!(decode_retention(golden), Ok(by_days));
        let bound = standing(None, None, Some(1));
        assert_eq!(decode_retention(&encode_retention(&bound)), Ok(bound));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..100),
            at in any::<prop::sample::Index>(),
            flip in 1_u8..,
        ) {
            drop(decode_retention(&bytes));
            let mut whole = encode_retention(&standing(None, Some("a.b[]"), Some(3)));
            let at = at.index(whole.len());
            prop_assert!(decode_retention(&whole[..at]).is_err());
            whole[at] ^= flip;
            drop(decode_retention(&whole));
        }
    }
}
