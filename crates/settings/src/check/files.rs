//! Files and directories that options name.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::address::is_url;
use super::{Checker, Failed};
use crate::catalogue::{FileUse, Type};
use crate::load::FileChecks;
use crate::node::Node;
use crate::value::Value;

/// Most bytes of a file looked at to find PEM data in it.
const PEM_BYTES_MAX: u64 = 1 << 20;

impl Checker<'_> {
    pub(super) fn file(&mut self, kind: &'static Type, node: &Node) -> Result<Value, Failed> {
        let text = self.text(kind, node)?;
        if text.is_empty() || text.contains('\0') {
            return self.unexpected(kind, node);
        }
        if matches!(kind, Type::UrlOrFile) && is_url(text, &["http", "https"]) {
            return Ok(Value::text(text));
        }
        let path = self.around.folder.join(text);
        let shown = path.display().to_string();
        if self.around.files == FileChecks::Disk
            && let Err(reason) = look_at(kind, &path)
        {
            let problem = node.problem(format!("{reason}: `{shown}`"));
            return self.fail(problem.help(
                "relative paths start at the spool directory; check the path and its permissions",
            ));
        }
        Ok(Value::text(shown))
    }
}

fn look_at(kind: &Type, path: &PathBuf) -> Result<(), String> {
    match kind {
        Type::File(FileUse::Read) | Type::UrlOrFile => match std::fs::File::open(path) {
            Err(error) => Err(format!("this file cannot be read ({error})")),
            Ok(_) if path.is_dir() => Err("this is a directory, not a file".to_owned()),
            Ok(_) => Ok(()),
        },
        Type::Pem => holds_pem(path),
        Type::Directory(FileUse::Read) => match std::fs::read_dir(path) {
            Err(error) => Err(format!("this directory cannot be read ({error})")),
            Ok(_) => Ok(()),
        },
        Type::Directory(FileUse::Write) if path.exists() && !path.is_dir() => {
            Err("this is a file, not a directory".to_owned())
        }
        Type::File(FileUse::Write) if path.is_dir() => {
            Err("this is a directory, not a file".to_owned())
        }
        Type::File(FileUse::Write) | Type::Directory(FileUse::Write) => has_a_directory_above(path),
        _ => Ok(()),
    }
}

/// Whether a path could be made: the nearest thing above it that exists is a directory.
fn has_a_directory_above(path: &Path) -> Result<(), String> {
    let nearest =
        path.ancestors().skip(1).find(|above| above.as_os_str().is_empty() || above.exists());
    match nearest {
        Some(above) if !above.as_os_str().is_empty() && !above.is_dir() => {
            Err(format!("`{}` is not a directory, so this cannot be made", above.display()))
        }
        _ => Ok(()),
    }
}

fn holds_pem(path: &Path) -> Result<(), String> {
    let cannot = |error: std::io::Error| format!("this file cannot be read ({error})");
    let file = std::fs::File::open(path).map_err(cannot)?;
    let mut bytes = Vec::new();
    file.take(PEM_BYTES_MAX).read_to_end(&mut bytes).map_err(cannot)?;
    let marker = b"-----BEGIN ";
    match bytes.windows(marker.len()).any(|window| window == marker) {
        true => Ok(()),
        false => Err("this file holds no PEM data".to_owned()),
    }
}
