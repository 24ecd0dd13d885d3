//! Which peers a relay may talk to: a relay is a way into every network that the server can reach (attack row 27).
//!
//! Refused unless allowed by name: every range of the IANA special-purpose registries (RFC 6890 and what followed),
//! multicast, whatever is not global unicast, and the server's own addresses. An IPv6 address that carries an IPv4
//! one is judged by both. The relay's own address is a peer when two clients use relays of this server; there only
//! ports of present relays are reached.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use settings::IpRange;

/// What may be done with a peer address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Relayed to.
    Allowed,
    /// Relayed to at ports of present relays alone.
    OwnRelay,
    /// Refused.
    Denied,
}

/// The rules of one listener.
#[derive(Clone, Debug, Default)]
pub(crate) struct PeerRules {
    /// `turn_blacklist`.
    pub(crate) denied: Vec<IpRange>,
    /// `turn_whitelist`: wins over everything else.
    pub(crate) allowed: Vec<IpRange>,
    /// The addresses that relays have or are told to have.
    pub(crate) relays: Vec<IpAddr>,
    /// `turn_loopback_for_tests`.
    pub(crate) loopback_for_tests: bool,
}

impl PeerRules {
    /// Judges one address.
    pub(crate) fn judge(&self, ip: IpAddr) -> Verdict {
        if let Some(inner) = embedded(ip)
            && self.judge(IpAddr::V4(inner)) != Verdict::Allowed
        {
            return Verdict::Denied;
        }
        let within = |ranges: &[IpRange]| ranges.iter().any(|range| holds(range, ip));
        if self.loopback_for_tests && ip.is_loopback() {
            Verdict::Allowed
        } else if self.relays.contains(&ip) {
            Verdict::OwnRelay
        } else if within(&self.allowed) {
            Verdict::Allowed
        } else if within(&self.denied) || is_special(ip) || is_own(ip) {
            Verdict::Denied
        } else {
            Verdict::Allowed
        }
    }
}

/// Without taking a mapped address for the IPv4 one: that is judged on its own.
fn holds(range: &IpRange, ip: IpAddr) -> bool {
    range.address.is_ipv4() == ip.is_ipv4() && range.contains(ip)
}

/// The IPv4 address that an IPv6 one stands for.
fn embedded(ip: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(ip) = ip else { return None };
    let bits = ip.to_bits();
    let v4 = |shift: u32| Ipv4Addr::from_bits((bits >> shift) as u32);
    let top = |count: u32| bits >> (128 - count);
    match () {
        // IPv4-compatible (RFC 4291 §2.5.5.1), IPv4-mapped (§2.5.5.2), and translated (RFC 2765 §2.1).
        () if top(96) == 0 || top(96) == 0xFFFF || top(96) == 0xFFFF_0000 => Some(v4(0)),
        // NAT64 (RFC 6052, RFC 8215 with its /96).
        () if top(32) == 0x0064_FF9B => Some(v4(0)),
        // 6to4 (RFC 3056).
        () if top(16) == 0x2002 => Some(v4(80)),
        // Teredo (RFC 4380): the client's address inverted.
        () if top(32) == 0x2001_0000 => Some(Ipv4Addr::from_bits(!(bits as u32))),
        // ISATAP (RFC 5214 §6.1).
        () if (bits >> 32) as u32 & 0xFCFF_FFFF == 0x0000_5EFE => Some(v4(0)),
        () => None,
    }
}

/// IPv4 blocks of the special-purpose registry, multicast and reserved addresses.
const SPECIAL_V4: &[([u8; 4], u32)] = &[
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 31, 196, 0], 24),
    ([192, 52, 193, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([192, 175, 48, 0], 24),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// IPv6 blocks of the registry inside 2000::/3; everything outside is no global unicast (RFC 4291 §2.4) and refused.
const SPECIAL_V6: &[(Ipv6Addr, u32)] = &[
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x2620, 0x4F, 0x8000, 0, 0, 0, 0, 0), 48),
    (Ipv6Addr::new(0x3FFF, 0, 0, 0, 0, 0, 0, 0), 20),
];

pub(crate) fn is_special(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => SPECIAL_V4.iter().any(|(block, bits)| {
            (ip.to_bits() ^ Ipv4Addr::from(*block).to_bits()) >> (32 - bits) == 0
        }),
        IpAddr::V6(ip) => {
            let within =
                |block: Ipv6Addr, bits: u32| (ip.to_bits() ^ block.to_bits()) >> (128 - bits) == 0;
            !within(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3)
                || SPECIAL_V6.iter().any(|(block, bits)| within(*block, *bits))
        }
    }
}

