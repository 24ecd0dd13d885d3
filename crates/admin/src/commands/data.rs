//! Data in forms that other programs read: text, SQL, XEP-0227.

use kernel::commands::{Call, CommandError, Example, Value};
use migrate::{MigrateError, Migration, Report};
use store::Layout;

use super::backup::{FILE, Target, detached, file_command};
use super::{Command, Field, HOST, RESCODE, RESTUPLE, Shape, Version, field, served};

const DIR: Field = field("dir", Shape::Text);

fn failed(error: MigrateError) -> CommandError {
    CommandError::bad_argument(error.to_string())
}

file_command!(
    DUMP,
    "dump",
    "/var/lib/ejabberd/database.txt",
    "Write all tables as text to a file",
    "The file holds one Erlang term a line and is read by `load`; see docs/backup.md for its form.",
    dump
);

async fn dump(call: Call<'_>) -> Result<Value, CommandError> {
    let target = Target::of(&call, "file")?;
    let result = Migration::new(call.kernel, call.progress).dump(target.path.clone()).await;
    Ok(target.outcome("Can't store dump", result))
}

pub(super) const DUMP_TABLE: Command = Command {
    name: "dump_table",
    tags: &["mnesia"],
    about: "Write one table as text to a file",
    versions: &[Version {
        args: &[FILE, field("table", Shape::Text)],
        result: RESTUPLE,
        run: |call| Box::pin(dump_table(call)),
        example: Example {
            args: &["/var/lib/ejabberd/table-muc-registered.txt", "muc_registered"],
            prints: "",
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

async fn dump_table(call: Call<'_>) -> Result<Value, CommandError> {
    let target = Target::of(&call, "file")?;
    let migration = Migration::new(call.kernel, call.progress);
    let result = migration.dump_table(target.path.clone(), call.arguments.text("table")).await;
    Ok(target.outcome("Can't store dump", result))
}

file_command!(
    LOAD,
    "load",
    "/var/lib/ejabberd/database.txt",
    "Read a text dump of this server or of ejabberd into the database",
    "Rows replace those with the same key, all others stay. What there is nothing for in this server is left out \
     and told. Loading the same file again gives the same result.",
    load
);

async fn load(call: Call<'_>) -> Result<Value, CommandError> {
    let source = Target::of(&call, "file")?.path;
    Ok(match import(call, |migration| async move { migration.load(source).await }).await? {
        Ok(report) => Value::Restuple(true, report.to_string()),
        Err(error) => Value::Restuple(false, format!("Can't load dump: {error}")),
    })
}

/// Reads to the end even if nobody waits any more; afterwards nothing in memory is older than the database.
async fn import<F>(
    call: Call<'_>,
    read: impl FnOnce(Migration) -> F,
) -> Result<Result<Report, MigrateError>, CommandError>
where
    F: Future<Output = Result<Report, MigrateError>> + Send + 'static,
{
    let (forgetful, progress) = (call.kernel.clone(), call.progress);
    let reading = read(Migration::new(call.kernel, progress.clone()));
    let work = async move {
        let report = reading.await;
        forgetful.forget_stored().await;
        report
    };
    let result = detached(call.kernel, "import", work).await?;
    if let Ok(report) = &result {
        for line in report.to_string().lines() {
            tracing::info!("import: {line}");
            progress.tell(line);
        }
    }
    Ok(result)
}

pub(super) const EXPORT2SQL: Command = Command {
    name: "export2sql",
    tags: &["mnesia"],
    about: "Write the data of a host as SQL for ejabberd's tables",
    detail: "The statements are understood by SQLite, PostgreSQL and MySQL alike. The option \
             `sql_schema_multihost` decides whether the tables have the column `server_host`.",
    versions: &[Version {
        args: &[HOST, FILE],
        result: RESCODE,
        run: |call| Box::pin(export2sql(call)),
        example: Example {
            args: &["example.com", "/var/lib/ejabberd/example.com.sql"],
            prints: "",
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

async fn export2sql(call: Call<'_>) -> Result<Value, CommandError> {
    let host = served(call.kernel, call.arguments.text("host"))?;
    let path = Target::of(&call, "file")?.path;
    let multi = call.kernel.config().global().bool("sql_schema_multihost");
    let layout = if multi { Layout::MultiHost } else { Layout::SingleHost };
    let migration = Migration::new(call.kernel, call.progress);
    migration.export_sql(&host, layout, path).await.map_err(failed)?;
    Ok(Value::OK)
}

pub(super) const PRINT_SQL_SCHEMA: Command = Command {
    name: "print_sql_schema",
    tags: &["ejabberdctl", "sql"],
    about: "Print the statements that make ejabberd's tables",
    detail: "DB_TYPE is sqlite, the only one here; DB_VERSION may be any; MULTIHOST_SCHEMA is 1, true, 0 or false and \
             decides whether the tables have the column `server_host`. The server makes its tables itself.",
    versions: &[Version {
        args: &[
            field("db_type", Shape::Text),
            field("db_version", Shape::Text),
            field("multihost_schema", Shape::Text),
        ],
        result: RESCODE,
        run: |call| Box::pin(async move { print_sql_schema(&call) }),
        example: Example { args: &["pgsql", "16.1", "true"], prints: "" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

/// COMPAT: declared without a text, since ejabberd's prints by itself.
fn print_sql_schema(call: &Call<'_>) -> Result<Value, CommandError> {
    let layout = match call.arguments.text("multihost_schema") {
        "1" | "true" => Layout::MultiHost,
        "0" | "false" => Layout::SingleHost,
        _ => {
            return Err(CommandError::bad_argument(
                "MULTIHOST_SCHEMA is none of 1, true, 0, false",
            ));
        }
    };
    match call.arguments.text("db_type") {
        "sqlite" => {
            let schema = migrate::sqlite_schema(call.kernel, layout);
            Ok(Value::Restuple(true, schema.trim_end().to_owned()))
        }
        "pgsql" | "mysql" => Err(CommandError::bad_argument(
            "This server keeps its tables in SQLite only; ejabberd prints those of other databases",
        )),
        _ => Err(CommandError::bad_argument("DB_TYPE is none of sqlite, pgsql, mysql")),
    }
}

pub(super) const EXPORT_PIEFXIS: Command = Command {
    name: "export_piefxis",
    tags: &["mnesia"],
    about: "Export the accounts of all hosts to files of XEP-0227 in a folder",
    versions: &[Version {
        args: &[DIR],
        result: RESCODE,
        run: |call: Call<'_>| {
            Box::pin(async move {
                let hosts = call.kernel.config().hosts().to_vec();
                export_piefxis(call, hosts).await
            })
        },
        example: Example { args: &["/var/lib/ejabberd/"], prints: "" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

pub(super) const EXPORT_PIEFXIS_HOST: Command = Command {
    name: "export_piefxis_host",
    tags: &["mnesia"],
    about: "Export the accounts of a host to files of XEP-0227 in a folder",
    versions: &[Version {
        args: &[DIR, HOST],
        result: RESCODE,
        run: |call: Call<'_>| {
            Box::pin(async move {
                let host = served(call.kernel, call.arguments.text("host"))?;
                export_piefxis(call, vec![host]).await
            })
        },
        example: Example { args: &["/var/lib/ejabberd/", "example.com"], prints: "" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

async fn export_piefxis(call: Call<'_>, hosts: Vec<String>) -> Result<Value, CommandError> {
    let folder = Target::of(&call, "dir")?.path;
    let migration = Migration::new(call.kernel, call.progress.clone());
    let main = migration.export_piefxis(hosts, folder).await.map_err(failed)?;
    call.progress.tell(format!("Exported to {}", main.display()));
    Ok(Value::OK)
}

pub(super) const IMPORT_PIEFXIS: Command = Command {
    name: "import_piefxis",
    tags: &["mnesia"],
    about: "Import accounts from a file of XEP-0227 and the files that it includes",
    detail: "What the file has replaces what accounts have of the same kind; a contact, a private element or a \
             message that is not in the file stays. What there is nothing for in this server is left out and told.",
    versions: &[Version {
        args: &[FILE],
        result: RESCODE,
        run: |call| Box::pin(import_piefxis(call)),
        example: Example { args: &["/var/lib/ejabberd/example.com.xml"], prints: "" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

async fn import_piefxis(call: Call<'_>) -> Result<Value, CommandError> {
    let source = Target::of(&call, "file")?.path;
    let read = |migration: Migration| async move { migration.import_piefxis(source).await };
    import(call, read).await?.map_err(failed)?;
    Ok(Value::OK)
}

pub(super) const IMPORT_PROSODY: Command = Command {
    name: "import_prosody",
    tags: &["mnesia", "sql"],
    about: "Import accounts from the data folder of Prosody",
    detail: "Passwords, rosters, vCards, private data and waiting messages of hosts that are in the configuration; \
             Prosody must use its storage `internal` and should not run. What an account has is replaced; what there \
             is nothing for in this server is left out and told.",
    versions: &[Version {
        args: &[DIR],
        result: RESCODE,
        run: |call| Box::pin(import_prosody(call)),
        example: Example { args: &["/var/lib/prosody/datadump/"], prints: "" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

async fn import_prosody(call: Call<'_>) -> Result<Value, CommandError> {
    let folder = Target::of(&call, "dir")?.path;
    let read = |migration: Migration| async move { migration.import_prosody(folder).await };
    import(call, read).await?.map_err(failed)?;
    Ok(Value::OK)
}

file_command!(
    IMPORT_FILE,
    "import_file",
    "/var/lib/ejabberd/jabberd14.spool",
    "Import an account from a spool file of jabberd 1.4",
    "The file is called by the account and its folder by the host, which has to be in the configuration. What an \
     account has is replaced; what there is nothing for in this server is left out and told.",
    import_file
);

async fn import_file(call: Call<'_>) -> Result<Value, CommandError> {
    let file = Target::of(&call, "file")?.path;
    let read = |migration: Migration| async move { migration.import_jabberd14_file(file).await };
    Ok(told(import(call, read).await?))
}

file_command!(
    IMPORT_DIR,
    "import_dir",
    "/var/lib/ejabberd/jabberd14/",
    "Import the accounts of a host from a spool folder of jabberd 1.4",
    "Every file USER.xml of the folder, which is called by the host; see import_file.",
    import_dir
);

async fn import_dir(call: Call<'_>) -> Result<Value, CommandError> {
    let folder = Target::of(&call, "file")?.path;
    let read = |migration: Migration| async move { migration.import_jabberd14_dir(folder).await };
    Ok(told(import(call, read).await?))
}

fn told(result: Result<Report, MigrateError>) -> Value {
    match result {
        Ok(report) => Value::Restuple(true, report.to_string()),
        Err(error) => Value::Restuple(false, format!("Can't import: {error}")),
    }
}
