//! Addresses and names of people in the log, hidden where `hide_sensitive_log_data` asks for it.

use std::fmt;

/// What stands in the log for a hidden value.
const HIDDEN: &str = "[hidden]";

/// Displays a JID or an IP address, or `[hidden]` when the host hides personal data.
///
/// Passwords and other secrets are not for this: they are types that never print (`stdx::Secret`).
#[derive(Clone, Copy)]
pub struct Redacted<'a, T: ?Sized> {
    value: &'a T,
    hide: bool,
}

impl<'a, T: ?Sized> Redacted<'a, T> {
    /// Shows `value` unless `hide` (the host's `hide_sensitive_log_data`).
    pub fn new(value: &'a T, hide: bool) -> Self {
        Self { value, hide }
    }
}

impl<T: fmt::Display + ?Sized> fmt::Display for Redacted<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.hide { f.write_str(HIDDEN) } else { self.value.fmt(f) }
    }
}

impl<T: fmt::Debug + ?Sized> fmt::Debug for Redacted<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.hide { f.write_str(HIDDEN) } else { self.value.fmt(f) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_and_shows() {
        let jid = "romeo@montague.example";
        assert_eq!(format!("{0} {0:?}", Redacted::new(jid, true)), "[hidden] [hidden]");
        assert_eq!(format!("{}", Redacted::new(jid, false)), jid);
    }
}
