//! Short-lived tokens: the node's own, and those of issuers that its operator believes.
//!
//! Owns: the node's token keys, refresh tokens, the issuers' keys, and a memory of tokens whose
//! signatures were checked. **Invariant:** the algorithm comes from here, never from the token.
//! **Invariant:** a token is good no longer than the key that it was given to, and than its family
//! of refresh tokens is sound (`it/tokens/`). Keys are handed in: nothing here reads a disk or a
//! network.
//! Called by: `access/gate.rs`; `engine` for what must be stored.

mod claims;
mod families;
mod issuer;
mod jwt;
mod keys;

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use parking_lot::RwLock;

pub(in crate::access) use self::{claims::OwnToken, families::Renewal, issuer::IssuedToken};
pub use self::{
    families::{Families, Family, FamilyId, StoredFamily},
    issuer::{Issuer, IssuerOptions, KeySetError, SignatureAlgorithm},
    keys::{PublicKey, TokenKeyRecord},
};
use self::{jwt::Jwt, keys::TokenKeys};
use super::{
    api_key::{KnownKey, Presented, Unauthenticated},
    watched::Suspensions,
};
use crate::{
    clock::Timestamp,
    seal::{self, HashKey, TokenRoot},
    tenant::{TenantId, TenantUuid},
};

/// Everything that tokens are judged by.
pub struct Tokens {
    keys: TokenKeys,
    families: Families,
    issuers: Vec<Issuer>,
    suspensions: Suspensions,
    /// The number of a tenant that an issuer names.
    tenants: TenantFinder,
    /// Tokens whose signatures hold, by their digest. What may change meanwhile (keys, families,
    /// time) is looked at every time.
    checked: RwLock<Memory>,
}

#[derive(Default)]
struct Memory {
    tokens: HashMap<[u8; 32], Checked>,
    /// How often an issuer's keys have changed: what was checked before isn't remembered after.
    changes: u64,
}

/// Finds a living tenant by its public name.
pub type TenantFinder = Box<dyn Fn(&TenantId) -> Option<TenantUuid> + Send + Sync>;

/// A token whose signature and claims hold.
#[derive(Clone, Debug)]
pub(super) enum Checked {
    Own(Arc<OwnToken>),
    Issued(Arc<IssuedToken>),
}

impl Checked {
    fn expires(&self) -> Timestamp {
        match self {
            Self::Own(token) => token.expires,
            Self::Issued(token) => token.expires,
        }
    }
}

impl Tokens {
    /// What tokens are judged by, as it was stored.
    pub fn new(
        root: TokenRoot,
        records: Vec<TokenKeyRecord>,
        coder: HashKey,
        families: Vec<(FamilyId, Family)>,
        issuers: Vec<IssuerOptions>,
        tenants: TenantFinder,
    ) -> Self {
        Self {
            keys: TokenKeys::new(root, records),
            families: Families::new(coder, families),
            issuers: issuers.into_iter().map(Issuer::new).collect(),
            suspensions: Suspensions::default(),
            tenants,
            checked: RwLock::default(),
        }
    }

    /// The refresh tokens.
    pub const fn families(&self) -> &Families {
        &self.families
    }

    /// The issuers that are believed.
    pub fn issuers(&self) -> &[Issuer] {
        &self.issuers
    }

    /// Subjects of theirs that aren't believed.
    pub const fn suspensions(&self) -> &Suspensions {
        &self.suspensions
    }

    /// Takes up an issuer's key set: how many of its keys can be used.
    ///
    /// # Errors
    /// [`KeySetError`]; the keys of before stay.
    pub fn take_up_keys(&self, issuer: &str, json: &[u8]) -> Result<usize, KeySetError> {
        let named = |known: &&Issuer| known.options().name == issuer;
        let known = self.issuers.iter().find(named);
        let usable = known.ok_or(KeySetError::NoIssuer)?.take_up(json)?;
        // A key that is gone takes its tokens with it.
        let mut memory = self.checked.write();
        memory.tokens.clear();
        memory.changes += 1;
        Ok(usable)
    }

