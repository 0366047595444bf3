//! Raw AES-256-GCM, HKDF, HMAC and SHA-256. Private; the sole importer of the crypto crates.
//!
//! AES-GCM: NIST SP 800-38D. HKDF: RFC 5869. HMAC: RFC 2104.

#[cfg(not(feature = "bench-plain-cipher"))]
use aes_gcm::{
    Aes256Gcm, Nonce, Tag,
    aead::{AeadInOut, inout::InOutBuf},
};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// 32 secret bytes that wipe themselves.
pub(super) type Secret = Zeroizing<[u8; 32]>;

#[cfg(feature = "bench-plain-cipher")]
pub(super) use super::copying::Cipher;

/// AES-256-GCM under one key. The key schedule and GHASH table are made once and wiped on drop.
#[cfg(not(feature = "bench-plain-cipher"))]
pub(super) struct Cipher(Aes256Gcm);

#[cfg(not(feature = "bench-plain-cipher"))]
impl Cipher {
    pub(super) fn new(secret: &Secret) -> Self {
        Self(Aes256Gcm::new((&**secret).into()))
    }

    /// Seals `buffer[from..]` in place and appends the tag.
    pub(super) fn seal(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        buffer: &mut Vec<u8>,
        from: usize,
    ) -> Result<(), Failed> {
        let body = buffer.get_mut(from..).ok_or(Failed)?;
        let tag = self
            .0
            .encrypt_inout_detached(&Nonce::from(*nonce), aad, body.into())
            .map_err(|_| Failed)?;
        buffer.extend_from_slice(&tag);
        Ok(())
    }

    /// Opens `sealed` into a place that is exactly as long as its plain text. The tag is checked
    /// before anything is decrypted or written there.
    pub(super) fn open_into(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        sealed: &[u8],
        plain: &mut [u8],
    ) -> Result<(), Failed> {
        let (body, tag) = sealed.split_last_chunk::<TAG_BYTES>().ok_or(Failed)?;
        let buffer = InOutBuf::new(body, plain).map_err(|_| Failed)?;
        self.0
            .decrypt_inout_detached(&Nonce::from(*nonce), aad, buffer, &Tag::from(*tag))
            .map_err(|_| Failed)
    }
}

impl Cipher {
    /// Opens `sealed` (ciphertext, then tag). The tag is checked before anything is decrypted.
    pub(super) fn open(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Vec<u8>, Failed> {
        let length = sealed.len().checked_sub(TAG_BYTES).ok_or(Failed)?;
        let mut plain = vec![0; length];
        self.open_into(nonce, aad, sealed, &mut plain)?;
        Ok(plain)
    }
}

/// Something didn't hold. Which thing isn't told.
#[derive(Debug)]
pub(super) struct Failed;

/// A sub-key for one purpose.
#[expect(
    clippy::expect_used,
    reason = "a wrong length is a bug here; no key may come of it"
)]
pub(super) fn derive(secret: &Secret, purpose: &[u8]) -> Secret {
    let mut derived = Secret::default();
    Hkdf::<Sha256>::new(None, &**secret)
        .expand(purpose, &mut *derived)
        .expect("32 bytes are within the limit of 255 hashes");
    derived
}

/// HMAC-SHA256.
#[expect(
    clippy::expect_used,
    reason = "a wrong length is a bug here; no hash may come of it"
)]
pub(super) fn mac(secret: &Secret, message: &[u8]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&**secret)
        .expect("HMAC takes a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// SHA-256 of the parts, one after the other.
pub(super) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// Compares without telling, by the time it takes, where the difference is.
pub(super) fn equal(left: &[u8; 32], right: &[u8; 32]) -> bool {
    left.ct_eq(right).into()
}

/// As [`equal`], for texts; their lengths may be told.
pub(super) fn equal_slices(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

pub(super) const NONCE_BYTES: usize = 12;
pub(super) const TAG_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn unhex<const N: usize>(text: &str) -> [u8; N] {
        hex(text).try_into().unwrap()
    }

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
            .collect()
    }

    /// McGrew and Viega, "The Galois/Counter Mode of Operation", test cases 13 to 16 (the ones
    /// with 256-bit keys and 96-bit nonces), which NIST's CAVP set repeats.
    #[test]
    fn aes_256_gcm_gives_the_published_answers() {
        let long_key = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
        let zero_key = "0".repeat(64);
        let cases = [
            (
                zero_key.as_str(),
                "000000000000000000000000",
                "",
                "",
                "530f8afbc74536b9a963b4f1c4cb738b",
            ),
            (
                zero_key.as_str(),
                "000000000000000000000000",
                "00000000000000000000000000000000",
                "",
                "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919",
            ),
            (
                long_key,
                "cafebabefacedbaddecaf888",
                "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
                "",
                "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015adb094dac5d93471bdec1a502270e3cc6c",
            ),
            (
                long_key,
                "cafebabefacedbaddecaf888",
                "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
                "feedfacedeadbeeffeedfacedeadbeefabaddad2",
                "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b",
            ),
        ];
        for (key, nonce, plain, aad, sealed) in cases {
            let cipher = Cipher::new(&Zeroizing::new(unhex(key)));
            let mut buffer = hex(plain);
            cipher
                .seal(&unhex(nonce), &hex(aad), &mut buffer, 0)
                .unwrap();
            assert_eq!(buffer, hex(sealed));
            assert_eq!(
                cipher.open(&unhex(nonce), &hex(aad), &buffer).unwrap(),
                hex(plain)
            );
            for position in 0..buffer.len() {
                let mut changed = buffer.clone();
                changed[position] ^= 1;
                assert!(cipher.open(&unhex(nonce), &hex(aad), &changed).is_err());
            }
        }
    }

    /// RFC 5869, test case 3 (no salt, no info), first 32 bytes of the output.
    #[test]
    fn hkdf_and_hmac_give_the_published_answers() {
        let expected: [u8; 32] =
            unhex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
        let mut derived = [0; 32];
        Hkdf::<Sha256>::new(None, &[0x0b; 22])
            .expand(b"", &mut derived)
            .unwrap();
        assert_eq!(derived, expected);
        // HMAC with a 32-byte key: RFC 4231 has none, so against its definition over SHA-256.
        let key = [7_u8; 32];
        let padded = |pad: u8| {
            let mut block = [pad; 64];
            for (byte, key) in block.iter_mut().zip(key) {
                *byte ^= key;
            }
            block
        };
        let inner = sha256(&[&padded(0x36), b"message"]);
        assert_eq!(
            mac(&Zeroizing::new(key), b"message"),
            sha256(&[&padded(0x5c), &inner])
        );
    }
}
