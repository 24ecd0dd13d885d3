//! The kinds of records, what each of them holds, and their two spellings: Erlang terms and JSON.
//!
//! In terms a record is a tuple that begins with its kind; in JSON it is an object whose first name is `type`.
//! `docs/serialized.md` describes both.

use erl_wire::{Atom, Term};
use sasl::ScramHash;
use serde_json::{Map, Value};

/// What a field of a record holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// A binary of UTF-8; a string.
    Text,
    /// An atom; a string.
    Word,
    /// An integer; a number.
    Number,
    /// `true` and `false` in both.
    Flag,
    /// A text, or the word `undefined`.
    MaybeText,
    Texts,
    /// Tuples of these fields; objects with their names.
    Many(&'static [Field]),
    /// A text that is the password itself, or a tuple (an object) of [`VERIFIER`].
    Passwords,
}

/// A name, which only JSON writes, and what stands there.
pub(super) type Field = (&'static str, Shape);

/// A kind of record.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// After the name of the host, which is the first field of every kind.
    pub(super) fields: &'static [Field],
}

/// The first field of every record. COMPAT: it is written and not read; the host is the one of the command.
const HOST: &str = "serverhost";
/// The name in JSON of what is the first part of the tuple.
const TYPE: &str = "type";
/// COMPAT: what ejabberd writes for what is not there, in JSON too.
const UNDEFINED: &str = "undefined";

const USERNAME: Field = ("username", Shape::Text);

pub(super) static AUTH: Kind =
    Kind { name: "serialize_auth_v1", fields: &[USERNAME, ("passwords", Shape::Passwords)] };

/// A SCRAM verifier (RFC 5802); keys and salt in base64.
const VERIFIER: &[Field] = &[
    ("hash", Shape::Word),
    ("stored_key", Shape::Text),
    ("server_key", Shape::Text),
    ("salt", Shape::Text),
    ("iterations", Shape::Number),
];

pub(super) static ROSTER: Kind = Kind {
    name: "serialize_roster_v1",
    fields: &[
        USERNAME,
        ("version", Shape::MaybeText),
        (
            "entries",
            Shape::Many(&[
                ("jid", Shape::Text),
                ("nick", Shape::Text),
                ("groups", Shape::Texts),
                ("sub", Shape::Word),
                ("ask", Shape::Word),
                ("ask_msg", Shape::Text),
            ]),
        ),
    ],
};

/// The server's own: a roster with what ejabberd's record has no place for.
pub(super) static OWN_ROSTER: Kind = Kind {
    name: "rookery_roster_v1",
    fields: &[
        USERNAME,
        ("version", Shape::MaybeText),
        (
            "entries",
            Shape::Many(&[
                ("jid", Shape::Text),
                ("nick", Shape::Text),
                ("groups", Shape::Texts),
                ("sub", Shape::Word),
                ("ask", Shape::Word),
                ("ask_msg", Shape::Text),
                ("approved", Shape::Flag),
                ("listed", Shape::Flag),
            ]),
        ),
    ],
};

pub(super) static PRIVATE: Kind = Kind {
    name: "rookery_private_v1",
    fields: &[USERNAME, ("namespace", Shape::Text), ("data", Shape::Text)],
};

pub(super) static CARD: Kind =
    Kind { name: "rookery_vcard_v1", fields: &[USERNAME, ("vcard", Shape::Text)] };

pub(super) static LAST: Kind = Kind {
    name: "rookery_last_v1",
    fields: &[USERNAME, ("seconds", Shape::Number), ("status", Shape::Text)],
};

pub(super) static MESSAGE: Kind = Kind {
    name: "rookery_offline_v1",
    fields: &[USERNAME, ("timestamp", Shape::Number), ("packet", Shape::Text)],
};

/// A value of a field. It may be a password, so it does not print.
#[derive(Clone, PartialEq)]
pub(super) enum Plain {
    Nothing,
    Text(String),
    Number(i64),
    Flag(bool),
    List(Vec<Plain>),
    /// The fields of one of many, or of a verifier.
    Parts(Vec<Plain>),
}

