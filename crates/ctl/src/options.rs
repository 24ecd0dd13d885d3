//! The control tool's own words, and the places that follow from them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use settings::{NodeName, PlaceHints, Places};

/// How commands are given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manner {
    /// Whether to wait for ever.
    pub(crate) no_timeout: bool,
    /// The language of errors; English without it.
    pub(crate) language: Option<String>,
}

/// What stands in front of the command, and the command.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) node: Option<String>,
    pub(crate) spool: Option<PathBuf>,
    pub(crate) logs: Option<PathBuf>,
    pub(crate) config: Option<PathBuf>,
    pub(crate) ctl_config: Option<PathBuf>,
    pub(crate) config_dir: Option<PathBuf>,
    pub(crate) manner: Manner,
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
                "-t" | "--no-timeout" => options.manner.no_timeout = true,
                "--language" => options.manner.language = Some(value()?),
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

/// Finds the server's places as the server itself does ([`settings::PlaceHints`]); without any hint, where one listens.
pub(crate) fn target(
    options: &Options,
    environment: impl Fn(&str) -> Option<OsString>,
    superuser: bool,
) -> Result<Target, String> {
    let hints = PlaceHints {
        config: options.config.clone(),
        config_dir: options.config_dir.clone(),
        ctl_config: options.ctl_config.clone(),
        spool: options.spool.clone(),
        logs: options.logs.clone(),
        machine: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        superuser,
        ..PlaceHints::default()
    };
    let hints = hints.or_environment(&environment);
    let listens = |spool: &Path| spool.join("control.sock").exists();
    let hints = match Places::resolve(&hints).control_socket().exists() {
        true => hints,
        false => hints.or_packaged(listens),
    };
    let (mut hints, read) = hints.or_ctl_config().map_err(|problems| problems.render(false))?;
    let said = |name: &str| read.as_ref().and_then(|read| read.get(name)).map(str::to_owned);
    let named = || environment("ERLANG_NODE").and_then(|name| name.into_string().ok());
    let node = options.node.clone().or_else(named).or_else(|| said("ERLANG_NODE"));
    if let Some(name) = node.filter(|name| !name.is_empty()) {
        let name = NodeName::parse(&name, &hints.machine).map_err(|error| error.to_string())?;
        hints.node = Some(name);
    }
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
        let options = parsed(
            "-t --language de --config /a/b.yml --spool /s -n me@here --version 0 kick_user -t --config",
        );
        let expected = Options {
            node: Some("me@here".to_owned()),
            spool: Some("/s".into()),
            config: Some("/a/b.yml".into()),
            manner: Manner { no_timeout: true, language: Some("de".to_owned()) },
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
