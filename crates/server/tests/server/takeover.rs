//! The configurations that administrators have are taken as they are.

use std::os::unix::fs::MetadataExt;
use std::process::{Command, Output};

fn check(file: &str) -> Output {
    let spool = tempfile::tempdir().expect("a folder can be made");
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
