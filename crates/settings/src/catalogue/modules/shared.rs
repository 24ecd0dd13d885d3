//! Options that several modules have in the same words.

use crate::catalogue::kinds::{
    DefaultValue, FROM_ZERO, OptionSpec, PORT, POSITIVE_OR_INFINITY, QUEUE, SECONDS_OR_INFINITY,
    TEXT, Type, list, map, option,
};

/// Whether a cache is used.
#[rustfmt::skip]
pub(crate) const USE_CACHE: OptionSpec = option("use_cache", Type::Bool, DefaultValue::Of("use_cache"))
    .doc("Whether a cache is used.");

/// How many entries the cache holds.
#[rustfmt::skip]
pub(crate) const CACHE_SIZE: OptionSpec = option("cache_size", POSITIVE_OR_INFINITY, DefaultValue::Of("cache_size"))
    .doc("How many entries the cache holds.");

/// Whether the cache remembers what was not found.
#[rustfmt::skip]
pub(crate) const CACHE_MISSED: OptionSpec = option("cache_missed", Type::Bool, DefaultValue::Of("cache_missed"))
    .doc("Whether the cache remembers what was not found.");

/// How long cached entries live.
#[rustfmt::skip]
pub(crate) const CACHE_LIFE_TIME: OptionSpec = option("cache_life_time", SECONDS_OR_INFINITY, DefaultValue::Of("cache_life_time"))
    .doc("How long cached entries live.");

/// Where queues are kept.
#[rustfmt::skip]
pub(crate) const QUEUE_TYPE: OptionSpec = option("queue_type", QUEUE, DefaultValue::Of("queue_type"))
    .doc("Where queues are kept.");

/// Domains of the service; in place of `host`.
#[rustfmt::skip]
pub(crate) const HOSTS: OptionSpec = option("hosts", list(&Type::Host).unique(), DefaultValue::List(&[]))
    .doc("Domains of the service; in place of `host`.");

/// Other values for single service hosts.
#[rustfmt::skip]
pub(crate) const APPEND_MODULE_CONFIG: OptionSpec = option("append_module_config", Type::ModuleOverrides, DefaultValue::Map(&[])).since("26.07")
    .doc("Other values for single service hosts.");

/// vCard of the service.
#[rustfmt::skip]
pub(crate) const VCARD: OptionSpec = option("vcard", Type::Vcard, DefaultValue::Unset)
    .doc("vCard of the service.");

/// LDAP servers tried when the others do not answer.
#[rustfmt::skip]
pub(crate) const LDAP_BACKUPS: OptionSpec = option("ldap_backups", list(&Type::Domain).unique(), DefaultValue::Of("ldap_backups"))
    .doc("LDAP servers tried when the others do not answer.");

/// LDAP entry below which it looks.
#[rustfmt::skip]
pub(crate) const LDAP_BASE: OptionSpec = option("ldap_base", TEXT, DefaultValue::Of("ldap_base"))
    .doc("LDAP entry below which it looks.");

/// LDAP attributes that hold the user name, with patterns.
#[rustfmt::skip]
pub(crate) const LDAP_UIDS: OptionSpec = option("ldap_uids", Type::Either(&[list(&TEXT), map(&TEXT, &TEXT).unique()]), DefaultValue::Of("ldap_uids"))
    .doc("LDAP attributes that hold the user name, with patterns.");

/// When LDAP aliases are followed.
#[rustfmt::skip]
pub(crate) const LDAP_DEREF_ALIASES: OptionSpec = option("ldap_deref_aliases", Type::Enum(&["never", "searching", "finding", "always"]), DefaultValue::Of("ldap_deref_aliases"))
    .doc("When LDAP aliases are followed.");

/// How the LDAP connection is encrypted.
#[rustfmt::skip]
pub(crate) const LDAP_ENCRYPT: OptionSpec = option("ldap_encrypt", Type::Enum(&["tls", "starttls", "none"]), DefaultValue::Of("ldap_encrypt"))
    .doc("How the LDAP connection is encrypted.");

/// Password for the LDAP server.
#[rustfmt::skip]
pub(crate) const LDAP_PASSWORD: OptionSpec = option("ldap_password", TEXT, DefaultValue::Of("ldap_password")).secret()
    .doc("Password for the LDAP server.");

/// Port of the LDAP servers.
#[rustfmt::skip]
pub(crate) const LDAP_PORT: OptionSpec = option("ldap_port", PORT, DefaultValue::Of("ldap_port"))
    .doc("Port of the LDAP servers.");

/// Name to log in to the LDAP server with.
#[rustfmt::skip]
pub(crate) const LDAP_ROOTDN: OptionSpec = option("ldap_rootdn", TEXT, DefaultValue::Of("ldap_rootdn"))
    .doc("Name to log in to the LDAP server with.");

/// LDAP servers.
#[rustfmt::skip]
pub(crate) const LDAP_SERVERS: OptionSpec = option("ldap_servers", list(&Type::Domain).unique(), DefaultValue::Of("ldap_servers"))
    .doc("LDAP servers.");

/// LDAP filter entries must match.
#[rustfmt::skip]
pub(crate) const LDAP_FILTER: OptionSpec = option("ldap_filter", Type::LdapFilter, DefaultValue::Of("ldap_filter"))
    .doc("LDAP filter entries must match.");

/// Client certificate for the LDAP server.
#[rustfmt::skip]
pub(crate) const LDAP_TLS_CERTFILE: OptionSpec = option("ldap_tls_certfile", Type::Pem, DefaultValue::Of("ldap_tls_certfile"))
    .doc("Client certificate for the LDAP server.");

/// Authorities the LDAP server's certificate may come from.
#[rustfmt::skip]
pub(crate) const LDAP_TLS_CACERTFILE: OptionSpec = option("ldap_tls_cacertfile", Type::Pem, DefaultValue::Of("ldap_tls_cacertfile"))
    .doc("Authorities the LDAP server's certificate may come from.");

/// Longest certificate chain accepted from the LDAP server.
#[rustfmt::skip]
pub(crate) const LDAP_TLS_DEPTH: OptionSpec = option("ldap_tls_depth", FROM_ZERO, DefaultValue::Of("ldap_tls_depth"))
    .doc("Longest certificate chain accepted from the LDAP server.");

/// What happens when the LDAP server's certificate is wrong.
#[rustfmt::skip]
pub(crate) const LDAP_TLS_VERIFY: OptionSpec = option("ldap_tls_verify", Type::Enum(&["hard", "soft", "false"]), DefaultValue::Of("ldap_tls_verify"))
    .doc("What happens when the LDAP server's certificate is wrong.");
