//! Checks of STUN and TURN listeners: a relay is a way into every network that the server can reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use settings::audit::{Check, Per, Severity, View};
use settings::{Endpoint, IpRange, Transport, Value};

use crate::peers::is_special;

const LISTENER: Check = Check { per: Per::Listener, ..Check::PLAIN };

/// Asked of each listener.
pub(crate) const CHECKS: &[Check] = &[
    Check {
        id: "turn-anonymous",
        about: "relays without a log-in",
        why: "whoever comes sends traffic in this server's name, and at its cost",
        severity: Severity::Serious,
        judge: |view| {
            view.when(
                relays(view) && view.options().text("auth_type") == Some("anonymous"),
                "auth_type",
                "anybody may relay through this server",
                "remove `auth_type: anonymous`",
            )
        },
        ..LISTENER
    },
    Check {
        id: "turn-private-peers",
        about: "a `turn_whitelist` with addresses that are not of the public Internet",
        why: "everybody with an account then speaks to machines behind the firewall as if from inside",
        severity: Severity::Serious,
        judge: |view| {
            let open = ranges(view, "turn_whitelist").find(is_inside);
            let what = open.map_or_else(String::new, |range| {
                format!("relays reach private addresses: {}/{}", range.address, range.bits)
            });
            view.when(
                relays(view) && open.is_some(),
                "turn_whitelist",
                what,
                "name only the very hosts that clients must reach, or remove the option",
            )
        },
        ..LISTENER
    },
    Check {
        id: "turn-test-mode",
        about: "`turn_loopback_for_tests`",
        why: "relays reach every service on the loopback addresses of this machine, databases and the control of \
              other programs too",
        judge: |view| {
            view.when(
                relays(view) && view.options().bool("turn_loopback_for_tests"),
                "turn_loopback_for_tests",
                "the test mode of the relay is on",
                "remove it",
            )
        },
        ..LISTENER
    },
    Check {
        id: "turn-range-clash",
        about: "a UDP listener whose port is in the range of relay ports",
        why: "a relay may get the port of the service, or the service none",
        severity: Severity::Serious,
        judge: |view| {
            let options = view.options();
            let range = options.int("turn_min_port")..=options.int("turn_max_port");
            let clash = view.config.listeners().iter().find_map(|other| match other.endpoint {
                Endpoint::Inet { port, .. } if other.transport == Transport::Udp => {
                    Some(port).filter(|port| range.contains(&i64::from(*port)))
                }
                _ => None,
            });
            let port = clash.unwrap_or_default();
            view.when(
                relays(view) && clash.is_some(),
                "turn_min_port",
                format!("UDP port {port} of a listener is in the range of relay ports"),
                "change `turn_min_port` and `turn_max_port`, or that port; the firewall needs the same range",
            )
        },
        ..LISTENER
    },
    Check {
        id: "turn-quota",
        about: "`turn_max_allocations` or `turn_max_permissions` without a bound",
        why: "one account takes all relay ports",
        judge: |view| {
            let unlimited = |name: &&&str| view.options().limit(name).finite().is_none();
            let open = ["turn_max_allocations", "turn_max_permissions"];
            let open = open.iter().find(unlimited).copied();
            view.when(
                relays(view) && open.is_some(),
                open.unwrap_or("turn_max_allocations"),
                "one account may have any number of relays or peers",
                "remove the option: 10 is the default",
            )
        },
        ..LISTENER
    },
    Check {
        id: "turn-bandwidth",
        about: "relays without `turn_max_bandwidth` and without `shaper`",
        why: "one account takes the whole line",
        severity: Severity::Advice,
        judge: |view| {
            let options = view.options();
            view.when(
                relays(view)
                    && view.listener().faces_the_network()
                    && options.limit("turn_max_bandwidth").finite().is_none()
                    && !options.is_set("shaper"),
                "turn_max_bandwidth",
                "the traffic of an account's relays is not limited",
                "set `turn_max_bandwidth: 1000000` (bytes a second: a video call with some room)",
            )
        },
        ..LISTENER
    },
];

