//! Text patterns of the configuration: exact words, regular expressions, shell globs.
//!
//! Regular expressions run on a linear-time engine, so no pattern of an administrator and no
//! name of a user can make a check slow. The price is that look-around, back-references and a few
//! other PCRE constructs do not exist; they are refused by name when the file is read.

use regex::{Regex, RegexBuilder};

/// Upper bound of a compiled pattern, in bytes.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// One way to compare a part of an address.
#[derive(Debug, Clone)]
pub(crate) enum Text {
    /// The prepared text itself.
    Exact(Box<str>),
    /// A compiled expression; globs are anchored expressions.
    Pattern(Regex),
}

impl Text {
    /// Whether `part` fits.
    pub(crate) fn fits(&self, part: &str) -> bool {
        match self {
            Self::Exact(text) => &**text == part,
            Self::Pattern(regex) => regex.is_match(part),
        }
    }

    /// An unanchored regular expression.
    pub(crate) fn regexp(pattern: &str) -> Result<Self, String> {
        if let Some(construct) = foreign_construct(pattern) {
            return Err(format!(
                "the regular expression `{pattern}` uses {construct}, which the linear-time \
                 engine does not have; rewrite it without, or use two conditions"
            ));
        }
        compile(pattern).map(Self::Pattern)
    }

    /// An anchored shell glob: `*`, `?` and `[set]`.
    pub(crate) fn glob(pattern: &str) -> Result<Self, String> {
        compile(&glob_to_regexp(pattern)?).map(Self::Pattern)
    }
}

/// A shell glob: `*` for any text, `?` for any character, `[set]` for one of a set.
#[derive(Debug, Clone)]
pub struct Glob(Text);

impl Glob {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn new(pattern: &str) -> Result<Self, String> {
        Text::glob(pattern).map(Self)
    }

    /// Whether the whole of a text fits.
    pub fn fits(&self, text: &str) -> bool {
        self.0.fits(text)
    }
}

fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern).size_limit(COMPILED_BYTES_MAX).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => {
            format!("the pattern `{pattern}` is too large when compiled")
        }
        other => {
            let text = other.to_string();
            let reason = text.lines().last().unwrap_or_default();
            format!(
                "the pattern `{pattern}` is not a valid expression: {}",
                reason.trim_start_matches("error: ")
            )
        }
    })
}

/// Translates a shell glob; a `[` without its `]` is an error.
fn glob_to_regexp(glob: &str) -> Result<String, String> {
    let mut out = String::from("(?s)\\A");
    let mut rest = glob.chars();
    while let Some(c) = rest.next() {
        match c {
            '*' => out.push_str(".*"),
            '?' => out.push('.'),
            '[' => out.push_str(&glob_set(&mut rest, glob)?),
            '\\' => push_literal(&mut out, rest.next().unwrap_or('\\')),
            other => push_literal(&mut out, other),
        }
    }
    out.push_str("\\z");
    Ok(out)
}

/// The set after a `[`, up to and with its `]`.
fn glob_set(rest: &mut std::str::Chars<'_>, glob: &str) -> Result<String, String> {
    let mut set = String::from("[");
    let mut first = true;
    let mut started = false;
    loop {
        let Some(c) = rest.next() else {
            return Err(format!("the glob `{glob}` has a `[` without its `]`"));
        };
        match c {
            '!' | '^' if first && !started => {
                set.push('^');
                first = false;
                continue;
            }
            ']' if started => break,
            '-' if started => set.push('-'),
            other => push_literal(&mut set, other),
        }
        first = false;
        started = true;
    }
    set.push(']');
    Ok(set)
}

fn push_literal(out: &mut String, c: char) {
    let mut buffer = [0; 4];
    out.push_str(&regex::escape(c.encode_utf8(&mut buffer)));
}

/// The name of the first PCRE construct that the engine lacks or would read differently.
///
/// Possessive quantifiers matter most: the engine would take `a++` for `(a+)+` without a word.
fn foreign_construct(pattern: &str) -> Option<&'static str> {
    let mut in_set = false;
    let mut after_quantifier = false;
    let mut at = 0;
    let chars: Vec<char> = pattern.chars().collect();
    while let Some(&c) = chars.get(at) {
        let next = chars.get(at + 1).copied();
        let quantifier_before = std::mem::replace(&mut after_quantifier, false);
        match c {
            '\\' => {
                if let Some(name) = next.and_then(|escape| foreign_escape(escape, in_set)) {
                    return Some(name);
                }
                at += 1;
            }
            '[' if !in_set => {
                in_set = true;
                // A `]` right after `[` or `[^` is a member of the set, not its end.
                if next == Some('^') {
                    at += 1;
                }
                if chars.get(at + 1) == Some(&']') {
                    at += 1;
                }
            }
            ']' if in_set => in_set = false,
            _ if in_set => {}
            '(' => {
                if let Some(name) = foreign_group(chars.get(at + 1..).unwrap_or_default()) {
                    return Some(name);
                }
            }
            '+' if quantifier_before => return Some("a possessive quantifier"),
            '*' | '+' | '?' => after_quantifier = !quantifier_before,
            '}' => after_quantifier = true,
            _ => {}
        }
        at += 1;
    }
    None
}

