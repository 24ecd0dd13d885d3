//! `api_permissions` for callers of the control tool.

use std::sync::Arc;

use access::{Access, ApiDoor, ApiPermissions, Call, Subject};
use jid::{DomainPart, Jid};
use kernel::Kernel;
use stdx::Secret;

use super::Asked;
use crate::caller::Caller;
use crate::commands::{address, is_banned};

/// ejabberd's word for why a caller may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Denied(pub(super) &'static str);

/// Whether the caller, or the account of `--auth`, may run the command.
///
/// The password is always looked at: rights that everybody has are no reason to believe a name.
pub(super) async fn check(
    kernel: &Kernel,
    caller: &Caller,
    asked: &Asked<'_>,
) -> Result<(), Denied> {
    let jid = match asked.preamble.auth {
        Some(account) => Some(authenticate(kernel, account).await?),
        None => None,
    };
    let config = kernel.config();
    // The configuration is checked when it is read; what is wrong nevertheless allows nothing.
    let wrong = |_| Denied("api_permissions_are_wrong");
    let (global, _) = Access::from_config(&config, None).map_err(wrong)?;
    let (permissions, _) =
        ApiPermissions::from_node(config.global().node("api_permissions"), &global)
            .map_err(wrong)?;
    let hosts: Vec<&String> = asked
        .version
        .args
        .iter()
        .zip(asked.arguments)
        .filter(|(field, _)| field.name == "host")
        .map(|(_, word)| word)
        .collect();
    let host = match hosts.as_slice() {
        [one] => DomainPart::new(one).ok().map(|domain| domain.as_str().to_owned()),
        _ => None,
    };
    let subject = jid.as_ref().map(Subject::of_jid).unwrap_or_default();
    let door = if caller.is_console() { ApiDoor::Ctl } else { ApiDoor::CtlOfGroup };
    let tag = caller.tag();
    let caller = access::Caller { door, tag: tag.as_deref(), subject, token_scopes: None };
    let (command, tags) = (asked.command.name, asked.command.tags);
    let call = Call { command, tags, host: host.as_deref() };
    let of_host = |name: &str| -> Option<Arc<Access>> {
        Some(Arc::clone(kernel.host(name)?.generation().access()))
    };
    if permissions.allows(&caller, &call, &global, &of_host) {
        Ok(())
    } else {
        Err(Denied("access_rules_unauthorized"))
    }
}

async fn authenticate(kernel: &Kernel, [user, host, password]: [&str; 3]) -> Result<Jid, Denied> {
    let wrong = Denied("invalid_account_data");
    let account = format!("{user}@{host}");
    let wait = kernel.attempts().wait(&account, kernel.clock().now());
    if !wait.is_zero() {
        let seconds = wait.as_secs() + 1;
        tracing::warn!(target: observe::AUDIT_TARGET, account, seconds, "too many wrong passwords; one more was not looked at");
        return Err(Denied("too_many_wrong_passwords"));
    }
    match kernel.accounts().check_password(user, host, &Secret::new(password)).await {
        Ok(check) if check.is_right() => match is_banned(kernel, user, host).await {
            Ok(false) => address(user, host).map(Jid::from).ok_or(wrong),
            Ok(true) => Err(wrong),
            Err(_) => Err(Denied("temporary_failure")),
        },
        Ok(_) => {
            kernel.attempts().failed(&account, kernel.clock().now());
            tracing::warn!(target: observe::AUDIT_TARGET, account, "a wrong password of --auth");
            Err(wrong)
        }
        Err(error) => {
            tracing::debug!(%error, "the password of --auth was not checked");
            Err(if error.is_temporary() { Denied("temporary_failure") } else { wrong })
        }
    }
}
