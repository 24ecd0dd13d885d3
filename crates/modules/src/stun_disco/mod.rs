//! XEP-0215: External Service Discovery. Tells clients of STUN and TURN, with log-ins made for them.

mod login;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use access::{Access, RuleRef, Subject};
use jid::{BareJid, Jid};
use kernel::contracts::{RelayCredentials, RelayLogin, RelayServices};
use kernel::{
    Answering, At, GetAnswer, IqRequest, Kernel, Module, Register, Start, Xep, random, xep,
};
use settings::audit::{Check, Guide, Per, Severity};
use settings::{Problem, Section, Value};
use stdx::Secret;
use xmlstream::Element;
use xmpp_wire::{StanzaCondition, StanzaError};

use login::Mint;

/// The namespaces of both versions of the protocol; they differ in name alone.
const VERSIONS: [&str; 2] = ["urn:xmpp:extdisco:1", "urn:xmpp:extdisco:2"];

/// A service that clients are told of.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Service {
    host: String,
    port: u16,
    kind: &'static str,
    transport: &'static str,
    restricted: bool,
}

/// Tells of services.
pub(crate) struct StunDisco {
    access: RuleRef,
    lifetime_seconds: i64,
    local: bool,
    services: Vec<Service>,
    mint: Mint,
    host: String,
    secret: Secret,
}

/// Fewer characters of a shared secret are found by trying.
const SECRET_CHARS_MIN: usize = 16;
/// Seconds for which a log-in that somebody has copied is of use.
const LIFETIME_SECONDS_LONG: u64 = 24 * 3600;

const WEAK_SECRET: Check = Check {
    id: "relay-secret-weak",
    about: "a short `secret` of `mod_stun_disco`",
    why: "one log-in seen is enough to try secrets against; whoever has it makes log-ins to the relay",
    guide: Guide::Firewall,
    severity: Severity::Warning,
    per: Per::Module,
    judge: |view| {
        let short = |secret: &Secret| secret.expose().chars().count() < SECRET_CHARS_MIN;
        view.when(
            view.options().secret("secret").is_some_and(short),
            "secret",
            "the secret for relay log-ins can be guessed",
            "make a long one (openssl rand -base64 32), the same at the TURN servers that use it; without the option \
             this server makes its own",
        )
    },
};

const CHECKS: &[Check] = &[
    WEAK_SECRET,
    Check {
        id: "relay-login-long",
        about: "`credentials_lifetime` above a day",
        why: "whoever copies a log-in uses the relay for so long",
        severity: Severity::Advice,
        judge: |view| {
            let life = view.options().duration("credentials_lifetime").finite();
            view.when(
                life.is_none_or(|life| life.as_secs() > LIFETIME_SECONDS_LONG),
                "credentials_lifetime",
                "log-ins to the relay are valid for long",
                "remove the option: 12 hours are the default",
            )
        },
        ..WEAK_SECRET
    },
];

impl Module for StunDisco {
    const NAME: &'static str = "mod_stun_disco";
    const ABOUT: &'static str = "Tells clients of STUN and TURN services (XEP-0215)";
    const IMPLEMENTS: &'static [Xep] = &[xep(215, "1.0.0")];
    const OPTIONS: &'static [&'static str] =
        &["access", "credentials_lifetime", "offer_local_services", "secret", "services"];
    const CHECKS: &'static [Check] = CHECKS;

    fn start(start: &Start<'_, Self>) -> Result<Self, Problem> {
        let options = start.options;
        // Without one in the configuration nobody else needs it: it lives as long as this process.
        let secret = match (options.secret("secret"), start.previous) {
            (Some(secret), _) => secret.clone(),
            (None, Some(previous)) => previous.secret.clone(),
            (None, None) => Secret::new(random::token()),
        };
        let access = match options.node("access") {
            None => RuleRef::All,
            Some(node) => {
                Access::from_config(&start.kernel.config(), Some(start.host))
                    .and_then(|(access, _)| access.rule_ref(node))
                    .map_err(|mut found| found.remove(0))?
                    .0
            }
        };
        let lifetime = options.duration("credentials_lifetime").finite().unwrap_or_default();
        let services = options.list("services").iter().filter_map(Value::as_section);
        Ok(Self {
            access,
            lifetime_seconds: i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX / 2),
            local: options.bool("offer_local_services"),
            services: services.filter_map(configured).collect(),
            mint: Mint::new(&secret),
            host: start.host.to_owned(),
            secret,
        })
    }

    fn register(on: &mut Register<'_, Self>) {
        for ns in VERSIONS {
            on.iq_get(At::Server, ns, Self::answer);
        }
        on.provide::<dyn RelayCredentials>(|module| module);
    }
}

