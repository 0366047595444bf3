//! The keys: a generation's key, and what is derived from it. The root key: `root_key.rs`.
//!
//! **Invariant:** no key can be read, copied or printed; each knows what it may be used for.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use super::{
    context::Context,
    envelope::{self, Nonce, OpenError, SealError, Sealed},
    hazmat::{self, Cipher, Secret},
    random_bytes,
    sign::SigningKey,
    token::TokenRoot,
    webhook::WebhookRoot,
};
use crate::tenant::{Generation, TenantUuid};

/// The key of one tenant generation. Sub-keys are derived from it; it seals nothing itself.
pub struct GenerationKey {
    secret: Secret,
    tenant: TenantUuid,
    generation: Generation,
}

impl GenerationKey {
    /// A new random key.
    pub(super) fn make(tenant: TenantUuid, generation: Generation) -> Result<Self, SealError> {
        Ok(Self {
            secret: Secret::new(random_bytes()?),
            tenant,
            generation,
        })
    }

    /// A key whose bytes were kept somewhere else.
    pub(super) fn from_bytes(
        tenant: TenantUuid,
        generation: Generation,
        bytes: &[u8],
    ) -> Option<Self> {
        let mut secret = Secret::default();
        if bytes.len() != secret.len() {
            return None;
        }
        secret.copy_from_slice(bytes);
        Some(Self {
            secret,
            tenant,
            generation,
        })
    }

    #[cfg(test)]
    pub(super) fn fixed(secret: [u8; 32]) -> Self {
        Self {
            secret: Secret::new(secret),
            tenant: TenantUuid::SYSTEM,
            generation: Generation::FIRST,
        }
    }

    /// The key's bytes, for whoever seals them for a keeper outside.
    pub(super) const fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Whose values it is for.
    pub const fn tenant(&self) -> TenantUuid {
        self.tenant
    }

    /// Which generation it is for.
    pub const fn generation(&self) -> Generation {
        self.generation
    }

    /// The key that seals this generation's values, having sealed `messages` already.
    pub fn derive_data_key(&self, messages: u64) -> DataKey {
        DataKey {
            cipher: Cipher::new(&hazmat::derive(&self.secret, b"locule data v1")),
            tenant: self.tenant,
            generation: self.generation,
            messages: AtomicU64::new(messages),
        }
    }

    /// The key for hashes that only this generation's holder can make.
    pub fn derive_hash_key(&self) -> HashKey {
        HashKey(hazmat::derive(&self.secret, b"locule hash v1"))
    }

    /// The key for signatures that only this generation's holder can make.
    pub fn derive_signing_key(&self) -> SigningKey {
        SigningKey::from_secret(&hazmat::derive(&self.secret, b"locule sign v1"))
    }

    /// The key that vouches for the manifests of this generation's backups.
    pub fn derive_manifest_key(&self) -> ManifestKey {
        ManifestKey(hazmat::derive(&self.secret, b"locule backup v1"))
    }

    /// The key that makes refresh tokens.
    pub fn derive_refresh_key(&self) -> HashKey {
        HashKey(hazmat::derive(&self.secret, b"locule refresh v1"))
    }

    /// The key for hashes that points are counted by.
    pub fn derive_count_key(&self) -> HashKey {
        HashKey(hazmat::derive(&self.secret, b"locule count v1"))
    }

    /// What secrets of webhooks are derived from.
    pub fn derive_webhook_root(&self) -> WebhookRoot {
        WebhookRoot::new(hazmat::derive(&self.secret, b"locule webhook v1"))
    }

    /// What keys for access tokens are derived from.
    pub fn derive_token_root(&self) -> TokenRoot {
        TokenRoot::new(hazmat::derive(&self.secret, b"locule token v1"))
    }
}

/// Vouches for the manifests of one generation's backups: HMAC-SHA256.
pub struct ManifestKey(Secret);

