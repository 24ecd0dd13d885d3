//! ejabberd from Debian's package, started in the way of its control script but as a node without distribution, so that it
//! neither needs nor starts a port mapper; for its control script, as a node with a fixed port on loopback.

use std::path::PathBuf;
use std::process::Command;

use super::{Numbers, Subject, package_version, write};
use crate::client::HOST;
use crate::error::{BenchError, Doing};

/// Installed version with that of the Erlang runtime.
pub(super) fn version() -> Result<String, BenchError> {
    let ejabberd = package_version("ejabberd")?;
    Ok(format!("{ejabberd}, Erlang {}", package_version("erlang-base")?))
}

/// Writes the configuration: the modules that this project also has, SCRAM-SHA-1 verifiers, no shaper.
pub(super) fn configure(subject: &Subject) -> Result<(), BenchError> {
    write(
        &subject.dir.join("inetrc"),
        "{lookup,[file,native]}.\n{host,{127,0,0,1},[\"localhost\"]}.\n",
    )?;
    let script = std::fs::read_to_string(SCRIPT).doing(|| format!("read {SCRIPT}"))?;
    // It would change to a user of its own, who may not read the folder of the run; that costs it less time.
    let script = script.replace("INSTALLUSER=ejabberd", "INSTALLUSER=");
    write(&subject.dir.join("ejabberdctl"), &script)?;
    let (port, cookie) = (node_port(subject), cookie(subject));
    let options = format!("-setcookie {cookie} -kernel inet_dist_use_interface {{127,0,0,1}}");
    write(
        &subject.dir.join("ejabberdctl.cfg"),
        &format!("ERLANG_NODE={NODE}\nERL_DIST_PORT={port}\nERL_OPTIONS=\"{options}\"\n"),
    )?;
    write(&subject.dir.join("ejabberd.yml"), &yaml(subject, ""))
}

/// Debian's control script.
const SCRIPT: &str = "/usr/sbin/ejabberdctl";
/// The name of the node that takes commands.
const NODE: &str = "bench@localhost";

fn node_port(subject: &Subject) -> u16 {
    subject.address.direct + 1000
}

/// The password of the run as a word that is no option.
fn cookie(subject: &Subject) -> String {
    format!("c{}", subject.site.password)
}

/// The server as a node that takes commands, with a database of its own: one belongs to one node name.
pub(super) fn node(subject: &Subject) -> Result<Command, BenchError> {
    let mut command = runtime(subject, "control-spool")?;
    command.args(["-sname", NODE, "-setcookie", &cookie(subject)]);
    command.args(["-erl_epmd_port", &node_port(subject).to_string(), "-start_epmd", "false"]);
    command.args(["-kernel", "inet_dist_use_interface", "{127,0,0,1}"]);
    Ok(command)
}

/// Debian's control script for [`node`].
pub(super) fn control(subject: &Subject) -> Command {
    let mut command = Command::new("bash");
    command.arg(subject.dir.join("ejabberdctl")).arg("--config-dir").arg(&subject.dir);
    command.arg("--ctl-config").arg(subject.dir.join("ejabberdctl.cfg"));
    command.arg("--logs").arg(&subject.dir).arg("--spool").arg(subject.dir.join("control-spool"));
    command.env("HOME", &subject.dir).current_dir(&subject.dir);
    command
}

/// `ejabberd.yml`, also for this project; `more` is added at its top.
pub(super) fn yaml(subject: &Subject, more: &str) -> String {
    let (starttls, direct) = (subject.address.starttls, subject.address.direct);
    let pem = subject.site.pem.display();
    format!(
        "{more}hosts: [{HOST}]
loglevel: warning
certfiles: [\"{pem}\"]
auth_method: internal
auth_password_format: scram
auth_scram_hash: sha
listen:
  - port: {starttls}
    ip: \"127.0.0.1\"
    module: ejabberd_c2s
    max_stanza_size: 262144
    access: c2s
    starttls_required: true
  - port: {direct}
    ip: \"127.0.0.1\"
    module: ejabberd_c2s
    max_stanza_size: 262144
    access: c2s
    tls: true
acl:
  local:
    user_regexp: \"\"
access_rules:
  local:
    allow: local
  c2s:
    allow: all
modules:
  mod_disco: {{}}
  mod_last: {{}}
  mod_offline: {{}}
  mod_ping: {{}}
  mod_private: {{}}
  mod_roster:
    versioning: true
  mod_stream_mgmt:
    resend_on_timeout: if_offline
  mod_time: {{}}
  mod_vcard: {{}}
  mod_vcard_xupdate: {{}}
  mod_version: {{}}
"
    )
}

/// The server in the foreground.
pub(super) fn command(subject: &Subject) -> Result<Command, BenchError> {
    runtime(subject, "spool")
}

fn runtime(subject: &Subject, spool: &str) -> Result<Command, BenchError> {
    let libs = libs()?;
    let dir = subject.dir.display();
    let mut command = Command::new("erl");
    command.args(["+K", "true", "+P", "250000", "+Bd", "-noinput", "-boot", "start_sasl"]);
    command.args(["-sasl", "sasl_error_logger", "false"]);
    command.arg("-mnesia").arg("dir").arg(format!("\"{dir}/{spool}\"")).args(["-s", "ejabberd"]);
    command.env("ERL_LIBS", libs).env("ERL_MAX_PORTS", "32000").env("ERL_MAX_ETS_TABLES", "1400");
    command.env("ERL_CRASH_DUMP_BYTES", "0").env("ERL_INETRC", subject.dir.join("inetrc"));
    command.env("EJABBERD_CONFIG_PATH", subject.dir.join("ejabberd.yml"));
    command.env("EJABBERD_LOG_PATH", subject.dir.join("ejabberd.log"));
    Ok(command)
}

/// Makes accounts from inside the server, because one command of its control script takes two seconds.
pub(super) fn register(subject: &Subject, numbers: Numbers) -> Result<(), BenchError> {
    let (first, last) = (numbers.start, numbers.end - 1);
    let program = format!(
        "Password = list_to_binary(os:getenv(\"BENCH_PASSWORD\")), \
         lists:foreach(fun(I) -> \
           ok = ejabberd_auth:try_register(<<\"u\", (integer_to_binary(I))/binary>>, <<\"{HOST}\">>, Password) \
         end, lists:seq({first}, {last})), init:stop()."
    );
    let mut command = command(subject)?;
    command.arg("-eval").arg(program).env("BENCH_PASSWORD", &subject.site.password);
    subject.run(command, "make accounts", "register.log")
}

/// Folder that holds the package's Erlang libraries, which depends on the architecture.
fn libs() -> Result<PathBuf, BenchError> {
    let entries = std::fs::read_dir("/usr/lib").doing(|| "list /usr/lib".to_owned())?;
    let mut folders = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let has_ejabberd = |folder: &PathBuf| {
        folder.to_string_lossy().ends_with("-linux-gnu")
            && std::fs::read_dir(folder).is_ok_and(|mut inner| {
                inner.any(|entry| {
                    entry.is_ok_and(|entry| {
                        entry.file_name().to_string_lossy().starts_with("ejabberd-")
                    })
                })
            })
    };
    folders
        .find(has_ejabberd)
        .ok_or_else(|| BenchError::Usage("the package ejabberd has an unknown layout".to_owned()))
}
