//! POSIX access lists of files (acl(5)): whom they let in besides owner, group and others.

use std::path::Path;

/// Bytes of a list: no attribute of a file can be longer (`XATTR_SIZE_MAX` of Linux).
const LIST_BYTES_MAX: usize = 64 << 10;

const USER: u16 = 0x02;
const GROUP_OWNER: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;

/// Somebody whom a list names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Named {
    User(u32),
    Group(u32),
}

/// A list that says more than a mode can.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct AclEntries {
    /// Whoever is named, with the permission bits that count.
    pub(crate) named: Vec<(Named, u32)>,
    /// The bits of the owning group: where there is a list, the mode shows the mask in their place.
    pub(crate) group: u32,
}

impl AclEntries {
    /// The list of a file that is no link; `None` if it has only a mode, and where the file system has no lists.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let mut bytes = vec![0; LIST_BYTES_MAX];
        let read = rustix::fs::lgetxattr(path, "system.posix_acl_access", &mut bytes[..]).ok()?;
        Self::read(bytes.get(..read)?)
    }

    /// Version 2 of the form in which Linux keeps lists: a number of four bytes, then tag, bits and id of each entry.
    fn read(bytes: &[u8]) -> Option<Self> {
        let (version, entries) = bytes.split_first_chunk()?;
        if u32::from_le_bytes(*version) != 2 {
            return None;
        }
        let (mut mask, mut found) = (0o7, Self::default());
        for entry in entries.chunks_exact(8) {
            let [tag_0, tag_1, bits_0, bits_1, id @ ..] = entry.first_chunk::<8>()?;
            let bits = u32::from(u16::from_le_bytes([*bits_0, *bits_1])) & 0o7;
            let id = u32::from_le_bytes(*id);
            match u16::from_le_bytes([*tag_0, *tag_1]) {
                USER => found.named.push((Named::User(id), bits)),
                GROUP => found.named.push((Named::Group(id), bits)),
                GROUP_OWNER => found.group = bits,
                MASK => mask = bits,
                _ => {}
            }
        }
        found.named.iter_mut().for_each(|(_, bits)| *bits &= mask);
        found.group &= mask;
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[(u16, u16, u32)]) -> Vec<u8> {
        let mut bytes = 2_u32.to_le_bytes().to_vec();
        for (tag, bits, id) in entries {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(bits.to_le_bytes());
            bytes.extend(id.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn the_mask_limits_whoever_is_named() {
        let none = u32::MAX;
        let bytes = list(&[
            (0x01, 6, none),
            (0x02, 7, 1001),
            (0x04, 6, none),
            (0x08, 1, 50),
            (0x10, 4, none),
            (0x20, 0, none),
        ]);
        let named = vec![(Named::User(1001), 4), (Named::Group(50), 0)];
        assert_eq!(AclEntries::read(&bytes), Some(AclEntries { named, group: 4 }));
        for wrong in [&bytes[..3], &[], &[1, 0, 0, 0]] {
            assert_eq!(AclEntries::read(wrong), None);
        }
    }
}
