//! YAML text to [`Node`] trees, with a bound on everything a hostile or broken file could blow up.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};

use crate::node::{Kind, Node, Scalar};
use crate::problem::Problem;
use crate::source::{FileId, Pos};

/// Largest text accepted.
pub(crate) const TEXT_BYTES_MAX: usize = 4 << 20;
/// Deepest nesting accepted.
pub(crate) const DEPTH_MAX: usize = 64;
/// Most nodes one text may make, aliases written out.
pub(crate) const NODES_MAX: usize = 200_000;

/// Reads one text. `Node` is a null node when the text holds no document.
///
/// # Errors
/// One problem: the syntax error, or the bound that was passed.
pub(crate) fn parse(file: FileId, text: &str) -> Result<Node, Problem> {
    if text.len() > TEXT_BYTES_MAX {
        let title = format!("the text has {} bytes, more than {TEXT_BYTES_MAX}", text.len());
        return Err(Problem::new(at_start(file), title));
    }
    let places = Places::new(file, text);
    let mut builder = Builder {
        places: &places,
        text,
        stack: Vec::new(),
        anchors: HashMap::new(),
        root: None,
        nodes: 0,
    };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| {
            let problem = Problem::new(
                places.point(*error.marker()),
                format!("this is not YAML: {}", error.info()),
            );
            syntax_help(problem, text, error.marker().line())
        })?;
        builder.take(event, span)?;
    }
    Ok(builder.root.unwrap_or_else(|| Node::new(Kind::Null, at_start(file))))
}

fn at_start(file: FileId) -> Pos {
    Pos { file, start: 0, end: 0, line: 1, column: 1 }
}

fn syntax_help(problem: Problem, text: &str, line: usize) -> Problem {
    let written = text.lines().nth(line.saturating_sub(1)).unwrap_or("");
    let indent: &str = written.split(|c: char| !c.is_whitespace()).next().unwrap_or("");
    let says = |word| problem.title().split(' ').any(|said| said == word);
    if indent.contains('\t') || says("tab") || says("tabs") {
        return problem.help("YAML is indented with spaces; replace the tab characters");
    }
    if says("unprintable") {
        return problem.help("remove the control character; in a quoted text it can be written as an escape, such as \"\\t\"");
    }
    problem.help("compare the indentation of this line with the lines above it, and close every quote and bracket")
}

/// Turns the parser's character counts into byte positions.
struct Places {
    file: FileId,
    /// Byte offset of every character; empty for ASCII texts, where both are the same.
    bytes: Vec<u32>,
    length: u32,
}

impl Places {
    fn new(file: FileId, text: &str) -> Self {
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let bytes = match text.is_ascii() {
            true => Vec::new(),
            false => text.char_indices().map(|(at, _)| narrow(at)).collect(),
        };
        Self { file, bytes, length: narrow(text.len()) }
    }

    fn byte(&self, index: usize) -> u32 {
        if self.bytes.is_empty() {
            return u32::try_from(index).unwrap_or(u32::MAX).min(self.length);
        }
        self.bytes.get(index).copied().unwrap_or(self.length)
    }

    fn span(&self, span: Span) -> Pos {
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let start = self.byte(span.start.index());
        Pos {
            file: self.file,
            start,
            end: self.byte(span.end.index()).max(start),
            line: narrow(span.start.line()).max(1),
            column: narrow(span.start.col() + 1),
        }
    }

    fn point(&self, mark: Marker) -> Pos {
        self.span(Span::empty(mark))
    }
}

/// A list or map that is still open.
struct Open {
    anchor: usize,
    pos: Pos,
    is_map: bool,
    items: Vec<Node>,
}

