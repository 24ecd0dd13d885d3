//! Just enough of Rust's lexical rules to tell code from comments and strings.

/// A piece of text with the line it starts on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// A source file taken apart.
#[derive(Debug, Default)]
pub(crate) struct Source {
    /// The text with comments and the insides of strings and characters blanked; same length in
    /// lines, and the same columns for ASCII.
    pub(crate) code: String,
    /// Comments, one piece for each, with their marks.
    pub(crate) comments: Vec<Piece>,
    /// The insides of string literals, escapes as written.
    pub(crate) strings: Vec<Piece>,
    /// For each line (from index 0), whether it belongs to an item under `#[cfg(test)]`.
    in_tests: Vec<bool>,
}

impl Source {
    /// Takes a file apart.
    pub(crate) fn new(text: &str) -> Self {
        let mut lexer = Lexer { chars: text.chars().collect(), ..Lexer::default() };
        lexer.run();
        let mut source = lexer.out;
        source.in_tests = mark_tests(&source.code);
        source
    }

    /// Whether a line (from 1) belongs to tests inside the file.
    pub(crate) fn is_test_line(&self, line: usize) -> bool {
        self.in_tests.get(line.saturating_sub(1)).copied().unwrap_or(false)
    }

    /// The lines of code, numbered from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

#[derive(Default)]
struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
    out: Source,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> char {
        self.chars.get(self.at + ahead).copied().unwrap_or('\0')
    }

    /// Passes one character on, as itself or as a blank.
    fn pass(&mut self, visible: bool) -> char {
        let c = self.peek(0);
        self.at += 1;
        if c == '\n' {
            self.line += 1;
        }
        self.out.code.push(if visible || c == '\n' { c } else { ' ' });
        c
    }

    fn run(&mut self) {
        self.line = 1;
        while self.at < self.chars.len() {
            match (self.peek(0), self.peek(1)) {
                ('/', '/') => self.line_comment(),
                ('/', '*') => self.block_comment(),
                ('"', _) => self.string(),
                ('\'', _) => self.quote(),
                (c, _) if c.is_alphabetic() || c == '_' => self.word(),
                _ => {
                    self.pass(true);
                }
            }
        }
    }

    fn line_comment(&mut self) {
        let line = self.line;
        let mut text = String::new();
        while self.at < self.chars.len() && self.peek(0) != '\n' {
            text.push(self.pass(false));
        }
        self.out.comments.push(Piece { line, text });
    }

    fn block_comment(&mut self) {
        let line = self.line;
        let mut text = String::new();
        let mut depth = 0_usize;
        while self.at < self.chars.len() {
            match (self.peek(0), self.peek(1)) {
                ('/', '*') => depth += 1,
                ('*', '/') => depth -= 1,
                _ => {
                    text.push(self.pass(false));
                    continue;
                }
            }
            text.push(self.pass(false));
            text.push(self.pass(false));
            if depth == 0 {
                break;
            }
        }
        self.out.comments.push(Piece { line, text });
    }

    /// A string with escapes; the cursor is on the opening quote.
    fn string(&mut self) {
        let line = self.line;
        self.pass(true);
        let mut text = String::new();
        while self.at < self.chars.len() && self.peek(0) != '"' {
            if self.peek(0) == '\\' {
                text.push(self.pass(false));
            }
            text.push(self.pass(false));
        }
        self.pass(true);
        self.out.strings.push(Piece { line, text });
    }

    /// A raw string; the cursor is on the first `#` or on the opening quote.
    fn raw_string(&mut self) {
        let line = self.line;
        let mut hashes = 0;
        while self.peek(0) == '#' {
            self.pass(true);
            hashes += 1;
        }
        self.pass(true);
        let mut text = String::new();
        while self.at < self.chars.len() {
            let closes = self.peek(0) == '"' && (1..=hashes).all(|ahead| self.peek(ahead) == '#');
            if closes {
                break;
            }
            text.push(self.pass(false));
        }
        for _ in 0..=hashes {
            self.pass(true);
        }
        self.out.strings.push(Piece { line, text });
    }

