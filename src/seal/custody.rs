//! Custody: a copy of a generation key that someone outside keeps, as an age file.
//!
//! It is for the loss of the keyring: without its key a generation can't be opened by anyone. It is
//! also a copy that the server can't shred, which is why each is recorded, and named by the
//! receipts of later erasures.
//!
//! The age file is binary (no armor). What is in it:
//!
//! ```text
//! magic "LCLC" | version u8 = 1 | tenant uuid 16 | generation u32 BE | generation key 32
//! ```
//!
//! **Invariant:** the key's bytes stand outside an age file nowhere but in this module, in memory
//! that is wiped.

use std::{
    io::{Read, Write},
    iter,
    str::FromStr,
};

use age::{
    Decryptor, Encryptor,
    secrecy::{ExposeSecret, SecretString},
};
use zeroize::Zeroizing;

use super::{
    key::GenerationKey,
    keyring::{Keyring, KeyringError},
};
use crate::tenant::{Generation, TenantUuid};

/// Who a key is sealed for.
pub enum Keeper {
    /// Whoever knows a passphrase.
    Passphrase(SecretString),
    /// Whoever has the identity that belongs to this.
    Recipient(age::x25519::Recipient),
}

impl Keeper {
    /// Someone who knows a passphrase.
    ///
    /// # Errors
    /// [`CustodyError::Passphrase`] when it is short.
    pub fn with_passphrase(passphrase: String) -> Result<Self, CustodyError> {
        let passphrase = SecretString::from(passphrase);
        if passphrase.expose_secret().chars().count() < PASSPHRASE_CHARACTERS_MIN {
            return Err(CustodyError::Passphrase);
        }
        Ok(Self::Passphrase(passphrase))
    }

    /// Someone with an age identity.
    ///
    /// # Errors
    /// [`CustodyError::Recipient`] when the text isn't a recipient.
    pub fn recipient(text: &str) -> Result<Self, CustodyError> {
        let recipient = text.trim().parse().map_err(|_| CustodyError::Recipient)?;
        Ok(Self::Recipient(recipient))
    }

    /// `passphrase`, or the recipient: what is recorded.
    pub fn name(&self) -> String {
        match self {
            Self::Passphrase(_) => "passphrase".to_owned(),
            Self::Recipient(recipient) => recipient.to_string(),
        }
    }
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keeper({})", self.name())
    }
}

/// What opens an age file.
pub enum Opener {
    /// A passphrase.
    Passphrase(SecretString),
    /// Identities.
    Identities(Vec<age::x25519::Identity>),
}

impl Opener {
    /// A passphrase.
    pub fn passphrase(passphrase: String) -> Self {
        Self::Passphrase(SecretString::from(passphrase))
    }

    /// The identities in an identity file's text, as `age-keygen` writes it.
    ///
    /// # Errors
    /// [`CustodyError::Identity`] when there is none, or one that isn't of a known kind.
    pub fn identities(text: &str) -> Result<Self, CustodyError> {
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let identities: Result<Vec<_>, _> = lines.map(FromStr::from_str).collect();
        match identities {
            Ok(identities) if !identities.is_empty() => Ok(Self::Identities(identities)),
            Ok(_) | Err(_) => Err(CustodyError::Identity),
        }
    }
}

impl std::fmt::Debug for Opener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opener(redacted)")
    }
}

/// A generation key that came back from custody. It isn't in the keyring yet.
#[derive(Debug)]
pub struct Returned(GenerationKey);

impl Returned {
    /// Opens an age file.
    ///
    /// # Errors
    /// [`CustodyError`].
    pub fn open(file: &[u8], opener: &Opener) -> Result<Self, CustodyError> {
        let decryptor = Decryptor::new_buffered(file).map_err(|_| CustodyError::NotAge)?;
        let opened = match opener {
            Opener::Passphrase(passphrase) => {
                let mut identity = age::scrypt::Identity::new(passphrase.clone());
                identity.set_max_work_factor(WORK_FACTOR_MAX);
                decryptor.decrypt(iter::once(&identity as &dyn age::Identity))
            }
            Opener::Identities(identities) => decryptor.decrypt(
                identities
                    .iter()
                    .map(|identity| identity as &dyn age::Identity),
            ),
        };
        let reader = opened.map_err(|_| CustodyError::Unopened)?;
        let mut plain = Zeroizing::new(Vec::with_capacity(PLAIN_BYTES + 1));
        reader
            .take(PLAIN_BYTES as u64 + 1)
            .read_to_end(&mut plain)
            .map_err(|_| CustodyError::Unopened)?;
        decode(&plain).map(Self).ok_or(CustodyError::NotCustody)
    }

    /// Whose key it is.
    pub const fn tenant(&self) -> TenantUuid {
        self.0.tenant()
    }

    /// Which generation's.
    pub const fn generation(&self) -> Generation {
        self.0.generation()
    }

