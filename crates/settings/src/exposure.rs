//! Which files other users of this machine could read or change: owners, modes, access lists, folders and links on the
//! way, other names of the same file.
//!
//! Nothing is changed and nothing is opened here; every finding comes with the command that mends it.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use crate::acl_entries::{AclEntries, Named};
use crate::users;

/// Links followed on the way to one file.
const LINKS_MAX: usize = 40;
/// How root starts a server as somebody else.
const AS_OWNER: &str = "runuser -u ";
/// Groups below belong to the distribution and have no people in them, unless root put them there.
const SYSTEM_GIDS: std::ops::Range<u32> = 0..1000;

/// Whom a file has to be kept from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Keep {
    /// Others may read it; only root and the server's user may change it.
    Unchanged,
    /// Its group may read it, which is how packages let the server read a file of root; nobody else may.
    Secret,
    /// Only the server's own user may read or change it, and it must belong to that user.
    Private,
    /// A folder of the server's own: its group may look into it, nobody else may.
    Folder,
}

/// A file or folder to look at; it need not exist.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Guarded {
    /// Where it is; a relative path is taken from the working directory.
    pub path: PathBuf,
    /// What it is, in words: `the database`.
    pub what: &'static str,
    /// Whom it has to be kept from.
    pub keep: Keep,
}

impl Guarded {
    /// Says what a path is and whom it has to be kept from.
    pub fn new(path: impl Into<PathBuf>, what: &'static str, keep: Keep) -> Self {
        Self { path: path.into(), what, keep }
    }
}

/// Something that others of this machine can do and should not be able to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The file or folder whose owner or mode is wrong.
    pub path: PathBuf,
    /// What is wrong, in words.
    pub reason: String,
    /// The shell command that mends it.
    pub mend: String,
}

/// Looks at files as the server's user `uid` would meet them; each wrong owner or mode is told once.
pub fn findings(guarded: &[Guarded], uid: u32) -> Vec<Finding> {
    let mut walk = Walk { uid, found: Vec::new() };
    for one in guarded {
        let path = std::path::absolute(&one.path).unwrap_or_else(|_| one.path.clone());
        walk.look(&path, one);
    }
    // The start is the last thing to do.
    walk.found.sort_by_key(|finding| finding.mend.starts_with(AS_OWNER));
    walk.found
}

/// All findings as one text, a paragraph each.
pub fn render(findings: &[Finding]) -> String {
    findings.iter().fold(String::new(), |mut text, finding| {
        // Writing to a string cannot fail.
        let path = finding.path.display().to_string();
        write!(text, "\n  {}: {}\n      {}", path.escape_debug(), finding.reason, finding.mend)
            .ok();
        text
    })
}

/// A path as one word of a shell, whatever is in it.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    if text.contains(|c: char| c.is_control()) {
        return format!("$'{}'", text.escape_default());
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

struct Walk {
    uid: u32,
    found: Vec<Finding>,
}

impl Walk {
    fn trusts(&self, uid: u32) -> bool {
        uid == 0 || uid == self.uid
    }

    fn report(&mut self, path: &Path, reason: String, mend: String) {
        if !self.found.iter().any(|known| known.path == path && known.mend == mend) {
            self.found.push(Finding { path: path.to_owned(), reason, mend });
        }
    }

