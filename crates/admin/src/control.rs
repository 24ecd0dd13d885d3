//! The control socket: one JSON line with a request in, JSON lines with its answer out. A connection carries one request.
//!
//! | request | answer |
//! |---|---|
//! | `{"words": ["--version", "0", "kick_user", "alice", "example.com"]}` | `{"status": 0, "stdout": "2\n", "stderr": ""}` |
//! | the same with `"language": "de"` | the same with errors in that language, if there is a catalogue for it |
//! | the same with `"progress": true` | any number of `{"progress": "half done"}`, then the same |
//! | `{"list": "commands"}` | `{"commands": [{"name": …, "about": …, "args": […], "secrets": […]}, …]}` |
//! | `{"watch": "log"}` | `{"watching": "log"}`, then `{"line": …}` and `{"missed": 7}` until either side ends it |
//!
//! What is refused is answered by a `status` other than 0.

pub(crate) mod peers;
mod watch;

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kernel::commands::{Command, Progress};
use kernel::{Kernel, ServerControl};
use observe::AUDIT_TARGET;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::caller::Caller;
use crate::ctl::{self, Manner, Reply};
use crate::languages::Language;
pub use peers::Group;
use peers::{REFUSAL, STATUS_WRONG_USER};

/// Connections served at the same time; more wait.
pub(crate) const CONNECTIONS_MAX: usize = 32;
/// How many may watch the log at the same time.
pub(crate) const WATCHERS_MAX: usize = 8;
/// Longest request, in bytes with its line end.
const LINE_BYTES_MAX: u64 = 1 << 20;
/// How long a caller may take to send its line, and to take the answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait when the system gives no connection, for instance for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The open control socket; its file goes with it.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
    group: Option<Group>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Somebody may have cleaned up before.
        drop(std::fs::remove_file(&self.path));
    }
}

/// Opens the socket with mode 0600, or 0660 for a group that may use it; must run inside a tokio runtime. What a dead
/// server left is replaced.
///
/// # Errors
/// `AddrInUse` when another server answers there, `AlreadyExists` when the path is no socket, and the system's.
pub fn bind(path: &Path, group: Option<Group>) -> io::Result<Socket> {
    clear(path).map_err(|error| at(path, &error))?;
    // It gets its place only when its mode is right, whatever the umask is.
    let fresh = path.with_extension("new");
    match std::fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&fresh, &error)),
        _ => {}
    }
    let listener = UnixListener::bind(&fresh).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidInput => {
            let text = format!(
                "{}: the system allows sockets in paths of at most 107 bytes: name a data folder with a shorter path \
                 (--spool DIR, SPOOL_DIR)",
                path.display()
            );
            io::Error::new(error.kind(), text)
        }
        _ => at(&fresh, &error),
    })?;
    if let Some(Group { name, gid }) = &group {
        std::os::unix::fs::chown(&fresh, None, Some(*gid)).map_err(|error| {
            let text = format!(
                "{} cannot be given to group {name}: {error}; root can, or a server whose user is a member of it",
                fresh.display()
            );
            io::Error::new(error.kind(), text)
        })?;
    }
    let mode = if group.is_some() { 0o660 } else { 0o600 };
    std::fs::set_permissions(&fresh, Permissions::from_mode(mode))?;
    std::fs::rename(&fresh, path).map_err(|error| at(path, &error))?;
    Ok(Socket { listener, path: path.to_owned(), group })
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Makes sure that nobody answers at a path and nothing but a socket is there.
fn clear(path: &Path) -> io::Result<()> {
    let found = match std::fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !found.file_type().is_socket() {
        let text =
            "something that is not a socket is in the place of the control socket; move it away";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => {
            let text = "another server with the same data folder is running; stop it first, or choose another folder";
            Err(io::Error::new(io::ErrorKind::AddrInUse, text))
        }
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(error) => Err(error),
    }
}

