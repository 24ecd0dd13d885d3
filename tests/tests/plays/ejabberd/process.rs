//! One running ejabberd of the Debian package, in a temporary folder, on loopback, without Erlang's distribution.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::configuration::Group;

/// How long a start may take.
const START_PATIENCE: Duration = Duration::from_secs(90);

/// Where Debian's packages of Erlang libraries are: `/usr/lib/TRIPLET`.
const LIBRARIES: &str = "/usr/lib";

/// The installed ejabberd.
pub(super) struct Installed {
    /// The folder of all Erlang libraries of the system's packages.
    libraries: PathBuf,
    /// Folders of compiled modules of ejabberd.
    compiled: Vec<PathBuf>,
}

impl Installed {
    /// Whether this version has a module.
    pub(super) fn has(&self, module: &str) -> bool {
        self.compiled.iter().any(|folder| folder.join(format!("{module}.beam")).exists())
    }
}

/// Looks for the installed ejabberd.
///
/// # Errors
/// There is none.
pub(super) fn installed() -> Result<Installed, String> {
    let folders = |folder: &Path| -> Vec<PathBuf> {
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
    };
    for libraries in folders(Path::new(LIBRARIES)) {
        let compiled: Vec<PathBuf> = folders(&libraries)
            .into_iter()
            .filter(|path| {
                path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ejabberd-"))
            })
            .map(|path| path.join("ebin"))
            .collect();
        if compiled.iter().any(|folder| folder.join("ejabberd.beam").exists()) {
            return Ok(Installed { libraries, compiled });
        }
    }
    Err("ejabberd is not installed (Debian package ejabberd)".to_owned())
}

/// A running server; it ends when this is dropped.
pub(super) struct Process {
    child: Child,
    folder: TempDir,
}

impl Process {
    /// Starts a server with the group's configuration and registers its accounts.
    ///
    /// # Errors
    /// What it wrote before it ended, or that it takes too long.
    pub(super) fn start(installed: &Installed, group: &Group) -> Result<Self, String> {
        let words = |error: std::io::Error| error.to_string();
        let folder = tempfile::tempdir().map_err(words)?;
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("spool")).map_err(words)?;
        fs::write(path("ejabberd.yml"), &group.config).map_err(words)?;
        fs::write(path("accounts"), accounts_of(group)).map_err(words)?;
        let out = File::create(path("out")).map_err(words)?;
        // The accounts are made inside the server: this needs no second node and no password on a command line.
        let register = format!(
            "{{ok, [L]}} = file:consult({:?}), [ok = ejabberd_auth:try_register(U, H, P) || {{U, H, P}} <- L], \
             ok = file:write_file({:?}, <<>>).",
            path("accounts"),
            path("ready")
        );
        let child = Command::new("erl")
            .args(["+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none", "-noinput"])
            .args(["-mnesia", "dir", &format!("{:?}", path("spool"))])
            .args(["-s", "ejabberd", "-eval", &register])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", folder.path())
            .env("LANG", "C.UTF-8")
            .env("ERL_LIBS", &installed.libraries)
            .env("ERL_CRASH_DUMP", path("crash.dump"))
            .env("EJABBERD_CONFIG_PATH", path("ejabberd.yml"))
            .env("EJABBERD_LOG_PATH", path("ejabberd.log"))
            .current_dir(path("spool"))
            .stdin(Stdio::null())
            .stdout(out.try_clone().map_err(words)?)
            .stderr(out)
            .spawn()
            .map_err(|error| format!("erl: {error}"))?;
        let mut process = Self { child, folder };
        let addresses = group.places.values().map(|place| place.address).collect();
        process.wait_until_ready(&addresses)?;
        Ok(process)
    }

    fn wait_until_ready(&mut self, addresses: &BTreeSet<SocketAddr>) -> Result<(), String> {
        let folder = self.folder.path().to_owned();
        let began = Instant::now();
        let accepts = |address: &SocketAddr| TcpStream::connect(address).is_ok();
        while !folder.join("ready").exists() || !addresses.iter().all(accepts) {
            let ended = self.child.try_wait().map_err(|error| error.to_string())?;
            if ended.is_some() || began.elapsed() > START_PATIENCE {
                let out = fs::read_to_string(folder.join("out")).unwrap_or_default();
                let lines: Vec<&str> = out.lines().collect();
                return Err(lines[lines.len().saturating_sub(30)..].join("\n"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; the folder goes either way.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The accounts as a term that Erlang reads.
fn accounts_of(group: &Group) -> String {
    let rows: Vec<String> = group
        .accounts
        .iter()
        .map(|(user, host, password)| {
            format!("{{<<{user:?}/utf8>>, <<{host:?}/utf8>>, <<{password:?}/utf8>>}}")
        })
        .collect();
    format!("[{}].\n", rows.join(",\n"))
}
