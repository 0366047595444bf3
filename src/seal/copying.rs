//! A cipher that copies, for the bench that tells what encryption costs. It protects nothing.
//!
//! Only in builds with the feature `bench-plain-cipher`, which refuse to serve and write another
//! envelope version. Values are as long as sealed ones, so that the disk has the same to do.

use super::hazmat::{Failed, NONCE_BYTES, Secret, TAG_BYTES};

/// Stands where AES-256-GCM does.
pub(super) struct Cipher;

impl Cipher {
    pub(super) fn new(_: &Secret) -> Self {
        Self
    }

    /// Leaves `buffer[from..]` as it is and appends an empty tag.
    #[expect(clippy::unused_self, reason = "the cipher's own signature")]
    pub(super) fn seal(
        &self,
        _: &[u8; NONCE_BYTES],
        _: &[u8],
        buffer: &mut Vec<u8>,
        from: usize,
    ) -> Result<(), Failed> {
        buffer.get(from..).ok_or(Failed)?;
        buffer.extend_from_slice(&[0; TAG_BYTES]);
        Ok(())
    }

    /// Copies what stands before an empty tag to its place.
    #[expect(clippy::unused_self, reason = "the cipher's own signature")]
    pub(super) fn open_into(
        &self,
        _: &[u8; NONCE_BYTES],
        _: &[u8],
        sealed: &[u8],
        plain: &mut [u8],
    ) -> Result<(), Failed> {
        let (body, tag) = sealed.split_last_chunk::<TAG_BYTES>().ok_or(Failed)?;
        if *tag != [0; TAG_BYTES] || body.len() != plain.len() {
            return Err(Failed);
        }
        plain.copy_from_slice(body);
        Ok(())
    }
}
