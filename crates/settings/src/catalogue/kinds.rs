//! The words the catalogue is written in: types, defaults and option records, all `const`.

/// What an option accepts. The short form of each type is what `docs/options.md` prints.
#[derive(Debug, PartialEq, Eq)]
pub enum Type {
    /// Not checked; handed on as written.
    Any,
    /// `true`, `false`, `yes`, `no`, `on`, `off`, `y`, `n`.
    Bool,
    /// A bare integer within inclusive bounds, or `infinity` where allowed.
    Int {
        /// Smallest value, `i64::MIN` for none.
        min: i64,
        /// Largest value, `i64::MAX` for none.
        max: i64,
        /// Whether `infinity` is accepted too.
        infinity: bool,
    },
    /// An integer or decimal number of zero or more.
    NumberFromZero,
    /// A time: an integer in `unit`, or an integer with a suffix (`5 minutes`).
    Duration {
        /// Unit of a bare integer, and the shortest time accepted is one of it.
        unit: Unit,
        /// Whether `infinity` is accepted too.
        infinity: bool,
    },
    /// A text or bare word, not a number; with an expression it must match somewhere.
    Text(Option<&'static str>),
    /// One of some words.
    Enum(&'static [&'static str]),
    /// A list of one type.
    List {
        /// Type of the items.
        of: &'static Type,
        /// Repeated items are an error.
        unique: bool,
        /// Items are put in order.
        sorted: bool,
        /// An empty list is an error.
        non_empty: bool,
        /// A bare value is read as a list of one.
        single: bool,
    },
    /// A map with free keys.
    Map {
        /// Type of the keys.
        key: &'static Type,
        /// Type of the values.
        value: &'static Type,
        /// Repeated keys are an error.
        unique: bool,
        /// An empty map is an error.
        non_empty: bool,
    },
    /// A map with known keys.
    Options {
        /// The keys.
        fields: &'static [OptionSpec],
        /// Repeated keys are an error.
        unique: bool,
    },
    /// The first type that fits.
    Either(&'static [Type]),
    /// An access rule name or inline rules.
    Access,
    /// A shaper rule name or inline rules.
    Shaper,
    /// The name of a storage back-end of a module or service.
    DbType(&'static str),
    /// A domain name.
    Domain,
    /// A domain name that is none of `hosts`.
    Host,
    /// An XMPP address.
    Jid,
    /// An IPv4 or IPv6 address.
    Ip,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// An address with an optional prefix length.
    IpMask,
    /// A URL with one of some schemes.
    Url(&'static [&'static str]),
    /// A URL, or the path of a readable file.
    UrlOrFile,
    /// A file.
    File(FileUse),
    /// A directory.
    Directory(FileUse),
    /// A path that need not exist.
    Path,
    /// The path of a PEM file.
    Pem,
    /// A regular expression.
    Regex,
    /// A shell pattern.
    Glob,
    /// Octal digits, a file mode.
    Octal,
    /// Base64 text.
    Base64,
    /// A language tag.
    Lang,
    /// An LDAP filter (RFC 4515).
    LdapFilter,
    /// The name of a module of the server.
    ModuleName,
    /// A bare word or text of at most 255 bytes.
    Word,
    /// A SIP URI.
    SipUri,
    /// The fields of a vCard.
    Vcard,
    /// An MQTT topic filter.
    TopicFilter,
    /// Web origins separated by blanks.
    Origins,
    /// Overrides of the module's own options for some service hosts.
    ModuleOverrides,
    /// The `access_rules` map.
    AccessRules,
    /// The `acl` map.
    Acl,
    /// The `api_permissions` map.
    ApiPermissions,
    /// The `shaper` map.
    Shapers,
    /// The `shaper_rules` map.
    ShaperRules,
    /// Top-level options of one host.
    HostOptions,
    /// One entry of `listen`.
    Listener,
    /// The options of one module.
    ModuleOptions,
}

/// Unit of a bare integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Second,
}

