//! Copies of the whole database, and their way back.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kernel::commands::{Call, CommandError, Example, Value};
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

/// The file or folder that somebody named.
pub(super) struct Target {
    named: String,
    pub(super) path: PathBuf,
}

impl Target {
    /// Relative names are looked for in the folder of the database, as ejabberd's working directory is its spool.
    pub(super) fn of(call: &Call<'_>, argument: &str) -> Result<Self, CommandError> {
        let named = call.arguments.text(argument).to_owned();
        if named.is_empty() || named.contains('\0') {
            return Err(CommandError::bad_argument("a file name is missing"));
        }
        let folder = call.kernel.store().path().parent().unwrap_or(Path::new("."));
        let path = folder.join(&named);
        Ok(Self { named, path })
    }

    /// COMPAT: ejabberd says nothing of success. Where a name was completed, it is said to what.
    pub(super) fn outcome(&self, what: &str, result: Result<(), impl Display>) -> Value {
        match result {
            Ok(()) if Path::new(&self.named).is_absolute() => Value::Restuple(true, String::new()),
            Ok(()) => Value::Restuple(true, self.path.display().to_string()),
            Err(error) => Value::Restuple(false, format!("{what}: {error}")),
        }
    }
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
                run: |call| Box::pin($run(call)),
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

async fn backup(call: Call<'_>) -> Result<Value, CommandError> {
    let target = Target::of(&call, "file")?;
    call.progress.tell(format!("Copying the database to {}", target.path.display()));
    let result = call.kernel.store().backup_to(&target.path).await;
    Ok(target.outcome("Can't store backup", result))
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

async fn restore(call: Call<'_>) -> Result<Value, CommandError> {
    let target = Target::of(&call, "file")?;
    call.progress.tell(format!("Checking {}", target.path.display()));
    let (kernel, source) = (call.kernel.clone(), target.path.clone());
    let work = async move { restore_now(&kernel, &source).await };
    let result = detached(call.kernel, "restore", work).await?;
    Ok(target.outcome("Can't restore backup", result))
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

async fn install_fallback(call: Call<'_>) -> Result<Value, CommandError> {
    let target = Target::of(&call, "file")?;
    let tables = migrate::tables(call.kernel);
    let result = call.kernel.store().install_fallback(&target.path, tables).await;
    Ok(target.outcome("Can't install fallback", result))
}