/// Whether the address is one of this machine: only those can be bound to. Asked anew each time, since addresses
/// come and go.
fn is_own(ip: IpAddr) -> bool {
    std::net::UdpSocket::bind(SocketAddr::new(ip, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(rules: &PeerRules, ip: &str) -> Verdict {
        rules.judge(ip.parse().unwrap())
    }

    fn range(text: &str) -> IpRange {
        let (address, bits) = text.split_once('/').unwrap();
        IpRange { address: address.parse().unwrap(), bits: bits.parse().unwrap() }
    }

    /// One address of every block of the registries, and the edges of the large ones.
    const DENIED_V4: &[&str] = &[
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.0.170",
        "192.0.2.1",
        "192.31.196.1",
        "192.52.193.1",
        "192.88.99.2",
        "192.168.0.1",
        "192.168.255.255",
        "192.175.48.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
    ];
    const ALLOWED_V4: &[&str] = &[
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.1",
        "100.63.255.255",
        "100.128.0.1",
        "128.0.0.1",
        "172.15.255.255",
        "172.32.0.1",
        "192.0.1.1",
        "192.167.1.1",
        "198.20.0.1",
        "223.255.255.1",
    ];
    const DENIED_V6: &[&str] = &[
        "::",
        "::1",
        "100::1",
        "100:0:0:1::1",
        "5f00::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
        "2001:2::1",
        "2001:10::1",
        "2001:20::1",
        "2001:30::1",
        "2001:4:112::1",
        "2001:db8::1",
        "2620:4f:8000::1",
        "3fff::1",
        "3fff:fff::1",
        "4000::1",
        "64:ff9b:1::1",
        "1::1",
    ];

    /// Every way in which IPv6 writes an IPv4 address.
    fn encodings(ip: Ipv4Addr) -> Vec<IpAddr> {
        let bits = u128::from(ip.to_bits());
        let made = [
            bits,
            0xFFFF << 32 | bits,
            0xFFFF_0000 << 32 | bits,
            0x0064_FF9B << 96 | bits,
            0x0064_FF9B_0001 << 80 | bits,
            0x2002 << 112 | bits << 80,
            0x2001_0000 << 96 | u128::from(!ip.to_bits()),
            0x2A00_0001 << 96 | 0x5EFE << 32 | bits,
        ];
        made.into_iter().map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))).collect()
    }

    #[test]
    fn every_special_range_is_denied_in_every_encoding() {
        let rules = PeerRules::default();
        for ip in DENIED_V4 {
            assert_eq!(judge(&rules, ip), Verdict::Denied, "{ip}");
            for encoded in encodings(ip.parse().unwrap()) {
                assert_eq!(rules.judge(encoded), Verdict::Denied, "{ip} as {encoded}");
            }
        }
        for ip in DENIED_V6 {
            assert_eq!(judge(&rules, ip), Verdict::Denied, "{ip}");
        }
        for ip in ALLOWED_V4.iter().chain(&["2a00:1450::1", "2001:200::1", "2606:4700::1111"]) {
            assert_eq!(judge(&rules, ip), Verdict::Allowed, "{ip}");
        }
    }

    /// A list that lets the carrier through does not let through what is carried, and one that lets an IPv4 range
    /// through does not let through its other writings.
    #[test]
    fn allowing_a_carrier_does_not_allow_what_it_carries() {
        let carriers = ["::/0"].map(range).to_vec();
        let rules = PeerRules { allowed: carriers, ..PeerRules::default() };
        for ip in DENIED_V4 {
            for encoded in encodings(ip.parse().unwrap()) {
                assert_eq!(rules.judge(encoded), Verdict::Denied, "{ip} as {encoded}");
            }
        }
        assert_eq!(judge(&rules, "64:ff9b::101:101"), Verdict::Allowed);
        let rules = PeerRules { allowed: vec![range("10.0.0.0/8")], ..PeerRules::default() };
        assert_eq!(judge(&rules, "10.1.2.3"), Verdict::Allowed);
        assert_eq!(judge(&rules, "::ffff:10.1.2.3"), Verdict::Denied);
    }

    #[test]
    fn lists_relays_and_test_mode() {
        let rules = PeerRules {
            denied: vec![range("1.1.1.0/24")],
            allowed: vec![range("192.168.7.0/24"), range("1.1.1.1/32")],
            relays: vec!["192.0.2.7".parse().unwrap()],
            loopback_for_tests: false,
        };
        assert_eq!(judge(&rules, "1.1.1.2"), Verdict::Denied);
        assert_eq!(judge(&rules, "1.1.1.1"), Verdict::Allowed);
        assert_eq!(judge(&rules, "192.168.7.9"), Verdict::Allowed);
        assert_eq!(judge(&rules, "192.0.2.7"), Verdict::OwnRelay);
        assert_eq!(judge(&rules, "::ffff:192.0.2.7"), Verdict::Denied);
        assert_eq!(judge(&rules, "127.0.0.1"), Verdict::Denied);
        let rules = PeerRules { loopback_for_tests: true, ..PeerRules::default() };
        assert_eq!(judge(&rules, "127.0.0.1"), Verdict::Allowed);
        assert_eq!(judge(&rules, "10.0.0.1"), Verdict::Denied);
    }

    #[test]
    fn own_addresses_are_noticed() {
        assert!(is_own("127.0.0.1".parse().unwrap()) && !is_own("1.1.1.1".parse().unwrap()));
    }
}
