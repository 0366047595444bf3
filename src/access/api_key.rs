//! API keys: `lcl_<key id, 16 hex>_<secret, 64 hex>`. The server keeps a keyed hash.

use std::{collections::HashMap, fmt, net::IpAddr, sync::Arc};

use ipnet::IpNet;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    principal::{Principal, Scope},
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

    /// The id that it claims. What isn't in the form of a key can only be the operator key that
    /// the configuration supplied.
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

/// Every key of the node, in memory, by id.
#[derive(Debug)]
pub struct KeyTable {
    hasher: HashKey,
    records: RwLock<HashMap<ApiKeyId, Arc<ApiKeyRecord>>>,
}

impl KeyTable {
    /// A table of these records, whose hashes were made by `hasher`.
    pub fn new(hasher: HashKey, records: impl IntoIterator<Item = ApiKeyRecord>) -> Self {
        let records = records
            .into_iter()
            .map(|record| (record.id, Arc::new(record)))
            .collect();
        Self {
            hasher,
            records: RwLock::new(records),
        }
    }

    /// Makes keyed hashes for this table.
    pub const fn hasher(&self) -> &HashKey {
        &self.hasher
    }

    /// Adds a key, or replaces it.
    pub fn insert(&self, record: ApiKeyRecord) {
        self.records.write().insert(record.id, Arc::new(record));
    }

    /// Forgets a key: whoever presents it from now on is a stranger.
    pub fn remove(&self, id: ApiKeyId) {
        self.records.write().remove(&id);
    }

    /// The record of a key.
    pub fn find(&self, id: ApiKeyId) -> Option<Arc<ApiKeyRecord>> {
        self.records.read().get(&id).cloned()
    }

    /// Whether anyone can run the node.
    pub fn has_operator(&self) -> bool {
        self.records
            .read()
            .values()
            .any(|record| record.role == Role::Operator)
    }

    /// A tenant's keys, in the order in which they were made.
    pub fn of_tenant(&self, tenant: TenantUuid) -> Vec<Arc<ApiKeyRecord>> {
        let belongs = |record: &&Arc<ApiKeyRecord>| match record.scope {
            Scope::Tenant(uuid, _) => uuid == tenant,
            Scope::Node => false,
        };
        let mut records: Vec<_> = self
            .records
            .read()
            .values()
            .filter(belongs)
            .cloned()
            .collect();
        records.sort_by_key(|record| (record.created, record.id));
        records
    }

    /// Turns a credential into a principal. Takes the same time whether the id is known or not.
    pub(super) fn authenticate(
        &self,
        presented: &Presented,
        ip: Option<IpAddr>,
        request: u64,
        now: Timestamp,
    ) -> Result<Principal, Unauthenticated> {
        let hash = presented.hash(&self.hasher);
        let record = self
            .find(presented.claimed_id())
            .ok_or(Unauthenticated::Unknown)?;
        if record.hash != hash {
            return Err(Unauthenticated::Unknown);
        }
        if record.expired(now) {
            return Err(Unauthenticated::Expired);
        }
        if !record.allows(ip) {
            return Err(Unauthenticated::Network);
        }
        Ok(Principal::new(record, ip, request))
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
}

const KEY_CHARACTERS: usize = 4 + 16 + 1 + 64;
