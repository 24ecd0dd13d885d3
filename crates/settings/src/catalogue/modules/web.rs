//! Over HTTP: BOSH, API, files, uploads, Converse.js, Matrix.

use super::shared::{
    APPEND_MODULE_CONFIG, CACHE_LIFE_TIME, CACHE_MISSED, CACHE_SIZE, HOSTS, QUEUE_TYPE, USE_CACHE,
    VCARD,
};
use crate::catalogue::kinds::{
    DefaultValue, FROM_ZERO, FileUse, INT, ModuleSpec, POSITIVE_OR_INFINITY, SECONDS, TEXT, Type,
    WEB_URL, int, list, map, option,
};

/// `mod_bosh`.
#[rustfmt::skip]
pub(crate) static MOD_BOSH: ModuleSpec = ModuleSpec {
    name: "mod_bosh",
    doc: "XMPP over HTTP (XEP-0124, XEP-0206).",
    since: "",
    options: &[
        CACHE_LIFE_TIME,
        CACHE_MISSED,
        CACHE_SIZE,
        option("json", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether bodies may be JSON."),
        option("max_concat", POSITIVE_OR_INFINITY, DefaultValue::Text("unlimited"))
            .doc("Stanzas put into one answer."),
        option("max_inactivity", SECONDS, DefaultValue::Millis(30000))
            .doc("Silence after which a session ends."),
        option("max_pause", SECONDS, DefaultValue::Millis(120000))
            .doc("Longest pause a client may ask for."),
        option("prebind", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether a page may open sessions for its visitors."),
        QUEUE_TYPE,
        option("ram_db_type", Type::DbType("mod_bosh"), DefaultValue::OfOr("default_ram_db", "mnesia"))
            .doc("Where it keeps short-lived data."),
        USE_CACHE,
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &["mnesia", "sql", "redis"],
};

/// `mod_conversejs`.
#[rustfmt::skip]
pub(crate) static MOD_CONVERSEJS: ModuleSpec = ModuleSpec {
    name: "mod_conversejs",
    doc: "A web client served as a page.",
    since: "21.12",
    options: &[
        option("bosh_service_url", Type::Either(&[Type::Enum(&["auto"]), TEXT]), DefaultValue::Text("auto"))
        .since("21.12"),
        option("conversejs_css", TEXT, DefaultValue::Text("auto")).since("21.12"),
        option("conversejs_options", map(&TEXT, &Type::Either(&[TEXT, INT])), DefaultValue::Map(&[])).since("22.05"),
        option("conversejs_plugins", list(&TEXT), DefaultValue::List(&[])).since("25.08"),
        option(
            "conversejs_resources",
            Type::Either(&[Type::Enum(&["undefined"]), Type::Directory(FileUse::Read)]),
            DefaultValue::Unset,
        )
        .since("22.05"),
        option("conversejs_script", TEXT, DefaultValue::Text("auto")).since("21.12"),
        option("default_domain", Type::Host, DefaultValue::Text("@HOST@")).since("21.12"),
        option("websocket_url", Type::Either(&[Type::Enum(&["auto"]), TEXT]), DefaultValue::Text("auto"))
        .since("21.12"),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_http_api`.
#[rustfmt::skip]
pub(crate) static MOD_HTTP_API: ModuleSpec = ModuleSpec {
    name: "mod_http_api",
    doc: "Server commands over HTTP.",
    since: "",
    options: &[
        option("default_version", Type::Either(&[int(0, 3), TEXT]), DefaultValue::Int(1000000)).since("24.12")
            .doc("API version used when the request names none."),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_http_fileserver`.
#[rustfmt::skip]
pub(crate) static MOD_HTTP_FILESERVER: ModuleSpec = ModuleSpec {
    name: "mod_http_fileserver",
    doc: "Files served over HTTP.",
    since: "",
    options: &[
        option("accesslog", Type::File(FileUse::Write), DefaultValue::Unset)
            .doc("Log file of requests."),
        option("content_types", map(&TEXT, &TEXT), DefaultValue::Map(&[]))
            .doc("Content types by file name extension."),
        option("custom_headers", map(&TEXT, &TEXT), DefaultValue::Map(&[]))
            .doc("HTTP headers added to every answer."),
        option("default_content_type", TEXT, DefaultValue::Text("application/octet-stream"))
            .doc("Content type of files with an unknown extension."),
        option("directory_indices", list(&TEXT), DefaultValue::List(&[]))
            .doc("Files shown for a directory."),
        option("docroot", Type::Either(&[Type::Directory(FileUse::Write), map(&TEXT, &TEXT)]), DefaultValue::Required)
            .doc("Directory served, or one for each host."),
        option("must_authenticate_with", list(&Type::Text(Some(r"^[^:]+:[^:]+$"))), DefaultValue::List(&[]))
            .doc("Names and passwords that are let in."),
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_http_upload`.
#[rustfmt::skip]
pub(crate) static MOD_HTTP_UPLOAD: ModuleSpec = ModuleSpec {
    name: "mod_http_upload",
    doc: "File upload (XEP-0363).",
    since: "",
    options: &[
        option("access", Type::Access, DefaultValue::Text("local"))
            .doc("Who may upload."),
        APPEND_MODULE_CONFIG,
        option("content_types", map(&TEXT, &TEXT), DefaultValue::Map(&[])).since("26.01")
            .doc("Content types by file name extension."),
        option("custom_headers", map(&TEXT, &TEXT), DefaultValue::Map(&[]))
            .doc("HTTP headers added to every answer."),
        option("dir_mode", Type::Octal, DefaultValue::Unset)
            .doc("Mode of stored directories."),
        option("docroot", TEXT, DefaultValue::Text("@HOME@/upload"))
            .doc("Directory of stored files."),
        option("external_secret", TEXT, DefaultValue::Text("")).secret()
            .doc("Secret shared with an external upload service."),
        option("file_mode", Type::Octal, DefaultValue::Unset)
            .doc("Mode of stored files."),
        option("get_url", WEB_URL, DefaultValue::Unset)
            .doc("Start of download links; as for uploads if unset."),
        option("host", Type::Host, DefaultValue::Text("upload.@HOST@"))
            .doc("Domain of the service."),
        HOSTS,
        option("jid_in_url", Type::Enum(&["sha1", "node"]), DefaultValue::Text("sha1"))
            .doc("How the uploader appears in the link."),
        option("max_size", POSITIVE_OR_INFINITY, DefaultValue::Int(104857600))
            .doc("Largest file in bytes."),
        option("name", TEXT, DefaultValue::Text("HTTP File Upload"))
            .doc("Name of the service in listings."),
        option("put_url", WEB_URL, DefaultValue::Text("https://@HOST@:5443/upload"))
            .doc("Start of upload links."),
        option("rm_on_unregister", Type::Bool, DefaultValue::Bool(true))
            .doc("Whether files go with their account."),
        option("secret_length", int(8, 1000), DefaultValue::Int(40))
            .doc("Characters of the random part of a link."),
        option("service_url", WEB_URL, DefaultValue::Unset),
        option("thumbnail", Type::Bool, DefaultValue::Bool(false))
            .doc("Whether small images are made."),
        VCARD,
    ],
    needs: &[],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_http_upload_quota`.
#[rustfmt::skip]
pub(crate) static MOD_HTTP_UPLOAD_QUOTA: ModuleSpec = ModuleSpec {
    name: "mod_http_upload_quota",
    doc: "Limits on uploaded files.",
    since: "",
    options: &[
        option("access_hard_quota", Type::Shaper, DefaultValue::Text("hard_upload_quota"))
            .doc("Mebibytes from which old files are removed."),
        option("access_soft_quota", Type::Shaper, DefaultValue::Text("soft_upload_quota"))
            .doc("Mebibytes down to which old files are removed."),
        option("max_days", POSITIVE_OR_INFINITY, DefaultValue::Text("infinity"))
            .doc("Days after which files are removed."),
    ],
    needs: &["mod_http_upload"],
    wants: &[],
    db_types: &[],
    ram_db_types: &[],
};

/// `mod_matrix_gw`.
#[rustfmt::skip]
pub(crate) static MOD_MATRIX_GW: ModuleSpec = ModuleSpec {
    name: "mod_matrix_gw",
    doc: "Gateway to Matrix.",
    since: "24.02",
    options: &[
        option("host", Type::Host, DefaultValue::Text("matrix.@HOST@")).since("24.02")
            .doc("Domain of the service."),
        option("key", Type::Base64, DefaultValue::Unset).since("24.02").secret(),
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