/// What the server does with a file or directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileUse {
    /// It must exist and be readable.
    Read,
    /// It is created when missing.
    Write,
}

/// What holds when an option is not written.
#[derive(Debug, PartialEq, Eq)]
pub enum DefaultValue {
    /// Nothing: the option stays unset.
    Unset,
    /// It must be written.
    Required,
    /// Yes or no.
    Bool(bool),
    /// A number.
    Int(i64),
    /// A time in milliseconds.
    Millis(i64),
    /// A word or text; `infinity` where the type has it.
    Text(&'static str),
    /// A list.
    List(&'static [DefaultValue]),
    /// A map.
    Map(&'static [(&'static str, DefaultValue)]),
    /// The value of a top-level option of the host.
    Of(&'static str),
    /// The value of a top-level option if a back-end of that name exists, else the named one.
    OfOr(&'static str, &'static str),
    /// The value of a top-level option as a list of one.
    ListOf(&'static str),
    /// Found by the server when it starts; unset here.
    AtStart(&'static str),
    /// Depends on the value of another option: `(option, value, default)`, then the rest.
    When(&'static str, &'static [(&'static str, DefaultValue)], &'static DefaultValue),
}

/// Where an option may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// At the top level only.
    Global,
    /// At the top level and in `host_config`.
    Host,
}

/// One option of the catalogue.
#[derive(Debug, PartialEq, Eq)]
pub struct OptionSpec {
    /// Its name in the file.
    pub name: &'static str,
    /// What it accepts.
    pub kind: Type,
    /// What holds without it.
    pub default: DefaultValue,
    /// Where it may stand; meaningful for top-level options.
    pub scope: Scope,
    /// First ejabberd release that has it; empty for options older than the records.
    pub since: &'static str,
    /// What it does, in a line; empty means the type says it all.
    pub doc: &'static str,
    /// The value is a secret: never printed.
    pub secret: bool,
    /// Only with this storage back-end.
    pub backend: Option<&'static str>,
}

/// One `mod_*` module.
#[derive(Debug)]
pub struct ModuleSpec {
    /// Its name in the file.
    pub name: &'static str,
    /// What it does, in a line.
    pub doc: &'static str,
    /// First ejabberd release that has it.
    pub since: &'static str,
    /// Its options, by name.
    pub options: &'static [OptionSpec],
    /// Modules it cannot run without.
    pub needs: &'static [&'static str],
    /// Modules it is incomplete without.
    pub wants: &'static [&'static str],
    /// Back-ends of `db_type`.
    pub db_types: &'static [&'static str],
    /// Back-ends of `ram_db_type`.
    pub ram_db_types: &'static [&'static str],
}

/// One module that may stand in `listen`.
#[derive(Debug)]
pub struct ListenerSpec {
    /// Its name in the file.
    pub name: &'static str,
    /// What it does, in a line.
    pub doc: &'static str,
    /// Transports it works on.
    pub transports: &'static [&'static str],
    /// Its own options, besides [`COMMON`](super::COMMON), by name.
    pub options: &'static [OptionSpec],
}

/// An option with its type and default; the rest is added by the methods below.
pub(crate) const fn option(name: &'static str, kind: Type, default: DefaultValue) -> OptionSpec {
    OptionSpec {
        name,
        kind,
        default,
        scope: Scope::Global,
        since: "",
        doc: "",
        secret: false,
        backend: None,
    }
}

/// A key inside an option.
pub(crate) const fn field(name: &'static str, kind: Type) -> OptionSpec {
    option(name, kind, DefaultValue::Unset)
}

impl OptionSpec {
    /// May stand in `host_config` too.
    pub const fn per_host(mut self) -> Self {
        self.scope = Scope::Host;
        self
    }

    /// First release that has it.
    pub const fn since(mut self, release: &'static str) -> Self {
        self.since = release;
        self
    }

    /// What it does.
    pub const fn doc(mut self, doc: &'static str) -> Self {
        self.doc = doc;
        self
    }

