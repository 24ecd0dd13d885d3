//! prosody from Debian's package.

use std::fs;
use std::process::Command;

use super::{Numbers, Subject, package_version, write};
use crate::client::HOST;
use crate::error::{BenchError, Doing};
use crate::scram::{self, ITERATIONS};

/// Installed version with that of Lua.
pub(super) fn version() -> Result<String, BenchError> {
    let prosody = package_version("prosody")?;
    let lua = package_version("lua5.4").unwrap_or_else(|_| "unknown".to_owned());
    Ok(format!("{prosody}, Lua {lua}"))
}

/// Writes the configuration: the modules that this project also has, SCRAM-SHA-1 verifiers, no limits.
pub(super) fn configure(subject: &Subject) -> Result<(), BenchError> {
    let dir = subject.dir.display();
    let pem = subject.site.pem.display();
    let (starttls, direct) = (subject.address.starttls, subject.address.direct);
    let text = format!(
        "run_as_root = true
daemonize = false
pidfile = \"{dir}/prosody.pid\"
data_path = \"{dir}/data\"
log = {{ warn = \"*console\" }}
interfaces = {{ \"127.0.0.1\" }}
c2s_ports = {{ {starttls} }}
c2s_direct_tls_ports = {{ {direct} }}
s2s_ports = {{}}
modules_disabled = {{ \"s2s\" }}
c2s_require_encryption = true
authentication = \"internal_hashed\"
password_hash = \"SHA-1\"
default_iteration_count = {ITERATIONS}
storage = \"internal\"
ssl = {{ key = \"{pem}\", certificate = \"{pem}\" }}
modules_enabled = {{ \"disco\", \"roster\", \"saslauth\", \"tls\", \"smacks\", \"private\", \"vcard\",
  \"lastactivity\", \"version\", \"uptime\", \"time\", \"ping\" }}
VirtualHost \"{HOST}\"
"
    );
    let accounts = subject.dir.join(format!("data/{HOST}/accounts"));
    fs::create_dir_all(&accounts).doing(|| format!("create {}", accounts.display()))?;
    write(&subject.dir.join("prosody.cfg.lua"), &text)
}

/// The server in the foreground.
pub(super) fn command(subject: &Subject) -> Command {
    let mut command = Command::new("prosody");
    command.arg("--config").arg(subject.dir.join("prosody.cfg.lua")).arg("-F");
    command
}

/// Writes account files, because one command of its control script takes a quarter of a second.
pub(super) fn register(subject: &Subject, numbers: Numbers) -> Result<(), BenchError> {
    let salt = "0b5c6ef1-5d4a-4e3d-9c3a-7f1b2c3d4e5f";
    let verifier = scram::verifier(&subject.site.password, salt.as_bytes());
    let text = format!(
        "return {{\n\t[\"salt\"] = \"{salt}\";\n\t[\"iteration_count\"] = {ITERATIONS};\n\t[\"stored_key\"] = \"{}\";\n\
         \t[\"server_key\"] = \"{}\";\n}};\n",
        hex(&verifier.stored_key),
        hex(&verifier.server_key)
    );
    let folder = subject.dir.join(format!("data/{HOST}/accounts"));
    for number in numbers {
        write(&folder.join(format!("u{number}.dat")), &text)?;
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