impl ManifestKey {
    /// What this key alone can say about a manifest.
    pub fn vouch(&self, manifest: &[u8]) -> [u8; 32] {
        hazmat::mac(&self.0, manifest)
    }

    /// Whether this key said so about a manifest. Takes the same time wherever the difference is.
    pub fn vouched(&self, manifest: &[u8], said: &[u8; 32]) -> bool {
        hazmat::equal(&self.vouch(manifest), said)
    }
}

/// Seals and opens the values of one tenant generation, and no other's.
///
/// Nonces are random, so a key may seal 2^32 messages before the chance of a repeated nonce
/// passes 2^-32 (NIST SP 800-38D, section 8.3). The count survives restarts: the partition keeps
/// it and hands it to [`GenerationKey::derive_data_key`].
pub struct DataKey {
    cipher: Cipher,
    tenant: TenantUuid,
    generation: Generation,
    messages: AtomicU64,
}

impl DataKey {
    /// Seals a value for one place: a record kind and a storage key.
    ///
    /// # Errors
    /// [`SealError::BudgetUsedUp`] once the key has sealed 2^32 messages: reseal the partition.
    pub fn seal(&self, kind: u8, storage_key: &[u8], plain: &[u8]) -> Result<Sealed, SealError> {
        self.take(1)?;
        self.seal_taken(kind, storage_key, plain)
    }

    /// Opens a value that `from` sealed for a place and seals it for the same place under this key.
    /// Its plain text is nowhere once this returns.
    ///
    /// # Errors
    /// As [`Self::open`] and [`Self::seal`].
    pub fn reseal<E: From<OpenError> + From<SealError>>(
        &self,
        from: &Self,
        kind: u8,
        storage_key: &[u8],
        nonce: Nonce,
        stored: &[u8],
    ) -> Result<Sealed, E> {
        self.take(1)?;
        let length = envelope::plain_bytes(stored)?;
        let context = self.context(kind, storage_key);
        envelope::seal(&self.cipher, context, nonce, length, |plain| {
            Ok(from.open_into(kind, storage_key, stored, plain)?)
        })
    }

    const fn context<'k>(&self, kind: u8, storage_key: &'k [u8]) -> Context<'k> {
        Context {
            tenant: self.tenant,
            generation: self.generation,
            kind,
            storage_key,
        }
    }

    /// Takes so many messages off the budget ahead of time, for values that become durable
    /// before the next head record tells of them. What isn't used is lost.
    ///
    /// # Errors
    /// [`SealError::BudgetUsedUp`] when there are fewer left; then none is taken.
    pub fn reserve(&self, messages: u64) -> Result<Reserve<'_>, SealError> {
        self.take(messages)?;
        Ok(Reserve {
            key: self,
            left: AtomicU64::new(messages),
        })
    }

    fn take(&self, messages: u64) -> Result<(), SealError> {
        let before = self.messages.fetch_add(messages, Ordering::Relaxed);
        if before.saturating_add(messages) > MESSAGES_MAX {
            self.messages.fetch_sub(messages, Ordering::Relaxed);
            return Err(SealError::BudgetUsedUp);
        }
        Ok(())
    }

    fn seal_taken(&self, kind: u8, storage_key: &[u8], plain: &[u8]) -> Result<Sealed, SealError> {
        let context = self.context(kind, storage_key);
        let nonce = Nonce::random()?;
        envelope::seal(&self.cipher, context, nonce, plain.len(), |place| {
            place.copy_from_slice(plain);
            Ok(())
        })
    }

    /// Opens a stored value, if it was sealed by this key for this place.
    ///
    /// # Errors
    /// [`OpenError`] for anything else.
    pub fn open(&self, kind: u8, storage_key: &[u8], stored: &[u8]) -> Result<Vec<u8>, OpenError> {
        envelope::open(&self.cipher, self.context(kind, storage_key), stored)
    }

    /// Opens a value that was kept elsewhere, a backup say. With its plain text, the value as it
    /// is: having opened under this key for this place, it may be stored there again.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn recognise(
        &self,
        kind: u8,
        storage_key: &[u8],
        kept: Vec<u8>,
    ) -> Result<(Sealed, zeroize::Zeroizing<Vec<u8>>), OpenError> {
        let plain = zeroize::Zeroizing::new(self.open(kind, storage_key, &kept)?);
        Ok((Sealed::recognised(kept), plain))
    }

    /// Opens a stored value into the place where its plain text is to stand, which must be just
    /// as long. Nothing is written there unless the value opens.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_into(
        &self,
        kind: u8,
        storage_key: &[u8],
        stored: &[u8],
        plain: &mut [u8],
    ) -> Result<(), OpenError> {
        let context = self.context(kind, storage_key);
        envelope::open_into(&self.cipher, context, stored, plain)
    }

    /// How many messages this key has sealed. At [`MESSAGES_NEAR`], reseal.
    pub fn messages(&self) -> u64 {
        self.messages.load(Ordering::Relaxed)
    }

    /// Raises the count to what a reopened partition says was sealed before.
    pub fn resume_at(&self, messages: u64) {
        self.messages.fetch_max(messages, Ordering::Relaxed);
    }

    /// Whose values this key seals.
    pub const fn tenant(&self) -> TenantUuid {
        self.tenant
    }

    /// Which generation's values this key seals.
    pub const fn generation(&self) -> Generation {
        self.generation
    }
}

