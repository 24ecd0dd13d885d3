//! From the words of a command line to values of the declared shapes.

use kernel::commands::{CommandError, Field, Shape, Value};

/// Reads one word for each field.
pub(super) fn values(fields: &[Field], words: &[String]) -> Result<Vec<Value>, CommandError> {
    fields.iter().zip(words).map(|(field, word)| value(field, word)).collect()
}

fn value(field: &Field, word: &str) -> Result<Value, CommandError> {
    match field.shape {
        Shape::Text | Shape::Word | Shape::Rescode | Shape::Restuple => Ok(Value::text(word)),
        Shape::Integer => word.parse().map(Value::Integer).map_err(|_| {
            CommandError::bad_argument(format!(
                "argument {} must be an integer, not '{word}'",
                field.name
            ))
        }),
        Shape::List(_) if word.trim().is_empty() => Ok(Value::List(Vec::new())),
        Shape::List(item) => {
            let items: Result<_, _> =
                word.split(',').map(|part| value(item, part.trim())).collect();
            Ok(Value::List(items?))
        }
        Shape::Tuple(fields) => tuple(field.name, fields, word),
    }
}

fn tuple(name: &str, fields: &[Field], word: &str) -> Result<Value, CommandError> {
    let parts: Vec<&str> = word.split(':').collect();
    if parts.len() != fields.len() {
        let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
        let text = format!("argument {name} must be written {}, not '{word}'", names.join(":"));
        return Err(CommandError::bad_argument(text));
    }
    let values: Result<_, _> =
        fields.iter().zip(parts).map(|(field, part)| value(field, part)).collect();
    Ok(Value::Tuple(values?))
}

#[cfg(test)]
mod tests {
    use kernel::commands::field;

    use super::*;

    const PAIR: Shape = Shape::Tuple(&[field("name", Shape::Text), field("value", Shape::Integer)]);
    const TEXTS: Shape = Shape::List(&field("x", Shape::Text));
    const PAIRS: Shape = Shape::List(&field("x", PAIR));

    fn one(shape: Shape, word: &str) -> Result<Value, CommandError> {
        value(&field("it", shape), word)
    }

    #[test]
    fn words_become_values() {
        assert_eq!(one(Shape::Text, " a,b:c "), Ok(Value::text(" a,b:c ")));
        assert_eq!(one(Shape::Integer, "-12"), Ok(Value::Integer(-12)));
        assert_eq!(one(TEXTS, "a, b ,c"), Ok(Value::texts(["a", "b", "c"])));
        assert_eq!(one(TEXTS, ""), Ok(Value::List(Vec::new())));
        let pair =
            |name: &str, number| Value::Tuple(vec![Value::text(name), Value::Integer(number)]);
        assert_eq!(one(PAIRS, "a:1,b:2"), Ok(Value::List(vec![pair("a", 1), pair("b", 2)])));
    }

    #[test]
    fn words_without_meaning_are_refused_with_the_name_of_the_argument() {
        for (shape, word) in [
            (Shape::Integer, "12x"),
            (Shape::Integer, ""),
            (PAIR, "a"),
            (PAIR, "a:1:2"),
            (PAIR, "a:b"),
        ] {
            let error = one(shape, word).unwrap_err().to_string();
            assert!(error.contains("argument it") || error.contains("argument value"), "{error}");
        }
    }
}
