//! Which files this server keeps from other users of the machine, and what happens when it finds them open.
//!
//! The table for people is `docs/files.md`.

use std::fmt::Write as _;
use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use netio::CertOptions;
use settings::exposure::{self, Finding, Guarded, Keep};
use settings::{Loaded, Places};

/// How a start in spite of findings is asked for; named in the refusal.
const ESCAPE: &str = "--allow-exposed-files, or ROOKERY_ALLOW_EXPOSED_FILES=1 in the environment";
/// Files of one folder that are looked at.
const ENTRIES_MAX: usize = 1000;

/// Everything that others could read or change and should not.
pub(crate) fn findings(places: &Places, loaded: &Loaded, uid: u32) -> Vec<Finding> {
    exposure::findings(&guarded(places, loaded), uid)
}

/// The user that the server would run as: for root, who may ask on behalf of another one, the owner of the data.
pub(crate) fn servers_user(places: &Places) -> u32 {
    let own = rustix::process::geteuid();
    let owner = places.spool.metadata().ok().filter(|_| own.is_root());
    owner.map_or(own.as_raw(), |data| data.uid())
}

/// The refusal.
pub(crate) fn refusal(findings: &[Finding]) -> String {
    let mut text = "other users of this machine can get at the server's files:\n".to_owned();
    text.push_str(&exposure::render(findings));
    // Writing to a string cannot fail.
    write!(
        text,
        "\n\nThe indented commands mend it, in this order, given by root or the owner. Where it is meant so, \
         {ESCAPE}, starts the server nevertheless; it will complain at each start."
    )
    .ok();
    text
}

/// What the server says at each start that goes on in spite of findings.
pub(crate) fn complain(findings: &[Finding]) {
    for Finding { path, reason, mend } in findings {
        let path = path.display();
        tracing::error!(%path, mend, "other users can get at this file, and the start was allowed nevertheless: {reason}");
    }
}

/// The files of a configuration that was read.
fn guarded(places: &Places, loaded: &Loaded) -> Vec<Guarded> {
    let mut list = Vec::new();
    let secrets = loaded.config.secrets();
    let is_file = |name: &&str| name.ends_with(".yml") || name.ends_with(".yaml");
    for name in loaded.sources.names().filter(is_file) {
        let holds = secrets.iter().any(|(_, pos)| loaded.sources.name(*pos) == Some(name));
        list.push(match holds {
            true => {
                Guarded::new(name, "the configuration, which holds a password or key", Keep::Secret)
            }
            false => Guarded::new(name, "the configuration", Keep::Unchanged),
        });
    }
    let ctl_config = places.ctl_config();
    list.extend(ctl_config.map(|file| Guarded::new(file, "ejabberdctl.cfg", Keep::Unchanged)));
    let mut certs = CertOptions::from_config(&loaded.config, None);
    let listeners = loaded.config.listeners().iter().map(|listener| &listener.options);
    let with_own = listeners.filter(|options| options.has("certfile"));
    with_own.filter_map(|options| options.text("certfile")).for_each(|file| certs.add_file(file));
    let keys = netio::key_files(&certs);
    list.extend(keys.into_iter().map(|file| Guarded::new(file, "a private key", Keep::Secret)));
    list.push(Guarded::new(&places.spool, "the data folder", Keep::Folder));
    let database = crate::run::database(places, &loaded.config);
    for suffix in ["", "-wal", "-shm", "-journal", "-lock"] {
        let mut file = database.clone().into_os_string();
        file.push(suffix);
        list.push(Guarded::new(file, "the database", Keep::Private));
    }
    list.push(Guarded::new(places.relay_key(), "the key of relay log-ins", Keep::Private));
    let running = places.running_commands();
    list.push(Guarded::new(running, "the list of running commands", Keep::Private));
    list.push(Guarded::new(places.cookie(), "the Erlang cookie", Keep::Private));
    list.push(Guarded::new(places.certificates(), "the folder of own certificates", Keep::Folder));
    for file in entries(&places.certificates(), "") {
        list.push(Guarded::new(file, "a private key", Keep::Private));
    }
    logs(places, &mut list);
    let pid_file = places.pid_file.clone();
    list.extend(pid_file.map(|file| Guarded::new(file, "the pid file", Keep::Unchanged)));
    list
}

/// The log and the audit record with their older parts.
fn logs(places: &Places, list: &mut Vec<Guarded>) {
    let files = [(places.log_file(), "the log"), (Some(places.audit_file()), "the audit record")];
    for (file, what) in files {
        let Some(file) = file else { continue };
        if let (Some(folder), Some(name)) = (file.parent(), file.file_name()) {
            let older = entries(folder, &format!("{}.", name.to_string_lossy()));
            list.extend(older.into_iter().map(|file| Guarded::new(file, what, Keep::Secret)));
        }
        list.push(Guarded::new(file, what, Keep::Secret));
    }
}

/// The files of a folder whose names begin so; none when it cannot be read.
fn entries(folder: &Path, begin: &str) -> Vec<PathBuf> {
    let Ok(read) = folder.read_dir() else { return Vec::new() };
    let names = read.take(ENTRIES_MAX).flatten().map(|entry| entry.file_name());
    names
        .filter(|name| name.to_string_lossy().starts_with(begin))
        .map(|name| folder.join(name))
        .collect()
}

/// The file with the number of this process, for service managers of old; it goes with the server.
pub(crate) struct PidFile(PathBuf);

impl PidFile {
    /// Writes it with mode 0644 whatever the umask; a link or a file of somebody else is never written through.
    ///
    /// # Errors
    /// The system's, with the path.
    pub(crate) fn write(path: &Path) -> io::Result<Self> {
        let at =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let fresh = path.with_extension("new");
        match std::fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(error)),
            _ => {}
        }
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o644).open(&fresh).map_err(at)?;
        file.set_permissions(Permissions::from_mode(0o644)).map_err(at)?;
        file.write_all(format!("{}\n", std::process::id()).as_bytes()).map_err(at)?;
        std::fs::rename(&fresh, path).map_err(at)?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Somebody may have cleaned up before.
        drop(std::fs::remove_file(&self.0));
    }
}