fn foreign_escape(escape: char, in_set: bool) -> Option<&'static str> {
    match escape {
        '1'..='9' | 'k' | 'g' if !in_set => Some("a back-reference"),
        'K' => Some("a match reset (\\K)"),
        'Q' | 'E' => Some("quoting with \\Q and \\E"),
        'R' | 'X' => Some("the escape \\R or \\X"),
        'G' | 'Z' => Some("the anchor \\G or \\Z (use \\z)"),
        'h' | 'H' | 'V' | 'N' => Some("the escape \\h, \\H, \\V or \\N"),
        'c' | 'e' | 'o' => Some("a control or octal escape"),
        _ => None,
    }
}

/// Looks at what follows an opening parenthesis.
fn foreign_group(after: &[char]) -> Option<&'static str> {
    match after {
        ['*', ..] => Some("a backtracking verb"),
        ['?', '=' | '!', ..] => Some("a look-ahead assertion"),
        ['?', '<', '=' | '!', ..] => Some("a look-behind assertion"),
        ['?', '>', ..] => Some("an atomic group"),
        ['?', '(', ..] => Some("a conditional group"),
        ['?', '|', ..] => Some("a branch-reset group"),
        ['?', '#', ..] => Some("an inline comment"),
        ['?', 'R' | '&' | '0'..='9', ..] | ['?', 'P', '>' | '=', ..] => {
            Some("recursion or a named back-reference")
        }
        ['?', '\'', ..] => Some("a group named with quotes"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regexp_matches_anywhere_and_a_glob_matches_all() {
        assert!(Text::regexp("min").unwrap().fits("admin1"));
        assert!(Text::regexp("").unwrap().fits(""));
        assert!(!Text::regexp("^min").unwrap().fits("admin"));
        let glob = Text::glob("ad*n?").unwrap();
        assert!(glob.fits("admin1") && !glob.fits("admin") && !glob.fits("xadmin1"));
    }

    #[test]
    fn globs_have_sets_and_no_other_magic() {
        assert!(Text::glob("a[0-9b]c").unwrap().fits("a5c"));
        assert!(Text::glob("a[!0-9]c").unwrap().fits("axc"));
        assert!(!Text::glob("a[^0-9]c").unwrap().fits("a5c"));
        assert!(Text::glob("a[]x]c").unwrap().fits("a]c"));
        assert!(!Text::glob("a.c").unwrap().fits("abc"));
        assert!(Text::glob("a(b|c)+$").unwrap().fits("a(b|c)+$"));
        assert!(Text::glob("a[bc").unwrap_err().contains("without its `]`"));
    }

    #[test]
    fn constructs_the_engine_lacks_are_named() {
        for (pattern, name) in [
            ("(?=x)", "look-ahead"),
            ("(?!x)", "look-ahead"),
            ("(?<!x)y", "look-behind"),
            ("(a)\\1", "back-reference"),
            ("(?>a)", "atomic"),
            ("a++b", "possessive"),
            ("a{2}+", "possessive"),
            ("a*+", "possessive"),
            ("(?R)", "recursion"),
            ("\\Qa.b\\E", "quoting"),
            ("(*UCP)a", "verb"),
        ] {
            let error = Text::regexp(pattern).unwrap_err();
            assert!(error.contains(name), "{pattern}: {error}");
        }
        for fine in
            ["a+?b", "[+]+", "\\+\\++", "[]+]+", "(?i)a", "(?:a|b){2}", "(?P<n>a)", "[^]a+]+"]
        {
            assert!(Text::regexp(fine).is_ok(), "{fine}: {:?}", Text::regexp(fine));
        }
    }

    #[test]
    fn a_broken_or_huge_pattern_is_an_error() {
        assert!(Text::regexp("a(").unwrap_err().contains("not a valid expression"));
        assert!(Text::regexp("(((a{100}){100}){100})").unwrap_err().contains("too large"));
    }
}
