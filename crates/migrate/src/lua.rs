//! Data that Prosody wrote as Lua: `return { ... };` and `item({ ... });` with constants in them (Lua 5.4 reference
//! manual §3.1, §3.4.9). Nothing is run.

/// Bytes of a file at most.
pub(crate) const FILE_BYTES_MAX: u64 = 64 << 20;
/// Levels of tables inside tables: twice as many as the XML that the server accepts can make.
const DEPTH_MAX: usize = 512;

/// A constant.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Lua {
    Nil,
    Boolean(bool),
    Number(f64),
    Text(String),
    Table(Table),
}

/// A table: what has no key, in its order, and what has one.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Table {
    pub(crate) items: Vec<Lua>,
    pub(crate) fields: Vec<(Lua, Lua)>,
}

impl Lua {
    pub(crate) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(crate) fn number(&self) -> Option<f64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }

    pub(crate) fn table(&self) -> Option<&Table> {
        if let Self::Table(table) = self { Some(table) } else { None }
    }
}

impl Table {
    pub(crate) fn get(&self, key: &str) -> Option<&Lua> {
        self.fields.iter().find(|(known, _)| known.text() == Some(key)).map(|(_, value)| value)
    }

    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }
}

/// Where a text is no data, and why.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub(crate) struct LuaError {
    line: usize,
    why: &'static str,
}

