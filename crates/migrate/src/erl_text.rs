//! Erlang terms as text: what `io:format("~p.~n", [Term])` writes and `file:consult/1` reads. Terms are read one at a
//! time from a stream; the encoding is bytes, which is right for Latin-1 and for UTF-8 alike (Erlang reference manual,
//! "Data Types").

use std::io::{self, Read, Write};

/// Bytes of one term at most.
const TERM_BYTES_MAX: u64 = 256 << 20;
/// How deep terms may be nested: twice as deep as the XML that the server accepts.
const DEPTH_MAX: usize = 512;
/// Bytes read at once.
const CHUNK: usize = 64 * 1024;

/// A term.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// A name.
    Atom(String),
    /// Bytes, mostly UTF-8 text.
    Binary(Vec<u8>),
    /// Text in double quotes, which to Erlang is a list of numbers.
    Text(String),
    /// Terms in braces.
    Tuple(Vec<Term>),
    /// Terms in brackets. The tail of an improper list is its last item.
    List(Vec<Term>),
    /// Pairs in `#{}`.
    Map(Vec<(Term, Term)>),
}

impl Term {
    /// The parts of a tuple.
    pub fn tuple(&self) -> Option<&[Self]> {
        if let Self::Tuple(parts) = self { Some(parts) } else { None }
    }

    /// The items of a list; `""` is a list without items.
    pub fn list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            Self::Text(text) if text.is_empty() => Some(&[]),
            _ => None,
        }
    }

    /// The name of an atom.
    pub fn atom(&self) -> Option<&str> {
        if let Self::Atom(name) = self { Some(name) } else { None }
    }

    /// A whole number.
    pub fn integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    /// Text: a binary of UTF-8 or, as older versions of ejabberd wrote them, a string.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Binary(bytes) => std::str::from_utf8(bytes).ok(),
            Self::Text(text) => Some(text),
            Self::List(items) if items.is_empty() => Some(""),
            _ => None,
        }
    }
}

/// Why a file is not made of terms.
#[derive(Debug, thiserror::Error)]
pub enum TermError {
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The text is no term.
    #[error("line {line}: {what}")]
    Syntax {
        /// Counted from 1.
        line: u64,
        /// What was expected or is not understood.
        what: &'static str,
    },
}

/// The terms of a file, each ended by a full stop.
pub struct Terms<R> {
    input: R,
    chunk: Vec<u8>,
    at: usize,
    line: u64,
    /// Bytes of the present term.
    spent: u64,
}

impl<R: Read> Terms<R> {
    /// Reads from a file.
    pub fn new(input: R) -> Self {
        Self { input, chunk: Vec::new(), at: 0, line: 1, spent: 0 }
    }

    /// Where the reader is, counted from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The next term; `None` at the end of the file.
    ///
    /// # Errors
    /// [`TermError`]; nothing can be read after it.
    pub fn next_term(&mut self) -> Result<Option<Term>, TermError> {
        self.spent = 0;
        self.skip_space()?;
        if self.peek()?.is_none() {
            return Ok(None);
        }
        let term = self.term(0)?;
        self.skip_space()?;
        match self.take()? {
            Some(b'.') => Ok(Some(term)),
            _ => self.fail("a full stop was expected after the term"),
        }
    }

    fn fail<T>(&self, what: &'static str) -> Result<T, TermError> {
        Err(TermError::Syntax { line: self.line, what })
    }

