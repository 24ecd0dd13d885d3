//! The options of `ejabberd_stun`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use access::{Access, Rate, ShaperRef, Subject};
use accounts::RelayRealm;
use kernel::doors::{Door, Open};
use netio::{TlsEndpoint, TlsOptions};
use settings::{Config, Endpoint, IpRange, Problem, Section, Transport, Value};

use crate::Stun;
use crate::peers::PeerRules;
use crate::ports::RelayAddress;

/// What the listener honours besides the common options.
pub(crate) const LISTENER_OPTIONS: &[&str] = &[
    "auth_realm",
    "auth_type",
    "certfile",
    "server_name",
    "shaper",
    "tls",
    "turn_alternate_servers",
    "turn_blacklist",
    "turn_ipv4_address",
    "turn_ipv6_address",
    "turn_loopback_for_tests",
    "turn_max_allocations",
    "turn_max_bandwidth",
    "turn_max_permissions",
    "turn_max_port",
    "turn_min_port",
    "turn_whitelist",
    "use_turn",
];

/// Realms whose keys are kept of each password.
const REALMS_MAX: usize = 4;
/// Permissions of one allocation when the option says infinity: a bound there must be.
const PERMISSIONS_CEILING: u64 = 1_000;
/// Fewer relay ports than this are worth a warning.
const PORTS_FEW: u16 = 100;

/// The options of one listener, checked.
pub(crate) struct Settings {
    pub(crate) use_turn: bool,
    /// `auth_type: anonymous`: relays for everybody.
    pub(crate) anonymous: bool,
    pub(crate) realm: String,
    /// `server_name`, told to whoever has logged in.
    pub(crate) software: String,
    pub(crate) relay_v4: Option<RelayAddress>,
    pub(crate) relay_v6: Option<RelayAddress>,
    pub(crate) ports: RangeInclusive<u16>,
    pub(crate) allocations_max: u64,
    pub(crate) permissions_max: usize,
    /// Bytes a second of one account, both directions.
    pub(crate) bandwidth: Option<u64>,
    /// Other servers for when this one is full, at most one of each family.
    pub(crate) alternates: Vec<SocketAddr>,
    pub(crate) rules: PeerRules,
    pub(crate) shaper: Option<Rate>,
    pub(crate) send_timeout: Duration,
    pub(crate) tls: Option<Arc<TlsEndpoint>>,
}

impl Settings {
    pub(crate) fn read(open: &Open<'_>) -> Result<Self, Vec<Problem>> {
        let options = &open.listener.options;
        let mut problems = check(open);
        let relay_v4 = relay_address(open, "turn_ipv4_address");
        let relay_v6 = relay_address(open, "turn_ipv6_address");
        let use_turn = options.bool("use_turn");
        if use_turn && relay_v4.is_none() && relay_v6.is_none() {
            let title = "no address for relays was found";
            let problem = options.problem("use_turn", title);
            problems.push(
                problem.help("set `turn_ipv4_address` to the public address of this machine"),
            );
        }
        let rules = peer_rules(open, relay_v4, relay_v6, &mut problems);
        let alternates = alternates(options, &mut problems);
        if !problems.is_empty() {
            return Err(problems);
        }
        let allocations = options.limit("turn_max_allocations").finite().unwrap_or(u64::MAX);
        let permissions = options.limit("turn_max_permissions").finite().unwrap_or(u64::MAX);
        let permissions = permissions.min(PERMISSIONS_CEILING);
        let port = |name: &str| u16::try_from(options.int(name)).unwrap_or(u16::MAX);
        Ok(Self {
            use_turn,
            anonymous: options.text("auth_type") == Some("anonymous"),
            realm: realm(options, open.config),
            software: options.text("server_name").unwrap_or_default().chars().take(127).collect(),
            relay_v4,
            relay_v6,
            ports: port("turn_min_port")..=port("turn_max_port"),
            allocations_max: allocations,
            permissions_max: usize::try_from(permissions).unwrap_or(usize::MAX),
            bandwidth: options.limit("turn_max_bandwidth").finite(),
            alternates,
            rules,
            shaper: shaper(open)?,
            send_timeout: options
                .duration("send_timeout")
                .finite()
                .unwrap_or(Duration::from_secs(15)),
            tls: tls(open)?,
        })
    }
}

