//! What the tests need beside Rust and a C compiler, listed in `tests/needs.txt` and installed when
//! absent: Debian packages system-wide, Python and JavaScript packages below `target`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{run, say};

/// The list.
const LIST: &str = "tests/needs.txt";
/// Asked by Debian's package scripts before they start a service.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// What the list asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Needs {
    apt: Vec<String>,
    pip: Vec<String>,
    npm: Vec<String>,
}

impl Needs {
    fn read(text: &str) -> Result<Self, String> {
        let mut needs = Self::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            let list = match words.next() {
                None => continue,
                Some("apt") => &mut needs.apt,
                Some("pip") => &mut needs.pip,
                Some("npm") => &mut needs.npm,
                Some(other) => {
                    let line = index + 1;
                    return Err(format!("{LIST}:{line}: `{other}` is not apt, pip or npm"));
                }
            };
            list.extend(words.map(str::to_owned));
        }
        Ok(needs)
    }
}

/// The Python that has the packages of the list.
pub(crate) fn python(root: &Path) -> PathBuf {
    root.join("target/test-venv/bin/python")
}

/// The folder of the JavaScript packages of the list, the parent of `node_modules`.
pub(crate) fn node(root: &Path) -> PathBuf {
    root.join("target/test-npm")
}

/// Installs what is absent.
///
/// # Errors
///
/// A package cannot be installed; the text says what to do by hand.
pub(crate) fn install(root: &Path) -> Result<(), String> {
    let list = std::fs::read_to_string(root.join(LIST))
        .map_err(|error| format!("cannot read {LIST}: {error}"))?;
    let needs = Needs::read(&list)?;
    debian_packages(root, &needs.apt)?;
    python_packages(root, &needs.pip)?;
    javascript_packages(root, &needs.npm)
}

fn debian_packages(root: &Path, wanted: &[String]) -> Result<(), String> {
    let packages: Vec<&str> = wanted.iter().map(|need| package_and_command(need).0).collect();
    let by_hand = || format!("install these Debian packages: {}", packages.join(" "));
    let absent: Vec<&str> = wanted
        .iter()
        .map(|need| package_and_command(need))
        .filter(|(package, command)| {
            !command.is_some_and(run::exists) && !is_installed(root, package)
        })
        .map(|(package, _)| package)
        .collect();
    if absent.is_empty() {
        return Ok(());
    }
    if !run::exists("dpkg-query") || !run::exists("apt-get") {
        return Err(format!("this is no Debian system; {} (or their like)", by_hand()));
    }
    say(&format!("installing {}", absent.join(" ")));
    let sudo = if is_root(root)? {
        None
    } else if run::exists("sudo") {
        Some("sudo")
    } else {
        return Err(format!("neither root nor sudo; as root, {}", by_hand()));
    };
    let quiet = ServicesStayDown::new(root, sudo)?;
    let apt = |arguments: &[&str]| {
        let mut command = privileged(root, sudo, "env");
        command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]).args(arguments);
        run::visible(&mut command).map_err(|error| format!("{error}; by hand, {}", by_hand()))
    };
    apt(&["-q", "update"])?;
    let mut install = vec!["-qy", "install", "--no-install-recommends"];
    install.extend(&absent);
    apt(&install)?;
    quiet.disable(&absent)
}

/// `package` or `package=command`.
fn package_and_command(need: &str) -> (&str, Option<&str>) {
    match need.split_once('=') {
        Some((package, command)) => (package, Some(command)),
        None => (need, None),
    }
}

/// `program` as root.
fn privileged(root: &Path, sudo: Option<&str>, program: &str) -> Command {
    let mut command = match sudo {
        // Without a terminal a question for a password would wait for ever.
        Some(sudo) => {
            let mut command = Command::new(sudo);
            command.args(["-n", program]);
            command
        }
        None => Command::new(program),
    };
    command.current_dir(root);
    command
}

fn is_root(root: &Path) -> Result<bool, String> {
    Ok(run::output(root, "id", &["-u"])?.trim() == "0")
}

fn is_installed(root: &Path, package: &str) -> bool {
    run::output(root, "dpkg-query", &["-W", "-f", "${Status}", package])
        .is_ok_and(|status| status.trim() == "install ok installed")
}

/// Keeps Debian from starting the servers it installs; the tests start their own.
struct ServicesStayDown<'a> {
    root: &'a Path,
    sudo: Option<&'a str>,
    policy_is_ours: bool,
}

