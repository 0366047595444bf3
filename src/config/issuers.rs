//! What is set about issuers: whose tokens are believed, and how far.

use std::{collections::BTreeMap, time::Duration};

use super::raw::{ConfigError, RawIssuer};
use crate::{
    access::{IssuerOptions, Role, SignatureAlgorithm},
    outbound::{Followed, KeySetSource, Published},
    tenant::TenantId,
};

pub(super) fn issuers(
    raw: Vec<RawIssuer>,
) -> Result<(Vec<IssuerOptions>, Vec<Followed>), ConfigError> {
    let mut read: Vec<IssuerOptions> = Vec::new();
    let mut followed = Vec::new();
    for raw in raw {
        let source = source(&raw)?;
        let options = options(raw)?;
        let twice =
            |other: &IssuerOptions| other.name == options.name || other.issuer == options.issuer;
        if read.iter().any(twice) {
            return Err(wrong("names an issuer twice"));
        }
        followed.push(Followed {
            issuer: options.name.clone(),
            source,
        });
        read.push(options);
    }
    Ok((read, followed))
}

fn options(raw: RawIssuer) -> Result<IssuerOptions, ConfigError> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if !(1..=32).contains(&raw.name.len()) || !raw.name.bytes().all(plain) {
        return Err(wrong("has a name that isn't 1 to 32 of a-z, 0-9 and -"));
    }
    // The node's own tokens say that they are from here.
    if raw.issuer.is_empty() || raw.issuer == OWN || raw.audience.is_empty() {
        return Err(wrong(
            "lacks an issuer or an audience, or calls itself locule",
        ));
    }
    let algorithms: Option<Vec<_>> = raw
        .algorithms
        .iter()
        .map(|name| SignatureAlgorithm::parse(name))
        .collect();
    let algorithms = algorithms
        .filter(|algorithms| !algorithms.is_empty())
        .ok_or_else(|| {
            wrong("takes algorithms with public keys: EdDSA, ES256, ES384, RS256, RS384, RS512, PS256, PS384, PS512")
        })?;
    let skew = raw.clock_skew_seconds.unwrap_or(SKEW_SECONDS_DEFAULT);
    if skew > SKEW_SECONDS_MAX {
        return Err(wrong("may have a clock_skew_seconds of at most 60"));
    }
    let tenants = raw.tenants.map(|tenants| {
        let parsed = tenants.iter().map(|tenant| TenantId::parse(tenant));
        let parsed: Result<Vec<_>, _> = parsed.collect();
        parsed.map_err(|_| wrong("names a tenant that can't be one"))
    });
    Ok(IssuerOptions {
        name: raw.name,
        issuer: raw.issuer,
        audience: raw.audience,
        algorithms,
        tenant_claim: raw.tenant_claim.unwrap_or_else(|| "tenant".to_owned()),
        tenants: tenants.transpose()?,
        role_claim: raw.role_claim.unwrap_or_else(|| "role".to_owned()),
        roles: roles(&raw.roles)?,
        clock_skew: Duration::from_secs(skew),
    })
}

/// Theirs to ours. No issuer makes operators.
fn roles(raw: &BTreeMap<String, String>) -> Result<Vec<(String, Role)>, ConfigError> {
    if raw.is_empty() {
        return Err(wrong("lacks roles: which of its roles is which of ours"));
    }
    let role = |(theirs, ours): (&String, &String)| {
        let known = Role::ALL.into_iter().find(|role| role.name() == ours);
        let known = known.filter(|role| *role != Role::Operator);
        let known =
            known.ok_or_else(|| wrong("has roles other than inference, writer, owner, auditor"));
        Ok((theirs.clone(), known?))
    };
    raw.iter().map(role).collect()
}

fn source(raw: &RawIssuer) -> Result<KeySetSource, ConfigError> {
    match (&raw.jwks_file, &raw.jwks_url) {
        (Some(path), None) => Ok(KeySetSource::File(path.clone())),
        (None, Some(url)) => Published::parse(url).map(KeySetSource::Url).ok_or_else(|| {
            wrong("has a jwks_url that isn't https (or http on this machine), or that has a password in it")
        }),
        _ => Err(wrong("needs one of jwks_file and jwks_url")),
    }
}

const fn wrong(message: &'static str) -> ConfigError {
    ConfigError::wrong("issuers", message)
}

const OWN: &str = "locule";
const SKEW_SECONDS_DEFAULT: u64 = 30;
const SKEW_SECONDS_MAX: u64 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn raw() -> RawIssuer {
        RawIssuer {
            name: "idp".to_owned(),
            issuer: "https://idp.example".to_owned(),
            audience: "locule-prod".to_owned(),
            jwks_file: None,
            jwks_url: Some("https://idp.example/jwks.json".to_owned()),
            algorithms: vec!["ES256".to_owned()],
            tenant_claim: None,
            tenants: None,
            role_claim: None,
            roles: [("admin".to_owned(), "owner".to_owned())].into(),
            clock_skew_seconds: None,
        }
    }

    #[test]
    fn an_issuer_that_could_be_too_much_is_refused() {
        assert!(issuers(vec![raw()]).is_ok());
        assert!(issuers(vec![raw(), raw()]).is_err(), "twice");
        for (what, change) in [
            (
                "HS256",
                (|raw| raw.algorithms.push("HS256".to_owned())) as fn(&mut RawIssuer),
            ),
            ("none", |raw| raw.algorithms = vec!["none".to_owned()]),
            ("no algorithm", |raw| raw.algorithms.clear()),
            ("operator", |raw| {
                raw.roles.insert("root".to_owned(), "operator".to_owned());
            }),
            ("no roles", |raw| raw.roles.clear()),
            ("locule", |raw| raw.issuer = "locule".to_owned()),
            ("no audience", |raw| raw.audience.clear()),
            ("skew", |raw| raw.clock_skew_seconds = Some(61)),
            ("plain http", |raw| {
                raw.jwks_url = Some("http://idp.example/".to_owned())
            }),
            ("not this machine", |raw| {
                raw.jwks_url = Some("http://127.0.0.1.evil.example/".to_owned());
            }),
            ("no keys", |raw| raw.jwks_url = None),
            ("two places", |raw| raw.jwks_file = Some("jwks.json".into())),
            ("a name with a line", |raw| raw.name = "a\nb".to_owned()),
        ] {
            let mut changed = raw();
            change(&mut changed);
            assert!(issuers(vec![changed]).is_err(), "{what}");
        }
    }
}
