//! Records of ejabberd's Mnesia tables, as `ejabberdctl dump` writes them, on their way into SQL tables.

use erl_wire::Term;
use jid::BareJid;
use jiff::Timestamp;
use sasl::ScramHash;
use stdx::Secret;
use xmlstream::{Element, escape_attr, escape_text};

use crate::passwords::{Password, Passwords, verifier};
use crate::roster::{self, Item};
use crate::sink::Sink;
use crate::words::{self, account, is_name, key};

/// Derived by the server when it is needed: leaving them out loses nothing.
const DERIVED: [&str; 2] = ["vcard_search", "caps_features"];

/// Text: a binary of UTF-8 or, as older versions of ejabberd kept it, a list of bytes or characters.
fn text(term: &Term) -> Option<String> {
    match term {
        Term::String(bytes) => String::from_utf8(bytes.clone()).ok().or_else(|| term.text()),
        _ => term.text(),
    }
}

fn items(term: &Term) -> Option<&[Term]> {
    if let Term::List(items) = term { Some(items) } else { None }
}

/// Stores one record; gives its kind, or says what cannot be stored and why.
pub(crate) fn store(
    sink: &mut Sink,
    passwords: &Passwords,
    record: &Term,
) -> Result<&'static str, String> {
    let Some([Term::Atom(name), fields @ ..]) = record.as_tuple() else {
        return Err("what is no record".to_owned());
    };
    let stored = match (name.as_str(), fields) {
        ("passwd", [whose, password]) => {
            stored(account_of(whose), |it| passwd(sink, passwords, it, password)).map(|()| "passwd")
        }
        ("roster", [_, whose, contact, name, subscription, ask, groups, reason, ..]) => {
            let item = item(name, subscription, ask, groups, reason);
            stored(account_of(whose), |account| {
                roster::store(sink, account, &address(contact)?, &item?);
                Some(())
            })
            .map(|()| "roster")
        }
        ("roster_version", [whose, version]) => stored(account_of(whose), |account| {
            sink.put("roster_version", with(account, vec![("version", text(version)?.into())]));
            Some(())
        })
        .map(|()| "roster_version"),
        ("vcard", [whose, card]) => stored(account_of(whose), |account| {
            crate::vcard::store(sink, account, &element(card)?);
            Some(())
        })
        .map(|()| "vcard"),
        ("private_storage", [whose, data]) => {
            stored(account_of(whose), |account| private(sink, account, whose, data))
                .map(|()| "private_storage")
        }
        ("last_activity", [whose, at, status]) => stored(account_of(whose), |account| {
            let (at, status) = (at.as_integer()?.to_string(), text(status)?);
            sink.put("last", with(account, vec![("seconds", at.into()), ("state", status.into())]));
            Some(())
        })
        .map(|()| "last_activity"),
        ("offline_msg", [whose, at, _, _, _, packet]) => {
            stored(account_of(whose), |account| offline(sink, account, at, packet))
                .map(|()| "offline_msg")
        }
        (derived, _) if DERIVED.contains(&derived) => {
            return Err(format!("{derived} (the server derives it itself)"));
        }
        (unknown, _) => {
            return Err(format!("{unknown} (there is nothing for it in this server yet)"));
        }
    };
    stored.ok_or_else(|| format!("{} (not understood)", name.as_str()))
}

fn stored(account: Option<BareJid>, store: impl FnOnce(&BareJid) -> Option<()>) -> Option<()> {
    store(&account?)
}

/// `{User, Server}` or a longer key that begins so.
fn account_of(whose: &Term) -> Option<BareJid> {
    match whose.as_tuple()? {
        [user, host, ..] => account(&text(user)?, &text(host)?),
        _ => None,
    }
}

/// `{User, Server, Resource}`.
fn address(contact: &Term) -> Option<String> {
    let [user, host, resource] = contact.as_tuple()? else { return None };
    let (user, host, resource) = (text(user)?, text(host)?, text(resource)?);
    let mut address = if user.is_empty() { String::new() } else { format!("{user}@") };
    address.push_str(&host);
    if !resource.is_empty() {
        address.push('/');
        address.push_str(&resource);
    }
    roster::address(&address)
}

