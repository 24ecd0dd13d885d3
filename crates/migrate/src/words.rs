//! What the forms share: opening files, telling progress, addresses, and times.

use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jid::{BareJid, DomainPart, NodePart};
use jiff::Timestamp;
use kernel::Clock;
use kernel::commands::Progress;
use rustix::fs::OFlags;
use xmlstream::{Element, Limits};
use xmpp_wire::ns;

use crate::report::MigrateError;

/// Between two lines of progress.
const TELL: Duration = Duration::from_secs(1);

/// Tells progress, a line a second at most.
pub(crate) struct Pace {
    progress: Progress,
    clock: Clock,
    told: Duration,
}

impl Pace {
    pub(crate) fn new(progress: Progress, clock: Clock) -> Self {
        Self { progress, told: clock.uptime(), clock }
    }

    pub(crate) fn tell(&mut self, line: impl FnOnce() -> String) {
        let now = self.clock.uptime();
        if now.saturating_sub(self.told) >= TELL {
            self.told = now;
            self.progress.tell(line());
        }
    }
}

/// The outcome of writing to a file, with the file's name.
pub(crate) fn through(path: &Path, written: io::Result<()>) -> Result<(), MigrateError> {
    written.map_err(MigrateError::io(path))
}

/// Opens a regular file for reading: a pipe or a device could keep the server waiting for ever.
pub(crate) fn open(path: &Path) -> Result<File, MigrateError> {
    let found = path.metadata().map_err(MigrateError::io(path))?;
    if !found.is_file() {
        return Err(MigrateError::format(path, "this is not a regular file"));
    }
    File::open(path).map_err(MigrateError::io(path))
}

/// Opens a regular file of a folder for reading, and no link that leads elsewhere.
pub(crate) fn open_within(path: &Path) -> Result<File, MigrateError> {
    let found = path.symlink_metadata().map_err(MigrateError::io(path))?;
    if !found.is_file() {
        return Err(MigrateError::format(path, "this is not a regular file"));
    }
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    opened.map_err(MigrateError::io(path))
}

/// The real path of a folder that only its owner writes to: in another one, files could be exchanged at any moment.
pub(crate) fn closed_folder(path: &Path) -> Result<PathBuf, MigrateError> {
    let real = path.canonicalize().map_err(MigrateError::io(path))?;
    let found = real.metadata().map_err(MigrateError::io(&real))?;
    if !found.is_dir() {
        return Err(MigrateError::format(path, "this is not a folder"));
    }
    if found.mode() & 0o022 != 0 {
        let mend = format!(
            "others may change files in this folder; mend it: chmod go-w {}",
            real.display()
        );
        return Err(MigrateError::format(path, mend));
    }
    Ok(real)
}

/// The prepared name of an account.
pub(crate) fn account(user: &str, host: &str) -> Option<BareJid> {
    let (node, domain) = (NodePart::new(user).ok()?, DomainPart::new(host).ok()?);
    Some(BareJid::from_parts(Some(&node), &domain))
}

/// The two parts of an account's name as the tables have them.
pub(crate) fn key(account: &BareJid) -> (&str, &str) {
    (account.node().map_or("", |node| node.as_str()), account.domain().as_str())
}

/// A time as columns of type timestamp have it.
pub(crate) fn column_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The time of such a column in microseconds since 1970.
pub(crate) fn column_micros(text: &str) -> Option<i64> {
    let time: jiff::civil::DateTime = text.parse().ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_microsecond())
}

/// Whether a name may stand in XML, with a prefix or without.
pub(crate) fn is_name(name: &str) -> bool {
    let mut parts = name.splitn(2, ':');
    parts.all(xmlstream::is_ncname)
}

/// What was written as XML, read again, so that nothing gets in that a client could not have sent.
pub(crate) fn element(xml: &[u8]) -> Option<Element> {
    let limits = Limits { stanza_bytes_max: 64 << 20, ..Limits::standard() };
    Element::parse_within(xml, ns::CLIENT, &limits).ok()
}
