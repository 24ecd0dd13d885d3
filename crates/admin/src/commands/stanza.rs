//! Stanzas that an administrator sends.

use jid::Jid;
use kernel::commands::{Arguments, Call, CommandError, Example, Value};
use kernel::random;
use xmlstream::Element;
use xmpp_wire::{Stanza, ns};

use super::{
    ADMIN_EXTRA, Command, Field, HOST, Kernel, RESCODE, Shape, USER, Version, address, field,
};

const FROM: Field = field("from", Shape::Text);
const TO: Field = field("to", Shape::Text);
const STANZA: Field = field("stanza", Shape::Text);

pub(super) const SEND_MESSAGE: Command = Command {
    name: "send_message",
    tags: &["stanza"],
    needs: ADMIN_EXTRA,
    about: "Send a message in the name of anybody",
    detail: "TYPE is normal, chat, headline or groupchat. A message of type groupchat to a room comes from the full \
             JID of an occupant.",
    versions: &[Version {
        args: &[
            field("type", Shape::Text),
            FROM,
            TO,
            field("subject", Shape::Text),
            field("body", Shape::Text),
        ],
        result: RESCODE,
        run: |Call { kernel, arguments, .. }| Box::pin(send_message(kernel, arguments)),
        example: Example {
            args: &["headline", "admin@localhost", "user1@localhost", "Restart", "In 5 minutes"],
            prints: "",
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

async fn send_message(kernel: &Kernel, arguments: Arguments) -> Result<Value, CommandError> {
    let (from, to) = (jid(&arguments, "from")?, jid(&arguments, "to")?);
    let (subject, body) = (arguments.text("subject"), arguments.text("body"));
    let mut message = Element::new("message", ns::CLIENT)
        .with_attr("type", arguments.text("type").to_owned())
        .with_attr("id", random::token());
    // COMPAT: an empty subject is left out where there is a body.
    if !subject.is_empty() || body.is_empty() {
        message.push(Element::new("subject", ns::CLIENT).with_text(subject));
    }
    message.push(Element::new("body", ns::CLIENT).with_text(body));
    route(kernel, &message, from, to).await
}

pub(super) const SEND_STANZA: Command = Command {
    name: "send_stanza",
    tags: &["stanza"],
    needs: ADMIN_EXTRA,
    about: "Send a stanza in the name of anybody",
    versions: &[Version {
        args: &[FROM, TO, STANZA],
        result: RESCODE,
        run: |Call { kernel, arguments, .. }| {
            Box::pin(async move {
                let element = element(&arguments)?;
                route(kernel, &element, jid(&arguments, "from")?, jid(&arguments, "to")?).await
            })
        },
        example: Example {
            args: &["admin@localhost", "user1@localhost", "<message><ext attr='value'/></message>"],
            prints: "",
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

pub(super) const SEND_STANZA_C2S: Command = Command {
    name: "send_stanza_c2s",
    tags: &["stanza"],
    needs: ADMIN_EXTRA,
    about: "Hand a stanza to the client of a session, as it is",
    versions: &[Version {
        args: &[USER, HOST, field("resource", Shape::Text), STANZA],
        result: RESCODE,
        run: |Call { kernel, arguments, .. }| {
            Box::pin(async move { send_stanza_c2s(kernel, &arguments) })
        },
        example: Example {
            args: &[
                "admin",
                "myserver.com",
                "bot",
                "<message to='user1@localhost'><ext attr='value'/></message>",
            ],
            prints: "",
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

fn send_stanza_c2s(kernel: &Kernel, arguments: &Arguments) -> Result<Value, CommandError> {
    let stanza = stanza(&element(arguments)?)?;
    let account = address(arguments.text("user"), arguments.text("host"));
    let session = account
        .and_then(|account| kernel.sessions().find(account.as_str(), arguments.text("resource")));
    match session.map(|session| session.mailbox().push(stanza.into()).is_ok()) {
        Some(true) => Ok(Value::OK),
        Some(false) | None => Err(CommandError::returned("no_session")),
    }
}

/// Sends it as if it had arrived from there: the recipient's hooks, offline storage and other servers included.
async fn route(
    kernel: &Kernel,
    element: &Element,
    from: Jid,
    to: Jid,
) -> Result<Value, CommandError> {
    kernel.route(stanza(element)?.with_from(from).with_to(to).into()).await;
    Ok(Value::OK)
}

fn jid(arguments: &Arguments, name: &str) -> Result<Jid, CommandError> {
    xmpp_wire::address(arguments.text(name))
        .map_err(|_| CommandError::bad_argument("JID malformed"))
}

fn element(arguments: &Arguments) -> Result<Element, CommandError> {
    Element::parse(arguments.text("stanza").as_bytes(), ns::CLIENT)
        .map_err(|error| CommandError::bad_argument(format!("The stanza is not XML: {error}")))
}

fn stanza(element: &Element) -> Result<Stanza, CommandError> {
    Stanza::from_element(element)
        .map_err(|error| CommandError::bad_argument(format!("This is no stanza: {error}")))
}
