//! The tree of a settings file: scalars, lists and maps with their places, before any type is known.

use std::fmt;
use std::sync::Arc;

use crate::problem::Problem;
use crate::source::Pos;

/// A value of the file as written, with its place.
///
/// Equality compares what was written and not where, so that a reload sees real changes only.
#[derive(Clone)]
pub struct Node {
    kind: Kind,
    pos: Pos,
}

/// The shapes a [`Node`] can have.
#[derive(Clone, PartialEq)]
pub enum Kind {
    /// Nothing was written after the colon or dash.
    Null,
    /// A word, number or text.
    Scalar(Scalar),
    /// A list.
    Seq(Vec<Node>),
    /// A map in file order; keys may repeat where the file rules allow it.
    Map(Vec<(Node, Node)>),
}

/// A word, number or text; whether it was quoted decides if `5` is a number.
#[derive(Clone, PartialEq, Eq)]
pub struct Scalar {
    /// The text with quotes and escapes removed.
    pub text: Arc<str>,
    /// Written in quotes or as a block, hence never a number.
    pub quoted: bool,
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl Node {
    /// A node of a kind at a position.
    pub fn new(kind: Kind, pos: Pos) -> Self {
        Self { kind, pos }
    }

    /// A bare word.
    pub fn word(text: impl Into<Arc<str>>, pos: Pos) -> Self {
        Self::new(Kind::Scalar(Scalar { text: text.into(), quoted: false }), pos)
    }

    /// A quoted text.
    pub fn quoted(text: impl Into<Arc<str>>, pos: Pos) -> Self {
        Self::new(Kind::Scalar(Scalar { text: text.into(), quoted: true }), pos)
    }

    /// A list.
    pub fn seq(items: Vec<Node>, pos: Pos) -> Self {
        Self::new(Kind::Seq(items), pos)
    }

    /// A map.
    pub fn map(entries: Vec<(Node, Node)>, pos: Pos) -> Self {
        Self::new(Kind::Map(entries), pos)
    }

    /// Its shape.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    pub(crate) fn kind_mut(&mut self) -> &mut Kind {
        &mut self.kind
    }

    /// Its place.
    pub fn pos(&self) -> Pos {
        self.pos
    }

    /// A problem at this node; shorthand for [`Problem::new`].
    pub fn problem(&self, title: impl Into<String>) -> Problem {
        Problem::new(self.pos, title)
    }

    /// The scalar, if it is one.
    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.kind {
            Kind::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The text of a scalar, quoted or not, numbers included.
    pub fn as_str(&self) -> Option<&str> {
        self.scalar().map(|scalar| &*scalar.text)
    }

    /// The text of a scalar that is not a number: what a text or name option accepts.
    pub fn as_text(&self) -> Option<&str> {
        let scalar = self.scalar()?;
        (scalar.quoted || !is_number(&scalar.text)).then_some(&*scalar.text)
    }

    /// The value of a bare (unquoted) integer.
    pub fn as_int(&self) -> Option<i64> {
        let scalar = self.scalar()?;
        (!scalar.quoted && is_integer(&scalar.text)).then(|| scalar.text.parse().ok())?
    }

    /// The value of a bare integer or decimal number.
    pub fn as_number(&self) -> Option<f64> {
        let scalar = self.scalar()?;
        (!scalar.quoted && is_number(&scalar.text)).then(|| scalar.text.parse().ok())?
    }

    /// Whether nothing was written.
    pub fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    /// The items of a list; an empty map counts as an empty list, as in ejabberd.
    pub fn items(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::Seq(items) => Some(items),
            Kind::Map(entries) if entries.is_empty() => Some(&[]),
            _ => None,
        }
    }

    /// The entries of a map; an empty list counts as an empty map, as in ejabberd.
    pub fn entries(&self) -> Option<&[(Node, Node)]> {
        match &self.kind {
            Kind::Map(entries) => Some(entries),
            Kind::Seq(items) if items.is_empty() => Some(&[]),
            _ => None,
        }
    }

    /// The entries of a map, or of a list of maps in a row: `[{a: 1}, {b: 2}]` reads as `{a: 1, b: 2}`.
    pub fn pairs(&self) -> Option<Vec<(&Node, &Node)>> {
        match &self.kind {
            Kind::Map(entries) => Some(entries.iter().map(|(key, value)| (key, value)).collect()),
            Kind::Seq(items) => {
                let maps: Option<Vec<_>> = items
                    .iter()
                    .map(|item| match &item.kind {
                        Kind::Map(entries) => Some(entries),
                        _ => None,
                    })
                    .collect();
                Some(maps?.into_iter().flatten().map(|(key, value)| (key, value)).collect())
            }
            _ => None,
        }
    }

    /// The value of a key, the first if it repeats.
    pub fn value_of(&self, key: &str) -> Option<&Node> {
        let found = self.entries()?.iter().find(|(name, _)| name.as_str() == Some(key));
        found.map(|(_, value)| value)
    }

    /// A few words for messages: ``the text `abc` ``, `a list`, `a map`, `nothing`.
    pub fn describe(&self) -> String {
        match &self.kind {
            Kind::Null => "nothing".to_owned(),
            Kind::Seq(items) if items.is_empty() => "an empty list".to_owned(),
            Kind::Map(entries) if entries.is_empty() => "an empty map".to_owned(),
            Kind::Seq(_) => "a list".to_owned(),
            Kind::Map(_) => "a map".to_owned(),
            Kind::Scalar(scalar) => {
                let text = shorten(&scalar.text);
                match scalar.quoted {
                    true if is_number(&scalar.text) => format!("the quoted text \"{text}\""),
                    true => format!("\"{text}\""),
                    false => format!("`{text}`"),
                }
            }
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Null => f.write_str("~"),
            Kind::Scalar(scalar) if scalar.quoted => write!(f, "{:?}", scalar.text),
            Kind::Scalar(scalar) => f.write_str(&scalar.text),
            Kind::Seq(items) => f.debug_list().entries(items).finish(),
            Kind::Map(entries) => {
                f.debug_map().entries(entries.iter().map(|(k, v)| (k, v))).finish()
            }
        }
    }
}

/// Longest piece of a value that is repeated in a message.
const SHOWN_CHARS_MAX: usize = 60;

fn shorten(text: &str) -> String {
    let line = text.lines().next().unwrap_or("");
    match line.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((at, _)) => format!("{}...", line.get(..at).unwrap_or("")),
        None if line.len() < text.trim_end().len() => format!("{line}..."),
        None => line.to_owned(),
    }
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a bare word is a number: an integer, or digits with one decimal point and maybe an exponent.
pub(crate) fn is_number(text: &str) -> bool {
    if is_integer(text) {
        return true;
    }
    let Some((whole, rest)) = text.split_once('.') else {
        return false;
    };
    let (fraction, exponent) =
        rest.split_once(['e', 'E']).map_or((rest, None), |(f, e)| (f, Some(e)));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    is_integer(whole) && digits(fraction) && exponent.is_none_or(is_integer)
}
