//! Types in words: the short form of the documentation, and phrases for messages.

use super::kinds::{FileUse, Type};

impl Type {
    /// The short form: `int(>0)|infinity`, `list<domain>`, `options{host:string, port:int(1..65535)}`.
    pub fn short(&self) -> String {
        match self {
            Self::Int { min, max, infinity } => or_infinity(short_int(*min, *max), *infinity),
            Self::Duration { infinity, .. } => {
                or_infinity("duration[second]".to_owned(), *infinity)
            }
            Self::Text(None) => "string".to_owned(),
            Self::Text(Some(pattern)) => format!("string/{pattern}/"),
            Self::Enum(words) => format!("enum({})", words.join("|")),
            Self::List { of, single, .. } => {
                let suffix = if *single { "|single" } else { "" };
                format!("list<{}>{suffix}", of.short())
            }
            Self::Map { key, value, .. } => format!("map<{},{}>", key.short(), value.short()),
            Self::Options { fields, .. } => {
                let fields: Vec<String> = fields
                    .iter()
                    .map(|field| format!("{}:{}", field.name, field.kind.short()))
                    .collect();
                format!("options{{{}}}", fields.join(", "))
            }
            Self::Either(of) => of.iter().map(Self::short).collect::<Vec<_>>().join(" | "),
            Self::DbType(prefix) => format!("db_type<{prefix}>"),
            Self::Url(schemes) => format!("url({})", schemes.join("|")),
            Self::File(FileUse::Read) => "file(read)".to_owned(),
            Self::File(FileUse::Write) => "file(write)".to_owned(),
            Self::Directory(FileUse::Read) => "directory(read)".to_owned(),
            Self::Directory(FileUse::Write) => "directory(write)".to_owned(),
            Self::HostOptions => "host options".to_owned(),
            Self::ModuleOptions => "module options".to_owned(),
            Self::AccessRules => "access_rules map".to_owned(),
            Self::Acl => "acl map".to_owned(),
            Self::ApiPermissions => "api_permissions map".to_owned(),
            Self::Shapers => "shaper map".to_owned(),
            Self::ShaperRules => "shaper_rules map".to_owned(),
            Self::ModuleOverrides => "map<domain,list<any>>".to_owned(),
            other => other.plain_name().to_owned(),
        }
    }

