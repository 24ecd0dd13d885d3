//! Documentation of the commands that the running server has, written to files.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use kernel::commands::{Arguments, Call, CommandError, Example, Value};

use super::{Command, Field, Kernel, RESCODE, RESTUPLE, Shape, Version, field};
use crate::faces::markdown::{self, Examples};
use crate::faces::{self, Listed, html, man};

/// Longest regular expression, in bytes.
const PATTERN_BYTES_MAX: usize = 1024;
/// What `man` writes.
const MAN_FILE: &str = "rookeryctl.1";

const PAGE_ARGS: &[Field] =
    &[field("file", Shape::Text), field("regexp", Shape::Text), field("examples", Shape::Text)];

const PAGE_EXAMPLE: Example =
    Example { args: &["/home/me/docs/api.html", "mod_admin", "java,json"], prints: "" };

const ABOUT_FILE: &str =
    "The server writes the file, so its user must be allowed to; a file that is there is replaced.";

pub(super) const GEN_HTML: Command = Command {
    name: "gen_html_doc_for_commands",
    tags: &["documentation"],
    about: "Write a page in HTML about the commands whose name or module matches",
    detail: ABOUT_FILE,
    versions: &[Version {
        args: PAGE_ARGS,
        result: RESCODE,
        run: |Call { kernel, arguments, .. }| {
            Box::pin(commands_page(kernel, arguments, html::page))
        },
        example: PAGE_EXAMPLE,
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

pub(super) const GEN_MARKDOWN: Command = Command {
    name: "gen_markdown_doc_for_commands",
    tags: &["documentation"],
    about: "Write a page in Markdown about the commands whose name or module matches",
    detail: ABOUT_FILE,
    versions: &[Version {
        args: PAGE_ARGS,
        result: RESCODE,
        run: |Call { kernel, arguments, .. }| {
            Box::pin(commands_page(kernel, arguments, markdown::page))
        },
        example: PAGE_EXAMPLE,
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

pub(super) const GEN_MARKDOWN_TAGS: Command = Command {
    name: "gen_markdown_doc_for_tags",
    tags: &["documentation"],
    about: "Write a page in Markdown with the commands of every tag",
    detail: ABOUT_FILE,
    versions: &[Version {
        args: &[field("file", Shape::Text)],
        result: RESCODE,
        run: |Call { kernel, arguments, .. }| {
            Box::pin(async move {
                let page = markdown::tags_page(&faces::running(kernel));
                write(arguments.text("file"), page).await?;
                Ok(Value::OK)
            })
        },
        example: Example { args: &["/home/me/docs/tags.md"], prints: "" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

pub(super) const MAN: Command = Command {
    name: "man",
    tags: &["documentation"],
    about: "Write the manual page rookeryctl.1 into the data folder",
    detail: "ejabberd's command of this name writes a page about the options of its configuration; \
             here that page is docs/options.md.",
    versions: &[Version {
        result: RESTUPLE,
        run: |Call { kernel, .. }| {
            Box::pin(async move {
                let path = kernel.store().path().with_file_name(MAN_FILE);
                write(&path.to_string_lossy(), man::rookeryctl(&faces::running(kernel))).await?;
                Ok(Value::Restuple(true, format!("Generated manpage: {}", path.display())))
            })
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

/// The rendering answers it itself; the record is for the pages and for front ends without texts.
pub(super) const HELP: Command = Command {
    name: "help",
    tags: &["ejabberdctl"],
    about: "Explain commands: help [tags | commands | TAG | COMMAND | GLOB]",
    versions: &[Version {
        result: RESCODE,
        run: |_| Box::pin(async { Ok(Value::OK) }),
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

async fn commands_page(
    kernel: &Kernel,
    arguments: Arguments,
    page: fn(&[Listed], Examples) -> String,
) -> Result<Value, CommandError> {
    let commands = matching(faces::running(kernel), arguments.text("regexp"))?;
    let page = page(&commands, examples(arguments.text("examples")));
    write(arguments.text("file"), page).await?;
    Ok(Value::OK)
}

/// The commands whose name, or whose module's name, matches; `runtime` and nothing are all of them.
fn matching(commands: Vec<Listed>, pattern: &str) -> Result<Vec<Listed>, CommandError> {
    if matches!(pattern, "" | "runtime") {
        return Ok(commands);
    }
    let pattern = regex::RegexBuilder::new(pattern)
        .size_limit(PATTERN_BYTES_MAX << 10)
        .build()
        .map_err(|error| CommandError::bad_argument(format!("argument regexp: {error}")))?;
    let found = |listed: &Listed| {
        pattern.is_match(listed.command.name)
            || listed.module.is_some_and(|it| pattern.is_match(it))
    };
    Ok(commands.into_iter().filter(found).collect())
}

/// COMPAT: unknown kinds of examples are no error; a command line is always shown.
fn examples(kinds: &str) -> Examples {
    let has_json = kinds.split(',').any(|kind| kind.trim() == "json");
    if has_json { Examples::Json } else { Examples::CommandLine }
}

/// Writes a file whole or not at all: a name that is a folder, a device or a link is not followed.
async fn write(file: &str, page: String) -> Result<(), CommandError> {
    if file.is_empty() {
        return Err(CommandError::bad_argument("argument file must be the path of a file"));
    }
    let path = PathBuf::from(file);
    let shown = path.display().to_string();
    let written = tokio::task::spawn_blocking(move || {
        let mut fresh = path.clone().into_os_string();
        fresh.push(".new");
        let fresh = PathBuf::from(fresh);
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o644).open(&fresh)?;
        file.write_all(page.as_bytes())?;
        std::fs::rename(&fresh, &path).inspect_err(|_| drop(std::fs::remove_file(&fresh)))
    });
    let written = written.await.map_err(CommandError::failed)?;
    written.map_err(|error| CommandError::failed(format!("{shown}: {error}")))
}
