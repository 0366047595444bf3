//! What a backup looks like on disk, and on its way elsewhere. Version first; all numbers big-endian.
//!
//! ```text
//! manifest  magic "LCLB" | version u8 = 1 | backup id 16 | tenant uuid 16 | generation u32
//!           | made at, ms since 1970 u64 | sequence number of the last write u64 | points u64
//!           | records u64 | SHA-256 of the manifest before it 32 (zeros: it is the first)
//!           | blocks u32, each: SHA-256 32, length u32
//!           | HMAC-SHA-256 of all that under the generation's manifest key 32
//!           | SHA-256 of all that 32
//! block     records, each: storage key 13 | length u32 | sealed value
//! file      magic "LCLF" | version u8 = 1 | length of the manifest u32 | manifest
//!           | the blocks, in the manifest's order, one behind the other
//! ```
//!
//! The HMAC tells that a manifest is the server's own; it takes the generation's key to check. The
//! SHA-256 at the end, and the one of the manifest before, are for whoever has no key.
//!
//! **Invariant:** no bytes make a decoder panic or allocate more than they are long.

use super::record::BackupId;
use crate::{
    clock::Timestamp,
    seal::{self, ManifestKey},
    store::StorageKey,
    tenant::{Generation, TenantUuid},
};

/// A backup's table of contents.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Manifest {
    /// The backup's number.
    pub(super) id: BackupId,
    /// Whose data it is.
    pub(super) tenant: TenantUuid,
    /// Which generation's key opens it.
    pub(super) generation: Generation,
    /// The moment that it is of.
    pub(super) made: Timestamp,
    /// The sequence number of the last write that is in it.
    pub(super) seq: u64,
    /// Its points.
    pub(super) points: u64,
    /// Its sealed values.
    pub(super) records: u64,
    /// The SHA-256 of the bytes of the manifest before it.
    pub(super) previous: [u8; 32],
    /// Its blocks.
    pub(super) blocks: Vec<Block>,
}

/// A block, by what is in it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Block {
    /// The SHA-256 of its bytes.
    pub(super) digest: [u8; 32],
    /// How long it is.
    pub(super) length: u32,
}

/// Not a manifest, or not a whole one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a backup's bytes are damaged, or not of a known format")]
pub(super) struct FormatError;

impl Manifest {
    /// Bytes of all blocks.
    pub(super) fn block_bytes(&self) -> u64 {
        self.blocks
            .iter()
            .map(|block| u64::from(block.length))
            .sum()
    }

    /// The manifest's bytes, vouched for.
    pub(super) fn encode(&self, key: &ManifestKey) -> Vec<u8> {
        let mut bytes = self.encode_body();
        bytes.extend_from_slice(&key.vouch(&bytes));
        bytes.extend_from_slice(&seal::digest(&[&bytes]));
        bytes
    }

    fn encode_body(&self) -> Vec<u8> {
        let mut bytes = MANIFEST_MAGIC.to_vec();
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.id.0);
        bytes.extend_from_slice(self.tenant.as_bytes());
        bytes.extend_from_slice(&self.generation.0.to_be_bytes());
        for number in [self.made.0, self.seq, self.points, self.records] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&self.previous);
        // A backup of 2^32 blocks would be of petabytes.
        let count = u32::try_from(self.blocks.len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&count.to_be_bytes());
        for block in &self.blocks {
            bytes.extend_from_slice(&block.digest);
            bytes.extend_from_slice(&block.length.to_be_bytes());
        }
        bytes
    }

    /// Reads a manifest back, and checks what can be checked without a key.
    ///
    /// # Errors
    /// [`FormatError`].
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let (said, digest) = bytes.split_last_chunk::<32>().ok_or(FormatError)?;
        if seal::digest(&[said]) != *digest {
            return Err(FormatError);
        }
        let (body, _) = said.split_last_chunk::<32>().ok_or(FormatError)?;
        let mut reader = Reader(body);
        if reader.array()? != *MANIFEST_MAGIC || reader.array()? != [VERSION] {
            return Err(FormatError);
        }
        let mut manifest = Self {
            id: BackupId(reader.array()?),
            tenant: TenantUuid::from_bytes(reader.array()?),
            generation: Generation(reader.u32()?),
            made: Timestamp(reader.u64()?),
            seq: reader.u64()?,
            points: reader.u64()?,
            records: reader.u64()?,
            previous: reader.array()?,
            blocks: Vec::new(),
        };
        let count = reader.u32()?;
        if reader.0.len() != usize::try_from(count).map_err(|_| FormatError)? * ENTRY_BYTES {
            return Err(FormatError);
        }
        for _ in 0..count {
            manifest.blocks.push(Block {
                digest: reader.array()?,
                length: reader.u32()?,
            });
        }
        Ok(manifest)
    }

    /// Reads a manifest back, if the key vouches for it.
    ///
    /// # Errors
    /// [`FormatError`].
    pub(super) fn open(bytes: &[u8], key: &ManifestKey) -> Result<Self, FormatError> {
        let manifest = Self::decode(bytes)?;
        let (said, _) = bytes.split_last_chunk::<32>().ok_or(FormatError)?;
        let (body, vouched) = said.split_last_chunk::<32>().ok_or(FormatError)?;
        if key.vouched(body, vouched) {
            Ok(manifest)
        } else {
            Err(FormatError)
        }
    }
}

/// Adds a record to a block.
pub(super) fn put_record(block: &mut Vec<u8>, at: StorageKey, sealed: &[u8]) {
    block.extend_from_slice(at.as_bytes());
    // A sealed value is a row at the most, bounded far below 4 GiB on its way in.
    let length = u32::try_from(sealed.len()).unwrap_or(u32::MAX);
    block.extend_from_slice(&length.to_be_bytes());
    block.extend_from_slice(sealed);
}

