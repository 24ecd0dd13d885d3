//! What the door does, read from the variables of `ejabberdctl.cfg` and of the environment.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use erl_wire::Term;
use settings::NodeName;
use stdx::Secret;

use crate::cookie::is_cookie;
use crate::epmd::EpmdOptions;
use crate::erl_options::ErlOptions;

/// `net_ticktime` of Erlang: how long a silent peer is believed to be there.
const TICK_TIME: Duration = Duration::from_secs(60);
/// What of it makes sense.
const TICK_SECONDS: RangeInclusive<u64> = 4..=86_400;

/// Where the variables are looked up: `ejabberdctl.cfg` first, then the environment.
pub struct Variables<'a> {
    /// Finds a variable.
    pub lookup: &'a dyn Fn(&str) -> Option<String>,
    /// The folder of the cookie: `HOME`, else the data folder.
    pub home: PathBuf,
    /// Whether the door was asked for or forbidden in so many words.
    pub asked: Asked,
    /// `net_ticktime` of the settings; the variables win.
    pub tick_time: Option<Duration>,
}

/// Whether somebody wants the door.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Asked {
    /// The variables decide.
    #[default]
    Auto,
    /// Open it.
    On,
    /// Leave it closed.
    Off,
}

impl std::str::FromStr for Asked {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "on" => Ok(Self::On),
            "off" => Ok(Self::Off),
            _ => Err(format!("`{text}` is none of `auto`, `on` and `off`")),
        }
    }
}

/// Variables that ask for the door when they have a value.
const ASKING: [&str; 4] =
    ["ERLANG_NODE", "ERL_DIST_PORT", "FIREWALL_WINDOW", "INET_DIST_INTERFACE"];

/// What is wrong with the variables.
#[derive(Debug, thiserror::Error)]
pub enum OptionError {
    /// A variable that should be a port, a range or an address.
    #[error("{variable}: `{value}` is not {wanted}")]
    Value {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        wanted: &'static str,
    },
    /// `ERL_OPTIONS` cannot be read.
    #[error("ERL_OPTIONS: {0}")]
    ErlOptions(String),
    /// The TLS options are incomplete.
    #[error("TLS of the Erlang door: {0}")]
    Tls(String),
}

/// Where the cookie comes from.
#[derive(Clone, Debug)]
pub enum CookieSource {
    /// A file, made if it is not there.
    File(PathBuf),
    /// The words of a command line, where everybody on the machine could read it.
    Given(Secret),
}

/// Certificates for distribution over TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate with its chain.
    pub certificate: PathBuf,
    /// Its key; may be the same file.
    pub key: PathBuf,
    /// The authority that peers' certificates must come from.
    pub authority: PathBuf,
}

/// A node's options.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its cookie.
    pub cookie: CookieSource,
    /// The address it listens on; `None`: loopback for a name on `localhost`, else all.
    pub interface: Option<IpAddr>,
    /// The ports it may listen on; 0 lets the system choose.
    pub ports: RangeInclusive<u16>,
    /// epmd; `None` when peers know the port.
    pub epmd: Option<EpmdOptions>,
    /// Distribution over TLS.
    pub tls: Option<TlsFiles>,
    /// How long a silent peer is believed to be there.
    pub tick_time: Duration,
}

impl Options {
    /// Reads the variables; `None` when nobody asks for the door.
    ///
    /// # Errors
    /// The first variable that has no meaning.
    pub fn read(variables: &Variables<'_>) -> Result<Option<Self>, OptionError> {
        let get = |name: &str| (variables.lookup)(name).filter(|value| !value.trim().is_empty());
        if variables.asked == Asked::Off {
            return Ok(None);
        }
        let erl = ErlOptions::parse(&get("ERL_OPTIONS").unwrap_or_default())?;
        let asked = ASKING.iter().any(|name| get(name).is_some()) || erl.asks();
        if !asked && variables.asked == Asked::Auto {
            return Ok(None);
        }
        let fixed = get("ERL_DIST_PORT").or(erl.port.clone());
        let fixed = fixed.map(|value| port("ERL_DIST_PORT", &value)).transpose()?;
        let epmd = match fixed {
            Some(_) => None,
            None => Some(EpmdOptions::read(&get)?),
        };
        let cookie = match &erl.cookie {
            Some(cookie) if is_cookie(cookie) => CookieSource::Given(Secret::new(cookie.as_str())),
            Some(_) => {
                return Err(OptionError::ErlOptions(
                    "`-setcookie` takes 1 to 255 visible characters".to_owned(),
                ));
            }
            None => CookieSource::File(variables.home.join(".erlang.cookie")),
        };
        Ok(Some(Self {
            cookie,
            interface: interface(get("INET_DIST_INTERFACE").as_deref(), &erl)?,
            ports: match fixed {
                Some(port) => port..=port,
                None => window(get("FIREWALL_WINDOW").as_deref(), &erl)?,
            },
            epmd,
            tls: tls(&erl)?,
            tick_time: tick_time(&erl, variables.tick_time)?,
        }))
    }