    /// The record of a token key that is to sign from now on, if it is time for one.
    pub fn key_due(&self, now: Timestamp) -> Option<TokenKeyRecord> {
        self.keys.due(now)
    }

    /// Takes up a token key whose record is stored.
    pub fn add_key(&self, record: TokenKeyRecord) {
        self.keys.add(record);
    }

    /// Forgets token keys whose tokens are over: their numbers.
    pub fn prune_keys(&self, now: Timestamp) -> Vec<u32> {
        self.keys.prune(now)
    }

    /// The public token keys.
    pub fn published(&self) -> Vec<PublicKey> {
        self.keys.published()
    }

    /// An access token of a family.
    ///
    /// # Errors
    /// [`seal::SealError`] when there is no randomness for its id.
    pub fn issue(
        &self,
        key: &KnownKey,
        family: (FamilyId, &Family),
        now: Timestamp,
    ) -> Result<Option<String>, seal::SealError> {
        let record = key.record();
        let lasts = Duration::from_secs(u64::from(family.1.token_seconds));
        let end = now.plus(lasts);
        let token = OwnToken {
            key: record.id,
            tenant: record.scope.tenant(),
            role: family.1.role,
            family: family.0,
            // Never longer than the key.
            expires: record.expires.map_or(end, |expires| expires.min(end)),
        };
        let claims = token.write(record.collections.as_deref(), now, seal::random_bytes()?);
        Ok(self.keys.sign(&claims))
    }

    /// Whether a credential wants to be a token.
    pub(super) fn looks_like_one(presented: &Presented) -> bool {
        Jwt::looks_like_one(presented.text())
    }

    /// Judges an access token, but for its time: one that is past it is known for whose it was. The family of
    /// such a one may be forgotten.
    pub(super) fn check(
        &self,
        presented: &Presented,
        now: Timestamp,
    ) -> Result<Checked, Unauthenticated> {
        let digest = seal::digest(&[presented.text().as_bytes()]);
        let (known, changes) = {
            let memory = self.checked.read();
            (memory.tokens.get(&digest).cloned(), memory.changes)
        };
        let checked = match known {
            Some(checked) => checked,
            None => {
                let checked = self.verify(presented, now).ok_or(Unauthenticated::Token)?;
                self.remember(digest, checked.clone(), changes, now);
                checked
            }
        };
        if let Checked::Own(token) = &checked
            && token.expires > now
            && !self.families.is_sound(token.family)
        {
            return Err(Unauthenticated::Token);
        }
        Ok(checked)
    }

    fn verify(&self, presented: &Presented, now: Timestamp) -> Option<Checked> {
        let jwt = Jwt::parse(presented.text())?;
        if OwnToken::is_own(&jwt.claims) {
            let signed = self.keys.signed(&jwt);
            let token = signed.then(|| OwnToken::read(&jwt.claims, now)).flatten()?;
            return Some(Checked::Own(Arc::new(token)));
        }
        let named = jwt.claims.text("iss")?;
        let issuers = self.issuers.iter();
        let issuer = issuers
            .clone()
            .find(|known| known.options().issuer == named)?;
        let signed = issuer.signed(&jwt);
        let token = signed.then(|| issuer.read(&jwt.claims, now)).flatten()?;
        Some(Checked::Issued(Arc::new(token)))
    }

    fn remember(&self, digest: [u8; 32], token: Checked, changes: u64, now: Timestamp) {
        let mut memory = self.checked.write();
        if token.expires() <= now || memory.changes != changes {
            return;
        }
        let tokens = &mut memory.tokens;
        if tokens.len() >= CHECKED_MAX {
            tokens.retain(|_, token| token.expires() > now);
        }
        if tokens.len() >= CHECKED_MAX {
            tokens.clear();
        }
        tokens.insert(digest, token);
    }

    pub(super) fn tenant(&self, id: &TenantId) -> Option<TenantUuid> {
        (self.tenants)(id)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}

/// Longest time that an access token is good.
pub const TOKEN_LASTS_MAX: Duration = Duration::from_secs(900);
/// Tokens that are remembered: a quarter of a kilobyte each.
const CHECKED_MAX: usize = 16_384;
