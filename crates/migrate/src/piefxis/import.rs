//! Reading the files, and those they include.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use jid::{BareJid, Jid};
use kernel::Kernel;
use sasl::ScramHash;
use stdx::Secret;
use xmlstream::Element;
use xmpp_wire::ns;

use super::cutter::{CutError, Cutter, Piece};
use super::{NS, NS_OLD, NS_SCRAM, NS_XI};
use crate::migration::Migration;
use crate::passwords::{Password, Passwords, verifier};
use crate::report::{MigrateError, Report};
use crate::roster::{self, Item};
use crate::sink::Sink;
use crate::words::{Pace, account, open};

/// Files that include each other in a row at most; a file that includes itself ends here.
const INCLUDES_DEEP_MAX: usize = 4;
/// Contacts of one account at most: they are put together in memory.
const CONTACTS_MAX: usize = 100_000;
/// Parts of accounts that there is nothing for in this server yet; they may be large and are not even read.
const PASSED_OVER: [&str; 2] = ["archive", "pubsub"];

impl Migration {
    /// Reads a file of XEP-0227 and those it includes. What an account has is replaced where the file has the same.
    ///
    /// # Errors
    /// [`MigrateError`]; batches that were complete before are stored, and importing the mended file again is right.
    pub async fn import_piefxis(&self, source: PathBuf) -> Result<Report, MigrateError> {
        let migration = self.clone();
        let read = move || {
            let mut import = Import::new(&migration, &source)?;
            import.file(&source, 0)?;
            import.finish()
        };
        self.store.aside("import_piefxis", read).await?
    }
}

/// The account whose parts are coming.
struct User {
    account: BareJid,
    passwords: Vec<Password>,
    contacts: BTreeMap<String, Item>,
}

struct Import {
    /// Nothing outside of this folder is read.
    folder: PathBuf,
    kernel: Kernel,
    passwords: Passwords,
    sink: Sink,
    pace: Pace,
    report: Report,
    /// Open containers by their local names, across included files.
    around: Vec<String>,
    host: Option<String>,
    user: Option<User>,
    users: u64,
}

impl Import {
    fn new(migration: &Migration, source: &Path) -> Result<Self, MigrateError> {
        let real = source.canonicalize().map_err(MigrateError::io(source))?;
        Ok(Self {
            folder: real.parent().unwrap_or(Path::new("/")).to_owned(),
            kernel: migration.kernel.clone(),
            passwords: migration.passwords(),
            sink: migration.sink(),
            pace: migration.pace(),
            report: Report::default(),
            around: Vec::new(),
            host: None,
            user: None,
            users: 0,
        })
    }

    fn finish(mut self) -> Result<Report, MigrateError> {
        self.sink.flush()?;
        Ok(self.report)
    }

    fn file(&mut self, path: &Path, deep: usize) -> Result<(), MigrateError> {
        let mut cutter = Cutter::new(open(path)?);
        let mut first = true;
        loop {
            let piece =
                cutter.next(|name| PASSED_OVER.contains(&name)).map_err(|error| match error {
                    CutError::Io(source) => MigrateError::Io { path: path.to_owned(), source },
                    other => MigrateError::format(path, other),
                })?;
            let Some(piece) = piece else { return Ok(()) };
            if std::mem::take(&mut first) && deep == 0 && !begins_export(&piece) {
                let what =
                    "this is no file of XEP-0227: its root is neither <server-data/> nor <host/>";
                return Err(MigrateError::format(path, what));
            }
            match piece {
                Piece::Open(element) => self.open_container(&element, path)?,
                Piece::Close => self.close_container()?,
                Piece::PassedOver(name) => {
                    self.report.skipped(&format!(
                        "<{name}/> (there is nothing for it in this server yet)"
                    ));
                }
                Piece::Element(element) if element.is("include", NS_XI) => {
                    let included = self.included(&element, path)?;
                    if deep >= INCLUDES_DEEP_MAX {
                        return Err(MigrateError::format(
                            path,
                            "files include each other too deeply",
                        ));
                    }
                    self.file(&included, deep + 1)?;
                }
                Piece::Element(element) => self.element(element)?,
            }
        }
    }

