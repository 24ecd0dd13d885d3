//! Copies of the whole database, and their way back.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kernel::commands::{Arguments, Call, CommandError, Example, Progress, Value};
use kernel::{CloseReason, Control};
use tokio::sync::oneshot;

use super::{Command, Field, Kernel, RESTUPLE, Shape, Version, field};

pub(super) const FILE: Field = field("file", Shape::Text);

/// How long restored data waits for the sessions of the old data to end.
const SESSIONS_END: Duration = Duration::from_secs(5);
/// How often it is looked whether they have.
const LOOK: Duration = Duration::from_millis(20);
/// What sessions are told when other data takes the place of theirs.
const RESTORED: &str = "the server's data was restored from a backup";

/// The file that somebody named: relative to the folder of the database, as ejabberd's working directory is its spool.
pub(super) fn path(kernel: &Kernel, named: &str) -> Result<PathBuf, CommandError> {
    if named.is_empty() || named.contains('\0') {
        return Err(CommandError::bad_argument("a file name is missing"));
    }
    Ok(folder(kernel).join(named))
}

fn folder(kernel: &Kernel) -> &Path {
    kernel.store().path().parent().unwrap_or(Path::new("."))
}

/// COMPAT: ejabberd says nothing of success. Where a name was completed, it is said to what.
pub(super) fn done(named: &str, path: &Path) -> Value {
    let text =
        if Path::new(named).is_absolute() { String::new() } else { path.display().to_string() };
    Value::Restuple(true, text)
}

/// Does work to its end even if nobody waits for its answer any more.
pub(super) async fn detached<T: Send + 'static>(
    kernel: &Kernel,
    name: &'static str,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, CommandError> {
    let (answer, answered) = oneshot::channel();
    // The one who asked may be gone.
    kernel.tasks().spawn(name, async move { drop(answer.send(work.await)) });
    answered.await.map_err(|_| CommandError::failed("the work was ended by a defect; see the log"))
}

macro_rules! file_command {
    ($name:ident, $word:literal, $example:literal, $about:literal, $detail:literal, $run:ident) => {
        pub(super) const $name: Command = Command {
            name: $word,
            tags: &["mnesia"],
            about: $about,
            detail: $detail,
            versions: &[Version {
                args: &[FILE],
                result: RESTUPLE,
                run: |call: Call<'_>| Box::pin($run(call.kernel, call.arguments, call.progress)),
                example: Example { args: &[$example], prints: "" },
                ..Version::FIRST
            }],
            ..Command::PLAIN
        };
    };
}
pub(super) use file_command;

file_command!(
    BACKUP,
    "backup",
    "/var/lib/ejabberd/database.backup",
    "Back up the whole database to a file while the server runs",
    "The file is a complete database, appears under its name only when it is on disk, and is readable by the \
     server's user alone. An older backup of that name is replaced; any other file is not. A relative name is \
     looked for in the folder of the database.",
    backup
);

async fn backup(
    kernel: &Kernel,
    arguments: Arguments,
    progress: Progress,
) -> Result<Value, CommandError> {
    let named = arguments.text("file");
    let path = path(kernel, named)?;
    progress.tell(format!("Copying the database to {}", path.display()));
    match kernel.store().backup_to(&path).await {
        Ok(()) => Ok(done(named, &path)),
        Err(error) => Ok(Value::Restuple(false, format!("Can't store backup: {error}"))),
    }
}

file_command!(
    RESTORE,
    "restore",
    "/var/lib/ejabberd/database.backup",
    "Replace all data by that of a backup, at once",
    "The file is checked first; a wrong one changes nothing. All data is replaced in one step: what was stored \
     after the backup is gone, and every session ends, so that no client goes on with what is no longer true.",
    restore
);

async fn restore(
    kernel: &Kernel,
    arguments: Arguments,
    progress: Progress,
) -> Result<Value, CommandError> {
    let named = arguments.text("file");
    let path = path(kernel, named)?;
    progress.tell(format!("Checking {}", path.display()));
    let (kernel_too, source) = (kernel.clone(), path.clone());
    let work = async move { restore_now(&kernel_too, &source).await };
    match detached(kernel, "restore", work).await? {
        Ok(()) => Ok(done(named, &path)),
        Err(text) => Ok(Value::Restuple(false, format!("Can't restore backup: {text}"))),
    }
}

async fn restore_now(kernel: &Kernel, source: &Path) -> Result<(), String> {
    let restored = kernel.store().restore_from(source, migrate::tables(kernel)).await;
    restored.map_err(|error| error.to_string())?;
    tracing::warn!(backup = %source.display(), "all data was replaced by that of a backup");
    kernel.forget_stored().await;
    for session in kernel.sessions().all() {
        // One that is ending anyway needs no telling.
        drop(session.mailbox().control(Control::Close(CloseReason::Kicked(RESTORED.to_owned()))));
    }
    let begin = kernel.clock().now();
    while kernel.sessions().count() > 0 && begin.elapsed() < SESSIONS_END {
        tokio::time::sleep(LOOK).await;
    }
    // What ending sessions have still looked up is old too.
    kernel.forget_stored().await;
    // Messages that clients had not acknowledged at the time of the backup wait for them again, as after a crash.
    xmpp::restore_sessions(kernel).await.map(drop).map_err(|error| {
        format!("the data was restored, but sessions of then could not be: {error}")
    })
}

file_command!(
    INSTALL_FALLBACK,
    "install_fallback",
    "/var/lib/ejabberd/database.fallback",
    "Replace all data by that of a backup at the next start",
    "The file is checked and copied beside the database now; the next start takes the copy instead of the \
     present data. Until then nothing changes.",
    install_fallback
);

async fn install_fallback(
    kernel: &Kernel,
    arguments: Arguments,
    _: Progress,
) -> Result<Value, CommandError> {
    let named = arguments.text("file");
    let path = path(kernel, named)?;
    match kernel.store().install_fallback(&path, migrate::tables(kernel)).await {
        Ok(()) => Ok(done(named, &path)),
        Err(error) => Ok(Value::Restuple(false, format!("Can't install fallback: {error}"))),
    }
}
