//! What is wrong with a settings file, shown as a compiler shows it: place, line, reason and remedy.

use std::fmt;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet, renderer::DecorStyle};

use crate::source::{Pos, Sources};

/// How many problems one run reports; the rest is counted.
pub const PROBLEMS_MAX: usize = 50;

/// One thing that is wrong, with its place.
///
/// Any crate may build one from a position ([`Problem::new`]) and report it through [`Problems`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    pos: Pos,
    title: String,
    label: Option<String>,
    help: Vec<String>,
    note: Option<String>,
    secret: bool,
    alone: bool,
}

impl Problem {
    /// A problem at a position; `title` says what is wrong in one sentence without a full stop.
    pub fn new(pos: Pos, title: impl Into<String>) -> Self {
        Self {
            pos,
            title: title.into(),
            label: None,
            help: Vec::new(),
            note: None,
            secret: false,
            alone: false,
        }
    }

    /// A problem that concerns no particular line.
    pub fn general(title: impl Into<String>) -> Self {
        Self::new(Pos::BUILT_IN, title)
    }

    /// Adds the words written under the marked text; the last call wins.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Adds one line that says how to mend it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Adds the reason, written after the help; the last call wins.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// Marks the text at the position as a secret: it is shown as asterisks.
    #[must_use]
    pub fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// Shows nothing of what follows the position: the value of a name that is not known could be a secret.
    #[must_use]
    pub(crate) fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    /// Where it is.
    pub fn pos(&self) -> Pos {
        self.pos
    }

    /// What is wrong, in one sentence.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The lines that say how to mend it.
    pub fn helps(&self) -> &[String] {
        &self.help
    }

    pub(crate) fn render(&self, level: &Level<'_>, sources: &Sources, color: bool) -> String {
        let mut group = Group::with_title(level.clone().primary_title(self.title.clone()));
        if let Some(text) = sources.get(self.pos) {
            let shown = excerpt(&text.text, self);
            let mut mark = AnnotationKind::Primary.span(shown.start..shown.end);
            if let Some(label) = &self.label {
                mark = mark.label(label.clone());
            }
            let line = usize::try_from(self.pos.line).unwrap_or(1);
            let snippet = Snippet::source(shown.line).line_start(line).path(text.name.clone());
            group = group.element(snippet.annotation(mark));
        }
        for help in &self.help {
            group = group.element(Level::HELP.message(help.clone()));
        }
        if let Some(note) = &self.note {
            group = group.element(Level::NOTE.message(note.clone()));
        }
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        renderer.decor_style(DecorStyle::Ascii).render(&[group])
    }
}

/// The one line that is shown, and the marked bytes in it.
struct Excerpt {
    line: String,
    start: usize,
    end: usize,
}

/// Longest line shown; longer ones (a key pasted on one line) are cut at the right.
const LINE_CHARS_MAX: usize = 160;

fn excerpt(text: &str, problem: &Problem) -> Excerpt {
    let pos = problem.pos;
    let bound = |at: u32| text.floor_char_boundary(usize::try_from(at).unwrap_or(usize::MAX));
    let (start, end) = (bound(pos.start), bound(pos.end));
    let (before, after) = text.split_at(start);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line_end = after.find('\n').map_or(text.len(), |at| start + at);
    let line = text.get(line_start..line_end).unwrap_or("").trim_end();
    let column = (start - line_start).min(line.len());
    let marked_end = end.min(line_end).saturating_sub(line_start).clamp(column, line.len());
    // A map or a list has a place without length: what follows it is shown as little.
    let written = line.get(column..).is_some_and(|rest| !rest.trim().is_empty());
    let value = if problem.secret && written { Some(column) } else { secret_value(line) };
    let column = value.map_or(column, |value| column.min(value));
    let head = line.get(..column).unwrap_or("");
    let marked = line.get(column..marked_end.max(column)).unwrap_or("").trim_end();
    let tail = line.get(column + marked.len()..).unwrap_or("");
    let (marked, tail) = if let Some(value) = value {
        match value.checked_sub(column + marked.len()) {
            Some(between) => {
                (marked.to_owned(), format!("{}{HIDDEN}", tail.get(..between).unwrap_or("")))
            }
            None => (HIDDEN.to_owned(), String::new()),
        }
    } else if problem.alone {
        let more = if tail.trim_matches([':', ' ']).is_empty() { tail } else { ": ..." };
        (cut(marked, LINE_CHARS_MAX), more.to_owned())
    } else {
        let room = LINE_CHARS_MAX.saturating_sub(head.chars().count());
        let tail_room = room.saturating_sub(marked.chars().count());
        (cut(marked, room.max(8)), cut(tail, tail_room))
    };
    let end = head.len() + marked.len().max(1);
    let line = format!("{head}{marked}{tail}");
    let end = line.ceil_char_boundary(end.min(line.len().max(head.len())));
    Excerpt { line, start: head.len(), end: end.max(head.len()) }
}

