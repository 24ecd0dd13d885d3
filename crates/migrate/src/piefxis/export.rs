//! Writing the files: one that includes the others, and one for each host, as ejabberd names them.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use store::{OutputFile, Query, StoreError};
use xmlstream::Element;
use xmpp_wire::ns;

use super::{NS, NS_SCRAM, NS_XI};
use crate::migration::Migration;
use crate::passwords::of_row;
use crate::report::MigrateError;
use crate::rows::{Named, names_after, rows_of};
use crate::tables::Tables;
use crate::words::{Pace, through};

const HEAD: &str = "<?xml version='1.0' encoding='UTF-8'?>";

impl Migration {
    /// Writes the accounts of `hosts` into files in `folder`; gives the file that includes the others.
    ///
    /// # Errors
    /// [`MigrateError`]; the main file is there only if all others are.
    pub async fn export_piefxis(
        &self,
        hosts: Vec<String>,
        folder: PathBuf,
    ) -> Result<PathBuf, MigrateError> {
        let (tables, mut pace) = (self.tables.clone(), self.pace());
        let stem = self.kernel.clock().wall().strftime("%Y%m%d-%H%M%S").to_string();
        let write = move |query: &mut Query<'_>| {
            Ok(write_files(query, &tables, &hosts, &folder, &stem, &mut pace))
        };
        self.store.read_at_length("export_piefxis", write).await?
    }
}

fn write_files(
    query: &mut Query<'_>,
    tables: &Tables,
    hosts: &[String],
    folder: &Path,
    stem: &str,
    pace: &mut Pace,
) -> Result<PathBuf, MigrateError> {
    let mut main = format!("{HEAD}<server-data xmlns='{NS}' xmlns:xi='{NS_XI}'>");
    for host in hosts {
        let safe: String = host.chars().map(in_file_name).collect();
        let name = format!("{stem}_{safe}.xml");
        write_host(query, tables, host, &folder.join(&name), pace)?;
        main.push_str(&format!("<xi:include href='{name}'/>"));
    }
    main.push_str("</server-data>");
    let target = folder.join(format!("{stem}.xml"));
    let mut file = create(&target)?;
    through(&target, file.write_all(main.as_bytes()))?;
    file.publish().map_err(MigrateError::io(&target))?;
    Ok(target)
}

/// Different hosts have different files.
///
/// COMPAT: a dot becomes an underscore, as in ejabberd's names.
fn in_file_name(letter: char) -> String {
    match letter {
        '.' => "_".to_owned(),
        '-' => "-".to_owned(),
        _ if letter.is_alphanumeric() => letter.to_string(),
        _ => format!("_{:x}_", u32::from(letter)),
    }
}

fn create(target: &Path) -> Result<OutputFile, MigrateError> {
    OutputFile::create(target, |head| head.starts_with(HEAD.as_bytes()))
        .map_err(MigrateError::io(target))
}

fn write_host(
    query: &mut Query<'_>,
    tables: &Tables,
    host: &str,
    target: &Path,
    pace: &mut Pace,
) -> Result<(), MigrateError> {
    let mut file = create(target)?;
    let mut out = BufWriter::with_capacity(1 << 16, &mut file);
    let head = Element::new("host", NS).with_attr("jid", host.to_owned()).with_text(" ");
    let head = head.to_bytes("");
    let start = head.strip_suffix(b" </host>").unwrap_or(&head);
    through(target, out.write_all(HEAD.as_bytes()).and_then(|()| out.write_all(start)))?;
    let mut users = 0;
    let mut after = String::new();
    loop {
        let names = names_after(query, tables, "users", host, &after)?;
        let Some(last) = names.last() else { break };
        after.clone_from(last);
        for name in &names {
            through(target, User { query: &mut *query, tables, host, name }.write(&mut out)?)?;
            users += 1;
            pace.tell(|| format!("{users} accounts of {host} written"));
        }
    }
    through(target, out.write_all(b"</host>").and_then(|()| out.flush()))?;
    drop(out);
    file.publish().map_err(MigrateError::io(target))
}

/// One account on its way out.
struct User<'a, 'q> {
    query: &'a mut Query<'q>,
    tables: &'a Tables,
    host: &'a str,
    name: &'a str,
}

impl User<'_, '_> {
    fn write(mut self, out: &mut impl Write) -> Result<io::Result<()>, StoreError> {
        let mut user = Element::new("user", NS).with_attr("name", self.name.to_owned());
        let credentials = self.credentials(&mut user)?;
        user.push_text(" ");
        let tag = user.to_bytes(NS);
        let start = tag.strip_suffix(b" </user>").unwrap_or(&tag);
        let mut written = out.write_all(start);
        for element in &credentials {
            written = written.and_then(|()| out.write_all(&element.to_bytes(NS)));
        }
        let mut messages = false;
        self.rows("spool", |row| {
            let Some(message) = parsed(row.text("xml")?) else { return Ok(true) };
            let open: &[u8] = if messages { b"" } else { b"<offline-messages>" };
            messages = true;
            let text = message.to_bytes(NS);
            written = out.write_all(open).and_then(|()| out.write_all(&text));
            Ok(written.is_ok())
        })?;
        if messages {
            written = written.and_then(|()| out.write_all(b"</offline-messages>"));
        }
        for element in self.elements()? {
            written = written.and_then(|()| out.write_all(&element.to_bytes(NS)));
        }
        Ok(written.and_then(|()| out.write_all(b"</user>")))
    }

