//! Who may read and change the server's files: what it makes, what it refuses, and what it says then.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process};

const NOBODY: u32 = 65_534;
const CONFIG: &str = "hosts: [localhost]\nlisten: []\nmodules: {}\n";

/// A folder with a configuration, closed to others.
pub(super) struct Site(tempfile::TempDir);

impl Site {
    pub(super) fn new(config: &str) -> Self {
        let site = Self(tempfile::tempdir().expect("a folder can be made"));
        std::fs::write(site.path("ejabberd.yml"), config).expect("a file can be written");
        site.set("ejabberd.yml", 0o600);
        site.set("", 0o700);
        site
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn set(&self, name: &str, mode: u32) {
        let changed = std::fs::set_permissions(self.path(name), Permissions::from_mode(mode));
        changed.expect("the owner may change modes");
    }

    /// The server's command line behind a line of the shell.
    pub(super) fn command(&self, before: &str, arguments: &str) -> Command {
        let mut command = Command::new("sh");
        let program = env!("CARGO_BIN_EXE_rookery");
        command
            .args(["-c", &format!("{before} exec {program} {arguments}")])
            .current_dir(self.0.path())
            .env_clear()
            .env("HOME", self.0.path())
            .env("ROOKERY_METRICS", "off")
            .stdin(Stdio::null());
        command
    }

    /// A start that is expected to be refused; one that is not is ended, and fails by its exit status.
    pub(super) fn start(&self, arguments: &str) -> Output {
        let timeout = format!("timeout 10 {} ", env!("CARGO_BIN_EXE_rookery"));
        let mut command = self.command(&format!("exec {timeout} {arguments} #"), "");
        command.output().expect("the server can be started")
    }
}

/// A server that runs until it is dropped.
pub(super) struct Running(Child);

impl Running {
    pub(super) fn begin(mut command: Command, socket: &Path) -> Self {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut running = Self(child.expect("the server can be started"));
        let deadline = Instant::now() + Duration::from_secs(20);
        while !socket.exists() {
            let ended = running.0.try_wait().expect("it is our child");
            assert!(ended.is_none() && Instant::now() < deadline, "the server runs: {ended:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
        running
    }

    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(super) fn stop(mut self) {
        let pid = Pid::from_child(&self.0);
        kill_process(pid, Signal::TERM).expect("it runs");
        assert!(self.0.wait().expect("it is our child").success());
    }
}

impl Drop for Running {
    /// Also when the test has failed; one that has ended is not hurt.
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Every file below a folder, with its permission bits.
fn modes(folder: &Path, found: &mut Vec<(String, u32)>) {
    for entry in folder.read_dir().expect("it is a folder") {
        let entry = entry.expect("the folder can be read");
        let data = entry.metadata().expect("the file is there");
        found.push((entry.path().display().to_string(), data.mode() & 0o7777));
        if data.is_dir() {
            modes(&entry.path(), found);
        }
    }
}

#[test]
fn what_the_server_makes_is_private_whatever_the_umask() {
    for umask in ["000", "077"] {
        let site = Site::new(CONFIG);
        let line = "serve -f ejabberd.yml -s data/deep -l logs";
        let mut command = site.command(&format!("umask {umask};"), line);
        command.env("EJABBERD_PID_PATH", site.path("data/deep/pid"));
        let running = Running::begin(command, &site.path("data/deep/control.sock"));
        let ctl = format!(
            "ctl -f {} -s {}",
            site.path("ejabberd.yml").display(),
            site.path("data/deep").display()
        );
        let asked = site.command("", &format!("{ctl} status")).output().expect("it can be called");
        assert!(asked.status.success(), "{asked:?}");
        let mut found = Vec::new();
        modes(site.0.path(), &mut found);
        for (path, mode) in &found {
            let data = Path::new(path).symlink_metadata().expect("it is there");
            let expected = if path.ends_with("/pid") {
                0o644
            } else if data.is_dir() {
                0o700
            } else {
                0o600
            };
            assert_eq!(*mode, expected, "umask {umask}: {path} {mode:o}");
        }
        let has = |end: &str| found.iter().any(|(path, _)| path.ends_with(end));
        for end in
            ["rookery.sqlite", "-wal", "-lock", "control.sock", "ejabberd.log", "audit.log", "/pid"]
        {
            assert!(has(end), "{end} is missing in {found:?}");
        }
        running.stop();
        assert!(!site.path("data/deep/pid").exists());
    }
}

/// A change of a site that worked before, and what the refusal has to say.
type Case = (&'static str, fn(&Site), &'static str, &'static str);

const CASES: &[Case] = &[
    (
        "a configuration everybody may change",
        |site| site.set("ejabberd.yml", 0o666),
        "change the configuration",
        "chmod go-w ",
    ),
    (
        "a configuration its group may change",
        |site| site.set("ejabberd.yml", 0o660),
        "change the configuration",
        "chmod g-w ",
    ),
    (
        "a password everybody may read",
        |site| {
            site.set("", 0o755);
            let text = format!("{CONFIG}sql_password: secret\n");
            std::fs::write(site.path("ejabberd.yml"), text).expect("it can be written");
            site.set("ejabberd.yml", 0o644);
        },
        "holds a password or key",
        "chmod o-r ",
    ),
    (
        "a password in an included file",
        |site| {
            site.set("", 0o755);
            let text = format!("{CONFIG}include_config_file: more.yml\n");
            std::fs::write(site.path("ejabberd.yml"), text).expect("it can be written");
            std::fs::write(site.path("more.yml"), "sql_password: secret\n")
                .expect("it can be written");
            site.set("more.yml", 0o604);
        },
        "more.yml",
        "chmod o-r ",
    ),
    (
        "a data folder everybody may look into",
        |site| site.set("data", 0o755),
        "the data folder",
        "chmod 700 ",
    ),
    (
        "a database the group may read",
        |site| site.set("data/rookery.sqlite", 0o640),
        "the database",
        "chmod 600 ",
    ),
    (
        "a lock everybody may write",
        |site| site.set("data/rookery.sqlite-lock", 0o606),
        "the database",
        "chmod 600 ",
    ),
    (
        "a cookie others may read",
        |site| {
            std::fs::write(site.path(".erlang.cookie"), "COOKIE").expect("it can be written");
            site.set(".erlang.cookie", 0o440);
        },
        "the Erlang cookie",
        "chmod 600 ",
    ),
    (
        "a log everybody may read",
        |site| {
            site.set("", 0o755);
            site.set("logs", 0o755);
            std::fs::write(site.path("logs/ejabberd.log.0"), "").expect("it can be written");
            site.set("logs/ejabberd.log.0", 0o644);
        },
        "the log",
        "chmod o-r ",
    ),
    (
        "a folder above everybody may change",
        |site| site.set("", 0o703),
        "everybody can replace",
        "chmod o-w ",
    ),
    (
        "a database with another name",
        |site| {
            let (file, other) = (site.path("data/rookery.sqlite"), site.path("other"));
            std::fs::hard_link(file, other).expect("the owner may link");
        },
        "the database has 1 more names",
        "cp -p ",
    ),
    (
        "ejabberdctl.cfg everybody may change",
        |site| {
            std::fs::write(site.path("ejabberdctl.cfg"), "").expect("it can be written");
            site.set("ejabberdctl.cfg", 0o602);
        },
        "ejabberdctl.cfg",
        "chmod o-w ",
    ),
];

#[test]
fn exposed_files_are_refused_with_the_command_that_mends_them() {
    let line = "serve -f ejabberd.yml -s data -l logs";
    for (name, expose, reason, mend) in CASES {
        let site = Site::new(CONFIG);
        Running::begin(site.command("", line), &site.path("data/control.sock")).stop();
        expose(&site);
        let refused = site.start(line);
        let text = said(&refused);
        assert_eq!(refused.status.code(), Some(1), "{name}: {text}");
        assert!(text.contains(reason) && text.contains(mend), "{name}: {text}");
        assert!(text.contains("ROOKERY_ALLOW_EXPOSED_FILES"), "{name}: {text}");
        let check = site.start("check ejabberd.yml -s data -l logs");
        assert!(
            check.status.code() == Some(1) && said(&check).contains(mend),
            "{name}: {}",
            said(&check)
        );
        // What the message says does mend it, and nothing else is wrong.
        for command in text.lines().filter(|line| line.starts_with("      c")) {
            let done = Command::new("sh").args(["-c", command]).current_dir(site.0.path()).status();
            assert!(done.expect("there is a shell").success(), "{name}: {command}");
        }
        Running::begin(site.command("", line), &site.path("data/control.sock")).stop();
    }
}

/// What `setfacl --modify user:65534:rw` leaves: version, then owner, the user, owning group, mask, others.
fn let_in(path: &Path, bits: u16) -> bool {
    let mut list = 2_u32.to_le_bytes().to_vec();
    let none = u32::MAX;
    for (tag, bits, id) in
        [(1_u16, 6, none), (2, bits, NOBODY), (4, 0, none), (0x10, bits, none), (0x20, 0, none)]
    {
        list.extend([tag.to_le_bytes(), bits.to_le_bytes()].concat());
        list.extend(id.to_le_bytes());
    }
    let flags = rustix::fs::XattrFlags::empty();
    rustix::fs::setxattr(path, "system.posix_acl_access", &list, flags).is_ok()
}

#[test]
fn whoever_an_access_list_lets_in_is_told() {
    let line = "serve -f ejabberd.yml -s data -l logs";
    for (name, bits, what) in [
        ("data/rookery.sqlite", 4, "an access list lets user nobody at the database"),
        ("logs/ejabberd.log", 4, "an access list lets user nobody at the log"),
        ("data", 1, "an access list lets user nobody at the data folder"),
        ("ejabberd.yml", 2, "an access list lets user nobody at the configuration"),
        ("", 2, "user nobody can replace"),
    ] {
        let site = Site::new(CONFIG);
        Running::begin(site.command("", line), &site.path("data/control.sock")).stop();
        if !let_in(&site.path(name), bits) {
            // This file system has no access lists.
            return;
        }
        let refused = site.start(line);
        let text = said(&refused);
        assert!(text.contains(what) && text.contains("setfacl --remove-all"), "{name}: {text}");
        assert!(!text.contains("chmod") && refused.status.code() == Some(1), "{name}: {text}");
    }
}

#[test]
fn a_group_that_does_not_exist_is_told_with_the_command_that_makes_it() {
    let site = Site::new(CONFIG);
    std::fs::write(site.path("ejabberdctl.cfg"), "ROOKERY_CONTROL_GROUP=nosuchgroup\n")
        .expect("it can be written");
    for line in ["serve -f ejabberd.yml -s data", "check ejabberd.yml -s data"] {
        let refused = site.start(line);
        let text = said(&refused);
        assert!(text.contains("groupadd --system nosuchgroup"), "{line}: {text}");
        assert_eq!(refused.status.code(), Some(1), "{line}");
    }
}

#[test]
fn every_finding_is_told_at_once_and_one_word_starts_nevertheless() {
    let site = Site::new(CONFIG);
    let line = "serve -f ejabberd.yml -s data -l logs";
    Running::begin(site.command("", line), &site.path("data/control.sock")).stop();
    site.set("ejabberd.yml", 0o666);
    site.set("data/rookery.sqlite", 0o644);
    let text = said(&site.start(line));
    assert!(text.contains("chmod go-w ") && text.contains("chmod 600 "), "{text}");
    let mut command = site.command("", line);
    command.env("ROOKERY_ALLOW_EXPOSED_FILES", "1");
    Running::begin(command, &site.path("data/control.sock")).stop();
    let log = std::fs::read_to_string(site.path("logs/ejabberd.log")).expect("there is a log");
    let complaints = log
        .lines()
        .filter(|line| line.contains("[error]") && line.contains("allowed nevertheless"));
    assert_eq!(complaints.count(), 2, "{log}");
}

/// Only root can make files of somebody else and become somebody else.
#[test]
fn files_of_another_user_are_refused() {
    if !geteuid().is_root() {
        return;
    }
    let line = "serve -f ejabberd.yml -s data -l logs";
    let cases: [(&str, &str); 4] = [
        ("ejabberd.yml", "configuration"),
        ("data/rookery.sqlite", "database"),
        ("data", "data folder"),
        ("", "this folder"),
    ];
    for (name, what) in cases {
        let site = Site::new(CONFIG);
        Running::begin(site.command("", line), &site.path("data/control.sock")).stop();
        chown(site.path(name), Some(NOBODY), None).expect("root may give away");
        let refused = site.start(line);
        let text = said(&refused);
        assert_eq!(refused.status.code(), Some(1), "{name}: {text}");
        assert!(text.contains(what) && text.contains("nobody"), "{name}: {text}");
        let as_owner = text.contains("runuser -u nobody");
        assert!(!(as_owner && text.contains("chown")), "one remedy undoes the other: {text}");
        chown(site.path(name), Some(0), None).expect("root may take");
    }
    // A link that somebody else can turn.
    let site = Site::new(CONFIG);
    std::fs::rename(site.path("ejabberd.yml"), site.path("real.yml")).expect("it is ours");
    symlink("real.yml", site.path("ejabberd.yml")).expect("it is ours");
    std::os::unix::fs::lchown(site.path("ejabberd.yml"), Some(NOBODY), None)
        .expect("root may give away");
    assert!(said(&site.start(line)).contains("chown -h root "));
}

/// The layout of Debian's package, and the same server asked by somebody else.
#[test]
fn debians_layout_is_fine_and_another_user_gets_exit_code_7() {
    if !geteuid().is_root() {
        return;
    }
    const GROUP: u32 = 64_999;
    let site = Site::new(&format!("{CONFIG}sql_password: secret\n"));
    site.set("", 0o755);
    let program = site.path("rookery");
    std::fs::copy(env!("CARGO_BIN_EXE_rookery"), &program).expect("a file can be copied");
    for name in ["etc", "spool", "log"] {
        std::fs::create_dir(site.path(name)).expect("it is ours");
    }
    std::fs::rename(site.path("ejabberd.yml"), site.path("etc/ejabberd.yml")).expect("it is ours");
    std::fs::write(site.path("default"), "").expect("it is ours");
    symlink("../default", site.path("etc/ejabberdctl.cfg")).expect("it is ours");
    std::fs::write(site.path("log/ejabberd.log"), "").expect("it is ours");
    let layout: [(&str, u32, u32); 6] = [
        ("etc", 0, 0o750),
        ("etc/ejabberd.yml", 0, 0o640),
        ("default", 0, 0o644),
        ("spool", NOBODY, 0o700),
        ("log", NOBODY, 0o2750),
        ("log/ejabberd.log", NOBODY, 0o644),
    ];
    for (name, owner, mode) in layout {
        chown(site.path(name), Some(owner), Some(GROUP)).expect("root may give away");
        site.set(name, mode);
    }
    let run = |uid: u32, line: &str| {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new(&program);
        command.args(line.split(' ')).current_dir(site.0.path()).env_clear();
        command.env("HOME", site.path("spool")).env("ROOKERY_METRICS", "off").uid(uid).gid(GROUP);
        command
    };
    let places = "-f etc/ejabberd.yml -s spool -l log";
    let running =
        Running::begin(run(NOBODY, &format!("serve {places}")), &site.path("spool/control.sock"));
    assert!(run(NOBODY, &format!("ctl {places} status")).status().expect("it runs").success());
    assert!(run(0, &format!("ctl {places} status")).status().expect("it runs").success());
    let other = run(NOBODY - 1, &format!("ctl {places} status")).output().expect("it runs");
    assert_eq!(other.status.code(), Some(7), "{other:?}");
    // Not even where the modes would let the server's group in.
    site.set("spool", 0o710);
    site.set("spool/control.sock", 0o660);
    let other = run(NOBODY - 1, &format!("ctl {places} status")).output().expect("it runs");
    assert_eq!(other.status.code(), Some(7), "{other:?}");
    running.stop();
    let log = std::fs::read_to_string(site.path("log/audit.log")).expect("there is an audit file");
    assert!(
        log.contains("was refused\"") && log.contains(&format!("\"uid\":{}", NOBODY - 1)),
        "{log}"
    );
}