    /// The name of a type without parts.
    fn plain_name(&self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Bool => "bool",
            Self::NumberFromZero => "number(>=0)",
            Self::Access => "access",
            Self::Shaper => "shaper",
            Self::Domain => "domain",
            Self::Host => "host",
            Self::Jid => "jid",
            Self::Ip => "ip",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::IpMask => "ip_mask",
            Self::UrlOrFile => "url_or_file",
            Self::Path => "path",
            Self::Pem => "pem",
            Self::Regex => "re",
            Self::Glob => "glob",
            Self::Octal => "octal",
            Self::Base64 => "base64",
            Self::Lang => "lang",
            Self::LdapFilter => "ldap_filter",
            Self::ModuleName => "module_name",
            Self::Word => "atom",
            Self::SipUri => "sip_uri",
            Self::Vcard => "vcard_temp",
            Self::TopicFilter => "mqtt_topic_filter",
            Self::Origins => "split_string",
            Self::Listener => "listener",
            _ => "value",
        }
    }

    /// A phrase for messages: `an integer from 1 to 65535`, `a time of at least 1 second`.
    pub(crate) fn words(&self) -> String {
        let phrase = match self {
            Self::Int { min, max, infinity } => return int_words(*min, *max, *infinity),
            Self::Duration { infinity: false, .. } => "a time of at least 1 second",
            Self::Duration { infinity: true, .. } => "a time of at least 1 second, or `infinity`",
            Self::Enum(words) => return one_of(words),
            Self::List { of, single: false, .. } => {
                return format!("a list, each item {}", of.words());
            }
            Self::List { of, single: true, .. } => {
                return format!("{}, or a list of such", of.words());
            }
            Self::Map { .. } | Self::Vcard | Self::ModuleOverrides => "a map",
            Self::Options { fields, .. } => {
                let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
                return format!("a map with {}", quoted_list(&names, "and"));
            }
            Self::Either(of) => {
                return of.iter().map(Self::words).collect::<Vec<_>>().join(", or ");
            }
            Self::Url(schemes) => {
                return format!("a URL that starts with {}", scheme_list(schemes));
            }
            Self::Text(None) => "a text",
            Self::Text(Some(pattern)) => return format!("a text that matches `{pattern}`"),
            other => other.plain_words(),
        };
        phrase.to_owned()
    }

    fn plain_words(&self) -> &'static str {
        match self {
            Self::Bool => "`true` or `false`",
            Self::NumberFromZero => "a number of zero or more",
            Self::Access => "the name of an access rule, or a list of rules",
            Self::Shaper => "the name of a shaper rule, or a list of rules",
            Self::DbType(_) => "the name of a storage back-end",
            Self::Domain | Self::Host => "a domain name",
            Self::Jid => "an XMPP address",
            Self::Ip => "an IPv4 or IPv6 address",
            Self::Ipv4 => "an IPv4 address",
            Self::Ipv6 => "an IPv6 address",
            Self::IpMask => "an address or address range (`10.0.0.0/8`)",
            Self::UrlOrFile => "a URL or the path of a file",
            Self::File(_) => "the path of a file",
            Self::Directory(_) => "the path of a directory",
            Self::Path => "a path",
            Self::Pem => "the path of a PEM file",
            Self::Regex => "a regular expression",
            Self::Glob => "a pattern with `*`, `?` and `[...]`",
            Self::Octal => "octal digits in quotes (\"0640\")",
            Self::Base64 => "base64 text",
            Self::Lang => "a language tag (`en`, `pt-br`)",
            Self::LdapFilter => "an LDAP filter (`(objectClass=person)`)",
            Self::ModuleName => "the name of a module",
            Self::Word => "a word",
            Self::SipUri => "a SIP URI",
            Self::TopicFilter => "an MQTT topic filter",
            Self::Origins => "web origins separated by blanks",
            Self::AccessRules => "a map from rule names to rules",
            Self::Acl => "a map from ACL names to conditions",
            Self::ApiPermissions => "a map from names to permissions",
            Self::Shapers => "a map from shaper names to rates",
            Self::ShaperRules => "a map from rule names to rules",
            _ => "a value",
        }
    }
}

fn short_int(min: i64, max: i64) -> String {
    match (min, max) {
        (i64::MIN, i64::MAX) => "int".to_owned(),
        (1, i64::MAX) => "int(>0)".to_owned(),
        (min, i64::MAX) => format!("int(>={min})"),
        (min, max) => format!("int({min}..{max})"),
    }
}

fn or_infinity(short: String, infinity: bool) -> String {
    if infinity { short + "|infinity" } else { short }
}

fn int_words(min: i64, max: i64, infinity: bool) -> String {
    let words = match (min, max) {
        (i64::MIN, i64::MAX) => "an integer".to_owned(),
        (1, i64::MAX) => "an integer above 0".to_owned(),
        (min, i64::MAX) => format!("an integer of {min} or more"),
        (min, max) if min == max => format!("the integer {min}"),
        (min, max) => format!("an integer from {min} to {max}"),
    };
    if infinity { words + ", or `infinity`" } else { words }
}

fn one_of(words: &[&str]) -> String {
    match words {
        [one] => format!("the word `{one}`"),
        words => format!("one of the words {}", quoted_list(words, "or")),
    }
}

/// `` `a`, `b` or `c` ``.
pub(crate) fn quoted_list(words: &[&str], last: &str) -> String {
    let mut quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    let Some(end) = quoted.pop() else {
        return String::new();
    };
    if quoted.is_empty() { end } else { format!("{} {last} {end}", quoted.join(", ")) }
}

fn scheme_list(schemes: &[&str]) -> String {
    let starts: Vec<String> = schemes.iter().map(|scheme| format!("{scheme}://")).collect();
    let starts: Vec<&str> = starts.iter().map(String::as_str).collect();
    quoted_list(&starts, "or")
}
