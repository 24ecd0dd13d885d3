//! `convert_to_yaml`: a configuration of the time before YAML, made into one that this server loads.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use access::Access;
use kernel::commands::{Call, CommandError, Example, Value};
use migrate::OldConfig;
use settings::{FileChecks, Inputs, Problems, Source};

use super::backup::Target;
use super::{Command, RESCODE, Shape, Version, field};

pub(super) const CONVERT_TO_YAML: Command = Command {
    name: "convert_to_yaml",
    tags: &["config"],
    about: "Make a new ejabberd.yml from an old ejabberd.cfg of Erlang terms",
    detail: "Files that it includes are taken in, macros are replaced by their values, and old options get their present \
             names. What has no place any more stands in the new file as a comment, and is told. The new file has mode \
             0600, since passwords are in it; a file that is there is not replaced. It is loaded for a trial: where that \
             fails, the file is written all the same, to be mended by hand, and the command fails.",
    versions: &[Version {
        args: &[field("in", Shape::Text), field("out", Shape::Text)],
        result: RESCODE,
        run: |call| Box::pin(convert_to_yaml(call)),
        example: Example {
            args: &["/etc/ejabberd/ejabberd.cfg", "/etc/ejabberd/ejabberd.yml"],
            prints: "",
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

async fn convert_to_yaml(call: Call<'_>) -> Result<Value, CommandError> {
    let (source, target) = (Target::of(&call, "in")?.path, Target::of(&call, "out")?.path);
    let database = call.kernel.store().path().parent().unwrap_or(Path::new(".")).to_owned();
    let work = move || convert(&source, &target, database);
    let done = call.kernel.store().aside("convert", work).await.map_err(CommandError::failed)?;
    let (told, problems) = done.map_err(CommandError::bad_argument)?;
    for line in told {
        tracing::info!("convert_to_yaml: {line}");
        call.progress.tell(line);
    }
    match problems {
        None => Ok(Value::OK),
        Some(problems) => Err(CommandError::bad_argument(problems)),
    }
}

/// What should be known of the new file, and why it cannot be loaded.
type Outcome = (Vec<String>, Option<String>);

fn convert(source: &Path, target: &Path, database: PathBuf) -> Result<Outcome, String> {
    let old = OldConfig::read(source).map_err(|error| error.to_string())?;
    let problems = load(&old.yaml, target, database).err();
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(target);
    let written = file.and_then(|mut file| {
        file.write_all(old.yaml.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| format!("Failed to write to '{}': {error}", target.display()))?;
    let problems = problems.map(|problems| {
        let list = problems.render(false);
        format!(
            "{} is written and cannot be loaded before this is mended:\n{list}",
            target.display()
        )
    });
    Ok((old.told, problems))
}

/// Loads a configuration as the server would at its start.
fn load(text: &str, target: &Path, database: PathBuf) -> Result<(), Problems> {
    let source = Source::Text { name: target.display().to_string(), text: text.to_owned() };
    let config_path = target.parent().unwrap_or(Path::new(".")).to_owned();
    let inputs = Inputs {
        config_path,
        log_path: database.clone(),
        database_path: database,
        files: FileChecks::Disk,
        ..Inputs::default()
    };
    let loaded = settings::load(&source, &inputs)?;
    let mut problems = Problems::new(loaded.sources.clone());
    let hosts = loaded.config.hosts().iter().map(|host| Some(host.as_str()));
    for host in std::iter::once(None).chain(hosts) {
        if let Err(found) = Access::from_config(&loaded.config, host) {
            problems.extend(found);
        }
    }
    problems.into_result(())
}
