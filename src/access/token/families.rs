//! Refresh tokens: `lcr_<family, 32 hex>_<number, 16 hex>_<code, 64 hex>`.
//!
//! A family is all refresh tokens that came of one request for a token. Each is good once: using it
//! gives the next one, with the next number. The code is a keyed hash of family and number, so an
//! old token is told from a made-up one, and nothing secret is kept of either.
//! **Invariant:** a token that was used before ends its family, and the access tokens that came
//! with it: either its holder or a thief has used it, and who did can't be told (`it/tokens/`).

use std::{collections::HashMap, fmt, time::Duration};

use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use super::{TOKEN_LASTS_MAX, claims};
use crate::{
    access::{
        api_key::{ApiKeyId, Presented},
        role::Role,
    },
    clock::Timestamp,
    seal::{HashKey, KeyedHash},
};

/// A family's number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct FamilyId(pub [u8; 16]);

impl FamilyId {
    pub(super) fn parse(text: &str) -> Option<Self> {
        claims::unhex(text).map(Self)
    }
}

impl fmt::Display for FamilyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// What is kept of a family.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Family {
    /// The key that it was given to.
    pub key: ApiKeyId,
    /// The role of its access tokens.
    pub role: Role,
    /// How long its access tokens are good.
    pub token_seconds: u32,
    /// The number of the refresh token that is good now.
    pub number: u64,
    /// When that isn't good any more.
    pub expires: Timestamp,
    /// When an old token was used, which ended the family.
    pub revoked: Option<Timestamp>,
}

/// How a family stands in the catalog: the variant is the version.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum StoredFamily {
    /// The first version.
    V1(Family),
}

impl Family {
    /// A new family, whose first refresh token is good for a while.
    pub fn begin(key: ApiKeyId, role: Role, token_seconds: u32, now: Timestamp) -> Self {
        Self {
            key,
            role,
            token_seconds,
            number: 1,
            expires: now.plus(REFRESH_LASTS),
            revoked: None,
        }
    }

    /// The family once its token was used.
    pub fn renewed(self, now: Timestamp) -> Self {
        Self {
            number: self.number.saturating_add(1),
            expires: now.plus(REFRESH_LASTS),
            ..self
        }
    }

    /// The family once an old token was used.
    pub const fn ended(self, now: Timestamp) -> Self {
        Self {
            revoked: Some(now),
            ..self
        }
    }

    /// Whether nothing of it is good any more, its access tokens neither.
    fn over(&self, now: Timestamp) -> bool {
        let end = self.revoked.unwrap_or(self.expires);
        end.plus(TOKEN_LASTS_MAX) < now
    }
}

/// What a refresh token turned out to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::access) enum Renewal {
    /// It is good.
    Good(FamilyId, Family),
    /// It was used before.
    Reused(FamilyId, Family),
}

/// Every family of the node, in memory.
#[derive(Debug)]
pub struct Families {
    coder: HashKey,
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    families: HashMap<FamilyId, Family>,
    by_key: HashMap<ApiKeyId, Vec<FamilyId>>,
}

impl Families {
    pub(super) fn new(coder: HashKey, families: Vec<(FamilyId, Family)>) -> Self {
        let mut known = Known::default();
        for (id, family) in families {
            known.put(id, family);
        }
        Self {
            coder,
            known: RwLock::new(known),
        }
    }

    /// Takes up a family, or what has become of it; it is stored by now.
    pub fn put(&self, id: FamilyId, family: Family) {
        self.known.write().put(id, family);
    }

    /// Forgets families.
    pub fn remove(&self, ids: &[FamilyId]) {
        let mut known = self.known.write();
        for id in ids {
            if let Some(family) = known.families.remove(id)
                && let Some(ids) = known.by_key.get_mut(&family.key)
            {
                ids.retain(|other| other != id);
            }
        }
        known.by_key.retain(|_, ids| !ids.is_empty());
    }

    /// A key's families.
    pub fn of_key(&self, key: ApiKeyId) -> Vec<FamilyId> {
        self.known
            .read()
            .by_key
            .get(&key)
            .cloned()
            .unwrap_or_default()
    }

    /// The families that a key must lose before it may have one more: those used longest ago.
    pub fn crowded_out(&self, key: ApiKeyId) -> Vec<FamilyId> {
        let known = self.known.read();
        let ids = known
            .by_key
            .get(&key)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let expires = |id: &&FamilyId| known.families.get(*id).map(|family| family.expires);
        let crowded = ids.len() >= FAMILIES_MAX;
        let oldest = crowded.then(|| ids.iter().min_by_key(expires)).flatten();
        oldest.into_iter().copied().collect()
    }

    /// The families of which nothing is good any more.
    pub fn over(&self, now: Timestamp) -> Vec<FamilyId> {
        let known = self.known.read();
        let families = known.families.iter();
        let over = families.filter(|(_, family)| family.over(now));
        over.map(|(id, _)| *id).collect()
    }

    /// The refresh token of a family that is good now.
    pub fn token(&self, id: FamilyId, family: &Family) -> String {
        let code = self.code(id, family.number).to_hex();
        format!("{PREFIX}{id}_{:016x}_{code}", family.number)
    }

    /// What a refresh token is.
    pub(in crate::access) fn judge(
        &self,
        presented: &Presented,
        now: Timestamp,
    ) -> Option<Renewal> {
        let rest = presented.text().strip_prefix(PREFIX)?;
        let (id, rest) = rest.split_once('_')?;
        let (number, code) = rest.split_once('_')?;
        let id = FamilyId::parse(id)?;
        let digits = number.len() == 16 && number.bytes().all(|b| b.is_ascii_hexdigit());
        let number = u64::from_str_radix(number, 16).ok().filter(|_| digits)?;
        if !self.code(id, number).is_hex(code) {
            return None;
        }
        let family = self.known.read().families.get(&id).copied()?;
        if family.revoked.is_some() || number > family.number {
            return None;
        }
        if number < family.number {
            return Some(Renewal::Reused(id, family));
        }
        (now < family.expires).then_some(Renewal::Good(id, family))
    }

    /// Whether a family's access tokens are still believed.
    pub(super) fn is_sound(&self, id: FamilyId) -> bool {
        let known = self.known.read();
        let family = known.families.get(&id);
        family.is_some_and(|family| family.revoked.is_none())
    }

    fn code(&self, id: FamilyId, number: u64) -> KeyedHash {
        let mut message = [0; 24];
        let (family, count) = message.split_at_mut(16);
        family.copy_from_slice(&id.0);
        count.copy_from_slice(&number.to_be_bytes());
        self.coder.hash(&message)
    }
}

impl Known {
    fn put(&mut self, id: FamilyId, family: Family) {
        if self.families.insert(id, family).is_none() {
            self.by_key.entry(family.key).or_default().push(id);
        }
    }
}

const PREFIX: &str = "lcr_";
/// How long a refresh token is good, each time.
const REFRESH_LASTS: Duration = Duration::from_secs(24 * 60 * 60);
/// Families that a key may have. One more, and the one that was used longest ago goes.
const FAMILIES_MAX: usize = 1_000;
