//! One command over the control socket.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long a command may take unless `--no-timeout` is said; ejabberdctl's.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longest answer that is taken, in bytes.
const ANSWER_BYTES_MAX: u64 = 1 << 30;

/// What the server says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u8,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum CallError {
    /// Nobody listens.
    Down,
    /// The socket belongs to somebody else.
    Forbidden,
    /// The server took too long.
    Timeout,
    /// Anything else.
    Broken(String),
}

impl From<io::Error> for CallError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Self::Down,
            io::ErrorKind::PermissionDenied => Self::Forbidden,
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::Timeout,
            _ => Self::Broken(error.to_string()),
        }
    }
}

/// Sends the words of a command and waits for its answer.
pub(crate) fn call(socket: &Path, words: &[String], no_timeout: bool) -> Result<Answer, CallError> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_read_timeout((!no_timeout).then_some(PATIENCE))?;
    let request = serde_json::json!({ "words": words });
    // A server that refuses us may close before it has read everything; what it said is worth reading then too.
    let sent = stream
        .write_all(format!("{request}\n").as_bytes())
        .and_then(|()| stream.shutdown(Shutdown::Write));
    let mut answer = Vec::new();
    let read = stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer);
    if answer.is_empty() {
        sent?;
        read?;
        return Err(CallError::Broken(
            "the server closed the connection without an answer".to_owned(),
        ));
    }
    parse(&answer).ok_or_else(|| CallError::Broken("the server's answer was cut off".to_owned()))
}

fn parse(answer: &[u8]) -> Option<Answer> {
    let answer: serde_json::Value = serde_json::from_slice(answer).ok()?;
    let text = |name: &str| Some(answer.get(name)?.as_str()?.to_owned());
    let status = u8::try_from(answer.get("status")?.as_u64()?).ok()?;
    Some(Answer { status, stdout: text("stdout")?, stderr: text("stderr")? })
}
