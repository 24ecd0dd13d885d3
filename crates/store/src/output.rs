//! Files that commands write: complete and on disk under their name, or not there at all.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::files;

/// What is read of an existing file to see whose it is.
const HEAD_BYTES: usize = 100;

/// A file under construction. It has mode 0600, carries `.part` behind its name until [`OutputFile::publish`], and
/// is removed if that never comes. What a crash leaves under the temporary name is replaced by the next attempt.
#[derive(Debug)]
pub struct OutputFile {
    part: PathBuf,
    target: PathBuf,
    /// Locked, so that two commands do not write the same file.
    file: File,
    published: bool,
}

impl OutputFile {
    /// Begins a file that will be called `target`. A file of that name is replaced only if it is empty or if `ours`
    /// knows its first bytes (at most 100): nothing else may be lost by a mistyped name.
    ///
    /// # Errors
    /// The system's, and those of a target that may not be replaced or is being written by another command.
    pub fn create(target: &Path, ours: impl FnOnce(&[u8]) -> bool) -> io::Result<Self> {
        let name = target.file_name().ok_or_else(|| refused("a file name is missing"))?;
        let folder = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let target = folder.canonicalize()?.join(name);
        check_replaced(&target, ours)?;
        let part = files::beside(&target, ".part");
        clear(&part)?;
        let file = files::create_private(&part)?;
        let created = Self { part, target, file, published: false };
        created.file.try_lock().map_err(|_| refused("another command writes this file"))?;
        Ok(created)
    }

    /// The name it will have, with the links of its folder resolved.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Where it is until then.
    pub(crate) fn part(&self) -> &Path {
        &self.part
    }

    /// Gives the file its name once everything is on disk.
    ///
    /// # Errors
    /// The system's; then nothing has changed under that name.
    pub fn publish(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        std::fs::rename(&self.part, &self.target)?;
        self.published = true;
        files::sync_directory(&self.target)
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if !self.published {
            // The next attempt removes what is left now.
            drop(std::fs::remove_file(&self.part));
        }
    }
}

fn refused(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::AlreadyExists, text)
}

fn check_replaced(target: &Path, ours: impl FnOnce(&[u8]) -> bool) -> io::Result<()> {
    let found = match target.symlink_metadata() {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !found.is_file() {
        return Err(refused("something that is not a regular file has this name"));
    }
    let mut head = Vec::new();
    File::open(target)?.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    if head.is_empty() || ours(&head) {
        return Ok(());
    }
    Err(refused(
        "another file has this name and is not replaced; move it away, or name another file",
    ))
}

/// Removes what an earlier attempt left, unless somebody is still at it.
fn clear(part: &Path) -> io::Result<()> {
    match part.symlink_metadata() {
        Ok(found) if found.is_file() => {}
        Ok(_) => {
            return Err(refused("something that is not a regular file has the temporary name"));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    let file = File::options().read(true).write(true).open(part)?;
    file.try_lock().map_err(|_| refused("another command writes this file"))?;
    std::fs::remove_file(part)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::testing::ScratchDirectory;

    fn write(target: &Path, text: &str) -> io::Result<()> {
        let mut file = OutputFile::create(target, |head| head.starts_with(b"ours"))?;
        file.write_all(text.as_bytes())?;
        file.publish()
    }

    #[test]
    fn only_a_complete_file_has_the_name_and_only_our_own_is_replaced() {
        let folder = ScratchDirectory::new();
        let target = folder.path().join("out");
        write(&target, "ours 1").unwrap();
        assert_eq!(target.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let unfinished = OutputFile::create(&target, |_| true).unwrap();
        let second = OutputFile::create(&target, |_| true);
        assert_eq!(second.unwrap_err().to_string(), "another command writes this file");
        drop(unfinished);
        assert_eq!(std::fs::read(&target).unwrap(), b"ours 1");
        std::fs::write(folder.path().join("out.part"), "left by a crash").unwrap();
        write(&target, "ours 2").unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"ours 2");
        std::fs::write(&target, "theirs").unwrap();
        write(&target, "ours 3").unwrap_err();
        assert_eq!(std::fs::read(&target).unwrap(), b"theirs");
        std::fs::write(&target, "").unwrap();
        write(&target, "ours 4").unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn links_and_folders_are_not_written_to() {
        let folder = ScratchDirectory::new();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("elsewhere", &link).unwrap();
        write(&link, "ours").unwrap_err();
        write(folder.path(), "ours").unwrap_err();
        write(&folder.path().join("no/such"), "ours").unwrap_err();
    }
}
