//! The manual page `rookeryctl(1)`, in the macros of man(7).

use kernel::commands::{Shape, Version};

use super::{Listed, command_line, explained};
use crate::ctl::typed;
use crate::{AWAITED, REFUSED};

const HEAD: &str = r#".\" Written from the command table; refresh with: UPDATE_DOCS=1 cargo test -p server
.TH ROOKERYCTL 1 "" "Rookery" "User Commands"
.SH NAME
rookeryctl \- give commands to a running Rookery server
.SH SYNOPSIS
.B rookeryctl
.RI [ option ]...\&
.I command
.RI [ argument ]...
.SH DESCRIPTION
Sends a command to the server over its control socket and prints the answer.
Called by the name
.B ejabberdctl
it does the same; names, arguments, output and exit status are those of ejabberd.
.PP
Only root and the user who runs the server may call it, and members of a group that the administrator named.
A password that is written
.B \-
is read from standard input; on a terminal it is asked for and not shown.
.SH OPTIONS
Options stand before the command.
.TP
.BR \-f ", " \-\-config " \fIfile\fR"
The configuration the server was started with.
.TP
.BR \-d ", " \-\-config\-dir " \fIdir\fR"
The folder of ejabberd.yml and ejabberdctl.cfg.
.TP
.BR \-c ", " \-\-ctl\-config " \fIfile\fR"
The ejabberdctl.cfg to read.
.TP
.BR \-s ", " \-\-spool " \fIdir\fR"
The data folder, where the control socket is.
.TP
.BR \-l ", " \-\-logs " \fIdir\fR"
The log folder.
.TP
.BR \-n ", " \-\-node " \fIname\fR"
The server's name; it is shown only.
.TP
.BR \-t ", " \-\-no\-timeout
Wait for ever; a minute otherwise.
.TP
.BR \-\-language " \fItag\fR"
Errors in another language: de, es or fr. The locale changes nothing, except in
.BR live .
.TP
.BR \-\-version " \fIN\fR"
The API version of arguments and results, 0 to 3; the newest otherwise.
.TP
.BR \-\-auth " \fIuser host password\fR"
Use the rights of that account.
.TP
.BR \-h ", " \-\-help ", " \-V
Say how the tool is called; say its version.
.SH WORDS OF THE TOOL ITSELF
.TP
.B ping
Say pong if the server answers, else pang.
.TP
.B start
Start the server, which then runs on without this terminal. Status 1 means that it could not, with the
reason; status 4 that it runs already.
.TP
.BR foreground ", " foreground-quiet
Become the server; the second shows nothing on standard output.
.TP
.BR started ", " stopped
Wait until the server has started or stopped, a minute at most.
.TP
.B live
Show the server's log as it happens and take commands.
.TP
.BR completion " bash|zsh|fish"
Write what a shell needs to complete commands.
.TP
.BR help " [\fItags\fR|\fIcommands\fR|\fItag\fR|\fIcommand\fR|\fIglob\fR]"
Explain what the running server offers.
.SH COMMANDS
"#;

const TAIL: &str = r".SH EXIT STATUS
.TP
.B 0
Success.
.TP
.B 1
The command failed, or is unknown.
.TP
.B 2
Wrong number of arguments.
.TP
.B 3
No server answers.
.TP
.B 7
The caller may not give commands.
.SH ENVIRONMENT
.BR EJABBERD_CONFIG_PATH ,
.BR SPOOL_DIR ,
.B LOGS_DIR
and
.B ERLANG_NODE
stand for the options of the same meaning; an option wins over them, and they win over ejabberdctl.cfg.
";

/// Writes the page.
pub fn rookeryctl(commands: &[Listed]) -> String {
    let mut page = HEAD.to_owned();
    for listed in commands {
        let command = &listed.command;
        page.push_str(&format!(".SS {}\n{}.\n", escaped(command.name), text(command.about)));
        for paragraph in command.detail.split("\n\n").filter(|text| !text.is_empty()) {
            page.push_str(&format!(".PP\n{}\n", text(paragraph)));
        }
        for module in listed.needs() {
            page.push_str(&format!("Needs the module {}.\n", escaped(module)));
        }
        for one in command.versions {
            version(&mut page, listed, one);
        }
    }
    page.push_str(".SH NOT AVAILABLE YET\n");
    for awaited in AWAITED {
        let names = escaped(&awaited.commands.join(", "));
        page.push_str(&format!(".TP\nWaits for {}:\n{names}\n", escaped(awaited.capability)));
    }
    page.push_str(".SH WITHOUT COUNTERPART\n");
    for refused in REFUSED {
        let names = escaped(&refused.commands.join(", "));
        page.push_str(&format!(".TP\n{}:\n{names}\n", escaped(refused.reason)));
    }
    page.push_str(TAIL);
    page
}

fn version(page: &mut String, listed: &Listed, version: &Version) {
    let command = &listed.command;
    if command.versions.len() > 1 {
        page.push_str(&format!(".PP\nFrom API version {} on:\n", version.since));
    }
    for field in version.args {
        page.push_str(&format!(
            ".TP\n.B {}\n{}\n",
            escaped(&typed(field)),
            text(&explained(field))
        ));
    }
    if !matches!(version.result.shape, Shape::Rescode) {
        page.push_str(&format!(".TP\nResult\n{}\n", escaped(&typed(&version.result))));
    }
    if let Some(line) = command_line(command, version) {
        page.push_str(&format!(".PP\n.nf\n.RS\n$ {}\n", escaped(&line)));
        version.example.prints.lines().for_each(|line| page.push_str(&format!("{}\n", text(line))));
        page.push_str(".RE\n.fi\n");
    }
}

/// A text where roff takes nothing for its own.
pub fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-").replace('…', "...")
}

/// The same at the beginning of a line, where a full stop or an apostrophe would begin a request.
pub fn text(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
        format!("{guard}{}", escaped(line))
    });
    lines.collect::<Vec<_>>().join("\n")
}
