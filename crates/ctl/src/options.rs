//! The control tool's own words, and the places that follow from them.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use settings::{NodeName, PlaceHints, Places, ctlcfg};

/// What stands in front of the command, and the command.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) node: Option<String>,
    pub(crate) spool: Option<PathBuf>,
    pub(crate) logs: Option<PathBuf>,
    pub(crate) config: Option<PathBuf>,
    pub(crate) ctl_config: Option<PathBuf>,
    pub(crate) config_dir: Option<PathBuf>,
    pub(crate) no_timeout: bool,
    pub(crate) words: Vec<String>,
}

impl Options {
    /// Reads the command line. COMPAT: own words end at the first word that is none.
    pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value after it"));
            match word.as_str() {
                "-n" | "--node" => options.node = Some(value()?),
                "-s" | "--spool" => options.spool = Some(value()?.into()),
                "-l" | "--logs" => options.logs = Some(value()?.into()),
                "-f" | "--config" => options.config = Some(value()?.into()),
                "-c" | "--ctl-config" => options.ctl_config = Some(value()?.into()),
                "-d" | "--config-dir" => options.config_dir = Some(value()?.into()),
                "-t" | "--no-timeout" => options.no_timeout = true,
                _ => {
                    options.words = std::iter::once(word).chain(words).collect();
                    break;
                }
            }
        }
        Ok(options)
    }
}

/// Where the server is.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) places: Places,
}

/// Finds the server's places as the server itself does: the command line wins over the environment, which wins over
/// `ejabberdctl.cfg` beside the configuration.
pub(crate) fn target(
    options: &Options,
    environment: impl Fn(&str) -> Option<OsString>,
    superuser: bool,
) -> Result<Target, String> {
    let path = |name: &str| environment(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let in_folder = |name: &str| options.config_dir.as_deref().map(|folder| folder.join(name));
    let config = options
        .config
        .clone()
        .or_else(|| in_folder("ejabberd.yml"))
        .or_else(|| path("EJABBERD_CONFIG_PATH"));
    let beside =
        config.as_deref().and_then(Path::parent).map(|folder| folder.join("ejabberdctl.cfg"));
    let file = options.ctl_config.clone().or_else(|| in_folder("ejabberdctl.cfg")).or(beside);
    let read = match file.as_deref().and_then(|file| std::fs::read_to_string(file).ok()) {
        Some(text) => {
            let outer = HashMap::new();
            Some(
                ctlcfg::parse("ejabberdctl.cfg", &text, &outer)
                    .map_err(|problems| problems.render(false))?,
            )
        }
        None => None,
    };
    let said = |name: &str| read.as_ref().and_then(|read| read.get(name)).map(str::to_owned);
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let named = || environment("ERLANG_NODE").and_then(|name| name.into_string().ok());
    let node = options.node.clone().or_else(named).or_else(|| said("ERLANG_NODE"));
    let node = match node.filter(|name| !name.is_empty()) {
        Some(name) => Some(NodeName::parse(&name, &machine).map_err(|error| error.to_string())?),
        None => None,
    };
    let hints = PlaceHints {
        config,
        spool: options
            .spool
            .clone()
            .or_else(|| path("SPOOL_DIR"))
            .or_else(|| said("SPOOL_DIR").map(PathBuf::from)),
        logs: options
            .logs
            .clone()
            .or_else(|| path("LOGS_DIR"))
            .or_else(|| said("LOGS_DIR").map(PathBuf::from)),
        node,
        machine,
        home: path("HOME"),
        state_home: path("XDG_STATE_HOME"),
        superuser,
    };
    Ok(Target { places: Places::resolve(&hints) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Options {
        Options::parse(line.split(' ').map(str::to_owned)).unwrap()
    }

    #[test]
    fn own_words_end_at_the_first_other_word() {
        let options =
            parsed("-t --config /a/b.yml --spool /s -n me@here --version 0 kick_user -t --config");
        let expected = Options {
            node: Some("me@here".to_owned()),
            spool: Some("/s".into()),
            config: Some("/a/b.yml".into()),
            no_timeout: true,
            words: ["--version", "0", "kick_user", "-t", "--config"].map(str::to_owned).to_vec(),
            ..Options::default()
        };
        assert_eq!(options, expected);
        assert!(Options::parse(["--spool".to_owned()]).unwrap_err().contains("--spool"));
    }

    #[test]
    fn the_socket_follows_from_command_line_then_environment_then_file() {
        let folder =
            std::env::temp_dir().join(format!("rookeryctl-options-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("ejabberdctl.cfg");
        std::fs::write(&file, "SPOOL_DIR=/from/file\nERLANG_NODE=named@there\n").unwrap();
        let line = format!("--config-dir {} status", folder.display());
        let socket = |line: &str, spool: Option<&str>| {
            let environment =
                |name: &str| spool.filter(|_| name == "SPOOL_DIR").map(OsString::from);
            let target = target(&parsed(line), environment, false).unwrap();
            (target.places.control_socket().display().to_string(), target.places.node.to_string())
        };
        assert_eq!(
            socket(&line, None),
            ("/from/file/control.sock".to_owned(), "named@there".to_owned())
        );
        assert_eq!(socket(&line, Some("/env")).0, "/env/control.sock");
        assert_eq!(socket(&format!("-s /said {line}"), Some("/env")).0, "/said/control.sock");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
