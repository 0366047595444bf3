//! How many points of a collection have ended that no sweep has told of.

use super::{FormatError, Reader, VERSION};

/// That number, as stored.
pub(in crate::partition) fn encode_untold(points: u64) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&points.to_le_bytes());
    bytes
}

/// Reads it back.
pub(in crate::partition) fn decode_untold(bytes: &[u8]) -> Result<u64, FormatError> {
    let mut reader = Reader(bytes);
    reader.version()?;
    let points = reader.u64()?;
    reader.end()?;
    Ok(points)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_golden_count_of_version_1_reads_back() {
        let golden = include_bytes!("../../../tests/golden/untold.v1.bin");
        assert_eq!(encode_untold(25_002), golden);
        assert_eq!(decode_untold(golden), Ok(25_002));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..20),
            points in any::<u64>(),
            at in any::<prop::sample::Index>(),
        ) {
            if let Ok(points) = decode_untold(&bytes) {
                prop_assert_eq!(encode_untold(points), bytes);
            }
            let whole = encode_untold(points);
            prop_assert_eq!(decode_untold(&whole), Ok(points));
            prop_assert!(decode_untold(&whole[..at.index(whole.len())]).is_err());
            prop_assert!(decode_untold(&[whole, vec![0]].concat()).is_err());
        }
    }
}