/// Reads the values of a file, in their order.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<Lua>, LuaError> {
    let mut reader = Reader { bytes, at: 0 };
    let mut values = Vec::new();
    loop {
        reader.blanks();
        match reader.word() {
            b"" if reader.peek().is_none() => return Ok(values),
            b"return" => values.push(reader.value(DEPTH_MAX)?),
            b"item" => {
                reader.expect(b'(', "( is missing")?;
                values.push(reader.value(DEPTH_MAX)?);
                reader.expect(b')', ") is missing")?;
            }
            _ => return reader.fail("neither `return` nor `item` with data"),
        }
        reader.eat(b';');
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> Result<u8, LuaError> {
        let Some(byte) = self.peek() else { return self.fail("the file ends within a value") };
        self.at += 1;
        Ok(byte)
    }

    fn fail<T>(&self, why: &'static str) -> Result<T, LuaError> {
        let before = self.bytes.get(..self.at).unwrap_or_default();
        Err(LuaError { line: 1 + before.iter().filter(|byte| **byte == b'\n').count(), why })
    }

    /// Passes over blanks and comments of one line.
    fn blanks(&mut self) {
        while let Some(byte) = self.peek() {
            if byte.is_ascii_whitespace() {
                self.at += 1;
            } else if self.rest().starts_with(b"--") {
                let line = self.rest().iter().position(|byte| *byte == b'\n');
                self.at += line.unwrap_or(self.rest().len());
            } else {
                return;
            }
        }
    }

    fn run(&mut self, part: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.rest();
        let length = rest.iter().position(|byte| !part(*byte)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    fn word(&mut self) -> &'a [u8] {
        self.run(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    }

    fn eat(&mut self, mark: u8) -> bool {
        self.blanks();
        let found = self.peek() == Some(mark);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, mark: u8, why: &'static str) -> Result<(), LuaError> {
        if self.eat(mark) { Ok(()) } else { self.fail(why) }
    }

    fn value(&mut self, depth_left: usize) -> Result<Lua, LuaError> {
        self.blanks();
        match self.peek() {
            Some(b'{') => self.table(depth_left).map(Lua::Table),
            Some(quote @ (b'"' | b'\'')) => self.quoted(quote).map(Lua::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => match self.word() {
                b"nil" => Ok(Lua::Nil),
                b"true" => Ok(Lua::Boolean(true)),
                b"false" => Ok(Lua::Boolean(false)),
                _ => self.fail("this is no constant"),
            },
        }
    }

    fn table(&mut self, depth_left: usize) -> Result<Table, LuaError> {
        let Some(depth_left) = depth_left.checked_sub(1) else {
            return self.fail("tables are nested too deep");
        };
        self.at += 1;
        let mut table = Table::default();
        while !self.eat(b'}') {
            if self.eat(b'[') {
                let key = self.value(depth_left)?;
                self.expect(b']', "] is missing")?;
                self.expect(b'=', "= is missing")?;
                table.fields.push((key, self.value(depth_left)?));
            } else {
                let begin = self.at;
                let name = self.word();
                let is_name = name.first().is_some_and(|first| !first.is_ascii_digit());
                if is_name && self.eat(b'=') {
                    let name = String::from_utf8_lossy(name).into_owned();
                    table.fields.push((Lua::Text(name), self.value(depth_left)?));
                } else {
                    self.at = begin;
                    table.items.push(self.value(depth_left)?);
                }
            }
            if !self.eat(b';') && !self.eat(b',') && self.peek() != Some(b'}') {
                return self.fail("a separator or } is missing");
            }
        }
        Ok(table)
    }

    fn number(&mut self) -> Result<Lua, LuaError> {
        let sign = if self.eat(b'-') { -1.0 } else { 1.0 };
        let digits =
            self.run(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-'));
        let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<f64>().ok());
        match number.filter(|number| number.is_finite()) {
            Some(number) => Ok(Lua::Number(sign * number)),
            None => self.fail("this number is not understood"),
        }
    }

    fn quoted(&mut self, quote: u8) -> Result<String, LuaError> {
        self.at += 1;
        let mut text = Vec::new();
        loop {
            match self.next()? {
                byte if byte == quote => break,
                b'\n' => return self.fail("a text ends within its line"),
                b'\\' => self.escape(&mut text)?,
                byte => text.push(byte),
            }
        }
        match String::from_utf8(text) {
            Ok(text) => Ok(text),
            Err(_) => self.fail("a text is not UTF-8"),
        }
    }

    fn escape(&mut self, text: &mut Vec<u8>) -> Result<(), LuaError> {
        let byte = match self.next()? {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'a' => 7,
            b'b' => 8,
            b'v' => 11,
            b'f' => 12,
            b'z' => {
                self.run(|byte| byte.is_ascii_whitespace());
                return Ok(());
            }
            b'x' => {
                let digits = self.rest().get(..2).and_then(|two| std::str::from_utf8(two).ok());
                let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                self.at += 2;
                match byte {
                    Some(byte) => byte,
                    None => return self.fail("two hexadecimal digits are missing"),
                }
            }
            first @ b'0'..=b'9' => {
                let mut number = u32::from(first - b'0');
                for _ in 0..2 {
                    let Some(digit @ b'0'..=b'9') = self.peek() else { break };
                    number = number * 10 + u32::from(digit - b'0');
                    self.at += 1;
                }
                match u8::try_from(number) {
                    Ok(byte) => byte,
                    Err(_) => return self.fail("this is no byte"),
                }
            }
            mark @ (b'\\' | b'"' | b'\'' | b'\n') => mark,
            _ => return self.fail("this escape is not understood"),
        };
        text.push(byte);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(text: &str) -> Lua {
        Lua::Text(text.to_owned())
    }

    #[test]
    fn constants_are_read() {
        let file = b"-- a comment\nreturn { [false] = { version = 1.5e1, };\n 'a'; \"\\\"\\\\\\195\\169\\x41\\n\\\n\\z  b\"; \
                     [\"k\"] = -3, true, nil; };item({}); item(7)";
        let version = Table { items: vec![], fields: vec![(text("version"), Lua::Number(15.0))] };
        let table = Table {
            items: vec![text("a"), text("\"\\\u{e9}A\n\nb"), Lua::Boolean(true), Lua::Nil],
            fields: vec![
                (Lua::Boolean(false), Lua::Table(version)),
                (text("k"), Lua::Number(-3.0)),
            ],
        };
        let values = vec![Lua::Table(table), Lua::Table(Table::default()), Lua::Number(7.0)];
        assert_eq!(read(file), Ok(values));
        assert_eq!(read(b" \n-- nothing"), Ok(vec![]));
    }

    #[test]
    fn what_would_have_to_be_run_is_refused_with_its_line() {
        for wrong in [
            "os.exit()",
            "return os.exit()",
            "return {\nf()}",
            "return {",
            "return \"a",
            "return \"a\nb\"",
            "return { 1 2 }",
            "return \"\\256\"",
            "return \"\\xg0\"",
            "return \"\\255\"",
            "return [[a]]",
            "return 1/0",
            "item({)",
            "item 1",
        ] {
            assert!(read(wrong.as_bytes()).is_err(), "{wrong}");
        }
        let deep = format!("return {}", "{".repeat(100_000));
        assert!(read(deep.as_bytes()).is_err());
        assert_eq!(read(b"return {\nx()}").unwrap_err().to_string(), "line 2: this is no constant");
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>, text in "return [\\[\\]{}=;,\"'a1\\\\ x.-]{0,40}") {
            drop(read(&bytes));
            drop(read(text.as_bytes()));
        }
    }
}
