//! Between Erlang terms and the values of the command table.

use erl_wire::{Atom, Term};
use kernel::commands::{CommandError, Shape, Value};

/// A term as a value of a shape; `None` when it has another.
pub(crate) fn value(term: Term, shape: &Shape) -> Option<Value> {
    match shape {
        Shape::Integer => term.as_integer().map(Value::Integer),
        Shape::Text | Shape::Word | Shape::Rescode | Shape::Restuple => match term.as_atom() {
            Some(word) => Some(Value::text(word)),
            None => term.text().map(Value::Text),
        },
        Shape::List(item) => {
            let items = term.items()?.into_iter().map(|term| value(term, &item.shape));
            items.collect::<Option<_>>().map(Value::List)
        }
        Shape::Tuple(fields) => {
            let Term::Tuple(parts) = term else { return None };
            if parts.len() != fields.len() {
                return None;
            }
            let parts =
                parts.into_iter().zip(*fields).map(|(part, field)| value(part, &field.shape));
            parts.collect::<Option<_>>().map(Value::Tuple)
        }
    }
}

/// A value as a term: texts as binaries, words and outcomes as atoms.
pub(crate) fn term(value: Value, shape: &Shape) -> Term {
    match (value, shape) {
        (Value::Integer(number), _) => Term::Integer(number),
        (Value::Text(text), Shape::Word) => match Atom::new(text.as_str()) {
            Ok(atom) => atom.into(),
            Err(_) => Term::binary(text),
        },
        (Value::Text(text), _) => Term::binary(text),
        (Value::Rescode(yes), _) => outcome(yes),
        (Value::Restuple(yes, text), _) => Term::tuple([outcome(yes), Term::string(&text)]),
        (Value::List(items), Shape::List(item)) => {
            Term::List(items.into_iter().map(|value| term(value, &item.shape)).collect())
        }
        (Value::Tuple(parts), Shape::Tuple(fields)) => Term::Tuple(
            parts.into_iter().zip(*fields).map(|(part, field)| term(part, &field.shape)).collect(),
        ),
        // A value of another shape than its command declares.
        (Value::List(items) | Value::Tuple(items), shape) => {
            Term::List(items.into_iter().map(|value| term(value, shape)).collect())
        }
    }
}

fn outcome(yes: bool) -> Term {
    Term::word(if yes { "ok" } else { "error" })
}

/// An error as ejabberd's functions return it: `{error, conflict, Code, Text}`, or `{error, Reason}`.
pub(crate) fn error(error: &CommandError) -> Term {
    let (kind, code, text) = match error {
        CommandError::Conflict { code, text } => ("conflict", *code, text),
        CommandError::NotExists { code, text } => ("not_exists", *code, text),
        CommandError::Failed { code, text } => ("error", *code, text),
        CommandError::BadArgument { text } => {
            return Term::tuple([Term::word("error"), reason(text)]);
        }
        CommandError::Thrown { word, text } => {
            return Term::tuple([Term::word(word), Term::string(text)]);
        }
        CommandError::Returned { word } => return Term::word(word),
    };
    Term::tuple([Term::word("error"), Term::word(kind), i64::from(code).into(), Term::string(text)])
}

/// A word is an atom, a sentence a text.
fn reason(text: &str) -> Term {
    let is_word = text.chars().all(|c| c.is_ascii_lowercase() || c == '_') && !text.is_empty();
    match Atom::new(text) {
        Ok(atom) if is_word => atom.into(),
        _ => Term::string(text),
    }
}

#[cfg(test)]
mod tests {
    use kernel::commands::field;

    use super::*;

    const PAIR: Shape =
        Shape::Tuple(&[field("name", Shape::Text), field("number", Shape::Integer)]);
    const PAIRS: Shape = Shape::List(&field("pair", PAIR));

    fn read(text: &str, shape: &Shape) -> Option<Value> {
        value(erl_wire::parse(text).unwrap(), shape)
    }

    #[test]
    fn terms_become_values_of_the_declared_shape() {
        assert_eq!(read("<<\"é\"/utf8>>", &Shape::Text), Some(Value::text("é")));
        assert_eq!(read("\"é\"", &Shape::Text), Some(Value::text("é")));
        assert_eq!(read("[]", &Shape::Text), Some(Value::text("")));
        assert_eq!(read("word", &Shape::Word), Some(Value::text("word")));
        let pair = Value::Tuple(vec![Value::text("a"), Value::Integer(1)]);
        assert_eq!(read("[{\"a\",1}]", &PAIRS), Some(Value::List(vec![pair])));
        for (text, shape) in
            [("1", Shape::Text), ("a", Shape::Integer), ("{a}", PAIR), ("[{a,b}]", PAIRS)]
        {
            assert_eq!(read(text, &shape), None, "{text}");
        }
    }

    #[test]
    fn values_become_terms() {
        let pair = Value::Tuple(vec![Value::text("a"), Value::Integer(1)]);
        assert_eq!(term(Value::List(vec![pair]), &PAIRS).to_string(), "[{<<\"a\">>,1}]");
        assert_eq!(
            term(Value::Restuple(true, "done".into()), &Shape::Restuple).to_string(),
            "{ok,\"done\"}"
        );
        assert_eq!(term(Value::OK, &Shape::Rescode).to_string(), "ok");
        assert_eq!(term(Value::text("info"), &Shape::Word).to_string(), "info");
        let conflict = CommandError::Conflict { code: 10090, text: "there".into() };
        assert_eq!(error(&conflict).to_string(), "{error,conflict,10090,\"there\"}");
        assert_eq!(
            error(&CommandError::bad_argument("unknown_host")).to_string(),
            "{error,unknown_host}"
        );
    }
}
