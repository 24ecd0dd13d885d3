//! The name of a server among servers, as Erlang writes it: `name@host`, with long and short hosts.

/// Longest name; Erlang keeps names in atoms of so many characters.
const NAME_CHARS_MAX: usize = 255;
/// The part in front of the `@` of a server that was given no name.
const OWN: &str = "rookery";

/// `ERLANG_NODE`, or what stands for it: never empty on either side of the `@`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NodeName {
    text: String,
    at: usize,
}

impl Default for NodeName {
    /// The name on a machine without a name.
    fn default() -> Self {
        Self::of_machine("")
    }
}

/// Why a text is no node name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a node name: write NAME@HOST or NAME, where NAME has letters, digits, `-` and `_` only"
)]
pub struct NodeNameError(String);

impl NodeName {
    /// Reads a name. One without host gets the first label of the machine's, as Erlang's short names do.
    ///
    /// # Errors
    /// A name that no Erlang node could have.
    pub fn parse(text: &str, machine: &str) -> Result<Self, NodeNameError> {
        let (name, host) = match text.split_once('@') {
            Some((name, host)) => (name, host),
            None => (text, short(machine)),
        };
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let name_is_right = !name.is_empty() && name.chars().all(is_part);
        let host_is_right = !host.is_empty()
            && host.chars().all(|c| is_part(c) || matches!(c, '.' | ':' | '[' | ']' | '%'));
        let full = format!("{name}@{host}");
        if name_is_right && host_is_right && full.len() <= NAME_CHARS_MAX {
            Ok(Self { at: name.len(), text: full })
        } else {
            Err(NodeNameError(text.to_owned()))
        }
    }

    /// The name of a server that was given none: `rookery@` and the first label of the machine's name.
    pub fn of_machine(machine: &str) -> Self {
        Self::parse(OWN, machine)
            .unwrap_or_else(|_| Self { text: format!("{OWN}@localhost"), at: OWN.len() })
    }

    /// All of it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What is in front of the `@`; the name under which epmd knows the server.
    pub fn name(&self) -> &str {
        self.text.get(..self.at).unwrap_or_default()
    }

    /// What follows the `@`.
    pub fn host(&self) -> &str {
        self.text.get(self.at + 1..).unwrap_or_default()
    }

    /// Whether it is a long name (`-name`), which speaks only with long names: its host has a dot. IPv6 addresses
    /// are long names too.
    pub fn is_long(&self) -> bool {
        self.host().contains(['.', ':'])
    }
}

impl std::fmt::Display for NodeName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// The first label of a machine's name; `localhost` for none.
fn short(machine: &str) -> &str {
    match machine.split('.').next() {
        None | Some("") => "localhost",
        Some(label) => label,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_or_long_as_erlang_has_them() {
        for (text, machine, full, long) in [
            ("ejabberd@localhost", "box.example.com", "ejabberd@localhost", false),
            ("ejabberd", "box.example.com", "ejabberd@box", false),
            ("ejabberd", "", "ejabberd@localhost", false),
            ("ej-1@box.example.com", "other", "ej-1@box.example.com", true),
            ("ej@127.0.0.1", "", "ej@127.0.0.1", true),
            ("ej@::1", "", "ej@::1", true),
        ] {
            let node = NodeName::parse(text, machine).unwrap();
            assert_eq!((node.as_str(), node.is_long()), (full, long), "{text}");
            assert_eq!(format!("{}@{}", node.name(), node.host()), full);
        }
        for text in ["", "@", "a@", "@b", "a b@c", "a@b@c", "a@b/c", "é@b"] {
            assert!(NodeName::parse(text, "box").is_err(), "{text}");
        }
        assert!(NodeName::parse(&"n".repeat(255), "box").is_err());
    }

    #[test]
    fn a_server_without_name_is_called_after_its_machine() {
        assert_eq!(NodeName::of_machine("box.example.com").as_str(), "rookery@box");
        assert_eq!(NodeName::of_machine("").as_str(), "rookery@localhost");
        assert_eq!(NodeName::of_machine("not a name").as_str(), "rookery@localhost");
    }
}
