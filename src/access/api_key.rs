//! API keys: `lcl_<key id, 16 hex>_<secret, 64 hex>`. The server keeps a keyed hash.

use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use ipnet::IpNet;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    extras::KeyExtras,
    limit::{Buckets, Rates},
    message::TOLERANCE_SECONDS,
    origin::Origin,
    principal::Scope,
    role::Role,
};
use crate::{
    clock::Timestamp,
    seal::{self, HashKey, KeyedHash, SealError},
    tenant::{CollectionName, TenantUuid},
};

/// A key's public number. Shown in lists and logs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct ApiKeyId(pub [u8; 8]);

impl ApiKeyId {
    /// The id of the operator key that the node's configuration supplies.
    pub const OPERATOR: Self = Self([0; 8]);

    /// Parses 16 hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 16 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        u64::from_str_radix(text, 16)
            .ok()
            .map(|number| Self(number.to_be_bytes()))
    }

    /// The key's place in the catalog.
    pub fn catalog_id(self) -> [u8; 16] {
        u128::from(u64::from_be_bytes(self.0)).to_be_bytes()
    }

    /// The key whose place in the catalog that is.
    pub fn from_catalog_id(id: [u8; 16]) -> Option<Self> {
        let id = u64::try_from(u128::from_be_bytes(id)).ok()?;
        Some(Self(id.to_be_bytes()))
    }
}

impl fmt::Display for ApiKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

/// A new key, to be shown once.
pub struct ApiKey {
    /// Its public number.
    pub id: ApiKeyId,
    text: Zeroizing<String>,
}

impl ApiKey {
    /// A new random key.
    ///
    /// # Errors
    /// [`SealError::Random`].
    pub fn make() -> Result<Self, SealError> {
        let id = ApiKeyId(seal::random_bytes()?);
        let secret = Zeroizing::new(seal::random_bytes::<32>()?);
        let mut text = Zeroizing::new(String::with_capacity(KEY_CHARACTERS));
        text.push_str(&format!("lcl_{id}_"));
        for byte in secret.iter() {
            text.push_str(&format!("{byte:02x}"));
        }
        Ok(Self { id, text })
    }

    /// The key itself: for the one answer that shows it.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// What the server keeps of it.
    pub fn hash(&self, hasher: &HashKey) -> KeyedHash {
        hasher.hash(self.text.as_bytes())
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({}, redacted)", self.id)
    }
}

/// What the server knows of a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApiKeyRecord {
    /// Its public number.
    pub id: ApiKeyId,
    /// Its keyed hash.
    pub hash: KeyedHash,
    /// What it belongs to.
    pub scope: Scope,
    /// What it is for.
    pub role: Role,
    /// Its name, for people.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it stops being good.
    pub expires: Option<Timestamp>,
    /// The collections it is good for; all, if none are named.
    pub collections: Option<Arc<[CollectionName]>>,
    /// The networks it may be used from; all, if none are named.
    pub networks: Option<Vec<IpNet>>,
}

impl ApiKeyRecord {
    /// Whether the key is past its time.
    pub fn expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// Whether the key may be used from an address.
    pub(super) fn allows(&self, ip: Option<IpAddr>) -> bool {
        self.networks.as_ref().is_none_or(|networks| {
            ip.is_some_and(|ip| networks.iter().any(|network| network.contains(&ip)))
        })
    }
}

/// A credential as it came, not yet believed. Wiped when done with.
pub struct Presented(Zeroizing<String>);

impl Presented {
    /// Takes a credential's text.
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    /// What the server may keep of it.
    pub fn hash(&self, hasher: &HashKey) -> KeyedHash {
        hasher.hash(self.0.as_bytes())
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// The id that it claims. What isn't in the form of a key can only be the operator key that
    /// the configuration supplied; that may be in the form of one, too.
    fn claimed_id(&self) -> ApiKeyId {
        self.0
            .strip_prefix("lcl_")
            .and_then(|rest| rest.split_once('_'))
            .and_then(|(id, _)| ApiKeyId::parse(id))
            .unwrap_or(ApiKeyId::OPERATOR)
    }
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Presented(redacted)")
    }
}