    /// Goes from the root to the file, through links, and looks at everything on the way: whoever can change a folder
    /// can put something else in the place of what is in it.
    fn look(&mut self, path: &Path, guarded: &Guarded) {
        let mut rest: Vec<OsString> = words(path);
        let mut at = PathBuf::from("/");
        let mut links = 0;
        // Whether anybody at all can come this far.
        let mut open = true;
        loop {
            let Ok(data) = at.symlink_metadata() else { return };
            if !data.is_dir() {
                return;
            }
            if rest.is_empty() {
                return self.target(&at, &data, guarded, open);
            }
            self.folder_on_the_way(&at, &data, guarded);
            open &= data.mode() & 0o001 != 0;
            let Some(word) = rest.pop() else { return };
            if word == ".." {
                at.pop();
                continue;
            }
            let next = at.join(word);
            // What does not exist is made with the right mode, and what cannot be seen cannot be opened.
            let Ok(data) = next.symlink_metadata() else { return };
            if data.is_symlink() {
                links += 1;
                let Ok(to) = std::fs::read_link(&next) else { return };
                if links > LINKS_MAX {
                    return;
                }
                self.link(&next, &data, guarded);
                if to.is_absolute() {
                    at = PathBuf::from("/");
                }
                rest.extend(words(&to));
            } else if data.is_dir() {
                at = next;
            } else {
                return self.target(&next, &data, guarded, open);
            }
        }
    }

    fn link(&mut self, path: &Path, data: &Metadata, guarded: &Guarded) {
        if !self.trusts(data.uid()) {
            let owner = named(data.uid());
            let reason = format!(
                "this link on the way to {} belongs to {owner}, who can turn it elsewhere",
                guarded.what
            );
            self.report(path, reason, format!("chown -h {} {}", self.owner(), quoted(path)));
        }
    }

    fn folder_on_the_way(&mut self, path: &Path, data: &Metadata, guarded: &Guarded) {
        // Where root is to start the server as the owner, the owner stays.
        let stays = |known: &Finding| known.path == path && known.mend.starts_with(AS_OWNER);
        if !self.trusts(data.uid()) && !self.found.iter().any(stays) {
            let owner = named(data.uid());
            let reason =
                format!("this folder belongs to {owner}, who can replace {} in it", guarded.what);
            self.report(path, reason, format!("chown {} {}", self.owner(), quoted(path)));
        }
        // In a sticky folder nobody can take away what belongs to somebody else.
        if data.mode() & 0o1000 != 0 {
            return;
        }
        let mode = self.mode(path, data, 0o2, |who| {
            format!("{who} can replace {} in this folder", guarded.what)
        });
        let mut wrong = mode & 0o022;
        // Distributions open some of root's folders to a group of theirs: /var/log to syslog, /var/local to staff.
        if data.uid() == 0 && SYSTEM_GIDS.contains(&data.gid()) {
            wrong &= !0o020;
        }
        if wrong != 0 {
            let who = people(wrong, data.gid());
            let reason = format!("{who} can replace {} in this folder", guarded.what);
            self.report(path, reason, format!("chmod {} {}", without(wrong), quoted(path)));
        }
    }

    fn target(&mut self, path: &Path, data: &Metadata, guarded: &Guarded, open: bool) {
        let kind = data.file_type();
        // Devices and pipes that stand for a log are their owner's business.
        if !data.is_file() && !data.is_dir() && !std::os::unix::fs::FileTypeExt::is_socket(&kind) {
            return;
        }
        let own = matches!(guarded.keep, Keep::Private | Keep::Folder);
        if data.uid() != self.uid && (own || data.uid() != 0) {
            self.foreign(path, data, guarded);
        }
        if guarded.keep == Keep::Private && data.is_file() && data.nlink() > 1 {
            let reason = format!(
                "{} has {} more names, under which it stays when it is deleted",
                guarded.what,
                data.nlink() - 1
            );
            let name = quoted(path);
            let copy = quoted(&path.with_added_extension("alone"));
            self.report(path, reason, format!("cp -p {name} {copy} && mv {copy} {name}"));
        }
        let refused = match guarded.keep {
            Keep::Unchanged => 0o2,
            Keep::Secret => 0o6,
            Keep::Private | Keep::Folder => 0o7,
        };
        let mode = self.mode(path, data, refused, |who| {
            format!("an access list lets {who} at {}", guarded.what)
        });
        let wrong = mode
            & match guarded.keep {
                Keep::Unchanged => 0o022,
                // A file that others cannot come to may have any mode: ejabberd's own logs have, in their closed folder.
                Keep::Secret if open => 0o026,
                Keep::Secret => 0o022,
                Keep::Private => 0o077,
                Keep::Folder => 0o027,
            };
        if wrong == 0 {
            return;
        }
        let verb = match (wrong & 0o044 != 0, wrong & 0o022 != 0) {
            (true, true) => "read and change",
            (true, false) => "read",
            (false, true) => "change",
            (false, false) => "enter",
        };
        let reason = format!("{} may {verb} {}", people(wrong, data.gid()), guarded.what);
        let mode = match guarded.keep {
            Keep::Private => "600".to_owned(),
            Keep::Folder => "700".to_owned(),
            _ => without(wrong | if wrong & 0o004 == 0 { 0 } else { data.mode() & 0o007 }),
        };
        self.report(path, reason, format!("chmod {mode} {}", quoted(path)));
    }

