//! The options that accounts obey, as ejabberd names them.

use std::collections::BTreeMap;
use std::time::Duration;

use sasl::ScramHash;
use settings::{Config, Limit, Section};

use crate::Form;
use crate::backend::Method;

/// The top-level options in force here, for the report on what is "known, not yet in force".
pub const OPTIONS: &[&str] = &[
    "allow_multiple_connections",
    "anonymous_protocol",
    "auth_cache_life_time",
    "auth_cache_missed",
    "auth_cache_size",
    "auth_method",
    "auth_password_format",
    "auth_password_types_hidden_in_sasl1",
    "auth_scram_hash",
    "auth_stored_password_types",
    "auth_use_cache",
    "cache_life_time",
    "cache_missed",
    "cache_size",
    "disable_sasl_mechanisms",
    "disable_sasl_scram_downgrade_protection",
    "use_cache",
];

/// What `anonymous_protocol` allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum AnonymousProtocol {
    /// SASL ANONYMOUS: the server chooses the name.
    #[default]
    Sasl,
    /// Any free name with any password.
    Login,
    /// Both.
    Both,
}

impl AnonymousProtocol {
    /// Whether SASL ANONYMOUS may be used.
    pub fn allows_sasl(self) -> bool {
        matches!(self, Self::Sasl | Self::Both)
    }

    /// Whether any free name may log in with any password.
    pub fn allows_login(self) -> bool {
        matches!(self, Self::Login | Self::Both)
    }
}

/// The options of one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostOptions {
    /// `auth_method`, in order.
    pub methods: Vec<Method>,
    /// The forms in which a new password is stored; never empty.
    pub stored: Vec<Form>,
    /// `stored` was chosen by the administrator, so that a clear text found beside it may go.
    pub stored_explicitly: bool,
    /// `auth_use_cache`.
    pub use_cache: bool,
    /// `anonymous_protocol`.
    pub anonymous_protocol: AnonymousProtocol,
    /// `allow_multiple_connections`: several anonymous sessions may share a name.
    pub anonymous_shared: bool,
    /// `disable_sasl_mechanisms`.
    pub disabled_mechanisms: Vec<String>,
    /// The complement of `disable_sasl_scram_downgrade_protection`.
    pub downgrade_protection: bool,
    /// `auth_password_types_hidden_in_sasl1`.
    pub hidden_in_sasl1: Vec<Form>,
}

impl Default for HostOptions {
    fn default() -> Self {
        Self {
            methods: vec![Method::Sql],
            stored: DEFAULT_STORED.to_vec(),
            stored_explicitly: false,
            use_cache: true,
            anonymous_protocol: AnonymousProtocol::Sasl,
            anonymous_shared: false,
            disabled_mechanisms: Vec::new(),
            downgrade_protection: true,
            hidden_in_sasl1: Vec::new(),
        }
    }
}

/// What is stored when the administrator says nothing.
///
/// COMPAT: a deviation: ejabberd stores clear text then. Verifiers of every hash keep every SCRAM
/// mechanism on offer, as clear text would, and `auth_password_format: plain` in words is honoured.
const DEFAULT_STORED: &[Form] =
    &[Form::Scram(ScramHash::Sha1), Form::Scram(ScramHash::Sha256), Form::Scram(ScramHash::Sha512)];

impl HostOptions {
    /// Reads the options as they hold for a host ([`Config::host`]).
    pub fn from_section(section: &Section) -> Self {
        let methods = section.texts("auth_method").into_iter().map(Method::from_name).collect();
        let (stored, stored_explicitly) = stored_forms(section);
        Self {
            methods,
            stored,
            stored_explicitly,
            use_cache: section.bool("auth_use_cache"),
            anonymous_protocol: match section.text("anonymous_protocol") {
                Some("login_anon") => AnonymousProtocol::Login,
                Some("both") => AnonymousProtocol::Both,
                _ => AnonymousProtocol::Sasl,
            },
            anonymous_shared: section.bool("allow_multiple_connections"),
            disabled_mechanisms: section
                .texts("disable_sasl_mechanisms")
                .into_iter()
                .map(str::to_owned)
                .collect(),
            downgrade_protection: !section.bool("disable_sasl_scram_downgrade_protection"),
            hidden_in_sasl1: forms(section, "auth_password_types_hidden_in_sasl1"),
        }
    }