    /// The address to listen on, for a node of this name.
    pub fn listen_address(&self, node: &NodeName) -> IpAddr {
        let everywhere = IpAddr::from(std::net::Ipv4Addr::UNSPECIFIED);
        let here = IpAddr::from(std::net::Ipv4Addr::LOCALHOST);
        let named = node.host().parse().ok().filter(IpAddr::is_loopback);
        let chosen = if node.host() == "localhost" { here } else { named.unwrap_or(everywhere) };
        self.interface.unwrap_or(chosen)
    }
}

fn port(variable: &'static str, value: &str) -> Result<u16, OptionError> {
    let port = value.trim().parse().ok().filter(|port| *port != 0);
    port.ok_or_else(|| OptionError::Value {
        variable,
        value: value.to_owned(),
        wanted: "a port from 1 to 65535",
    })
}

fn tick_time(erl: &ErlOptions, of_settings: Option<Duration>) -> Result<Duration, OptionError> {
    let Some(value) = erl.kernel("net_ticktime") else {
        let seconds = of_settings.map(|time| time.as_secs());
        let within = |seconds: u64| seconds.clamp(*TICK_SECONDS.start(), *TICK_SECONDS.end());
        return Ok(seconds.map_or(TICK_TIME, |seconds| Duration::from_secs(within(seconds))));
    };
    let seconds = value.parse().ok().filter(|seconds| TICK_SECONDS.contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| OptionError::Value {
        variable: "net_ticktime",
        value: value.to_owned(),
        wanted: "a number of seconds from 4 to 86400",
    })
}

/// `FIREWALL_WINDOW=4200-4210`, or the two values of `-kernel`.
fn window(value: Option<&str>, erl: &ErlOptions) -> Result<RangeInclusive<u16>, OptionError> {
    const WINDOW: &str = "FIREWALL_WINDOW";
    let (low, high) = match value {
        Some(value) => value.split_once('-').unwrap_or((value, value)),
        None => match (erl.kernel("inet_dist_listen_min"), erl.kernel("inet_dist_listen_max")) {
            (None, None) => return Ok(0..=0),
            (low, high) => (low.or(high).unwrap_or_default(), high.or(low).unwrap_or_default()),
        },
    };
    let range = port(WINDOW, low)?..=port(WINDOW, high)?;
    if range.is_empty() {
        let value = format!("{low}-{high}");
        return Err(OptionError::Value {
            variable: WINDOW,
            value,
            wanted: "a range such as 4200-4210",
        });
    }
    Ok(range)
}

/// An address, or Erlang's tuple for one.
fn interface(value: Option<&str>, erl: &ErlOptions) -> Result<Option<IpAddr>, OptionError> {
    let Some(value) = value.or(erl.kernel("inet_dist_use_interface")) else { return Ok(None) };
    let found = value.trim().parse().ok().or_else(|| tuple_address(value));
    found.map(Some).ok_or_else(|| OptionError::Value {
        variable: "INET_DIST_INTERFACE",
        value: value.to_owned(),
        wanted: "an IP address",
    })
}

/// `{127,0,0,1}` or `{0,0,0,0,0,0,0,1}`.
fn tuple_address(value: &str) -> Option<IpAddr> {
    let term = erl_wire::parse(value).ok()?;
    let parts = term.as_tuple()?;
    if parts.len() == 4 {
        let bytes: Option<Vec<u8>> =
            parts.iter().map(|part| u8::try_from(part.as_integer()?).ok()).collect();
        return <[u8; 4]>::try_from(bytes?).ok().map(IpAddr::from);
    }
    let words: Option<Vec<u16>> =
        parts.iter().map(|part| u16::try_from(part.as_integer()?).ok()).collect();
    <[u16; 8]>::try_from(words?).ok().map(IpAddr::from)
}

