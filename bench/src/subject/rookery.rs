//! This project's own server, with the same `ejabberd.yml` as ejabberd plus the place of its data.

use std::process::Command;

use super::{Numbers, Subject, ejabberd, write};
use crate::client::HOST;
use crate::error::{BenchError, Doing};

/// What the binary says about itself.
pub(super) fn version(site: &super::Site) -> Result<String, BenchError> {
    let output = Command::new(&site.rookery).arg("--version").output().map_err(|error| {
        BenchError::Usage(format!(
            "the binary of --rookery does not run ({error}); build it with: cargo build --release"
        ))
    })?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Writes the configuration.
pub(super) fn configure(subject: &Subject) -> Result<(), BenchError> {
    let dir = subject.dir.display();
    let more = format!(
        "default_db: sql\nsql_type: sqlite\nsql_database: \"{dir}/rookery.db\"\nauth_stored_password_types: [scram_sha1]\n"
    );
    write(&subject.dir.join("ejabberd.yml"), &ejabberd::yaml(subject, &more))
}

/// The server in the foreground.
pub(super) fn command(subject: &Subject) -> Command {
    let mut command = Command::new(&subject.site.rookery);
    command.arg("serve").arg("--config").arg(subject.dir.join("ejabberd.yml"));
    command
}

/// The control tool.
pub(super) fn control(subject: &Subject) -> Command {
    let mut command = Command::new(&subject.site.rookeryctl);
    command.arg("--config").arg(subject.dir.join("ejabberd.yml"));
    command.env("HOME", &subject.dir).current_dir(&subject.dir);
    command
}

/// Makes accounts over the control socket of the running server.
pub(super) fn register(subject: &Subject, numbers: Numbers) -> Result<(), BenchError> {
    let instance = subject.start()?;
    for number in numbers {
        let mut command = control(subject);
        command.arg("register").arg(format!("u{number}")).arg(HOST).arg(&subject.site.password);
        let output =
            command.output().doing(|| format!("execute {}", subject.site.rookeryctl.display()))?;
        if !output.status.success() {
            let answer = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(BenchError::Usage(format!(
                "rookeryctl register u{number} failed: {answer}"
            )));
        }
    }
    instance.stop()
}