fn with(account: &BareJid, mut cells: crate::sink::Cells) -> crate::sink::Cells {
    let (user, host) = key(account);
    cells.extend([("username", user.into()), ("server_host", host.into())]);
    cells
}

/// Clear text, or `{scram, StoredKey, ServerKey, Salt, [Hash,] Iterations}`.
fn passwd(
    sink: &mut Sink,
    passwords: &Passwords,
    account: &BareJid,
    password: &Term,
) -> Option<()> {
    let read = match password {
        Term::Tuple(parts) => {
            let (hash, [stored, server, salt], iterations) = match parts.as_slice() {
                [_, stored, server, salt, count] => {
                    (ScramHash::Sha1, [stored, server, salt], count)
                }
                [_, stored, server, salt, hash, count] => {
                    let hash = match hash.as_atom()? {
                        "sha" => ScramHash::Sha1,
                        "sha256" => ScramHash::Sha256,
                        "sha512" => ScramHash::Sha512,
                        _ => return None,
                    };
                    (hash, [stored, server, salt], count)
                }
                _ => return None,
            };
            let iterations = iterations.as_integer()?;
            let made = verifier(hash, iterations, &text(salt)?, &text(stored)?, &text(server)?)?;
            Password::Verifier(made)
        }
        other => Password::Plain(Secret::new(text(other)?)),
    };
    passwords.store(sink, account, &[read]).then_some(())
}

fn item(
    name: &Term,
    subscription: &Term,
    ask: &Term,
    groups: &Term,
    reason: &Term,
) -> Option<Item> {
    let item = Item {
        name: text(name)?,
        reason: text(reason).unwrap_or_default(),
        groups: items(groups)?.iter().filter_map(text).collect(),
        ..Item::default()
    };
    item.with_words(subscription.as_atom()?, ask.as_atom()?)
}

fn private(sink: &mut Sink, account: &BareJid, whose: &Term, data: &Term) -> Option<()> {
    let [_, _, namespace] = whose.as_tuple()? else { return None };
    crate::private::store(sink, account, &text(namespace)?, &element(data)?);
    Some(())
}

fn offline(sink: &mut Sink, account: &BareJid, at: &Term, packet: &Term) -> Option<()> {
    let [mega, seconds, micro] = at.as_tuple()? else { return None };
    let seconds = mega.as_integer()?.checked_mul(1_000_000)?.checked_add(seconds.as_integer()?)?;
    let micro = i32::try_from(micro.as_integer()?).ok()?.checked_mul(1000)?;
    let time = Timestamp::new(seconds, micro).ok()?;
    let mut message = element(packet)?;
    crate::spool::store(sink, account, &mut message, Some(time), time)
}

/// `{xmlel, Name, Attributes, Children}` as an element. It is written as XML and read again, so that nothing gets in
/// that a client could not have sent.
pub(crate) fn element(term: &Term) -> Option<Element> {
    let mut xml = Vec::new();
    write_element(term, &mut xml)?;
    words::element(&xml)
}

fn write_element(term: &Term, out: &mut Vec<u8>) -> Option<()> {
    let [kind, name, attributes, children] = term.as_tuple()? else { return None };
    let name = text(name).filter(|name| is_name(name))?;
    if kind.as_atom() != Some("xmlel") {
        return None;
    }
    out.push(b'<');
    out.extend_from_slice(name.as_bytes());
    for attribute in items(attributes)? {
        let [name, value] = attribute.as_tuple()? else { return None };
        out.push(b' ');
        out.extend_from_slice(text(name).filter(|name| is_name(name))?.as_bytes());
        out.extend_from_slice(b"='");
        escape_attr(&text(value)?, out);
        out.push(b'\'');
    }
    out.push(b'>');
    for child in items(children)? {
        match child.as_tuple()? {
            [kind, data] if kind.as_atom() == Some("xmlcdata") => escape_text(&text(data)?, out),
            _ => write_element(child, out)?,
        }
    }
    out.extend_from_slice(b"</");
    out.extend_from_slice(name.as_bytes());
    out.push(b'>');
    Some(())
}