/// An entry of `services`.
fn configured(entry: &Section) -> Option<Service> {
    let kind = match entry.text("type") {
        Some("stuns") => "stuns",
        Some("turn") => "turn",
        Some("turns") => "turns",
        _ => "stun",
    };
    let (tls, relays) = (kind.ends_with('s'), kind.starts_with("turn"));
    let transport = match entry.text("transport") {
        Some("udp") => "udp",
        Some(_) => "tcp",
        None if tls => "tcp",
        None => "udp",
    };
    let host = match entry.get("host") {
        Value::Ip(ip) => ip.to_string(),
        host => host.as_str()?.to_owned(),
    };
    let port = entry.int_if_set("port").and_then(|port| u16::try_from(port).ok());
    Some(Service {
        host,
        port: port.unwrap_or(if tls { 5349 } else { 3478 }),
        kind,
        transport,
        restricted: entry.bool_if_set("restricted").unwrap_or(relays),
    })
}

impl StunDisco {
    /// What there is now: the configured services, and the server's own listeners.
    fn services(&self, kernel: &Kernel) -> Vec<Service> {
        let mut all = self.services.clone();
        if !self.local {
            return all;
        }
        all.extend(kernel.shared::<RelayServices>().list().into_iter().map(|offered| {
            let kind = match (offered.relays, offered.tls) {
                (false, false) => "stun",
                (false, true) => "stuns",
                (true, false) => "turn",
                (true, true) => "turns",
            };
            // A certificate is made out for the name.
            let address = offered.address.filter(|_| !offered.tls);
            Service {
                host: address.as_ref().map_or_else(|| self.host.clone(), IpAddr::to_string),
                port: offered.port,
                kind,
                transport: if offered.udp { "udp" } else { "tcp" },
                restricted: offered.relays,
            }
        }));
        all
    }

    fn answer<'a>(&'a self, request: &'a IqRequest) -> Answering<'a, GetAnswer> {
        Box::pin(async move {
            let subject = Subject::of_jid(&request.from);
            if !request.host.generation().access().allows(&self.access, &subject) {
                return Err(StanzaError::new(StanzaCondition::Forbidden));
            }
            let services = self.services(&request.kernel);
            let query = &request.payload;
            let ns = VERSIONS.into_iter().find(|ns| query.ns() == *ns).unwrap_or(VERSIONS[1]);
            match query.name() {
                "services" => {
                    let wanted = query.attr("type");
                    let listed =
                        services.iter().filter(|one| wanted.is_none_or(|kind| kind == one.kind));
                    let listed = listed.map(|one| self.element(request, ns, one));
                    Ok(Some(Element::new("services", ns).with_children(listed)))
                }
                "credentials" => self.credentials(request, ns, &services),
                _ => Err(StanzaCondition::BadRequest.into()),
            }
        })
    }

    /// Log-ins for services that the client names (XEP-0215 §3.3).
    fn credentials(
        &self,
        request: &IqRequest,
        ns: &'static str,
        services: &[Service],
    ) -> GetAnswer {
        let asked = request.payload.children().find(|child| child.is("service", ns));
        let asked = asked.ok_or(StanzaCondition::BadRequest)?;
        let (Some(host), Some(kind)) = (asked.attr("host"), asked.attr("type")) else {
            return Err(StanzaCondition::BadRequest.into());
        };
        let port = asked.attr("port").map(str::parse::<u16>);
        let fits = |one: &&Service| {
            let same_port = port.as_ref().is_none_or(|port| port.as_ref() == Ok(&one.port));
            one.restricted && one.host == host && one.kind == kind && same_port
        };
        let found: Vec<_> =
            services.iter().filter(fits).map(|one| self.element(request, ns, one)).collect();
        if found.is_empty() {
            return Err(StanzaCondition::ItemNotFound.into());
        }
        Ok(Some(Element::new("credentials", ns).with_children(found)))
    }

    fn element(&self, request: &IqRequest, ns: &'static str, service: &Service) -> Element {
        let element = Element::new("service", ns)
            .with_attr("host", service.host.clone())
            .with_attr("port", service.port.to_string())
            .with_attr("transport", service.transport)
            .with_attr("type", service.kind)
            .with_attr("restricted", if service.restricted { "true" } else { "false" });
        if !service.restricted {
            return element;
        }
        let expires =
            request.kernel.clock().wall().as_second().saturating_add(self.lifetime_seconds);
        let Some((user, password)) =
            self.mint.login(&bare(&request.from), expires, random::bytes())
        else {
            return element;
        };
        let at = request.kernel.clock().wall()
            + std::time::Duration::from_secs(
                u64::try_from(self.lifetime_seconds).unwrap_or_default(),
            );
        let at = at.round(jiff::Unit::Second).unwrap_or(at);
        element
            .with_attr("expires", kernel::xmpp_stamp(at))
            .with_attr("username", user)
            .with_attr("password", password.expose().to_owned())
    }
}

fn bare(jid: &Jid) -> BareJid {
    jid.to_bare()
}

impl RelayCredentials for StunDisco {
    fn login(&self, user: &str, now: i64) -> Option<RelayLogin> {
        let (account, password) = self.mint.read(user, now)?;
        (account.domain().as_str() == self.host).then_some(RelayLogin { account, password })
    }
}