    /// A character literal or a lifetime.
    fn quote(&mut self) {
        if self.peek(1) == '\\' {
            self.pass(true);
            self.pass(false);
            self.pass(false);
            while self.at < self.chars.len() && self.peek(0) != '\'' {
                self.pass(false);
            }
            self.pass(true);
        } else if self.peek(2) == '\'' {
            self.pass(true);
            self.pass(false);
            self.pass(true);
        } else {
            self.pass(true);
        }
    }

    /// A word, which may be the prefix of a string (`r"`, `br#"`, `c"`) or a raw identifier.
    fn word(&mut self) {
        let start = self.at;
        while self.peek(0).is_alphanumeric() || self.peek(0) == '_' {
            self.pass(true);
        }
        let word: String = self.chars.get(start..self.at).unwrap_or_default().iter().collect();
        let raw = matches!(word.as_str(), "r" | "br" | "cr");
        let mut hashes = 0;
        while self.peek(hashes) == '#' {
            hashes += 1;
        }
        if raw && self.peek(hashes) == '"' {
            self.raw_string();
        } else if matches!(word.as_str(), "b" | "c") && self.peek(0) == '"' {
            self.string();
        }
    }
}

/// Marks the lines of items that stand under `#[cfg(test)]` or `#[test]`.
fn mark_tests(code: &str) -> Vec<bool> {
    let mut marks = vec![false; code.lines().count()];
    for attribute in ["#[cfg(test)]", "#[cfg(all(test", "#[test]", "#[tokio::test"] {
        for (at, _) in code.match_indices(attribute) {
            let first = line_of(code, at);
            let after = at + attribute.len();
            let last = match item_end(code, after) {
                Some(end) => line_of(code, end),
                None => marks.len(),
            };
            for line in first..=last {
                if let Some(mark) = marks.get_mut(line - 1) {
                    *mark = true;
                }
            }
        }
    }
    marks
}

/// The line (from 1) of a byte.
pub(crate) fn line_of(code: &str, at: usize) -> usize {
    code.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

/// The end of the item that starts at or after `from`: its closing brace, or its semicolon.
pub(crate) fn item_end(code: &str, from: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(from) {
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && byte == b'}' {
                    return Some(at);
                }
            }
            b';' if depth == 0 => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_no_code() {
        let text = "let a = \"fn x() { // no\"; // tail \"\nlet b = 'x'; let c: &'static str = r#\"a\"b{\"#;\n/* one /* two */ { */ let d = b\"{\\\"\"; let e = '\\''; let f = '\\u{7b}';";
        let source = Source::new(text);
        assert!(!source.code.contains("fn x") && !source.code.contains('{'), "{}", source.code);
        assert!(source.code.contains("let d") && source.code.contains("let f"));
        let strings: Vec<_> = source.strings.iter().map(|piece| piece.text.as_str()).collect();
        assert_eq!(strings, ["fn x() { // no", "a\"b{", "{\\\""]);
        let comments: Vec<_> = source.comments.iter().map(|piece| piece.text.as_str()).collect();
        assert_eq!(comments, ["// tail \"", "/* one /* two */ { */"]);
        assert_eq!(source.code.lines().count(), text.lines().count());
    }

    #[test]
    fn raw_identifiers_and_lifetimes_do_not_open_strings() {
        let source = Source::new("fn r#type<'a>(r: &'a str) -> char { 'a' }");
        assert_eq!(source.code, "fn r#type<'a>(r: &'a str) -> char { ' ' }");
    }

    #[test]
    fn test_items_are_marked() {
        let source = Source::new(
            "fn a() {}\n#[cfg(test)]\nmod tests {\n  fn b() {}\n}\nfn c() {}\n#[cfg(test)]\nmod far;\nfn d() {}",
        );
        let marked: Vec<_> = (1..=9).filter(|line| source.is_test_line(*line)).collect();
        assert_eq!(marked, [2, 3, 4, 5, 7, 8]);
    }
}
