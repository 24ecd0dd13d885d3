//! Requests over the control socket; `admin::control` has the other end and the table of requests.

use std::io::{self, BufRead, BufReader, Read, Take, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::options::Manner;

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
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// Nobody listens.
    #[error("no server is running")]
    Down,
    /// The socket belongs to somebody else.
    #[error("the control socket belongs to somebody else")]
    Forbidden,
    /// The server took too long.
    #[error("the server did not answer in a minute")]
    Timeout,
    /// Anything else.
    #[error("{0}")]
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

/// Takes what a long command tells before it ends.
pub(crate) type Told<'a> = Option<&'a mut dyn FnMut(&str)>;

/// Sends the words of a command and waits for its answer; the time limit begins anew with everything that is told.
pub(crate) fn call(
    socket: &Path,
    words: &[String],
    manner: &Manner,
    mut told: Told<'_>,
) -> Result<Answer, CallError> {
    let language = manner.language.as_deref();
    let request = json!({ "words": words, "progress": told.is_some(), "language": language });
    let stream = UnixStream::connect(socket)?;
    stream.set_read_timeout((!manner.no_timeout).then_some(PATIENCE))?;
    let sent = send(&stream, &request).and_then(|()| stream.shutdown(Shutdown::Write));
    let mut answers = BufReader::new(stream.take(ANSWER_BYTES_MAX));
    loop {
        let answer = match next(&mut answers) {
            Ok(Some(answer)) => answer,
            // A server that refuses us may close before it has read everything; what it said was worth reading first.
            Ok(None) => {
                sent?;
                return Err(CallError::Broken(
                    "the server closed the connection without an answer".to_owned(),
                ));
            }
            Err(error) => {
                sent?;
                return Err(error);
            }
        };
        match (answer.get("progress").and_then(Value::as_str), &mut told) {
            (Some(text), Some(told)) => told(text),
            (Some(_), None) => {}
            (None, _) => return parse(&answer).ok_or_else(nonsense),
        }
    }
}

/// The commands of the running server, as it lists them.
pub(crate) fn list(socket: &Path) -> Result<Vec<Value>, CallError> {
    let stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    send(&stream, &json!({ "list": "commands" }))?;
    let answer = next(&mut BufReader::new(stream.take(ANSWER_BYTES_MAX)))?;
    let commands = answer.as_ref().and_then(|answer| answer.get("commands")?.as_array());
    commands.cloned().ok_or_else(nonsense)
}

/// The log of the running server from now on; what is read after this are lines for [`next`].
///
/// An [`Answer`] says why there is none.
pub(crate) fn watch(
    socket: &Path,
) -> Result<Result<BufReader<Take<UnixStream>>, Answer>, CallError> {
    let stream = UnixStream::connect(socket)?;
    send(&stream, &json!({ "watch": "log" }))?;
    let mut lines = BufReader::new(stream.take(u64::MAX));
    let first = next(&mut lines)?.unwrap_or_default();
    if first.get("watching").is_some() {
        return Ok(Ok(lines));
    }
    parse(&first).map(Err).ok_or_else(nonsense)
}

fn send(mut stream: &UnixStream, request: &Value) -> io::Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{request}\n").as_bytes())
}

/// One line of an answer; `None` at the end.
pub(crate) fn next(lines: &mut impl BufRead) -> Result<Option<Value>, CallError> {
    let mut line = Vec::new();
    if lines.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    serde_json::from_slice(&line).map(Some).map_err(|_| nonsense())
}

fn nonsense() -> CallError {
    CallError::Broken("the server's answer was cut off".to_owned())
}

fn parse(answer: &Value) -> Option<Answer> {
    let text = |name: &str| Some(answer.get(name)?.as_str()?.to_owned());
    let status = u8::try_from(answer.get("status")?.as_u64()?).ok()?;
    Some(Answer { status, stdout: text("stdout")?, stderr: text("stderr")? })
}