/// Messages that were taken off a key's budget ahead of time.
pub struct Reserve<'k> {
    key: &'k DataKey,
    left: AtomicU64,
}

impl Reserve<'_> {
    /// Seals a value, as [`DataKey::seal`] does.
    ///
    /// # Errors
    /// [`SealError::BudgetUsedUp`] once what was reserved is used up.
    pub fn seal(&self, kind: u8, storage_key: &[u8], plain: &[u8]) -> Result<Sealed, SealError> {
        let spend = |left: u64| left.checked_sub(1);
        match self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend)
        {
            Ok(_) => self.key.seal_taken(kind, storage_key, plain),
            Err(_) => Err(SealError::BudgetUsedUp),
        }
    }
}

/// Makes keyed hashes: HMAC-SHA256.
pub struct HashKey(Secret);

impl HashKey {
    /// The keyed hash of a secret.
    pub fn hash(&self, secret: &[u8]) -> KeyedHash {
        KeyedHash(hazmat::mac(&self.0, secret))
    }

    /// Four bytes of a keyed hash, to count by.
    pub fn short(&self, counted: &[u8]) -> u32 {
        let [a, b, c, d, ..] = hazmat::mac(&self.0, counted);
        u32::from_le_bytes([a, b, c, d])
    }
}

/// A keyed hash. Comparing takes the same time wherever the difference is.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
pub struct KeyedHash([u8; 32]);

impl KeyedHash {
    /// The hash as 64 hex digits, where it is itself what is given out.
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether these hex digits are the hash.
    pub fn is_hex(&self, text: &str) -> bool {
        hazmat::equal_slices(self.to_hex().as_bytes(), text.as_bytes())
    }
}

impl PartialEq for KeyedHash {
    fn eq(&self, other: &Self) -> bool {
        hazmat::equal(&self.0, &other.0)
    }
}

impl Eq for KeyedHash {}

macro_rules! redacted {
    ($($key:ident),*) => {$(
        impl fmt::Debug for $key {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($key), "(redacted)"))
            }
        }
    )*};
}

redacted!(GenerationKey, DataKey, HashKey, ManifestKey, KeyedHash);

impl fmt::Debug for Reserve<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reserve({})", self.left.load(Ordering::Relaxed))
    }
}

