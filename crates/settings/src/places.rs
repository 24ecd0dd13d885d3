//! Where the server's files are: configuration, data, logs and the control socket.
//!
//! Both binaries ask here, so `rookeryctl` finds what `rookery` made without being told. The order, first found first:
//! the command line, the environment, `ejabberdctl.cfg`, what follows from the place of the configuration, the
//! packages' folders when they are of the user who asks, the user's own state folder.
//!
//! COMPAT: in ejabberd's script `ejabberdctl.cfg` wins over the command line; here what is said last and nearest wins.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::NodeName;
use crate::ctlcfg::{self, CtlConfig};
use crate::problem::Problems;

/// Where packages keep their configuration, and with it their data and logs; the own one wins.
const PACKAGED: [(&str, &str, &str); 2] = [
    ("/etc/rookery", "/var/lib/rookery", "/var/log/rookery"),
    ("/etc/ejabberd", "/var/lib/ejabberd", "/var/log/ejabberd"),
];
/// The folder of a configuration file that says nothing else.
const BESIDE_CONFIG: &str = "rookery-data";
/// The settings of the control script, beside the configuration.
const CTL_CONFIG: &str = "ejabberdctl.cfg";

/// What the command line and the environment say about places.
#[derive(Clone, Debug, Default)]
pub struct PlaceHints {
    /// `--config`, or `EJABBERD_CONFIG_PATH`.
    pub config: Option<PathBuf>,
    /// `--config-dir`, or `CONFIG_DIR`: the folder of `ejabberd.yml` and `ejabberdctl.cfg`.
    pub config_dir: Option<PathBuf>,
    /// `--ctl-config`: the `ejabberdctl.cfg` to read.
    pub ctl_config: Option<PathBuf>,
    /// `--spool`, or `SPOOL_DIR` of the environment or of `ejabberdctl.cfg`.
    pub spool: Option<PathBuf>,
    /// `--logs`, or `LOGS_DIR` of the environment or of `ejabberdctl.cfg`.
    pub logs: Option<PathBuf>,
    /// `--node`, or `ERLANG_NODE` of the environment or of `ejabberdctl.cfg`.
    pub node: Option<NodeName>,
    /// The machine's own name; may be empty.
    pub machine: String,
    /// `EJABBERD_LOG_PATH`: the log file itself.
    pub log_file: Option<PathBuf>,
    /// `EJABBERD_PID_PATH`.
    pub pid_file: Option<PathBuf>,
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `XDG_STATE_HOME`.
    pub state_home: Option<PathBuf>,
    /// Whether the process is the superuser.
    pub superuser: bool,
}

