//! Checks of who may administer: `api_permissions`, and the rule `configure`.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use access::{Access, ApiDoor, ApiPermissions, Call, Caller, RuleRef, Subject};
use jid::{BareJid, Jid};
use kernel::commands::{Command, Shape};
use settings::audit::{Check, Per, Severity, View};
use settings::{Config, Pos, Problem};

const SERVER: Check = Check { severity: Severity::Serious, ..Check::PLAIN };

/// An address for documentation (RFC 5737), which no rule names.
const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1));
/// A name that no rule names either; rules for everybody fit it.
const SOMEBODY: &str = "e3b0c442-98fc";

/// What is asked of the settings.
pub const CHECKS: &[Check] = &[
    Check {
        id: "commands-for-strangers",
        about: "`api_permissions` that let callers without a log-in change something, other than on the control socket",
        why: "whoever reaches that way in administers the server",
        judge: |view| commands(view, None),
        ..SERVER
    },
    Check {
        id: "commands-for-every-account",
        about: "`api_permissions` that let every account change something, other than on the control socket",
        why: "whoever has or makes an account administers the server",
        judge: |view| {
            let jid = somebody(view.config.first_host());
            jid.map(|jid| commands(view, Some(&jid))).unwrap_or_default()
        },
        ..SERVER
    },
    Check {
        id: "configure-for-every-account",
        about: "an access rule `configure` that allows every account",
        why: "that rule is what makes an administrator of a host",
        per: Per::Host,
        judge: |view| {
            let jid = view.host().and_then(somebody);
            let access = Access::from_config(view.config, view.host()).ok();
            let (Some(jid), Some((access, _))) = (jid, access) else { return Vec::new() };
            let subject = Subject::of_jid(&jid).with_ip(Some(STRANGER));
            view.when(
                access.allows(&RuleRef::named("configure"), &subject),
                "access_rules",
                "every account may administer the host",
                "let the rule `configure` allow an ACL that names the administrators",
            )
        },
        ..SERVER
    },
];

fn somebody(host: &str) -> Option<Jid> {
    Some(BareJid::new(&format!("{SOMEBODY}@{host}")).ok()?.into())
}

/// The entry of `api_permissions` that lets a caller do what changes something, once for each way in.
fn commands(view: &View<'_>, jid: Option<&Jid>) -> Vec<Problem> {
    let node = view.options().node("api_permissions");
    // What is wrong with the rules is an error, said elsewhere.
    let Ok((global, _)) = Access::from_config(view.config, None) else { return Vec::new() };
    let Ok((permissions, _)) = ApiPermissions::from_node(node, &global) else { return Vec::new() };
    let subject = Subject { jid, ip: Some(STRANGER), groups: None };
    let mut found = Vec::new();
    let ways = ApiDoor::ALL.iter().filter(|(_, door)| *door != ApiDoor::Ctl);
    for (way, door) in ways {
        let caller = Caller { door: *door, tag: None, subject, token_scopes: None };
        let mut let_in =
            crate::every_command().filter(|command| changes(command)).filter_map(|it| {
                let host = takes_host(it).then(|| view.config.first_host());
                let call = Call { command: it.name, tags: it.tags, host };
                let of_host = |host: &str| of_host(view.config, host);
                Some((it.name, permissions.entry_for(&caller, &call, &global, &of_host)?))
            });
        let Some((command, entry)) = let_in.next() else { continue };
        let who = if jid.is_some() { "every account" } else { "everybody" };
        let what = match let_in.count() {
            0 => format!("{who} may give `{command}` through {way}"),
            more => format!("{who} may give `{command}` and {more} other commands through {way}"),
        };
        let problem = Problem::new(entry_pos(view, entry), what).label(format!("entry `{entry}`"));
        found.push(problem.help("narrow `who` of this entry to an ACL of administrators, or `what` to what may be public"));
    }
    found
}

