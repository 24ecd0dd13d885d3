//! Checks of the Erlang door: where it can be reached, and how strong the cookie is that lets nodes in.

use std::net::IpAddr;

use settings::audit::{Check, Guide, Severity, View};
use settings::{NodeName, Problem};
use stdx::Secret;

use crate::cookie;
use crate::options::{CookieSource, Options};

/// The door as it is asked for, as a fact for [`CHECKS`].
#[derive(Clone, Debug)]
pub struct Door {
    /// Its options.
    pub options: Options,
    /// The node's name.
    pub node: NodeName,
    /// The cookie, if it is there already and could be read.
    pub cookie: Option<Secret>,
}

/// Ports of a window that a firewall still has to be opened for.
const WINDOW_WIDE: usize = 16;
/// What Erlang makes itself has so many characters.
const COOKIE_CHARS_MIN: usize = 20;
/// Different characters in a cookie that somebody made up with care.
const COOKIE_VARIETY_MIN: usize = 8;

const SERVER: Check = Check { guide: Guide::Epmd, ..Check::PLAIN };

/// Asked once, when the door is asked for.
pub const CHECKS: &[Check] = &[
    Check {
        id: "erlang-in-clear",
        about: "Erlang distribution without TLS on an address that other machines reach",
        why: "the protocol does not encrypt: whoever listens has every command and its secrets, and can join in",
        severity: Severity::Serious,
        judge: |view| {
            when(
                view,
                |door| door.faces_the_network() && door.options.tls.is_none(),
                |door| {
                    let address = door.options.listen_address(&door.node);
                    (
                        format!("Erlang nodes connect in clear, on {address}"),
                        "set `INET_DIST_INTERFACE=127.0.0.1` in ejabberdctl.cfg; for nodes elsewhere use TLS \
                     (`-proto_dist inet_tls`, docs/erlang.md)",
                    )
                },
            )
        },
        ..SERVER
    },
    Check {
        id: "epmd-open",
        about: "an epmd of our own on addresses that other machines reach (`ERL_EPMD_ADDRESS`)",
        why: "it tells everybody which Erlang nodes run here and where",
        judge: |view| {
            when(view, Door::shows_names, |_| {
                (
                    "epmd listens beyond this machine".to_owned(),
                    "remove `ERL_EPMD_ADDRESS` from ejabberdctl.cfg, or close its port (4369) in the firewall; with \
                     `ERL_DIST_PORT=5210` no epmd is needed",
                )
            })
        },
        ..SERVER
    },
    Check {
        id: "erlang-ports-open",
        about: "a random port, or a window of many, for Erlang nodes of other machines",
        why: "the firewall has to be open for all of them",
        judge: |view| {
            when(view, Door::has_many_ports, |door| {
                let (first, last) = (door.options.ports.start(), door.options.ports.end());
                let ports = match first {
                    0 => "a random port".to_owned(),
                    _ => format!("a port from {first} to {last}"),
                };
                (
                    format!("Erlang nodes connect to {ports}"),
                    "set `ERL_DIST_PORT=5210` in ejabberdctl.cfg and open that port alone",
                )
            })
        },
        ..SERVER
    },
    Check {
        id: "erlang-cookie-weak",
        about: "a cookie that is short or easy to guess",
        why: "whoever knows the cookie gives every command",
        guide: Guide::Cookie,
        severity: Severity::Serious,
        judge: |view| {
            let weak = |door: &Door| door.known_cookie().is_some_and(is_weak);
            when(view, weak, |_| {
                (
                    "the Erlang cookie can be guessed".to_owned(),
                    "stop the server, remove the cookie's file (and `-setcookie`): the next start makes a strong one; \
                     copy it to the other nodes",
                )
            })
        },
        ..SERVER
    },
    Check {
        id: "erlang-cookie-in-options",
        about: "`-setcookie` in `ERL_OPTIONS`",
        why: "ejabberd's own script shows it to every user of the machine in the list of processes",
        guide: Guide::Cookie,
        judge: |view| {
            let given = |door: &Door| matches!(door.options.cookie, CookieSource::Given(_));
            when(view, given, |_| {
                (
                    "the Erlang cookie stands in the options of a command line".to_owned(),
                    "put it into `$HOME/.erlang.cookie`, mode 0400, and remove `-setcookie`",
                )
            })
        },
        ..SERVER
    },
    Check {
        id: "erlang-name-long",
        about: "a long node name (`-name`) on an address that other machines reach, without TLS",
        why: "nodes outside the local network can call it; a short name does not keep them out but makes it harder",
        guide: Guide::NodeName,
        severity: Severity::Advice,
        judge: |view| {
            let long = |door: &Door| {
                door.node.host().contains('.')
                    && door.faces_the_network()
                    && door.options.tls.is_none()
            };
            when(view, long, |door| {
                (
                    format!("the node's name {} is made for the Internet", door.node),
                    "set `ERLANG_NODE` to a name on `localhost`, or to a short one",
                )
            })
        },
        ..SERVER
    },
];