/// Takes the next record off a block's front; nothing at its end.
pub(super) fn take_record(block: &mut &[u8]) -> Result<Option<(StorageKey, Vec<u8>)>, FormatError> {
    if block.is_empty() {
        return Ok(None);
    }
    let mut reader = Reader(block);
    let at = StorageKey::from_bytes(reader.take(KEY_BYTES)?).ok_or(FormatError)?;
    let length = usize::try_from(reader.u32()?).map_err(|_| FormatError)?;
    let sealed = reader.take(length)?.to_vec();
    *block = reader.0;
    Ok(Some((at, sealed)))
}

/// What stands before the manifest in a file.
pub(super) fn file_header(manifest_bytes: usize) -> Vec<u8> {
    let mut bytes = FILE_MAGIC.to_vec();
    bytes.push(VERSION);
    let length = u32::try_from(manifest_bytes).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes
}

/// How long the manifest is that comes behind a file's header.
pub(super) fn manifest_length(header: &[u8; FILE_HEADER_BYTES]) -> Result<usize, FormatError> {
    let mut reader = Reader(header);
    if reader.array()? != *FILE_MAGIC || reader.array()? != [VERSION] {
        return Err(FormatError);
    }
    let length = usize::try_from(reader.u32()?).map_err(|_| FormatError)?;
    if length > MANIFEST_BYTES_MAX {
        return Err(FormatError);
    }
    Ok(length)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], FormatError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(FormatError)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        self.take(N)?.try_into().map_err(|_| FormatError)
    }

    fn u32(&mut self) -> Result<u32, FormatError> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, FormatError> {
        self.array().map(u64::from_be_bytes)
    }
}

pub(super) const MANIFEST_MAGIC: &[u8; 4] = b"LCLB";
const FILE_MAGIC: &[u8; 4] = b"LCLF";
const VERSION: u8 = 1;
const ENTRY_BYTES: usize = 36;
const KEY_BYTES: usize = 13;
/// Bytes before the manifest of a file.
pub(super) const FILE_HEADER_BYTES: usize = 9;
/// Longest manifest: 1.8 million blocks, some terabytes.
const MANIFEST_BYTES_MAX: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn a_manifest() -> Manifest {
        let block = |number: u8| Block {
            digest: [number; 32],
            length: u32::from(number) * 1000,
        };
        Manifest {
            id: BackupId([1; 16]),
            tenant: TenantUuid::from_bytes([2; 16]),
            generation: Generation(3),
            made: Timestamp(1_800_000_000_000),
            seq: 5,
            points: 6,
            records: 9,
            previous: [7; 32],
            blocks: vec![block(8), block(9)],
        }
    }

    fn key(byte: u8) -> ManifestKey {
        seal::fixed_generation_key(byte).derive_manifest_key()
    }

    #[test]
    fn a_golden_manifest_of_version_1_reads_back() {
        let golden = include_bytes!("../../../tests/golden/backup_manifest.v1.bin");
        assert_eq!(a_manifest().encode(&key(1)), golden);
        assert_eq!(Manifest::open(golden, &key(1)), Ok(a_manifest()));
        assert_eq!(Manifest::open(golden, &key(2)), Err(FormatError));
        assert_eq!(Manifest::decode(golden), Ok(a_manifest()));
    }

    #[test]
    fn a_golden_block_of_version_1_reads_back() {
        let golden = include_bytes!("../../../tests/golden/backup_block.v1.bin");
        let records = [
            (StorageKey::head(), b"sealed".to_vec()),
            (StorageKey::row(7, 9), Vec::new()),
        ];
        let mut block = Vec::new();
        for (at, sealed) in &records {
            put_record(&mut block, *at, sealed);
        }
        assert_eq!(block, golden);
        let mut rest = &golden[..];
        for record in records {
            assert_eq!(take_record(&mut rest), Ok(Some(record)));
        }
        assert_eq!(take_record(&mut rest), Ok(None));
        assert_eq!(file_header(300), b"LCLF\x01\0\0\x01\x2c");
    }

    proptest! {
        #[test]
        fn a_manifest_that_was_changed_anywhere_is_refused(
            at in any::<prop::sample::Index>(),
            flip in 1_u8..,
        ) {
            let mut bytes = a_manifest().encode(&key(1));
            let at = at.index(bytes.len());
            prop_assert!(Manifest::decode(&bytes[..at]).is_err());
            bytes[at] ^= flip;
            prop_assert!(Manifest::decode(&bytes).is_err());
            // Whoever changes it may make the digest anew, but not what the key says.
            let digest_at = bytes.len() - 32;
            let digest = seal::digest(&[&bytes[..digest_at]]);
            bytes[digest_at..].copy_from_slice(&digest);
            if at < digest_at {
                prop_assert!(Manifest::open(&bytes, &key(1)).is_err());
            }
        }

        #[test]
        fn no_bytes_make_a_decoder_panic(
            mut bytes in prop::collection::vec(any::<u8>(), 0..400),
            header: [u8; FILE_HEADER_BYTES],
        ) {
            drop(Manifest::decode(&bytes));
            let digest = seal::digest(&[&bytes]);
            let mut rest = &bytes[..];
            while let Ok(Some(_)) = take_record(&mut rest) {}
            let _ = manifest_length(&header);
            bytes.extend_from_slice(&digest);
            drop(Manifest::decode(&bytes));
        }
    }
}
