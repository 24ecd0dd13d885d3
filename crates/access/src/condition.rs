//! The thirteen conditions on a client's address and JID, and the subject they are asked about.

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use jid::{BareJid, Jid};

use crate::network::Network;
use crate::pattern::Text;

/// Every condition the configuration knows, by name.
pub const CONDITION_NAMES: [&str; 13] = [
    "ip",
    "node_glob",
    "node_regexp",
    "resource",
    "resource_glob",
    "resource_regexp",
    "server",
    "server_glob",
    "server_regexp",
    "shared_group",
    "user",
    "user_glob",
    "user_regexp",
];

/// Answers whether an account is in a shared roster group.
pub trait SharedGroups: Sync {
    /// Whether `account` belongs to `group` of the virtual host `host`.
    fn is_member(&self, group: &str, host: &str, account: &BareJid) -> bool;
}

/// Whom a rule is asked about. A missing part makes the conditions on it false.
#[derive(Clone, Copy, Default)]
pub struct Subject<'a> {
    /// The prepared JID, when known.
    pub jid: Option<&'a Jid>,
    /// The client's network address, when known.
    pub ip: Option<IpAddr>,
    /// The shared roster groups, when a module offers them.
    pub groups: Option<&'a dyn SharedGroups>,
}

impl<'a> Subject<'a> {
    /// A subject of which only the JID is known.
    pub fn of_jid(jid: &'a Jid) -> Self {
        Self { jid: Some(jid), ..Self::default() }
    }

    /// A subject of which only the client's address is known.
    pub fn of_ip(ip: IpAddr) -> Self {
        Self { ip: Some(ip), ..Self::default() }
    }

    /// The same subject with a client address.
    #[must_use]
    pub fn with_ip(self, ip: Option<IpAddr>) -> Self {
        Self { ip, ..self }
    }

    /// The same subject with shared roster groups to ask.
    #[must_use]
    pub fn with_groups(self, groups: &'a dyn SharedGroups) -> Self {
        Self { groups: Some(groups), ..self }
    }
}

impl fmt::Debug for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("jid", &self.jid.map(Jid::as_str))
            .field("ip", &self.ip)
            .finish_non_exhaustive()
    }
}

/// The virtual hosts this server serves; conditions without a server part ask it.
#[derive(Debug, Clone, Default)]
pub struct LocalHosts(Arc<HashSet<Box<str>>>);

impl LocalHosts {
    /// Collects prepared host names.
    pub fn new<'h>(hosts: impl IntoIterator<Item = &'h str>) -> Self {
        Self(Arc::new(hosts.into_iter().map(Box::from).collect()))
    }

    /// Whether `domain` is one of them.
    pub fn contains(&self, domain: &str) -> bool {
        self.0.contains(domain)
    }
}

/// The domain a user condition asks for.
#[derive(Debug, Clone)]
pub(crate) enum UserServer {
    /// Any virtual host of this server.
    AnyLocal,
    /// This prepared domain, local or not.
    Domain(Box<str>),
}

/// One value of one condition.
#[derive(Debug, Clone)]
pub(crate) enum Condition {
    /// `user`, `user_regexp`, `user_glob`.
    User { user: Text, server: UserServer },
    /// `server`, `server_regexp`, `server_glob`.
    Server(Text),
    /// `resource`, `resource_regexp`, `resource_glob`.
    Resource(Text),
    /// `node_regexp`, `node_glob`: both parts.
    Node { user: Text, server: Text },
    /// `ip`.
    Ip(Network),
    /// `shared_group`; without a host, the host of the JID.
    SharedGroup { group: Box<str>, host: Option<Box<str>> },
}

impl Condition {
    /// Whether the subject fits.
    pub(crate) fn holds(&self, subject: &Subject<'_>, local: &LocalHosts) -> bool {
        if let Self::Ip(network) = self {
            return subject.ip.is_some_and(|ip| network.contains(ip));
        }
        let Some(jid) = subject.jid else { return false };
        let (user, domain, resource) = parts(jid);
        match self {
            Self::Ip(_) => false,
            Self::User { user: text, server } => {
                let at_home = match server {
                    UserServer::AnyLocal => local.contains(domain),
                    UserServer::Domain(wanted) => **wanted == *domain,
                };
                // A server has no user part, and naming the empty user must not make every server an administrator.
                let named = !user.is_empty() || matches!(text, Text::Pattern(_));
                at_home && named && text.fits(user)
            }
            Self::Server(text) => text.fits(domain),
            Self::Resource(text) => text.fits(resource),
            Self::Node { user: text, server } => text.fits(user) && server.fits(domain),
            Self::SharedGroup { group, host } => subject.groups.is_some_and(|groups| {
                let host = host.as_deref().unwrap_or(domain);
                groups.is_member(group, host, &jid.to_bare())
            }),
        }
    }
}

/// User part, domain and resource; a missing part is the empty text, as patterns see it.
fn parts(jid: &Jid) -> (&str, &str, &str) {
    (
        jid.node().map_or("", |node| node.as_str()),
        jid.domain().as_str(),
        jid.resource().map_or("", |resource| resource.as_str()),
    )
}