    fn rows(
        &mut self,
        table: &str,
        row: impl FnMut(&Named<'_>) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        rows_of(self.query, self.tables, table, (self.host, self.name), row)
    }

    /// Puts clear text into the attribute, and gives the elements of verifiers.
    fn credentials(&mut self, user: &mut Element) -> Result<Vec<Element>, StoreError> {
        let mut verifiers = Vec::new();
        let mut plain = None;
        self.rows("users", |row| {
            let (password, iterations) = (row.text("password")?, row.integer("iterationcount")?);
            let kind = row.integer("type").unwrap_or_default();
            let (hash, key) = of_row(kind, password, iterations);
            let Some(hash) = hash else {
                plain = Some(key.to_owned());
                return Ok(true);
            };
            let leaf = |name, text: &str| Element::new(name, NS_SCRAM).with_text(text);
            verifiers.push(
                Element::new("scram-credentials", NS_SCRAM)
                    .with_attr("mechanism", format!("SCRAM-{}", hash.name()))
                    .with_child(leaf("iter-count", &iterations.to_string()))
                    .with_child(leaf("salt", row.text("salt")?))
                    .with_child(leaf("server-key", row.text("serverkey")?))
                    .with_child(leaf("stored-key", key)),
            );
            Ok(true)
        })?;
        if let Some(plain) = plain {
            user.set_attr("password", plain);
        }
        Ok(verifiers)
    }

    /// The card, the roster, requests of contacts, and private data.
    fn elements(&mut self) -> Result<Vec<Element>, StoreError> {
        let mut elements = Vec::new();
        self.rows("vcard", |row| {
            elements.extend(parsed(row.text("vcard")?));
            Ok(true)
        })?;
        let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        self.rows("rostergroups", |row| {
            groups
                .entry(row.text("jid")?.to_owned())
                .or_default()
                .push(row.text("grp")?.to_owned());
            Ok(true)
        })?;
        let mut roster = Element::new("query", ns::ROSTER);
        let mut requests = Vec::new();
        let address = format!("{}@{}", self.name, self.host);
        self.rows("rosterusers", |row| {
            let groups = groups.remove(row.text("jid")?).unwrap_or_default();
            let (item, request) = contact(row, &address, groups)?;
            if let Some(item) = item {
                roster.push(item);
            }
            requests.extend(request);
            Ok(true)
        })?;
        if roster.children().next().is_some() {
            elements.push(roster);
        }
        elements.append(&mut requests);
        let mut private = Element::new("query", ns::PRIVATE);
        self.rows("private_storage", |row| {
            if let Some(data) = parsed(row.text("data")?) {
                private.push(data);
            }
            Ok(true)
        })?;
        if private.children().next().is_some() {
            elements.push(private);
        }
        Ok(elements)
    }
}

/// The item of a row, unless it is a mere request, and the request that waits in it.
fn contact(
    row: &Named<'_>,
    address: &str,
    groups: Vec<String>,
) -> Result<(Option<Element>, Option<Element>), StoreError> {
    let (letter, ask, jid) = (row.text("subscription")?, row.text("ask")?, row.text("jid")?);
    let subscription = match letter {
        "B" => "both",
        "T" => "to",
        "F" => "from",
        _ => "none",
    };
    let asks = matches!(ask, "O" | "B" | "S") && !matches!(letter, "B" | "T");
    let asked = matches!(ask, "I" | "B") && !matches!(letter, "B" | "F");
    let (name, approved) = (row.text("nick")?, row.integer("approved").unwrap_or_default() == 1);
    let listed = !asked
        || asks
        || approved
        || subscription != "none"
        || !name.is_empty()
        || !groups.is_empty()
        || row.text("subscribe")? == "listed";
    let item = listed.then(|| {
        Element::new("item", ns::ROSTER)
            .with_attr("jid", jid.to_owned())
            .with_attr_opt("name", (!name.is_empty()).then(|| name.to_owned()))
            .with_attr("subscription", subscription)
            .with_attr_opt("ask", asks.then_some("subscribe"))
            .with_attr_opt("approved", approved.then_some("true"))
            .with_children(
                groups.iter().map(|name| Element::new("group", ns::ROSTER).with_text(name)),
            )
    });
    let reason = row.text("askmessage")?;
    let request = asked.then(|| {
        let presence = Element::new("presence", ns::CLIENT)
            .with_attr("type", "subscribe")
            .with_attr("from", jid.to_owned())
            .with_attr("to", address.to_owned());
        match reason {
            "" => presence,
            reason => presence.with_child(Element::new("status", ns::CLIENT).with_text(reason)),
        }
    });
    Ok((item, request))
}

/// An element as it was stored; what cannot be read is told to the log and left out.
fn parsed(text: &str) -> Option<Element> {
    Element::parse(text.as_bytes(), ns::CLIENT)
        .inspect_err(
            |error| tracing::warn!(%error, "a stored element cannot be read and is not exported"),
        )
        .ok()
}
