//! Spellings of older releases, read as the present ones. Every change is a [`Note`] with a printable diff.

use crate::node::{Kind, Node};
use crate::problem::{Note, NoteKind, Problem, Rewrite};
use crate::source::Pos;

/// Top-level options with another name now.
const RENAMED: &[(&str, &str)] = &[
    ("new_sql_schema", "sql_schema_multihost"),
    ("auth_password_types_hidden_in_scram1", "auth_password_types_hidden_in_sasl1"),
    ("extauth_instances", "extauth_pool_size"),
    ("deref_aliases", "ldap_deref_aliases"),
];
/// Top-level options whose value is one of `certfiles` now.
const CERTFILES: &[&str] = &["domain_certfile", "c2s_certfile", "s2s_certfile"];
/// Top-level options without meaning, and what to use instead.
const IGNORED: &[(&str, &str)] = &[
    ("log_rotate_date", "log_rotate_size"),
    ("log_rate_limit", "log_burst_limit_count"),
    ("ca_path", "ca_file"),
    ("iqdisc", ""),
    ("access", "access_rules"),
    ("commands", "api_permissions"),
    ("ejabberdctl_access_commands", "api_permissions"),
    ("commands_admin_access", "api_permissions"),
    ("ldap_group_cache_size", "cache_size"),
    ("ldap_user_cache_size", "cache_size"),
    ("ldap_group_cache_validity", "cache_life_time"),
    ("ldap_user_cache_validity", "cache_life_time"),
    ("ldap_local_filter", ""),
    ("extauth_cache", "auth_use_cache"),
    ("route_subdomains", "s2s_access"),
];
/// Options that work and have a successor.
const DEPRECATED: &[(&str, &str)] = &[
    ("captcha_host", "captcha_url"),
    ("auth_password_format", "auth_stored_password_types"),
    ("auth_scram_hash", "auth_stored_password_types"),
];
/// Options that name a storage back-end.
const BACKENDS: &[&str] = &["default_db", "default_ram_db", "auth_method"];
/// Modules that had a variant with `_odbc` at the end.
const ODBC_MODULES: &[&str] = &[
    "announce",
    "blocking",
    "caps",
    "last",
    "muc",
    "offline",
    "privacy",
    "private",
    "pubsub",
    "roster",
    "shared_roster",
    "vcard",
];
/// Plugins of `mod_pubsub` that are no more.
const PUBSUB_PLUGINS: &[&str] =
    &["buddy", "club", "dag", "dispatch", "hometree", "mb", "mix", "online", "private", "public"];
/// Options of any module that are no more.
const MODULE_IGNORED: &[&str] = &[
    "iqdisc",
    "ldap_group_cache_size",
    "ldap_user_cache_size",
    "ldap_group_cache_validity",
    "ldap_user_cache_validity",
];
/// Options of single modules that are no more.
const MODULE_OWN_IGNORED: &[(&str, &[&str])] = &[
    ("mod_blocking", &["db_type"]),
    (
        "mod_carboncopy",
        &["ram_db_type", "use_cache", "cache_size", "cache_missed", "cache_life_time"],
    ),
    ("mod_http_api", &["admin_ip_access"]),
];
/// Options of `ejabberd_http` that are request handlers now.
const HANDLER_OPTIONS: &[(&str, &str, &str)] = &[
    ("captcha", "/captcha", "ejabberd_captcha"),
    ("register", "/register", "mod_register_web"),
    ("web_admin", "/admin", "ejabberd_web_admin"),
    ("http_bind", "/bosh", "mod_bosh"),
    ("xmlrpc", "/", "ejabberd_xmlrpc"),
];
/// Listeners whose `certfile` is one of the global `certfiles` now.
const LISTENERS_WITH_CERTFILE: &[&str] = &["ejabberd_http", "ejabberd_c2s", "ejabberd_s2s_in"];

type Entries = Vec<(Node, Node)>;

/// Brings the entries of a whole file into today's spelling; what was changed, or has no meaning any more and is gone, is
/// told in `notes`.
pub(crate) fn rewrite(entries: Entries, notes: &mut Vec<Note>) -> Entries {
    let mut rewriter = Rewriter { notes, certificates: Vec::new() };
    let mut entries = rewriter.options(entries);
    if let Some(first) = rewriter.certificates.first() {
        let pos = first.pos();
        entries.push((Node::word("certfiles", pos), Node::seq(rewriter.certificates, pos)));
    }
    entries
}