/// `-proto_dist inet_tls` with `-ssl_dist_optfile` or `-ssl_dist_opt`.
fn tls(erl: &ErlOptions) -> Result<Option<TlsFiles>, OptionError> {
    match erl.protocol.as_deref() {
        Some("inet_tls" | "inet6_tls") => {}
        None | Some("inet_tcp" | "inet6_tcp") => return Ok(None),
        Some(other) => {
            let text = format!("`-proto_dist {other}` is neither inet_tcp nor inet_tls");
            return Err(OptionError::ErlOptions(text));
        }
    }
    let mut files = match &erl.tls_file {
        Some(file) => of_file(file)?,
        None => Vec::new(),
    };
    files.extend(erl.tls.iter().filter_map(|(name, value)| {
        Some((name.strip_prefix("server_")?.to_owned(), PathBuf::from(value)))
    }));
    let find =
        |name: &str| files.iter().rev().find(|(key, _)| key == name).map(|(_, path)| path.clone());
    let certificate = find("certfile").ok_or_else(|| {
        OptionError::Tls("no certificate: add `-ssl_dist_opt server_certfile FILE`".to_owned())
    })?;
    let authority = find("cacertfile").ok_or_else(|| {
        let text = "nothing to verify peers with: add `-ssl_dist_opt server_cacertfile FILE`. Peers without a certificate of that authority are always refused";
        OptionError::Tls(text.to_owned())
    })?;
    let key = find("keyfile").unwrap_or_else(|| certificate.clone());
    Ok(Some(TlsFiles { certificate, key, authority }))
}