    /// The file that an element includes: a relative name without tricks, in the folder of the main file.
    fn included(&self, include: &Element, path: &Path) -> Result<PathBuf, MigrateError> {
        let refuse = |what: &str| Err(MigrateError::format(path, what));
        if include.attr("parse").is_some_and(|parse| parse != "xml")
            || include.attr("xpointer").is_some()
        {
            return refuse("only whole XML files can be included");
        }
        let Some(name) = include.attr("href").filter(|name| !name.is_empty()) else {
            return refuse("an include has no `href`");
        };
        let plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        if !plain || name.contains([':', '%', '\0']) {
            return refuse("an include leads out of the folder, and nothing outside is read");
        }
        let included = path.parent().unwrap_or(Path::new(".")).join(name);
        let real = included.canonicalize().map_err(MigrateError::io(&included))?;
        if !real.starts_with(&self.folder) {
            return refuse("an include leads out of the folder, and nothing outside is read");
        }
        Ok(real)
    }

    fn open_container(&mut self, element: &Element, path: &Path) -> Result<(), MigrateError> {
        let ours = matches!(element.ns(), NS | NS_OLD);
        let name = element.name().to_owned();
        match name.as_str() {
            "host" if ours => {
                if self.host.is_some() {
                    return Err(MigrateError::format(path, "a host holds another host"));
                }
                let host = element.attr("jid").unwrap_or_default();
                self.host = account("x", host).map(|it| it.domain().as_str().to_owned());
                if let Some(name) = &self.host
                    && self.kernel.host(name).is_none()
                {
                    self.report.skipped(&format!(
                        "host {name} (not among the hosts of the configuration)"
                    ));
                    self.host = None;
                }
            }
            "user" if ours => self.open_user(element),
            _ => {}
        }
        self.around.push(name);
        Ok(())
    }

    fn open_user(&mut self, element: &Element) {
        let Some(host) = &self.host else { return self.report.skipped("users of other hosts") };
        let name = element.attr("name").unwrap_or_default();
        let Some(account) = account(name, host) else {
            return self.report.skipped("users with a name that no account can have");
        };
        let plain = element.attr("password").map(|text| Password::Plain(Secret::new(text)));
        self.user = Some(User {
            account,
            passwords: plain.into_iter().collect(),
            contacts: BTreeMap::new(),
        });
    }

    fn close_container(&mut self) -> Result<(), MigrateError> {
        match self.around.pop().as_deref() {
            Some("host") => self.host = None,
            Some("user") => {
                if let Some(user) = self.user.take() {
                    self.store_user(&user);
                    self.users += 1;
                    let users = self.users;
                    self.pace.tell(|| format!("{users} accounts read"));
                }
            }
            _ => {}
        }
        Ok(self.sink.whole()?)
    }

    fn store_user(&mut self, user: &User) {
        if self.passwords.store(&mut self.sink, &user.account, &user.passwords) {
            self.report.stored("accounts");
        } else {
            self.report.skipped(
                "passwords that are missing or not understood (such accounts cannot log in)",
            );
        }
        for (contact, item) in &user.contacts {
            roster::store(&mut self.sink, &user.account, contact, item);
            self.report.stored("contacts");
        }
    }

