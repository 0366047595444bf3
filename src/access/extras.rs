//! What a key's record didn't have room for. Kept beside it in the catalog, so that directories of
//! before are read as they are: a key without extras has the defaults.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::{api_key::ApiKeyId, limit::KeyLimits, origin::Fingerprint};
use crate::clock::Timestamp;

/// What is kept of a key besides its record. It stands in the catalog as it is here ([`StoredExtras::V2`]).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyExtras {
    /// The client certificate that must come with it.
    pub certificate: Option<Fingerprint>,
    /// What it is good for, within its tenant's.
    pub limits: KeyLimits,
    /// The key that it takes the place of.
    pub replaces: Option<ApiKeyId>,
    /// When it was used last, as far as that was written down.
    pub last_used: Option<Timestamp>,
    /// Since when the node doesn't believe it any more, until an owner resumes it.
    pub suspended: Option<Timestamp>,
}

/// How extras stand in the catalog: the variant is the version, and versions are only ever added.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum StoredExtras {
    /// The first version, of a time when requests alone were limited. Read, and not written any more.
    V1 {
        /// As in [`KeyExtras`].
        certificate: Option<Fingerprint>,
        /// As in [`KeyLimits`].
        requests_per_second: Option<NonZeroU32>,
        /// As in [`KeyExtras`].
        replaces: Option<ApiKeyId>,
        /// As in [`KeyExtras`].
        last_used: Option<Timestamp>,
        /// As in [`KeyExtras`].
        suspended: Option<Timestamp>,
    },
    /// The second.
    V2(KeyExtras),
}

impl From<&KeyExtras> for StoredExtras {
    fn from(extras: &KeyExtras) -> Self {
        Self::V2(extras.clone())
    }
}

impl From<StoredExtras> for KeyExtras {
    fn from(stored: StoredExtras) -> Self {
        match stored {
            StoredExtras::V1 {
                certificate,
                requests_per_second,
                replaces,
                last_used,
                suspended,
            } => Self {
                certificate,
                limits: KeyLimits {
                    requests_per_second,
                    ..KeyLimits::default()
                },
                replaces,
                last_used,
                suspended,
            },
            StoredExtras::V2(extras) => extras,
        }
    }
}
