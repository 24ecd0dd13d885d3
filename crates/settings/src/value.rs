//! Checked values: what a node of the file means once its option's type is known.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use stdx::Secret;

use crate::node::Node;
use crate::section::Section;

/// The checked value of an option.
///
/// Equality ignores places, so that a reload sees real changes only.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// Not written, and without a default.
    Unset,
    /// Yes or no.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A decimal number.
    Number(f64),
    /// No limit.
    Infinity,
    /// A time.
    Duration(Duration),
    /// A text, word, domain, URL, path ...: prepared as its type asks.
    Text(Arc<str>),
    /// A text that must not be printed.
    Secret(Secret),
    /// A list.
    List(Vec<Value>),
    /// A map with free keys, in file order.
    Map(Vec<(Value, Value)>),
    /// A map with known keys.
    Options(Section),
    /// An address.
    Ip(IpAddr),
    /// An address range.
    Net(IpRange),
    /// Access rules, shaper rules and whatever else another crate reads itself.
    Node(Node),
}

/// An address and how many of its leading bits count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IpRange {
    /// Any address of the range.
    pub address: IpAddr,
    /// Leading bits that count: 0 to 32, or 0 to 128.
    pub bits: u8,
}

impl IpRange {
    /// Whether an address is in the range. An IPv4 address written as IPv6 (`::ffff:a.b.c.d`) counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(range), IpAddr::V4(address)) => {
                let bits =
                    if self.address.is_ipv6() { self.bits.saturating_sub(96) } else { self.bits };
                let mask = u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0);
                range.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(range), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits.min(128))).unwrap_or(0);
                range.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        }
    }
}

/// A bound that may be absent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Limit<T> {
    /// At most this.
    At(T),
    /// No bound.
    Infinite,
}

impl<T> Limit<T> {
    /// The bound, `None` for no bound.
    pub fn finite(self) -> Option<T> {
        match self {
            Self::At(bound) => Some(bound),
            Self::Infinite => None,
        }
    }
}

impl Value {
    /// A text value.
    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(text.into())
    }

    /// Yes or no, if it is that.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    /// The integer, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        if let Self::Int(value) = self { Some(*value) } else { None }
    }

    /// The number, decimal or not.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(value) => Some(*value),
            // Options of this type are small (seconds, bits of entropy); 2^53 is far away.
            Self::Int(value) => i32::try_from(*value).ok().map(f64::from),
            _ => None,
        }
    }

    /// The text, if it is one that may be printed.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Text(value) = self { Some(value) } else { None }
    }

    /// The secret, if it is one.
    pub fn as_secret(&self) -> Option<&Secret> {
        if let Self::Secret(value) = self { Some(value) } else { None }
    }

    /// The items of a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        if let Self::List(value) = self { Some(value) } else { None }
    }

    /// The entries of a map with free keys.
    pub fn as_map(&self) -> Option<&[(Value, Value)]> {
        if let Self::Map(value) = self { Some(value) } else { None }
    }

    /// The section of a map with known keys.
    pub fn as_section(&self) -> Option<&Section> {
        if let Self::Options(value) = self { Some(value) } else { None }
    }

    /// The node of access rules, shaper rules and the like.
    pub fn as_node(&self) -> Option<&Node> {
        if let Self::Node(value) = self { Some(value) } else { None }
    }

    /// The address.
    pub fn as_ip(&self) -> Option<IpAddr> {
        if let Self::Ip(value) = self { Some(*value) } else { None }
    }

    /// The address range; an address alone is a range of one.
    pub fn as_net(&self) -> Option<IpRange> {
        if let Self::Net(value) = self { Some(*value) } else { None }
    }

    /// A time, or no limit.
    pub fn as_duration(&self) -> Option<Limit<Duration>> {
        match self {
            Self::Duration(value) => Some(Limit::At(*value)),
            Self::Infinity => Some(Limit::Infinite),
            // COMPAT: some times accept the bare integer 0 for "not at all" beside a duration.
            Self::Int(0) => Some(Limit::At(Duration::ZERO)),
            _ => None,
        }
    }

    /// A count, or no limit.
    pub fn as_limit(&self) -> Option<Limit<u64>> {
        match self {
            Self::Int(value) => u64::try_from(*value).ok().map(Limit::At),
            Self::Infinity => Some(Limit::Infinite),
            _ => None,
        }
    }

    /// Whether it is unset.
    pub fn is_unset(&self) -> bool {
        matches!(self, Self::Unset)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unset => f.write_str("unset"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Number(value) => write!(f, "{value}"),
            Self::Infinity => f.write_str("infinity"),
            Self::Duration(value) => write!(f, "{value:?}"),
            Self::Text(value) => write!(f, "{value:?}"),
            Self::Secret(value) => write!(f, "{value:?}"),
            Self::List(items) => f.debug_list().entries(items).finish(),
            Self::Map(entries) => {
                f.debug_map().entries(entries.iter().map(|(k, v)| (k, v))).finish()
            }
            Self::Options(section) => write!(f, "{section:?}"),
            Self::Ip(value) => write!(f, "{value}"),
            Self::Net(range) => write!(f, "{}/{}", range.address, range.bits),
            Self::Node(node) => write!(f, "{node:?}"),
        }
    }
}
