//! A line as a shell would divide it: blanks, quotes, backslashes, and nothing else.

/// The words of a line; an open quote ends with the line.
pub(super) fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            (letter, Some(open)) if letter == open => quote = None,
            ('\\', None | Some('"')) => {
                word.get_or_insert_default().extend(letters.next());
            }
            (letter, Some(_)) => word.get_or_insert_default().push(letter),
            ('\'' | '"', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (letter, None) if letter.is_whitespace() => words.extend(word.take()),
            (letter, None) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn quotes_hold_words_together() {
        for (line, words) in [
            ("", &[][..]),
            ("  status  ", &["status"]),
            (
                "kick_session a b c 'Stuck connection'",
                &["kick_session", "a", "b", "c", "Stuck connection"],
            ),
            (r#"a "" '' b"#, &["a", "", "", "b"]),
            (r#"a\ b "c\"d" 'e\f'"#, &["a b", "c\"d", "e\\f"]),
            ("x'y z", &["xy z"]),
        ] {
            assert_eq!(split(line), words, "{line}");
        }
    }
}
