//! Where the server's files are: configuration, data, logs and the control socket.
//!
//! Both binaries ask here, so `rookeryctl` finds what `rookery` made without being told.

use std::path::{Path, PathBuf};

use crate::NodeName;

/// Where packages keep their configuration, and with it their data and logs.
const PACKAGED: [(&str, &str, &str); 2] = [
    ("/etc/ejabberd", "/var/lib/ejabberd", "/var/log/ejabberd"),
    ("/etc/rookery", "/var/lib/rookery", "/var/log/rookery"),
];
/// The folder of a configuration file that says nothing else.
const BESIDE_CONFIG: &str = "rookery-data";

/// What the command line and the environment say about places; nothing is read here.
#[derive(Clone, Debug, Default)]
pub struct PlaceHints {
    /// `--config`, or `EJABBERD_CONFIG_PATH`.
    pub config: Option<PathBuf>,
    /// `--spool`, or `SPOOL_DIR` of the environment or of `ejabberdctl.cfg`.
    pub spool: Option<PathBuf>,
    /// `--logs`, or `LOGS_DIR` of the environment or of `ejabberdctl.cfg`.
    pub logs: Option<PathBuf>,
    /// `--node`, or `ERLANG_NODE` of the environment or of `ejabberdctl.cfg`.
    pub node: Option<NodeName>,
    /// The machine's own name; may be empty.
    pub machine: String,
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `XDG_STATE_HOME`.
    pub state_home: Option<PathBuf>,
    /// Whether the process is the superuser.
    pub superuser: bool,
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
    /// The name of the server where ejabberd has its Erlang node.
    pub node: NodeName,
}

impl Places {
    /// Decides from hints: what is said wins; then what follows from the place of the configuration file;
    /// then the user's own state folder.
    pub fn resolve(hints: &PlaceHints) -> Self {
        let config = hints.config.clone();
        let within = |folder: &str| config.as_deref().is_some_and(|file| file.starts_with(folder));
        let packaged = PACKAGED.into_iter().find(|(folder, ..)| within(folder));
        let spool = hints.spool.clone().unwrap_or_else(|| match (packaged, &config) {
            (Some((_, spool, _)), _) => spool.into(),
            (None, Some(file)) => beside(file).join(BESIDE_CONFIG),
            (None, None) => own_state(hints),
        });
        let logs = hints.logs.clone().or_else(|| packaged.map(|(_, _, logs)| logs.into()));
        let node = hints.node.clone().unwrap_or_else(|| NodeName::of_machine(&hints.machine));
        Self { config, spool, logs, node }
    }

    /// The database of a configuration that names none.
    pub fn database(&self) -> PathBuf {
        self.spool.join("rookery.sqlite")
    }

    /// The control socket, mode 0600.
    pub fn control_socket(&self) -> PathBuf {
        self.spool.join("control.sock")
    }

    /// Certificates that the server made itself.
    pub fn certificates(&self) -> PathBuf {
        self.spool.join("certificates")
    }

    /// The log file, if there is one.
    pub fn log_file(&self) -> Option<PathBuf> {
        Some(self.logs.as_ref()?.join("ejabberd.log"))
    }
}

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
}
