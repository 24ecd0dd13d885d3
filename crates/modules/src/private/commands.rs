//! The commands about private storage.

use kernel::commands::{
    Arguments, Call, Command, CommandError, Example, Field, Shape, Value, Version, field,
};
use kernel::{Kernel, Panel, Place};
use xmlstream::Element;
use xmpp_wire::ns;

use super::{PrivateStorage, text};
use crate::commands::{ADMIN_EXTRA, HOST, On, RESCODE, USER, failed, on};

/// The commands of private storage.
pub(super) const COMMANDS: &[Command] = &[PRIVATE_GET, PRIVATE_SET];

/// What administrators see of it.
pub(super) const PANELS: &[Panel] = &[Panel {
    place: Place::User,
    page: "private",
    title: "Private XML Storage",
    commands: &["private_set", "private_get"],
    ..Panel::PLAIN
}];

const ELEMENT: Field = field("element", Shape::Text);

const PRIVATE_GET: Command = Command {
    name: "private_get",
    tags: &["private"],
    needs: ADMIN_EXTRA,
    about: "Show what an account keeps in private storage under a namespace",
    detail: "What was never stored is shown as an empty element called ELEMENT, as a client would see it.",
    versions: &[Version {
        args: &[USER, HOST, ELEMENT, field("ns", Shape::Text)],
        result: field("res", Shape::Text),
        run: |Call { kernel, arguments, .. }| Box::pin(private_get(kernel, arguments)),
        example: Example {
            args: &["user1", "myserver.com", "storage", "storage:rosternotes"],
            prints: "",
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

async fn private_get(kernel: &Kernel, arguments: Arguments) -> Result<Value, CommandError> {
    let On { account, module } = on::<PrivateStorage>(kernel, &arguments)?;
    let (name, namespace) = (arguments.text("element"), arguments.text("ns"));
    let asked = Element::parse(format!("<{name}/>").as_bytes(), namespace)
        .map_err(|_| CommandError::bad_argument("This cannot be the name of an element"))?;
    let stored = module.read(kernel, &account, namespace).await.map_err(failed)?;
    let stored = stored.and_then(|data| Element::parse(data.as_bytes(), "").ok());
    let query = Element::new("query", ns::PRIVATE).with_child(stored.unwrap_or(asked));
    Ok(Value::Text(text(&query)))
}

const PRIVATE_SET: Command = Command {
    name: "private_set",
    tags: &["private"],
    needs: ADMIN_EXTRA,
    about: "Put an element into the private storage of an account, under its namespace",
    versions: &[Version {
        args: &[USER, HOST, ELEMENT],
        result: RESCODE,
        run: |Call { kernel, arguments, .. }| Box::pin(private_set(kernel, arguments)),
        example: Example {
            args: &["user1", "myserver.com", "<storage xmlns='storage:rosternotes'/>"],
            prints: "",
        },
        ..Version::FIRST
    }],
    ..Command::PLAIN
};

async fn private_set(kernel: &Kernel, arguments: Arguments) -> Result<Value, CommandError> {
    let On { account, module } = on::<PrivateStorage>(kernel, &arguments)?;
    let element = Element::parse(arguments.text("element").as_bytes(), "")
        .map_err(|error| CommandError::bad_argument(format!("The element is not XML: {error}")))?;
    if element.ns().is_empty() || element.ns() == ns::PRIVATE {
        let why = "The element has no namespace of its own";
        return Err(CommandError::bad_argument(why));
    }
    let data = vec![(element.ns().into(), text(&element))];
    let stored = module.write(kernel, &account, data).await.map_err(failed)?;
    if *stored {
        Ok(Value::OK)
    } else {
        Err(CommandError::bad_argument("The account has too many namespaces in private storage"))
    }
}
