//! From the command line to a checked configuration.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use settings::{
    FileChecks, Inputs, Loaded, NodeName, PlaceHints, Places, Problem, Problems, Source, Sources,
    ctlcfg,
};

use crate::arguments::Arguments;
use crate::{lists, say};

/// The configuration of a server that has none.
pub(crate) const DEFAULTS: &str = include_str!("defaults.yml");

/// Everything that the start needs to know of the outside.
pub(crate) struct Boot {
    pub(crate) places: Places,
    pub(crate) loaded: Loaded,
}

/// Why there is nothing to start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BootError {
    /// The configuration is wrong.
    #[error("{}", .0.render(false))]
    Config(Problems),
}

impl From<Problems> for BootError {
    fn from(problems: Problems) -> Self {
        Self::Config(problems)
    }
}

/// Decides where files are and reads the configuration.
pub(crate) fn boot(arguments: &Arguments) -> Result<Boot, BootError> {
    let places = places(arguments)?;
    let loaded = load(&places)?;
    Ok(Boot { places, loaded })
}

/// Reads the configuration again, from the same places.
pub(crate) fn load(places: &Places) -> Result<Loaded, Problems> {
    let source = match &places.config {
        Some(file) => Source::File(file.clone()),
        None => Source::Text { name: "embedded defaults".to_owned(), text: DEFAULTS.to_owned() },
    };
    settings::load(&source, &inputs(places, FileChecks::Disk))
}

fn inputs(places: &Places, files: FileChecks) -> Inputs {
    let here = PathBuf::from(".");
    let config_path =
        places.config.as_deref().and_then(Path::parent).map_or(here, Path::to_path_buf);
    Inputs {
        env: std::env::vars().filter(|(name, _)| name.starts_with("EJABBERD_MACRO_")).collect(),
        home: std::env::var_os("HOME").map_or_else(|| places.spool.clone(), PathBuf::from),
        config_path,
        log_path: places.logs.clone().unwrap_or_else(|| places.spool.clone()),
        database_path: places.spool.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        files,
    }
}

/// The command line and the environment win over `ejabberdctl.cfg` beside the configuration.
fn places(arguments: &Arguments) -> Result<Places, BootError> {
    let said = arguments.places();
    let beside =
        said.config.as_deref().and_then(Path::parent).map(|folder| folder.join("ejabberdctl.cfg"));
    let mut node = said.node.clone();
    let mut hints = PlaceHints {
        config: said.config.clone(),
        spool: said.spool.clone(),
        logs: said.logs.clone(),
        node: None,
        machine: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        home: std::env::var_os("HOME").map(PathBuf::from),
        state_home: std::env::var_os("XDG_STATE_HOME").map(PathBuf::from),
        superuser: rustix::process::geteuid().is_root(),
    };
    // An unreadable or absent file says nothing; a wrong one is worth an error.
    if let Some(text) = beside.as_deref().and_then(|file| std::fs::read_to_string(file).ok()) {
        let read = ctlcfg::parse("ejabberdctl.cfg", &text, &HashMap::new())?;
        hints.spool = hints.spool.or_else(|| read.get("SPOOL_DIR").map(PathBuf::from));
        hints.logs = hints.logs.or_else(|| read.get("LOGS_DIR").map(PathBuf::from));
        node = node.or_else(|| read.get("ERLANG_NODE").map(str::to_owned));
    }
    if let Some(node) = node.filter(|node| !node.is_empty()) {
        hints.node = Some(NodeName::parse(&node, &hints.machine).map_err(|error| {
            let mut problems = Problems::new(Sources::none());
            problems.push(Problem::general(error.to_string()));
            problems
        })?);
    }
    Ok(Places::resolve(&hints))
}

/// What `ejabberdctl.cfg` beside the configuration has without effect, for people.
pub(crate) fn ctl_notes(places: &Places, colour: bool) -> Vec<String> {
    let file = places.config.as_deref().and_then(Path::parent);
    let text = file.and_then(|folder| std::fs::read_to_string(folder.join("ejabberdctl.cfg")).ok());
    // A wrong file has been refused before.
    let read = text.and_then(|text| ctlcfg::parse("ejabberdctl.cfg", &text, &HashMap::new()).ok());
    let Some(read) = read else { return Vec::new() };
    read.notes.iter().map(|note| note.render(&read.sources, colour)).collect()
}

/// `rookery check FILE`: says everything that is wrong, deprecated or not yet in force.
pub(crate) fn check(arguments: &Arguments, file: &Path) -> ExitCode {
    let colour = say::is_terminal();
    let checked = Arguments::for_file(arguments, file);
    let read = places(&checked).and_then(|places| {
        settings::load(&Source::File(file.to_owned()), &inputs(&places, FileChecks::Disk))
            .map_err(BootError::from)
    });
    let loaded = match read {
        Ok(loaded) => loaded,
        Err(BootError::Config(problems)) => return say::refused(&problems.render(colour)),
    };
    let mut problems = Problems::new(loaded.sources.clone());
    let mut notes = loaded.notes.clone();
    let hosts = loaded.config.hosts().iter().map(|host| Some(host.as_str()));
    for host in [None].into_iter().chain(hosts) {
        match access::Access::from_config(&loaded.config, host) {
            Ok((_, found)) => {
                notes.extend(found.into_iter().filter(|note| !loaded.notes.contains(note)))
            }
            Err(found) => problems.extend(found),
        }
    }
    notes.dedup();
    if let Err(problems) = problems.into_result(()) {
        return say::refused(&problems.render(colour));
    }
    let absent = loaded.config.set_but_not_in_force(&lists::in_force(&loaded.config));
    let own = Places { config: Some(file.to_owned()), ..Places::resolve(&PlaceHints::default()) };
    say::noted(&ctl_notes(&own, colour));
    say::checked(file, &loaded, &notes, &absent, colour)
}
