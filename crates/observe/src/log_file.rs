//! The log file: private, rotated by size, reopened on demand.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Why a log file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the log file {path}: {source}: let the server's user write there, or log to the terminal", path = path.display())]
pub struct LogFileError {
    path: PathBuf,
    source: io::Error,
}

/// `log_rotate_size` and `log_rotate_count`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rotation {
    /// Bytes after which a new file is begun; `None` never does.
    pub(crate) size: Option<u64>,
    /// Old files kept: `NAME.0` is the newest.
    pub(crate) count: u32,
}

pub(crate) struct LogFile {
    path: PathBuf,
    file: File,
    length: u64,
    rotation: Rotation,
}

/// Opens for appending with mode 0600 whatever the umask; makes the folder 0700 when it is missing.
fn open(path: &Path) -> io::Result<(File, u64)> {
    if let Some(folder) =
        path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists())
    {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    }
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    let data = file.metadata()?;
    // Devices and pipes keep their mode; a file of an earlier, more generous program does not.
    if data.is_file() && data.permissions().mode() & 0o777 != 0o600 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok((file, data.len()))
}

impl LogFile {
    pub(crate) fn open(path: &Path, rotation: Rotation) -> Result<Self, LogFileError> {
        let (file, length) =
            open(path).map_err(|source| LogFileError { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), file, length, rotation })
    }

    pub(crate) fn set_rotation(&mut self, rotation: Rotation) {
        self.rotation = rotation;
    }

    /// Opens the file by its name again, after somebody else has moved it away.
    pub(crate) fn reopen(&mut self) -> io::Result<()> {
        (self.file, self.length) = open(&self.path)?;
        Ok(())
    }

    /// Moves the file to `NAME.0`, that to `NAME.1` and so on, and begins a new one.
    pub(crate) fn rotate(&mut self) -> io::Result<()> {
        let numbered = |number: u32| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        let missing_is_fine = |result: io::Result<()>| match result {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        match self.rotation.count.checked_sub(1) {
            // COMPAT: with a count of 0 nothing old is kept.
            None => missing_is_fine(fs::remove_file(&self.path))?,
            Some(last) => {
                for number in (0..last).rev() {
                    missing_is_fine(fs::rename(numbered(number), numbered(number + 1)))?;
                }
                missing_is_fine(fs::rename(&self.path, numbered(0)))?;
            }
        }
        self.reopen()
    }

    /// Appends whole lines, rotating before when they would exceed the size.
    pub(crate) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let added = lines.len() as u64;
        if self.length > 0 && self.rotation.size.is_some_and(|size| self.length + added > size) {
            // A file that cannot be moved is still better than no log.
            if self.rotate().is_err() {
                self.reopen()?;
            }
        }
        self.file.write_all(lines)?;
        self.length += added;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn files_are_private_and_rotate_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/deep/rookery.log");
        let mut log = LogFile::open(&path, Rotation { size: Some(10), count: 2 }).unwrap();
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        for line in ["1234567\n", "2234567\n", "3234567\n", "4234567\n"] {
            log.append(line.as_bytes()).unwrap();
        }
        let read = |name: &str| fs::read_to_string(path.with_file_name(name)).ok();
        assert_eq!(read("rookery.log").unwrap(), "4234567\n");
        assert_eq!(read("rookery.log.0").unwrap(), "3234567\n");
        assert_eq!(read("rookery.log.1").unwrap(), "2234567\n");
        assert_eq!(read("rookery.log.2"), None);
        assert_eq!(mode(&path.with_file_name("rookery.log.0")), 0o600);
    }

    #[test]
    fn a_count_of_zero_keeps_nothing_and_no_size_never_rotates() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut log = LogFile::open(&path, Rotation { size: Some(4), count: 0 }).unwrap();
        log.append(b"abc\n").unwrap();
        log.append(b"def\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "def\n");
        log.set_rotation(Rotation { size: None, count: 0 });
        log.append(b"ghi\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "def\nghi\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn reopening_follows_the_name_and_narrows_the_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, "old\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let mut log = LogFile::open(&path, Rotation { size: None, count: 1 }).unwrap();
        assert_eq!(mode(&path), 0o600);
        fs::rename(&path, folder.path().join("moved")).unwrap();
        log.append(b"1\n").unwrap();
        log.reopen().unwrap();
        log.append(b"2\n").unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("moved")).unwrap(), "old\n1\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "2\n");
    }
}
