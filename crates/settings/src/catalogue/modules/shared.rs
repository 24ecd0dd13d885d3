//! Options that several modules have in the same words.

use crate::catalogue::kinds::{
    DefaultValue, FROM_ZERO, OptionSpec, PORT, POSITIVE_OR_INFINITY, QUEUE, SECONDS_OR_INFINITY,
    TEXT, Type, list, map, option,
};

/// The option `use_cache` of several modules.
pub(crate) const USE_CACHE: OptionSpec =
    option("use_cache", Type::Bool, DefaultValue::Of("use_cache"));

/// The option `cache_size` of several modules.
pub(crate) const CACHE_SIZE: OptionSpec = option(
    "cache_size",
    POSITIVE_OR_INFINITY,
    DefaultValue::Of("cache_size"),
);

/// The option `cache_missed` of several modules.
pub(crate) const CACHE_MISSED: OptionSpec =
    option("cache_missed", Type::Bool, DefaultValue::Of("cache_missed"));

/// The option `cache_life_time` of several modules.
pub(crate) const CACHE_LIFE_TIME: OptionSpec = option(
    "cache_life_time",
    SECONDS_OR_INFINITY,
    DefaultValue::Of("cache_life_time"),
);

/// The option `queue_type` of several modules.
pub(crate) const QUEUE_TYPE: OptionSpec =
    option("queue_type", QUEUE, DefaultValue::Of("queue_type"));

/// The option `hosts` of several modules.
pub(crate) const HOSTS: OptionSpec =
    option("hosts", list(&Type::Host).unique(), DefaultValue::List(&[]));

/// The option `append_module_config` of several modules.
pub(crate) const APPEND_MODULE_CONFIG: OptionSpec = option(
    "append_module_config",
    Type::ModuleOverrides,
    DefaultValue::Map(&[]),
)
.since("26.07");

/// The option `vcard` of several modules.
pub(crate) const VCARD: OptionSpec = option("vcard", Type::Vcard, DefaultValue::Unset);

/// The option `ldap_backups` of several modules.
pub(crate) const LDAP_BACKUPS: OptionSpec = option(
    "ldap_backups",
    list(&Type::Domain).unique(),
    DefaultValue::Of("ldap_backups"),
);

/// The option `ldap_base` of several modules.
pub(crate) const LDAP_BASE: OptionSpec = option("ldap_base", TEXT, DefaultValue::Of("ldap_base"));

/// The option `ldap_uids` of several modules.
pub(crate) const LDAP_UIDS: OptionSpec = option(
    "ldap_uids",
    Type::Either(&[list(&TEXT), map(&TEXT, &TEXT).unique()]),
    DefaultValue::Of("ldap_uids"),
);

/// The option `ldap_deref_aliases` of several modules.
pub(crate) const LDAP_DEREF_ALIASES: OptionSpec = option(
    "ldap_deref_aliases",
    Type::Enum(&["never", "searching", "finding", "always"]),
    DefaultValue::Of("ldap_deref_aliases"),
);

/// The option `ldap_encrypt` of several modules.
pub(crate) const LDAP_ENCRYPT: OptionSpec = option(
    "ldap_encrypt",
    Type::Enum(&["tls", "starttls", "none"]),
    DefaultValue::Of("ldap_encrypt"),
);

/// The option `ldap_password` of several modules.
pub(crate) const LDAP_PASSWORD: OptionSpec =
    option("ldap_password", TEXT, DefaultValue::Of("ldap_password")).secret();

/// The option `ldap_port` of several modules.
pub(crate) const LDAP_PORT: OptionSpec = option("ldap_port", PORT, DefaultValue::Of("ldap_port"));

/// The option `ldap_rootdn` of several modules.
pub(crate) const LDAP_ROOTDN: OptionSpec =
    option("ldap_rootdn", TEXT, DefaultValue::Of("ldap_rootdn"));

/// The option `ldap_servers` of several modules.
pub(crate) const LDAP_SERVERS: OptionSpec = option(
    "ldap_servers",
    list(&Type::Domain).unique(),
    DefaultValue::Of("ldap_servers"),
);

/// The option `ldap_filter` of several modules.
pub(crate) const LDAP_FILTER: OptionSpec = option(
    "ldap_filter",
    Type::LdapFilter,
    DefaultValue::Of("ldap_filter"),
);

/// The option `ldap_tls_certfile` of several modules.
pub(crate) const LDAP_TLS_CERTFILE: OptionSpec = option(
    "ldap_tls_certfile",
    Type::Pem,
    DefaultValue::Of("ldap_tls_certfile"),
);

/// The option `ldap_tls_cacertfile` of several modules.
pub(crate) const LDAP_TLS_CACERTFILE: OptionSpec = option(
    "ldap_tls_cacertfile",
    Type::Pem,
    DefaultValue::Of("ldap_tls_cacertfile"),
);

/// The option `ldap_tls_depth` of several modules.
pub(crate) const LDAP_TLS_DEPTH: OptionSpec = option(
    "ldap_tls_depth",
    FROM_ZERO,
    DefaultValue::Of("ldap_tls_depth"),
);

/// The option `ldap_tls_verify` of several modules.
pub(crate) const LDAP_TLS_VERIFY: OptionSpec = option(
    "ldap_tls_verify",
    Type::Enum(&["hard", "soft", "false"]),
    DefaultValue::Of("ldap_tls_verify"),
);