/// `[{server, [{certfile, "…"}, …]}, {client, […]}].`, of which the server's files count.
fn of_file(file: &str) -> Result<Vec<(String, PathBuf)>, OptionError> {
    let wrong = |why: String| OptionError::Tls(format!("{file}: {why}"));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    let term = erl_wire::parse(&text).map_err(|error| wrong(error.to_string()))?;
    let sections = term.items().ok_or_else(|| wrong("this is no list".to_owned()))?;
    let server = sections.iter().filter_map(|section| match section.as_tuple() {
        Some([name, options]) if name.as_atom() == Some("server") => options.clone().items(),
        _ => None,
    });
    let options = server.flatten().filter_map(|option| match option.as_tuple() {
        Some([name, value]) => Some((name.as_atom()?.to_owned(), Term::text(value)?.into())),
        _ => None,
    });
    Ok(options.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)], asked: Asked) -> Result<Option<Options>, OptionError> {
        let lookup = |name: &str| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        let home = PathBuf::from("/home/x");
        Options::read(&Variables { lookup: &lookup, home, asked, tick_time: None })
    }

    fn options(pairs: &[(&str, &str)]) -> Options {
        read(pairs, Asked::Auto).unwrap().unwrap()
    }

    #[test]
    fn only_who_asks_gets_a_node() {
        let debian =
            [("ERL_OPTIONS", "-env ERL_CRASH_DUMP_BYTES 0"), ("ERL_EPMD_ADDRESS", "127.0.0.1")];
        assert!(read(&debian, Asked::Auto).unwrap().is_none());
        assert!(read(&debian, Asked::On).unwrap().is_some());
        for asking in [
            ("ERLANG_NODE", "ejabberd@localhost"),
            ("ERL_DIST_PORT", "5210"),
            ("FIREWALL_WINDOW", "4200-4210"),
            ("INET_DIST_INTERFACE", "127.0.0.1"),
            ("ERL_OPTIONS", "-kernel inet_dist_listen_min 4200"),
        ] {
            assert!(read(&[asking], Asked::Auto).unwrap().is_some(), "{asking:?}");
            assert!(read(&[asking], Asked::Off).unwrap().is_none());
        }
        assert!(read(&[("ERLANG_NODE", "  ")], Asked::Auto).unwrap().is_none());
    }

    #[test]
    fn ports_addresses_and_epmd_follow_the_variables() {
        let plain = options(&[("ERLANG_NODE", "ejabberd@localhost")]);
        assert_eq!((plain.ports.clone(), plain.epmd.is_some()), (0..=0, true));
        // Nobody elsewhere can call a node on localhost, so nobody elsewhere can connect.
        let place = |options: &Options, node: &str| {
            options.listen_address(&NodeName::parse(node, "").unwrap()).to_string()
        };
        assert_eq!(place(&plain, "x@localhost"), "127.0.0.1");
        assert_eq!(place(&plain, "x@127.0.0.2"), "127.0.0.2");
        assert_eq!(place(&plain, "x@box"), "0.0.0.0");
        let fixed = options(&[("ERL_DIST_PORT", "5210"), ("INET_DIST_INTERFACE", "::1")]);
        assert_eq!((fixed.ports.clone(), fixed.epmd.is_none()), (5210..=5210, true));
        assert_eq!(place(&fixed, "x@box"), "::1");
        assert_eq!(options(&[("FIREWALL_WINDOW", "4200-4210")]).ports, 4200..=4210);
        let kernel = "-kernel inet_dist_listen_min 4200 inet_dist_listen_max 4210 inet_dist_use_interface {127,0,0,1}";
        let kernel = options(&[("ERL_OPTIONS", kernel)]);
        assert_eq!(kernel.ports, 4200..=4210);
        assert_eq!(place(&kernel, "x@box"), "127.0.0.1");
    }

    #[test]
    fn the_tick_time_of_the_settings_holds_unless_erlang_s_own_option_is_there() {
        let read = |options: &str, seconds: u64| {
            let lookup = |name: &str| (name == "ERL_OPTIONS").then(|| options.to_owned());
            let tick_time = Some(Duration::from_secs(seconds));
            let home = PathBuf::from("/home/x");
            let variables = Variables { lookup: &lookup, home, asked: Asked::On, tick_time };
            Options::read(&variables).unwrap().unwrap().tick_time.as_secs()
        };
        assert_eq!((read("", 120), read("", 1)), (120, 4));
        assert_eq!(read("-kernel net_ticktime 30", 120), 30);
    }

    #[test]
    fn values_without_meaning_are_named() {
        for (pair, word) in [
            (("ERL_DIST_PORT", "0"), "ERL_DIST_PORT"),
            (("ERL_DIST_PORT", "x"), "ERL_DIST_PORT"),
            (("FIREWALL_WINDOW", "5-4"), "FIREWALL_WINDOW"),
            (("INET_DIST_INTERFACE", "eth0"), "INET_DIST_INTERFACE"),
            (("ERL_OPTIONS", "-proto_dist inet_tls"), "server_certfile"),
            (
                ("ERL_OPTIONS", "-proto_dist inet_tls -ssl_dist_opt server_certfile /a"),
                "server_cacertfile",
            ),
            (("ERL_OPTIONS", "-proto_dist carrier_pigeon"), "carrier_pigeon"),
            (("ERL_OPTIONS", "-proto_dist inet_tcp -kernel net_ticktime 1"), "net_ticktime"),
        ] {
            let error = read(&[pair], Asked::Auto).unwrap_err().to_string();
            assert!(error.contains(word), "{pair:?}: {error}");
        }
    }

    #[test]
    fn tls_is_read_from_words_and_from_erlangs_own_file() {
        let words = "-proto_dist inet_tls -ssl_dist_opt server_certfile /c server_keyfile /k -ssl_dist_opt server_cacertfile /a server_secure_renegotiate true";
        let files = options(&[("ERL_OPTIONS", words)]).tls.unwrap();
        assert_eq!((files.certificate.to_str(), files.key.to_str()), (Some("/c"), Some("/k")));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("inet_tls.conf");
        let text = "%% as the manual shows\n[{server, [{certfile, \"/c\"}, {cacertfile, \"/a\"}, {verify, verify_peer}]},\n {client, [{certfile, \"/other\"}]}].\n";
        std::fs::write(&file, text).unwrap();
        let words = format!("-proto_dist inet_tls -ssl_dist_optfile {}", file.display());
        let files = options(&[("ERL_OPTIONS", &words)]).tls.unwrap();
        assert_eq!((files.key.to_str(), files.authority.to_str()), (Some("/c"), Some("/a")));
    }

    #[test]
    fn the_cookie_is_in_the_home_folder_unless_it_is_given() {
        let CookieSource::File(file) = options(&[("ERLANG_NODE", "x@localhost")]).cookie else {
            panic!()
        };
        assert_eq!(file.to_str(), Some("/home/x/.erlang.cookie"));
        let given = options(&[("ERLANG_NODE", "x@localhost"), ("ERL_OPTIONS", "-setcookie abc")]);
        assert!(!format!("{given:?}").contains("abc"));
        let CookieSource::Given(cookie) = given.cookie else { panic!() };
        assert_eq!(cookie.expose(), "abc");
    }
}
