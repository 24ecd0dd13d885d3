//! Networks of client addresses: an IP address with an optional prefix length.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bits of an IPv4 address mapped into IPv6 that come before the IPv4 part.
const MAPPED_PREFIX_BITS: u8 = 96;

/// A network, `address/bits`.
///
/// Addresses written in the IPv4-mapped form (`::ffff:192.0.2.1`) count as IPv4 on both sides, so
/// that a dual-stack socket and an IPv4 socket see the same client alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads `address` or `address/bits`; bits after the prefix are ignored.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (address_text, bits_text) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address_text
            .trim()
            .parse()
            .map_err(|_| format!("`{text}` is not an IP address or network (address/bits)"))?;
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits_text {
            None => bits_max,
            Some(bits) => bits
                .trim()
                .parse()
                .ok()
                .filter(|bits| *bits <= bits_max)
                .ok_or_else(|| format!("the prefix of `{text}` must be 0 to {bits_max}"))?,
        };
        Ok(Self::new(address, bits))
    }

    fn new(address: IpAddr, bits: u8) -> Self {
        match address {
            IpAddr::V6(v6) if bits >= MAPPED_PREFIX_BITS => match v6.to_ipv4_mapped() {
                Some(v4) => Self { address: IpAddr::V4(v4), bits: bits - MAPPED_PREFIX_BITS },
                None => Self { address, bits },
            },
            _ => Self { address, bits },
        }
    }

    /// Whether `client` lies in the network.
    pub fn contains(&self, client: IpAddr) -> bool {
        match (self.address, client.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(client)) => same_v4(net, client, self.bits),
            (IpAddr::V6(net), IpAddr::V6(client)) => same_v6(net, client, self.bits),
            _ => false,
        }
    }
}

fn same_v4(a: Ipv4Addr, b: Ipv4Addr, bits: u8) -> bool {
    let differing = a.to_bits() ^ b.to_bits();
    differing.leading_zeros() >= u32::from(bits)
}

fn same_v6(a: Ipv6Addr, b: Ipv6Addr, bits: u8) -> bool {
    let differing = a.to_bits() ^ b.to_bits();
    differing.leading_zeros() >= u32::from(bits)
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, client: &str) -> bool {
        Network::parse(network).unwrap().contains(client.parse().unwrap())
    }

    #[test]
    fn prefixes_decide() {
        assert!(contains("127.0.0.0/8", "127.8.9.10"));
        assert!(!contains("127.0.0.0/8", "128.0.0.1"));
        assert!(contains("192.0.2.77/24", "192.0.2.1"));
        assert!(contains("0.0.0.0/0", "203.0.113.1"));
        assert!(!contains("0.0.0.0/0", "2001:db8::1"));
        assert!(contains("::1", "::1") && !contains("::1", "::2"));
        assert!(contains("2001:db8::/33", "2001:db8:7fff::1"));
        assert!(!contains("2001:db8::/33", "2001:db8:8000::1"));
    }

    #[test]
    fn mapped_addresses_are_ipv4() {
        assert!(contains("127.0.0.0/8", "::ffff:127.0.0.1"));
        assert!(contains("::ffff:127.0.0.1/128", "127.0.0.1"));
        assert!(contains("::ffff:127.0.0.0/104", "::ffff:127.1.2.3"));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "localhost", "1.2.3", "1.2.3.4/33", "::1/129", "1.2.3.4/-1", "1.2.3.4/"] {
            assert!(Network::parse(text).is_err(), "{text}");
        }
    }
}
