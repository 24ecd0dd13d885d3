//! The commands about vCards: single fields, by the names of their elements.

use std::sync::Arc;

use kernel::commands::{
    Arguments, Call, Command, CommandError, Example, Field, Shape, Value, Version, field,
};
use kernel::{Kernel, Panel, Place};
use xmlstream::Element;
use xmpp_wire::ns;

use super::{VCardTemp, parse};
use crate::commands::{ADMIN_EXTRA, HOST, On, RESCODE, USER, failed, host, module, on};

/// The commands of vCards.
pub(super) const COMMANDS: &[Command] = &[
    GET_VCARD,
    GET_VCARD2,
    GET_VCARD2_MULTI,
    SET_NICKNAME,
    SET_VCARD,
    SET_VCARD2,
    SET_VCARD2_MULTI,
];

/// What administrators see of it.
pub(super) const PANELS: &[Panel] = &[Panel {
    place: Place::User,
    page: "vcard",
    title: "vCard",
    commands: &[
        "set_nickname",
        "set_vcard",
        "set_vcard2",
        "set_vcard2_multi",
        "get_vcard",
        "get_vcard2",
        "get_vcard2_multi",
    ],
    ..Panel::PLAIN
}];

/// Bytes of the name of a field at most.
const NAME_BYTES_MAX: usize = 64;
/// Values of one field at most.
const CONTENTS_MAX: usize = 100;

const NAME: Field = field("name", Shape::Text);
const SUBNAME: Field = field("subname", Shape::Text);
const CONTENT: Field = field("content", Shape::Text);
const CONTENTS: Field = field("contents", Shape::List(&field("value", Shape::Text)));

/// A telephone number says what it is for by an empty element beside it (XEP-0054 §3).
const TEL: &str = "TEL";
const NUMBER: &str = "NUMBER";

