//! `api_permissions`: which caller may run which administration command through which door.

use std::sync::Arc;

use crate::Access;
use crate::condition::Subject;
use crate::rules::{RuleRef, Term};

/// The entry that is put in front unless the administrator wrote one of this very name.
pub(crate) const CONSOLE_ENTRY: &str = "console commands";

/// The ways into the command table, under the names the configuration uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiDoor {
    /// The control socket: `ejabberd_ctl`.
    Ctl,
    /// The control socket, for members of the group that may use it besides root and the server's user. It has no
    /// name: only entries that ask for the group's tag, or for no door at all, are for it.
    CtlOfGroup,
    /// The web admin pages: `ejabberd_web_admin`.
    WebAdmin,
    /// XML-RPC: `ejabberd_xmlrpc`.
    XmlRpc,
    /// Ad-hoc commands (XEP-0050): `mod_adhoc_api`.
    AdHoc,
    /// Scheduled commands: `mod_cron`.
    Cron,
    /// The HTTP API: `mod_http_api`.
    HttpApi,
}

impl ApiDoor {
    /// Every door with its configured name.
    pub const ALL: [(&'static str, Self); 6] = [
        ("ejabberd_ctl", Self::Ctl),
        ("ejabberd_web_admin", Self::WebAdmin),
        ("ejabberd_xmlrpc", Self::XmlRpc),
        ("mod_adhoc_api", Self::AdHoc),
        ("mod_cron", Self::Cron),
        ("mod_http_api", Self::HttpApi),
    ];
}

/// Who calls.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// The way the call came in.
    pub door: ApiDoor,
    /// The `tag` option of the HTTP listener, if it has one.
    pub tag: Option<&'a str>,
    /// The authenticated JID and the client's address, as far as known.
    pub subject: Subject<'a>,
    /// The scopes of the caller's OAuth token; `None` for a caller without a token.
    pub token_scopes: Option<&'a [&'a str]>,
}

/// What is called.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The command's name.
    pub command: &'a str,
    /// The tags of the command.
    pub tags: &'a [&'a str],
    /// The value of the argument named `host`, when the call has exactly one such argument.
    pub host: Option<&'a str>,
}

/// The callers an entry is for.
#[derive(Debug, Clone, Default)]
pub(crate) struct From {
    pub(crate) doors: Vec<ApiDoor>,
    pub(crate) tags: Vec<Box<str>>,
}

impl From {
    fn fits(&self, caller: &Caller<'_>) -> bool {
        let door_fits = self.doors.is_empty() || self.doors.contains(&caller.door);
        let tag_fits = self.tags.is_empty()
            || caller.tag.is_some_and(|tag| self.tags.iter().any(|wanted| **wanted == *tag));
        door_fits && tag_fits
    }
}

/// One alternative of `who` for callers without a token, or inside an `oauth` clause.
#[derive(Debug, Clone)]
pub(crate) enum Person {
    Term(Term),
    Access(RuleRef),
}

impl Person {
    fn fits(&self, access: &Access, subject: &Subject<'_>) -> bool {
        match self {
            Self::Term(term) => term.holds(&access.acls, subject),
            Self::Access(rule) => access.allows(rule, subject),
        }
    }
}

/// An `oauth` clause: a token with any of the scopes, held by any of the persons.
#[derive(Debug, Clone, Default)]
pub(crate) struct OauthClause {
    pub(crate) scopes: Vec<Box<str>>,
    pub(crate) persons: Vec<Person>,
}

/// The people an entry is for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Who {
    pub(crate) persons: Vec<Person>,
    pub(crate) oauth: Vec<OauthClause>,
}

impl Who {
    fn fits(&self, access: &Access, caller: &Caller<'_>) -> bool {
        let any = |persons: &[Person]| persons.iter().any(|p| p.fits(access, &caller.subject));
        match caller.token_scopes {
            None => any(&self.persons),
            Some(scopes) => self.oauth.iter().any(|clause| {
                clause.scopes.iter().any(|wanted| scopes.contains(&&**wanted))
                    && any(&clause.persons)
            }),
        }
    }
}

/// A word of `what`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CommandPattern {
    Every,
    Named(Box<str>),
    Tagged(Box<str>),
}

impl CommandPattern {
    fn fits(&self, call: &Call<'_>) -> bool {
        match self {
            Self::Every => true,
            Self::Named(name) => **name == *call.command,
            Self::Tagged(tag) => call.tags.contains(&&**tag),
        }
    }
}

