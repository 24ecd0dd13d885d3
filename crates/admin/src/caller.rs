//! Who gives a command, and what is written down of it.
//!
//! A command has one line in the audit file, written when it is done. As long as it runs it also has a place in a file
//! of the data folder, which a crash leaves behind: the next start tells from it what was cut off.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use kernel::Kernel;
use observe::AUDIT_TARGET;
use parking_lot::Mutex;
use serde_json::json;
use tokio::time::Instant;

/// Bytes of a place in the file of running commands.
const PLACE_BYTES: usize = 1024;
/// Places in it; a command that finds none runs without.
const PLACES_MAX: u64 = 256;
/// Characters of a command that are kept in its place; it gets fewer if they do not fit.
const COMMAND_CHARS_MAX: usize = 500;

/// Characters of a caller that are kept there: a node may call itself anything, and each may need six bytes.
const CALLER_CHARS_MAX: usize = 100;

/// Who gives a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A process of this machine, as the system vouches for it.
    Process(Process),
    /// A node of Erlang, by the name that it gave itself, and its address.
    Node {
        /// Its name.
        node: String,
        /// Its address.
        address: String,
    },
}

/// A process that gives commands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// Its user.
    pub uid: u32,
    /// Its number; 0 if the system does not tell it.
    pub pid: i32,
    /// The group that lets it in, if its user alone does not; see docs/files.md.
    pub group: Option<String>,
    /// `tag` of the HTTP listener that it came through.
    pub tag: Option<String>,
}

impl Caller {
    /// What `tag` in `api_permissions` may ask for: the group that lets somebody in, or the listener's tag.
    pub(crate) fn tag(&self) -> Option<String> {
        match self {
            Self::Process(Process { group: Some(group), .. }) => Some(format!("group:{group}")),
            Self::Process(process) => process.tag.clone(),
            Self::Node { .. } => None,
        }
    }

    /// Whether it has the rights of a console: all that `api_permissions` gives to `ejabberd_ctl`.
    pub(crate) fn is_console(&self) -> bool {
        !matches!(self, Self::Process(Process { group: Some(_), .. }))
    }

    fn shown(&self) -> String {
        match self {
            Self::Process(Process { uid, pid, .. }) => format!("process {pid} of user {uid}"),
            Self::Node { node, address } => format!("node {node} at {address}"),
        }
    }
}

/// A command that runs. It is written down when it is done, and also when it ends without a result.
pub(crate) struct Record<'a> {
    caller: &'a Caller,
    command: String,
    began: Instant,
    kernel: &'a Kernel,
    running: Arc<Running>,
    place: Option<u64>,
    status: Option<u8>,
}

impl<'a> Record<'a> {
    /// Begins; `command` is shown without its secrets.
    pub(crate) fn begin(kernel: &'a Kernel, caller: &'a Caller, command: String) -> Self {
        let running: Arc<Running> = kernel.shared();
        let place = running.enter(|| {
            let time = kernel.clock().wall().to_string();
            (time, caller.shown(), command.clone())
        });
        let began = kernel.clock().now();
        Self { caller, command, began, kernel, running, place, status: None }
    }

    /// Writes down how it ended.
    pub(crate) fn done(mut self, status: u8) {
        self.status = Some(status);
    }
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.running.leave(place);
        }
        let (uid, pid, group, tag, node, address) = match self.caller {
            Caller::Process(Process { uid, pid, group, tag }) => {
                (Some(*uid), Some(*pid), group.as_deref(), tag.as_deref(), None, None)
            }
            Caller::Node { node, address } => {
                (None, None, None, None, Some(node.as_str()), Some(address.as_str()))
            }
        };
        let milliseconds = u64::try_from((self.kernel.clock().now() - self.began).as_millis());
        let milliseconds = milliseconds.unwrap_or(u64::MAX);
        let command = self.command.as_str();
        match self.status {
            Some(status) => {
                tracing::info!(target: AUDIT_TARGET, uid, pid, group, tag, node, address, command, status, milliseconds, "command");
            }
            None => {
                tracing::error!(target: AUDIT_TARGET, uid, pid, group, tag, node, address, command, milliseconds, "a command ended without a result");
            }
        }
    }
}

/// The commands that run now; see [`tell_cut_off`].
#[derive(Default)]
pub(crate) struct Running(OnceLock<Places>);

struct Places {
    file: File,
    free: Mutex<BTreeSet<u64>>,
}

