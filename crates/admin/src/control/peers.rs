//! Which processes of this machine may give commands: those of root and of the server's user, and those of a group if
//! the administrator says so.

use std::sync::{Arc, OnceLock};

use kernel::Kernel;
use observe::AUDIT_TARGET;

use crate::caller::{Caller, Process};

/// The line for whoever may not.
pub(crate) const REFUSAL: &str =
    "ERROR: This command can only be run by root or the user who runs the server\n";
/// ejabberdctl's exit status for a user who may not call the server.
pub(crate) const STATUS_WRONG_USER: u8 = 7;

/// A group of this machine whose members may give commands, as far as `api_permissions` has entries for the tag
/// `group:NAME`; what it gives to `ejabberd_ctl` is not for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its number.
    pub gid: u32,
}

/// The group, if there is one.
#[derive(Default)]
pub(crate) struct ControlGroup(OnceLock<Group>);

/// Lets the members of a group in for as long as the server runs.
pub(crate) fn admit(kernel: &Kernel, group: Group) {
    // Only the start says it.
    drop(kernel.shared::<ControlGroup>().0.set(group));
}

/// The process as a caller, or nothing if it may give no commands; that is written down.
///
/// File modes keep the others out already, this keeps them out once more.
pub(crate) fn caller(
    kernel: &Kernel,
    (uid, gid, pid): (u32, u32, i32),
    tag: Option<String>,
) -> Option<Caller> {
    let group: Arc<ControlGroup> = kernel.shared();
    let own = rustix::process::geteuid().as_raw();
    match admitted(uid, own, group.0.get(), |group| settings::users::is_member(uid, gid, group)) {
        Some(group) => Some(Caller::Process(Process { uid, pid, group, tag })),
        None => {
            tracing::warn!(target: AUDIT_TARGET, uid, pid, tag, "a user who may not give commands was refused");
            None
        }
    }
}

/// Whether a user may give commands; the inner value is the group that it needs for that.
#[expect(clippy::option_option, reason = "nobody, somebody, and somebody because of a group")]
fn admitted(
    uid: u32,
    own: u32,
    group: Option<&Group>,
    is_member: impl FnOnce(u32) -> bool,
) -> Option<Option<String>> {
    if uid == own || uid == 0 {
        return Some(None);
    }
    group.filter(|group| is_member(group.gid)).map(|group| Some(group.name.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_root_the_servers_own_user_and_the_named_group_may_call() {
        let group = Group { name: "operators".to_owned(), gid: 7 };
        for (uid, own) in [(0, 1000), (1000, 1000), (0, 0)] {
            assert_eq!(admitted(uid, own, Some(&group), |_| true), Some(None));
        }
        for (uid, own) in [(1001, 1000), (1000, 0), (65_534, 0)] {
            assert_eq!(admitted(uid, own, None, |_| true), None);
            assert_eq!(admitted(uid, own, Some(&group), |_| false), None);
            let name = Some("operators".to_owned());
            assert_eq!(admitted(uid, own, Some(&group), |gid| gid == 7), Some(name));
        }
    }
}
