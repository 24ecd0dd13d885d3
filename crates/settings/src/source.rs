//! The texts settings are read from, and positions in them, so that every message can show its place.

use std::sync::Arc;

/// Index of a text in [`Sources`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct FileId(u32);

/// A place in a settings file: which text, which bytes, and the line and column people count in.
///
/// Lines and columns start at 1; columns count characters. A value that stands in no file (a
/// built-in default) is at [`Pos::BUILT_IN`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Pos {
    /// The text; meaningless for [`Pos::BUILT_IN`].
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// Line of the first byte, from 1; 0 means the value stands in no file.
    pub line: u32,
    /// Column of the first byte in characters, from 1.
    pub column: u32,
}

impl Pos {
    /// The position of values that were never written: built-in defaults.
    pub const BUILT_IN: Self =
        Self { file: FileId(u32::MAX), start: 0, end: 0, line: 0, column: 0 };

    /// Whether the value stands in no file.
    pub fn is_built_in(self) -> bool {
        self.line == 0
    }
}

/// One text: a file that was read, a text that was given, or an environment variable.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// All texts of one load, kept so that problems found later can still show the lines.
///
/// Cloning is cheap: the texts themselves are shared.
#[derive(Clone, Debug, Default)]
pub struct Sources(Vec<Arc<Text>>);

impl Sources {
    /// No texts at all, for problems that concern no file.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds a text under the name shown in messages and returns its number.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        let id = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        self.0.push(Arc::new(Text { name: name.into(), text: text.into() }));
        FileId(id)
    }

    /// The name of the file a position is in, `None` for built-in values.
    pub fn name(&self, pos: Pos) -> Option<&str> {
        self.get(pos).map(|text| text.name.as_str())
    }

    /// `file:line:column`, the form editors jump to; `built-in default` when there is no file.
    pub fn place(&self, pos: Pos) -> String {
        match self.get(pos) {
            Some(text) => format!("{}:{}:{}", text.name, pos.line, pos.column),
            None => "built-in default".to_owned(),
        }
    }

    /// The names of all texts, in the order they were read.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|text| text.name.as_str())
    }

    /// The names without the texts: enough for [`Self::place`], and nothing of a secret in it.
    #[must_use]
    pub fn without_texts(&self) -> Self {
        let bare =
            |text: &Arc<Text>| Arc::new(Text { name: text.name.clone(), text: String::new() });
        Self(self.0.iter().map(bare).collect())
    }

    pub(crate) fn get(&self, pos: Pos) -> Option<&Text> {
        if pos.is_built_in() {
            return None;
        }
        self.0.get(usize::try_from(pos.file.0).ok()?).map(AsRef::as_ref)
    }
}