impl PlaceHints {
    /// Adds what the environment says and the command line has not. Empty variables say nothing.
    #[must_use]
    pub fn or_environment(self, environment: impl Fn(&str) -> Option<OsString>) -> Self {
        let path =
            |name: &str| environment(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        // A folder that was named on the command line is nearer than a file of the environment.
        let config = self
            .config
            .or_else(|| path("EJABBERD_CONFIG_PATH").filter(|_| self.config_dir.is_none()));
        // A log folder that was named on the command line is nearer than a file of the environment.
        let log_file =
            self.log_file.or_else(|| path("EJABBERD_LOG_PATH").filter(|_| self.logs.is_none()));
        Self {
            config,
            config_dir: self.config_dir.or_else(|| path("CONFIG_DIR")),
            spool: self.spool.or_else(|| path("SPOOL_DIR")),
            logs: self.logs.or_else(|| path("LOGS_DIR")),
            log_file,
            pid_file: self.pid_file.or_else(|| path("EJABBERD_PID_PATH")),
            home: self.home.or_else(|| path("HOME")),
            state_home: self.state_home.or_else(|| path("XDG_STATE_HOME")),
            ..self
        }
    }

    /// Adds the configuration in a folder that was named, and reads `ejabberdctl.cfg`: the one named, or the one
    /// beside the configuration. A file that is absent or cannot be read says nothing.
    ///
    /// # Errors
    /// What [`ctlcfg::parse`] finds wrong with it.
    pub fn or_ctl_config(mut self) -> Result<(Self, Option<CtlConfig>), Problems> {
        let in_folder = |name| self.config_dir.as_deref().map(|folder| folder.join(name));
        let config = self.config.clone().or_else(|| in_folder("ejabberd.yml"));
        let beside = config.as_deref().map(|file| beside(file).join(CTL_CONFIG));
        let file = self.ctl_config.clone().or_else(|| in_folder(CTL_CONFIG)).or(beside);
        let text = file.as_deref().and_then(|file| std::fs::read_to_string(file).ok());
        let read = match (&file, text) {
            (Some(file), Some(text)) => {
                Some(ctlcfg::parse(&file.display().to_string(), &text, &HashMap::new())?)
            }
            _ => None,
        };
        let said = |name: &str| {
            let value = read.as_ref().and_then(|read| read.get(name));
            value.filter(|value| !value.is_empty()).map(PathBuf::from)
        };
        let named_here = self.config.is_none() && self.config_dir.is_none();
        self.config = config.or_else(|| said("EJABBERD_CONFIG_PATH").filter(|_| named_here));
        self.log_file =
            self.log_file.or_else(|| said("EJABBERD_LOG_PATH").filter(|_| self.logs.is_none()));
        self.spool = self.spool.or_else(|| said("SPOOL_DIR"));
        self.logs = self.logs.or_else(|| said("LOGS_DIR"));
        self.pid_file = self.pid_file.or_else(|| said("EJABBERD_PID_PATH"));
        Ok((self, read))
    }

    /// Whether nothing says where the server is.
    pub fn are_silent(&self) -> bool {
        self.config.is_none()
            && self.config_dir.is_none()
            && self.ctl_config.is_none()
            && self.spool.is_none()
    }

    /// Without any other word, the configuration of a package whose data folder passes `fits`: for a server, because
    /// it belongs to its user; for the control tool, because a server listens in it.
    #[must_use]
    pub fn or_packaged(mut self, fits: impl Fn(&Path) -> bool) -> Self {
        if self.are_silent() {
            let found = PACKAGED.iter().find(|(folder, spool, _)| {
                Path::new(folder).join("ejabberd.yml").exists() && fits(Path::new(spool))
            });
            self.config = found.map(|(folder, ..)| Path::new(folder).join("ejabberd.yml"));
        }
        self
    }
}

/// The places in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The configuration file; `None` means the embedded defaults.
    pub config: Option<PathBuf>,
    /// The data folder, mode 0700.
    pub spool: PathBuf,
    /// The log folder; `None` means that the log goes to the terminal.
    pub logs: Option<PathBuf>,
    /// The log file where it was named itself.
    log_file: Option<PathBuf>,
    /// The file that holds the number of the running process, if one was asked for.
    pub pid_file: Option<PathBuf>,
    /// The name of the server where ejabberd has its Erlang node.
    pub node: NodeName,
    /// `HOME` of the server's user; the data folder for a user without one.
    pub home: PathBuf,
}

impl Places {
    /// Decides from hints: what is said wins; then what follows from the place of the configuration file;
    /// then the user's own state folder. Nothing is read.
    pub fn resolve(hints: &PlaceHints) -> Self {
        let config = hints.config.clone();
        let within = |folder: &str| config.as_deref().is_some_and(|file| file.starts_with(folder));
        let packaged = PACKAGED.into_iter().find(|(folder, ..)| within(folder));
        let spool = hints.spool.clone().unwrap_or_else(|| match (packaged, &config) {
            (Some((_, spool, _)), _) => spool.into(),
            (None, Some(file)) => beside(file).join(BESIDE_CONFIG),
            (None, None) => own_state(hints),
        });
        let log_file = hints.log_file.clone();
        let logs = match &log_file {
            Some(file) => Some(beside(file)),
            None => hints.logs.clone().or_else(|| packaged.map(|(_, _, logs)| logs.into())),
        };
        let home = hints.home.clone().unwrap_or_else(|| spool.clone());
        let node = hints.node.clone().unwrap_or_else(|| NodeName::of_machine(&hints.machine));
        Self { config, spool, logs, log_file, pid_file: hints.pid_file.clone(), node, home }
    }

