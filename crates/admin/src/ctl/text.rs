//! From results and errors to the texts and exit statuses of `ejabberdctl`.

use kernel::commands::{CommandError, Field, Shape, Value};

use super::{Reply, STATUS_ERROR, STATUS_OK};
use crate::commands::CODE_CANNOT_REGISTER;

/// The answer for a result. `nested` separates the items of a list inside something else.
pub(crate) fn result(value: &Value, shape: &Shape, nested: char) -> Reply {
    match value {
        Value::Rescode(true) => Reply::says(STATUS_OK, ""),
        Value::Rescode(false) => Reply::says(STATUS_ERROR, "Error: false"),
        Value::Restuple(true, text) => Reply::says(STATUS_OK, text),
        Value::Restuple(false, text) => Reply::says(STATUS_ERROR, format!("Error: error\n{text}")),
        Value::List(items) => {
            Reply::says(STATUS_OK, joined(items, item_shape(shape), "\n", nested))
        }
        _ => Reply::says(STATUS_OK, shown(value, shape, nested)),
    }
}

/// A value as the word that somebody would type for it.
pub(super) fn word_of(value: &Value, field: &Field) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::List(items) => joined(items, item_shape(&field.shape), ",", ','),
        value => shown(value, &field.shape, ','),
    }
}

fn item_shape(shape: &Shape) -> &Shape {
    match shape {
        Shape::List(item) => &item.shape,
        other => other,
    }
}

fn joined(items: &[Value], shape: &Shape, separator: &str, nested: char) -> String {
    let texts: Vec<String> = items.iter().map(|item| shown(item, shape, nested)).collect();
    texts.join(separator)
}

fn shown(value: &Value, shape: &Shape, nested: char) -> String {
    match (value, shape) {
        (Value::Integer(number), _) => number.to_string(),
        (Value::Text(text), Shape::Word) => word(text),
        (Value::Text(text), _) => text.clone(),
        (Value::Rescode(yes), _) => if *yes { "ok" } else { "error" }.to_owned(),
        (Value::Restuple(yes, text), _) => format!("{}\t{text}", if *yes { "ok" } else { "error" }),
        (Value::List(items), shape) => {
            joined(items, item_shape(shape), nested.encode_utf8(&mut [0; 4]), nested)
        }
        (Value::Tuple(parts), Shape::Tuple(fields)) => {
            let texts: Vec<String> = parts
                .iter()
                .zip(*fields)
                .map(|(part, field)| shown(part, &field.shape, nested))
                .collect();
            texts.join("\t")
        }
        (Value::Tuple(parts), shape) => joined(parts, shape, "\t", nested),
    }
}

/// COMPAT: a word that is not written in small letters only is shown in quotes, like an Erlang atom.
fn word(text: &str) -> String {
    if is_word(text) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.chars().all(|rest| rest.is_ascii_alphanumeric() || rest == '_' || rest == '@')
}

/// The answer for an error.
///
/// COMPAT: ejabberd shows errors in the form in which its code happens to raise them. A word is thrown and shown alone;
/// a sentence is returned and shown in quotes under the word `error`; Pairs are thrown and shown as such.
pub(super) fn failed(error: &CommandError) -> Reply {
    let text = match error {
        CommandError::Conflict { text, .. } => format!("Error: conflict: {text}"),
        CommandError::Thrown { word, text } => format!("{{{word},\"{text}\"}}"),
        CommandError::Returned { word } => format!("Error: {word}"),
        CommandError::NotExists { text, .. } => format!("Error: not_exists: {text}"),
        CommandError::Failed { code: CODE_CANNOT_REGISTER, text } => {
            format!("Error: cannot_register: {text}")
        }
        CommandError::Failed { text, .. } => format!("Error: error: {text}"),
        CommandError::BadArgument { text } if is_word(text) => text.clone(),
        // A text of several lines, such as the problems of a configuration, stays readable.
        CommandError::BadArgument { text } if text.contains('\n') => {
            format!("Error: error\nError: {}", text.trim_end())
        }
        CommandError::BadArgument { text } => format!("Error: error\nError: \"{text}\""),
    };
    Reply::says(status(error), text)
}

/// A code that is an exit status becomes it; greater ones become 1.
fn status(error: &CommandError) -> u8 {
    let code = match error {
        CommandError::Conflict { code, .. }
        | CommandError::NotExists { code, .. }
        | CommandError::Failed { code, .. } => *code,
        CommandError::BadArgument { .. }
        | CommandError::Thrown { .. }
        | CommandError::Returned { .. } => 1,
    };
    u8::try_from(code).ok().filter(|code| *code > 0).unwrap_or(STATUS_ERROR)
}