/// Whether a range opens a private network or this machine; a single host of a private network was chosen with care.
fn is_inside(range: &IpRange) -> bool {
    let ip = range.address.to_canonical();
    let host = range.bits == if range.address.is_ipv4() { 32 } else { 128 };
    let near = match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_link_local() || ip.is_unspecified(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unicast_link_local() || ip.is_unspecified(),
    };
    let special = is_special(ip) || SPECIAL.iter().any(|special| range.contains(*special));
    near || special && !host
}

/// One address of every kind that relays must not reach, for ranges that are wider than those.
const SPECIAL: [IpAddr; 9] = [
    v4([127, 0, 0, 1]),
    v4([10, 0, 0, 1]),
    v4([172, 16, 0, 1]),
    v4([192, 168, 0, 1]),
    v4([169, 254, 169, 254]),
    v4([100, 64, 0, 1]),
    v6(0, 1),
    v6(0xFC00, 1),
    v6(0xFE80, 1),
];

const fn v4(bytes: [u8; 4]) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(u32::from_be_bytes(bytes)))
}

const fn v6(first: u16, last: u16) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, last))
}

fn relays(view: &View<'_>) -> bool {
    view.options().bool("use_turn")
}

fn ranges<'a>(view: &View<'a>, name: &str) -> impl Iterator<Item = IpRange> + 'a {
    view.options().list(name).iter().filter_map(Value::as_net)
}

#[cfg(test)]
mod tests {
    use settings::audit::{Declared, Facts, judge};
    use settings::{Inputs, Source, load};

    use super::*;

    #[test]
    fn each_fires_where_it_should_and_nowhere_else() {
        let quiet = "turn_max_bandwidth: 1000";
        for (options, expected) in [
            ("", &["turn-bandwidth"][..]),
            ("shaper: fast", &[]),
            ("ip: 127.0.0.1", &[]),
            (quiet, &[]),
            ("auth_type: anonymous", &["turn-anonymous"]),
            ("turn_loopback_for_tests: true", &["turn-test-mode"]),
            ("turn_whitelist: [10.0.0.0/8]", &["turn-private-peers"]),
            ("turn_whitelist: [0.0.0.0/0]", &["turn-private-peers"]),
            ("turn_whitelist: [\"::/0\"]", &["turn-private-peers"]),
            ("turn_whitelist: [203.0.113.0/24]", &["turn-private-peers"]),
            ("turn_whitelist: [169.254.169.254]", &["turn-private-peers"]),
            ("turn_whitelist: [10.1.2.3]", &[]),
            ("turn_whitelist: [198.41.0.0/24]", &[]),
            ("turn_max_allocations: infinity", &["turn-quota"]),
            ("turn_max_permissions: infinity", &["turn-quota"]),
            ("turn_min_port: 2000, turn_max_port: 4000", &["turn-range-clash"]),
        ] {
            let options = match options.starts_with("turn_") || options.starts_with("auth") {
                true if options != quiet => format!("{options}, {quiet}"),
                _ => options.to_owned(),
            };
            let found = found(&options, true);
            assert_eq!(found, expected, "{options}");
            // Without relays only addresses are told.
            assert!(self::found(&options, false).is_empty(), "{options}");
        }
    }

    fn found(options: &str, relays: bool) -> Vec<&'static str> {
        let text = format!(
            "hosts: [a.test]\nshaper: {{fast: 1000}}\nlisten:\n  - {{port: 3478, transport: udp, module: \
             ejabberd_stun, use_turn: {relays}, {options}}}\n"
        )
        .replace(", }", "}");
        let source = Source::Text { name: "t".to_owned(), text };
        let loaded = load(&source, &Inputs::default()).unwrap();
        let declared = [Declared { by: "ejabberd_stun", checks: CHECKS }];
        judge(&loaded.config, &Facts::default(), &declared).ids()
    }
}