/// A key as the gate knows it.
#[derive(Debug)]
pub struct KnownKey {
    record: Arc<ApiKeyRecord>,
    extras: KeyExtras,
    /// When it was used last, in milliseconds; 0 if that isn't known.
    used: AtomicU64,
    buckets: Buckets,
}

impl KnownKey {
    /// A key, in the place of what was known of it before: what it has taken of its limits goes on.
    fn new(record: ApiKeyRecord, extras: KeyExtras, before: Option<&Self>) -> Self {
        let used = [extras.last_used, before.and_then(Self::last_used)];
        let used = used.into_iter().flatten().max();
        let rates = Rates {
            requests: extras.limits.requests_per_second,
            bytes: extras.limits.bytes_per_second,
        };
        Self {
            record: Arc::new(record),
            used: AtomicU64::new(used.map_or(0, |time| time.0)),
            buckets: Buckets::after(before.map(|before| &before.buckets), rates),
            extras,
        }
    }

    /// What it is and may do.
    pub const fn record(&self) -> &Arc<ApiKeyRecord> {
        &self.record
    }

    /// What is kept besides.
    pub const fn extras(&self) -> &KeyExtras {
        &self.extras
    }

    /// When it was used last.
    pub fn last_used(&self) -> Option<Timestamp> {
        let used = self.used.load(Ordering::Relaxed);
        (used > 0).then_some(Timestamp(used))
    }

    /// The extras as they are to be written down, if their last use isn't written down yet.
    pub fn unwritten(&self) -> Option<KeyExtras> {
        let last_used = self.last_used();
        (last_used != self.extras.last_used).then(|| KeyExtras {
            last_used,
            ..self.extras.clone()
        })
    }

    /// What it may ask for in a time.
    pub(super) fn buckets(&self) -> &Buckets {
        &self.buckets
    }

    /// Whether the key is good now, from there.
    pub(super) fn admits(&self, origin: &Origin, now: Timestamp) -> Result<(), Unauthenticated> {
        if self.record.expired(now) {
            return Err(Unauthenticated::Expired);
        }
        if self.extras.suspended.is_some() {
            return Err(Unauthenticated::Suspended);
        }
        if !self.record.allows(origin.ip) {
            return Err(Unauthenticated::Network);
        }
        if self.extras.certificate.is_some() && self.extras.certificate != origin.certificate {
            return Err(Unauthenticated::Certificate);
        }
        Ok(())
    }

    /// Remembers that the key was used. To the second: one that is used all the time would have its
    /// memory fought over by all threads.
    pub(super) fn used(&self, now: Timestamp) {
        if now.0 >= self.used.load(Ordering::Relaxed).saturating_add(1000) {
            self.used.store(now.0, Ordering::Relaxed);
        }
    }
}

/// Every key of the node, in memory, by id.
#[derive(Debug)]
pub struct KeyTable {
    hasher: HashKey,
    keys: RwLock<HashMap<ApiKeyId, Arc<KnownKey>>>,
}

impl KeyTable {
    /// A table of these records, whose hashes were made by `hasher`.
    pub fn new(hasher: HashKey, records: impl IntoIterator<Item = ApiKeyRecord>) -> Self {
        let known = |record: ApiKeyRecord| {
            let known = KnownKey::new(record, KeyExtras::default(), None);
            (known.record.id, Arc::new(known))
        };
        let keys = records.into_iter().map(known).collect();
        Self {
            hasher,
            keys: RwLock::new(keys),
        }
    }

    /// Makes keyed hashes for this table.
    pub const fn hasher(&self) -> &HashKey {
        &self.hasher
    }

    /// Adds a key without extras, or replaces it.
    pub fn insert(&self, record: ApiKeyRecord) {
        self.insert_with(record, KeyExtras::default());
    }

    /// Adds a key, or replaces it.
    pub fn insert_with(&self, record: ApiKeyRecord, extras: KeyExtras) {
        let mut keys = self.keys.write();
        let before = keys.get(&record.id).map(|before| &**before);
        let known = KnownKey::new(record, extras, before);
        keys.insert(known.record.id, Arc::new(known));
    }

