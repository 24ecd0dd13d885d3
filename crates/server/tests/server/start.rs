//! The control tool starts the server, as scripts of ejabberd do.

use std::time::Duration;

use super::files::Site;

const CONFIG: &str = "hosts: [localhost]\nlisten: []\nmodules: {}\n";

/// Exit status, standard output, standard error.
fn ctl(site: &Site, words: &str) -> (i32, String, String) {
    let mut command = site.command("", &format!("ctl --config ejabberd.yml {words}"));
    let output = command.output().expect("the control tool can be run");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_server_is_started_once_and_runs_on_by_itself() {
    let site = Site::new(CONFIG);
    assert_eq!(ctl(&site, "start"), (0, String::new(), String::new()));
    let (code, out, _) = ctl(&site, "status");
    assert!(code == 0 && out.contains("is running"), "{out}");
    let (code, _, error) = ctl(&site, "start");
    assert!(code == 4 && error.contains("is already running"), "{code} {error}");
    assert_eq!(ctl(&site, "foreground").0, 4);
    assert!(site.path("rookery-data").read_dir().expect("the data folder is there").any(|one| {
        one.is_ok_and(|one| one.path().extension().is_some_and(|end| end == "log"))
    }));
    assert_eq!(ctl(&site, "stop").0, 0);
    assert_eq!(ctl(&site, "stopped").0, 0);
    assert_eq!(ctl(&site, "status").0, 3);
}

#[test]
fn what_keeps_a_server_from_starting_is_told() {
    let site = Site::new("hosts: [localhost]\nno_such_option: 1\n");
    let (code, out, error) = ctl(&site, "start");
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(error.contains("unknown option `no_such_option`"), "{error}");
    // The server would not read it, so what it says must not be lost without a word.
    let (code, _, error) = ctl(&site, "--ctl-config other.cfg start");
    assert!(code == 1 && error.contains("other.cfg; put it there"), "{error}");
}

/// Before anything of a server is there: the reason, the place and what to do.
#[test]
fn a_data_folder_that_cannot_be_used_is_told_with_a_way_out() {
    let site = Site::new(CONFIG);
    std::fs::write(site.path("file"), "").expect("a file can be written");
    let long = "x".repeat(110);
    for (folder, expected) in [
        ("file", ["not a directory", "--spool DIR"]),
        ("/proc/x", ["No such file", "--spool DIR"]),
        (long.as_str(), ["107 bytes", "--spool DIR"]),
    ] {
        let line = format!("-f ejabberd.yml -s {folder}");
        let output = site.start(&line);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(expected.iter().all(|part| said.contains(part)), "{folder}: {said}");
    }
    // Whoever looks into the log file finds it there, too.
    let line = format!("-f ejabberd.yml -s {long} -l logs");
    let output = site.start(&line);
    let log = std::fs::read_to_string(site.path("logs/ejabberd.log")).expect("there is a log");
    assert!(!output.status.success() && log.contains("cannot start"), "{log}");
}

#[test]
fn the_tool_becomes_the_server() {
    let site = Site::new(CONFIG);
    let mut command = site.command("", "ctl --config ejabberd.yml foreground-quiet");
    let mut child = command.spawn().expect("the control tool can be run");
    let up = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        ctl(&site, "status").0 == 0
    });
    let stopped = ctl(&site, "stop").0;
    let status = child.wait().expect("it is our child");
    assert!(up && stopped == 0 && status.success(), "{status}");
}
