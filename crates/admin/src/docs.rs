//! The page `docs/commands.md`, written from the command table.

use std::fmt::Write;

use kernel::commands::{Command, Shape};

use crate::ctl::typed;
use crate::{AWAITED, REFUSED, every_command};

const HEAD: &str = "\
# Commands

<!-- Written from the command table in crates/admin; refresh with: UPDATE_DOCS=1 cargo test -p admin -->

The commands of `rookeryctl`, which answers to the name `ejabberdctl` too. Names, arguments, results and API versions
are those of ejabberd 26.07. `rookeryctl help` shows what the running server offers, commands of its modules included.

Exit status: 0 success; 1 the command failed, or is unknown; 2 wrong number of arguments; 3 no server answers;
7 neither root nor the user who runs the server.

Words in front of the command: `--version N` asks for an older API version (0 to 3), `--auth USER HOST PASSWORD` runs
the command with the rights of that account. A password that is written `-` is read from standard input; on a terminal
it is asked for and not shown.
";

/// Writes the page.
pub fn commands_page() -> String {
    let mut page = HEAD.to_owned();
    let mut commands: Vec<&Command> = every_command().collect();
    commands.sort_by_key(|command| command.name);
    for command in commands {
        one(&mut page, command).expect("writing to a text does not fail");
    }
    page.push_str("\n## Not available yet\n\nKnown by name; asked for one, the server says what it waits for.\n\n");
    page.push_str("| waits for | commands |\n| --- | --- |\n");
    for awaited in AWAITED {
        let names: Vec<String> = awaited.commands.iter().map(|name| format!("`{name}`")).collect();
        writeln!(page, "| {} | {} |", awaited.capability, names.join(" "))
            .expect("writing to a text does not fail");
    }
    page.push_str("\n## Without counterpart\n\n| why | commands |\n| --- | --- |\n");
    for refused in REFUSED {
        let names: Vec<String> = refused.commands.iter().map(|name| format!("`{name}`")).collect();
        writeln!(page, "| {} | {} |", refused.reason, names.join(" "))
            .expect("writing to a text does not fail");
    }
    page
}

fn one(page: &mut String, command: &Command) -> std::fmt::Result {
    writeln!(
        page,
        "\n## {}\n\n{}. Tags: {}.\n",
        command.name,
        command.about,
        command.tags.join(", ")
    )?;
    if let Some(module) = command.needs {
        writeln!(page, "Needs `{module}`.\n")?;
    }
    for version in command.versions {
        let arguments: Vec<String> =
            version.args.iter().map(|field| format!(" `{}`", typed(field))).collect();
        let since = if command.versions.len() > 1 {
            format!("Since API version {}: ", version.since)
        } else {
            String::new()
        };
        let takes = if arguments.is_empty() { " none".to_owned() } else { arguments.concat() };
        let quiet = matches!(version.result.shape, Shape::Rescode);
        let note = if quiet { " (only the exit status)" } else { "" };
        writeln!(page, "- {since}arguments{takes}; result `{}`{note}", typed(&version.result))?;
    }
    Ok(())
}