/// `turn_alternate_servers`: a client can only be sent to an address of its own family (RFC 8489 §10).
fn alternates(options: &Section, problems: &mut Vec<Problem>) -> Vec<SocketAddr> {
    let mut found: Vec<SocketAddr> = Vec::new();
    for text in options.list("turn_alternate_servers").iter().filter_map(Value::as_str) {
        let wrong = match text.parse::<SocketAddr>() {
            Ok(address) if found.iter().any(|other| other.is_ipv4() == address.is_ipv4()) => {
                format!("`{address}` is the second address of its family")
            }
            Ok(address) => {
                found.push(address);
                continue;
            }
            Err(_) => format!("`{text}` is no address with a port"),
        };
        let help =
            "write one such as \"192.0.2.1:3478\", one such as \"[2001:db8::1]:3478\", or both";
        problems.push(options.problem("turn_alternate_servers", wrong).help(help));
    }
    found
}

/// The realm of a listener.
fn realm(options: &Section, config: &Config) -> String {
    options.text("auth_realm").unwrap_or(config.first_host()).to_owned()
}

/// The host of user names that name none: the realm when that is one, else the first.
pub(crate) fn host_of<'a>(realm: &'a str, config: &'a Config) -> &'a str {
    let is_host = config.hosts().iter().any(|host| host == realm);
    if is_host { realm } else { config.first_host() }
}

/// The realms in which accounts log in to relays, of all listeners.
pub(crate) fn realms(config: &Config) -> Vec<RelayRealm> {
    let mut realms: Vec<RelayRealm> = Vec::new();
    for listener in config.listeners().iter().filter(|one| one.module.name == Stun::NAME) {
        let options = &listener.options;
        let name = realm(options, config);
        let known = realms.iter().any(|realm| realm.name == name);
        if known || !options.bool("use_turn") || options.text("auth_type") == Some("anonymous") {
            continue;
        }
        if realms.len() == REALMS_MAX {
            let title = options.title();
            tracing::warn!(listener = title, realm = name, "keys of so many realms are not kept");
            continue;
        }
        let host = host_of(&name, config).to_owned();
        realms.push(RelayRealm { name, host });
    }
    realms
}

/// What is wrong whatever the rest says.
fn check(open: &Open<'_>) -> Vec<Problem> {
    let options = &open.listener.options;
    let mut problems = Vec::new();
    let udp = open.listener.transport == Transport::Udp;
    if udp && options.bool("tls") {
        let problem = options.problem("tls", "TLS over UDP (DTLS) is not served");
        problems.push(
            problem.help(
                "set `transport: tcp` for TLS, and add a listener with UDP and without `tls`",
            ),
        );
    }
    if matches!(open.listener.endpoint, Endpoint::Unix(_))
        && (udp || !options.bool("use_proxy_protocol"))
    {
        let problem = options.problem("port", "STUN tells addresses, and a Unix socket has none");
        problems.push(
            problem.help("set `use_proxy_protocol: true` if a proxy is in front, or a port number"),
        );
    }
    if !options.bool("use_turn") {
        return problems;
    }
    let (min, max) = (options.int("turn_min_port"), options.int("turn_max_port"));
    if min > max {
        let title = format!("the range of relay ports is empty: {min} is above {max}");
        problems.push(options.problem("turn_min_port", title));
    } else if max - min < i64::from(PORTS_FEW) {
        let listener = options.title();
        tracing::warn!(
            listener,
            "only {} relay ports: each allocation needs one or two",
            max - min + 1
        );
    }
    for other in open.config.listeners() {
        if let Endpoint::Inet { port, .. } = other.endpoint
            && other.transport == Transport::Udp
            && (min..=max).contains(&i64::from(port))
        {
            let title =
                format!("UDP port {port} of another listener is in the range of relay ports");
            let problem = options.problem("turn_min_port", title);
            problems.push(problem.help("change `turn_min_port` and `turn_max_port`, or that port"));
        }
    }
    problems
}

