//! SASLprep (RFC 4013), the stringprep profile for user names and passwords.

use std::borrow::Cow;

use stdx::Secret;
use stringprep::tables;
use unicode_normalization::UnicodeNormalization;

/// Why a text is not a valid user name or password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrepError {
    /// It holds a character that RFC 4013 §2.3 prohibits.
    #[error("the text holds a character that SASLprep (RFC 4013) prohibits")]
    Prohibited,
    /// It mixes writing directions against RFC 3454 §6.
    #[error(
        "the text mixes right-to-left and left-to-right writing in a way that SASLprep (RFC 4013) prohibits"
    )]
    Bidirectional,
    /// Nothing is left of it.
    #[error("the text is empty after SASLprep (RFC 4013)")]
    Empty,
}

/// Prepares a user name or password with SASLprep.
///
/// Code points that Unicode 3.2 did not assign are allowed, as RFC 4013 §2.5 lets "queries" have
/// them: a password of emoji has to work, and what a client of SCRAM derived from it has to match.
pub fn saslprep(text: &str) -> Result<Cow<'_, str>, PrepError> {
    if text.is_empty() {
        return Err(PrepError::Empty);
    }
    if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return Ok(Cow::Borrowed(text));
    }
    let prepared: String = text
        .chars()
        .filter(|&c| !tables::commonly_mapped_to_nothing(c))
        .map(|c| if tables::non_ascii_space_character(c) { ' ' } else { c })
        .nfkc()
        .collect();
    if prepared.is_empty() {
        return Err(PrepError::Empty);
    }
    if prepared.chars().any(prohibited) {
        return Err(PrepError::Prohibited);
    }
    if !directions_agree(&prepared) {
        return Err(PrepError::Bidirectional);
    }
    Ok(Cow::Owned(prepared))
}

/// Prepares a password; see [`saslprep`].
pub fn saslprep_password(password: &Secret) -> Result<Secret, PrepError> {
    match saslprep(password.expose())? {
        Cow::Borrowed(_) => Ok(password.clone()),
        Cow::Owned(prepared) => Ok(Secret::new(prepared)),
    }
}

/// RFC 4013 §2.3.
fn prohibited(c: char) -> bool {
    tables::non_ascii_space_character(c)
        || tables::ascii_control_character(c)
        || tables::non_ascii_control_character(c)
        || tables::private_use(c)
        || tables::non_character_code_point(c)
        || tables::surrogate_code(c)
        || tables::inappropriate_for_plain_text(c)
        || tables::inappropriate_for_canonical_representation(c)
        || tables::change_display_properties_or_deprecated(c)
        || tables::tagging_character(c)
}

/// RFC 3454 §6: text with any right-to-left letter has no left-to-right one, and starts and ends
/// right-to-left.
fn directions_agree(text: &str) -> bool {
    if !text.contains(tables::bidi_r_or_al) {
        return true;
    }
    !text.contains(tables::bidi_l)
        && text.starts_with(tables::bidi_r_or_al)
        && text.ends_with(tables::bidi_r_or_al)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_examples_of_rfc_4013_section_3() {
        let cases: [(&str, Result<&str, PrepError>); 7] = [
            ("I\u{AD}X", Ok("IX")),
            ("user", Ok("user")),
            ("USER", Ok("USER")),
            ("\u{AA}", Ok("a")),
            ("\u{2168}", Ok("IX")),
            ("\u{7}", Err(PrepError::Prohibited)),
            ("\u{627}1", Err(PrepError::Bidirectional)),
        ];
        for (text, expected) in cases {
            assert_eq!(saslprep(text).as_deref(), expected.as_ref().map(|text| *text), "{text:?}");
        }
    }

    #[test]
    fn edges() {
        assert_eq!(saslprep(""), Err(PrepError::Empty));
        assert_eq!(saslprep("\u{AD}\u{200B}"), Err(PrepError::Empty));
        assert_eq!(saslprep("a\u{A0}b").as_deref(), Ok("a b"));
        assert_eq!(saslprep("a\u{7f}"), Err(PrepError::Prohibited));
        assert_eq!(saslprep("\u{E000}"), Err(PrepError::Prohibited));
        assert_eq!(saslprep("\u{1F600}pass").as_deref(), Ok("\u{1F600}pass"));
    }

    proptest! {
        #[test]
        fn agrees_with_the_stored_string_form_and_is_idempotent(text in any::<String>()) {
            if let Ok(stored) = stringprep::saslprep(&text)
                && !stored.is_empty()
            {
                let ours = saslprep(&text);
                prop_assert_eq!(ours.as_deref(), Ok(&*stored));
            }
            if let Ok(once) = saslprep(&text) {
                let twice = saslprep(&once);
                prop_assert_eq!(twice.as_deref(), Ok(&*once));
            }
        }
    }
}