/// The entries of a whole file in today's spelling, for who writes such a file; and what was changed, or has no meaning any
/// more and is gone.
pub fn current_spelling(entries: Vec<(Node, Node)>) -> (Vec<(Node, Node)>, Vec<Note>) {
    let mut notes = Vec::new();
    let entries = rewrite(entries, &mut notes);
    (entries, notes)
}

struct Rewriter<'a> {
    notes: &'a mut Vec<Note>,
    certificates: Vec<Node>,
}

impl Rewriter<'_> {
    fn rewritten(&mut self, pos: Pos, old: &str, new: &str, why: &str) {
        let problem =
            Problem::new(pos, format!("`{}` is read as `{}`", first_line(old), first_line(new)));
        let rewrite =
            Rewrite { pos, old: old.to_owned(), new: new.to_owned(), why: why.to_owned() };
        let problem = problem.help(why);
        self.notes.push(Note { kind: NoteKind::Rewritten, problem, rewrite: Some(rewrite) });
    }

    fn ignored(&mut self, key: &Node, owner: &str, instead: &str) {
        let of = if owner.is_empty() { String::new() } else { format!(" of {owner}") };
        let mut problem =
            key.problem(format!("option `{}`{of} has no meaning any more", name(key)));
        problem = match instead {
            "" => problem.help("remove it"),
            instead => problem.help(format!("remove it; see `{instead}`")),
        };
        self.notes.push(Note::new(NoteKind::Ignored, problem));
    }

    /// The options of the top level, or of one host.
    fn options(&mut self, entries: Entries) -> Entries {
        let mut out = Vec::with_capacity(entries.len());
        let mut trusted = None;
        for (key, value) in entries {
            let option = name(&key);
            if let Some((_, new)) = RENAMED.iter().find(|(old, _)| *old == option) {
                self.rewritten(
                    key.pos(),
                    &format!("{option}:"),
                    &format!("{new}:"),
                    "the option was renamed",
                );
                out.push((Node::word(*new, key.pos()), value));
            } else if CERTFILES.contains(&option.as_str()) {
                self.certificate(&key, value);
            } else if let Some((_, instead)) = IGNORED.iter().find(|(old, _)| *old == option) {
                self.ignored(&key, "", instead);
            } else {
                if option == "s2s_use_starttls" && value.as_str() == Some("required_trusted") {
                    trusted = Some(key.pos());
                }
                let value = self.option_value(&option, &key, value);
                out.push((key, value));
            }
        }
        if let Some(pos) = trusted {
            drop_dialback(&mut out);
            let why =
                "certificates are always checked, and `mod_s2s_dialback` is left out for this";
            self.rewritten(
                pos,
                "s2s_use_starttls: required_trusted",
                "s2s_use_starttls: required",
                why,
            );
        }
        out
    }

    fn option_value(&mut self, option: &str, key: &Node, value: Node) -> Node {
        if let Some((_, instead)) = DEPRECATED.iter().find(|(old, _)| *old == option) {
            let problem = key
                .problem(format!("option `{option}` is deprecated"))
                .help(format!("use `{instead}`"));
            self.notes.push(Note::new(NoteKind::Deprecated, problem));
        }
        match option {
            _ if BACKENDS.contains(&option) => self.backend(option, value),
            "s2s_use_starttls" if value.as_str() == Some("required_trusted") => Node::word("required", value.pos()),
            "acme" => self.each_entry(value, |this, key, value| {
                let is_old = name(&key) == "ca_url"
                    && value.as_str().is_some_and(|url| url.contains("//acme-v01.api.letsencrypt.org"));
                if is_old {
                    let why = "that certificate authority address was switched off; the built-in one is used";
                    this.rewritten(key.pos(), &format!("ca_url: {}", name(&value)), "# ca_url: built in", why);
                }
                (!is_old).then_some((key, value))
            }),
            "host_config" | "append_host_config" => self.each_entry(value, |this, host, body| {
                let body = match body.entries() {
                    Some(entries) => Node::map(this.options(entries.to_vec()), body.pos()),
                    None => body,
                };
                Some((host, body))
            }),
            "modules" => self.modules(value),
            "listen" => self.listeners(value),
            _ => value,
        }
    }

    /// Applies a change to each entry of a map; other values are left for the checks.
    fn each_entry(
        &mut self,
        value: Node,
        mut change: impl FnMut(&mut Self, Node, Node) -> Option<(Node, Node)>,
    ) -> Node {
        let pairs = value.pairs().map(|pairs| {
            pairs.into_iter().map(|(k, v)| (k.clone(), v.clone())).collect::<Vec<_>>()
        });
        match pairs {
            Some(pairs) if !pairs.is_empty() => {
                let pairs =
                    pairs.into_iter().filter_map(|(key, value)| change(self, key, value)).collect();
                Node::map(pairs, value.pos())
            }
            _ => value,
        }
    }

    fn certificate(&mut self, key: &Node, value: Node) {
        let file = value.as_str().unwrap_or_default();
        let new = format!("certfiles:\n  - {file}");
        self.rewritten(
            key.pos(),
            &format!("{}: {file}", name(key)),
            &new,
            "certificates are found by their names",
        );
        self.certificates.push(value);
    }

    /// `internal` and `odbc` are `mnesia` and `sql` now, alone or in a list.
    fn backend(&mut self, option: &str, value: Node) -> Node {
        if let Kind::Seq(items) = value.kind() {
            let items = items.iter().map(|item| self.backend(option, item.clone())).collect();
            return Node::seq(items, value.pos());
        }
        let new = match value.as_str() {
            Some("internal") => "mnesia",
            Some("odbc") => "sql",
            _ => return value,
        };
        let old = format!("{option}: {}", name(&value));
        self.rewritten(
            value.pos(),
            &old,
            &format!("{option}: {new}"),
            "the storage back-end was renamed",
        );
        Node::word(new, value.pos())
    }

    fn modules(&mut self, value: Node) -> Node {
        self.each_entry(value, |this, key, body| {
            let old = name(&key);
            let (new, db_type) = renamed_module(&old)?;
            let mut body = this.module_options(&new, body);
            if new != old {
                let suffix = db_type.map_or(String::new(), |db| format!("\n    db_type: {db}"));
                this.rewritten(
                    key.pos(),
                    &format!("{old}:"),
                    &format!("{new}:{suffix}"),
                    "the module was renamed",
                );
            }
            if let (Some(db_type), Some(entries)) = (db_type, body.entries()) {
                let mut entries = entries.to_vec();
                entries.retain(|(key, _)| key.as_str() != Some("db_type"));
                entries.push((Node::word("db_type", key.pos()), Node::word(db_type, key.pos())));
                body = Node::map(entries, body.pos());
            }
            if old == "mod_echo" {
                let problem = key.problem("module `mod_echo` is no more").help("remove it");
                this.notes.push(Note::new(NoteKind::Ignored, problem));
                return None;
            }
            Some((Node::word(new, key.pos()), body))
        })
    }

    fn module_options(&mut self, module: &str, body: Node) -> Node {
        let own = MODULE_OWN_IGNORED
            .iter()
            .find(|(owner, _)| *owner == module)
            .map_or(&[][..], |(_, names)| names);
        self.each_entry(body, |this, key, value| {
            let option = name(&key);
            match option.as_str() {
                "deref_aliases" => {
                    this.rewritten(
                        key.pos(),
                        "deref_aliases:",
                        "ldap_deref_aliases:",
                        "the option was renamed",
                    );
                    Some((Node::word("ldap_deref_aliases", key.pos()), value))
                }
                "db_type" | "ram_db_type" if !own.contains(&option.as_str()) => {
                    let value = this.backend(&option, value);
                    Some((key, value))
                }
                "plugins" if module == "mod_pubsub" => Some((key, this.plugins(value))),
                option if own.contains(&option) || MODULE_IGNORED.contains(&option) => {
                    this.ignored(&key, module, "");
                    None
                }
                _ => Some((key, value)),
            }
        })
    }

    fn plugins(&mut self, value: Node) -> Node {
        let Some(items) = value.items() else {
            return value;
        };
        let (old, kept): (Vec<Node>, Vec<Node>) =
            items.iter().cloned().partition(|item| PUBSUB_PLUGINS.contains(&name(item).as_str()));
        for item in &old {
            let problem = item.problem(format!("the pubsub plugin `{}` is no more", name(item)));
            self.notes.push(Note::new(NoteKind::Ignored, problem.help("remove it from the list")));
        }
        Node::seq(kept, value.pos())
    }

    fn listeners(&mut self, value: Node) -> Node {
        let Kind::Seq(items) = value.kind() else {
            return value;
        };
        let items = items.iter().map(|item| match item.kind() {
            Kind::Map(entries) => Node::map(self.listener(entries.clone()), item.pos()),
            _ => item.clone(),
        });
        let items = items.collect();
        Node::seq(items, value.pos())
    }

    fn listener(&mut self, entries: Entries) -> Entries {
        let module = entries
            .iter()
            .find(|(key, _)| name(key) == "module")
            .map(|(_, value)| name(value))
            .unwrap_or_default();
        let mut out = Vec::with_capacity(entries.len());
        let mut handlers = Vec::new();
        for (key, value) in entries {
            let option = name(&key);
            let handler = HANDLER_OPTIONS.iter().find(|(old, ..)| *old == option);
            match (option.as_str(), handler) {
                ("certfile", _) if LISTENERS_WITH_CERTFILE.contains(&module.as_str()) => {
                    self.certificate(&key, value)
                }
                (_, Some((_, path, new))) if module == "ejabberd_http" => {
                    // COMPAT: the handler is added whatever the value is, `false` included.
                    let added = format!("request_handlers:\n  {path}: {new}");
                    let why = "request handlers are listed by path; the value makes no difference, even `false`";
                    self.rewritten(key.pos(), &format!("{option}: {}", name(&value)), &added, why);
                    handlers.push((Node::quoted(*path, key.pos()), Node::word(*new, key.pos())));
                }
                ("http_poll", _) if module == "ejabberd_http" => {
                    self.ignored(&key, &module, "request_handlers")
                }
                ("access_commands", _) if module == "ejabberd_xmlrpc" => {
                    self.ignored(&key, &module, "api_permissions")
                }
                ("inet" | "inet6", _) => self.ignored(&key, &module, "ip"),
                ("turn_ip", _) if module == "ejabberd_stun" => {
                    self.rewritten(
                        key.pos(),
                        "turn_ip:",
                        "turn_ipv4_address:",
                        "the option was renamed",
                    );
                    out.push((Node::word("turn_ipv4_address", key.pos()), value));
                }
                ("request_handlers", _) => out.push((key, self.handlers(value))),
                _ => out.push((key, value)),
            }
        }
        add_handlers(&mut out, handlers);
        out
    }

    fn handlers(&mut self, value: Node) -> Node {
        self.each_entry(value, |this, path, module| {
            if module.as_str() != Some("mod_http_bind") {
                return Some((path, module));
            }
            this.rewritten(module.pos(), "mod_http_bind", "mod_bosh", "the module was renamed");
            Some((path, Node::word("mod_bosh", module.pos())))
        })
    }
}