const GET_VCARD: Command = Command {
    name: "get_vcard",
    tags: &["vcard"],
    needs: ADMIN_EXTRA,
    about: "Tell a field of the vCard of an account",
    detail: "Some of the fields: FN, NICKNAME, BDAY, TITLE, ROLE, URL, DESC.",
    versions: &[Version {
        args: &[USER, HOST, NAME],
        result: CONTENT,
        run: |Call { kernel, arguments, .. }| {
            Box::pin(async move { first(values(kernel, &arguments, &["name"]).await?) })
        },
        example: Example { args: &["user1", "myserver.com", "NICKNAME"], prints: "User 1" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

const GET_VCARD2: Command = Command {
    name: "get_vcard2",
    tags: &["vcard"],
    needs: ADMIN_EXTRA,
    about: "Tell a field inside a field of the vCard of an account",
    detail: "Some of the fields: N FAMILY, N GIVEN, ADR CTRY, ADR LOCALITY, EMAIL USERID, ORG ORGNAME, ORG ORGUNIT, \
             TEL HOME.",
    versions: &[Version {
        args: &[USER, HOST, NAME, SUBNAME],
        result: CONTENT,
        run: |Call { kernel, arguments, .. }| {
            Box::pin(async move { first(values(kernel, &arguments, &["name", "subname"]).await?) })
        },
        example: Example { args: &["user1", "myserver.com", "N", "FAMILY"], prints: "Schubert" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

const GET_VCARD2_MULTI: Command = Command {
    name: "get_vcard2_multi",
    tags: &["vcard"],
    needs: ADMIN_EXTRA,
    about: "Tell all values of a field inside a field of the vCard of an account",
    versions: &[Version {
        args: &[USER, HOST, NAME, SUBNAME],
        result: CONTENTS,
        run: |Call { kernel, arguments, .. }| {
            Box::pin(async move {
                values(kernel, &arguments, &["name", "subname"]).await.map(Value::texts)
            })
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

const SET_VCARD: Command = Command {
    name: "set_vcard",
    tags: &["vcard"],
    needs: ADMIN_EXTRA,
    about: "Change a field of the vCard of an account",
    versions: &[Version {
        args: &[USER, HOST, NAME, CONTENT],
        result: RESCODE,
        run: |Call { kernel, arguments, .. }| {
            Box::pin(async move {
                let contents = [arguments.text("content").to_owned()];
                change(kernel, &arguments, &["name"], &contents).await
            })
        },
        example: Example { args: &["user1", "myserver.com", "URL", "www.example.com"], prints: "" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

const SET_VCARD2: Command = Command {
    name: "set_vcard2",
    tags: &["vcard"],
    needs: ADMIN_EXTRA,
    about: "Change a field inside a field of the vCard of an account",
    versions: &[Version {
        args: &[USER, HOST, NAME, SUBNAME, CONTENT],
        result: RESCODE,
        run: |Call { kernel, arguments, .. }| {
            Box::pin(async move {
                let contents = [arguments.text("content").to_owned()];
                change(kernel, &arguments, &["name", "subname"], &contents).await
            })
        },
        example: Example {
            args: &["user1", "myserver.com", "TEL", "NUMBER", "123456"],
            prints: "",
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

const SET_VCARD2_MULTI: Command = Command {
    name: "set_vcard2_multi",
    tags: &["vcard"],
    needs: ADMIN_EXTRA,
    about: "Give a field inside a field of the vCard of an account several values",
    versions: &[Version {
        args: &[USER, HOST, NAME, SUBNAME, CONTENTS],
        result: RESCODE,
        run: |Call { kernel, arguments, .. }| {
            Box::pin(async move {
                let contents = arguments.texts("contents");
                change(kernel, &arguments, &["name", "subname"], &contents).await
            })
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

const SET_NICKNAME: Command = Command {
    name: "set_nickname",
    tags: &["vcard"],
    needs: ADMIN_EXTRA,
    about: "Change the nickname in the vCard of an account",
    versions: &[Version {
        args: &[USER, HOST, field("nickname", Shape::Text)],
        result: RESCODE,
        run: |Call { kernel, arguments, .. }| {
            Box::pin(async move {
                // ejabberd throws the rest of the card away; nobody can want that.
                edit(kernel, &arguments, |card| {
                    put(card, "NICKNAME", &[arguments.text("nickname").to_owned()]);
                })
                .await
            })
        },
        example: Example { args: &["user1", "myserver.com", "User 1"], prints: "" },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

const NO_CARD: &str = "error_no_vcard_found";
const NO_VALUE: &str = "error_no_value_found_in_vcard";

fn first(values: Vec<String>) -> Result<Value, CommandError> {
    let first = values.into_iter().next();
    first.map(Value::Text).ok_or_else(|| CommandError::bad_argument(NO_VALUE))
}

/// The values at the path that arguments name; at least one.
async fn values(
    kernel: &Kernel,
    arguments: &Arguments,
    path: &[&str],
) -> Result<Vec<String>, CommandError> {
    if host(kernel, arguments.text("host")).is_err() {
        return Err(CommandError::bad_argument("error_wrong_hostname"));
    }
    let card = card(kernel, &on::<VCardTemp>(kernel, arguments)?).await?;
    let card = card.ok_or_else(|| CommandError::bad_argument(NO_CARD))?;
    let found = match path {
        [name] => card.child_text(arguments.text(name), ns::VCARD).into_iter().collect(),
        [name, subname] => inside(&card, arguments.text(name), arguments.text(subname)),
        _ => Vec::new(),
    };
    if found.is_empty() { Err(CommandError::bad_argument(NO_VALUE)) } else { Ok(found) }
}

fn inside(card: &Element, name: &str, subname: &str) -> Vec<String> {
    if name == TEL {
        let number = telephone(card, subname).and_then(|tel| tel.child_text(NUMBER, ns::VCARD));
        return number.into_iter().collect();
    }
    let field = card.child(name, ns::VCARD);
    let parts = field.into_iter().flat_map(Element::children);
    parts.filter(|part| part.is(subname, ns::VCARD)).map(Element::text).collect()
}

fn telephone<'e>(card: &'e Element, purpose: &str) -> Option<&'e Element> {
    card.children()
        .find(|field| field.is(TEL, ns::VCARD) && field.child(purpose, ns::VCARD).is_some())
}

async fn card(kernel: &Kernel, on: &On<VCardTemp>) -> Result<Option<Element>, CommandError> {
    let stored: Option<Arc<str>> = on.module.read(kernel, &on.account).await.map_err(failed)?;
    Ok(stored.and_then(|card| parse(&card)))
}

/// Puts values at the path that arguments name.
async fn change(
    kernel: &Kernel,
    arguments: &Arguments,
    path: &[&str],
    contents: &[String],
) -> Result<Value, CommandError> {
    if contents.len() > CONTENTS_MAX {
        let text = format!("A field has {CONTENTS_MAX} values at most");
        return Err(CommandError::bad_argument(text));
    }
    let path: Vec<&str> = path.iter().map(|argument| arguments.text(argument)).collect();
    path.iter().try_for_each(|name| checked(name))?;
    edit(kernel, arguments, |card| match path.as_slice() {
        [name] => put(card, name, contents),
        [TEL, purpose] => put_telephone(card, purpose, contents),
        [name, subname] => put_inside(card, name, subname, contents),
        _ => {}
    })
    .await
}

/// The name of a field must be that of an element.
fn checked(name: &str) -> Result<(), CommandError> {
    let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let good = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(letters)
        && name.len() <= NAME_BYTES_MAX;
    let wrong = || CommandError::bad_argument("The name of a field is made of letters and digits");
    good.then_some(()).ok_or_else(wrong)
}

/// Changes the card of an account by the module's own way, so that everybody hears of it.
async fn edit(
    kernel: &Kernel,
    arguments: &Arguments,
    change: impl FnOnce(&mut Element) + Send,
) -> Result<Value, CommandError> {
    let on = on::<VCardTemp>(kernel, arguments)?;
    let host = host(kernel, arguments.text("host"))?;
    let present = card(kernel, &on).await?;
    let mut card = present.unwrap_or_else(|| Element::new("vCard", ns::VCARD));
    change(&mut card);
    module::<VCardTemp>(&host)?.store(kernel, &host, &on.account, &card).await.map_err(failed)?;
    Ok(Value::OK)
}

fn leaf(name: &str, text: &str) -> Element {
    Element::new(name.to_owned(), ns::VCARD).with_text(text)
}

/// COMPAT: the first element of the name gives way; others of it stay.
fn put(card: &mut Element, name: &str, contents: &[String]) {
    remove_first(card, |field| field.is(name, ns::VCARD));
    contents.iter().for_each(|content| card.push(leaf(name, content)));
}

fn put_inside(card: &mut Element, name: &str, subname: &str, contents: &[String]) {
    if card.child(name, ns::VCARD).is_none() {
        card.push(Element::new(name.to_owned(), ns::VCARD));
    }
    let Some(field) = card.children_mut().find(|field| field.is(name, ns::VCARD)) else { return };
    field.retain_children(|part| !part.is(subname, ns::VCARD));
    contents.iter().for_each(|content| field.push(leaf(subname, content)));
}

fn put_telephone(card: &mut Element, purpose: &str, contents: &[String]) {
    card.retain_children(|field| {
        !(field.is(TEL, ns::VCARD) && field.child(purpose, ns::VCARD).is_some())
    });
    for number in contents {
        let purpose = Element::new(purpose.to_owned(), ns::VCARD);
        let tel = Element::new(TEL, ns::VCARD).with_child(purpose);
        card.push(tel.with_child(leaf(NUMBER, number)));
    }
}

fn remove_first(card: &mut Element, condemned: impl Fn(&Element) -> bool) {
    let mut gone = false;
    card.retain_children(|field| {
        let goes = !gone && condemned(field);
        gone |= goes;
        !goes
    });
}