    /// The mode as it counts. Whoever is named by an access list and gets any of the bits `refused` is told: an entry for
    /// one user or group is no owning group, which packages give a meaning.
    fn mode(
        &mut self,
        path: &Path,
        data: &Metadata,
        refused: u32,
        reason: impl Fn(&str) -> String,
    ) -> u32 {
        let Some(list) = AclEntries::of(path) else { return data.mode() };
        for (who, bits) in &list.named {
            let who = match who {
                _ if bits & refused == 0 => continue,
                Named::User(uid) if self.trusts(*uid) => continue,
                Named::User(uid) => named(*uid),
                Named::Group(gid) => people(0o070, *gid),
            };
            self.report(path, reason(&who), format!("setfacl --remove-all {}", quoted(path)));
        }
        data.mode() & !0o070 | list.group << 3
    }

    /// A file of somebody else. What belongs to another server is not taken away from it: root becomes that user.
    fn foreign(&mut self, path: &Path, data: &Metadata, guarded: &Guarded) {
        let owner = named(data.uid());
        let (me, what) = (named(self.uid), guarded.what);
        match users::user_name(data.uid()).filter(|_| self.uid == 0) {
            Some(user) => self.report(
                path,
                format!(
                    "{what} belongs to {owner}, and this is {me}: start the server as its owner"
                ),
                format!("{AS_OWNER}{user} -- rookery ..."),
            ),
            None => self.report(
                path,
                format!("{what} belongs to {owner}, and the server runs as {me}"),
                format!("chown {} {}", self.owner(), quoted(path)),
            ),
        }
    }

    fn owner(&self) -> String {
        users::user_name(self.uid).unwrap_or_else(|| self.uid.to_string())
    }
}

/// The words of a path in reverse order, ready to be taken from the end.
fn words(path: &Path) -> Vec<OsString> {
    let word = |part| match part {
        Component::Normal(word) => Some(word.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    };
    path.components().rev().filter_map(word).collect()
}

fn named(uid: u32) -> String {
    users::user_name(uid).map_or_else(|| format!("user {uid}"), |name| format!("user {name}"))
}

fn people(bits: u32, gid: u32) -> String {
    let group = || users::group_name(gid).unwrap_or_else(|| gid.to_string());
    match (bits & 0o070 != 0, bits & 0o007 != 0) {
        (true, true) => "everybody".to_owned(),
        (true, false) => format!("everybody in group {}", group()),
        (false, _) => "everybody".to_owned(),
    }
}

/// Permission bits as words for `chmod` that take them away: `g-w,o-rw`.
fn without(bits: u32) -> String {
    let letters = |bits: u32| -> String {
        [(4, 'r'), (2, 'w'), (1, 'x')]
            .iter()
            .filter(|(bit, _)| bits & bit != 0)
            .map(|(_, letter)| letter)
            .collect()
    };
    let (group, others) = (letters(bits >> 3 & 7), letters(bits & 7));
    match (group.is_empty(), others.is_empty()) {
        (false, false) if group == others => format!("go-{group}"),
        (false, false) => format!("g-{group},o-{others}"),
        (false, true) => format!("g-{group}"),
        _ => format!("o-{others}"),
    }
}