impl Running {
    fn enter(&self, told: impl FnOnce() -> (String, String, String)) -> Option<u64> {
        let places = self.0.get()?;
        let place = places.free.lock().pop_first()?;
        let (time, caller, command) = told();
        if let Err(error) = places.file.write_all_at(&mark(&time, &caller, &command), at(place)) {
            tracing::warn!(%error, "a crash during this command could not be told at the next start");
        }
        Some(place)
    }

    fn leave(&self, place: u64) {
        let Some(places) = self.0.get() else { return };
        // What was written was written over; if this cannot be, the next start tells of one command too many.
        drop(places.file.write_all_at(&[0], at(place)));
        places.free.lock().insert(place);
    }
}

fn at(place: u64) -> u64 {
    place * PLACE_BYTES as u64
}

fn mark(time: &str, caller: &str, command: &str) -> Vec<u8> {
    let mut chars = COMMAND_CHARS_MAX;
    let caller: String = caller.chars().take(CALLER_CHARS_MAX).collect();
    loop {
        let command: String = command.chars().take(chars).collect();
        let line = json!({"time": time, "caller": caller, "command": command});
        let bytes = format!("{line}\n").into_bytes();
        // What is behind the line end is left of longer ones and not read.
        if bytes.len() <= PLACE_BYTES || chars == 0 {
            return bytes;
        }
        chars /= 2;
    }
}

/// Tells in the audit file which commands the end of the last server cut off, and keeps the file for this one's.
///
/// # Errors
/// The system's; commands then run without being written down before they are done.
pub fn tell_cut_off(kernel: &Kernel, file: &Path) -> io::Result<()> {
    let opened = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
        .open(file)?;
    let mut place = [0; PLACE_BYTES];
    for number in 0..PLACES_MAX {
        let read = opened.read_at(&mut place, at(number))?;
        let left = place.get(..read).unwrap_or_default();
        if left.is_empty() {
            break;
        }
        let line = left.split(|byte| *byte == b'\n').next().unwrap_or_default();
        if line.first() == Some(&b'{') {
            let cut: serde_json::Value = serde_json::from_slice(line).unwrap_or_default();
            let text = |name: &str| cut.get(name).and_then(serde_json::Value::as_str).unwrap_or("");
            let (began, caller, command) = (text("time"), text("caller"), text("command"));
            tracing::warn!(target: AUDIT_TARGET, began, caller, command, "the end of the server cut this command off; look whether it was done");
        }
    }
    opened.set_len(0)?;
    let places = Places { file: opened, free: Mutex::new((0..PLACES_MAX).collect()) };
    // A second call would have nothing to tell.
    drop(kernel.shared::<Running>().0.set(places));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{Bench, audited, root};

    #[tokio::test]
    async fn what_a_crash_cut_off_is_told_at_the_next_start() {
        let bench = Bench::new().await;
        let (file, left) = (bench.folder().join("now"), bench.folder().join("left"));
        let tell = async |file: &Path, bench: &Bench| tell_cut_off(&bench.kernel, file).unwrap();
        assert_eq!(audited(tell(&file, &bench)).await.1, "");
        let caller = root();
        // Every character needs six bytes in the file, and not all of them fit.
        let command = format!("backup {}", "\u{1}".repeat(1000));
        let record = Record::begin(&bench.kernel, &caller, command);
        bench.says("registered_vhosts").await;
        std::fs::copy(&file, &left).unwrap();
        record.done(0);
        let next = Bench::new().await;
        let ((), audit) = audited(tell(&left, &next)).await;
        assert_eq!(audit.lines().count(), 1, "{audit}");
        assert!(audit.contains("backup") && audit.contains("cut this command off"), "{audit}");
        assert!(audit.contains("of user 0"), "{audit}");
        let another = Bench::new().await;
        for ended in [&left, &file] {
            assert_eq!(audited(tell(ended, &another)).await.1, "");
        }
    }

    #[test]
    fn a_place_holds_whatever_is_written_into_it() {
        let long = "\u{1}".repeat(5000);
        for (caller, command) in [(&*long, &*long), ("x", &long), (&long, "x"), ("x", "y")] {
            let bytes = mark("2026-11-23T00:31:52.659215858Z", caller, command);
            assert!(bytes.len() <= PLACE_BYTES && bytes.ends_with(b"\"}\n"), "{}", bytes.len());
        }
    }

    #[tokio::test]
    async fn a_command_that_never_ends_is_written_down_when_it_is_dropped() {
        let bench = Bench::new().await;
        let caller = root();
        let record = async { drop(Record::begin(&bench.kernel, &caller, "gc".to_owned())) };
        let ((), audit) = audited(record).await;
        assert!(audit.contains("without a result") && audit.contains("\"gc\""), "{audit}");
    }
}
