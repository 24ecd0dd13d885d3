//! Shapers (named rates) and shaper rules (who gets which rate or limit).

use std::collections::HashMap;
use std::sync::Arc;

use crate::acl::Acls;
use crate::condition::Subject;
use crate::rules::{Term, all_hold};

/// A rate of traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Bytes per second, at least 1.
    pub bytes_per_second: u64,
    /// Bytes that may pass at once after a pause; equal to the rate unless configured.
    pub burst_bytes: u64,
}

/// What a shaper rule gives: a rate for traffic options, a number for limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ShaperValue {
    /// No entry held, or the value is `none`: traffic is unlimited, a limit takes its default.
    #[default]
    None,
    /// `infinity`: no bound.
    Infinity,
    /// A positive integer: bytes per second, or the limit itself.
    Number(u64),
    /// A named shaper.
    Rate(Rate),
}

impl ShaperValue {
    /// The value as a rate of traffic; `None` means unlimited.
    pub fn rate(self) -> Option<Rate> {
        match self {
            Self::None | Self::Infinity => None,
            Self::Number(number) => Some(Rate { bytes_per_second: number, burst_bytes: number }),
            Self::Rate(rate) => Some(rate),
        }
    }

    /// The value as a limit; `None` means no limit. `default` is taken when nothing was said.
    pub fn limit(self, default: Option<u64>) -> Option<u64> {
        match self {
            Self::None => default,
            Self::Infinity => None,
            Self::Number(number) => Some(number),
            Self::Rate(rate) => Some(rate.bytes_per_second),
        }
    }
}

/// The named shapers of the section `shaper`.
#[derive(Debug, Clone, Default)]
pub struct Shapers {
    pub(crate) by_name: HashMap<Box<str>, ShaperValue>,
}

impl Shapers {
    /// The shaper of that name; the words for "no bound" are built in.
    pub fn get(&self, name: &str) -> Option<ShaperValue> {
        reserved(name).or_else(|| self.by_name.get(name).copied())
    }
}

/// The meaning of a reserved shaper name.
pub(crate) fn reserved(name: &str) -> Option<ShaperValue> {
    match name {
        "none" => Some(ShaperValue::None),
        "infinity" | "infinite" | "unlimited" => Some(ShaperValue::Infinity),
        _ => None,
    }
}

/// An ordered list of values with their conditions; shaper names are resolved already.
#[derive(Debug, Clone, Default)]
pub struct ShaperRule {
    pub(crate) lines: Vec<(ShaperValue, Vec<Term>)>,
}

impl ShaperRule {
    /// The first line that holds; none holds means [`ShaperValue::None`].
    pub(crate) fn value(&self, acls: &Acls, subject: &Subject<'_>) -> ShaperValue {
        self.lines
            .iter()
            .find(|(_, terms)| all_hold(terms, acls, subject))
            .map_or(ShaperValue::None, |(value, _)| *value)
    }
}

/// The value of an option of type shaper: the name of a shaper rule, or a rule in place.
#[derive(Debug, Clone)]
pub enum ShaperRef {
    /// A rule of `shaper_rules`; an undefined one gives [`ShaperValue::None`].
    Named(Box<str>),
    /// A rule written in place.
    Inline(Arc<ShaperRule>),
}

impl ShaperRef {
    /// The reference a bare word stands for; the reserved words are values themselves.
    pub fn named(name: &str) -> Self {
        match reserved(name) {
            Some(value) => Self::Inline(Arc::new(ShaperRule { lines: vec![(value, Vec::new())] })),
            None => Self::Named(name.into()),
        }
    }
}