/// The commands an entry is for: the included ones without the excluded ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct CommandSet {
    pub(crate) included: Vec<CommandPattern>,
    pub(crate) excluded: Vec<CommandPattern>,
}

impl CommandSet {
    fn contains(&self, call: &Call<'_>) -> bool {
        let among = |patterns: &[CommandPattern]| patterns.iter().any(|p| p.fits(call));
        among(&self.included) && !among(&self.excluded)
    }
}

/// One named entry of the map.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entry {
    pub(crate) name: Box<str>,
    pub(crate) from: From,
    pub(crate) who: Who,
    pub(crate) what: CommandSet,
}

/// The whole of `api_permissions`, with the console entry in its place.
#[derive(Debug, Clone)]
pub struct ApiPermissions {
    entries: Vec<Entry>,
}

impl Default for ApiPermissions {
    /// The map that holds when the option is not given: administrators may do everything but
    /// start and stop, with a password or with a token of the scope `ejabberd:admin`.
    fn default() -> Self {
        let admin = || vec![Person::Term(Term::Acl(crate::rules::AclName::new("admin")))];
        Self::with_console(vec![Entry {
            name: "admin access".into(),
            from: From::default(),
            who: Who {
                persons: admin(),
                oauth: vec![OauthClause {
                    scopes: vec!["ejabberd:admin".into()],
                    persons: admin(),
                }],
            },
            what: CommandSet {
                included: vec![CommandPattern::Every],
                excluded: vec![
                    CommandPattern::Named("start".into()),
                    CommandPattern::Named("stop".into()),
                ],
            },
        }])
    }
}

impl ApiPermissions {
    /// Puts the console entry in front unless the administrator wrote one.
    pub(crate) fn with_console(mut entries: Vec<Entry>) -> Self {
        if !entries.iter().any(|entry| &*entry.name == CONSOLE_ENTRY) {
            let all = Person::Term(Term::Acl(crate::rules::AclName::All));
            let console = Entry {
                name: CONSOLE_ENTRY.into(),
                from: From { doors: vec![ApiDoor::Ctl], tags: Vec::new() },
                who: Who { persons: vec![all], oauth: Vec::new() },
                what: CommandSet { included: vec![CommandPattern::Every], excluded: Vec::new() },
            };
            entries.insert(0, console);
        }
        Self { entries }
    }

    /// Whether the caller may run the command.
    ///
    /// `global` are the rules of the server as a whole; `of_host` finds those of a virtual host.
    ///
    /// COMPAT: a caller with a JID that names exactly one `host` argument must also pass the rule
    /// `configure` of that host, whatever the entries say. Without such an argument the ACLs of
    /// the server as a whole decide, not those of the caller's host.
    pub fn allows(
        &self,
        caller: &Caller<'_>,
        call: &Call<'_>,
        global: &Access,
        of_host: &dyn Fn(&str) -> Option<Arc<Access>>,
    ) -> bool {
        always_allowed(caller, call) || self.entry_for(caller, call, global, of_host).is_some()
    }

    /// The name of the first entry that lets the caller run the command; see [`Self::allows`].
    pub fn entry_for(
        &self,
        caller: &Caller<'_>,
        call: &Call<'_>,
        global: &Access,
        of_host: &dyn Fn(&str) -> Option<Arc<Access>>,
    ) -> Option<&str> {
        if let (Some(_), Some(host)) = (caller.subject.jid, call.host) {
            let configure = RuleRef::named("configure");
            let may = of_host(host).is_some_and(|it| it.allows(&configure, &caller.subject));
            if !may {
                return None;
            }
        }
        // A caller from a domain that is not ours has no ACLs: only `all` fits it.
        let own = match (caller.subject.jid, call.host) {
            (Some(jid), Some(_)) => Some(of_host(jid.domain().as_str()).unwrap_or_default()),
            _ => None,
        };
        let access = own.as_deref().unwrap_or(global);
        let fits = |entry: &&Entry| {
            entry.what.contains(call) && entry.from.fits(caller) && entry.who.fits(access, caller)
        };
        self.entries.iter().find(fits).map(|entry| &*entry.name)
    }

    /// The names of the entries, in the order in which they are tried.
    pub fn entry_names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| &*entry.name)
    }
}

/// Commands that need no permission: they reveal nothing and change nothing.
fn always_allowed(caller: &Caller<'_>, call: &Call<'_>) -> bool {
    match call.command {
        "echo" => true,
        "registered_vhosts" => caller.door == ApiDoor::WebAdmin,
        _ => false,
    }
}
