//! Values that travel between Rust and the database: what can be bound, what can be read.

use stdx::Secret;

/// A value of a column or parameter, borrowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// SQL `NULL`.
    Null,
    /// A whole number.
    Integer(i64),
    /// A fractional number; the server stores none, but may read one from a database of ejabberd.
    Real(f64),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

/// What can be bound to a parameter of a statement.
pub trait Bind {
    /// The value to bind.
    fn bind(&self) -> Value<'_>;
}

/// What can be read from a column.
pub trait FromColumn: Sized {
    /// The Rust value, or `None` if the column holds something else.
    fn from_column(value: Value<'_>) -> Option<Self>;
}

impl Bind for i64 {
    fn bind(&self) -> Value<'_> {
        Value::Integer(*self)
    }
}

impl Bind for i32 {
    fn bind(&self) -> Value<'_> {
        Value::Integer(i64::from(*self))
    }
}

impl Bind for u32 {
    fn bind(&self) -> Value<'_> {
        Value::Integer(i64::from(*self))
    }
}

impl Bind for u16 {
    fn bind(&self) -> Value<'_> {
        Value::Integer(i64::from(*self))
    }
}

impl Bind for u8 {
    fn bind(&self) -> Value<'_> {
        Value::Integer(i64::from(*self))
    }
}

/// COMPAT: ejabberd writes the SQL words `true` and `false`, which SQLite stores as 1 and 0.
impl Bind for bool {
    fn bind(&self) -> Value<'_> {
        Value::Integer(i64::from(*self))
    }
}

impl Bind for str {
    fn bind(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl Bind for String {
    fn bind(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl Bind for Box<str> {
    fn bind(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl Bind for [u8] {
    fn bind(&self) -> Value<'_> {
        Value::Blob(self)
    }
}

impl<const N: usize> Bind for [u8; N] {
    fn bind(&self) -> Value<'_> {
        Value::Blob(self)
    }
}

impl Bind for Vec<u8> {
    fn bind(&self) -> Value<'_> {
        Value::Blob(self)
    }
}

impl Bind for Secret {
    fn bind(&self) -> Value<'_> {
        Value::Text(self.expose())
    }
}

impl Bind for Value<'_> {
    fn bind(&self) -> Value<'_> {
        *self
    }
}

impl<T: Bind + ?Sized> Bind for &T {
    fn bind(&self) -> Value<'_> {
        (**self).bind()
    }
}

impl<T: Bind> Bind for Option<T> {
    fn bind(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, Bind::bind)
    }
}

/// COMPAT: ejabberd keeps some numbers in text columns (`last.seconds`), so decimal text is read too.
impl FromColumn for i64 {
    fn from_column(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Integer(number) => Some(number),
            Value::Text(text) => text.parse().ok(),
            _ => None,
        }
    }
}

/// COMPAT: `t`, `true` and 1 are true, all else is false, as ejabberd reads it (schema.json, encodings).
impl FromColumn for bool {
    fn from_column(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Null => None,
            Value::Integer(number) => Some(number == 1),
            Value::Text(text) => Some(matches!(text, "t" | "true" | "1")),
            Value::Real(_) | Value::Blob(_) => Some(false),
        }
    }
}

impl FromColumn for String {
    fn from_column(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.to_owned()),
            Value::Integer(number) => Some(number.to_string()),
            _ => None,
        }
    }
}

impl FromColumn for Box<str> {
    fn from_column(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.into()),
            _ => None,
        }
    }
}

impl FromColumn for Secret {
    fn from_column(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Text(text) => Some(Self::new(text)),
            _ => None,
        }
    }
}

/// Text is read as its bytes, so that a column which older versions filled with text stays readable.
impl FromColumn for Vec<u8> {
    fn from_column(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Blob(bytes) => Some(bytes.to_owned()),
            Value::Text(text) => Some(text.as_bytes().to_owned()),
            _ => None,
        }
    }
}

impl<T: FromColumn> FromColumn for Option<T> {
    fn from_column(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            other => T::from_column(other).map(Some),
        }
    }
}
