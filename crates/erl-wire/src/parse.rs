//! From Erlang's syntax to terms: what stands in configuration files, in columns of tables and on command lines.
//!
//! Values only: no variables, no operators, no functions. Limits are those of the text itself, and a depth.

use crate::term::{Atom, BigInteger, Term};

/// Levels of terms inside terms: twice as many as the XML that the server accepts can make.
const DEPTH_MAX: usize = 512;
/// The longest number, in characters; its value then has less than 1024 bytes.
const NUMBER_CHARS_MAX: usize = 1024;

/// Why a text is no term.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at byte {at}: {why}")]
pub struct ParseError {
    /// Where reading ended.
    pub at: usize,
    /// What is wrong there.
    pub why: &'static str,
}

/// Reads a text that is one term, with or without a full stop behind it.
///
/// # Errors
/// Where and why it is none.
pub fn parse(text: &str) -> Result<Term, ParseError> {
    let (term, rest) = parse_prefix(text)?;
    if rest.trim().is_empty() {
        return Ok(term);
    }
    Err(ParseError { at: text.len() - rest.len(), why: "something follows the term" })
}

/// Reads the first term of a text, with a full stop if there is one, and gives back the rest.
///
/// # Errors
/// Where and why there is none.
pub fn parse_prefix(text: &str) -> Result<(Term, &str), ParseError> {
    let mut parser = Parser { text, at: 0 };
    let term = parser.term(DEPTH_MAX)?;
    parser.blanks();
    parser.eat(".");
    Ok((term, parser.rest()))
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn fail<T>(&self, why: &'static str) -> Result<T, ParseError> {
        Err(ParseError { at: self.at, why })
    }

    /// Passes over blanks and comments.
    fn blanks(&mut self) {
        while let Some(c) = self.peek() {
            if c == '%' {
                self.at += self.rest().find('\n').unwrap_or(self.rest().len());
            } else if c.is_whitespace() {
                self.at += c.len_utf8();
            } else {
                return;
            }
        }
    }

    fn eat(&mut self, mark: &str) -> bool {
        let found = self.rest().starts_with(mark);
        self.at += if found { mark.len() } else { 0 };
        found
    }

    fn run(&mut self, part: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let run = rest.get(..rest.find(|c| !part(c)).unwrap_or(rest.len())).unwrap_or("");
        self.at += run.len();
        run
    }

    fn term(&mut self, depth_left: usize) -> Result<Term, ParseError> {
        let Some(depth_left) = depth_left.checked_sub(1) else {
            return self.fail("terms are nested too deep");
        };
        self.blanks();
        match self.peek() {
            Some('{') => {
                self.at += 1;
                self.items(&["}"], depth_left).map(|(parts, _)| Term::Tuple(parts))
            }
            Some('[') => self.list(depth_left),
            Some('#') => self.map(depth_left),
            Some('<') => self.binary(),
            Some('"') => Ok(Term::string(&self.texts()?)),
            Some('\'') => {
                let text = self.quoted('\'')?;
                self.atom(text)
            }
            Some('$') => {
                self.at += 1;
                let c = self.character()?;
                Ok(Term::Integer(i64::from(u32::from(c))))
            }
            Some(c) if c.is_ascii_digit() || c == '-' || c == '+' => self.number(),
            Some(c) if c.is_lowercase() => {
                let word = self.run(|c| c.is_alphanumeric() || c == '_' || c == '@');
                self.atom(word.to_owned())
            }
            Some(_) => self.fail("this begins no term"),
            None => self.fail("a term is missing"),
        }
    }

    fn atom(&self, text: String) -> Result<Term, ParseError> {
        match Atom::new(text) {
            Ok(atom) => Ok(Term::Atom(atom)),
            Err(_) => self.fail("this atom is too long"),
        }
    }

    /// Terms divided by commas, up to one of the closing marks, which is passed over and told.
    fn items(
        &mut self,
        close: &[&'static str],
        depth_left: usize,
    ) -> Result<(Vec<Term>, &'static str), ParseError> {
        let mut items = Vec::new();
        self.blanks();
        if let Some(first) = close.first().filter(|first| self.eat(first)) {
            return Ok((items, first));
        }
        loop {
            items.push(self.term(depth_left)?);
            self.blanks();
            if let Some(end) = close.iter().find(|end| self.rest().starts_with(**end)) {
                self.eat(end);
                return Ok((items, end));
            }
            if !self.eat(",") {
                return self.fail("a comma or the closing mark is missing");
            }
        }
    }

    fn list(&mut self, depth_left: usize) -> Result<Term, ParseError> {
        self.at += 1;
        let (items, end) = self.items(&["]", "|"], depth_left)?;
        if end == "]" {
            return Ok(Term::List(items));
        }
        let tail = self.term(depth_left)?;
        self.blanks();
        if !self.eat("]") {
            return self.fail("the list does not close");
        }
        match tail {
            Term::List(more) => Ok(Term::List(items.into_iter().chain(more).collect())),
            tail => Ok(Term::Improper(items, Box::new(tail))),
        }
    }

    fn map(&mut self, depth_left: usize) -> Result<Term, ParseError> {
        if !self.eat("#{") {
            return self.fail("only maps begin with #");
        }
        let mut pairs = Vec::new();
        loop {
            self.blanks();
            if pairs.is_empty() && self.eat("}") {
                return Ok(Term::Map(pairs));
            }
            let key = self.term(depth_left)?;
            self.blanks();
            if !self.eat("=>") {
                return self.fail("=> is missing");
            }
            pairs.push((key, self.term(depth_left)?));
            self.blanks();
            if self.eat("}") {
                return Ok(Term::Map(pairs));
            }
            if !self.eat(",") {
                return self.fail("a comma or the closing mark is missing");
            }
        }
    }

    /// `<<>>`, `<<1,2,3>>`, `<<"text">>` in Latin-1, `<<"text"/utf8>>`, and mixtures of them.
    fn binary(&mut self) -> Result<Term, ParseError> {
        if !self.eat("<<") {
            return self.fail("this begins no term");
        }
        let mut bytes = Vec::new();
        loop {
            self.blanks();
            if bytes.is_empty() && self.eat(">>") {
                return Ok(Term::Binary(bytes));
            }
            if self.peek() == Some('"') {
                let text = self.texts()?;
                if self.eat("/utf8") {
                    bytes.extend(text.as_bytes());
                } else {
                    for c in text.chars() {
                        match u8::try_from(u32::from(c)) {
                            Ok(byte) => bytes.push(byte),
                            Err(_) => return self.fail("this text needs /utf8 behind it"),
                        }
                    }
                }
            } else {
                let digits = self.run(|c| c.is_ascii_digit());
                match digits.parse() {
                    Ok(byte) => bytes.push(byte),
                    Err(_) => return self.fail("a number from 0 to 255 is missing"),
                }
            }
            self.blanks();
            if self.eat(">>") {
                return Ok(Term::Binary(bytes));
            }
            if !self.eat(",") {
                return self.fail("a comma or >> is missing");
            }
        }
    }

    /// The text in quotes; several that follow each other are one.
    fn texts(&mut self) -> Result<String, ParseError> {
        let mut text = String::new();
        while self.peek() == Some('"') {
            text.push_str(&self.quoted('"')?);
            self.blanks();
        }
        Ok(text)
    }

    fn quoted(&mut self, quote: char) -> Result<String, ParseError> {
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.peek() {
                None => return self.fail("this quote does not close"),
                Some(c) if c == quote => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(_) => text.push(self.character()?),
            }
        }
    }

    /// One character, which may be written with a backslash.
    fn character(&mut self) -> Result<char, ParseError> {
        match self.next() {
            None => self.fail("a character is missing"),
            Some('\\') => self.escape(),
            Some(c) => Ok(c),
        }
    }

    fn escape(&mut self) -> Result<char, ParseError> {
        let Some(c) = self.next() else { return self.fail("a character is missing") };
        Ok(match c {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'e' => '\u{1b}',
            's' => ' ',
            'd' => '\u{7f}',
            '0'..='7' => {
                self.at -= 1;
                let rest = self.rest();
                let digits = rest.bytes().take(3).take_while(|b| (b'0'..=b'7').contains(b)).count();
                let digits = rest.get(..digits).unwrap_or("0");
                self.at += digits.len();
                let number = u32::from_str_radix(digits, 8).unwrap_or(0);
                char::from_u32(number).unwrap_or('\0')
            }
            'x' => {
                let digits = if self.eat("{") {
                    let digits = self.run(|c| c.is_ascii_hexdigit());
                    if !self.eat("}") {
                        return self.fail("} is missing");
                    }
                    digits
                } else {
                    let digits = self.rest().get(..2).unwrap_or("");
                    self.at += digits.len();
                    digits
                };
                match u32::from_str_radix(digits, 16).ok().and_then(char::from_u32) {
                    Some(c) => c,
                    None => return self.fail("this is no character"),
                }
            }
            other => other,
        })
    }

    fn number(&mut self) -> Result<Term, ParseError> {
        let negative = self.eat("-");
        if !negative {
            self.eat("+");
        }
        let digits = self.run(|c| c.is_ascii_digit() || c == '_');
        if digits.is_empty() || digits.len() > NUMBER_CHARS_MAX {
            return self.fail("this is no number, or too long a one");
        }
        let rest = self.rest();
        if rest.starts_with('.') && rest.chars().nth(1).is_some_and(|c| c.is_ascii_digit()) {
            return self.float(negative, digits);
        }
        if !self.eat("#") {
            return self.integer(negative, digits, 10);
        }
        let radix = digits.parse().unwrap_or(0);
        let digits = self.run(|c| c.is_ascii_alphanumeric());
        if !(2..=36).contains(&radix) || digits.is_empty() || digits.len() > NUMBER_CHARS_MAX {
            return self.fail("this is no number");
        }
        self.integer(negative, digits, radix)
    }

    fn integer(&self, negative: bool, digits: &str, radix: u32) -> Result<Term, ParseError> {
        let mut magnitude: Vec<u8> = Vec::new();
        for c in digits.chars().filter(|c| *c != '_') {
            let Some(digit) = c.to_digit(radix) else { return self.fail("this is no digit") };
            let mut carry = digit;
            for byte in &mut magnitude {
                let value = u32::from(*byte) * radix + carry;
                *byte = value.to_le_bytes()[0];
                carry = value >> 8;
            }
            if carry > 0 {
                magnitude.push(carry.to_le_bytes()[0]);
            }
        }
        Ok(BigInteger::normalised(negative, magnitude))
    }

    fn float(&mut self, negative: bool, whole: &str) -> Result<Term, ParseError> {
        self.at += 1;
        let mut text = format!("{whole}.{}", self.run(|c| c.is_ascii_digit())).replace('_', "");
        if self.eat("e") || self.eat("E") {
            text.push('e');
            text.push_str(self.run(|c| c.is_ascii_digit() || c == '-' || c == '+'));
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => {
                Ok(Term::Float(if negative { -number } else { number }))
            }
            _ => self.fail("this is no number"),
        }
    }
}
