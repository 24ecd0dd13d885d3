//! Texts with a syntax of their own: expressions, patterns, filters, modes, base64, language tags.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{Checker, Failed};
use crate::catalogue::Type;
use crate::node::Node;
use crate::value::Value;

/// Largest compiled expression accepted.
const REGEX_BYTES_MAX: usize = 1 << 20;

impl Checker<'_> {
    pub(super) fn pattern(&mut self, kind: &'static Type, node: &Node) -> Result<Value, Failed> {
        let text = self.text(kind, node)?;
        if matches!(kind, Type::Regex)
            && let Err(error) = regex::RegexBuilder::new(text).size_limit(REGEX_BYTES_MAX).build()
        {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let problem =
                node.problem(format!("this regular expression is not accepted: {reason}"));
            return self.fail(problem.help("look-around and back-references are not supported"));
        }
        let is_good = match kind {
            Type::Octal => {
                !text.is_empty()
                    && text.len() <= 6
                    && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte))
            }
            Type::Base64 => is_base64(text),
            Type::Lang => is_language_tag(text),
            Type::LdapFilter => text.is_empty() || is_ldap_filter(text),
            Type::TopicFilter => is_topic_filter(text),
            Type::Glob => !text.is_empty() && brackets_close(text),
            _ => true,
        };
        match is_good {
            true => Ok(Value::text(text)),
            false => self.unexpected(kind, node),
        }
    }
}

fn is_base64(text: &str) -> bool {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let compact: String = text.split_whitespace().collect();
    !compact.is_empty() && GeneralPurpose::new(&STANDARD, config).decode(compact).is_ok()
}

/// The outer form of a language tag (RFC 5646 §2.1): parts of 1 to 8 letters and digits, the first of letters.
fn is_language_tag(text: &str) -> bool {
    let mut parts = text.split(['-', '_']);
    let first = parts.next().unwrap_or_default();
    let sized = |part: &str| (1..=8).contains(&part.len());
    sized(first)
        && first.bytes().all(|byte| byte.is_ascii_alphabetic())
        && parts.all(|part| sized(part) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// The outer form of a filter (RFC 4515 §3): one parenthesis around it, balanced, an operator in each leaf.
fn is_ldap_filter(text: &str) -> bool {
    let mut depth = 0_usize;
    let mut leaf = String::new();
    let mut closed_at_top = false;
    for c in text.chars() {
        match c {
            '(' if closed_at_top || !matches!(leaf.trim(), "" | "&" | "|" | "!") => return false,
            '(' => {
                depth += 1;
                leaf.clear();
            }
            ')' if depth == 0 => return false,
            ')' => {
                let content = leaf.trim();
                if !content.is_empty() && (!content.contains('=') || content.starts_with('=')) {
                    return false;
                }
                depth -= 1;
                closed_at_top = depth == 0;
                leaf.clear();
            }
            _ if depth == 0 && !c.is_whitespace() => return false,
            _ => leaf.push(c),
        }
    }
    depth == 0 && closed_at_top
}

/// MQTT 5.0 §4.7.1: `#` only as the last level, `+` only as a whole level.
fn is_topic_filter(text: &str) -> bool {
    let levels: Vec<&str> = text.split('/').collect();
    let last = levels.len() - 1;
    let level_is_good = |(at, level): (usize, &&str)| match *level {
        "#" => at == last,
        "+" => true,
        level => !level.contains(['#', '+', '\0']),
    };
    !text.is_empty() && text.len() <= 65535 && levels.iter().enumerate().all(level_is_good)
}

fn brackets_close(text: &str) -> bool {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('[') {
        let Some((class, after)) = after.split_once(']') else {
            return false;
        };
        if class.is_empty() && !after.contains(']') {
            return false;
        }
        rest = after;
    }
    true
}