    /// The database of a configuration that names none.
    pub fn database(&self) -> PathBuf {
        self.spool.join("rookery.sqlite")
    }

    /// The control socket, mode 0600.
    pub fn control_socket(&self) -> PathBuf {
        self.spool.join("control.sock")
    }

    /// The commands that run now, told at the next start if a crash cuts them off.
    pub fn running_commands(&self) -> PathBuf {
        self.spool.join("commands.running")
    }

    /// Certificates that the server made itself.
    pub fn certificates(&self) -> PathBuf {
        self.spool.join("certificates")
    }

    /// The log file, if there is one.
    pub fn log_file(&self) -> Option<PathBuf> {
        self.log_file.clone().or_else(|| Some(self.logs.as_ref()?.join("ejabberd.log")))
    }

    /// The record of every control command, beside the log, or in the data folder when the log goes to the terminal.
    pub fn audit_file(&self) -> PathBuf {
        self.logs.as_ref().unwrap_or(&self.spool).join("audit.log")
    }

    /// `ejabberdctl.cfg` beside the configuration; it need not exist.
    pub fn ctl_config(&self) -> Option<PathBuf> {
        Some(beside(self.config.as_deref()?).join(CTL_CONFIG))
    }

    /// The key under which keys for relays are sealed; never in the database, which holds those.
    pub fn relay_key(&self) -> PathBuf {
        self.spool.join("relay.key")
    }

    /// Where Erlang keeps its cookie, and this server reads it: `$HOME/.erlang.cookie`.
    pub fn cookie(&self) -> PathBuf {
        self.home.join(".erlang.cookie")
    }
}

/// The folder of a file.
fn beside(file: &Path) -> PathBuf {
    file.parent().map(Path::to_path_buf).unwrap_or_default()
}