/// COMPAT: as ejabberd's pages have it, what answers with success or failure acts; the rest shows.
fn changes(command: &Command) -> bool {
    let newest = command.versions.last();
    newest.is_some_and(|it| matches!(it.result.shape, Shape::Rescode | Shape::Restuple))
}

fn takes_host(command: &Command) -> bool {
    let newest = command.versions.last();
    newest.is_some_and(|it| it.args.iter().filter(|field| field.name == "host").count() == 1)
}

fn of_host(config: &Config, host: &str) -> Option<Arc<Access>> {
    let access = config.is_host(host).then(|| Access::from_config(config, Some(host)).ok());
    access.flatten().map(|(access, _)| Arc::new(access))
}

fn entry_pos(view: &View<'_>, name: &str) -> Pos {
    let entries = view.options().node("api_permissions").and_then(|node| node.entries());
    let entry = entries.into_iter().flatten().find(|(key, _)| key.as_str() == Some(name));
    entry.map_or(Pos::BUILT_IN, |(key, _)| key.pos())
}

#[cfg(test)]
mod tests {
    use settings::audit::{Declared, Facts, judge};
    use settings::{Inputs, Source, load};

    use super::*;

    fn found(text: &str) -> (Vec<&'static str>, Vec<String>) {
        let source =
            Source::Text { name: "t".to_owned(), text: format!("hosts: [a.test]\n{text}\n") };
        let loaded = load(&source, &Inputs::default()).unwrap();
        let declared = [Declared { by: "commands", checks: CHECKS }];
        let findings = judge(&loaded.config, &Facts::default(), &declared);
        let place = |it: &settings::audit::Finding| loaded.sources.place(it.problem.pos());
        (findings.ids(), findings.list().iter().map(place).collect())
    }

    fn permissions(from: &str, who: &str, what: &str) -> String {
        format!("api_permissions:\n  \"x\":\n    from: [{from}]\n    who: {who}\n    what: {what}")
    }

    #[test]
    fn commands_are_not_for_everybody() {
        let all = "[{acl: all}]";
        let strangers = &["commands-for-every-account", "commands-for-strangers"][..];
        for (from, who, what, expected) in [
            ("mod_http_api", all, "\"*\"", strangers),
            (
                "mod_http_api",
                all,
                "[kick_session, status]",
                &["commands-for-every-account", "commands-for-strangers"],
            ),
            (
                "mod_http_api",
                "[{user_regexp: \"\"}]",
                "[reload_config]",
                &["commands-for-every-account"],
            ),
            // With a host in its arguments the rule `configure` decides as well.
            ("mod_http_api", "[{user_regexp: \"\"}]", "[register]", &[]),
            ("mod_http_api", all, "[connected_users_number]", &[]),
            ("mod_http_api", "[{ip: 127.0.0.0/8}]", "\"*\"", &[]),
            ("mod_http_api", "[{user: admin@a.test}]", "\"*\"", &[]),
            ("ejabberd_ctl", all, "\"*\"", &[]),
        ] {
            let text = permissions(from, who, what);
            let (ids, places) = found(&text);
            assert_eq!(ids, expected, "{text}");
            assert!(places.iter().all(|place| place == "t:3:3"), "{places:?}");
        }
        assert_eq!(found("").0, [""; 0]);
        assert_eq!(found("acl: {admin: {user_regexp: \"\"}}").0, ["commands-for-every-account"]);
    }

    #[test]
    fn administrators_of_a_host_are_named() {
        let rule = |who| {
            format!(
                "acl: {{admin: {{user: x@a.test}}, local: {{user_regexp: \"\"}}}}\naccess_rules: {{configure: {{allow: {who}}}}}"
            )
        };
        assert_eq!(found(&rule("admin")).0, [""; 0]);
        for who in ["local", "all"] {
            assert_eq!(found(&rule(who)).0, ["configure-for-every-account"]);
        }
    }
}
