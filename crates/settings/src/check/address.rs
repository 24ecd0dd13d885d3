//! Domains, XMPP addresses, IP addresses and URLs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Checker, Failed};
use crate::catalogue::Type;
use crate::node::Node;
use crate::value::{IpRange, Value};

/// Longest part of an XMPP address in bytes (RFC 7622 §3.1).
const PART_BYTES_MAX: usize = 1023;
/// Options that name a service's own domain, which no virtual host may have too.
const SERVICE_HOSTS: &[&str] = &["host", "hosts", "pubsub_host"];

impl Checker<'_> {
    pub(super) fn address(&mut self, kind: &'static Type, node: &Node) -> Result<Value, Failed> {
        let text = self.text(kind, node)?;
        let value = match kind {
            Type::Domain => domain(text).map(Value::text),
            Type::Host => return self.service_host(kind, text, node),
            Type::Jid => jid(text).map(Value::text),
            Type::Ip => text.parse().ok().map(Value::Ip),
            Type::Ipv4 => text.parse::<Ipv4Addr>().ok().map(|ip| Value::Ip(ip.into())),
            Type::Ipv6 => text.parse::<Ipv6Addr>().ok().map(|ip| Value::Ip(ip.into())),
            Type::IpMask => ip_range(text).map(Value::Net),
            Type::Url(schemes) => is_url(text, schemes).then(|| Value::text(text)),
            Type::SipUri => {
                (text.starts_with("sip:") || text.starts_with("sips:")).then(|| Value::text(text))
            }
            _ => origins(text).map(Value::text),
        };
        match value {
            Some(value) => Ok(value),
            None => self.unexpected(kind, node),
        }
    }

    fn service_host(
        &mut self,
        kind: &'static Type,
        text: &str,
        node: &Node,
    ) -> Result<Value, Failed> {
        let Some(domain) = domain(text) else {
            return self.unexpected(kind, node);
        };
        if SERVICE_HOSTS.contains(&self.option.0) && self.around.hosts.contains(&domain) {
            let problem =
                node.problem(format!("`{domain}` is one of `hosts`, so no service can have it"));
            return self.fail(
                problem.help("give the service a name of its own, such as `service.@HOST@`"),
            );
        }
        Ok(Value::text(domain))
    }
}

/// A prepared domain name: nameprep, `xn--` labels decoded, never empty.
pub(crate) fn domain(text: &str) -> Option<String> {
    let text = text.strip_suffix('.').unwrap_or(text);
    if let Some(literal) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return literal.parse::<Ipv6Addr>().ok().map(|ip| format!("[{ip}]"));
    }
    let is_encoded = text
        .split('.')
        .any(|label| label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--")));
    let decoded = match is_encoded {
        true => {
            let (decoded, outcome) = idna::domain_to_unicode(text);
            outcome.ok()?;
            decoded
        }
        false => text.to_owned(),
    };
    let prepared = stringprep::nameprep(&decoded).ok()?.into_owned();
    let is_forbidden = |c: char| c.is_whitespace() || c.is_control() || "@/:\"'<>&[]\\".contains(c);
    let labels_are_filled = prepared.split('.').all(|label| !label.is_empty());
    let fits =
        prepared.len() <= PART_BYTES_MAX && labels_are_filled && !prepared.contains(is_forbidden);
    fits.then_some(prepared)
}

/// A prepared XMPP address.
fn jid(text: &str) -> Option<String> {
    let (bare, resource) =
        text.split_once('/').map_or((text, None), |(bare, resource)| (bare, Some(resource)));
    let (local, host) =
        bare.split_once('@').map_or((None, bare), |(local, host)| (Some(local), host));
    let mut out = String::new();
    if let Some(local) = local {
        let prepared = stringprep::nodeprep(local).ok()?;
        if prepared.is_empty() || prepared.len() > PART_BYTES_MAX {
            return None;
        }
        out.push_str(&prepared);
        out.push('@');
    }
    out.push_str(&domain(host)?);
    if let Some(resource) = resource {
        let prepared = stringprep::resourceprep(resource).ok()?;
        if prepared.is_empty() || prepared.len() > PART_BYTES_MAX {
            return None;
        }
        out.push('/');
        out.push_str(&prepared);
    }
    Some(out)
}

/// An address with an optional number of bits.
fn ip_range(text: &str) -> Option<IpRange> {
    let (address, bits) =
        text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let address: IpAddr = address.parse().ok()?;
    let bits_max = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        Some(bits) => bits.parse().ok().filter(|bits| *bits <= bits_max)?,
        None => bits_max,
    };
    Some(IpRange { address, bits })
}

/// Whether a text is a URL of one of the schemes, with a host and, if given, a port from 1 to 65535.
///
/// COMPAT: a keyword such as `@HOST@` that was left in place is taken as a host.
pub(super) fn is_url(text: &str, schemes: &[&str]) -> bool {
    let text = &without_keyword(text);
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    if !schemes.iter().any(|known| known.eq_ignore_ascii_case(scheme))
        || text.contains(char::is_whitespace)
    {
        return false;
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match authority.strip_prefix('[') {
        Some(rest) => {
            let Some((literal, port)) = rest.split_once(']') else {
                return false;
            };
            let port = port.strip_prefix(':').map_or(port.is_empty(), is_port);
            literal.parse::<Ipv6Addr>().is_ok() && port
        }
        None => match authority.split_once(':') {
            Some((host, port)) => !host.is_empty() && is_port(port),
            None => !authority.is_empty(),
        },
    }
}

/// The text with its first `@WORD@` replaced by a plain word.
fn without_keyword(text: &str) -> String {
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    };
    let found = text.split_once('@').and_then(|(before, rest)| {
        let (name, after) = rest.split_once('@')?;
        is_name(name).then(|| format!("{before}keyword{after}"))
    });
    found.unwrap_or_else(|| text.to_owned())
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Web origins separated by blanks, each an http or https URL.
fn origins(text: &str) -> Option<String> {
    let origins: Vec<&str> = text.split_whitespace().collect();
    let all_fit =
        !origins.is_empty() && origins.iter().all(|origin| is_url(origin, &["http", "https"]));
    all_fit.then(|| origins.join(" "))
}