fn own_state(hints: &PlaceHints) -> PathBuf {
    if hints.superuser {
        return "/var/lib/rookery".into();
    }
    match (&hints.state_home, &hints.home) {
        (Some(state), _) => state.join("rookery"),
        (None, Some(home)) => home.join(".local/state/rookery"),
        (None, None) => BESIDE_CONFIG.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spool_of(hints: PlaceHints) -> String {
        Places::resolve(&hints).spool.display().to_string()
    }

    #[test]
    fn the_data_folder_follows_from_the_configuration() {
        let config = |file: &str| PlaceHints { config: Some(file.into()), ..PlaceHints::default() };
        assert_eq!(spool_of(config("/etc/ejabberd/ejabberd.yml")), "/var/lib/ejabberd");
        assert_eq!(spool_of(config("/etc/rookery/ejabberd.yml")), "/var/lib/rookery");
        assert_eq!(spool_of(config("/srv/chat/ejabberd.yml")), "/srv/chat/rookery-data");
        let said =
            PlaceHints { spool: Some("/elsewhere".into()), ..config("/srv/chat/ejabberd.yml") };
        assert_eq!(spool_of(said), "/elsewhere");
    }

    #[test]
    fn without_configuration_the_data_is_the_users_own() {
        let user = PlaceHints { home: Some("/home/jo".into()), ..PlaceHints::default() };
        assert_eq!(spool_of(user.clone()), "/home/jo/.local/state/rookery");
        assert_eq!(spool_of(PlaceHints { superuser: true, ..user }), "/var/lib/rookery");
    }

    /// Each row: command line, environment, `ejabberdctl.cfg`; then configuration, data, log file, pid file.
    #[test]
    fn the_command_line_wins_over_the_environment_and_that_over_the_file() {
        let folder = std::env::temp_dir().join(format!("rookery-places-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let inside = |name: &str| folder.join(name).display().to_string();
        let yml = inside("ejabberd.yml");
        type Row<'a> = (&'a [(&'a str, &'a str)], &'a str, [&'a str; 4]);
        let rows: &[Row<'_>] = &[
            (&[], "", [&yml, &inside("rookery-data"), "", ""]),
            (
                &[],
                "SPOOL_DIR=/f/s\nLOGS_DIR=/f/l\nEJABBERD_PID_PATH=/f/p",
                [&yml, "/f/s", "/f/l/ejabberd.log", "/f/p"],
            ),
            (&[("SPOOL_DIR", "/e/s")], "SPOOL_DIR=/f/s", [&yml, "/e/s", "", ""]),
            (&[("SPOOL_DIR", "")], "SPOOL_DIR=/f/s", [&yml, "/f/s", "", ""]),
            (
                &[("EJABBERD_LOG_PATH", "/e/x.log"), ("EJABBERD_PID_PATH", "/e/p")],
                "EJABBERD_LOG_PATH=/f/y.log\nEJABBERD_CONFIG_PATH=/f/other.yml",
                [&yml, &inside("rookery-data"), "/e/x.log", "/e/p"],
            ),
            (
                &[("LOGS_DIR", "/e/l")],
                "EJABBERD_LOG_PATH=/f/y.log",
                [&yml, &inside("rookery-data"), "/e/l/ejabberd.log", ""],
            ),
        ];
        for (environment, file, expected) in rows {
            std::fs::write(folder.join(CTL_CONFIG), file).unwrap();
            let said = PlaceHints { config_dir: Some(folder.clone()), ..PlaceHints::default() };
            let variable = |name: &str| {
                environment.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
            };
            let (hints, _) = said.or_environment(variable).or_ctl_config().unwrap();
            let places = Places::resolve(&hints);
            let shown = |path: Option<PathBuf>| path.unwrap_or_default().display().to_string();
            let found = [
                shown(places.config.clone()),
                shown(Some(places.spool.clone())),
                shown(places.log_file()),
                shown(places.pid_file),
            ];
            assert_eq!(found, expected.map(str::to_owned), "{environment:?} {file}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_file_that_is_named_alone_may_name_the_configuration() {
        let file = std::env::temp_dir().join(format!("rookery-places-{}.cfg", std::process::id()));
        std::fs::write(&file, "EJABBERD_CONFIG_PATH=/etc/ejabberd/ejabberd.yml\n").unwrap();
        let said = PlaceHints { ctl_config: Some(file.clone()), ..PlaceHints::default() };
        let (hints, _) = said.or_ctl_config().unwrap();
        let places = Places::resolve(&hints);
        assert_eq!(places.spool, Path::new("/var/lib/ejabberd"));
        assert_eq!(places.logs.as_deref(), Some(Path::new("/var/log/ejabberd")));
        std::fs::remove_file(&file).unwrap();
    }

    #[test]
    fn the_cookie_is_at_home_and_the_audit_file_beside_the_log() {
        let mut hints = PlaceHints { spool: Some("/s".into()), ..PlaceHints::default() };
        let places = Places::resolve(&hints);
        assert_eq!(places.cookie(), Path::new("/s/.erlang.cookie"));
        assert_eq!(places.audit_file(), Path::new("/s/audit.log"));
        hints.home = Some("/var/lib/ejabberd".into());
        hints.logs = Some("/l".into());
        let places = Places::resolve(&hints);
        assert_eq!(places.cookie(), Path::new("/var/lib/ejabberd/.erlang.cookie"));
        assert_eq!(places.audit_file(), Path::new("/l/audit.log"));
    }
}
