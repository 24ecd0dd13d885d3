//! From the command line to a checked configuration.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use access::Access;
use admin::control::Group;
use kernel::commands::Command;
use settings::{
    Config, FileChecks, Inputs, Loaded, NodeName, Note, PlaceHints, Places, Problem, Problems,
    Section, Source, Sources,
    ctlcfg::{self, CtlConfig},
};

use crate::arguments::Arguments;
use crate::audit::{self, Surroundings};
use crate::{erlang, files, lists, say};

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
    let mut loaded = settings::load(&source, &inputs(places, FileChecks::Disk))?;
    let mut problems = Problems::new(loaded.sources.clone());
    for found in [permissions(&loaded.config), named_rules(&loaded.config)] {
        match found {
            Ok(notes) => loaded.notes.extend(notes),
            Err(found) => problems.extend(found),
        }
    }
    problems.into_result(loaded)
}

/// What is wrong with the rules that options of hosts, modules and listeners hold or name, or probably not meant.
fn named_rules(config: &Config) -> Result<Vec<Note>, Vec<Problem>> {
    let mut notes = Vec::new();
    let mut problems = Vec::new();
    let mut take = |found: Result<Vec<Note>, Vec<Problem>>| match found {
        Ok(found) => notes.extend(found),
        Err(found) => problems.extend(found),
    };
    let (global, _) = Access::from_config(config, None)?;
    let mut hosts = Vec::new();
    for host in config.hosts() {
        let own = match Access::from_config(config, Some(host)) {
            Ok((own, _)) => own,
            Err(found) => {
                take(Err(found));
                continue;
            }
        };
        let modules = config.modules(host).iter().map(|module| &module.options);
        for options in [config.host(host)].into_iter().chain(modules) {
            let found = Access::check_options(&[&own], options);
            take(
                found.map(|notes| {
                    notes.into_iter().map(|note| explain(note, config, host)).collect()
                }),
            );
        }
        hosts.push(own);
    }
    let everywhere: Vec<&Access> = [&global].into_iter().chain(&hosts).collect();
    for listener in config.listeners() {
        take(Access::check_options(&everywhere, &listener.options));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut once: Vec<Note> = Vec::new();
    for note in notes {
        // Hosts that share a line would each say the same of it.
        if !once.contains(&note) {
            once.push(note);
        }
    }
    Ok(once)
}

/// Says why a rule that stands at the top level may not be there for a host.
fn explain(mut note: Note, config: &Config, host: &str) -> Note {
    let replaced = |name: &&&str| {
        let place = |options: &Section| options.is_set(name).then(|| options.pos(name));
        place(config.host(host)) != place(config.global())
    };
    if let Some(name) = ["access_rules", "shaper_rules", "acl"].iter().find(replaced) {
        let why = format!("{host} has `{name}` of its own, in place of those at the top level");
        note.problem = note.problem.note(why);
    }
    note
}

fn inputs(places: &Places, files: FileChecks) -> Inputs {
    let here = PathBuf::from(".");
    let config_path =
        places.config.as_deref().and_then(Path::parent).map_or(here, Path::to_path_buf);
    Inputs {
        env: std::env::vars().filter(|(name, _)| name.starts_with("EJABBERD_MACRO_")).collect(),
        home: places.home.clone(),
        config_path,
        log_path: places.logs.clone().unwrap_or_else(|| places.spool.clone()),
        database_path: places.spool.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        files,
    }
}

/// The places as [`settings::PlaceHints`] orders them; without any hint, those of a package whose data are ours.
fn places(arguments: &Arguments) -> Result<Places, BootError> {
    let said = arguments.places();
    let own = rustix::process::geteuid();
    let hints = PlaceHints {
        config: said.config.clone(),
        spool: said.spool.clone(),
        logs: said.logs.clone(),
        machine: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        superuser: own.is_root(),
        ..PlaceHints::default()
    };
    let is_own = |spool: &Path| spool.metadata().is_ok_and(|data| data.uid() == own.as_raw());
    let hints = hints.or_environment(|name| std::env::var_os(name)).or_packaged(is_own);
    let (mut hints, read) = hints.or_ctl_config()?;
    let in_file = || read.as_ref()?.get("ERLANG_NODE").map(str::to_owned);
    let node = said.node.clone().or_else(in_file);
    if let Some(node) = node.filter(|node| !node.is_empty()) {
        hints.node = Some(NodeName::parse(&node, &hints.machine).map_err(|error| {
            let mut problems = Problems::new(Sources::none());
            problems.push(Problem::general(error.to_string()));
            problems
        })?);
    }
    Ok(Places::resolve(&hints))
}

/// What is wrong with `api_permissions`, or probably not meant. Commands that will come count as known.
pub(crate) fn permissions(config: &Config) -> Result<Vec<Note>, Vec<Problem>> {
    let Some(section) = config.global().node("api_permissions") else { return Ok(Vec::new()) };
    let (global, _) = Access::from_config(config, None)?;
    let (_, mut notes) = access::ApiPermissions::from_node(Some(section), &global)?;
    let of_modules = lists::MODULES.iter().copied().flatten().flat_map(|module| module.commands);
    let own = lists::OWN_COMMANDS.iter().copied().flatten();
    let declared: Vec<&Command> = own.chain(of_modules).collect();
    let awaited = admin::AWAITED.iter().flat_map(|awaited| awaited.commands.iter().copied());
    // COMPAT: every file made from ejabberd's sample forbids `start`, which is no command of a running server.
    let known = declared.iter().map(|command| command.name).chain(awaited).chain(["start"]);
    let names: Vec<&str> = known.collect();
    let tags: Vec<&str> =
        declared.iter().flat_map(|command| command.tags.iter().copied()).collect();
    notes.extend(access::ApiPermissions::unknown_commands(section, &names, &tags));
    Ok(notes)
}

/// `ejabberdctl.cfg` beside the configuration; one that is absent or cannot be read says nothing, as for places.
///
/// # Errors
/// What is wrong in it.
pub(crate) fn ctl_config(places: &Places) -> Result<Option<CtlConfig>, Problems> {
    let text = places.ctl_config().and_then(|file| std::fs::read_to_string(file).ok());
    text.map(|text| ctlcfg::parse("ejabberdctl.cfg", &text, &HashMap::new())).transpose()
}

/// What `ejabberdctl.cfg` has without effect, for people.
pub(crate) fn ctl_notes(places: &Places, colour: bool) -> Vec<String> {
    // A wrong file has been refused before.
    let Ok(Some(read)) = ctl_config(places) else { return Vec::new() };
    read.notes.iter().map(|note| note.render(&read.sources, colour)).collect()
}

/// The group that may give commands: by the command line, the environment or `ejabberdctl.cfg`, in this order.
///
/// # Errors
/// That there is none of this name.
pub(crate) fn control_group(
    arguments: &Arguments,
    places: &Places,
) -> std::io::Result<Option<Group>> {
    let in_file = || {
        let read = ctl_config(places).ok().flatten()?;
        read.get("ROOKERY_CONTROL_GROUP").map(str::to_owned)
    };
    let named = arguments.places().control_group.clone().or_else(in_file);
    let Some(name) = named.filter(|name| !name.is_empty()) else { return Ok(None) };
    match settings::users::group_id(&name) {
        Some(gid) => Ok(Some(Group { name, gid })),
        None => Err(std::io::Error::other(format!(
            "there is no group {name}; make it with `groupadd --system {name}`, or name another one in ROOKERY_CONTROL_GROUP"
        ))),
    }
}

/// `rookery check FILE`: says everything that is wrong, deprecated or not yet in force, and what a security audit
/// finds; with `strict` a serious finding fails.
pub(crate) fn check(arguments: &Arguments, file: &Path, strict: bool) -> ExitCode {
    let colour = say::is_terminal();
    let checked = Arguments::for_file(arguments, file);
    let read = boot(&checked);
    let Boot { places, loaded } = match read {
        Ok(boot) => boot,
        Err(BootError::Config(problems)) => return say::refused(&problems.render(colour)),
    };
    let mut problems = Problems::new(loaded.sources.clone());
    let mut notes = loaded.notes.clone();
    let hosts = loaded.config.hosts().iter().map(|host| Some(host.as_str()));
    for host in [None].into_iter().chain(hosts) {
        match Access::from_config(&loaded.config, host) {
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
    let erlang = match erlang::options(&checked, &places, &loaded.config) {
        Ok(options) => options,
        Err(why) => return say::refused(&why),
    };
    if let Err(why) = control_group(&checked, &places) {
        return say::refused(&why.to_string());
    }
    let absent = loaded.config.set_but_not_in_force(&lists::in_force(&loaded.config));
    say::noted(&ctl_notes(&places, colour));
    let told = erlang::told(erlang.as_ref(), &places);
    say::checked(file, &loaded, &notes, &absent, &told, colour);
    let exposed = files::findings(&places, &loaded, files::servers_user(&places));
    let allowed = exposed.is_empty() || arguments.places().allow_exposed_files;
    // What keeps the server from starting is said once, below.
    let accepted = if allowed { exposed.as_slice() } else { &[] };
    let surroundings = Surroundings::new(erlang.as_ref(), &places, accepted);
    let findings = audit::of_file(&loaded, &surroundings);
    let done = say::audited(&findings, &loaded.sources, colour, strict);
    match allowed {
        true => done,
        false => {
            say::refused(&format!("\nthe server would not start: {}", files::refusal(&exposed)))
        }
    }
}
