//! The configurations that administrators have are taken as they are.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Output};

fn check(file: &str) -> Output {
    let spool = tempfile::tempdir().expect("a folder can be made");
    let private = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(spool.path(), private).expect("it is ours");
    // Root checks on behalf of the server's user, who owns the data.
    if rustix::process::geteuid().is_root() {
        let owner = std::fs::metadata(file).expect("the configuration is there").uid();
        std::os::unix::fs::chown(spool.path(), Some(owner), None).expect("root may give away");
    }
    Command::new(env!("CARGO_BIN_EXE_rookery"))
        .args(["check", file, "--spool"])
        .arg(spool.path())
        .output()
        .expect("the server can be started")
}

/// Debian's file names the empty user as administrator, TLS files that may not be there, and many modules.
#[test]
fn debians_configuration_is_accepted_unchanged() {
    let file = "/etc/ejabberd/ejabberd.yml";
    assert!(
        std::path::Path::new(file).exists(),
        "run `cargo xtask needs`, which installs ejabberd"
    );
    let output = check(file);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("`mod_muc` is known and not yet in force"), "{said}");
}

#[test]
fn a_mistake_is_shown_with_its_place_and_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ejabberd.yml");
    std::fs::write(&file, "hosts: [localhost]\nmodules:\n  mod_rooster: {}\n").unwrap();
    let output = check(file.to_str().unwrap());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains(":3:3") && said.contains("mod_roster"), "{said}");
}

#[test]
fn api_permissions_are_looked_into() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let file = folder.path().join("ejabberd.yml");
    let check_entry = |entry: &str| {
        let text = format!(
            "hosts: [localhost]\nacl:\n  admins:\n    user: bob\napi_permissions:\n  mine:\n    {entry}\n"
        );
        std::fs::write(&file, text).unwrap();
        let output = check(file.to_str().unwrap());
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for (entry, code, expected) in [
        ("what: [registred_users]", 0, [":7:12", "did you mean `registered_users`?"]),
        ("what: [\"!kick-user\"]", 0, [":7:12", "did you mean `kick_user`?"]),
        ("what: \"[tag:account]\"", 0, [":7:11", "did you mean `accounts`?"]),
        ("what: [kick user]", 1, [":7:12", "is no command name"]),
        ("from: [ejabberd_ctrl]", 1, [":7:12", "ejabberd_ctl"]),
        ("who: [adminz]", 0, [":7:11", "did you mean `admins`?"]),
        ("whom: all", 1, [":7:5", "who"]),
        ("who: {oauth: {acl: admins}}", 1, [":7:11", "`scope`"]),
    ] {
        let (found, said) = check_entry(entry);
        assert_eq!(found, Some(code), "{entry}: {said}");
        assert!(expected.iter().all(|part| said.contains(part)), "{entry}: {said}");
    }
    for entry in [
        "what: [kick_user, \"!stop\", \"[tag:accounts]\", \"*\"]",
        "who: all",
        "from: mod_http_api",
        "what: [oauth_issue_token]",
    ] {
        let (found, said) = check_entry(entry);
        assert!(found == Some(0) && !said.contains(":7:"), "{entry}: {said}");
    }
}

/// A rule that is not there denies everybody, and a shaper rule that is not there limits nothing: nobody means that.
#[test]
fn rules_that_options_name_are_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let file = folder.path().join("ejabberd.yml");
    let check_options = |listener: &str, roster: &str| {
        let text = format!(
            "hosts: [a.test, b.test]\naccess_rules: {{c2s: {{allow: all}}}}\nshaper: {{fast: 1000}}\n\
             shaper_rules: {{c2s_shaper: fast}}\nhost_config: {{b.test: {{access_rules: {{only_b: {{allow: all}}}}}}}}\n\
             modules: {{mod_roster: {{{roster}}}}}\nlisten:\n  - port: 5222\n    module: ejabberd_c2s\n    {listener}\n"
        );
        std::fs::write(&file, text).unwrap();
        let output = check(file.to_str().unwrap());
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for (listener, roster, code, expected) in [
        ("access: c2z", "", 0, [":10:13", "`c2z` is not defined", "did you mean `c2s`?"]),
        ("shaper: fast", "", 0, [":10:13", "shaper rule `fast` is not defined", "limits nothing"]),
        ("access: [alow: all]", "", 1, [":10:14", "found `alow`", "did you mean `allow`?"]),
        ("tls: false", "access: lokal", 0, [":6:32", "`lokal` is not defined", "denies everybody"]),
        (
            "tls: false",
            "access: only_b",
            0,
            [":6:32", "`only_b` is not defined", "denies everybody"],
        ),
        (
            "tls: false",
            "access: c2s",
            0,
            [":6:32", "`c2s` is not", "b.test has `access_rules` of its own"],
        ),
    ] {
        let (found, said) = check_options(listener, roster);
        assert_eq!(found, Some(code), "{listener} {roster}: {said}");
        assert!(expected.iter().all(|part| said.contains(part)), "{listener} {roster}: {said}");
    }
    for (listener, roster) in [
        ("access: only_b", "access: {deny: {user: bob}}"),
        ("shaper: none", "access: all"),
        ("shaper: c2s_shaper", "access: none"),
        ("access: {allow: {user: bob}}", "access: {allow: all}"),
    ] {
        let (found, said) = check_options(listener, roster);
        assert!(found == Some(0) && !said.contains("not defined"), "{listener} {roster}: {said}");
    }
}
