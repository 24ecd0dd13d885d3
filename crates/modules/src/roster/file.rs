//! The file of `push_roster`: one Erlang term, a list of `{User, Host, Group, Nick}` of texts, as ejabberd reads it.

use std::io::Read as _;
use std::path::Path;

use kernel::commands::CommandError;

/// Bytes of a file at most.
const BYTES_MAX: u64 = 16 << 20;
/// People in a file at most.
const PEOPLE_MAX: usize = 10_000;

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) user: String,
    pub(super) host: String,
    pub(super) group: String,
    pub(super) nick: String,
}

/// Reads a file. What is in it is not told to whoever names a wrong one.
pub(super) async fn read(path: &str) -> Result<Vec<Person>, CommandError> {
    let file = path.to_owned();
    let read = tokio::task::spawn_blocking(move || load(Path::new(&file))).await;
    let text = read
        .map_err(CommandError::failed)?
        .map_err(|error| CommandError::bad_argument(format!("{path} cannot be read: {error}")))?;
    parse(&text).ok_or_else(|| {
        let form = "[{user, host, group, nick}, ...] with a full stop at the end";
        CommandError::bad_argument(format!("{path} is not a list of the form {form}"))
    })
}

fn load(path: &Path) -> std::io::Result<String> {
    let file = std::fs::File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("it is no file"));
    }
    let mut text = String::new();
    file.take(BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > BYTES_MAX {
        return Err(std::io::Error::other("it is longer than 16 MiB"));
    }
    Ok(text)
}

/// The people of a term; `None` if it is another one.
fn parse(text: &str) -> Option<Vec<Person>> {
    let mut tokens = Tokens(text);
    let mut people = Vec::new();
    tokens.expect("[")?;
    if tokens.expect("]").is_none() {
        loop {
            people.push(tokens.person()?);
            if people.len() > PEOPLE_MAX {
                return None;
            }
            if tokens.expect(",").is_none() {
                break;
            }
        }
        tokens.expect("]")?;
    }
    tokens.expect(".")?;
    tokens.skip();
    tokens.0.is_empty().then_some(people)
}

/// What is left of the text.
struct Tokens<'t>(&'t str);

impl Tokens<'_> {
    /// Passes blanks and comments.
    fn skip(&mut self) {
        loop {
            self.0 = self.0.trim_start();
            let Some(comment) = self.0.strip_prefix('%') else { return };
            self.0 = comment.split_once('\n').map_or("", |(_, rest)| rest);
        }
    }

    fn expect(&mut self, token: &str) -> Option<()> {
        self.skip();
        self.0 = self.0.strip_prefix(token)?;
        Some(())
    }

    fn person(&mut self) -> Option<Person> {
        self.expect("{")?;
        let user = self.text()?;
        self.expect(",")?;
        let host = self.text()?;
        self.expect(",")?;
        let group = self.text()?;
        self.expect(",")?;
        let nick = self.text()?;
        self.expect("}")?;
        Some(Person { user, host, group, nick })
    }

    /// A string, or a binary of one: `"a"`, `<<"a">>`, `<<"a"/utf8>>`.
    fn text(&mut self) -> Option<String> {
        let binary = self.expect("<<").is_some();
        let text = self.string()?;
        if binary {
            // Without it the characters are taken all the same: the file is UTF-8.
            self.expect("/utf8");
            self.expect(">>")?;
        }
        Some(text)
    }

    fn string(&mut self) -> Option<String> {
        self.expect("\"")?;
        let mut text = String::new();
        let mut characters = self.0.chars();
        loop {
            match characters.next()? {
                '"' => {
                    self.0 = characters.as_str();
                    return Some(text);
                }
                '\\' => text.push(match characters.next()? {
                    'n' => '\n',
                    't' => '\t',
                    escaped @ ('"' | '\\' | '\'') => escaped,
                    _ => return None,
                }),
                other => text.push(other),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erlang_terms_are_read() {
        let text = "% people\n[{\"a\", \"x.test\", \"Old \\\"friends\\\"\", \"A\"},\n \
                    {<<\"b\">>,<<\"x.test\"/utf8>>,<<\"\">>,\"B\"}].\n";
        let people = parse(text).unwrap();
        assert_eq!(people.len(), 2);
        assert_eq!(people[0].group, "Old \"friends\"");
        assert_eq!((people[1].user.as_str(), people[1].nick.as_str()), ("b", "B"));
        assert_eq!(parse("[]."), Some(Vec::new()));
    }

    #[test]
    fn other_terms_are_refused() {
        for text in [
            "",
            "[]",
            "[}.",
            "[{\"a\",\"b\",\"c\"}].",
            "[{\"a\",\"b\",\"c\",\"d\"},].",
            "[{a,b,c,d}].",
            "[{\"a\",\"b\",\"c\",\"d\"}]. x",
            "[{\"a\",\"b\",\"c\",\"d",
            "[{\"a\\",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
