//! Whom a request comes from, when proxies stand between.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::IpNet;

/// The client's address. A proxy that is trusted is believed about whom it asks for; what anyone
/// else says of addresses counts for nothing, and neither does what can't be read.
pub(super) fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|network| network.contains(ip));
    if !is_trusted(&peer) {
        return peer;
    }
    let mut client = peer;
    // Each proxy adds whom it was asked by at the end: the last ones are the ones to believe.
    let values = headers.get_all(FORWARDED_FOR).into_iter().rev();
    let values = values.map(|value| value.to_str().unwrap_or_default());
    for hop in values.flat_map(|value| value.rsplit(',')) {
        let Some(ip) = address(hop.trim()) else {
            return client;
        };
        client = ip;
        if !is_trusted(&client) {
            return client;
        }
    }
    client
}

/// `192.0.2.1`, `2001:db8::1`, and both with a port.
fn address(text: &str) -> Option<IpAddr> {
    let ip = text.parse::<IpAddr>();
    ip.or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()))
        .ok()
        .map(|ip| ip.to_canonical())
}

const FORWARDED_FOR: &str = "x-forwarded-for";

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn seen(peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, HeaderValue::from_str(value).unwrap());
        }
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        client(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn a_stranger_is_who_connects_whatever_it_says() {
        assert_eq!(seen("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(seen("192.0.2.1", &[]), "192.0.2.1");
    }

    #[test]
    fn a_trusted_proxy_is_believed_and_what_came_before_it_isnt() {
        assert_eq!(seen("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(
            seen("10.0.0.1", &["1.2.3.4, 198.51.100.7, 10.9.9.9"]),
            "198.51.100.7"
        );
        assert_eq!(
            seen("10.0.0.1", &["1.2.3.4", "198.51.100.7:4711"]),
            "198.51.100.7"
        );
        assert_eq!(seen("fd00::1", &["[2001:db8::7]:443"]), "2001:db8::7");
        assert_eq!(seen("10.0.0.1", &["::ffff:198.51.100.7"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.1", &["10.0.0.2"]), "10.0.0.2");
    }

    #[test]
    fn what_cant_be_read_stops_the_search_at_the_last_proxy_that_is_trusted() {
        assert_eq!(seen("10.0.0.1", &["198.51.100.7, nonsense"]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &["198.51.100.7, , 10.0.0.2"]), "10.0.0.2");
        assert_eq!(seen("10.0.0.1", &[""]), "10.0.0.1");
    }

    proptest! {
        #[test]
        fn no_header_makes_a_stranger_someone_else(text in "[ -~]{0,80}") {
            prop_assert_eq!(seen("192.0.2.1", &[&text]), "192.0.2.1");
            seen("10.0.0.1", &[&text]);
        }
    }
}
