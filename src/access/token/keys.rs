//! The node's token keys: one signs, those before it are known until their tokens are over.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use super::{TOKEN_LASTS_MAX, jwt::Jwt};
use crate::{
    clock::Timestamp,
    seal::{SigningKey, TokenRoot, VerifyingKey},
};

/// That a token key was made, and when: all that is stored of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TokenKeyRecord {
    /// What it is derived by. Never given out again.
    pub number: u32,
    /// Since when it signs.
    pub made: Timestamp,
}

/// A public key, as it is published.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublicKey {
    /// Its id.
    pub id: String,
    /// Its 32 bytes, in base64url.
    pub x: String,
}

impl PublicKey {
    /// How a public key is published.
    pub fn of(key: &VerifyingKey) -> Self {
        Self {
            id: key.id().to_string(),
            x: URL_SAFE_NO_PAD.encode(key.as_bytes()),
        }
    }
}

#[derive(Debug)]
struct Known {
    record: TokenKeyRecord,
    public: PublicKey,
    key: SigningKey,
    verifying: DecodingKey,
}

/// The keys, the newest last.
#[derive(Debug)]
pub(super) struct TokenKeys {
    root: TokenRoot,
    known: RwLock<Vec<Arc<Known>>>,
}

impl TokenKeys {
    pub(super) fn new(root: TokenRoot, mut records: Vec<TokenKeyRecord>) -> Self {
        records.sort_by_key(|record| record.number);
        let known = records.into_iter().map(|record| derive(&root, record));
        let known = RwLock::new(known.collect());
        Self { root, known }
    }

    /// The record of a key that is to sign from now on, if it is time for one.
    pub(super) fn due(&self, now: Timestamp) -> Option<TokenKeyRecord> {
        let known = self.known.read();
        let newest = known.last().map(|known| known.record);
        let fresh = |record: TokenKeyRecord| now < record.made.plus(KEY_SIGNS);
        if newest.is_some_and(fresh) {
            return None;
        }
        let number = newest.map_or(0, |record| record.number.saturating_add(1));
        Some(TokenKeyRecord { number, made: now })
    }

    /// Takes up a key, whose record is stored by now.
    pub(super) fn add(&self, record: TokenKeyRecord) {
        let known = derive(&self.root, record);
        self.known.write().push(known);
    }

    /// Forgets keys whose tokens are over: their numbers.
    pub(super) fn prune(&self, now: Timestamp) -> Vec<u32> {
        let mut known = self.known.write();
        let mut over = Vec::new();
        // A key signs until the one behind it was made.
        while let [first, second, ..] = known.as_slice() {
            if second.record.made.plus(KEY_OUTLIVES) > now {
                break;
            }
            over.push(first.record.number);
            known.remove(0);
        }
        over
    }

    pub(super) fn published(&self) -> Vec<PublicKey> {
        let known = self.known.read();
        known.iter().map(|known| known.public.clone()).collect()
    }

    /// A token with these claims, a JSON object.
    pub(super) fn sign(&self, claims: &[u8]) -> Option<String> {
        let known = self.known.read().last().cloned()?;
        let header = format!(
            r#"{{"alg":"EdDSA","typ":"JWT","kid":"{}"}}"#,
            known.public.id
        );
        let mut token = URL_SAFE_NO_PAD.encode(header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = known.key.sign(b"", token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature.0, &mut token);
        Some(token)
    }

    /// Whether one of these keys signed a token. No other algorithm is ever tried.
    pub(super) fn signed(&self, jwt: &Jwt<'_>) -> bool {
        if jwt.header.text("alg") != Some("EdDSA") {
            return false;
        }
        let Some(id) = jwt.header.text("kid") else {
            return false;
        };
        let known = self.known.read();
        let known = known.iter().find(|known| known.public.id == id).cloned();
        known.is_some_and(|known| {
            let verified = crypto::verify(
                jwt.signature,
                jwt.signed.as_bytes(),
                &known.verifying,
                Algorithm::EdDSA,
            );
            matches!(verified, Ok(true))
        })
    }
}

fn derive(root: &TokenRoot, record: TokenKeyRecord) -> Arc<Known> {
    let key = root.derive_key(record.number);
    let public = key.verifying_key();
    Arc::new(Known {
        record,
        public: PublicKey::of(&public),
        verifying: DecodingKey::from_ed_der(public.as_bytes()),
        key,
    })
}

/// How long a key signs.
const KEY_SIGNS: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 60 * 60);
/// How long a key is known once it signs no more: its last token, and clocks that differ.
const KEY_OUTLIVES: std::time::Duration =
    std::time::Duration::from_secs(TOKEN_LASTS_MAX.as_secs() + 60);
