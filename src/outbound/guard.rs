//! Where a tenant's webhooks may lead: to the world, not into the node's own network.
//!
//! Names are judged by the addresses that they resolve to, at the moment of connecting, so a name
//! that is good when the webhook is made and leads elsewhere later is refused then.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use ipnet::IpNet;
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};

/// Judges addresses.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    /// Networks that the operator allows, private as they may be.
    allowed: Arc<[IpNet]>,
}

impl Guard {
    pub(super) fn new(allowed: &[IpNet]) -> Self {
        Self {
            allowed: allowed.into(),
        }
    }

    /// Whether a URL may be asked. Whatever it names is judged again when it is connected to; but
    /// for an address that is written out, which nobody resolves.
    pub(super) fn judge(&self, url: &Url) -> Result<(), String> {
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let address = host.parse::<IpAddr>().ok();
        let loopback = address.is_some_and(|ip| ip.is_loopback());
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            _ => return Err("it isn't https".to_owned()),
        }
        match address {
            Some(ip) if !self.allows(ip) => Err(private()),
            Some(_) | None => Ok(()),
        }
    }

    fn allows(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.allowed.iter().any(|network| network.contains(&ip)) || is_public(ip)
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<SocketAddr> = found.filter(|found| guard.allows(found.ip())).collect();
            if found.is_empty() {
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, private()).into());
            }
            let found: Addrs = Box::new(found.into_iter());
            Ok(found)
        })
    }
}

fn private() -> String {
    "it leads into a private network; the operator can allow that (webhook_networks)".to_owned()
}

/// Whether an address is one of the world's: not this machine's, not a private network's, not a
/// neighbour's on the link, not one that stands for another address, not a group's.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_broadcast()
        || ip.is_documentation()
        || a == 0
        || a >= 240
        // Carriers' own networks, and benchmarks'.
        || (a == 100 && (64..128).contains(&b))
        || (a == 198 && (18..20).contains(&b))
        || (a, b, c) == (192, 0, 0)
        || (a, b, c) == (192, 88, 99);
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let first = ip.segments()[0];
    let second = ip.segments()[1];
    // The world's addresses are in 2000::/3; of these, some are tunnels into IPv4 (Teredo, 6to4),
    // and some are for documents. 64:ff9b:: and the like aren't in it at all.
    let world = first & 0xe000 == 0x2000;
    let special = match first {
        0x2001 => second < 0x0200 || second == 0x0db8,
        0x3fff => second < 0x1000,
        _ => first == 0x2002,
    };
    world && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worlds_addresses_are_allowed_and_the_nodes_own_networks_arent() {
        for ip in [
            "8.8.8.8",
            "93.184.216.34",
            "2606:4700::1111",
            "2a00:1450::1",
        ] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
            "::ffff:10.0.0.1",
        ] {
            let guard = Guard::new(&[]);
            assert!(!guard.allows(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn urls_are_https_and_lead_nowhere_private_unless_the_operator_says_so() {
        let open = Guard::new(&[
            "127.0.0.0/8".parse().unwrap(),
            "10.1.0.0/16".parse().unwrap(),
        ]);
        let closed = Guard::new(&[]);
        for (url, here, allowed) in [
            ("https://hooks.example/path", true, true),
            ("https://8.8.8.8/", true, true),
            ("http://hooks.example/", false, false),
            ("http://8.8.8.8/", false, false),
            ("https://127.0.0.1:8443/", false, true),
            ("http://127.0.0.1:8080/", false, true),
            ("https://10.1.2.3/", false, true),
            ("https://10.2.2.3/", false, false),
            // Other spellings of 127.0.0.1.
            ("https://2130706433/", false, true),
            ("https://0x7f.1/", false, true),
            ("https://[::ffff:127.0.0.1]/", false, true),
            ("https://[::1]/", false, false),
            ("ftp://hooks.example/", false, false),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!(closed.judge(&url).is_ok(), here, "{url}");
            assert_eq!(open.judge(&url).is_ok(), allowed, "{url}");
        }
    }
}