impl Plain {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// About how many bytes it is.
    fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len() + 8,
            Self::List(items) | Self::Parts(items) => {
                items.iter().map(Self::bytes).sum::<usize>() + 8
            }
            Self::Nothing | Self::Number(_) | Self::Flag(_) => 8,
        }
    }
}

/// A record of a host: the values of its kind's fields.
pub(super) struct Record {
    pub(super) kind: &'static Kind,
    pub(super) values: Vec<Plain>,
}

impl Record {
    /// About how many bytes it is.
    pub(super) fn bytes(&self) -> usize {
        self.values.iter().map(Plain::bytes).sum::<usize>() + 32
    }

    pub(super) fn to_term(&self, host: &str) -> Term {
        let mut parts = vec![Term::word(self.kind.name), Term::binary(host)];
        let fields = self.kind.fields.iter().zip(&self.values);
        parts.extend(fields.map(|((_, shape), value)| to_term(*shape, value)));
        Term::Tuple(parts)
    }

    pub(super) fn to_json(&self, host: &str) -> Value {
        let mut object = Map::new();
        object.insert(TYPE.to_owned(), self.kind.name.into());
        object.insert(HOST.to_owned(), host.into());
        object.extend(named(self.kind.fields, &self.values));
        Value::Object(object)
    }

