//! The manual page `rookery(1)`, in the macros of man(7), from the command line as clap knows it.

use std::fmt::Write as _;

use admin::faces::man::{escaped, text};
use clap::{Arg, CommandFactory};

use crate::arguments::Arguments;

const HEAD: &str = r#".\" Written from the command line; refresh with: UPDATE_DOCS=1 cargo test -p server
.TH ROOKERY 1 "" "Rookery" "User Commands"
.SH NAME
rookery \- a messaging server in the place of ejabberd
.SH SYNOPSIS
.B rookery
.RI [ option ]...\&
.RI [ task ]
.SH DESCRIPTION
"#;

const TAIL: &str = r#".SH SIGNALS
.TP
.BR SIGTERM ", " SIGINT
End: no new connections, every client told, everything stored.
.TP
.B SIGHUP
Read the configuration again and open the log anew; with an error nothing changes.
.SH FILES
.TP
.I ejabberd.yml
The configuration.
.TP
.I ejabberdctl.cfg
Variables, beside the configuration. The environment wins over it, and the command line over that.
.TP
.I rookery.sqlite
The database, in the data folder.
.TP
.I control.sock
Where
.BR rookeryctl (1)
gives commands, in the data folder.
.TP
.I audit.log
The record of all commands, beside the log.
.SH EXIT STATUS
.TP
.B 0
It ended because it was asked to, or there was nothing wrong to tell.
.TP
.B 1
It could not start, or the configuration is wrong; standard error says why and how to mend it.
.TP
.B 2
The command line is wrong.
.SH SEE ALSO
.BR rookeryctl (1)
"#;

/// Writes the page.
pub(super) fn page() -> String {
    let command = Arguments::command();
    let mut page = HEAD.to_owned();
    let about = command.get_long_about().or_else(|| command.get_about());
    for paragraph in about.map(ToString::to_string).unwrap_or_default().split("\n\n") {
        writeln!(page, "{}\n.PP", text(paragraph)).unwrap();
    }
    page.push_str(".SH TASKS\n");
    for task in command.get_subcommands() {
        let values: Vec<String> = task.get_positionals().flat_map(values).collect();
        let about = task.get_about().map(ToString::to_string).unwrap_or_default();
        let line = [task.get_name().to_owned()].into_iter().chain(values).collect::<Vec<_>>();
        writeln!(page, ".TP\n.B {}\n{}", escaped(&line.join(" ")), text(&about)).unwrap();
    }
    page.push_str(".SH OPTIONS\n");
    command
        .get_arguments()
        .filter(|option| !option.is_positional())
        .for_each(|it| option(&mut page, it));
    page.push_str(".TP\n.BR \\-h \", \" \\-\\-help \", \" \\-V \", \" \\-\\-version\nSay how it is called; say its version.\n");
    page.push_str(TAIL);
    page
}

fn values(option: &Arg) -> Vec<String> {
    option.get_value_names().unwrap_or_default().iter().map(ToString::to_string).collect()
}

fn option(page: &mut String, option: &Arg) {
    let short = option.get_short().map(|letter| format!("-{letter}, ")).unwrap_or_default();
    let Some(long) = option.get_long() else { return };
    let takes = option.get_action().takes_values();
    let value = if takes { values(option).join(" ") } else { String::new() };
    let line = format!("{short}--{long} {value}");
    let help = option.get_long_help().or_else(|| option.get_help());
    let help = help.map(ToString::to_string).unwrap_or_default();
    writeln!(page, ".TP\n.B {}\n{}", escaped(line.trim_end()), text(&help)).unwrap();
    if let Some(variable) = option.get_env() {
        let variable = variable.to_string_lossy();
        writeln!(page, ".br\nIn the environment: {}.", escaped(&variable)).unwrap();
    }
    let defaults = option.get_default_values().iter().map(|value| value.to_string_lossy());
    let defaults: Vec<_> = defaults.filter(|_| takes).collect();
    if !defaults.is_empty() {
        writeln!(page, ".br\nWithout it: {}.", escaped(&defaults.join(" "))).unwrap();
    }
}
