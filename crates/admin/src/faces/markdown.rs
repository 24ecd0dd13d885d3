//! `docs/commands.md`, and the pages of `gen_markdown_doc_for_commands` and `gen_markdown_doc_for_tags`.

use std::fmt::Write;

use kernel::commands::{Command, Policy, Shape, Version};

use super::{Listed, command_line, explained, tags};
use crate::ctl::typed;
use crate::{AWAITED, REFUSED};

const HEAD: &str = "\
# Commands

<!-- Written from the command table; refresh with: UPDATE_DOCS=1 cargo test -p server -->

The commands of `rookeryctl`, which answers to the name `ejabberdctl` too. Names, arguments, results and API versions
are those of ejabberd 26.07. `rookeryctl help` shows what the running server offers, `man rookeryctl` all of them;
`rookeryctl completion bash|zsh|fish` writes what a shell needs to complete them.

Exit status: 0 success; 1 the command failed, or is unknown; 2 wrong number of arguments; 3 no server answers;
7 neither root nor the user who runs the server.

Words in front of the command: `--version N` asks for an older API version (0 to 3), `--auth USER HOST PASSWORD` runs
the command with the rights of that account. A password that is written `-` is read from standard input; on a terminal
it is asked for and not shown.
";

/// Writes `docs/commands.md`.
pub fn commands_page(commands: &[Listed]) -> String {
    let mut page = HEAD.to_owned();
    for listed in commands {
        command(&mut page, listed, Examples::CommandLine);
    }
    page.push_str("\n## Not available yet\n\nKnown by name; asked for one, the server says what it waits for.\n\n");
    page.push_str("| waits for | commands |\n| --- | --- |\n");
    for awaited in AWAITED {
        let names: Vec<String> = awaited.commands.iter().map(|name| format!("`{name}`")).collect();
        line(&mut page, format_args!("| {} | {} |", awaited.capability, names.join(" ")));
    }
    page.push_str("\n## Without counterpart\n\n| why | commands |\n| --- | --- |\n");
    for refused in REFUSED {
        let names: Vec<String> = refused.commands.iter().map(|name| format!("`{name}`")).collect();
        line(&mut page, format_args!("| {} | {} |", refused.reason, names.join(" ")));
    }
    page
}

/// Which examples a page has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Examples {
    /// As the control tool takes them.
    CommandLine,
    /// As the HTTP API takes them, too.
    Json,
}

/// Writes the page of `gen_markdown_doc_for_commands`.
pub(crate) fn page(commands: &[Listed], examples: Examples) -> String {
    let mut page = "# Commands\n".to_owned();
    commands.iter().for_each(|listed| command(&mut page, listed, examples));
    page
}

/// Writes the page of `gen_markdown_doc_for_tags`.
pub(crate) fn tags_page(commands: &[Listed]) -> String {
    let mut page = "# Commands by tag\n".to_owned();
    for (tag, names) in tags(commands) {
        line(&mut page, format_args!("\n## {tag}\n"));
        names.iter().for_each(|name| line(&mut page, format_args!("- `{name}`")));
    }
    page
}

fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(page, "{text}").expect("writing to a text does not fail");
}

fn command(page: &mut String, listed: &Listed, examples: Examples) {
    let command = &listed.command;
    let mut facts = format!("Tags: {}.", command.tags.join(", "));
    for module in listed.needs() {
        facts.push_str(&format!(" Needs `{module}`."));
    }
    facts.push_str(match command.policy {
        Policy::Restricted => "",
        Policy::Open => " For everybody.",
        Policy::Admin => " For administrators.",
        Policy::User => " Users may call it for themselves.",
    });
    line(page, format_args!("\n## {}\n\n{}. {facts}", command.name, command.about));
    if !command.detail.is_empty() {
        line(page, format_args!("\n{}", command.detail));
    }
    for one in command.versions {
        version(page, command, one, examples);
    }
}

fn version(page: &mut String, command: &Command, version: &Version, examples: Examples) {
    page.push('\n');
    if command.versions.len() > 1 {
        line(page, format_args!("From API version {} on:\n", version.since));
    }
    for field in version.args {
        line(page, format_args!("- `{}`: {}", typed(field), explained(field)));
    }
    let quiet = matches!(version.result.shape, Shape::Rescode);
    let note = if quiet { " (only the exit status)" } else { "" };
    line(page, format_args!("- result `{}`{note}", typed(&version.result)));
    if let Some(shown) = command_line(command, version) {
        line(page, format_args!("\n```console\n$ {shown}"));
        if !version.example.prints.is_empty() {
            line(page, format_args!("{}", version.example.prints));
        }
        page.push_str("```\n");
        if examples == Examples::Json {
            line(page, format_args!("\n```json\n{}\n```", json(version)));
        }
    }
}

/// The example's arguments as the body of a request of the HTTP API.
pub(super) fn json(version: &Version) -> String {
    let mut body = serde_json::Map::new();
    for (field, word) in version.args.iter().zip(version.example.args) {
        body.insert(field.name.to_owned(), of_word(&field.shape, word));
    }
    serde_json::Value::Object(body).to_string()
}

fn of_word(shape: &Shape, word: &str) -> serde_json::Value {
    match shape {
        Shape::Integer => word.parse::<i64>().map_or(serde_json::Value::from(word), Into::into),
        Shape::List(_) if word.trim().is_empty() => serde_json::Value::Array(Vec::new()),
        Shape::List(item) => {
            word.split(',').map(|part| of_word(&item.shape, part.trim())).collect()
        }
        Shape::Tuple(fields) => fields
            .iter()
            .zip(word.split(':'))
            .map(|(field, part)| (field.name.to_owned(), of_word(&field.shape, part)))
            .collect(),
        _ => word.into(),
    }
}