    /// Reads a record of one of `kinds`.
    pub(super) fn from_term(term: &Term, kinds: &[&'static Kind]) -> Result<Self, NotRead> {
        let [name, _host, fields @ ..] = term.as_tuple().unwrap_or_default() else {
            return Err(NotRead::NoRecord);
        };
        let name = name.as_atom().ok_or(NotRead::NoRecord)?;
        let kind = kind_of(name, kinds)?;
        let values = parts(kind.fields, fields).ok_or(NotRead::Fields(kind.name))?;
        Ok(Self { kind, values })
    }

    /// Reads a record of one of `kinds`.
    pub(super) fn from_json(value: &Value, kinds: &[&'static Kind]) -> Result<Self, NotRead> {
        let object = value.as_object().ok_or(NotRead::NoRecord)?;
        let name = object.get(TYPE).and_then(Value::as_str).ok_or(NotRead::NoRecord)?;
        let kind = kind_of(name, kinds)?;
        let values = members(kind.fields, object).ok_or(NotRead::Fields(kind.name))?;
        Ok(Self { kind, values })
    }
}

/// Why something is not a record that is known here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotRead {
    #[error("this is no record")]
    NoRecord,
    #[error("records {0:?} do not belong here")]
    Kind(String),
    #[error("{0} does not have the fields that it should")]
    Fields(&'static str),
}

fn kind_of(name: &str, kinds: &[&'static Kind]) -> Result<&'static Kind, NotRead> {
    let found = kinds.iter().copied().find(|kind| kind.name == name);
    found.ok_or_else(|| NotRead::Kind(name.chars().take(64).collect()))
}

/// The word of a hash, as ejabberd has it.
pub(super) fn word_of(hash: ScramHash) -> &'static str {
    match hash {
        ScramHash::Sha1 => "sha",
        ScramHash::Sha256 => "sha256",
        ScramHash::Sha512 => "sha512",
    }
}

fn to_term(shape: Shape, value: &Plain) -> Term {
    match (shape, value) {
        (_, Plain::Nothing) => Term::word(UNDEFINED),
        (Shape::Word, Plain::Text(word)) => {
            // Words come from this crate and are short.
            Atom::new(word.as_str()).map_or_else(|_| Term::binary(word.as_str()), Term::Atom)
        }
        (_, Plain::Text(text)) => Term::binary(text.as_str()),
        (_, Plain::Number(number)) => Term::Integer(*number),
        (_, Plain::Flag(flag)) => Term::boolean(*flag),
        (shape, Plain::List(items)) => {
            Term::List(items.iter().map(|item| to_term(item_of(shape), item)).collect())
        }
        (shape, Plain::Parts(values)) => {
            let fields = fields_of(shape).iter().zip(values);
            Term::Tuple(fields.map(|((_, shape), value)| to_term(*shape, value)).collect())
        }
    }
}

fn to_json(shape: Shape, value: &Plain) -> Value {
    match value {
        Plain::Nothing => UNDEFINED.into(),
        Plain::Text(text) => text.as_str().into(),
        Plain::Number(number) => (*number).into(),
        Plain::Flag(flag) => (*flag).into(),
        Plain::List(items) => {
            Value::Array(items.iter().map(|item| to_json(item_of(shape), item)).collect())
        }
        Plain::Parts(values) => Value::Object(named(fields_of(shape), values)),
    }
}

fn named(fields: &[Field], values: &[Plain]) -> Map<String, Value> {
    let fields = fields.iter().zip(values);
    fields.map(|((name, shape), value)| ((*name).to_owned(), to_json(*shape, value))).collect()
}

/// The shape of the items of a list.
fn item_of(shape: Shape) -> Shape {
    if let Shape::Texts = shape { Shape::Text } else { shape }
}

/// The fields of an item that has parts.
fn fields_of(shape: Shape) -> &'static [Field] {
    match shape {
        Shape::Many(fields) => fields,
        Shape::Passwords => VERIFIER,
        _ => &[],
    }
}

fn parts(fields: &[Field], terms: &[Term]) -> Option<Vec<Plain>> {
    if fields.len() != terms.len() {
        return None;
    }
    fields.iter().zip(terms).map(|((_, shape), term)| from_term(*shape, term)).collect()
}

fn from_term(shape: Shape, term: &Term) -> Option<Plain> {
    let items = || match term {
        Term::List(items) => Some(items.iter()),
        _ => None,
    };
    Some(match shape {
        Shape::Text => Plain::Text(utf8(term)?),
        Shape::Word => Plain::text(term.as_atom()?),
        Shape::Number => Plain::Number(term.as_integer()?),
        Shape::Flag => match term.as_atom()? {
            "true" => Plain::Flag(true),
            "false" => Plain::Flag(false),
            _ => return None,
        },
        Shape::MaybeText if term.as_atom() == Some(UNDEFINED) => Plain::Nothing,
        Shape::MaybeText => Plain::Text(utf8(term)?),
        Shape::Texts => {
            Plain::List(items()?.map(|item| utf8(item).map(Plain::Text)).collect::<Option<_>>()?)
        }
        Shape::Many(fields) => {
            let one = |item: &Term| parts(fields, item.as_tuple()?).map(Plain::Parts);
            Plain::List(items()?.map(one).collect::<Option<_>>()?)
        }
        Shape::Passwords => {
            let one = |item: &Term| match item {
                Term::Tuple(terms) => parts(VERIFIER, terms).map(Plain::Parts),
                text => utf8(text).map(Plain::Text),
            };
            Plain::List(items()?.map(one).collect::<Option<_>>()?)
        }
    })
}

fn utf8(term: &Term) -> Option<String> {
    match term {
        Term::Binary(bytes) => String::from_utf8(bytes.clone()).ok(),
        _ => None,
    }
}

fn members(fields: &[Field], object: &Map<String, Value>) -> Option<Vec<Plain>> {
    fields.iter().map(|(name, shape)| from_json(*shape, object.get(*name)?)).collect()
}

fn from_json(shape: Shape, value: &Value) -> Option<Plain> {
    let text = |value: &Value| value.as_str().map(Plain::text);
    Some(match shape {
        Shape::MaybeText if value.is_null() || value.as_str() == Some(UNDEFINED) => Plain::Nothing,
        Shape::Text | Shape::Word | Shape::MaybeText => text(value)?,
        Shape::Number => Plain::Number(value.as_i64()?),
        Shape::Flag => Plain::Flag(value.as_bool()?),
        Shape::Texts => Plain::List(value.as_array()?.iter().map(text).collect::<Option<_>>()?),
        Shape::Many(fields) => {
            let one = |item: &Value| members(fields, item.as_object()?).map(Plain::Parts);
            Plain::List(value.as_array()?.iter().map(one).collect::<Option<_>>()?)
        }
        Shape::Passwords => {
            let one = |item: &Value| match item {
                Value::Object(object) => members(VERIFIER, object).map(Plain::Parts),
                other => text(other),
            };
            Plain::List(value.as_array()?.iter().map(one).collect::<Option<_>>()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(record: &Record, kinds: &[&'static Kind]) {
        let term = record.to_term("h");
        let read = Record::from_term(&term, kinds).unwrap();
        assert!(read.values == record.values, "{term}");
        let json = record.to_json("h");
        let read = Record::from_json(&json, kinds).unwrap();
        assert!(read.values == record.values, "{json}");
    }

    #[test]
    fn a_record_is_a_tuple_and_an_object() {
        let verifier = ["sha256", "a==", "b==", "c=="].into_iter().map(Plain::text);
        let verifier = Plain::Parts(verifier.chain([Plain::Number(4096)]).collect());
        let passwords = Plain::List(vec![Plain::text("p\u{e9}"), verifier]);
        let record = Record { kind: &AUTH, values: vec![Plain::text("romeo"), passwords] };
        same(&record, &[&ROSTER, &AUTH]);
        assert_eq!(
            record.to_term("h").to_string(),
            "{serialize_auth_v1,<<\"h\">>,<<\"romeo\">>,[<<\"p\u{e9}\"/utf8>>,{sha256,<<\"a==\">>,<<\"b==\">>,<<\"c==\">>,4096}]}"
        );
        assert_eq!(
            record.to_json("h").to_string(),
            "{\"type\":\"serialize_auth_v1\",\"serverhost\":\"h\",\"username\":\"romeo\",\"passwords\":[\"p\u{e9}\",\
             {\"hash\":\"sha256\",\"stored_key\":\"a==\",\"server_key\":\"b==\",\"salt\":\"c==\",\"iterations\":4096}]}"
        );
        let texts = Plain::List(vec![Plain::text("g")]);
        let entry = |more: &[Plain]| {
            let words = ["j@h", ""].into_iter().map(Plain::text).chain([texts.clone()]);
            let words = words.chain(["both", "none", "?"].into_iter().map(Plain::text));
            Plain::Parts(words.chain(more.iter().cloned()).collect())
        };
        let of = |kind, version, entry| Record {
            kind,
            values: vec![Plain::text("romeo"), version, Plain::List(vec![entry])],
        };
        same(&of(&ROSTER, Plain::Nothing, entry(&[])), &[&ROSTER]);
        let flags = [Plain::Flag(true), Plain::Flag(false)];
        same(&of(&OWN_ROSTER, Plain::text("v"), entry(&flags)), &[&OWN_ROSTER]);
    }

    #[test]
    fn what_is_no_record_is_told_as_what_it_is() {
        for (text, why) in [
            ("a", NotRead::NoRecord),
            ("{}", NotRead::NoRecord),
            ("{1,<<\"h\">>}", NotRead::NoRecord),
            ("{serialize_mam_v1,<<\"h\">>}", NotRead::Kind("serialize_mam_v1".to_owned())),
            ("{serialize_auth_v1,<<\"h\">>}", NotRead::Fields("serialize_auth_v1")),
            (
                "{serialize_auth_v1,<<\"h\">>,<<\"u\">>,[{sha,1,2,3,4}]}",
                NotRead::Fields("serialize_auth_v1"),
            ),
            ("{serialize_auth_v1,<<\"h\">>,<<255>>,[]}", NotRead::Fields("serialize_auth_v1")),
        ] {
            let term = erl_wire::parse(text).unwrap();
            assert_eq!(Record::from_term(&term, &[&AUTH]).err(), Some(why), "{text}");
        }
        for text in
            ["1", "{}", "{\"type\":1}", "{\"type\":\"serialize_auth_v1\",\"username\":\"u\"}"]
        {
            let json = serde_json::from_str(text).unwrap();
            assert!(Record::from_json(&json, &[&AUTH]).is_err(), "{text}");
        }
    }
}