/// Messages that a data key may seal.
pub const MESSAGES_MAX: u64 = 1 << 32;
/// Messages after which a data key should be replaced by resealing: seven eighths of the budget.
pub const MESSAGES_NEAR: u64 = MESSAGES_MAX / 8 * 7;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(tenant: u8, generation: u32) -> GenerationKey {
        GenerationKey::make(TenantUuid::from_bytes([tenant; 16]), Generation(generation)).unwrap()
    }

    #[test]
    fn a_key_refuses_past_its_budget_and_not_before() {
        let generation_key = key(1, 1);
        let data_key = generation_key.derive_data_key(MESSAGES_MAX - 1);
        assert!(data_key.seal(1, b"k", b"last").is_ok());
        assert_eq!(
            data_key.seal(1, b"k", b"one more"),
            Err(SealError::BudgetUsedUp)
        );
        assert_eq!(data_key.messages(), MESSAGES_MAX);
    }

    #[test]
    fn a_reserve_counts_at_once_and_gives_no_more_than_was_taken() {
        let generation_key = key(1, 1);
        let data_key = generation_key.derive_data_key(MESSAGES_MAX - 3);
        assert_eq!(
            data_key.reserve(4).err(),
            Some(SealError::BudgetUsedUp),
            "more than is left"
        );
        let reserve = data_key.reserve(2).unwrap();
        assert_eq!(data_key.messages(), MESSAGES_MAX - 1);
        let sealed = reserve.seal(1, b"k", b"one").unwrap();
        assert_eq!(data_key.open(1, b"k", sealed.as_bytes()).unwrap(), b"one");
        assert!(reserve.seal(1, b"k", b"two").is_ok());
        assert_eq!(
            reserve.seal(1, b"k", b"three"),
            Err(SealError::BudgetUsedUp)
        );
        assert_eq!(data_key.messages(), MESSAGES_MAX - 1, "counted once");
    }

    #[test]
    fn a_value_opens_into_a_place_of_its_length_and_leaves_any_other_alone() {
        let data_key = key(1, 1).derive_data_key(0);
        let sealed = data_key.seal(4, b"here", b"chunk").unwrap();
        let mut place = [0; 5];
        data_key
            .open_into(4, b"here", sealed.as_bytes(), &mut place)
            .unwrap();
        assert_eq!(&place, b"chunk");
        let mut changed = sealed.as_bytes().to_vec();
        changed[20] ^= 1;
        for (place_key, bytes, length) in [
            (&b"there"[..], sealed.as_bytes(), 5),
            (b"here", &changed, 5),
            (b"here", sealed.as_bytes(), 4),
            (b"here", sealed.as_bytes(), 6),
            (b"here", &[], 5),
        ] {
            let mut place = vec![7; length];
            let opened = data_key.open_into(4, place_key, bytes, &mut place);
            assert_eq!(opened, Err(OpenError));
            assert!(place.iter().all(|byte| *byte == 7), "{place:?}");
        }
    }

    #[test]
    fn nothing_that_a_key_prints_holds_its_bytes() {
        let generation_key = GenerationKey {
            secret: Secret::new([0xAB; 32]),
            tenant: TenantUuid::SYSTEM,
            generation: Generation(1),
        };
        let printed = format!("{generation_key:?} {:?}", generation_key.derive_data_key(0));
        assert_eq!(printed, "GenerationKey(redacted) DataKey(redacted)");
    }

    #[test]
    fn golden_envelope_of_version_1_opens() {
        let generation_key = GenerationKey {
            secret: Secret::new(core::array::from_fn(|i| u8::try_from(i).unwrap())),
            tenant: TenantUuid::from_bytes([0x11; 16]),
            generation: Generation(7),
        };
        let golden = include_bytes!("../../tests/golden/envelope.v1.bin");
        let plain = generation_key
            .derive_data_key(0)
            .open(3, b"\x03storage key", golden)
            .unwrap();
        assert_eq!(plain, b"a row of the first format");
    }
}