fn name(node: &Node) -> String {
    node.as_str().unwrap_or_default().to_owned()
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default().trim_end_matches(':')
}

/// The present name of a module and the back-end its old name implies; `None` for one left out silently.
fn renamed_module(old: &str) -> Option<(String, Option<&'static str>)> {
    match old {
        "mod_muc_occupantid" => return None,
        "mod_http_bind" => return Some(("mod_bosh".to_owned(), None)),
        "mod_vcard_xupdate_odbc" => return Some(("mod_vcard_xupdate".to_owned(), None)),
        "mod_vcard_ldap" => return Some(("mod_vcard".to_owned(), Some("ldap"))),
        _ => {}
    }
    let base = old.strip_prefix("mod_").and_then(|rest| rest.strip_suffix("_odbc"));
    match base {
        // `mod_blocking` keeps nothing itself, so it has no back-end to choose.
        Some("blocking") => Some(("mod_blocking".to_owned(), None)),
        Some(base) if ODBC_MODULES.contains(&base) => Some((format!("mod_{base}"), Some("sql"))),
        _ => Some((old.to_owned(), None)),
    }
}

fn drop_dialback(entries: &mut Entries) {
    for (key, value) in entries {
        if key.as_str() == Some("modules")
            && let Kind::Map(modules) = value.kind_mut()
        {
            modules.retain(|(module, _)| module.as_str() != Some("mod_s2s_dialback"));
        }
    }
}

fn add_handlers(entries: &mut Entries, handlers: Entries) {
    let Some((first, _)) = handlers.first() else {
        return;
    };
    let pos = first.pos();
    let existing = entries.iter_mut().find(|(key, _)| key.as_str() == Some("request_handlers"));
    match existing.map(|(_, value)| value.kind_mut()) {
        Some(Kind::Map(map)) => {
            let missing = handlers
                .into_iter()
                .filter(|(path, _)| !map.iter().any(|(other, _)| other.as_str() == path.as_str()));
            let missing: Entries = missing.collect();
            map.extend(missing);
        }
        _ => entries.push((Node::word("request_handlers", pos), Node::map(handlers, pos))),
    }
}
