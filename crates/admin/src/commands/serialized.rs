//! `export_db` and `import_db`: the data of a host in files of ejabberd's records, in the background.

use std::sync::Arc;

use kernel::commands::{Arguments, Call, CommandError, Example, Progress, Value};
use kernel::{Job, JobState};
use migrate::{Format, MigrateError, Migration};

use super::backup::Target;
use super::{Command, Field, HOST, Kernel, RESTUPLE, Shape, Version, field, served};

const DIR: Field = field("dir", Shape::Text);
const STATUS: Field = field("status", Shape::Text);
const TAGS: &[&str] = &["db"];

pub(super) const EXPORT_DB: Command = Command {
    name: "export_db",
    tags: TAGS,
    about: "Write the data of a host into files that import_db reads, in the background",
    detail: "A file for each module, in ejabberd's own format where it has one; see docs/serialized.md. The folder must \
             be one that others cannot write to. All files appear when the last is complete. A host has one such \
             operation at a time; a restart of the server ends it, and it can be begun again.",
    versions: &[Version {
        args: &[HOST, DIR],
        result: RESTUPLE,
        run: |call| Box::pin(async move { export(&call, "all", "dbser").await }),
        example: Example {
            args: &["localhost", "/home/ejabberd/export"],
            prints: "Export started",
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

pub(super) const EXPORT_DB_EXT: Command = Command {
    name: "export_db_ext",
    tags: TAGS,
    about: "Write the data of chosen modules of a host into files, as terms or as JSON, in the background",
    detail: "MODULES is `all` or names with commas between them; TYPE is dbser, as export_db writes, or json, an \
             object a line.",
    versions: &[Version {
        args: &[HOST, DIR, field("modules", Shape::Text), field("type", Shape::Text)],
        result: RESTUPLE,
        run: |call| {
            Box::pin(async move {
                let (modules, format) =
                    (call.arguments.text("modules"), call.arguments.text("type"));
                export(&call, modules, format).await
            })
        },
        example: Example {
            args: &["localhost", "/home/ejabberd/export", "all", "json"],
            prints: "Export started",
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

pub(super) const IMPORT_DB: Command = Command {
    name: "import_db",
    tags: TAGS,
    about: "Read the files of export_db, of this server or of ejabberd, into a host, in the background",
    detail: "What a file has replaces what its accounts have of the same kind; other accounts stay as they are. Records \
             that have no meaning are left out and told in the log with their place, and so are files of modules that \
             there is nothing for in this server. Importing again gives the same result.",
    versions: &[Version {
        args: &[HOST, DIR],
        result: RESTUPLE,
        run: |call| Box::pin(async move { import(&call).await }),
        example: Example {
            args: &["localhost", "/home/ejabberd/export"],
            prints: "Import started",
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

macro_rules! about_job {
    ($name:ident, $word:literal, $about:literal, $prints:literal, $run:expr) => {
        pub(super) const $name: Command = Command {
            name: $word,
            tags: TAGS,
            about: $about,
            versions: &[Version {
                args: &[HOST],
                result: STATUS,
                run: |call| Box::pin(async move { Ok($run(call.kernel, &call.arguments)) }),
                example: Example { args: &["localhost"], prints: $prints },
                ..Version::FIRST
            }],
            ..Command::PLAIN
        };
    };
}

about_job!(
    EXPORT_DB_STATUS,
    "export_db_status",
    "How far the export of a host's data is",
    "Operation in progress: 'Exporting mod_mam', exported 5000 records so far",
    |kernel, arguments| status(kernel, arguments, &EXPORT)
);
about_job!(
    EXPORT_DB_ABORT,
    "export_db_abort",
    "End the export of a host's data",
    "Operation aborted",
    |kernel, arguments| abort(kernel, arguments, &EXPORT)
);
about_job!(
    IMPORT_DB_STATUS,
    "import_db_status",
    "How far the import of a host's data is",
    "Operation in progress: 'Importing mod_mam', imported 5000 records so far",
    |kernel, arguments| status(kernel, arguments, &IMPORT)
);
about_job!(
    IMPORT_DB_ABORT,
    "import_db_abort",
    "End the import of a host's data",
    "Operation aborted",
    |kernel, arguments| abort(kernel, arguments, &IMPORT)
);

/// The words for a direction.
struct Direction {
    job: &'static str,
    exporting: &'static str,
    exported: &'static str,
}

const EXPORT: Direction =
    Direction { job: "export_db", exporting: "exporting", exported: "exported" };
const IMPORT: Direction =
    Direction { job: "import_db", exporting: "importing", exported: "imported" };

fn failed(error: MigrateError) -> CommandError {
    CommandError::bad_argument(error.to_string())
}

async fn export(call: &Call<'_>, modules: &str, format: &str) -> Result<Value, CommandError> {
    let host = served(call.kernel, call.arguments.text("host"))?;
    let folder = Target::of(call, "dir")?.path;
    let format = Format::named(format)
        .ok_or_else(|| CommandError::bad_argument("TYPE is none of dbser, json"))?;
    let modules = (modules != "all").then(|| modules.to_owned());
    let migration = Migration::new(call.kernel, Progress::default());
    let whose = host.clone();
    let look = move || migration.exporting(&whose, &folder, modules.as_deref(), format);
    let exporting = aside(call.kernel, look).await?;
    begin(call.kernel, &EXPORT, &host, |job| exporting.run(job))?;
    Ok(Value::Restuple(true, "Export started".to_owned()))
}

async fn import(call: &Call<'_>) -> Result<Value, CommandError> {
    let host = served(call.kernel, call.arguments.text("host"))?;
    let folder = Target::of(call, "dir")?.path;
    let migration = Migration::new(call.kernel, Progress::default());
    let whose = host.clone();
    let importing = aside(call.kernel, move || migration.importing(&whose, &folder)).await?;
    let forgetful = call.kernel.clone();
    begin(call.kernel, &IMPORT, &host, |job| async move {
        let result = importing.run(job).await;
        // Nothing in memory is older than the database, however it ended.
        forgetful.forget_stored().await;
        result
    })?;
    Ok(Value::Restuple(true, "Import started".to_owned()))
}

/// What looks at files may wait for a disk.
async fn aside<T: Send + 'static>(
    kernel: &Kernel,
    look: impl FnOnce() -> Result<T, MigrateError> + Send + 'static,
) -> Result<T, CommandError> {
    kernel.store().aside("look", look).await.map_err(CommandError::failed)?.map_err(failed)
}

fn begin<F>(
    kernel: &Kernel,
    direction: &'static Direction,
    host: &str,
    work: impl FnOnce(Arc<Job>) -> F,
) -> Result<(), CommandError>
where
    F: Future<Output = Result<(), MigrateError>> + Send + 'static,
{
    let job = kernel.jobs().begin(&job_name(direction, host));
    let job = job.map_err(|why| CommandError::bad_argument(why.to_string()))?;
    let (work, mut stopping) = (work(job.clone()), kernel.tasks().stopping());
    let (name, host) = (direction.job, host.to_owned());
    kernel.tasks().spawn(name, async move {
        let mut work = Box::pin(work);
        let result = tokio::select! {
            result = &mut work => result,
            () = stopping.wait() => {
                job.end(JobState::Aborted);
                work.await
            }
        };
        match result {
            Ok(()) => drop(job.end(JobState::Completed)),
            Err(error) => {
                tracing::error!(host, %error, "{name} could not go on");
                job.end(JobState::Failed(error.to_string()));
            }
        }
    });
    Ok(())
}

fn job_name(direction: &Direction, host: &str) -> String {
    format!("{} {host}", direction.job)
}

fn found(kernel: &Kernel, arguments: &Arguments, direction: &Direction) -> Option<Arc<Job>> {
    let host = served(kernel, arguments.text("host")).ok()?;
    kernel.jobs().find(&job_name(direction, &host))
}

/// COMPAT: the words of ejabberd, which scripts read.
fn status(kernel: &Kernel, arguments: &Arguments, direction: &Direction) -> Value {
    let Some(job) = found(kernel, arguments, direction) else {
        return Value::text("Operation not started");
    };
    let (state, told, steps) = (job.state(), job.told(), job.steps());
    let Direction { exporting, exported, .. } = direction;
    Value::text(match state {
        JobState::Working => {
            format!("Operation in progress: '{told}', {exported} {steps} records so far")
        }
        JobState::Completed => {
            format!("Operation was completed after {exporting} {steps} records: '{told}'")
        }
        JobState::Aborted => format!("Operation was aborted after {exporting} {steps} records"),
        JobState::Failed(why) => {
            format!("Operation failed after {exporting} {steps} records with error {why}")
        }
    })
}

fn abort(kernel: &Kernel, arguments: &Arguments, direction: &Direction) -> Value {
    let ended = found(kernel, arguments, direction).is_some_and(|job| job.end(JobState::Aborted));
    Value::text(if ended { "Operation aborted" } else { "No task running" })
}
