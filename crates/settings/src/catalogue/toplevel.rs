//! Top-level options of `ejabberd.yml`.

use super::kinds::{
    DefaultValue, FROM_ZERO, FileUse, INT, OptionSpec, PORT, POSITIVE, POSITIVE_OR_INFINITY, QUEUE,
    SECONDS, SECONDS_OR_INFINITY, TEXT, Type, WEB_URL, field, int, list, map, option, options,
};

/// Every top-level option, by name.
#[rustfmt::skip]
pub static TOPLEVEL: &[OptionSpec] = &[
    option("access_rules", Type::AccessRules, DefaultValue::Map(&[])).per_host()
        .doc("Named rules that allow or deny by ACL."),
    option("acl", Type::Acl, DefaultValue::Map(&[])).per_host()
        .doc("Named sets of users, servers or addresses."),
    option(
        "acme",
        options(&[
            field("auto", Type::Bool),
            field("ca_url", WEB_URL),
            field("cert_type", Type::Enum(&["ec", "rsa"])),
            field("contact", list(&Type::Text(Some(r"^[a-zA-Z]+:[^:]+$"))).or_single()),
        ]),
        DefaultValue::Map(&[]),
    )
        .doc("Certificates fetched from an ACME authority."),
    option("allow_contrib_modules", Type::Bool, DefaultValue::Bool(true))
        .doc("Whether third-party modules may be installed."),
    option("allow_multiple_connections", Type::Bool, DefaultValue::Bool(false)).per_host()
        .doc("Whether an anonymous user may log in several times with one name."),
    option(
        "anonymous_protocol",
        Type::Enum(&["sasl_anon", "login_anon", "both"]),
        DefaultValue::Text("sasl_anon"),
    )
    .per_host()
        .doc("How anonymous users log in: by SASL ANONYMOUS, by any name, or both."),
    option(
        "api_permissions",
        Type::ApiPermissions,
        DefaultValue::Map(&[(
            "admin access",
            DefaultValue::Map(&[
                ("from", DefaultValue::List(&[])),
                (
                    "who",
                    DefaultValue::List(&[
                        DefaultValue::Map(&[("acl", DefaultValue::Text("admin"))]),
                        DefaultValue::Map(&[(
                            "oauth",
                            DefaultValue::Map(&[
                                ("scope", DefaultValue::List(&[DefaultValue::Text("ejabberd:admin")])),
                                ("acl", DefaultValue::Text("admin")),
                            ]),
                        )]),
                    ]),
                ),
                (
                    "what",
                    DefaultValue::List(&[
                        DefaultValue::Text("*"),
                        DefaultValue::Text("!start"),
                        DefaultValue::Text("!stop"),
                    ]),
                ),
            ]),
        )]),
    )
        .doc("Who may run which commands from where."),
    option("append_host_config", map(&Type::Domain, &Type::HostOptions), DefaultValue::Map(&[]))
        .doc("Options of single hosts, added to what holds for all."),
    option("auth_cache_life_time", SECONDS_OR_INFINITY, DefaultValue::Of("cache_life_time"))
        .doc("How long an account looked up stays in memory."),
    option("auth_cache_missed", Type::Bool, DefaultValue::Of("cache_missed"))
        .doc("Whether accounts that were not found are remembered too."),
    option("auth_cache_size", POSITIVE_OR_INFINITY, DefaultValue::Of("cache_size"))
        .doc("How many accounts stay in memory."),
    option("auth_external_user_exists_check", Type::Bool, DefaultValue::Bool(true)).per_host().since("23.10")
        .doc("Whether the external program is asked if a user exists."),
    option(
        "auth_method",
        list(&Type::DbType("ejabberd_auth")).or_single(),
        DefaultValue::ListOf("default_db"),
    )
    .per_host()
        .doc("Where accounts are kept; tried in order."),
    option(
        "auth_opts",
        options(&[
            field("basic_auth", TEXT),
            field("connection_opts", list(&Type::Any)),
            field("connection_pool_size", INT),
            field("host", TEXT),
            field("path_prefix", TEXT),
        ])
        .repeating(),
        DefaultValue::Map(&[]),
    )
    .per_host()
        .doc("Settings of an HTTP account service."),
    option("auth_password_format", Type::Enum(&["plain", "scram"]), DefaultValue::Text("plain")).per_host()
        .doc("Whether new passwords are kept as text or hashed for SCRAM."),
    option(
        "auth_password_types_hidden_in_sasl1",
        list(&Type::Enum(&["plain", "scram_sha1", "scram_sha256", "scram_sha512"])),
        DefaultValue::List(&[]),
    )
    .per_host()
    .since("25.07")
        .doc("Stored password forms not offered to clients without SASL2."),
    option("auth_scram_hash", Type::Enum(&["sha", "sha256", "sha512"]), DefaultValue::Text("sha"))
    .per_host()
    .since("20.12")
        .doc("Hash for new SCRAM passwords."),
    option(
        "auth_stored_password_types",
        list(&Type::Enum(&["plain", "scram_sha1", "scram_sha256", "scram_sha512"])),
        DefaultValue::List(&[]),
    )
    .per_host()
    .since("25.03")
        .doc("Password forms kept for each account."),
    option("auth_use_cache", Type::Bool, DefaultValue::Of("use_cache")).per_host()
        .doc("Whether accounts are kept in memory."),
    option("c2s_cafile", Type::File(FileUse::Read), DefaultValue::Unset).per_host()
        .doc("Authorities whose client certificates are trusted."),
    option("c2s_ciphers", Type::Either(&[TEXT, list(&TEXT).unique()]), DefaultValue::Unset).per_host()
        .doc("TLS ciphers for clients, in OpenSSL words."),
    option("c2s_dhfile", Type::File(FileUse::Read), DefaultValue::Unset).per_host()
        .doc("Diffie-Hellman parameters for clients."),
    option("c2s_protocol_options", list(&TEXT).unique(), DefaultValue::Unset).per_host()
        .doc("TLS versions and features for clients."),
    option("c2s_tls_compression", Type::Bool, DefaultValue::Unset).per_host()
        .doc("TLS compression for clients."),
    option("ca_file", Type::Pem, DefaultValue::AtStart("system CA bundle found at start"))
        .doc("Authorities trusted where nothing else is said."),
    option("cache_life_time", SECONDS_OR_INFINITY, DefaultValue::Millis(3600000)).per_host()
        .doc("How long cached entries live, for all caches without their own value."),
    option("cache_missed", Type::Bool, DefaultValue::Bool(true)).per_host()
        .doc("Whether caches remember what was not found."),
    option("cache_size", POSITIVE_OR_INFINITY, DefaultValue::Int(1000)).per_host()
        .doc("How many entries a cache holds, for all caches without their own value."),
    option("captcha_cmd", TEXT, DefaultValue::Unset)
        .doc("Program that draws CAPTCHA images."),
    option("captcha_host", TEXT, DefaultValue::Text(""))
        .doc("Host part of CAPTCHA links."),
    option("captcha_limit", POSITIVE_OR_INFINITY, DefaultValue::Text("infinity"))
        .doc("CAPTCHA images a client may ask for in a minute."),
    option("captcha_url", Type::Either(&[WEB_URL, Type::Enum(&["auto", "undefined"])]), DefaultValue::Text("auto"))
        .doc("Where CAPTCHA pages are found."),
    option("certfiles", list(&TEXT), DefaultValue::Unset)
        .doc("Certificate and key files, patterns allowed."),
    option("cluster_backend", Type::DbType("ejabberd_cluster"), DefaultValue::Text("mnesia"))
        .doc("How cluster members find each other."),
    option("cluster_nodes", list(&Type::Word).unique(), DefaultValue::List(&[]))
        .doc("Members to join at start."),
    option("default_db", Type::Enum(&["mnesia", "sql"]), DefaultValue::Text("mnesia")).per_host()
        .doc("Storage for everything that does not name its own."),
    option("default_ram_db", Type::Enum(&["mnesia", "sql", "redis"]), DefaultValue::Text("mnesia")).per_host()
        .doc("Storage for short-lived data that does not name its own."),
    option("define_keyword", map(&TEXT, &Type::Any).unique(), DefaultValue::Map(&[])).per_host().since("25.03")
        .doc("Names for values, replaced in values as NAME or @NAME@."),
    option("define_macro", map(&TEXT, &Type::Any).unique(), DefaultValue::Map(&[]))
        .doc("Names for values, replaced wherever a value is the name."),
    option("disable_sasl_mechanisms", list(&TEXT).or_single(), DefaultValue::List(&[])).per_host()
        .doc("SASL mechanisms not offered."),
    option("disable_sasl_scram_downgrade_protection", Type::Bool, DefaultValue::Bool(false)).per_host().since("24.02")
        .doc("Whether the SCRAM downgrade check is left out."),
    option(
        "domain_balancing",
        map(
            &Type::Domain,
            &options(&[
                field("component_number", int(2, 1000)),
                field(
                    "type",
                    Type::Enum(&["random", "source", "destination", "bare_source", "bare_destination"]),
                ),
            ]),
        ),
        DefaultValue::Map(&[]),
    )
        .doc("How stanzas are shared among components of one domain."),
    option("ext_api_headers", TEXT, DefaultValue::Text("")).per_host().secret()
        .doc("HTTP headers for calls to an external service."),
    option("ext_api_http_pool_size", POSITIVE, DefaultValue::Int(100)).per_host()
        .doc("Connections kept to an external service."),
    option("ext_api_path_oauth", TEXT, DefaultValue::Text("/oauth"))
        .doc("Path of OAuth calls to an external service."),
    option("ext_api_url", WEB_URL, DefaultValue::Text("http://localhost/api")).per_host()
        .doc("Address of an external service."),
    option("extauth_pool_name", TEXT, DefaultValue::Unset).per_host()
        .doc("Name that hosts sharing one external program have in common."),
    option("extauth_pool_size", POSITIVE, DefaultValue::Unset).per_host()
        .doc("How many copies of the external program run."),
    option("extauth_program", TEXT, DefaultValue::Unset).per_host()
        .doc("External program that checks passwords."),
    option(
        "fqdn",
        list(&Type::Domain).or_single(),
        DefaultValue::AtStart("host name of the machine, resolved; empty list if it does not resolve"),
    )
        .doc("Full names of this machine."),
    option("hide_sensitive_log_data", Type::Bool, DefaultValue::Bool(false)).per_host()
        .doc("Whether addresses of clients are left out of the log."),
    option("host_config", map(&Type::Domain, &Type::HostOptions), DefaultValue::Map(&[]))
        .doc("Options of single hosts, in place of what holds for all."),
    option("hosts", list(&Type::Domain).unique().non_empty(), DefaultValue::Required)
        .doc("The domains served."),
    option("hosts_alias", map(&Type::Domain, &Type::Domain).unique(), DefaultValue::Map(&[])).since("25.07")
        .doc("Other names of hosts in HTTP requests."),
    option("include_config_file", Type::Any, DefaultValue::List(&[])).per_host()
        .doc("Other settings files, read in place."),
    option("install_contrib_modules", list(&Type::Word), DefaultValue::List(&[])).since("23.10")
        .doc("Third-party modules to install at start."),
    option("jwt_auth_only_rule", Type::Word, DefaultValue::Text("none")).per_host()
        .doc("Access rule of accounts that may log in with a JWT only."),
    option("jwt_jid_field", TEXT, DefaultValue::Text("jid")).per_host()
        .doc("JWT field that holds the address."),
    option("jwt_key", Type::Path, DefaultValue::Unset).per_host()
        .doc("File with the key that JWTs are signed with."),
    option("language", Type::Lang, DefaultValue::Text("en")).per_host()
        .doc("Language of texts sent to users."),
    option("ldap_backups", list(&Type::Domain).unique(), DefaultValue::List(&[])).per_host()
        .doc("LDAP servers tried when the others do not answer."),
    option("ldap_base", TEXT, DefaultValue::Text("")).per_host()
        .doc("LDAP entry below which accounts are."),
    option(
        "ldap_deref_aliases",
        Type::Enum(&["never", "searching", "finding", "always"]),
        DefaultValue::Text("never"),
    )
    .per_host()
        .doc("When LDAP aliases are followed."),
    option("ldap_dn_filter", map(&Type::LdapFilter, &list(&TEXT)).non_empty(), DefaultValue::Unset).per_host()
        .doc("Second LDAP filter with the attributes it needs."),
    option("ldap_encrypt", Type::Enum(&["tls", "starttls", "none"]), DefaultValue::Text("none")).per_host()
        .doc("How the LDAP connection is encrypted."),
    option("ldap_filter", Type::LdapFilter, DefaultValue::Text("")).per_host()
        .doc("LDAP filter accounts must match."),
    option("ldap_password", TEXT, DefaultValue::Text("")).per_host().secret()
        .doc("Password for the LDAP server."),
    option(
        "ldap_port",
        PORT,
        DefaultValue::When("ldap_encrypt", &[("tls", DefaultValue::Int(636))], &DefaultValue::Int(389)),
    )
    .per_host()
        .doc("Port of the LDAP servers."),
    option("ldap_rootdn", TEXT, DefaultValue::Text("")).per_host()
        .doc("Name to log in to the LDAP server with."),
    option(
        "ldap_servers",
        list(&Type::Domain).unique(),
        DefaultValue::List(&[DefaultValue::Text("localhost")]),
    )
    .per_host()
        .doc("LDAP servers."),
    option("ldap_tls_cacertfile", Type::Pem, DefaultValue::Unset).per_host()
        .doc("Authorities the LDAP server's certificate may come from."),
    option("ldap_tls_certfile", Type::Pem, DefaultValue::Unset).per_host()
        .doc("Client certificate for the LDAP server."),
    option("ldap_tls_depth", FROM_ZERO, DefaultValue::Unset).per_host()
        .doc("Longest certificate chain accepted from the LDAP server."),
    option("ldap_tls_verify", Type::Enum(&["hard", "soft", "false"]), DefaultValue::Bool(false)).per_host()
        .doc("What happens when the LDAP server's certificate is wrong."),
    option(
        "ldap_uids",
        Type::Either(&[list(&TEXT), map(&TEXT, &TEXT).unique()]),
        DefaultValue::Map(&[("uid", DefaultValue::Text("%u"))]),
    )
    .per_host()
        .doc("LDAP attributes that hold the user name, with patterns."),
    option("listen", list(&Type::Listener), DefaultValue::List(&[]))
        .doc("What is listened on."),
    option("log_burst_limit_count", POSITIVE, DefaultValue::Int(500)).since("22.10")
        .doc("Log lines within the window before the rest is dropped."),
    option("log_burst_limit_window_time", SECONDS, DefaultValue::Millis(1000)).since("22.10")
        .doc("Window of the log line limit."),
    option("log_modules_fully", list(&Type::Word), DefaultValue::List(&[])).since("23.01")
        .doc("Parts of the server logged in full whatever the level."),
    option("log_rotate_count", FROM_ZERO, DefaultValue::Int(1))
        .doc("Old log files kept."),
    option("log_rotate_size", POSITIVE_OR_INFINITY, DefaultValue::Int(10485760))
        .doc("Size in bytes at which the log file is changed."),
    option(
        "loglevel",
        Type::Either(&[
            int(0, 5),
            Type::Enum(&[
                "none",
                "emergency",
                "alert",
                "critical",
                "error",
                "warning",
                "notice",
                "info",
                "debug",
            ]),
        ]),
        DefaultValue::Text("info"),
    )
        .doc("Least important messages that are logged."),
    option("max_fsm_queue", POSITIVE, DefaultValue::Unset).per_host()
        .doc("Stanzas that may wait for one connection."),
    option("modules", map(&Type::ModuleName, &Type::ModuleOptions), DefaultValue::Map(&[])).per_host()
        .doc("The modules that run, with their options."),
    option("negotiation_timeout", SECONDS, DefaultValue::Millis(120000))
        .doc("How long a client or server may take to log in."),
    option("net_ticktime", SECONDS, DefaultValue::Millis(60000))
        .doc("How often cluster members check each other."),
    option("oauth_access", Type::Access, DefaultValue::Text("none")).per_host()
        .doc("Who may get OAuth tokens."),
    option("oauth_cache_life_time", SECONDS_OR_INFINITY, DefaultValue::Of("cache_life_time"))
        .doc("How long tokens stay in memory."),
    option("oauth_cache_missed", Type::Bool, DefaultValue::Of("cache_missed"))
        .doc("Whether tokens not found are remembered."),
    option("oauth_cache_rest_failure_life_time", SECONDS_OR_INFINITY, DefaultValue::Text("infinity")).since("21.01")
        .doc("How long a failed look-up of a token is remembered."),
    option("oauth_cache_size", POSITIVE_OR_INFINITY, DefaultValue::Of("cache_size"))
        .doc("How many tokens stay in memory."),
    option("oauth_client_id_check", Type::Enum(&["allow", "deny", "db"]), DefaultValue::Text("db")).per_host()
        .doc("How OAuth client names are checked."),
    option("oauth_db_type", Type::DbType("ejabberd_oauth"), DefaultValue::OfOr("default_db", "mnesia"))
        .doc("Where tokens are kept."),
    option("oauth_expire", SECONDS, DefaultValue::Millis(4294967))
        .doc("How long a token is valid."),
    option("oauth_use_cache", Type::Bool, DefaultValue::Of("use_cache"))
        .doc("Whether tokens are kept in memory."),
    option("oom_killer", Type::Bool, DefaultValue::Bool(true))
        .doc("Whether connections with long queues are closed when memory is short."),
    option("oom_queue", POSITIVE, DefaultValue::Int(10000))
        .doc("Queue length that counts as long."),
    option("oom_watermark", int(1, 99), DefaultValue::Int(80))
        .doc("Share of memory in per cent from which it counts as short."),
    option(
        "outgoing_s2s_families",
        list(&Type::Enum(&["ipv4", "ipv6"])).unique().non_empty(),
        DefaultValue::List(&[DefaultValue::Text("ipv6"), DefaultValue::Text("ipv4")]),
    )
    .per_host()
        .doc("Address families for outgoing server connections, in order."),
    option("outgoing_s2s_ipv4_address", Type::Ipv4, DefaultValue::Unset).per_host().since("20.12")
        .doc("Local IPv4 address of outgoing server connections."),
    option("outgoing_s2s_ipv6_address", Type::Ipv6, DefaultValue::Unset).per_host().since("20.12")
        .doc("Local IPv6 address of outgoing server connections."),
    option("outgoing_s2s_port", PORT, DefaultValue::Int(5269)).per_host()
        .doc("Port of other servers where DNS says nothing."),
    option("outgoing_s2s_timeout", SECONDS_OR_INFINITY, DefaultValue::Millis(10000)).per_host()
        .doc("How long connecting to another server may take."),
    option("pam_service", TEXT, DefaultValue::Text("ejabberd")).per_host()
        .doc("PAM service name."),
    option("pam_userinfotype", Type::Enum(&["username", "jid"]), DefaultValue::Text("username")).per_host()
        .doc("Whether PAM gets the user name or the address."),
    option("pgsql_users_number_estimate", Type::Bool, DefaultValue::Bool(false)).per_host()
        .doc("Whether counting accounts in PostgreSQL may be approximate."),
    option("queue_dir", Type::Directory(FileUse::Write), DefaultValue::Unset)
        .doc("Directory of queues kept in files."),
    option("queue_type", QUEUE, DefaultValue::Text("ram")).per_host()
        .doc("Where queues are kept."),
    option("redis_connect_timeout", SECONDS, DefaultValue::Millis(1000))
        .doc("How long connecting to Redis may take."),
    option("redis_db", FROM_ZERO, DefaultValue::Int(0))
        .doc("Number of the Redis database."),
    option("redis_password", TEXT, DefaultValue::List(&[])).secret()
        .doc("Password for Redis."),
    option("redis_pool_size", POSITIVE, DefaultValue::Int(10))
        .doc("Connections to Redis."),
    option("redis_port", PORT, DefaultValue::Int(6379))
        .doc("Port of the Redis server."),
    option("redis_queue_type", QUEUE, DefaultValue::Of("queue_type"))
        .doc("Where requests wait for Redis."),
    option("redis_server", TEXT, DefaultValue::Text("localhost"))
        .doc("Redis server, or unix: and the path of its socket."),
    option("registration_timeout", SECONDS_OR_INFINITY, DefaultValue::Millis(600000))
        .doc("Time between two registrations from one address."),
    option("replaced_connection_timeout", SECONDS_OR_INFINITY, DefaultValue::Millis(1000)).per_host().since("26.01")
        .doc("How long a replaced session may take to end."),
    option(
        "resource_conflict",
        Type::Enum(&["setresource", "closeold", "closenew", "acceptnew"]),
        DefaultValue::Text("acceptnew"),
    )
    .per_host()
        .doc("What happens when a resource is taken already."),
    option("rest_proxy", Type::Domain, DefaultValue::Text("")).per_host().since("25.07")
        .doc("HTTP proxy for calls to external services."),
    option("rest_proxy_password", TEXT, DefaultValue::List(&[])).per_host().since("25.07").secret()
        .doc("Password for that proxy."),
    option("rest_proxy_port", PORT, DefaultValue::Int(0)).per_host().since("25.07")
        .doc("Port of that proxy."),
    option("rest_proxy_username", TEXT, DefaultValue::List(&[])).per_host().since("25.07")
        .doc("User name for that proxy."),
    option("router_cache_life_time", SECONDS_OR_INFINITY, DefaultValue::Of("cache_life_time"))
        .doc("How long routes stay in memory."),
    option("router_cache_missed", Type::Bool, DefaultValue::Of("cache_missed"))
        .doc("Whether routes not found are remembered."),
    option("router_cache_size", POSITIVE_OR_INFINITY, DefaultValue::Of("cache_size"))
        .doc("How many routes stay in memory."),
    option("router_db_type", Type::DbType("ejabberd_router"), DefaultValue::OfOr("default_ram_db", "mnesia"))
        .doc("Where routes are kept."),
    option("router_use_cache", Type::Bool, DefaultValue::Of("use_cache"))
        .doc("Whether routes are kept in memory."),
    option("rpc_timeout", SECONDS, DefaultValue::Millis(5000))
        .doc("How long a call to another cluster member may take."),
    option("s2s_access", Type::Access, DefaultValue::Text("all")).per_host()
        .doc("Which domains may be spoken to."),
    option("s2s_cafile", Type::Pem, DefaultValue::Unset).per_host()
        .doc("Authorities trusted for other servers."),
    option("s2s_ciphers", Type::Either(&[TEXT, list(&TEXT).unique()]), DefaultValue::Unset).per_host()
        .doc("TLS ciphers for servers, in OpenSSL words."),
    option("s2s_dhfile", Type::File(FileUse::Read), DefaultValue::Unset).per_host()
        .doc("Diffie-Hellman parameters for servers."),
    option("s2s_dns_retries", FROM_ZERO, DefaultValue::Int(2)).per_host()
        .doc("How often a DNS question is repeated."),
    option("s2s_dns_timeout", SECONDS_OR_INFINITY, DefaultValue::Millis(10000)).per_host()
        .doc("How long a DNS answer may take."),
    option("s2s_max_retry_delay", SECONDS, DefaultValue::Millis(300000))
        .doc("Longest wait before another try to reach a server."),
    option("s2s_protocol_options", list(&TEXT).unique(), DefaultValue::Unset).per_host()
        .doc("TLS versions and features for servers."),
    option("s2s_queue_type", QUEUE, DefaultValue::Of("queue_type")).per_host()
        .doc("Where stanzas wait for a server connection."),
    option("s2s_timeout", SECONDS_OR_INFINITY, DefaultValue::Millis(3600000)).per_host()
        .doc("Silence after which a server connection is closed."),
    option("s2s_tls_compression", Type::Bool, DefaultValue::Unset).per_host()
        .doc("TLS compression for servers."),
    option(
        "s2s_use_starttls",
        Type::Either(&[Type::Bool, Type::Enum(&["optional", "required"])]),
        DefaultValue::Bool(false),
    )
    .per_host()
        .doc("Whether server connections are encrypted: never, when possible, or always."),
    option("s2s_zlib", Type::Bool, DefaultValue::Bool(false)).per_host()
        .doc("Whether server connections may be compressed."),
    option("shaper", Type::Shapers, DefaultValue::Map(&[]))
        .doc("Named traffic rates in bytes per second."),
    option("shaper_rules", Type::ShaperRules, DefaultValue::Map(&[])).per_host()
        .doc("Named rules that give a rate or limit by ACL."),
    option("sm_cache_life_time", SECONDS_OR_INFINITY, DefaultValue::Of("cache_life_time"))
        .doc("How long session look-ups stay in memory."),
    option("sm_cache_missed", Type::Bool, DefaultValue::Of("cache_missed"))
        .doc("Whether sessions not found are remembered."),
    option("sm_cache_size", POSITIVE_OR_INFINITY, DefaultValue::Of("cache_size"))
        .doc("How many session look-ups stay in memory."),
    option("sm_db_type", Type::DbType("ejabberd_sm"), DefaultValue::OfOr("default_ram_db", "mnesia")).per_host()
        .doc("Where sessions are kept."),
    option("sm_use_cache", Type::Bool, DefaultValue::Of("use_cache")).per_host()
        .doc("Whether session look-ups are kept in memory."),
    option("sql_connect_timeout", SECONDS, DefaultValue::Millis(5000)).per_host()
        .doc("How long connecting to the database may take."),
    option("sql_database", TEXT, DefaultValue::Unset).per_host()
        .doc("Name of the database, or path of the SQLite file."),
    option(
        "sql_flags",
        list(&Type::Enum(&["mysql_alternative_upsert"])).unique().sorted().or_single(),
        DefaultValue::List(&[]),
    )
    .per_host()
    .since("24.02")
        .doc("Special behaviour for some databases."),
    option("sql_keepalive_interval", SECONDS, DefaultValue::Unset).per_host()
        .doc("How often an idle database connection is used to keep it open."),
    option("sql_odbc_driver", TEXT, DefaultValue::Text("libtdsodbc.so")).per_host().since("20.12")
        .doc("ODBC driver for Microsoft SQL Server."),
    option("sql_password", TEXT, DefaultValue::Text("")).per_host().secret()
        .doc("Password for the database."),
    option(
        "sql_pool_size",
        POSITIVE,
        DefaultValue::When("sql_type", &[("sqlite", DefaultValue::Int(1))], &DefaultValue::Int(10)),
    )
    .per_host()
        .doc("Connections to the database for each host."),
    option(
        "sql_port",
        PORT,
        DefaultValue::When(
            "sql_type",
            &[
                ("mssql", DefaultValue::Int(1433)),
                ("mysql", DefaultValue::Int(3306)),
                ("pgsql", DefaultValue::Int(5432)),
            ],
            &DefaultValue::Unset,
        ),
    )
    .per_host()
        .doc("Port of the database server."),
    option("sql_prepared_statements", Type::Bool, DefaultValue::Bool(true)).per_host().since("20.01")
        .doc("Whether statements are prepared."),
    option("sql_query_timeout", SECONDS, DefaultValue::Millis(60000)).per_host()
        .doc("How long a query may take."),
    option("sql_queue_type", QUEUE, DefaultValue::Of("queue_type")).per_host()
        .doc("Where queries wait for the database."),
    option("sql_schema_multihost", Type::Bool, DefaultValue::Bool(false)).since("25.10")
        .doc("Whether the tables have a column for the host."),
    option("sql_server", TEXT, DefaultValue::Text("localhost")).per_host()
        .doc("Database server, or unix: and the path of its socket."),
    option("sql_ssl", Type::Bool, DefaultValue::Bool(false)).per_host()
        .doc("Whether the database connection is encrypted."),
    option("sql_ssl_cafile", Type::Pem, DefaultValue::Unset).per_host()
        .doc("Authorities the database's certificate may come from."),
    option("sql_ssl_certfile", Type::Pem, DefaultValue::Unset).per_host()
        .doc("Client certificate for the database."),
    option("sql_ssl_verify", Type::Bool, DefaultValue::Bool(false)).per_host()
        .doc("Whether the database's certificate is checked."),
    option("sql_start_interval", SECONDS, DefaultValue::Millis(30000)).per_host()
        .doc("Wait before connecting again to a lost database."),
    option(
        "sql_type",
        Type::Enum(&["mysql", "pgsql", "sqlite", "mssql", "odbc"]),
        DefaultValue::Text("odbc"),
    )
    .per_host()
        .doc("Kind of database."),
    option("sql_username", TEXT, DefaultValue::Text("ejabberd")).per_host()
        .doc("User name for the database."),
    option("trusted_proxies", Type::Either(&[Type::Enum(&["all"]), list(&Type::IpMask)]), DefaultValue::List(&[]))
        .doc("Proxies whose word on the client's address is taken."),
    option("update_sql_schema", Type::Bool, DefaultValue::Bool(true)).since("24.02")
        .doc("Whether tables are made and changed at start."),
    option("update_sql_schema_timeout", SECONDS_OR_INFINITY, DefaultValue::Millis(300000)).per_host().since("24.07")
        .doc("How long changing the tables may take."),
    option("use_cache", Type::Bool, DefaultValue::Bool(true)).per_host()
        .doc("Whether caches are used, for all without their own value."),
    option("validate_stream", Type::Bool, DefaultValue::Bool(false))
        .doc("Whether unknown content in stanzas is refused."),
    option("version", TEXT, DefaultValue::AtStart("server version"))
        .doc("Version told to others."),
    option("websocket_origin", list(&Type::Origins).unique(), DefaultValue::List(&[]))
        .doc("Web origins WebSocket clients may come from."),
    option("websocket_ping_interval", SECONDS, DefaultValue::Millis(60000))
        .doc("How often WebSocket clients are pinged."),
    option("websocket_timeout", SECONDS, DefaultValue::Millis(300000))
        .doc("Silence after which a WebSocket client is dropped."),
];
