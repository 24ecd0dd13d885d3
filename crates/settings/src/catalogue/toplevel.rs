//! Top-level options of `ejabberd.yml`.

use super::kinds::{
    DefaultValue, FROM_ZERO, FileUse, INT, OptionSpec, PORT, POSITIVE, POSITIVE_OR_INFINITY, QUEUE,
    SECONDS, SECONDS_OR_INFINITY, TEXT, Type, WEB_URL, field, int, list, map, option, options,
};

/// Every top-level option, by name.
pub static TOPLEVEL: &[OptionSpec] = &[
    option("access_rules", Type::AccessRules, DefaultValue::Map(&[])).per_host(),
    option("acl", Type::Acl, DefaultValue::Map(&[])).per_host(),
    option(
        "acme",
        options(&[
            field("auto", Type::Bool),
            field("ca_url", WEB_URL),
            field("cert_type", Type::Enum(&["ec", "rsa"])),
            field(
                "contact",
                list(&Type::Text(Some(r"^[a-zA-Z]+:[^:]+$"))).or_single(),
            ),
        ]),
        DefaultValue::Map(&[]),
    ),
    option(
        "allow_contrib_modules",
        Type::Bool,
        DefaultValue::Bool(true),
    ),
    option(
        "allow_multiple_connections",
        Type::Bool,
        DefaultValue::Bool(false),
    )
    .per_host(),
    option(
        "anonymous_protocol",
        Type::Enum(&["sasl_anon", "login_anon", "both"]),
        DefaultValue::Text("sasl_anon"),
    )
    .per_host(),
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
                                (
                                    "scope",
                                    DefaultValue::List(&[DefaultValue::Text("ejabberd:admin")]),
                                ),
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
    ),
    option(
        "append_host_config",
        map(&Type::Domain, &Type::HostOptions),
        DefaultValue::Map(&[]),
    ),
    option(
        "auth_cache_life_time",
        SECONDS_OR_INFINITY,
        DefaultValue::Of("cache_life_time"),
    ),
    option(
        "auth_cache_missed",
        Type::Bool,
        DefaultValue::Of("cache_missed"),
    ),
    option(
        "auth_cache_size",
        POSITIVE_OR_INFINITY,
        DefaultValue::Of("cache_size"),
    ),
    option(
        "auth_external_user_exists_check",
        Type::Bool,
        DefaultValue::Bool(true),
    )
    .per_host()
    .since("23.10"),
    option(
        "auth_method",
        list(&Type::DbType("ejabberd_auth")).or_single(),
        DefaultValue::ListOf("default_db"),
    )
    .per_host(),
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
    .per_host(),
    option(
        "auth_password_format",
        Type::Enum(&["plain", "scram"]),
        DefaultValue::Text("plain"),
    )
    .per_host(),
    option(
        "auth_password_types_hidden_in_sasl1",
        list(&Type::Enum(&[
            "plain",
            "scram_sha1",
            "scram_sha256",
            "scram_sha512",
        ])),
        DefaultValue::List(&[]),
    )
    .per_host()
    .since("25.07"),
    option(
        "auth_scram_hash",
        Type::Enum(&["sha", "sha256", "sha512"]),
        DefaultValue::Text("sha"),
    )
    .per_host()
    .since("20.12"),
    option(
        "auth_stored_password_types",
        list(&Type::Enum(&[
            "plain",
            "scram_sha1",
            "scram_sha256",
            "scram_sha512",
        ])),
        DefaultValue::List(&[]),
    )
    .per_host()
    .since("25.03"),
    option("auth_use_cache", Type::Bool, DefaultValue::Of("use_cache")).per_host(),
    option("c2s_cafile", Type::File(FileUse::Read), DefaultValue::Unset).per_host(),
    option(
        "c2s_ciphers",
        Type::Either(&[TEXT, list(&TEXT).unique()]),
        DefaultValue::Unset,
    )
    .per_host(),
    option("c2s_dhfile", Type::File(FileUse::Read), DefaultValue::Unset).per_host(),
    option(
        "c2s_protocol_options",
        list(&TEXT).unique(),
        DefaultValue::Unset,
    )
    .per_host(),
    option("c2s_tls_compression", Type::Bool, DefaultValue::Unset).per_host(),
    option(
        "ca_file",
        Type::Pem,
        DefaultValue::AtStart("system CA bundle found at start"),
    ),
    option(
        "cache_life_time",
        SECONDS_OR_INFINITY,
        DefaultValue::Millis(3600000),
    )
    .per_host(),
    option("cache_missed", Type::Bool, DefaultValue::Bool(true)).per_host(),
    option("cache_size", POSITIVE_OR_INFINITY, DefaultValue::Int(1000)).per_host(),
    option("captcha_cmd", TEXT, DefaultValue::Unset),
    option("captcha_host", TEXT, DefaultValue::Text("")),
    option(
        "captcha_limit",
        POSITIVE_OR_INFINITY,
        DefaultValue::Text("infinity"),
    ),
    option(
        "captcha_url",
        Type::Either(&[WEB_URL, Type::Enum(&["auto", "undefined"])]),
        DefaultValue::Text("auto"),
    ),
    option("certfiles", list(&TEXT), DefaultValue::Unset),
    option(
        "cluster_backend",
        Type::DbType("ejabberd_cluster"),
        DefaultValue::Text("mnesia"),
    ),
    option(
        "cluster_nodes",
        list(&Type::Word).unique(),
        DefaultValue::List(&[]),
    ),
    option(
        "default_db",
        Type::Enum(&["mnesia", "sql"]),
        DefaultValue::Text("mnesia"),
    )
    .per_host(),
    option(
        "default_ram_db",
        Type::Enum(&["mnesia", "sql", "redis"]),
        DefaultValue::Text("mnesia"),
    )
    .per_host(),
    option(
        "define_keyword",
        map(&TEXT, &Type::Any).unique(),
        DefaultValue::Map(&[]),
    )
    .per_host()
    .since("25.03"),
    option(
        "define_macro",
        map(&TEXT, &Type::Any).unique(),
        DefaultValue::Map(&[]),
    ),
    option(
        "disable_sasl_mechanisms",
        list(&TEXT).or_single(),
        DefaultValue::List(&[]),
    )
    .per_host(),
    option(
        "disable_sasl_scram_downgrade_protection",
        Type::Bool,
        DefaultValue::Bool(false),
    )
    .per_host()
    .since("24.02"),
    option(
        "domain_balancing",
        map(
            &Type::Domain,
            &options(&[
                field("component_number", int(2, 1000)),
                field(
                    "type",
                    Type::Enum(&[
                        "random",
                        "source",
                        "destination",
                        "bare_source",
                        "bare_destination",
                    ]),
                ),
            ]),
        ),
        DefaultValue::Map(&[]),
    ),
    option("ext_api_headers", TEXT, DefaultValue::Text(""))
        .per_host()
        .secret(),
    option("ext_api_http_pool_size", POSITIVE, DefaultValue::Int(100)).per_host(),
    option("ext_api_path_oauth", TEXT, DefaultValue::Text("/oauth")),
    option(
        "ext_api_url",
        WEB_URL,
        DefaultValue::Text("http://localhost/api"),
    )
    .per_host(),
    option("extauth_pool_name", TEXT, DefaultValue::Unset).per_host(),
    option("extauth_pool_size", POSITIVE, DefaultValue::Unset).per_host(),
    option("extauth_program", TEXT, DefaultValue::Unset).per_host(),
    option(
        "fqdn",
        list(&Type::Domain).or_single(),
        DefaultValue::AtStart(
            "host name of the machine, resolved; empty list if it does not resolve",
        ),
    ),
    option(
        "hide_sensitive_log_data",
        Type::Bool,
        DefaultValue::Bool(false),
    )
    .per_host(),
    option(
        "host_config",
        map(&Type::Domain, &Type::HostOptions),
        DefaultValue::Map(&[]),
    ),
    option(
        "hosts",
        list(&Type::Domain).unique().non_empty(),
        DefaultValue::Required,
    ),
    option(
        "hosts_alias",
        map(&Type::Domain, &Type::Domain).unique(),
        DefaultValue::Map(&[]),
    )
    .since("25.07"),
    option("include_config_file", Type::Any, DefaultValue::List(&[])).per_host(),
    option(
        "install_contrib_modules",
        list(&Type::Word),
        DefaultValue::List(&[]),
    )
    .since("23.10"),
    option("jwt_auth_only_rule", Type::Word, DefaultValue::Text("none")).per_host(),
    option("jwt_jid_field", TEXT, DefaultValue::Text("jid")).per_host(),
    option("jwt_key", Type::Path, DefaultValue::Unset).per_host(),
    option("language", Type::Lang, DefaultValue::Text("en")).per_host(),
    option(
        "ldap_backups",
        list(&Type::Domain).unique(),
        DefaultValue::List(&[]),
    )
    .per_host(),
    option("ldap_base", TEXT, DefaultValue::Text("")).per_host(),
    option(
        "ldap_deref_aliases",
        Type::Enum(&["never", "searching", "finding", "always"]),
        DefaultValue::Text("never"),
    )
    .per_host(),
    option(
        "ldap_dn_filter",
        map(&Type::LdapFilter, &list(&TEXT)).non_empty(),
        DefaultValue::Unset,
    )
    .per_host(),
    option(
        "ldap_encrypt",
        Type::Enum(&["tls", "starttls", "none"]),
        DefaultValue::Text("none"),
    )
    .per_host(),
    option("ldap_filter", Type::LdapFilter, DefaultValue::Text("")).per_host(),
    option("ldap_password", TEXT, DefaultValue::Text(""))
        .per_host()
        .secret(),
    option(
        "ldap_port",
        PORT,
        DefaultValue::When(
            "ldap_encrypt",
            &[("tls", DefaultValue::Int(636))],
            &DefaultValue::Int(389),
        ),
    )
    .per_host(),
    option("ldap_rootdn", TEXT, DefaultValue::Text("")).per_host(),
    option(
        "ldap_servers",
        list(&Type::Domain).unique(),
        DefaultValue::List(&[DefaultValue::Text("localhost")]),
    )
    .per_host(),
    option("ldap_tls_cacertfile", Type::Pem, DefaultValue::Unset).per_host(),
    option("ldap_tls_certfile", Type::Pem, DefaultValue::Unset).per_host(),
    option("ldap_tls_depth", FROM_ZERO, DefaultValue::Unset).per_host(),
    option(
        "ldap_tls_verify",
        Type::Enum(&["hard", "soft", "false"]),
        DefaultValue::Bool(false),
    )
    .per_host(),
    option(
        "ldap_uids",
        Type::Either(&[list(&TEXT), map(&TEXT, &TEXT).unique()]),
        DefaultValue::Map(&[("uid", DefaultValue::Text("%u"))]),
    )
    .per_host(),
    option("listen", list(&Type::Listener), DefaultValue::List(&[])),
    option("log_burst_limit_count", POSITIVE, DefaultValue::Int(500)).since("22.10"),
    option(
        "log_burst_limit_window_time",
        SECONDS,
        DefaultValue::Millis(1000),
    )
    .since("22.10"),
    option(
        "log_modules_fully",
        list(&Type::Word),
        DefaultValue::List(&[]),
    )
    .since("23.01"),
    option("log_rotate_count", FROM_ZERO, DefaultValue::Int(1)),
    option(
        "log_rotate_size",
        POSITIVE_OR_INFINITY,
        DefaultValue::Int(10485760),
    ),
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
    ),
    option("max_fsm_queue", POSITIVE, DefaultValue::Unset).per_host(),
    option(
        "modules",
        map(&Type::ModuleName, &Type::ModuleOptions),
        DefaultValue::Map(&[]),
    )
    .per_host(),
    option("negotiation_timeout", SECONDS, DefaultValue::Millis(120000)),
    option("net_ticktime", SECONDS, DefaultValue::Millis(60000)),
    option("oauth_access", Type::Access, DefaultValue::Text("none")).per_host(),
    option(
        "oauth_cache_life_time",
        SECONDS_OR_INFINITY,
        DefaultValue::Of("cache_life_time"),
    ),
    option(
        "oauth_cache_missed",
        Type::Bool,
        DefaultValue::Of("cache_missed"),
    ),
    option(
        "oauth_cache_rest_failure_life_time",
        SECONDS_OR_INFINITY,
        DefaultValue::Text("infinity"),
    )
    .since("21.01"),
    option(
        "oauth_cache_size",
        POSITIVE_OR_INFINITY,
        DefaultValue::Of("cache_size"),
    ),
    option(
        "oauth_client_id_check",
        Type::Enum(&["allow", "deny", "db"]),
        DefaultValue::Text("db"),
    )
    .per_host(),
    option(
        "oauth_db_type",
        Type::DbType("ejabberd_oauth"),
        DefaultValue::OfOr("default_db", "mnesia"),
    ),
    option("oauth_expire", SECONDS, DefaultValue::Millis(4294967)),
    option("oauth_use_cache", Type::Bool, DefaultValue::Of("use_cache")),
    option("oom_killer", Type::Bool, DefaultValue::Bool(true)),
    option("oom_queue", POSITIVE, DefaultValue::Int(10000)),
    option("oom_watermark", int(1, 99), DefaultValue::Int(80)),
    option(
        "outgoing_s2s_families",
        list(&Type::Enum(&["ipv4", "ipv6"])).unique().non_empty(),
        DefaultValue::List(&[DefaultValue::Text("ipv6"), DefaultValue::Text("ipv4")]),
    )
    .per_host(),
    option("outgoing_s2s_ipv4_address", Type::Ipv4, DefaultValue::Unset)
        .per_host()
        .since("20.12"),
    option("outgoing_s2s_ipv6_address", Type::Ipv6, DefaultValue::Unset)
        .per_host()
        .since("20.12"),
    option("outgoing_s2s_port", PORT, DefaultValue::Int(5269)).per_host(),
    option(
        "outgoing_s2s_timeout",
        SECONDS_OR_INFINITY,
        DefaultValue::Millis(10000),
    )
    .per_host(),
    option("pam_service", TEXT, DefaultValue::Text("ejabberd")).per_host(),
    option(
        "pam_userinfotype",
        Type::Enum(&["username", "jid"]),
        DefaultValue::Text("username"),
    )
    .per_host(),
    option(
        "pgsql_users_number_estimate",
        Type::Bool,
        DefaultValue::Bool(false),
    )
    .per_host(),
    option(
        "queue_dir",
        Type::Directory(FileUse::Write),
        DefaultValue::Unset,
    ),
    option("queue_type", QUEUE, DefaultValue::Text("ram")).per_host(),
    option("redis_connect_timeout", SECONDS, DefaultValue::Millis(1000)),
    option("redis_db", FROM_ZERO, DefaultValue::Int(0)),
    option("redis_password", TEXT, DefaultValue::List(&[])).secret(),
    option("redis_pool_size", POSITIVE, DefaultValue::Int(10)),
    option("redis_port", PORT, DefaultValue::Int(6379)),
    option("redis_queue_type", QUEUE, DefaultValue::Of("queue_type")),
    option("redis_server", TEXT, DefaultValue::Text("localhost")),
    option(
        "registration_timeout",
        SECONDS_OR_INFINITY,
        DefaultValue::Millis(600000),
    ),
    option(
        "replaced_connection_timeout",
        SECONDS_OR_INFINITY,
        DefaultValue::Millis(1000),
    )
    .per_host()
    .since("26.01"),
    option(
        "resource_conflict",
        Type::Enum(&["setresource", "closeold", "closenew", "acceptnew"]),
        DefaultValue::Text("acceptnew"),
    )
    .per_host(),
    option("rest_proxy", Type::Domain, DefaultValue::Text(""))
        .per_host()
        .since("25.07"),
    option("rest_proxy_password", TEXT, DefaultValue::List(&[]))
        .per_host()
        .since("25.07")
        .secret(),
    option("rest_proxy_port", PORT, DefaultValue::Int(0))
        .per_host()
        .since("25.07"),
    option("rest_proxy_username", TEXT, DefaultValue::List(&[]))
        .per_host()
        .since("25.07"),
    option(
        "router_cache_life_time",
        SECONDS_OR_INFINITY,
        DefaultValue::Of("cache_life_time"),
    ),
    option(
        "router_cache_missed",
        Type::Bool,
        DefaultValue::Of("cache_missed"),
    ),
    option(
        "router_cache_size",
        POSITIVE_OR_INFINITY,
        DefaultValue::Of("cache_size"),
    ),
    option(
        "router_db_type",
        Type::DbType("ejabberd_router"),
        DefaultValue::OfOr("default_ram_db", "mnesia"),
    ),
    option(
        "router_use_cache",
        Type::Bool,
        DefaultValue::Of("use_cache"),
    ),
    option("rpc_timeout", SECONDS, DefaultValue::Millis(5000)),
    option("s2s_access", Type::Access, DefaultValue::Text("all")).per_host(),
    option("s2s_cafile", Type::Pem, DefaultValue::Unset).per_host(),
    option(
        "s2s_ciphers",
        Type::Either(&[TEXT, list(&TEXT).unique()]),
        DefaultValue::Unset,
    )
    .per_host(),
    option("s2s_dhfile", Type::File(FileUse::Read), DefaultValue::Unset).per_host(),
    option("s2s_dns_retries", FROM_ZERO, DefaultValue::Int(2)).per_host(),
    option(
        "s2s_dns_timeout",
        SECONDS_OR_INFINITY,
        DefaultValue::Millis(10000),
    )
    .per_host(),
    option("s2s_max_retry_delay", SECONDS, DefaultValue::Millis(300000)),
    option(
        "s2s_protocol_options",
        list(&TEXT).unique(),
        DefaultValue::Unset,
    )
    .per_host(),
    option("s2s_queue_type", QUEUE, DefaultValue::Of("queue_type")).per_host(),
    option(
        "s2s_timeout",
        SECONDS_OR_INFINITY,
        DefaultValue::Millis(3600000),
    )
    .per_host(),
    option("s2s_tls_compression", Type::Bool, DefaultValue::Unset).per_host(),
    option(
        "s2s_use_starttls",
        Type::Either(&[Type::Bool, Type::Enum(&["optional", "required"])]),
        DefaultValue::Bool(false),
    )
    .per_host(),
    option("s2s_zlib", Type::Bool, DefaultValue::Bool(false)).per_host(),
    option("shaper", Type::Shapers, DefaultValue::Map(&[])),
    option("shaper_rules", Type::ShaperRules, DefaultValue::Map(&[])).per_host(),
    option(
        "sm_cache_life_time",
        SECONDS_OR_INFINITY,
        DefaultValue::Of("cache_life_time"),
    ),
    option(
        "sm_cache_missed",
        Type::Bool,
        DefaultValue::Of("cache_missed"),
    ),
    option(
        "sm_cache_size",
        POSITIVE_OR_INFINITY,
        DefaultValue::Of("cache_size"),
    ),
    option(
        "sm_db_type",
        Type::DbType("ejabberd_sm"),
        DefaultValue::OfOr("default_ram_db", "mnesia"),
    )
    .per_host(),
    option("sm_use_cache", Type::Bool, DefaultValue::Of("use_cache")).per_host(),
    option("sql_connect_timeout", SECONDS, DefaultValue::Millis(5000)).per_host(),
    option("sql_database", TEXT, DefaultValue::Unset).per_host(),
    option(
        "sql_flags",
        list(&Type::Enum(&["mysql_alternative_upsert"]))
            .unique()
            .sorted()
            .or_single(),
        DefaultValue::List(&[]),
    )
    .per_host()
    .since("24.02"),
    option("sql_keepalive_interval", SECONDS, DefaultValue::Unset).per_host(),
    option("sql_odbc_driver", TEXT, DefaultValue::Text("libtdsodbc.so"))
        .per_host()
        .since("20.12"),
    option("sql_password", TEXT, DefaultValue::Text(""))
        .per_host()
        .secret(),
    option(
        "sql_pool_size",
        POSITIVE,
        DefaultValue::When(
            "sql_type",
            &[("sqlite", DefaultValue::Int(1))],
            &DefaultValue::Int(10),
        ),
    )
    .per_host(),
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
    .per_host(),
    option(
        "sql_prepared_statements",
        Type::Bool,
        DefaultValue::Bool(true),
    )
    .per_host()
    .since("20.01"),
    option("sql_query_timeout", SECONDS, DefaultValue::Millis(60000)).per_host(),
    option("sql_queue_type", QUEUE, DefaultValue::Of("queue_type")).per_host(),
    option(
        "sql_schema_multihost",
        Type::Bool,
        DefaultValue::Bool(false),
    )
    .since("25.10"),
    option("sql_server", TEXT, DefaultValue::Text("localhost")).per_host(),
    option("sql_ssl", Type::Bool, DefaultValue::Bool(false)).per_host(),
    option("sql_ssl_cafile", Type::Pem, DefaultValue::Unset).per_host(),
    option("sql_ssl_certfile", Type::Pem, DefaultValue::Unset).per_host(),
    option("sql_ssl_verify", Type::Bool, DefaultValue::Bool(false)).per_host(),
    option("sql_start_interval", SECONDS, DefaultValue::Millis(30000)).per_host(),
    option(
        "sql_type",
        Type::Enum(&["mysql", "pgsql", "sqlite", "mssql", "odbc"]),
        DefaultValue::Text("odbc"),
    )
    .per_host(),
    option("sql_username", TEXT, DefaultValue::Text("ejabberd")).per_host(),
    option(
        "trusted_proxies",
        Type::Either(&[Type::Enum(&["all"]), list(&Type::IpMask)]),
        DefaultValue::List(&[]),
    ),
    option("update_sql_schema", Type::Bool, DefaultValue::Bool(true)).since("24.02"),
    option(
        "update_sql_schema_timeout",
        SECONDS_OR_INFINITY,
        DefaultValue::Millis(300000),
    )
    .per_host()
    .since("24.07"),
    option("use_cache", Type::Bool, DefaultValue::Bool(true)).per_host(),
    option("validate_stream", Type::Bool, DefaultValue::Bool(false)),
    option("version", TEXT, DefaultValue::AtStart("server version")),
    option(
        "websocket_origin",
        list(&Type::Origins).unique(),
        DefaultValue::List(&[]),
    ),
    option(
        "websocket_ping_interval",
        SECONDS,
        DefaultValue::Millis(60000),
    ),
    option("websocket_timeout", SECONDS, DefaultValue::Millis(300000)),
];
