//! The node's own access tokens: what they say, and when that is believed.

use serde::Serialize;

use super::{TOKEN_LASTS_MAX, families::FamilyId, jwt::Object};
use crate::{
    access::{api_key::ApiKeyId, role::Role},
    clock::Timestamp,
    tenant::{CollectionName, TenantUuid},
};

/// What a token of the node's own says, once its signature was checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::access) struct OwnToken {
    /// The key that it was given to.
    pub(in crate::access) key: ApiKeyId,
    /// Whose key that is; none for the operator's.
    pub(in crate::access) tenant: Option<TenantUuid>,
    /// The role that it was given.
    pub(in crate::access) role: Role,
    /// The refresh tokens that it comes with: when they are revoked, so is it.
    pub(in crate::access) family: FamilyId,
    /// When it ends.
    pub(in crate::access) expires: Timestamp,
}

/// A token's claims, as they are written.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'static str,
    aud: &'static str,
    sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    collections: Option<Vec<&'a str>>,
    iat: u64,
    exp: u64,
    jti: String,
    family: String,
}

impl OwnToken {
    /// The claims, as JSON.
    pub(super) fn write(
        &self,
        collections: Option<&[CollectionName]>,
        now: Timestamp,
        id: [u8; 16],
    ) -> Vec<u8> {
        let claims = Claims {
            iss: ISSUER,
            aud: AUDIENCE,
            sub: self.key.to_string(),
            tenant: self.tenant.map(|tenant| hex(tenant.as_bytes())),
            role: self.role.name(),
            collections: collections
                .map(|names| names.iter().map(CollectionName::as_str).collect()),
            iat: now.0 / 1000,
            exp: self.expires.0 / 1000,
            jti: hex(&id),
            family: self.family.to_string(),
        };
        // Texts and numbers: this can't fail, and no claims at all would be believed by no one.
        serde_json::to_vec(&claims).unwrap_or_default()
    }

    /// Whether claims say that they are the node's own.
    pub(super) fn is_own(claims: &Object) -> bool {
        claims.text("iss") == Some(ISSUER)
    }

    /// Reads claims whose signature holds. What is wrong with them isn't told: nobody but this node
    /// could have written them.
    pub(super) fn read(claims: &Object, now: Timestamp) -> Option<Self> {
        let issued = claims.time("iat")?;
        let expires = claims.time("exp")?;
        let lasts = expires.checked_sub(issued)?;
        let sound = claims.text("aud") == Some(AUDIENCE)
            && u128::from(lasts) <= TOKEN_LASTS_MAX.as_millis()
            && issued <= now.0.saturating_add(SKEW_MILLIS);
        let role = claims.text("role")?;
        let tenant = match claims.find("tenant") {
            None => None,
            Some(tenant) => Some(TenantUuid::from_bytes(unhex(tenant.as_str()?)?)),
        };
        sound.then_some(Self {
            key: ApiKeyId::parse(claims.text("sub")?)?,
            tenant,
            role: Role::ALL.into_iter().find(|known| known.name() == role)?,
            family: FamilyId::parse(claims.text("family")?)?,
            expires: Timestamp(expires),
        })
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn unhex(text: &str) -> Option<[u8; 16]> {
    let digits = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if text.len() != 32 || !text.bytes().all(digits) {
        return None;
    }
    Some(u128::from_str_radix(text, 16).ok()?.to_be_bytes())
}

/// Who makes the tokens, and for whom.
pub(super) const ISSUER: &str = "locule";
const AUDIENCE: &str = "locule";
/// How far ahead the clock that a token was made by may have been: the node's own, set back since.
const SKEW_MILLIS: u64 = 60_000;
