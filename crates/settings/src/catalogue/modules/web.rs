//! Over HTTP: BOSH, API, files, uploads, Converse.js, Matrix.

use super::shared::{
    APPEND_MODULE_CONFIG, CACHE_LIFE_TIME, CACHE_MISSED, CACHE_SIZE, HOSTS, QUEUE_TYPE, USE_CACHE,
    VCARD,
};
use crate::catalogue::kinds::{
    DefaultValue, FROM_ZERO, FileUse, INT, ModuleSpec, POSITIVE_OR_INFINITY, SECONDS, TEXT, Type,
    WEB_URL, int, list, map, option, options,
};

/// `mod_bosh`.
pub(crate) static MOD_BOSH: ModuleSpec = ModuleSpec {
    name: "mod_bosh",
    doc: "",
    since: "",
    options: &[
        CACHE_LIFE_TIME,
        CACHE_MISSED,
        CACHE_SIZE,
        option("json", Type::Bool, DefaultValue::Bool(false)),
        option(
            "max_concat",
            POSITIVE_OR_INFINITY,
            DefaultValue::Text("unlimited"),
        ),
        option("max_inactivity", SECONDS, DefaultValue::Millis(30000)),
        option("max_pause", SECONDS, DefaultValue::Millis(120000)),
        option("prebind", Type::Bool, DefaultValue::Bool(false)),
        QUEUE_TYPE,
        option(
            "ram_db_type",
            Type::DbType("mod_bosh"),
            DefaultValue::OfOr("default_ram_db", "mnesia"),
        ),
        USE_CACHE,
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &["mnesia", "sql", "redis"],
};

/// `mod_conversejs`.
pub(crate) static MOD_CONVERSEJS: ModuleSpec = ModuleSpec {
    name: "mod_conversejs",
    doc: "",
    since: "21.12",
    options: &[
        option(
            "bosh_service_url",
            Type::Either(&[Type::Enum(&["auto"]), TEXT]),
            DefaultValue::Text("auto"),
        )
        .since("21.12"),
        option("conversejs_css", TEXT, DefaultValue::Text("auto")).since("21.12"),
        option(
            "conversejs_options",
            map(&TEXT, &Type::Either(&[TEXT, INT])),
            DefaultValue::Map(&[]),
        )
        .since("22.05"),
        option("conversejs_plugins", list(&TEXT), DefaultValue::List(&[])).since("25.08"),
        option(
            "conversejs_resources",
            Type::Either(&[Type::Enum(&["undefined"]), Type::Directory(FileUse::Read)]),
            DefaultValue::Unset,
        )
        .since("22.05"),
        option("conversejs_script", TEXT, DefaultValue::Text("auto")).since("21.12"),
        option("default_domain", Type::Host, DefaultValue::Text("@HOST@")).since("21.12"),
        option(
            "websocket_url",
            Type::Either(&[Type::Enum(&["auto"]), TEXT]),
            DefaultValue::Text("auto"),
        )
        .since("21.12"),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_http_api`.
pub(crate) static MOD_HTTP_API: ModuleSpec = ModuleSpec {
    name: "mod_http_api",
    doc: "",
    since: "",
    options: &[option(
        "default_version",
        Type::Either(&[int(0, 3), TEXT]),
        DefaultValue::Int(1000000),
    )
    .since("24.12")],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_http_fileserver`.
pub(crate) static MOD_HTTP_FILESERVER: ModuleSpec = ModuleSpec {
    name: "mod_http_fileserver",
    doc: "",
    since: "",
    options: &[
        option("accesslog", Type::File(FileUse::Write), DefaultValue::Unset),
        option("content_types", map(&TEXT, &TEXT), DefaultValue::Map(&[])),
        option("custom_headers", map(&TEXT, &TEXT), DefaultValue::Map(&[])),
        option(
            "default_content_type",
            TEXT,
            DefaultValue::Text("application/octet-stream"),
        ),
        option("directory_indices", list(&TEXT), DefaultValue::List(&[])),
        option(
            "docroot",
            Type::Either(&[Type::Directory(FileUse::Write), map(&TEXT, &TEXT)]),
            DefaultValue::Required,
        ),
        option(
            "must_authenticate_with",
            list(&Type::Text(Some(r"^[^:]+:[^:]+$"))),
            DefaultValue::List(&[]),
        ),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_http_upload`.
pub(crate) static MOD_HTTP_UPLOAD: ModuleSpec = ModuleSpec {
    name: "mod_http_upload",
    doc: "",
    since: "",
    options: &[
        option("access", Type::Access, DefaultValue::Text("local")),
        APPEND_MODULE_CONFIG,
        option("content_types", map(&TEXT, &TEXT), DefaultValue::Map(&[])).since("26.01"),
        option("custom_headers", map(&TEXT, &TEXT), DefaultValue::Map(&[])),
        option("dir_mode", Type::Octal, DefaultValue::Unset),
        option("docroot", TEXT, DefaultValue::Text("@HOME@/upload")),
        option("external_secret", TEXT, DefaultValue::Text("")).secret(),
        option("file_mode", Type::Octal, DefaultValue::Unset),
        option("get_url", WEB_URL, DefaultValue::Unset),
        option("host", Type::Host, DefaultValue::Text("upload.@HOST@")),
        HOSTS,
        option(
            "jid_in_url",
            Type::Enum(&["sha1", "node"]),
            DefaultValue::Text("sha1"),
        ),
        option(
            "max_size",
            POSITIVE_OR_INFINITY,
            DefaultValue::Int(104857600),
        ),
        option("name", TEXT, DefaultValue::Text("HTTP File Upload")),
        option(
            "put_url",
            WEB_URL,
            DefaultValue::Text("https://@HOST@:5443/upload"),
        ),
        option("rm_on_unregister", Type::Bool, DefaultValue::Bool(true)),
        option("secret_length", int(8, 1000), DefaultValue::Int(40)),
        option("service_url", WEB_URL, DefaultValue::Unset),
        option("thumbnail", Type::Bool, DefaultValue::Bool(false)),
        VCARD,
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_http_upload_quota`.
pub(crate) static MOD_HTTP_UPLOAD_QUOTA: ModuleSpec = ModuleSpec {
    name: "mod_http_upload_quota",
    doc: "",
    since: "",
    options: &[
        option(
            "access_hard_quota",
            Type::Shaper,
            DefaultValue::Text("hard_upload_quota"),
        ),
        option(
            "access_soft_quota",
            Type::Shaper,
            DefaultValue::Text("soft_upload_quota"),
        ),
        option(
            "max_days",
            POSITIVE_OR_INFINITY,
            DefaultValue::Text("infinity"),
        ),
    ],
    needs: &["mod_http_upload"],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_matrix_gw`.
pub(crate) static MOD_MATRIX_GW: ModuleSpec = ModuleSpec {
    name: "mod_matrix_gw",
    doc: "",
    since: "24.02",
    options: &[
        option("host", Type::Host, DefaultValue::Text("matrix.@HOST@")).since("24.02"),
        option("key", Type::Base64, DefaultValue::Unset)
            .since("24.02")
            .secret(),
        option("key_name", TEXT, DefaultValue::Text("")).since("24.02"),
        option("leave_timeout", FROM_ZERO, DefaultValue::Int(0)).since("25.08"),
        option("matrix_domain", Type::Host, DefaultValue::Text("@HOST@")).since("24.02"),
        option("matrix_id_as_jid", Type::Bool, DefaultValue::Bool(false)).since("24.02"),
        option("notary_servers", list(&Type::Host), DefaultValue::List(&[])).since("25.08"),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};
