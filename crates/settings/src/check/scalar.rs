//! Words, numbers and times.

use std::time::Duration;

use super::{Checker, Failed};
use crate::catalogue::notation::quoted_list;
use crate::catalogue::{self, Type};
use crate::node::Node;
use crate::suggest;
use crate::value::Value;

/// Longest text of an option of type `atom`.
const WORD_BYTES_MAX: usize = 255;
/// Longest time: a hundred years. What is longer is a mistake, or `infinity`.
const SECONDS_MAX: u64 = 100 * 366 * 24 * 3600;

impl Checker<'_> {
    pub(super) fn scalar(&mut self, kind: &'static Type, node: &Node) -> Result<Value, Failed> {
        match kind {
            Type::Bool => match node.as_str().and_then(yes_or_no) {
                Some(value) => Ok(Value::Bool(value)),
                None => self.unexpected(kind, node),
            },
            Type::Int { min, max, infinity } => self.int(kind, (*min, *max), *infinity, node),
            Type::NumberFromZero => match (node.as_int(), node.as_number()) {
                (Some(whole), _) if whole >= 0 => Ok(Value::Int(whole)),
                (None, Some(number)) if number >= 0.0 => Ok(Value::Number(number)),
                _ => self.unexpected(kind, node),
            },
            Type::Duration { infinity, .. } => self.duration(kind, *infinity, node),
            Type::Text(None) => self.text(kind, node).map(Value::text),
            Type::Text(Some(expression)) => self.matching_text(kind, expression, node),
            Type::Enum(words) => self.word_of(kind, words, node),
            Type::DbType(owner) => self.backend(kind, owner, node),
            _ => {
                let text = self.text(kind, node)?;
                match text.len() <= WORD_BYTES_MAX && !text.is_empty() {
                    true => Ok(Value::text(text)),
                    false => self.unexpected(kind, node),
                }
            }
        }
    }

    fn int(
        &mut self,
        kind: &Type,
        (min, max): (i64, i64),
        infinity: bool,
        node: &Node,
    ) -> Result<Value, Failed> {
        if let Some(value) = node.as_int() {
            return match (min..=max).contains(&value) {
                true => Ok(Value::Int(value)),
                false => self.unexpected(kind, node),
            };
        }
        let Some(text) = node.as_str() else {
            return self.unexpected(kind, node);
        };
        if infinity && is_infinity(text) {
            return Ok(Value::Infinity);
        }
        let help = match text.trim().parse::<i64>() {
            Ok(number) => Some(format!("a number is written without quotes: {number}")),
            Err(_) if text.starts_with(|c: char| c.is_ascii_digit()) => {
                Some("write the plain number, without unit or separators".to_owned())
            }
            Err(_) if infinity => suggest::nearest(text, &["infinity", "unlimited"])
                .map(|word| format!("did you mean `{word}`?")),
            Err(_) => None,
        };
        self.unexpected_with(kind, node, help)
    }

    fn duration(&mut self, kind: &Type, infinity: bool, node: &Node) -> Result<Value, Failed> {
        let Some(text) = node.as_str() else {
            return self.unexpected(kind, node);
        };
        if infinity && is_infinity(text) {
            return Ok(Value::Infinity);
        }
        let how = "write seconds (`300`) or a number with a unit (`5 minutes`, `2 hours`, `1 day`)";
        let time = match node.as_int() {
            Some(seconds) => u64::try_from(seconds).ok().map(Duration::from_secs),
            None => with_unit(text),
        };
        match time {
            Some(time) if time.as_secs() > SECONDS_MAX => {
                let help = if infinity {
                    "write `infinity` for no bound"
                } else {
                    "it may be a hundred years at most"
                };
                self.unexpected_with(kind, node, Some(help.to_owned()))
            }
            Some(time) if time >= Duration::from_secs(1) => Ok(Value::Duration(time)),
            Some(_) => self.unexpected_with(kind, node, Some(how.to_owned())),
            None if text.trim().parse::<i64>().is_ok_and(|number| number > 0) => {
                let help = format!("seconds are written without quotes: {}", text.trim());
                self.unexpected_with(kind, node, Some(help))
            }
            None => self.unexpected_with(kind, node, Some(how.to_owned())),
        }
    }

    fn matching_text(
        &mut self,
        kind: &Type,
        expression: &str,
        node: &Node,
    ) -> Result<Value, Failed> {
        let text = self.text(kind, node)?;
        let expression =
            regex::Regex::new(expression).expect("the expressions of the catalogue are tested");
        match expression.is_match(text) {
            true => Ok(Value::text(text)),
            false => self.unexpected(kind, node),
        }
    }

    fn word_of(
        &mut self,
        kind: &Type,
        words: &'static [&'static str],
        node: &Node,
    ) -> Result<Value, Failed> {
        let Some(text) = node.as_str() else {
            return self.unexpected(kind, node);
        };
        if let Some(word) = words.iter().find(|word| **word == text) {
            return Ok(Value::text(*word));
        }
        // COMPAT: an enumeration with the word `false` takes every spelling of it.
        if words.contains(&"false") && yes_or_no(text) == Some(false) {
            return Ok(Value::text("false"));
        }
        let help = suggest::nearest(text, words).map(|word| format!("did you mean `{word}`?"));
        self.unexpected_with(kind, node, help)
    }

    fn backend(&mut self, kind: &Type, owner: &str, node: &Node) -> Result<Value, Failed> {
        let known = backends(owner, self.option.0);
        let Some(text) = node.as_str() else {
            return self.unexpected(kind, node);
        };
        if known.contains(&text) {
            return Ok(Value::text(text));
        }
        let problem =
            node.problem(format!("there is no storage back-end {} for `{owner}`", node.describe()));
        self.fail(problem.help(format!("known: {}", quoted_list(known, "and"))))
    }
}

/// The storage back-ends of a module or service, for the option that names one.
pub(crate) fn backends(owner: &str, option: &str) -> &'static [&'static str] {
    match owner {
        "ejabberd_auth" => &["mnesia", "sql", "ldap", "external", "pam", "anonymous", "jwt"],
        "ejabberd_sm" | "ejabberd_router" => &["mnesia", "sql", "redis"],
        "ejabberd_oauth" => &["mnesia", "sql", "rest"],
        "ejabberd_cluster" => &["mnesia"],
        module => match catalogue::module(module) {
            Some(spec) if option == "ram_db_type" => spec.ram_db_types,
            Some(spec) => spec.db_types,
            None => &[],
        },
    }
}

/// The words for yes and no.
fn yes_or_no(text: &str) -> Option<bool> {
    match text {
        "true" | "yes" | "on" | "y" => Some(true),
        "false" | "no" | "off" | "n" => Some(false),
        _ => None,
    }
}

/// The words for no bound.
fn is_infinity(text: &str) -> bool {
    matches!(text, "infinity" | "infinite" | "unlimited")
}

/// Reads `<integer><unit>`, blanks allowed around the unit, in any case.
fn with_unit(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let millis: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "ms" | "msec" | "msecs" | "millisec" | "millisecs" | "millisecond" | "milliseconds" => 1,
        "s" | "sec" | "secs" | "second" | "seconds" => 1_000,
        "m" | "min" | "mins" | "minute" | "minutes" => 60_000,
        "h" | "hour" | "hours" => 3_600_000,
        "d" | "day" | "days" => 86_400_000,
        _ => return None,
    };
    Some(Duration::from_millis(number.checked_mul(millis)?))
}
