//! Files of Erlang terms: what `io:format("~p.~n", [Term])` writes and `file:consult/1` reads. Terms are read one at a
//! time from a stream and given to the parser of [`erl_wire`] (Erlang reference manual, "Data Types").

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read, Write};

use erl_wire::Term;

/// Bytes of one term at most.
const TERM_BYTES_MAX: usize = 256 << 20;

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
        line: usize,
        /// What was expected or is not understood.
        what: &'static str,
    },
}

/// How the characters of a file are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Each byte is a character: what `~p` writes into a file that was opened without a word about its encoding.
    Latin1,
    /// UTF-8; what is not is taken for Latin-1, a term at a time.
    Utf8,
}

/// The terms of a file, each ended by a full stop with a blank behind it.
pub struct Terms<R> {
    input: BufReader<R>,
    /// How the terms that come next are written.
    pub encoding: Encoding,
    /// The text of the present term, as far as it is read.
    text: Vec<u8>,
    line: usize,
}

/// What the bytes that come next are part of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Plain,
    /// The full stop, if a blank follows.
    Stop,
    /// After `$`.
    Character,
    Comment,
    Quoted(u8),
    /// After a backslash; then what was before goes on.
    Escaped(Option<u8>),
}

impl Part {
    fn next(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Escaped(Some(quote)), _) => Self::Quoted(quote),
            (Self::Character | Self::Quoted(_), b'\\') => Self::Escaped(match self {
                Self::Quoted(quote) => Some(quote),
                _ => None,
            }),
            (Self::Quoted(quote), byte) if byte != quote => self,
            (Self::Quoted(_) | Self::Character | Self::Escaped(None), _) => Self::Plain,
            (Self::Comment, byte) if byte != b'\n' => self,
            (_, quote @ (b'"' | b'\'')) => Self::Quoted(quote),
            (_, b'%') => Self::Comment,
            (_, b'$') => Self::Character,
            (_, b'.') => Self::Stop,
            _ => Self::Plain,
        }
    }
}

impl<R: Read> Terms<R> {
    /// Reads from a file, in [`Encoding::Latin1`] until somebody says otherwise.
    pub fn new(input: R) -> Self {
        let input = BufReader::with_capacity(1 << 16, input);
        Self { input, encoding: Encoding::Latin1, text: Vec::new(), line: 1 }
    }

    /// Where the last term ended, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The next term; `None` at the end of the file.
    ///
    /// # Errors
    /// [`TermError`]; nothing can be read after it.
    pub fn next_term(&mut self) -> Result<Option<Term>, TermError> {
        let begin = self.line;
        self.text.clear();
        match self.read_text()? {
            Found::Nothing => return Ok(None),
            Found::CutOff => {
                return self.fail(self.line, "a full stop was expected after the term");
            }
            Found::Term => {}
        }
        let text = match std::str::from_utf8(&self.text) {
            Ok(text) if self.encoding == Encoding::Utf8 || text.is_ascii() => Cow::Borrowed(text),
            _ => Cow::Owned(latin1(&self.text)),
        };
        erl_wire::parse(&text).map(Some).or_else(|error| {
            let before = text.as_bytes().iter().take(error.at).filter(|byte| **byte == b'\n');
            self.fail(begin + before.count(), error.why)
        })
    }

    fn fail<T>(&self, line: usize, what: &'static str) -> Result<T, TermError> {
        Err(TermError::Syntax { line, what })
    }

    /// Reads up to a full stop and the blank behind it.
    fn read_text(&mut self) -> Result<Found, TermError> {
        let (mut part, mut found) = (Part::Plain, Found::Nothing);
        loop {
            let chunk = self.input.fill_buf()?;
            if chunk.is_empty() {
                return Ok(if part == Part::Stop { Found::Term } else { found });
            }
            let mut end = None;
            for (at, byte) in chunk.iter().enumerate() {
                if part == Part::Stop && (byte.is_ascii_whitespace() || *byte == b'%') {
                    end = Some(at);
                    break;
                }
                part = part.next(*byte);
                if part != Part::Comment && !byte.is_ascii_whitespace() {
                    found = Found::CutOff;
                }
            }
            let taken = end.unwrap_or(chunk.len());
            let read = chunk.get(..taken).unwrap_or(chunk);
            self.line += read.iter().filter(|byte| **byte == b'\n').count();
            self.text.extend_from_slice(read);
            self.input.consume(taken);
            if self.text.len() > TERM_BYTES_MAX {
                return self.fail(self.line, "the term is longer than 256 MiB");
            }
            if end.is_some() {
                return Ok(Found::Term);
            }
        }
    }
}

/// What a file has up to a full stop.
enum Found {
    /// The end, and only blanks and comments before it.
    Nothing,
    /// The end within a term.
    CutOff,
    Term,
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
        read_as(Encoding::Latin1, text)
    }

    fn read_as(encoding: Encoding, text: &[u8]) -> Result<Vec<Term>, TermError> {
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
        terms.encoding = encoding;
        let mut all = Vec::new();
        while let Some(term) = terms.next_term()? {
            all.push(term);
        }
        Ok(all)
    }

    #[test]
    fn terms_are_cut_where_they_end() {
        let text = br#"%% It. Is. A comment.
{a,"a. b",'c. ',$., $\. , 1.5}.
 <<"text\". 
">> . % the end."#;
        let all: Vec<String> = read(text).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(all, [r#"{a,"a. b",'c. ',46,46,1.5}"#, r#"<<"text\". \n">>"#]);
        assert_eq!(read(b" % nothing.\n").unwrap(), []);
    }

    #[test]
    fn bytes_are_characters_until_somebody_says_otherwise() {
        let text = "<<\"é\">>.".as_bytes();
        assert_eq!(read(text).unwrap(), [Term::Binary(vec![0xc3, 0xa9])]);
        assert_eq!(read_as(Encoding::Utf8, text).unwrap(), [Term::Binary(vec![0xe9])]);
        let text = b"<<\"caf\xe9\"/utf8>>.";
        assert_eq!(read_as(Encoding::Utf8, text).unwrap(), [Term::binary("café")]);
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
        assert_eq!(error.to_string(), "line 3: this begins no term");
    }

    proptest! {
        #[test]
        fn a_written_binary_is_one_line_and_is_read_as_it_was(bytes: Vec<u8>, text: String) {
            for bytes in [bytes, text.into_bytes()] {
                let mut out = Vec::new();
                write_binary(&mut out, &bytes).unwrap();
                prop_assert!(!out.contains(&b'\n'));
                out.push(b'.');
                prop_assert_eq!(read_as(Encoding::Utf8, &out).unwrap(), vec![Term::Binary(bytes)]);
            }
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>, text in "[\\[\\]{}<>\"'#$,.|a1\\\\ x/=-]{0,40}") {
            drop(read(&bytes));
            drop(read(text.as_bytes()));
        }
    }
}
