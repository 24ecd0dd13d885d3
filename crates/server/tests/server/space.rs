//! A disk that is full: copies of the data fail as a whole, and the server goes on.

use std::process::Command;

use rustix::process::geteuid;

use crate::files::{Running, Site};

const LINE: &str = "-f ejabberd.yml -s data -l logs";

/// Only root can mount a small file system, and not everywhere; nobody but this server sees it.
#[test]
fn a_full_disk_leaves_no_half_copy_and_the_server_goes_on() {
    let site = Site::new("hosts: [localhost]\nlisten: []\nmodules: {}\n");
    std::fs::create_dir(site.path("full")).expect("the folder is ours");
    let small = |then: &str| {
        let script = format!("mount -t tmpfs -o size=64k none full && {then}");
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &script]).current_dir(site.path("")).env_clear();
        command.env("HOME", site.path("")).env("ROOKERY_METRICS", "off");
        command
    };
    let mounts = small("true").output().is_ok_and(|done| done.status.success());
    if !geteuid().is_root() || !mounts {
        return;
    }
    let program = env!("CARGO_BIN_EXE_rookery");
    let server = small(&format!("exec {program} serve {LINE}"));
    let server = Running::begin(server, &site.path("data/control.sock"));
    let inside = format!("/proc/{}/root{}", server.id(), site.path("full").display());
    let give = |words: &str| {
        let done = site.command("", &format!("ctl {LINE} {words}")).output();
        let done = done.expect("the tool can be started");
        (done.status.code(), String::from_utf8_lossy(&done.stdout).into_owned())
    };
    std::fs::write(format!("{inside}/kept"), "mine").expect("the file system is there");
    let full = site.path("full").display().to_string();
    for name in ["backup", "dump", "export_piefxis", "export2sql localhost"] {
        // As much as there is room for: this is cut off where the file system ends.
        std::fs::write(format!("{inside}/ballast"), vec![0; 1 << 20]).ok();
        let target = if name == "export_piefxis" { full.clone() } else { format!("{full}/copy") };
        let (status, said) = give(&format!("{name} {target}"));
        assert_eq!(status, Some(1), "{name}: {said}");
        assert!(said.to_lowercase().contains("no space left"), "{name}: {said}");
        let left = std::fs::read_dir(&inside).expect("the folder can be read");
        let mut left: Vec<_> = left.map(|entry| entry.expect("it is there").file_name()).collect();
        left.sort();
        assert_eq!(left, ["ballast", "kept"], "{name}");
    }
    assert_eq!(give("register alice localhost pw").0, Some(0));
    assert_eq!(give(&format!("backup {}", site.path("copy").display())).0, Some(0));
    server.stop();
}