    /// The key, to see whether it opens what it should.
    pub const fn key(&self) -> &GenerationKey {
        &self.0
    }
}

impl Keyring {
    /// Seals a generation's key for a keeper: the age file.
    ///
    /// # Errors
    /// [`CustodyError::Keyring`] when there is no such key.
    pub fn export(
        &self,
        tenant: TenantUuid,
        generation: Generation,
        keeper: &Keeper,
    ) -> Result<Vec<u8>, CustodyError> {
        let plain = encode(&self.load(tenant, generation)?);
        let encryptor = match keeper {
            Keeper::Passphrase(passphrase) => Encryptor::with_user_passphrase(passphrase.clone()),
            Keeper::Recipient(recipient) => {
                Encryptor::with_recipients(iter::once(recipient as &dyn age::Recipient))
                    .map_err(|_| CustodyError::Recipient)?
            }
        };
        let mut file = Vec::new();
        let mut writer = encryptor.wrap_output(&mut file)?;
        writer.write_all(&plain)?;
        writer.finish()?;
        Ok(file)
    }

    /// Puts a key that came back into the keyring.
    ///
    /// # Errors
    /// [`KeyringError::Exists`] when its generation has one.
    pub fn take_back(&self, returned: &Returned) -> Result<(), KeyringError> {
        self.keep(&returned.0)
    }
}

fn encode(key: &GenerationKey) -> Zeroizing<Vec<u8>> {
    let mut plain = Zeroizing::new(Vec::with_capacity(PLAIN_BYTES));
    plain.extend_from_slice(MAGIC);
    plain.push(VERSION);
    plain.extend_from_slice(key.tenant().as_bytes());
    plain.extend_from_slice(&key.generation().0.to_be_bytes());
    plain.extend_from_slice(&**key.secret());
    plain
}

fn decode(plain: &[u8]) -> Option<GenerationKey> {
    let rest = plain.strip_prefix(MAGIC)?;
    let (version, rest) = rest.split_first()?;
    let (tenant, rest) = rest.split_first_chunk::<16>()?;
    let (generation, secret) = rest.split_first_chunk::<4>()?;
    if *version != VERSION {
        return None;
    }
    GenerationKey::from_bytes(
        TenantUuid::from_bytes(*tenant),
        Generation(u32::from_be_bytes(*generation)),
        secret,
    )
}

/// Why a key wasn't exported, or didn't come back.
#[derive(Debug, thiserror::Error)]
pub enum CustodyError {
    /// The passphrase is short.
    #[error(
        "a passphrase must have at least {PASSPHRASE_CHARACTERS_MIN} characters: whoever guesses it has the key"
    )]
    Passphrase,
    /// Not a recipient.
    #[error("a recipient is an age public key, like age1.., as `age-keygen` prints it")]
    Recipient,
    /// Not an identity file.
    #[error("the identity file has no age identity (AGE-SECRET-KEY-1..)")]
    Identity,
    /// Not an age file.
    #[error("the file isn't a binary age file")]
    NotAge,
    /// It doesn't open.
    #[error("the file doesn't open with this passphrase or identity, or is damaged")]
    Unopened,
    /// Something else is in it.
    #[error("the file opens, but it isn't a generation key that was exported")]
    NotCustody,
    /// The keyring failed.
    #[error("the keyring failed")]
    Keyring(#[from] KeyringError),
    /// The age file couldn't be made.
    #[error("the age file couldn't be made")]
    Io(#[from] std::io::Error),
}

const MAGIC: &[u8] = b"LCLC";
const VERSION: u8 = 1;
const PLAIN_BYTES: usize = 4 + 1 + 16 + 4 + 32;
/// A passphrase is all that stands between an age file and the data.
const PASSPHRASE_CHARACTERS_MIN: usize = 12;
/// Of scrypt, as a power of two: a file may ask for a few seconds of work and 1 GiB, no more.
const WORK_FACTOR_MAX: u8 = 20;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn a_key() -> GenerationKey {
        let tenant = TenantUuid::from_bytes([0x11; 16]);
        GenerationKey::from_bytes(tenant, Generation(7), &[0x22; 32]).unwrap()
    }

    #[test]
    fn golden_custody_bytes_of_version_1_read_back() {
        let golden = include_bytes!("../../tests/golden/custody.v1.bin");
        assert_eq!(**encode(&a_key()), golden[..]);
        let key = decode(golden).unwrap();
        assert_eq!(
            (key.tenant(), key.generation()),
            (a_key().tenant(), Generation(7))
        );
        assert_eq!(key.secret(), a_key().secret());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic_and_no_others_are_long_enough(
            bytes in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            prop_assert!(decode(&bytes).is_none() || bytes.len() == PLAIN_BYTES);
            prop_assert!(Returned::open(&bytes, &Opener::passphrase("no".to_owned())).is_err());
        }
    }
}
