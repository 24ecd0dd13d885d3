//! The security audit as an administrator meets it: before the start, and of a running server.

use super::files::{Running, Site};

const OPEN: &str =
    "hosts: [localhost]\nlisten:\n  -\n    port: 0\n    module: ejabberd_c2s\nmodules: {}\n";

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_check_shows_what_is_exposed_and_fails_only_where_that_was_asked_for() {
    let site = Site::new(OPEN);
    for (arguments, status) in [("", 0), ("--audit", 2)] {
        let output = site.command("", &format!("check {arguments} ejabberd.yml")).output();
        let output = output.expect("the program can be started");
        let (told, shown) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(status), "{told}{shown}");
        assert!(told.contains("Security audit: 2 serious, 1 warning, 1 advice"), "{told}");
        for word in
            ["serious: clients connect here without encryption", "ejabberd.yml:4:5", "c2s-clear"]
        {
            assert!(shown.contains(word), "{word}: {shown}");
        }
    }
    let harmless = Site::new("hosts: [localhost]\nlisten: []\nmodules: {}\n");
    let output = harmless.command("", "check --audit ejabberd.yml").output();
    let output = output.expect("the program can be started");
    assert!(output.status.success());
    assert!(text(&output.stdout).contains("0 serious, 0 warning, 0 advice"));
}

#[test]
fn a_running_server_is_judged_by_what_is_in_force_now() {
    let site = Site::new(OPEN);
    let data = site.path("data");
    let command = site.command("", "--config ejabberd.yml --spool data");
    let running = Running::begin(command, &data.join("control.sock"));
    let give = |words: &str| {
        let output = site.command("", &format!("ctl --spool data {words}")).output();
        text(&output.expect("the program can be started").stdout)
    };
    let before = give("security_audit");
    assert!(before.contains("serious\tc2s-clear\t"), "{before}");
    assert!(before.contains("ejabberd.yml:4:5\tclients connect here"), "{before}");
    let closed = OPEN.replace("    module", "    starttls_required: true\n    module");
    std::fs::write(site.path("ejabberd.yml"), closed).expect("a file can be written");
    give("reload_config");
    let after = give("security_audit");
    assert!(!after.contains("serious"), "{after}");
    assert!(after.contains("advice\tc2s-no-shaper\t"), "{after}");
    drop(running);
}
