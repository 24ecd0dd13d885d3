//! The files of ejabberd's `export_db` and `import_db`: the data of a host, a file for each module.
//!
//! ejabberd has records for accounts, rosters, archives and rooms. What else this server stores goes into files of its
//! own beside them, whose names ejabberd passes over. `docs/serialized.md` describes the format.

mod export;
mod frames;
mod import;
mod schema;

pub use export::Exporting;
pub use import::Importing;

use schema::{AUTH, CARD, Kind, LAST, MESSAGE, OWN_ROSTER, PRIVATE, ROSTER};

/// What a file of terms begins with, if it is not empty.
const MAGIC: &[u8] = b"dbdb";

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Erlang's external term format: what ejabberd reads.
    Terms,
    /// An object of JSON a line.
    Json,
}

impl Format {
    /// The format of a name that a command has: `dbser` or `json`.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "dbser" => Some(Self::Terms),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    /// The end of a file's name.
    fn extension(self) -> &'static str {
        match self {
            Self::Terms => "dbser",
            Self::Json => "json",
        }
    }

    /// What a file begins with, if it is not empty.
    fn begins(self) -> &'static [u8] {
        match self {
            Self::Terms => MAGIC,
            Self::Json => b"{",
        }
    }
}

/// What one file is about.
struct Subject {
    /// ejabberd's name of who owns the data.
    module: &'static str,
    /// What the file is called by, between the host and the extension.
    stem: &'static str,
    kind: &'static Kind,
}

/// All of them, in the order in which they are written and read: later ones complete earlier ones.
static SUBJECTS: [Subject; 7] = [
    Subject { module: "ejabberd_auth", stem: "ejabberd_auth", kind: &AUTH },
    Subject { module: "mod_roster", stem: "mod_roster", kind: &ROSTER },
    Subject { module: "mod_roster", stem: "rookery_mod_roster", kind: &OWN_ROSTER },
    Subject { module: "mod_private", stem: "rookery_mod_private", kind: &PRIVATE },
    Subject { module: "mod_vcard", stem: "rookery_mod_vcard", kind: &CARD },
    Subject { module: "mod_last", stem: "rookery_mod_last", kind: &LAST },
    Subject { module: "mod_offline", stem: "rookery_mod_offline", kind: &MESSAGE },
];

/// The names of modules, each once.
fn listed<'a>(modules: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<&str> = modules.collect();
    names.dedup();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}