struct Builder<'a> {
    places: &'a Places,
    text: &'a str,
    stack: Vec<Open>,
    anchors: HashMap<usize, (Node, usize)>,
    root: Option<Node>,
    nodes: usize,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        let pos = self.places.span(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let quoted = style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.suffix == "str");
                let empty = !quoted && matches!(&*text, "" | "~" | "null");
                let kind = match empty {
                    true => Kind::Null,
                    false => Kind::Scalar(Scalar { text: text.as_ref().into(), quoted }),
                };
                let pos = self.without_tail(pos);
                self.finish(Node::new(kind, pos), anchor)
            }
            Event::SequenceStart(anchor, _) => self.open(anchor, pos, false),
            Event::MappingStart(anchor, _) => self.open(anchor, pos, true),
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor).cloned() else {
                    return Err(Problem::new(pos, "this alias stands inside the value it repeats"));
                };
                self.count(size, pos)?;
                self.finish(node, 0)
            }
            Event::DocumentStart(_) if self.root.is_some() => Err(Problem::new(pos, "a second YAML document starts here")
                .help("a settings file is one document; remove the `---` line or use `include_config_file`")),
            _ => Ok(()),
        }
    }

    /// The parser counts blanks and a comment behind a quoted text to it; the place ends at the quote.
    fn without_tail(&self, pos: Pos) -> Pos {
        let start = usize::try_from(pos.start).unwrap_or(usize::MAX);
        let written = self.text.get(start..).unwrap_or("");
        let mut chars = written.char_indices();
        let Some((_, quote @ ('"' | '\''))) = chars.next() else {
            return pos;
        };
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' if quote == '"' => {
                    chars.next();
                }
                c if c == quote
                    && quote == '\''
                    && written.get(at + 1..).is_some_and(|rest| rest.starts_with('\'')) =>
                {
                    chars.next();
                }
                c if c == quote => {
                    let end = pos.start.saturating_add(u32::try_from(at + 1).unwrap_or(u32::MAX));
                    return Pos { end: end.min(pos.end), ..pos };
                }
                _ => {}
            }
        }
        pos
    }

    fn count(&mut self, more: usize, pos: Pos) -> Result<(), Problem> {
        self.nodes = self.nodes.saturating_add(more);
        if self.nodes > NODES_MAX {
            let title = format!(
                "the file holds more than {NODES_MAX} values when its aliases are written out"
            );
            return Err(Problem::new(pos, title));
        }
        Ok(())
    }

    fn open(&mut self, anchor: usize, pos: Pos, is_map: bool) -> Result<(), Problem> {
        if self.stack.len() == DEPTH_MAX {
            return Err(Problem::new(
                pos,
                format!("lists and maps are nested more than {DEPTH_MAX} deep"),
            ));
        }
        self.stack.push(Open { anchor, pos, is_map, items: Vec::new() });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Problem> {
        let open = self.stack.pop().expect("the parser closes only what it opened");
        let kind = match open.is_map {
            false => Kind::Seq(open.items),
            true => Kind::Map(merge_entries(open.items)?),
        };
        self.finish(Node::new(kind, open.pos), open.anchor)
    }

    fn finish(&mut self, node: Node, anchor: usize) -> Result<(), Problem> {
        self.count(1, node.pos())?;
        if anchor > 0 {
            let size = size(&node);
            self.count(size, node.pos())?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.stack.last_mut() {
            Some(open) => open.items.push(node),
            None => self.root = Some(node),
        }
        Ok(())
    }
}

fn size(node: &Node) -> usize {
    1 + match node.kind() {
        Kind::Seq(items) => items.iter().map(size).sum::<usize>(),
        Kind::Map(entries) => entries.iter().map(|(key, value)| size(key) + size(value)).sum(),
        Kind::Null | Kind::Scalar(_) => 0,
    }
}

/// Pairs keys with values and takes in the maps of `<<` keys; a key written out wins over a merged one.
fn merge_entries(items: Vec<Node>) -> Result<Vec<(Node, Node)>, Problem> {
    let mut entries = Vec::with_capacity(items.len() / 2);
    let mut merged = Vec::new();
    let mut items = items.into_iter();
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        let is_merge = key.scalar().is_some_and(|scalar| !scalar.quoted && &*scalar.text == "<<");
        match is_merge {
            false => entries.push((key, value)),
            true => {
                let pairs = value.pairs().ok_or_else(|| {
                    value.problem(format!(
                        "`<<` merges a map or a list of maps, not {}",
                        value.describe()
                    ))
                })?;
                merged.extend(pairs.into_iter().map(|(key, value)| (key.clone(), value.clone())));
            }
        }
    }
    for (key, value) in merged {
        if !entries.iter().any(|(name, _)| *name == key) {
            entries.push((key, value));
        }
    }
    Ok(entries)
}