impl Door {
    /// The door, and the cookie as it is in its file now.
    pub fn gather(options: Options, node: NodeName) -> Self {
        let cookie = match &options.cookie {
            CookieSource::Given(_) => None,
            CookieSource::File(path) => cookie::existing(path),
        };
        Self { options, node, cookie }
    }

    fn faces_the_network(&self) -> bool {
        !self.options.listen_address(&self.node).to_canonical().is_loopback()
    }

    fn shows_names(&self) -> bool {
        let beyond = |ip: &IpAddr| !ip.to_canonical().is_loopback();
        self.options.epmd.as_ref().is_some_and(|epmd| epmd.addresses.iter().any(beyond))
    }

    fn has_many_ports(&self) -> bool {
        let ports = &self.options.ports;
        self.faces_the_network() && (*ports.start() == 0 || ports.clone().count() > WINDOW_WIDE)
    }

    fn known_cookie(&self) -> Option<&Secret> {
        match &self.options.cookie {
            CookieSource::Given(cookie) => Some(cookie),
            CookieSource::File(_) => self.cookie.as_ref(),
        }
    }
}

fn is_weak(cookie: &Secret) -> bool {
    let mut characters: Vec<char> = cookie.expose().chars().collect();
    let short = characters.len() < COOKIE_CHARS_MIN;
    characters.sort_unstable();
    characters.dedup();
    short || characters.len() < COOKIE_VARIETY_MIN
}

/// These options stand in no settings file, so findings have no place there.
fn when(
    view: &View<'_>,
    holds: impl Fn(&Door) -> bool,
    say: impl Fn(&Door) -> (String, &'static str),
) -> Vec<Problem> {
    let door = view.fact::<Door>().filter(|door| holds(door));
    door.map(|door| {
        let (what, mend) = say(door);
        Problem::general(what).help(mend)
    })
    .into_iter()
    .collect()
}

#[cfg(test)]
mod tests {
    use settings::audit::{Declared, Facts, judge};
    use settings::{Inputs, Source, load};

    use super::*;
    use crate::{Asked, Variables};

    fn found(pairs: &[(&str, &str)], node: &str, cookie: Option<&str>) -> Vec<&'static str> {
        let lookup = |name: &str| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        let home = "/home/x".into();
        let variables = Variables { lookup: &lookup, home, asked: Asked::On, tick_time: None };
        let options = Options::read(&variables).unwrap().unwrap();
        let node = NodeName::parse(node, "").unwrap();
        let facts = Facts::default().with(Door { options, node, cookie: cookie.map(Secret::new) });
        let source = Source::Text { name: "t".to_owned(), text: "hosts: [a.test]".to_owned() };
        let loaded = load(&source, &Inputs::default()).unwrap();
        judge(&loaded.config, &facts, &[Declared { by: "Erlang", checks: CHECKS }]).ids()
    }

    const STRONG: Option<&str> = Some("QWERTZUIOPASDFGHJKLY");
    const TLS: (&str, &str) = (
        "ERL_OPTIONS",
        "-proto_dist inet_tls -ssl_dist_opt server_certfile /c server_cacertfile /a",
    );

    #[test]
    fn what_only_this_machine_reaches_is_quiet() {
        assert_eq!(found(&[], "x@localhost", STRONG), Vec::<&str>::new());
        assert_eq!(found(&[("INET_DIST_INTERFACE", "127.0.0.1")], "x@b.test", STRONG), [""; 0]);
        assert_eq!(found(&[("ERL_EPMD_ADDRESS", "127.0.0.1")], "x@localhost", None), [""; 0]);
        let fixed = ("ERL_DIST_PORT", "5210");
        assert_eq!(found(&[TLS, fixed], "x@b.test", STRONG), [""; 0]);
    }

    #[test]
    fn what_others_reach_is_told() {
        let fixed = ("ERL_DIST_PORT", "5210");
        assert_eq!(found(&[fixed], "x@box", STRONG), ["erlang-in-clear"]);
        assert_eq!(found(&[fixed], "x@b.test", STRONG), ["erlang-in-clear", "erlang-name-long"]);
        assert_eq!(found(&[TLS], "x@box", STRONG), ["erlang-ports-open"]);
        let window = |text| found(&[TLS, ("FIREWALL_WINDOW", text)], "x@box", STRONG);
        assert_eq!(window("4200-4210"), [""; 0]);
        assert_eq!(window("4200-4300"), ["erlang-ports-open"]);
        assert_eq!(found(&[("ERL_EPMD_ADDRESS", "0.0.0.0")], "x@localhost", STRONG), ["epmd-open"]);
    }

    #[test]
    fn cookies_are_weighed() {
        for weak in ["monster", "aaaaaaaaaaaaaaaaaaaaaaaaa", "ABABABABABABABABABABABAB"] {
            assert_eq!(found(&[], "x@localhost", Some(weak)), ["erlang-cookie-weak"], "{weak}");
        }
        let given = found(&[("ERL_OPTIONS", "-setcookie monster")], "x@localhost", None);
        assert_eq!(given, ["erlang-cookie-in-options", "erlang-cookie-weak"]);
    }
}