/// Serves commands until the server begins to stop. Commands that run then still get their answer.
pub async fn serve(kernel: Kernel, socket: Socket, control: Arc<impl ServerControl>) {
    kernel.set_control(control);
    if let Some(group) = &socket.group {
        peers::admit(&kernel, group.clone());
    }
    let gate = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let watchers = Arc::new(Semaphore::new(WATCHERS_MAX));
    let mut stopping = kernel.tasks().stopping();
    loop {
        // Whoever comes when all places are taken waits in the system's queue, which is bounded, and is not refused.
        let permit = tokio::select! {
            permit = Arc::clone(&gate).acquire_owned() => permit.expect("the gate is never closed"),
            () = stopping.wait() => return,
        };
        let accepted = tokio::select! {
            accepted = socket.listener.accept() => accepted,
            () = stopping.wait() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let places = Places { permit, watchers: Arc::clone(&watchers) };
                let connection = connection(kernel.clone(), stream, places);
                kernel.tasks().spawn("control connection", connection);
            }
            Err(error) => {
                tracing::warn!(%error, "the control socket gives no connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The place that a connection has, and the places that it may change to.
struct Places {
    permit: OwnedSemaphorePermit,
    watchers: Arc<Semaphore>,
}

async fn connection(kernel: Kernel, mut stream: UnixStream, places: Places) {
    match converse(&kernel, &mut stream).await {
        Ok(Next::Answer(answer)) => send_last(&mut stream, &answer).await,
        Ok(Next::WatchLog) => match places.watchers.try_acquire_owned() {
            Ok(_watching) => {
                // Who watches may stay for days, and is in nobody's way.
                drop(places.permit);
                watch::log(&kernel, &mut stream).await;
            }
            Err(_) => {
                let why = format!("{WATCHERS_MAX} others watch the log; more cannot\n");
                send_last(&mut stream, &refusal(ctl::STATUS_ERROR, why)).await;
            }
        },
        Err(error) => tracing::warn!(%error, "a control connection ended without a command"),
    }
}

/// What follows a request.
enum Next {
    Answer(Value),
    WatchLog,
}

async fn send_last(stream: &mut UnixStream, answer: &Value) {
    if let Err(error) = send(stream, answer).await {
        tracing::debug!(%error, "nobody took the answer of a command");
    }
}

/// Sends a line, to somebody who takes it in time.
async fn send(stream: &mut UnixStream, line: &Value) -> io::Result<()> {
    let line = format!("{line}\n");
    tokio::time::timeout(PATIENCE, stream.write_all(line.as_bytes()))
        .await
        .map_err(io::Error::other)?
}

fn answer(reply: &Reply) -> Value {
    json!({"status": reply.status, "stdout": reply.stdout, "stderr": reply.stderr})
}

fn refusal(status: u8, stderr: String) -> Value {
    answer(&Reply { status, stderr, ..Reply::default() })
}

/// Reads one request and does it.
async fn converse(kernel: &Kernel, stream: &mut UnixStream) -> io::Result<Next> {
    let peer = stream.peer_cred()?;
    let (uid, pid) = (peer.uid(), peer.pid().unwrap_or_default());
    let Some(caller) = peers::caller(kernel, (uid, peer.gid(), pid), None) else {
        return Ok(Next::Answer(refusal(STATUS_WRONG_USER, REFUSAL.to_owned())));
    };
    let mut stopping = kernel.tasks().stopping();
    let line = tokio::select! {
        line = tokio::time::timeout(PATIENCE, read_line(stream)) => line.map_err(io::Error::other)??,
        () = stopping.wait() => return Err(io::Error::other("the server stops")),
    };
    match parse(&line) {
        Ok(Request::Command { words, progress, language }) => {
            let reply = if progress {
                with_progress(kernel, &caller, stream, &words, language).await
            } else {
                ctl::run(kernel, &caller, &words, Manner { language, ..Manner::default() }).await
            };
            Ok(Next::Answer(answer(&reply)))
        }
        Ok(Request::ListCommands) => Ok(Next::Answer(list(kernel))),
        // The log is for those who have every right.
        Ok(Request::WatchLog) if !caller.is_console() => {
            Ok(Next::Answer(refusal(STATUS_WRONG_USER, REFUSAL.to_owned())))
        }
        Ok(Request::WatchLog) => {
            tracing::info!(target: AUDIT_TARGET, uid, pid, "somebody watches the log");
            Ok(Next::WatchLog)
        }
        Err(why) => {
            tracing::warn!(target: AUDIT_TARGET, uid, pid, why, "a line that is no request");
            Ok(Next::Answer(refusal(ctl::STATUS_ERROR, format!("Error: {why}\n"))))
        }
    }
}

/// Runs a command and tells how far it is. A caller who goes away does not end it.
async fn with_progress(
    kernel: &Kernel,
    caller: &Caller,
    stream: &mut UnixStream,
    words: &[String],
    language: Language,
) -> Reply {
    let (progress, mut told) = Progress::channel();
    let tell = async {
        let mut listens = true;
        while let Some(text) = told.recv().await {
            listens = listens && send(stream, &json!({ "progress": text })).await.is_ok();
        }
    };
    tokio::join!(ctl::run(kernel, caller, words, Manner { progress, language }), tell).0
}

/// What a caller needs to complete commands and to know where secrets stand.
fn list(kernel: &Kernel) -> Value {
    let table = kernel.commands();
    let newest = |command: &Command| {
        let args = command.versions.last().map_or(&[][..], |version| version.args);
        let names: Vec<&str> = args.iter().map(|field| field.name).collect();
        json!({"name": command.name, "about": command.about, "args": names, "secrets": command.secrets})
    };
    json!({ "commands": table.iter().map(newest).collect::<Vec<_>>() })
}

async fn read_line(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    BufReader::new(stream.take(LINE_BYTES_MAX)).read_until(b'\n', &mut line).await?;
    Ok(line)
}

/// What a line asks for.
enum Request {
    Command { words: Vec<String>, progress: bool, language: Language },
    ListCommands,
    WatchLog,
}

fn parse(line: &[u8]) -> Result<Request, &'static str> {
    if line.last() != Some(&b'\n') {
        return Err("the request is longer than 1 MiB or was cut off");
    }
    let request: Value = serde_json::from_slice(line).map_err(|_| "the request is not JSON")?;
    match (
        request.get("list").and_then(Value::as_str),
        request.get("watch").and_then(Value::as_str),
    ) {
        (Some("commands"), None) => return Ok(Request::ListCommands),
        (None, Some("log")) => return Ok(Request::WatchLog),
        _ => {}
    }
    let words =
        request.get("words").and_then(Value::as_array).ok_or("the request has no `words`")?;
    let words: Option<Vec<String>> =
        words.iter().map(|word| word.as_str().map(str::to_owned)).collect();
    let words = words.ok_or("a word of the request is not a text")?;
    let progress = request.get("progress").and_then(Value::as_bool).unwrap_or(false);
    let language = request.get("language").and_then(Value::as_str).map(Language::of);
    Ok(Request::Command { words, progress, language: language.unwrap_or_default() })
}