    /// Never printed.
    pub const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// Only with this storage back-end.
    pub const fn backend(mut self, name: &'static str) -> Self {
        self.backend = Some(name);
        self
    }

    /// Must be written.
    pub const fn required(mut self) -> Self {
        self.default = DefaultValue::Required;
        self
    }

    /// What holds without it.
    pub const fn or(mut self, default: DefaultValue) -> Self {
        self.default = default;
        self
    }
}

/// Text without further rules.
pub(crate) const TEXT: Type = Type::Text(None);
/// Any integer.
pub(crate) const INT: Type = Type::Int { min: i64::MIN, max: i64::MAX, infinity: false };
/// An integer above zero.
pub(crate) const POSITIVE: Type = at_least(1);
/// An integer above zero, or infinity.
pub(crate) const POSITIVE_OR_INFINITY: Type = Type::Int { min: 1, max: i64::MAX, infinity: true };
/// An integer of zero or more.
pub(crate) const FROM_ZERO: Type = at_least(0);
/// An integer of zero or more, or infinity.
pub(crate) const FROM_ZERO_OR_INFINITY: Type = Type::Int { min: 0, max: i64::MAX, infinity: true };
/// A TCP or UDP port.
pub(crate) const PORT: Type = int(1, 65535);
/// Seconds, or a time with a unit.
pub(crate) const SECONDS: Type = Type::Duration { unit: Unit::Second, infinity: false };
/// Seconds, a time with a unit, or infinity.
pub(crate) const SECONDS_OR_INFINITY: Type = Type::Duration { unit: Unit::Second, infinity: true };
/// An http or https URL.
pub(crate) const WEB_URL: Type = Type::Url(&["http", "https"]);
/// Where a queue is kept.
pub(crate) const QUEUE: Type = Type::Enum(&["ram", "file"]);

/// An integer within bounds.
pub(crate) const fn int(min: i64, max: i64) -> Type {
    Type::Int { min, max, infinity: false }
}

/// An integer with a lower bound.
pub(crate) const fn at_least(min: i64) -> Type {
    int(min, i64::MAX)
}

/// A list of a type.
pub(crate) const fn list(of: &'static Type) -> Type {
    Type::List { of, unique: false, sorted: false, non_empty: false, single: false }
}

/// A map from a type to a type.
pub(crate) const fn map(key: &'static Type, value: &'static Type) -> Type {
    Type::Map { key, value, unique: false, non_empty: false }
}

/// A map with known keys, each at most once.
pub(crate) const fn options(fields: &'static [OptionSpec]) -> Type {
    Type::Options { fields, unique: true }
}

impl Type {
    /// Repeated items or keys are an error.
    pub const fn unique(self) -> Self {
        match self {
            Self::List { of, sorted, non_empty, single, .. } => {
                Self::List { of, unique: true, sorted, non_empty, single }
            }
            Self::Map { key, value, non_empty, .. } => {
                Self::Map { key, value, unique: true, non_empty }
            }
            other => other,
        }
    }

    /// Repeated keys are allowed and the last one counts.
    pub const fn repeating(self) -> Self {
        match self {
            Self::Options { fields, .. } => Self::Options { fields, unique: false },
            other => other,
        }
    }

    /// Empty is an error.
    pub const fn non_empty(self) -> Self {
        match self {
            Self::List { of, unique, sorted, single, .. } => {
                Self::List { of, unique, sorted, non_empty: true, single }
            }
            Self::Map { key, value, unique, .. } => {
                Self::Map { key, value, unique, non_empty: true }
            }
            other => other,
        }
    }

    /// Items are put in order.
    pub const fn sorted(self) -> Self {
        match self {
            Self::List { of, unique, non_empty, single, .. } => {
                Self::List { of, unique, sorted: true, non_empty, single }
            }
            other => other,
        }
    }

    /// A bare value is read as a list of one.
    pub const fn or_single(self) -> Self {
        match self {
            Self::List { of, unique, sorted, non_empty, .. } => {
                Self::List { of, unique, sorted, non_empty, single: true }
            }
            other => other,
        }
    }
}