    /// Gives a key that is there its extras.
    pub fn extend(&self, id: ApiKeyId, extras: KeyExtras) {
        if let Some(known) = self.find(id) {
            self.insert_with((**known.record()).clone(), extras);
        }
    }

    /// Forgets a key: whoever presents it from now on is a stranger.
    pub fn remove(&self, id: ApiKeyId) {
        self.keys.write().remove(&id);
    }

    /// What is known of a key.
    pub fn find(&self, id: ApiKeyId) -> Option<Arc<KnownKey>> {
        self.keys.read().get(&id).cloned()
    }

    /// Whether anyone can run the node.
    pub fn has_operator(&self) -> bool {
        let operates = |key: &Arc<KnownKey>| key.record.role == Role::Operator;
        self.keys.read().values().any(operates)
    }

    /// Every key.
    pub fn all(&self) -> Vec<Arc<KnownKey>> {
        self.keys.read().values().cloned().collect()
    }

    /// A tenant's keys, in the order in which they were made.
    pub fn of_tenant(&self, tenant: TenantUuid) -> Vec<Arc<KnownKey>> {
        let belongs = |key: &&Arc<KnownKey>| match key.record.scope {
            Scope::Tenant(uuid, _) => uuid == tenant,
            Scope::Node => false,
        };
        let mut keys: Vec<_> = self.keys.read().values().filter(belongs).cloned().collect();
        keys.sort_by_key(|key| (key.record.created, key.record.id));
        keys
    }

    /// The key that a credential is, good or not. Takes the same time however much of the secret is right.
    pub(super) fn recognise(
        &self,
        presented: &Presented,
    ) -> Result<Arc<KnownKey>, Unauthenticated> {
        let hash = presented.hash(&self.hasher);
        let is_it = |id| self.find(id).filter(|known| known.record.hash == hash);
        is_it(presented.claimed_id())
            .or_else(|| is_it(ApiKeyId::OPERATOR))
            .ok_or(Unauthenticated::Unknown)
    }
}

/// Why a credential wasn't believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unauthenticated {
    /// There is no such key.
    #[error("the API key isn't known; send it as `api-key: KEY` or `Authorization: Bearer KEY`")]
    Unknown,
    /// The key is past its time.
    #[error("the API key has expired; ask the tenant's owner for a new one")]
    Expired,
    /// The key may not be used from here.
    #[error("the API key may not be used from this address")]
    Network,
    /// The key is bound to a client certificate, which didn't come with it.
    #[error("the API key may not be used without its client certificate")]
    Certificate,
    /// The key was suspended.
    #[error("the API key is suspended; ask the tenant's owner")]
    Suspended,
    /// The token's subject was suspended.
    #[error("this user is suspended; ask the tenant's owner")]
    SubjectSuspended,
    /// The token's signature or what it says doesn't hold. What it is isn't told.
    #[error(
        "the token isn't believed: its signature, issuer, audience or claims don't hold, or it was revoked"
    )]
    Token,
    /// The token is past its time.
    #[error("the token has expired; refresh it, or ask for a new one")]
    TokenExpired,
    /// The refresh token isn't good.
    #[error("the refresh token isn't good; ask for a new token with the API key")]
    Refresh,
    /// A message without the head that a signed one has.
    #[error(
        "a message has one webhook-id (1 to 256 visible ASCII characters without a full stop), one webhook-timestamp (seconds since 1970) and one webhook-signature (1 to 8 of `v1,` and base64, with spaces between)"
    )]
    MessageHead,
    /// A message from too long ago, or from the future.
    #[error("webhook-timestamp is more than {TOLERANCE_SECONDS} seconds from this node's time")]
    MessageTime,
    /// No such webhook, or another's signature: the same to whoever asks.
    #[error("the message isn't signed by a webhook that is known here")]
    Message,
}

const KEY_CHARACTERS: usize = 4 + 16 + 1 + 64;
