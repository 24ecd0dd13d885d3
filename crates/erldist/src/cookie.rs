//! The cookie: a secret text that both nodes must know, in a file that nobody else can read.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use stdx::Secret;

/// The longest cookie, in characters: it is an atom.
const COOKIE_CHARS_MAX: usize = 255;

/// Why there is no cookie.
#[derive(Debug, thiserror::Error)]
pub enum CookieError {
    /// Other users could read it.
    #[error("the Erlang cookie {} can be read by others (mode {mode:04o}): run `chmod 400 {}`, and change the cookie if others have used this machine", path.display(), path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It belongs to somebody else, who could change it.
    #[error("the Erlang cookie {} belongs to user {owner}, not to the one who runs the server: run `chown` on it, or set HOME to the right folder", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The owner's number.
        owner: u32,
    },
    /// What is in the file is no cookie.
    #[error("the Erlang cookie {} is not one line of 1 to 255 visible characters: correct it, or remove it and a new one is made", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("the Erlang cookie {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
}

/// Reads the cookie of a file, or makes one of `fresh` in a new file of mode 0400.
///
/// # Errors
/// With the command that mends it.
pub(crate) fn read_or_create(path: &Path, fresh: &Secret) -> Result<Secret, CookieError> {
    match OpenOptions::new().read(true).open(path) {
        Ok(file) => read(path, file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            match create(path, fresh) {
                // Somebody else made one meanwhile; theirs counts.
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(CookieError::Io { path: path.to_owned(), source }),
            }
            match OpenOptions::new().read(true).open(path) {
                Ok(file) => read(path, file),
                Err(source) => Err(CookieError::Io { path: path.to_owned(), source }),
            }
        }
        Err(source) => Err(CookieError::Io { path: path.to_owned(), source }),
    }
}

/// The cookie of a file, if there is one that could be used.
pub(crate) fn existing(path: &Path) -> Option<Secret> {
    read(path, fs::File::open(path).ok()?).ok()
}

fn read(path: &Path, mut file: fs::File) -> Result<Secret, CookieError> {
    let io = |source| CookieError::Io { path: path.to_owned(), source };
    let malformed = || CookieError::Malformed { path: path.to_owned() };
    let found = file.metadata().map_err(io)?;
    let mode = found.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(CookieError::Exposed { path: path.to_owned(), mode });
    }
    let (owner, own) = (found.uid(), rustix::process::geteuid().as_raw());
    if owner != own && own != 0 {
        return Err(CookieError::Foreign { path: path.to_owned(), owner });
    }
    if found.len() > 4096 {
        return Err(malformed());
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(|_| malformed())?;
    let cookie = Secret::new(text.trim_end_matches(['\n', '\r']));
    wipe(text);
    is_cookie(cookie.expose()).then_some(cookie).ok_or_else(malformed)
}

/// Overwrites the copy that reading made.
fn wipe(text: String) {
    drop(Secret::new(text));
}

/// Whether a text can be a cookie.
pub(crate) fn is_cookie(text: &str) -> bool {
    let visible = |c: char| !c.is_control() && !c.is_whitespace();
    !text.is_empty() && text.chars().count() <= COOKIE_CHARS_MAX && text.chars().all(visible)
}

/// The file gets its name only when it is complete, so nobody reads half a cookie.
fn create(path: &Path, fresh: &Secret) -> io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    let draft = PathBuf::from(draft);
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(&draft)?;
    let written = file
        .set_permissions(Permissions::from_mode(0o400))
        .and_then(|()| file.write_all(fresh.expose().as_bytes()))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft)?;
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_cookie_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".erlang.cookie");
        let made = read_or_create(&path, &Secret::new("first")).unwrap();
        assert_eq!((made.expose(), mode(&path)), ("first", 0o400));
        let again = read_or_create(&path, &Secret::new("second")).unwrap();
        assert_eq!(again.expose(), "first");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_cookie_that_others_can_read_is_refused_with_the_cure() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cookie");
        fs::write(&path, "secret\n").unwrap();
        for bad in [0o440, 0o404, 0o644, 0o420] {
            fs::set_permissions(&path, Permissions::from_mode(bad)).unwrap();
            let error = read_or_create(&path, &Secret::new("x")).unwrap_err().to_string();
            assert!(error.contains(&format!("chmod 400 {}", path.display())), "{error}");
            assert!(!error.contains("secret"));
        }
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read_or_create(&path, &Secret::new("x")).unwrap().expose(), "secret");
    }

    #[test]
    fn what_is_no_cookie_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cookie");
        for bad in ["", "\n", "two words", "a\nb", &"x".repeat(256)] {
            fs::write(&path, bad).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            let error = read_or_create(&path, &Secret::new("x")).unwrap_err();
            assert!(matches!(error, CookieError::Malformed { .. }), "{error}");
        }
    }
}
