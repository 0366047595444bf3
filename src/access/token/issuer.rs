//! Tokens of others: issuers that the operator has named, with keys that were handed in.
//!
//! **Invariant:** a token is judged by the keys of the issuer that it names, by an algorithm that
//! was named for that issuer, and by nothing that it says itself. **Invariant:** no shared secrets:
//! an algorithm is one with a public key. **Invariant:** a subject's name goes no further: what is
//! recorded is a digest of it.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use arc_swap::ArcSwap;
use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, crypto,
    jwk::{Jwk, PublicKeyUse},
};
use serde_json::Value;

use super::{
    claims,
    jwt::{Jwt, Object},
};
use crate::{access::role::Role, clock::Timestamp, seal, tenant::TenantId};

/// How an issuer is believed.
#[derive(Clone, Debug)]
pub struct IssuerOptions {
    /// What it is called in logs.
    pub name: String,
    /// The `iss` of its tokens.
    pub issuer: String,
    /// The `aud` that its tokens for this node have.
    pub audience: String,
    /// The algorithms of its signatures.
    pub algorithms: Vec<SignatureAlgorithm>,
    /// The claim that names the tenant.
    pub tenant_claim: String,
    /// The tenants that it may name; any, if none are named here.
    pub tenants: Option<Vec<TenantId>>,
    /// The claim that names the role.
    pub role_claim: String,
    /// Which of its roles is which of ours.
    pub roles: Vec<(String, Role)>,
    /// How far its clock may be off.
    pub clock_skew: Duration,
}

/// An algorithm with a public key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SignatureAlgorithm(Algorithm);

impl SignatureAlgorithm {
    /// The algorithm of a name, as in RFC 7518 and RFC 8037; none for one with a shared secret.
    pub fn parse(name: &str) -> Option<Self> {
        let algorithm: Algorithm = name.parse().ok()?;
        let public = algorithm.family() != AlgorithmFamily::Hmac;
        public.then_some(Self(algorithm))
    }
}

/// What a token of an issuer says, once its signature and its claims were checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::access) struct IssuedToken {
    /// `issuer:digest of the subject`.
    pub(in crate::access) actor: String,
    /// The tenant that it names.
    pub(in crate::access) tenant: TenantId,
    /// The role that its role stands for.
    pub(in crate::access) role: Role,
    /// When it ends, the skew of clocks included.
    pub(in crate::access) expires: Timestamp,
}

/// An issuer with its keys.
#[derive(Debug)]
pub struct Issuer {
    options: IssuerOptions,
    keys: ArcSwap<Vec<IssuerKey>>,
    /// Set when a token named a key that isn't known: the issuer may have a new one.
    wanted: AtomicBool,
}

#[derive(Debug)]
struct IssuerKey {
    id: Option<String>,
    /// The one algorithm it is for, if it says so.
    algorithm: Option<Algorithm>,
    key: DecodingKey,
}

impl Issuer {
    pub(super) fn new(options: IssuerOptions) -> Self {
        Self {
            options,
            keys: ArcSwap::default(),
            wanted: AtomicBool::new(false),
        }
    }

    /// How it is believed.
    pub const fn options(&self) -> &IssuerOptions {
        &self.options
    }

    /// Whether a token asked for a key that isn't known, since this was asked before.
    pub fn take_wanted(&self) -> bool {
        self.wanted.swap(false, Ordering::Relaxed)
    }

    /// Takes up a key set (RFC 7517) in place of the one of before: how many of its keys can be
    /// used. If it can't be read, the ones of before stay.
    pub(super) fn take_up(&self, json: &[u8]) -> Result<usize, KeySetError> {
        let set: Value = serde_json::from_slice(json).map_err(|_| KeySetError::NotASet)?;
        let set = set.get("keys").and_then(Value::as_array);
        let set = set.ok_or(KeySetError::NotASet)?;
        if set.len() > KEYS_MAX {
            return Err(KeySetError::TooMany);
        }
        let keys: Vec<_> = set.iter().filter_map(|jwk| self.key(jwk)).collect();
        if keys.is_empty() {
            return Err(KeySetError::NoneUsable);
        }
        let usable = keys.len();
        self.keys.store(keys.into());
        Ok(usable)
    }

    fn key(&self, json: &Value) -> Option<IssuerKey> {
        let jwk: Jwk = serde_json::from_value(json.clone()).ok()?;
        let signs = |purpose: &PublicKeyUse| *purpose == PublicKeyUse::Signature;
        if !jwk.common.public_key_use.as_ref().is_none_or(signs) {
            return None;
        }
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        let pinned = &self.options.algorithms;
        let algorithm = match json.get("alg") {
            None => None,
            Some(named) => Some(SignatureAlgorithm::parse(named.as_str()?)?.0),
        };
        let usable = pinned.iter().any(|SignatureAlgorithm(pinned)| {
            pinned.family() == key.family() && algorithm.is_none_or(|named| named == *pinned)
        });
        usable.then_some(IssuerKey {
            id: jwk.common.key_id,
            algorithm,
            key,
        })
    }

