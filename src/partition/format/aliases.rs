//! A partition's aliases, each with the number of its collection.

use super::{FormatError, Reader, VERSION, put_length, put_text};
use crate::tenant::CollectionName;

/// All aliases, as stored.
pub(in crate::partition) fn encode_aliases(aliases: &[(&CollectionName, u32)]) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    put_length(&mut bytes, aliases.len());
    for (name, collection) in aliases {
        put_text(&mut bytes, name.as_str());
        bytes.extend_from_slice(&collection.to_le_bytes());
    }
    bytes
}

/// Reads all aliases back.
pub(in crate::partition) fn decode_aliases(
    bytes: &[u8],
) -> Result<Vec<(CollectionName, u32)>, FormatError> {
    let mut reader = Reader(bytes);
    reader.version()?;
    let mut aliases = Vec::new();
    for _ in 0..reader.u32()? {
        let name = CollectionName::parse(reader.text()?).map_err(|_| FormatError)?;
        aliases.push((name, reader.u32()?));
    }
    reader.end()?;
    Ok(aliases)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn two_aliases() -> Vec<(CollectionName, u32)> {
        let name = |text| CollectionName::parse(text).unwrap();
        vec![(name("latest"), 7), (name("N\u{e4}he"), 1)]
    }

    fn encoded() -> Vec<u8> {
        let aliases = two_aliases();
        encode_aliases(
            &aliases
                .iter()
                .map(|(name, of)| (name, *of))
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn golden_aliases_of_version_1_read_back() {
        let golden = include_bytes!("../../../tests/golden/aliases.v1.bin");
        assert_eq!(encoded(), golden);
        assert_eq!(decode_aliases(golden), Ok(two_aliases()));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..100),
            at in any::<prop::sample::Index>(),
            flip in 1_u8..,
        ) {
            drop(decode_aliases(&bytes));
            let mut whole = encoded();
            let at = at.index(whole.len());
            prop_assert!(decode_aliases(&whole[..at]).is_err());
            whole[at] ^= flip;
            drop(decode_aliases(&whole));
        }
    }
}
