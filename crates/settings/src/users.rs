//! Names of this machine's users and groups, from `/etc/passwd` and `/etc/group` (passwd(5), group(5)).
//!
//! Users of a directory service have no name here; whoever asks shows the number then.

use std::path::Path;

/// A longer file is read up to here.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// The name of a user.
pub fn user_name(uid: u32) -> Option<String> {
    find(Path::new("/etc/passwd"), |fields| (number(fields, 2)? == uid).then(|| fields[0].into()))
}

/// The name of a group.
pub fn group_name(gid: u32) -> Option<String> {
    find(Path::new("/etc/group"), |fields| (number(fields, 2)? == gid).then(|| fields[0].into()))
}

/// The number of a group.
pub fn group_id(name: &str) -> Option<u32> {
    find(Path::new("/etc/group"), |fields| number(fields, 2).filter(|_| fields[0] == name))
}

/// Whether a user belongs to a group, by its primary group `gid` or by the list of the group's members.
pub fn is_member(uid: u32, gid: u32, group: u32) -> bool {
    gid == group
        || user_name(uid).is_some_and(|name| {
            let among = |fields: &[&str]| {
                let members = fields.get(3).unwrap_or(&"").split(',');
                (number(fields, 2)? == group && members.into_iter().any(|one| one == name))
                    .then_some(())
            };
            find(Path::new("/etc/group"), among).is_some()
        })
}

fn number(fields: &[&str], at: usize) -> Option<u32> {
    fields.get(at)?.parse().ok()
}

fn find<T>(file: &Path, pick: impl Fn(&[&str]) -> Option<T>) -> Option<T> {
    use std::io::Read as _;
    let mut text = Vec::new();
    std::fs::File::open(file).ok()?.take(FILE_BYTES_MAX).read_to_end(&mut text).ok()?;
    let text = String::from_utf8_lossy(&text);
    text.lines().find_map(|line| pick(&line.split(':').collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_every_machine_has_are_found() {
        assert_eq!(user_name(0).as_deref(), Some("root"));
        assert_eq!(group_id(&group_name(0).unwrap()), Some(0));
        assert_eq!((user_name(4_000_000_000), group_id("no such group")), (None, None));
        assert!(is_member(12_345, 7, 7) && !is_member(4_000_000_000, 7, 0));
    }
}