/// What is shown for a secret, whatever its length.
const HIDDEN: &str = "********";

/// Where in a line of a settings file the value of something begins that is a secret by its name.
///
/// It goes by words, as the line may be the one that is not understood: a misspelt option, an unclosed quote.
fn secret_value(line: &str) -> Option<usize> {
    line.match_indices(':').find_map(|(at, _)| {
        let name = line.get(..at)?.rsplit(['{', ',', ' ']).find(|word| !word.is_empty())?;
        let name = name.to_ascii_lowercase();
        let told = ["pass", "pasw", "secret", "token", "cookie", "credential", "header"];
        let is_secret = told.iter().any(|word| name.contains(word))
            || name.split(['_', '-', '"', '\'']).any(|word| word == "key");
        let value = line.get(at + 1..)?;
        let rest = value.trim_start();
        (is_secret && !rest.is_empty()).then_some(at + 1 + value.len() - rest.len())
    })
}

fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}...", text.get(..at).unwrap_or("")),
    }
}

/// Everything that is wrong, with the texts needed to show it. It is never empty when returned.
#[derive(Clone)]
pub struct Problems {
    list: Vec<Problem>,
    left_out: usize,
    sources: Sources,
}

impl Problems {
    /// Starts an empty collection over the texts of a load.
    pub fn new(sources: Sources) -> Self {
        Self { list: Vec::new(), left_out: 0, sources }
    }

    /// Adds one problem. The same problem is kept once, and only [`PROBLEMS_MAX`] are kept.
    pub fn push(&mut self, problem: Problem) {
        if self.list.contains(&problem) {
            return;
        }
        if self.list.len() == PROBLEMS_MAX {
            self.left_out += 1;
            return;
        }
        self.list.push(problem);
    }

    /// Adds several problems.
    pub fn extend(&mut self, problems: impl IntoIterator<Item = Problem>) {
        for problem in problems {
            self.push(problem);
        }
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The problems kept, in file order once sorted by [`Problems::into_result`].
    pub fn list(&self) -> &[Problem] {
        &self.list
    }

    /// How many more there were beyond [`PROBLEMS_MAX`].
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// `value` when nothing is wrong, else the problems in file order.
    pub fn into_result<T>(mut self, value: T) -> Result<T, Self> {
        if self.list.is_empty() {
            return Ok(value);
        }
        self.list.sort_by_key(|problem| (problem.pos.is_built_in(), problem.pos));
        Err(self)
    }

    /// All problems as text for people, with colours for a terminal or plain.
    pub fn render(&self, color: bool) -> String {
        let mut shown: Vec<String> =
            self.list.iter().map(|p| p.render(&Level::ERROR, &self.sources, color)).collect();
        if self.left_out > 0 {
            shown.push(format!("... and {} more", self.left_out));
        }
        shown.join("\n\n")
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl fmt::Debug for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Problems {}

/// Why a [`Note`] was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoteKind {
    /// An old spelling was read as the new one; the file should be changed.
    Rewritten,
    /// The option has no meaning any more and was ignored.
    Ignored,
    /// The option works and will not for ever.
    Deprecated,
    /// The option is known and checked, and this server does not act on it yet.
    NotInForce,
    /// Something that is probably not meant.
    Suspicious,
}

/// Something the operator should know although the settings are accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// Why it was written.
    pub kind: NoteKind,
    /// Place and words.
    pub problem: Problem,
    /// For [`NoteKind::Rewritten`], the change as it should be made in the file.
    pub rewrite: Option<Rewrite>,
}

/// A change of the file that an old spelling asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rewrite {
    /// Where the old spelling stands.
    pub pos: Pos,
    /// The old spelling.
    pub old: String,
    /// What to write instead.
    pub new: String,
    /// The reason in one sentence.
    pub why: String,
}

impl Note {
    /// A note of a kind with its place and words.
    pub fn new(kind: NoteKind, problem: Problem) -> Self {
        Self { kind, problem, rewrite: None }
    }

    /// The note as text for people.
    pub fn render(&self, sources: &Sources, color: bool) -> String {
        let mut text = self.problem.render(&Level::WARNING, sources, color);
        if let Some(rewrite) = &self.rewrite {
            for line in rewrite.old.lines() {
                text.push_str(&format!("\n  - {line}"));
            }
            for line in rewrite.new.lines() {
                text.push_str(&format!("\n  + {line}"));
            }
        }
        text
    }
}
