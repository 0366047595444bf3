//! What a key is bound to. Nobody gives what they don't have: a key that is made, shown or believed again by
//! the holder of another is bound at least as much as that one.

use std::{fmt, sync::Arc};

use ipnet::IpNet;

use super::{api_key::KnownKey, origin::Fingerprint, principal::Principal};
use crate::tenant::CollectionName;

/// What a key is bound to. What isn't said isn't bounded.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Bounds {
    /// The collections that it is good for.
    pub collections: Option<Arc<[CollectionName]>>,
    /// The networks that it may be used from.
    pub networks: Option<Vec<IpNet>>,
    /// The client certificate that must come with it.
    pub certificate: Option<Fingerprint>,
}

impl Bounds {
    /// These, and where they say nothing, what the others say.
    #[must_use]
    pub fn or(self, others: &Self) -> Self {
        Self {
            collections: self.collections.or_else(|| others.collections.clone()),
            networks: self.networks.or_else(|| others.networks.clone()),
            certificate: self.certificate.or(others.certificate),
        }
    }

    /// Whether whoever is bound by the others is bound by these.
    pub fn contain(&self, others: &Self) -> bool {
        let collections = within(&self.collections, &others.collections, |own, other| {
            other.iter().all(|name| own.contains(name))
        });
        let networks = within(&self.networks, &others.networks, |own, other| {
            let is_in = |network: &IpNet| own.iter().any(|own| own.contains(network));
            other.iter().all(is_in)
        });
        let certificate = within(&self.certificate, &others.certificate, PartialEq::eq);
        collections && networks && certificate
    }
}

/// Whether one side of some bounds is within another, where saying nothing is to be unbounded.
fn within<T>(own: &Option<T>, other: &Option<T>, is_within: impl Fn(&T, &T) -> bool) -> bool {
    match (own, other) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(own), Some(other)) => is_within(own, other),
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn listed<T: fmt::Display>(what: &str, all: &[T]) -> String {
            let all: Vec<_> = all.iter().map(T::to_string).collect();
            format!("{what} {}", all.join(", "))
        }
        let collections = self.collections.as_deref();
        let collections = collections.map(|names| listed("collections", names));
        let networks = self.networks.as_deref();
        let networks = networks.map(|networks| listed("networks", networks));
        let certificate = self.certificate;
        let certificate = certificate.map(|print| format!("client certificate {print}"));
        let said: Vec<_> = [collections, networks, certificate]
            .into_iter()
            .flatten()
            .collect();
        f.write_str(&said.join("; "))
    }
}

impl KnownKey {
    /// What the key is bound to.
    pub fn bounds(&self) -> Bounds {
        Bounds {
            collections: self.record().collections.clone(),
            networks: self.record().networks.clone(),
            certificate: self.extras().certificate,
        }
    }
}

impl Principal {
    /// What its key is bound to, or its token's.
    pub fn bounds(&self) -> Bounds {
        self.known()
            .map_or_else(Bounds::default, |key| key.bounds())
    }
}
