//! The control socket: one JSON line with the words of a command in, one JSON line with its answer out.
//!
//! Request: `{"words": ["--version", "0", "kick_user", "alice", "example.com"]}`.
//! Answer: `{"status": 0, "stdout": "2\n", "stderr": ""}`. A connection carries one command.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kernel::{Kernel, ServerControl};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::ctl::{self, Reply};

/// Connections served at the same time.
pub(crate) const CONNECTIONS_MAX: usize = 32;
/// Longest request, in bytes with its line end.
const LINE_BYTES_MAX: u64 = 1 << 20;
/// How long a caller may take to send its line, and to take the answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait when the system gives no connection, for instance for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// ejabberdctl's exit status for a user who may not call the server.
const STATUS_WRONG_USER: u8 = 7;

/// The open control socket; its file goes with it.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Somebody may have cleaned up before.
        drop(std::fs::remove_file(&self.path));
    }
}

/// Opens the socket with mode 0600; must run inside a tokio runtime. What a dead server left is replaced.
///
/// # Errors
/// `AddrInUse` when another server answers there, `AlreadyExists` when the path is no socket, and the system's.
pub fn bind(path: &Path) -> io::Result<Socket> {
    clear(path).map_err(|error| at(path, &error))?;
    // It gets its place only when its mode is right, whatever the umask is.
    let fresh = path.with_extension("new");
    match std::fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&fresh, &error)),
        _ => {}
    }
    let listener = UnixListener::bind(&fresh).map_err(|error| at(&fresh, &error))?;
    std::fs::set_permissions(&fresh, Permissions::from_mode(0o600))?;
    std::fs::rename(&fresh, path).map_err(|error| at(path, &error))?;
    Ok(Socket { listener, path: path.to_owned() })
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
    let gate = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut stopping = kernel.tasks().stopping();
    loop {
        let accepted = tokio::select! {
            accepted = socket.listener.accept() => accepted,
            () = stopping.wait() => return,
        };
        match (accepted, Arc::clone(&gate).try_acquire_owned()) {
            (Ok((stream, _)), Ok(permit)) => {
                kernel
                    .tasks()
                    .spawn("control connection", connection(kernel.clone(), stream, permit));
            }
            (Ok(_), Err(_)) => {
                tracing::warn!(CONNECTIONS_MAX, "too many control connections; one was closed")
            }
            (Err(error), _) => {
                tracing::warn!(%error, "the control socket gives no connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(kernel: Kernel, mut stream: UnixStream, _permit: OwnedSemaphorePermit) {
    let reply = match converse(&kernel, &mut stream).await {
        Ok(reply) => reply,
        Err(error) => return tracing::warn!(%error, "a control connection ended without a command"),
    };
    let answer =
        serde_json::json!({"status": reply.status, "stdout": reply.stdout, "stderr": reply.stderr});
    let line = format!("{answer}\n");
    match tokio::time::timeout(PATIENCE, stream.write_all(line.as_bytes())).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "nobody took the answer of a command"),
        Err(_) => tracing::debug!("nobody took the answer of a command in time"),
    }
}

/// Reads one command, does it and writes its audit record.
async fn converse(kernel: &Kernel, stream: &mut UnixStream) -> io::Result<Reply> {
    let peer = stream.peer_cred()?;
    let (uid, pid) = (peer.uid(), peer.pid().unwrap_or_default());
    let own = rustix::process::geteuid().as_raw();
    if !may_call(uid, own) {
        tracing::warn!(target: "admin::audit", uid, pid, "a user who may not give commands was refused");
        let text = "ERROR: This command can only be run by root or the user who runs the server\n";
        return Ok(Reply {
            status: STATUS_WRONG_USER,
            stderr: text.to_owned(),
            ..Reply::default()
        });
    }
    let mut stopping = kernel.tasks().stopping();
    let line = tokio::select! {
        line = tokio::time::timeout(PATIENCE, read_line(stream)) => line.map_err(io::Error::other)??,
        () = stopping.wait() => return Err(io::Error::other("the server stops")),
    };
    let words = match parse(&line) {
        Ok(words) => words,
        Err(why) => {
            tracing::warn!(target: "admin::audit", uid, pid, why, "a line that is no command");
            return Ok(Reply {
                status: ctl::STATUS_ERROR,
                stderr: format!("Error: {why}\n"),
                ..Reply::default()
            });
        }
    };
    let begin = kernel.clock().now();
    let reply = ctl::run(kernel, &words).await;
    let milliseconds = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (command, status) = (&reply.audit, reply.status);
    tracing::info!(target: "admin::audit", uid, pid, command, status, milliseconds, "command");
    Ok(reply)
}

/// Only the server's own user and root: file modes keep the others out already, this keeps them out once more.
fn may_call(uid: u32, own: u32) -> bool {
    uid == own || uid == 0
}

async fn read_line(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    BufReader::new(stream.take(LINE_BYTES_MAX)).read_until(b'\n', &mut line).await?;
    Ok(line)
}

fn parse(line: &[u8]) -> Result<Vec<String>, &'static str> {
    if line.last() != Some(&b'\n') {
        return Err("the command is longer than 1 MiB or was cut off");
    }
    let request: serde_json::Value =
        serde_json::from_slice(line).map_err(|_| "the request is not JSON")?;
    let words = request
        .get("words")
        .and_then(serde_json::Value::as_array)
        .ok_or("the request has no `words`")?;
    let words: Option<Vec<String>> =
        words.iter().map(|word| word.as_str().map(str::to_owned)).collect();
    words.ok_or("a word of the request is not a text")
}

#[cfg(test)]
mod tests {
    use super::may_call;

    #[test]
    fn only_root_and_the_servers_own_user_may_call() {
        assert!(may_call(0, 1000) && may_call(1000, 1000) && may_call(0, 0));
        assert!(!may_call(1001, 1000) && !may_call(1000, 0) && !may_call(65_534, 0));
    }
}
