//! What is set about listening: TLS, proxies, browsers, limits of connections.

use std::time::Duration;

use ipnet::IpNet;

use super::raw::{ConfigError, Listed, RawSettings};
use crate::http::{Options, TlsOptions};

pub(super) fn options(raw: &RawSettings) -> Result<Options, ConfigError> {
    let defaults = Options::default();
    let seconds = |set: Option<u64>, default| set.map_or(default, Duration::from_secs);
    let options = Options {
        tls: tls(raw)?,
        trusted_proxies: networks("trusted_proxies", raw.trusted_proxies.as_ref())?,
        cors_origins: origins(raw.cors_origins.as_ref())?,
        header_time: seconds(raw.header_seconds_max, defaults.header_time),
        idle_time: defaults.idle_time,
        write_time: defaults.write_time,
        request_time: seconds(raw.request_seconds_max, defaults.request_time),
        connections_max: raw.connections_max.unwrap_or(defaults.connections_max),
        metrics_apart: raw.metrics_listen.is_some(),
    };
    if options.header_time.is_zero() || options.request_time.is_zero() {
        return Err(ConfigError::wrong(
            "header_seconds_max and request_seconds_max",
            "take at least 1",
        ));
    }
    if !(1..=CONNECTIONS_MAX).contains(&options.connections_max) {
        return Err(ConfigError::wrong("connections_max", "takes 1 to 1000000"));
    }
    Ok(options)
}

fn tls(raw: &RawSettings) -> Result<Option<TlsOptions>, ConfigError> {
    let version_1_2 = match raw.tls_version_min.as_deref() {
        None | Some("1.3") => false,
        Some("1.2") => true,
        Some(_) => return Err(ConfigError::wrong("tls_version_min", "takes 1.3 or 1.2")),
    };
    let client_required = raw.tls_client_required.unwrap_or(false);
    if client_required && raw.tls_client_ca.is_none() {
        return Err(ConfigError::wrong(
            "tls_client_required",
            "needs tls_client_ca: whose certificates to accept",
        ));
    }
    match (&raw.tls_certificate, &raw.tls_key) {
        (Some(certificate), Some(key)) => Ok(Some(TlsOptions {
            certificate: certificate.clone(),
            key: key.clone(),
            client_authorities: raw.tls_client_ca.clone(),
            client_required,
            version_1_2,
            look_every: LOOK_EVERY,
        })),
        // Anything that only makes sense with TLS, without it, would leave plain HTTP by surprise.
        (None, None) if raw.tls_client_ca.is_none() && raw.tls_version_min.is_none() => Ok(None),
        _ => Err(ConfigError::wrong(
            "tls_*",
            "need both tls_certificate and tls_key",
        )),
    }
}

pub(super) fn networks(
    name: &'static str,
    listed: Option<&Listed>,
) -> Result<Vec<IpNet>, ConfigError> {
    let values = listed.map(Listed::values).unwrap_or_default();
    let network = |text: &str| {
        text.parse::<IpNet>()
            .or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from))
            .map_err(|_| {
                ConfigError::wrong(
                    name,
                    "takes addresses and networks like 10.1.2.3 or 10.0.0.0/8",
                )
            })
    };
    values.into_iter().map(network).collect()
}

fn origins(listed: Option<&Listed>) -> Result<Vec<String>, ConfigError> {
    let values = listed.map(Listed::values).unwrap_or_default();
    let origin = |text: &str| {
        let host = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"));
        let plain = |host: &str| {
            let fits = |b: u8| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b);
            !host.is_empty() && host.bytes().all(fits)
        };
        if host.is_some_and(plain) {
            return Ok(text.to_owned());
        }
        Err(ConfigError::wrong(
            "cors_origins",
            "takes origins like https://app.example, each by name (no *), without a path",
        ))
    };
    values.into_iter().map(origin).collect()
}

/// How often the certificate's files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const CONNECTIONS_MAX: usize = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(raw: RawSettings) -> String {
        options(&raw).unwrap_err().to_string()
    }

    #[test]
    fn half_of_tls_is_refused_and_never_plain_http() {
        let file = || Some("some.pem".into());
        let certificate_alone = RawSettings {
            tls_certificate: file(),
            ..RawSettings::default()
        };
        assert!(refused(certificate_alone).contains("tls_key"));
        let authorities_alone = RawSettings {
            tls_client_ca: file(),
            ..RawSettings::default()
        };
        assert!(refused(authorities_alone).contains("tls_key"));
        let nobody_to_accept = RawSettings {
            tls_client_required: Some(true),
            ..RawSettings::default()
        };
        assert!(refused(nobody_to_accept).contains("tls_client_ca"));
    }

    #[test]
    fn lists_are_read_from_both_forms() {
        let raw = RawSettings {
            trusted_proxies: Some(Listed::Text("10.0.0.0/8, 192.0.2.7".to_owned())),
            cors_origins: Some(Listed::List(vec!["https://app.example".to_owned()])),
            ..RawSettings::default()
        };
        let read = options(&raw).unwrap();
        assert_eq!(read.trusted_proxies.len(), 2);
        assert_eq!(read.cors_origins, ["https://app.example"]);
        for origin in ["*", "app.example", "https://app.example/path", "https://"] {
            let raw = RawSettings {
                cors_origins: Some(Listed::Text(origin.to_owned())),
                ..RawSettings::default()
            };
            assert!(refused(raw).contains("cors_origins"), "{origin}");
        }
    }
}
