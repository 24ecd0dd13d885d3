//! The files of the database: private modes whatever the umask, no symbolic links, one server at a time.

use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::OpenError;

/// Files that SQLite keeps beside the database while it is open or after a crash.
pub(crate) const JOURNALS: [&str; 2] = ["-wal", "-journal"];
const BESIDE: [&str; 5] = ["-wal", "-shm", "-journal", "-lock", "-fallback"];

/// The lock that keeps a second server away. It is given back explicitly: a process that is just being
/// started holds a copy of every descriptor for a moment, and would hold the lock with it.
pub(crate) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // If this fails, closing the descriptor does the same.
        drop(self.0.unlock());
    }
}

/// The place of a database: a directory without links in its path, and a name in it.
pub(crate) struct Place {
    directory: PathBuf,
    file: PathBuf,
}

impl Place {
    /// Finds the real directory; creates it with mode 0700 if it is missing. Links on the way to the
    /// directory are the administrator's business; the file itself must not be one.
    pub(crate) fn resolve(path: &Path) -> Result<Self, OpenError> {
        let fail = |source| OpenError::Io { path: path.to_owned(), source };
        let name = path.file_name().ok_or_else(|| fail(io::ErrorKind::IsADirectory.into()))?;
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        if !parent.exists() {
            create_directory(parent)
                .map_err(|source| OpenError::Io { path: parent.to_owned(), source })?;
        }
        let directory = parent
            .canonicalize()
            .map_err(|source| OpenError::Io { path: parent.to_owned(), source })?;
        let file = directory.join(name);
        Ok(Self { directory, file })
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    pub(crate) fn beside(&self, suffix: &str) -> PathBuf {
        beside(&self.file, suffix)
    }

    /// Refuses what others may read or change. Looks only at metadata: opening the file here and
    /// closing it again would drop the locks of a connection in the same process.
    pub(crate) fn check(&self, refuse_exposed: bool) -> Result<(), OpenError> {
        let own = rustix::process::geteuid().as_raw();
        if let Some(found) = metadata(&self.directory)?
            && found.mode() & 0o022 != 0
            && refuse_exposed
        {
            return Err(refuse(
                &self.directory,
                "others may change files in this directory",
                "go-w",
            ));
        }
        for path in std::iter::once(self.file.clone())
            .chain(BESIDE.iter().map(|suffix| self.beside(suffix)))
        {
            let Some(found) = metadata(&path)? else {
                continue;
            };
            if found.file_type().is_symlink() {
                return Err(OpenError::Symlink { path });
            }
            if !found.is_file() {
                return Err(OpenError::Io {
                    path,
                    source: io::Error::other("this is not a regular file"),
                });
            }
            if !refuse_exposed {
                continue;
            }
            // Root too: what it writes beside the file, that user's own server could not open.
            if found.uid() != own {
                let mend = format!("chown {own} '{}'", path.display());
                let reason = format!("the file belongs to user {}", found.uid());
                return Err(OpenError::Permissions { path, reason, mend });
            }
            if found.mode() & 0o077 != 0 {
                return Err(refuse(&path, "others may read or change this file", "600"));
            }
        }
        Ok(())
    }

    /// The size of a file of the database; `None` if it is missing.
    pub(crate) fn size(&self, path: &Path) -> Result<Option<u64>, OpenError> {
        Ok(metadata(path)?.map(|found| found.len()))
    }

    /// Takes the lock if its file exists already: an inspection must not race a running server, and
    /// must not leave a new file beside a database that it refuses.
    pub(crate) fn lock_existing(&self) -> Result<Option<Lock>, OpenError> {
        let path = self.beside("-lock");
        match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => self.take(file, &path).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(OpenError::Io { path, source }),
        }
    }

    /// Creates the lock file and takes the lock.
    pub(crate) fn lock_new(&self) -> Result<Lock, OpenError> {
        let path = self.beside("-lock");
        if let Some(lock) = self.lock_existing()? {
            return Ok(lock);
        }
        let file =
            create_private(&path).map_err(|source| OpenError::Io { path: path.clone(), source })?;
        self.take(file, &path)
    }

    fn take(&self, file: File, path: &Path) -> Result<Lock, OpenError> {
        match file.try_lock() {
            Ok(()) => Ok(Lock(file)),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: self.file.clone() }),
            Err(TryLockError::Error(source)) => {
                Err(OpenError::Io { path: path.to_owned(), source })
            }
        }
    }

    /// Creates the file, empty, if it is missing. SQLite gives the files that it adds the same mode.
    pub(crate) fn create(&self) -> Result<(), OpenError> {
        let fail = |source| OpenError::Io { path: self.file.clone(), source };
        match create_private(&self.file) {
            Ok(_) => sync_directory(&self.file).map_err(fail),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(source) => Err(fail(source)),
        }
    }
}

/// `path` with `suffix` added to its last part.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Creates a file that must not exist yet, with mode 0600 whatever the umask.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}

/// Makes the names in the directory of `path` durable.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

fn create_directory(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent()
        && !parent.as_os_str().is_empty()
        && !parent.exists()
    {
        create_directory(parent)?;
    }
    DirBuilder::new().mode(0o700).create(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o700))
}

fn metadata(path: &Path) -> Result<Option<Metadata>, OpenError> {
    match path.symlink_metadata() {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(OpenError::Io { path: path.to_owned(), source }),
    }
}

fn refuse(path: &Path, reason: &str, mode: &str) -> OpenError {
    OpenError::Permissions {
        path: path.to_owned(),
        reason: reason.to_owned(),
        mend: format!("chmod {mode} '{}'", path.display()),
    }
}
