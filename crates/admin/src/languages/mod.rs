//! What commands say of errors, in the language of whoever asks for one.
//!
//! The English sentence is the key: the sources say it as ever, and a catalogue has it with `{}` in the place of what is
//! put in. What a catalogue does not have stays English, and so do words that scripts look at. Nobody gets another
//! language than English without asking: a script must not depend on the locale of the terminal that starts it.

use std::borrow::Cow;

use kernel::commands::CommandError;

/// Each language with its catalogue.
const CATALOGUES: [(&str, &str); 3] = [
    ("de", include_str!("de.txt")),
    ("es", include_str!("es.txt")),
    ("fr", include_str!("fr.txt")),
];

/// A language; English unless another one is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Language(Option<&'static str>);

impl Language {
    /// The language of a tag such as `de`, `de-AT` or `de_AT.UTF-8`; English if there is no catalogue for it.
    pub fn of(tag: &str) -> Self {
        let tag = tag.split(['-', '_', '.', '@']).next().unwrap_or_default().to_ascii_lowercase();
        Self(CATALOGUES.iter().find(|(known, _)| **known == tag).map(|(_, catalogue)| *catalogue))
    }

    /// A sentence in this language.
    pub(crate) fn say<'a>(self, english: &'a str) -> Cow<'a, str> {
        let found = self.0.and_then(|catalogue| {
            pairs(catalogue).find_map(|(key, words)| Some(filled(words, &values(key, english)?)))
        });
        found.map_or(Cow::Borrowed(english), Cow::Owned)
    }

    /// An error whose sentence is in this language; what scripts look at stays.
    pub(crate) fn error(self, mut error: CommandError) -> CommandError {
        match &mut error {
            CommandError::Conflict { text, .. }
            | CommandError::NotExists { text, .. }
            | CommandError::BadArgument { text }
            | CommandError::Thrown { text, .. }
            | CommandError::Failed { text, .. } => {
                if let Cow::Owned(said) = self.say(text) {
                    *text = said;
                }
            }
            CommandError::Returned { .. } => {}
        }
        error
    }
}

/// The sentences of a catalogue, each with what it is in its language.
fn pairs(catalogue: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut lines = catalogue.lines().filter(|line| !line.starts_with('#'));
    std::iter::from_fn(move || Some((lines.next()?, lines.next()?.trim_start())))
}

/// What a sentence has in the places of `{}`, if it is one of this form.
fn values<'a>(key: &str, sentence: &'a str) -> Option<Vec<&'a str>> {
    let mut pieces: Vec<&str> = key.split("{}").collect();
    let last = pieces.pop()?;
    let Some((first, between)) = pieces.split_first() else {
        return (sentence == last).then(Vec::new);
    };
    let mut rest = sentence.strip_prefix(first)?.strip_suffix(last)?;
    let mut values = Vec::new();
    for piece in between {
        let (value, after) = rest.split_once(piece)?;
        values.push(value);
        rest = after;
    }
    values.push(rest);
    Some(values)
}

fn filled(words: &str, values: &[&str]) -> String {
    let mut values = values.iter();
    let mut pieces = words.split("{}");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        text.push_str(values.next().unwrap_or(&""));
        text.push_str(piece);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// The sources, with `{}` for whatever is put into a text.
    fn sources(folder: &Path, put_in: &regex::Regex, all: &mut String) {
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, put_in, all);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let source = std::fs::read_to_string(path).unwrap();
                all.push_str(&put_in.replace_all(&source, "{}"));
            }
        }
    }

    #[test]
    fn every_catalogue_has_the_same_sentences_and_they_are_in_the_sources() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut said = String::new();
        let put_in = regex::Regex::new(r"\{[^{}\n]*\}").unwrap();
        for one in ["admin", "kernel", "modules"] {
            sources(&crates.join(one).join("src"), &put_in, &mut said);
        }
        let keys = |catalogue| pairs(catalogue).map(|(key, _)| key).collect::<Vec<_>>();
        let first = keys(CATALOGUES[0].1);
        assert_eq!(
            first.len(),
            first.iter().collect::<BTreeSet<_>>().len(),
            "a sentence is there twice"
        );
        for (tag, catalogue) in CATALOGUES {
            assert_eq!(keys(catalogue), first, "{tag}");
            for (key, words) in pairs(catalogue) {
                assert_eq!(key.matches("{}").count(), words.matches("{}").count(), "{tag}: {key}");
                assert!(key != words || key.contains('{'), "{tag}: not translated: {key}");
                // Two sentences are put together of parts.
                let parts = [" more argument.", " less argument.", "Did you mean "];
                let whole = said.contains(&format!("\"{key}\""))
                    || parts.iter().any(|part| key.contains(part));
                assert!(
                    whole || key == "Error: unknown command '{}'.",
                    "{tag}: nothing says {key:?} any more"
                );
            }
        }
    }

    #[test]
    fn sentences_are_said_in_the_language_that_is_asked_for() {
        let german = Language::of("de_AT.UTF-8");
        for (language, english, said) in [
            (german, "Unknown virtual host", "Unbekannter virtueller Host"),
            (
                german,
                "argument n must be an integer, not 'a' b'",
                "Argument n muss eine ganze Zahl sein, nicht 'a' b'",
            ),
            (german, "access_rules_unauthorized", "access_rules_unauthorized"),
            (german, "Unknown virtual host!", "Unknown virtual host!"),
            (
                Language::of("FR"),
                "The stanza is not XML: x: y",
                "La stanza n\u{2019}est pas du XML : x: y",
            ),
            (Language::of("C"), "Unknown virtual host", "Unknown virtual host"),
            (
                Language::of("de_"),
                "mod_x is not enabled on a.b",
                "mod_x ist auf a.b nicht eingeschaltet",
            ),
            (Language::default(), "Unknown virtual host", "Unknown virtual host"),
        ] {
            assert_eq!(language.say(english), said);
        }
    }
}