    /// Whether SASL ANONYMOUS is on.
    pub fn offers_anonymous(&self) -> bool {
        self.methods.contains(&Method::Anonymous) && self.anonymous_protocol.allows_sasl()
    }

    /// Whether anybody can log in with a password: PLAIN may be offered.
    pub fn offers_passwords(&self) -> bool {
        self.methods.iter().any(|method| match method {
            Method::Anonymous => self.anonymous_protocol.allows_login(),
            Method::Sql | Method::NotInForce(_) => true,
        })
    }

    /// The hashes for which SCRAM may be offered: the stored ones, or all where clear text is
    /// stored.
    pub fn offers_scram(&self) -> Vec<ScramHash> {
        self.scram_of(|_| true)
    }

    /// The same for the SASL profile of RFC 6120, where an administrator may hide some.
    pub fn offers_scram_in_sasl1(&self) -> Vec<ScramHash> {
        self.scram_of(|form| !self.hidden_in_sasl1.contains(form))
    }

    fn scram_of(&self, is_shown: impl Fn(&Form) -> bool) -> Vec<ScramHash> {
        if !self.methods.contains(&Method::Sql) {
            return Vec::new();
        }
        let gives = |form: &Form, hash| matches!(form, Form::Plain) || *form == Form::Scram(hash);
        let offered =
            |hash: &ScramHash| self.stored.iter().any(|form| is_shown(form) && gives(form, *hash));
        ScramHash::ALL.into_iter().filter(offered).collect()
    }
}

/// The forms to store, and whether the administrator chose them.
fn stored_forms(section: &Section) -> (Vec<Form>, bool) {
    let chosen = forms(section, "auth_stored_password_types");
    if !chosen.is_empty() {
        return (chosen, true);
    }
    let hash = match section.text("auth_scram_hash") {
        Some("sha256") => ScramHash::Sha256,
        Some("sha512") => ScramHash::Sha512,
        _ => ScramHash::Sha1,
    };
    if section.is_set("auth_password_format") {
        let plain = section.text("auth_password_format") == Some("plain");
        return (vec![if plain { Form::Plain } else { Form::Scram(hash) }], true);
    }
    if section.is_set("auth_scram_hash") {
        return (vec![Form::Scram(hash)], true);
    }
    (DEFAULT_STORED.to_vec(), false)
}

fn forms(section: &Section, option: &str) -> Vec<Form> {
    let mut forms: Vec<Form> =
        section.texts(option).into_iter().filter_map(Form::from_option).collect();
    forms.sort_unstable();
    forms.dedup();
    forms
}

/// Bounds of the cache; `auth_cache_size`, `auth_cache_life_time`, `auth_cache_missed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    /// Accounts kept; `infinity` in the settings becomes [`CacheLimits::ENTRIES_MAX`].
    pub entries_max: u64,
    /// How long an account is kept; `None` for as long as there is room.
    pub life: Option<Duration>,
    /// Keep that an account does not exist.
    pub missed: bool,
}

impl CacheLimits {
    /// What "infinite" means for a cache: every cache has a bound.
    pub const ENTRIES_MAX: u64 = 1_000_000;
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self { entries_max: 1000, life: Some(Duration::from_secs(3600)), missed: true }
    }
}

/// The options of all hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The served hosts, prepared.
    pub hosts: BTreeMap<String, HostOptions>,
    /// The cache's bounds.
    pub cache: CacheLimits,
}

impl Options {
    /// Reads the options of a checked configuration.
    pub fn from_config(config: &Config) -> Self {
        let global = config.global();
        let hosts = config.hosts().iter();
        Self {
            hosts: hosts
                .map(|host| (host.clone(), HostOptions::from_section(config.host(host))))
                .collect(),
            cache: CacheLimits {
                entries_max: global
                    .limit("auth_cache_size")
                    .finite()
                    .map_or(CacheLimits::ENTRIES_MAX, |entries| {
                        entries.min(CacheLimits::ENTRIES_MAX)
                    }),
                life: match global.duration("auth_cache_life_time") {
                    Limit::At(life) => Some(life),
                    Limit::Infinite => None,
                },
                missed: global.bool("auth_cache_missed"),
            },
        }
    }
}