    /// Whether one of the issuer's keys signed a token.
    pub(super) fn signed(&self, jwt: &Jwt<'_>) -> bool {
        let algorithm = jwt.header.text("alg").and_then(SignatureAlgorithm::parse);
        let Some(algorithm) = algorithm.filter(|named| self.options.algorithms.contains(named))
        else {
            return false;
        };
        let SignatureAlgorithm(algorithm) = algorithm;
        let fits = |key: &&IssuerKey| {
            key.key.family() == algorithm.family()
                && key.algorithm.is_none_or(|named| named == algorithm)
        };
        let keys = self.keys.load();
        let key = match jwt.header.find("kid") {
            Some(id) => {
                let id = id.as_str();
                let named = keys
                    .iter()
                    .find(|key| key.id.is_some() && key.id.as_deref() == id);
                if named.is_none() {
                    self.wanted.store(true, Ordering::Relaxed);
                }
                named.filter(fits)
            }
            // Without a name there must be no choice.
            None => match keys.iter().filter(fits).collect::<Vec<_>>().as_slice() {
                [only] => Some(*only),
                [] => {
                    self.wanted.store(true, Ordering::Relaxed);
                    None
                }
                _ => None,
            },
        };
        key.is_some_and(|key| {
            let signed = jwt.signed.as_bytes();
            matches!(
                crypto::verify(jwt.signature, signed, &key.key, algorithm),
                Ok(true)
            )
        })
    }

    /// Reads claims whose signature holds.
    pub(super) fn read(&self, claims: &Object, now: Timestamp) -> Option<IssuedToken> {
        let options = &self.options;
        let skew = u64::try_from(options.clock_skew.as_millis()).ok()?;
        let for_us = match claims.find("aud")? {
            Value::String(audience) => *audience == options.audience,
            Value::Array(audiences) => audiences.iter().any(|one| *one == *options.audience),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
        };
        let expires = Timestamp(claims.time("exp")?.checked_add(skew)?);
        let begun = ["iat", "nbf"].iter().all(|name| match claims.find(name) {
            None => true,
            Some(_) => claims
                .time(name)
                .is_some_and(|time| time <= now.0.saturating_add(skew)),
        });
        let lasts = expires.0.saturating_sub(now.0);
        if !for_us || !begun || u128::from(lasts) > ISSUED_LASTS_MAX.as_millis() {
            return None;
        }
        let subject = claims.text("sub").filter(|subject| !subject.is_empty())?;
        let tenant = TenantId::parse(claims.text(&options.tenant_claim)?).ok()?;
        let allowed = options.tenants.as_ref();
        if allowed.is_some_and(|tenants| !tenants.contains(&tenant)) {
            return None;
        }
        let digest = seal::digest(&[subject.as_bytes()]);
        let digest = digest.get(..8).map(claims::hex).unwrap_or_default();
        Some(IssuedToken {
            actor: format!("{}:{digest}", options.name),
            tenant,
            role: self.role(claims.find(&options.role_claim)?)?,
            expires,
        })
    }

    /// The one role that the claim stands for: a text, or a list of which just one is known here.
    fn role(&self, claim: &Value) -> Option<Role> {
        let one = std::slice::from_ref(claim);
        let named = claim.as_array().map_or(one, Vec::as_slice);
        let mapped = |name: &Value| {
            let known = self
                .options
                .roles
                .iter()
                .find(|(theirs, _)| *name == **theirs);
            known.map(|(_, role)| *role)
        };
        let mut roles = named.iter().filter_map(mapped);
        let first = roles.next()?;
        roles.all(|other| other == first).then_some(first)
    }
}

/// Why a key set wasn't taken up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeySetError {
    /// It isn't one.
    #[error("this isn't a JSON Web Key Set")]
    NotASet,
    /// It has too many keys.
    #[error("the key set has more than {KEYS_MAX} keys")]
    TooMany,
    /// None of its keys is for the algorithms that were named.
    #[error("the key set has no key for the algorithms of this issuer")]
    NoneUsable,
    /// There is no such issuer.
    #[error("there is no such issuer")]
    NoIssuer,
}

const KEYS_MAX: usize = 64;
/// Longest time that a token may be good yet. Longer ones are keys by another name.
const ISSUED_LASTS_MAX: Duration = Duration::from_secs(24 * 60 * 60);