/// Where relays of a family are: as configured, else as the listener, else (COMPAT, IPv4) where the host's name
/// leads, else where packets to the Internet leave.
fn relay_address(open: &Open<'_>, option: &str) -> Option<RelayAddress> {
    let v4 = option == "turn_ipv4_address";
    let of_family = |ip: &IpAddr| ip.is_ipv4() == v4;
    let listener = match open.listener.endpoint {
        Endpoint::Inet { ip, .. } => Some(ip).filter(|ip| !ip.is_unspecified()).filter(of_family),
        Endpoint::Unix(_) => None,
    };
    let options = &open.listener.options;
    let configured = options.is_set(option).then(|| options.ip(option)).flatten();
    let found = || if v4 { host_address().or_else(route_address) } else { None };
    let told = configured.or(listener).or_else(found)?;
    let any: IpAddr =
        if v4 { Ipv4Addr::UNSPECIFIED.into() } else { std::net::Ipv6Addr::UNSPECIFIED.into() };
    let is_ours = UdpSocket::bind(SocketAddr::new(told, 0)).is_ok();
    Some(RelayAddress { told, bound: if is_ours { told } else { any } })
}

fn host_address() -> Option<IpAddr> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let found = (name.trim(), 0).to_socket_addrs().ok()?;
    found.map(|address| address.ip()).find(|ip| ip.is_ipv4() && !ip.is_loopback())
}

/// The address that the system would send from; nothing is sent.
fn route_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|ip| !ip.is_loopback())
}

fn peer_rules(
    open: &Open<'_>,
    v4: Option<RelayAddress>,
    v6: Option<RelayAddress>,
    problems: &mut Vec<Problem>,
) -> PeerRules {
    let options = &open.listener.options;
    let relays: Vec<IpAddr> = [v4, v6].iter().flatten().map(|at| at.told).collect();
    let loopback_for_tests = options.bool("turn_loopback_for_tests");
    if loopback_for_tests {
        let here = match open.listener.endpoint {
            Endpoint::Inet { ip, .. } => ip.is_loopback(),
            Endpoint::Unix(_) => false,
        };
        if !here || !relays.iter().all(IpAddr::is_loopback) {
            let title = "the test mode relays to this machine itself, so it works on loopback addresses alone";
            let problem = options.problem("turn_loopback_for_tests", title);
            problems.push(problem.help(
                "remove it; for tests set `ip: 127.0.0.1` and `turn_ipv4_address: 127.0.0.1` too",
            ));
        } else {
            tracing::warn!(
                "TEST MODE: this TURN listener relays to every service on the loopback addresses of this machine; \
                 never use it for anything but tests"
            );
        }
    }
    PeerRules {
        denied: ranges(options, "turn_blacklist"),
        allowed: ranges(options, "turn_whitelist"),
        relays,
        loopback_for_tests,
    }
}

fn ranges(options: &Section, name: &str) -> Vec<IpRange> {
    options.list(name).iter().filter_map(Value::as_net).collect()
}

fn shaper(open: &Open<'_>) -> Result<Option<Rate>, Vec<Problem>> {
    let access = Access::from_config(open.config, None)?.0;
    let rule = match open.listener.options.node("shaper") {
        Some(node) => access.shaper_ref(node)?.0,
        None => ShaperRef::named("none"),
    };
    Ok(access.shaper(&rule, &Subject::of_ip(Ipv4Addr::UNSPECIFIED.into())).rate())
}

fn tls(open: &Open<'_>) -> Result<Option<Arc<TlsEndpoint>>, Vec<Problem>> {
    if !open.listener.options.bool("tls") {
        return Ok(None);
    }
    let options = &open.listener.options;
    let certs = match options.text("certfile") {
        None => open.kernel.certs().clone(),
        Some(file) => {
            let now = open.kernel.clock().wall().into();
            let (own, problems) = open.kernel.certs().open_beside(file, now);
            if own.count() == 0 {
                let why =
                    problems.first().map_or_else(String::new, |problem| format!(": {problem}"));
                let title = format!("the listener has no certificate{why}");
                return Err(vec![options.problem("certfile", title)]);
            }
            own
        }
    };
    let (endpoint, _) = TlsEndpoint::new(&TlsOptions::default(), certs)
        .map_err(|error| vec![Problem::new(open.listener.pos, error.to_string())])?;
    Ok(Some(Arc::new(endpoint)))
}
