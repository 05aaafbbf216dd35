//! Where callers call from: their addresses, as policies and books know them.
//!
//! Whoever is behind a proxy has the proxy's address on the connection and his own in a header
//! that the proxy sets. The header is believed only by configuration, because without a proxy
//! callers write into it what they like. What is no address there counts as none, so that the
//! counters kept by address are counters of addresses.

use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderMap, HeaderName};

use crate::config::ConfigError;

/// Where callers' addresses are found.
#[derive(Debug, Default)]
pub(crate) struct ClientIp {
    header: Option<HeaderName>,
}

impl ClientIp {
    /// Reads them from the header `name`; from the connection if there is none.
    pub(crate) fn new(name: Option<&str>, errors: &mut Vec<ConfigError>) -> Self {
        let header = name.and_then(|name| {
            let parsed = HeaderName::try_from(name).ok();
            if parsed.is_none() {
                let message = format!("expected the name of a header, found `{name}`");
                let error = ConfigError::new(&["client_ip_header"], message);
                errors.push(error.help("write it as `x-forwarded-for`"));
            }
            parsed
        });
        Self { header }
    }

    /// The address of the caller who sent `headers` over a connection from `peer`.
    ///
    /// Of a list, as proxies write one after the other, it is the first.
    pub(crate) fn of(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> IpAddr {
        let header = self.header.as_ref().and_then(|name| headers.get(name));
        let first = header.and_then(|value| value.to_str().ok()?.split(',').next());
        let told = first.and_then(|address| address.trim().parse::<IpAddr>().ok());
        let address = told.or(peer).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        address.to_canonical()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 9));

    /// Who calls over a connection from `PEER`, with `forwarded` in the header that is believed.
    fn caller(forwarded: &str) -> String {
        let addresses = ClientIp::new(Some("X-Forwarded-For"), &mut Vec::new());
        let headers = HeaderMap::from_iter([(
            HeaderName::from_static("x-forwarded-for"),
            forwarded.parse().unwrap(),
        )]);
        addresses.of(&headers, Some(PEER)).to_string()
    }

    #[test]
    fn a_believed_header_tells_the_address_by_its_first_entry() {
        assert_eq!(caller("203.0.113.7"), "203.0.113.7");
        assert_eq!(caller(" 203.0.113.7 , 10.0.0.1"), "203.0.113.7");
        assert_eq!(caller("::ffff:203.0.113.7"), "203.0.113.7");
        assert_eq!(caller("2001:db8::1"), "2001:db8::1");
    }

    #[test]
    fn what_is_no_address_is_not_believed() {
        for nonsense in ["", "unknown", "1.2.3", "${jndi}", ", 203.0.113.7"] {
            assert_eq!(caller(nonsense), "10.0.0.9");
        }
    }

    #[test]
    fn without_a_header_it_is_the_connections_and_without_that_loopback() {
        let addresses = ClientIp::default();
        let forged = HeaderName::from_static("x-forwarded-for");
        let headers = HeaderMap::from_iter([(forged, "203.0.113.7".parse().unwrap())]);
        assert_eq!(addresses.of(&headers, Some(PEER)), PEER);
        assert_eq!(addresses.of(&headers, None).to_string(), "127.0.0.1");
    }
}