    /// A part of an account.
    fn element(&mut self, mut element: Element) -> Result<(), MigrateError> {
        let (name, namespace) = (element.name().to_owned(), element.ns().to_owned());
        let Some(mut user) = self.user.take() else {
            if !self.around.iter().any(|name| name == "user") {
                self.report.skipped(&format!("<{name} xmlns='{namespace}'/> outside of users"));
            }
            return Ok(());
        };
        let spooled = self.around.last().is_some_and(|name| name == "offline-messages");
        let stored = match (name.as_str(), namespace.as_str()) {
            ("message", _) if spooled => self.message(&user.account, &mut element),
            ("scram-credentials", NS_SCRAM) => {
                let read = credentials(&element);
                let known = read.is_some();
                user.passwords.extend(read.map(Password::Verifier));
                known
            }
            ("vCard", ns::VCARD) => {
                crate::vcard::store(&mut self.sink, &user.account, &element);
                self.report.stored("vCards");
                true
            }
            ("query", ns::ROSTER) => {
                element.children().for_each(|item| contact(&mut user.contacts, item));
                user.contacts.len() <= CONTACTS_MAX
            }
            ("presence", ns::CLIENT) => request(&mut user.contacts, &element),
            ("query", ns::PRIVATE) => {
                for data in element.children() {
                    let namespace = data.ns().to_owned();
                    crate::private::store(&mut self.sink, &user.account, &namespace, data);
                    self.report.stored("private data");
                }
                true
            }
            _ => false,
        };
        if !stored {
            self.report.skipped(&format!("<{name} xmlns='{namespace}'/> (not understood)"));
        }
        self.user = Some(user);
        Ok(self.sink.whole()?)
    }

    fn message(&mut self, account: &BareJid, message: &mut Element) -> bool {
        // Drafts and careless servers leave the namespace out; then it is that of the file.
        if matches!(message.ns(), NS | NS_OLD) {
            message.set_ns(ns::CLIENT);
        }
        let (since, now) = (crate::spool::kept_since(message), self.kernel.clock().wall());
        let stored = crate::spool::store(&mut self.sink, account, message, since, now).is_some();
        if stored {
            self.report.stored("offline messages");
        }
        stored
    }
}

fn begins_export(piece: &Piece) -> bool {
    let Piece::Open(root) = piece else { return false };
    matches!(root.ns(), NS | NS_OLD) && matches!(root.name(), "server-data" | "host")
}

fn credentials(element: &Element) -> Option<sasl::ScramVerifier> {
    let hash = match element.attr("mechanism")? {
        "SCRAM-SHA-1" => ScramHash::Sha1,
        "SCRAM-SHA-256" => ScramHash::Sha256,
        "SCRAM-SHA-512" => ScramHash::Sha512,
        _ => return None,
    };
    let text = |name| element.child_text(name, NS_SCRAM);
    let iterations = text("iter-count")?.trim().parse().ok()?;
    verifier(hash, iterations, &text("salt")?, &text("stored-key")?, &text("server-key")?)
}

/// An item of the roster; what the account's own request waits in may be known already.
fn contact(contacts: &mut BTreeMap<String, Item>, item: &Element) {
    let Some(jid) = item.attr("jid").and_then(roster::address) else { return };
    if !item.is("item", ns::ROSTER) || contacts.len() > CONTACTS_MAX {
        return;
    }
    let known = contacts.entry(jid).or_default();
    let subscription = item.attr("subscription").unwrap_or("none");
    known.name = item.attr("name").unwrap_or_default().to_owned();
    known.to = matches!(subscription, "to" | "both");
    known.from = matches!(subscription, "from" | "both");
    known.asks = item.attr("ask") == Some("subscribe");
    known.approved = matches!(item.attr("approved"), Some("true" | "1"));
    known.listed = true;
    let groups = item.children().filter(|child| child.is("group", ns::ROSTER)).map(Element::text);
    known.groups = groups.filter(|group| !group.is_empty()).collect();
    known.groups.sort();
    known.groups.dedup();
}

/// A request of a contact that waits for an answer.
fn request(contacts: &mut BTreeMap<String, Item>, presence: &Element) -> bool {
    let from = presence.attr("from").and_then(|from| Jid::new(from).ok());
    let Some(from) = from.filter(|_| presence.attr("type") == Some("subscribe")) else {
        return false;
    };
    let known = contacts.entry(from.into_bare().as_str().to_owned()).or_default();
    known.asked = true;
    known.reason = presence.child_text("status", ns::CLIENT).unwrap_or_default();
    true
}