impl<'a> ServicesStayDown<'a> {
    fn new(root: &'a Path, sudo: Option<&'a str>) -> Result<Self, String> {
        let policy_is_ours = !Path::new(POLICY).exists();
        if policy_is_ours {
            let script = format!("printf '#!/bin/sh\\nexit 101\\n' > {POLICY}; chmod 755 {POLICY}");
            run::visible(privileged(root, sudo, "sh").args(["-c", &script]))?;
        }
        Ok(Self { root, sudo, policy_is_ours })
    }

    /// Keeps the services of new packages from starting with the machine, where systemd runs it.
    fn disable(&self, packages: &[&str]) -> Result<(), String> {
        if !Path::new("/run/systemd/system").exists() {
            return Ok(());
        }
        for service in ["ejabberd", "prosody"] {
            if packages.contains(&service) {
                let mut command = privileged(self.root, self.sudo, "systemctl");
                run::visible(command.args(["disable", "--now", "--quiet", service]))?;
            }
        }
        Ok(())
    }
}

impl Drop for ServicesStayDown<'_> {
    fn drop(&mut self) {
        if self.policy_is_ours {
            let removed = run::visible(privileged(self.root, self.sudo, "rm").args(["-f", POLICY]));
            if let Err(error) = removed {
                say(&format!("remove {POLICY} by hand: {error}"));
            }
        }
    }
}

/// Installs the requirement files into one virtual environment.
fn python_packages(root: &Path, lists: &[String]) -> Result<(), String> {
    let folder = root.join("target/test-venv");
    let wanted = contents(root, lists)?;
    let mark = folder.join("installed.txt");
    if wanted.is_empty() || is_marked(&mark, &wanted) {
        return Ok(());
    }
    say(&format!("installing the Python packages of {}", lists.join(" ")));
    let mut venv = Command::new("python3");
    run::visible(venv.args(["-m", "venv", "--clear"]).arg(&folder))?;
    let mut pip = Command::new(python(root));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    for list in lists {
        pip.arg("--requirement").arg(root.join(list));
    }
    run::visible(&mut pip)?;
    write_mark(&mark, &wanted)
}

/// Installs the locked packages of the folder, outside the checkout.
fn javascript_packages(root: &Path, folders: &[String]) -> Result<(), String> {
    let [source] = folders else {
        return if folders.is_empty() { Ok(()) } else { Err("one npm folder at most".to_owned()) };
    };
    let folder = node(root);
    let files = ["package.json", "package-lock.json"].map(|file| format!("{source}/{file}"));
    let wanted = contents(root, &files)?;
    let mark = folder.join("installed.txt");
    if is_marked(&mark, &wanted) {
        return Ok(());
    }
    say(&format!("installing the JavaScript packages of {source}"));
    let failed = |error| format!("cannot prepare {}: {error}", folder.display());
    std::fs::create_dir_all(&folder).map_err(failed)?;
    for file in ["package.json", "package-lock.json"] {
        std::fs::copy(root.join(source).join(file), folder.join(file)).map_err(failed)?;
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]);
    run::visible(npm.current_dir(&folder))?;
    write_mark(&mark, &wanted)
}

/// The text of all files, which tells one list of packages from another.
fn contents(root: &Path, files: &[String]) -> Result<String, String> {
    let read = |file: &String| {
        std::fs::read_to_string(root.join(file)).map_err(|error| format!("{file}: {error}"))
    };
    files.iter().map(read).collect()
}

/// Whether exactly these packages were installed by an earlier run.
fn is_marked(mark: &Path, wanted: &str) -> bool {
    std::fs::read_to_string(mark).is_ok_and(|text| text == wanted)
}

fn write_mark(mark: &Path, wanted: &str) -> Result<(), String> {
    std::fs::write(mark, wanted)
        .map_err(|error| format!("cannot write {}: {error}", mark.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_read_and_checked() {
        let needs = Needs::read("# all\napt a b=c # why\n\npip d.txt\nnpm e\n").unwrap();
        assert_eq!(needs.apt, ["a", "b=c"]);
        let split: Vec<_> = needs.apt.iter().map(|need| package_and_command(need)).collect();
        assert_eq!(split, [("a", None), ("b", Some("c"))]);
        assert_eq!((needs.pip, needs.npm), (vec!["d.txt".to_owned()], vec!["e".to_owned()]));
        assert!(Needs::read("apt a\nbrew b").unwrap_err().contains("tests/needs.txt:2"));
    }

    #[test]
    fn the_projects_own_list_names_what_exists() {
        let list = include_str!("../../tests/needs.txt");
        let needs = Needs::read(list).unwrap();
        assert!(!needs.apt.is_empty());
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for path in needs.pip.iter().chain(&needs.npm) {
            assert!(root.join(path).exists(), "{path}");
        }
    }
}