    fn fill(&mut self) -> Result<bool, TermError> {
        if self.at < self.chunk.len() {
            return Ok(true);
        }
        self.chunk.resize(CHUNK, 0);
        self.at = 0;
        let read = loop {
            match self.input.read(&mut self.chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let read = read.inspect_err(|_| self.chunk.clear())?;
        self.chunk.truncate(read);
        Ok(read > 0)
    }

    fn peek(&mut self) -> Result<Option<u8>, TermError> {
        Ok(if self.fill()? { self.chunk.get(self.at).copied() } else { None })
    }

    fn take(&mut self) -> Result<Option<u8>, TermError> {
        let byte = self.peek()?;
        if let Some(byte) = byte {
            self.at += 1;
            self.spent += 1;
            self.line += u64::from(byte == b'\n');
            if self.spent > TERM_BYTES_MAX {
                return self.fail("the term is longer than 256 MiB");
            }
        }
        Ok(byte)
    }

    fn next_is(&mut self, wanted: u8) -> Result<bool, TermError> {
        let there = self.peek()? == Some(wanted);
        if there {
            self.take()?;
        }
        Ok(there)
    }

    fn expect(&mut self, wanted: u8, what: &'static str) -> Result<(), TermError> {
        if self.next_is(wanted)? { Ok(()) } else { self.fail(what) }
    }

    fn skip_space(&mut self) -> Result<(), TermError> {
        while let Some(byte) = self.peek()? {
            match byte {
                b'%' => while !matches!(self.take()?, None | Some(b'\n')) {},
                _ if byte.is_ascii_whitespace() => drop(self.take()?),
                _ => break,
            }
        }
        Ok(())
    }

    fn term(&mut self, depth: usize) -> Result<Term, TermError> {
        if depth > DEPTH_MAX {
            return self.fail("terms are nested too deeply");
        }
        self.skip_space()?;
        match self.peek()? {
            Some(b'{') => {
                self.take()?;
                self.items(b'}', depth).map(Term::Tuple)
            }
            Some(b'[') => {
                self.take()?;
                self.items(b']', depth).map(Term::List)
            }
            Some(b'<') => self.binary(),
            Some(b'"') => {
                let bytes = self.quoted(b'"')?;
                Ok(Term::Text(
                    String::from_utf8(bytes).unwrap_or_else(|bad| latin1(bad.as_bytes())),
                ))
            }
            Some(b'\'') => {
                let bytes = self.quoted(b'\'')?;
                Ok(Term::Atom(
                    String::from_utf8(bytes).unwrap_or_else(|bad| latin1(bad.as_bytes())),
                ))
            }
            Some(b'$') => {
                self.take()?;
                let mut bytes = Vec::new();
                self.character(&mut bytes)?;
                let first = std::str::from_utf8(&bytes).ok().and_then(|text| text.chars().next());
                let number = first.map_or_else(|| u32::from(bytes[0]), u32::from);
                Ok(Term::Integer(i64::from(number)))
            }
            Some(b'#') => {
                self.take()?;
                self.map(depth)
            }
            Some(byte) if byte == b'-' || byte == b'+' || byte.is_ascii_digit() => self.number(),
            Some(byte) if byte.is_ascii_lowercase() => Ok(Term::Atom(self.word()?)),
            _ => self.fail("a term was expected"),
        }
    }

    fn items(&mut self, end: u8, depth: usize) -> Result<Vec<Term>, TermError> {
        let mut items = Vec::new();
        self.skip_space()?;
        if self.next_is(end)? {
            return Ok(items);
        }
        loop {
            items.push(self.term(depth + 1)?);
            self.skip_space()?;
            match self.take()? {
                Some(b',') => {}
                // The tail of an improper list; a proper one is spliced in.
                Some(b'|') if end == b']' => {
                    match self.term(depth + 1)? {
                        Term::List(rest) => items.extend(rest),
                        tail => items.push(tail),
                    }
                    self.skip_space()?;
                    self.expect(end, "the end of a list was expected")?;
                    return Ok(items);
                }
                Some(byte) if byte == end => return Ok(items),
                _ => return self.fail("a comma or the end of a list or tuple was expected"),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Term, TermError> {
        self.expect(b'{', "functions, processes, ports and references cannot be read")?;
        let mut pairs = Vec::new();
        self.skip_space()?;
        if self.next_is(b'}')? {
            return Ok(Term::Map(pairs));
        }
        loop {
            let key = self.term(depth + 1)?;
            self.skip_space()?;
            self.expect(b'=', "`=>` was expected")?;
            self.expect(b'>', "`=>` was expected")?;
            pairs.push((key, self.term(depth + 1)?));
            self.skip_space()?;
            match self.take()? {
                Some(b',') => {}
                Some(b'}') => return Ok(Term::Map(pairs)),
                _ => return self.fail("a comma or the end of a map was expected"),
            }
        }
    }

    fn word(&mut self) -> Result<String, TermError> {
        let mut word = String::new();
        while let Some(byte) = self.peek()?
            && (byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'@')
        {
            word.push(char::from(byte));
            self.take()?;
        }
        Ok(word)
    }

    fn number(&mut self) -> Result<Term, TermError> {
        let mut digits = String::new();
        let mut float = false;
        while let Some(byte) = self.peek()? {
            match byte {
                b'.' if !float => {
                    // A full stop ends the term unless a digit follows it.
                    if !self.digit_follows()? {
                        break;
                    }
                    float = true;
                }
                b'e' | b'E' if float => {}
                b'+' | b'-' if digits.is_empty() || digits.ends_with(['e', 'E']) => {}
                b'0'..=b'9' => {}
                _ => break,
            }
            digits.push(char::from(byte));
            self.take()?;
        }
        let read = match float {
            true => digits.parse().ok().map(Term::Float),
            false => digits.parse().ok().map(Term::Integer),
        };
        read.map_or_else(|| self.fail("the number is not understood or too large"), Ok)
    }

    fn digit_follows(&mut self) -> Result<bool, TermError> {
        if self.at + 1 >= self.chunk.len() {
            let mut more = vec![0; CHUNK];
            let read = self.input.read(&mut more)?;
            more.truncate(read);
            self.chunk.drain(..self.at);
            self.at = 0;
            self.chunk.append(&mut more);
        }
        Ok(self.chunk.get(self.at + 1).is_some_and(u8::is_ascii_digit))
    }

    /// The content of quotes. What is not escaped stays as it is, byte for byte.
    fn quoted(&mut self, quote: u8) -> Result<Vec<u8>, TermError> {
        self.take()?;
        let mut bytes = Vec::new();
        loop {
            match self.peek()? {
                None => return self.fail("the quotes are not closed"),
                Some(byte) if byte == quote => {
                    self.take()?;
                    return Ok(bytes);
                }
                Some(_) => self.character(&mut bytes)?,
            }
        }
    }

    fn character(&mut self, out: &mut Vec<u8>) -> Result<(), TermError> {
        let Some(byte) = self.take()? else { return self.fail("the file ends within a term") };
        if byte != b'\\' {
            out.push(byte);
            return Ok(());
        }
        let Some(escape) = self.take()? else { return self.fail("the file ends within a term") };
        let code = match escape {
            b'n' => 10,
            b't' => 9,
            b'r' => 13,
            b'b' => 8,
            b'f' => 12,
            b'v' => 11,
            b'e' => 27,
            b's' => 32,
            b'd' => 127,
            b'x' => self.hexadecimal()?,
            b'0'..=b'7' => {
                let mut code = u32::from(escape - b'0');
                for _ in 0..2 {
                    match self.peek()? {
                        Some(digit @ b'0'..=b'7') => {
                            code = code * 8 + u32::from(digit - b'0');
                            self.take()?;
                        }
                        _ => break,
                    }
                }
                code
            }
            other => u32::from(other),
        };
        match u8::try_from(code) {
            Ok(byte) => out.push(byte),
            Err(_) => match char::from_u32(code) {
                Some(letter) => out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
                None => return self.fail("the character does not exist"),
            },
        }
        Ok(())
    }

    fn hexadecimal(&mut self) -> Result<u32, TermError> {
        let braced = self.next_is(b'{')?;
        let mut code: u32 = 0;
        let mut digits = 0;
        while let Some(digit) = self.peek()?.and_then(|byte| char::from(byte).to_digit(16)) {
            if (!braced && digits == 2) || digits == 6 {
                break;
            }
            code = code * 16 + digit;
            digits += 1;
            self.take()?;
        }
        if braced {
            self.expect(b'}', "the end of a character's number was expected")?;
        }
        if digits == 0 { self.fail("a character's number was expected") } else { Ok(code) }
    }

    /// `<<"text">>`, `<<"text"/utf8>>`, `<<1,2,3>>`, and pieces of these.
    fn binary(&mut self) -> Result<Term, TermError> {
        self.expect(b'<', "a binary was expected")?;
        self.expect(b'<', "a binary was expected")?;
        let mut bytes = Vec::new();
        loop {
            self.skip_space()?;
            match self.peek()? {
                Some(b'>') => {
                    self.take()?;
                    self.expect(b'>', "the end of a binary was expected")?;
                    return Ok(Term::Binary(bytes));
                }
                Some(b',') => drop(self.take()?),
                Some(b'"') => {
                    let mut text = self.quoted(b'"')?;
                    self.skip_space()?;
                    if self.next_is(b'/')? {
                        if self.word()? != "utf8" {
                            return self.fail("the type of a part of a binary is not understood");
                        }
                        if std::str::from_utf8(&text).is_err() {
                            text = latin1(&text).into_bytes();
                        }
                    }
                    bytes.append(&mut text);
                }
                Some(b'0'..=b'9') => {
                    let byte = match self.number()? {
                        Term::Integer(number) => u8::try_from(number).ok(),
                        _ => None,
                    };
                    let Some(byte) = byte else { return self.fail("a byte was expected") };
                    bytes.push(byte);
                }
                _ => return self.fail("a part of a binary is not understood"),
            }
        }
    }
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// Writes bytes as a binary on one line: text as text, anything else as numbers.
///
/// # Errors
/// The writer's.
pub fn write_binary(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        out.write_all(b"<<")?;
        for (at, byte) in bytes.iter().enumerate() {
            write!(out, "{}{byte}", if at == 0 { "" } else { "," })?;
        }
        return out.write_all(b">>");
    };
    out.write_all(b"<<\"")?;
    for piece in text.split_inclusive(|c: char| c.is_ascii_control() || c == '"' || c == '\\') {
        let last =
            piece.chars().next_back().filter(|c| c.is_ascii_control() || "\"\\".contains(*c));
        let Some(last) = last else {
            out.write_all(piece.as_bytes())?;
            continue;
        };
        out.write_all(piece.strip_suffix(last).unwrap_or_default().as_bytes())?;
        match last {
            '\n' => out.write_all(b"\\n")?,
            '\t' => out.write_all(b"\\t")?,
            '\r' => out.write_all(b"\\r")?,
            '"' | '\\' => write!(out, "\\{last}")?,
            other => write!(out, "\\x{{{:x}}}", u32::from(other))?,
        }
    }
    out.write_all(if text.is_ascii() { b"\">>" } else { b"\"/utf8>>" })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &[u8]) -> Result<Vec<Term>, TermError> {
        // One byte at a time, so that every border of a chunk is met.
        struct Slow<'a>(&'a [u8]);
        impl Read for Slow<'_> {
            fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
                out[0] = *first;
                self.0 = rest;
                Ok(1)
            }
        }
        let mut terms = Terms::new(Slow(text));
        let mut all = Vec::new();
        while let Some(term) = terms.next_term()? {
            all.push(term);
        }
        Ok(all)
    }

    fn one(text: &str) -> Term {
        let mut all = read(format!("{text}.\n").as_bytes()).unwrap();
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    #[test]
    fn every_kind_of_term_is_read() {
        let atom = |name: &str| Term::Atom(name.to_owned());
        let binary = |text: &str| Term::Binary(text.as_bytes().to_vec());
        for (text, term) in [
            ("never", atom("never")),
            ("'a b\\'c'", atom("a b'c")),
            ("-12", Term::Integer(-12)),
            ("1.5e3", Term::Float(1500.0)),
            ("$a", Term::Integer(97)),
            ("$\\n", Term::Integer(10)),
            ("\"text\"", Term::Text("text".to_owned())),
            ("<<>>", binary("")),
            ("<<\"a\\\"\\\\\\n\\x{41}\\101\"\n   \"b\">>", binary("a\"\\\nAAb")),
            ("<<\"é\"/utf8>>", binary("é")),
            ("<<\"é\">>", binary("é")),
            ("<<195,169>>", binary("é")),
            ("[1|2]", Term::List(vec![Term::Integer(1), Term::Integer(2)])),
            ("[1|[2]]", Term::List(vec![Term::Integer(1), Term::Integer(2)])),
            ("{a,[],{}}", Term::Tuple(vec![atom("a"), Term::List(vec![]), Term::Tuple(vec![])])),
            ("#{a => 1}", Term::Map(vec![(atom("a"), Term::Integer(1))])),
        ] {
            assert_eq!(one(text), term, "{text}");
        }
        let latin1 = read(b"<<\"caf\xe9\"/utf8>>.").unwrap();
        assert_eq!(latin1, [binary("café")]);
        let two = read(b"%% a comment\n{a,1}.\n {b,2.0} . % the end").unwrap();
        assert_eq!(two.len(), 2);
    }

    #[test]
    fn what_is_no_term_is_refused_with_its_line() {
        for text in [
            "{a",
            "{a,}.",
            "[1,2",
            "<<\"a>>.",
            "#Fun<x>.",
            "<0.1.0>.",
            "1",
            "99999999999999999999.",
            "<<300>>.",
            "}.",
            "'a",
            "\"\\x{110000}\".",
            "#{a}.",
            "A.",
            "<<\"a\"/utf16>>.",
            "$",
            "\\",
        ] {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
        let deep = format!("{}{}.", "[".repeat(10_000), "]".repeat(10_000));
        assert!(read(deep.as_bytes()).is_err());
        let error = read(b"{a,1}.\n{b,\n?}.").unwrap_err();
        assert_eq!(error.to_string(), "line 3: a term was expected");
    }

    proptest! {
        #[test]
        fn a_written_binary_is_one_line_and_is_read_as_it_was(bytes: Vec<u8>, text: String) {
            for bytes in [bytes, text.into_bytes()] {
                let mut out = Vec::new();
                write_binary(&mut out, &bytes).unwrap();
                prop_assert!(!out.contains(&b'\n'));
                out.push(b'.');
                prop_assert_eq!(read(&out).unwrap(), vec![Term::Binary(bytes)]);
            }
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>, text in "[\\[\\]{}<>\"'#$,.|a1\\\\ x/=-]{0,40}") {
            drop(read(&bytes));
            drop(read(text.as_bytes()));
        }
    }
}
