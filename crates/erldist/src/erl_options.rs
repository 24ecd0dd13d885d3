//! The words of `ERL_OPTIONS` that say something about distribution; everything else concerns Erlang's machine.

use crate::options::OptionError;

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ErlOptions {
    /// `-setcookie`.
    pub(crate) cookie: Option<String>,
    /// `-proto_dist`, such as `inet_tls`.
    pub(crate) protocol: Option<String>,
    /// `-ssl_dist_optfile`.
    pub(crate) tls_file: Option<String>,
    /// `-ssl_dist_opt`: pairs of a name such as `server_certfile` and a value.
    pub(crate) tls: Vec<(String, String)>,
    /// `-kernel`: pairs of a name such as `inet_dist_listen_min` and a value.
    pub(crate) kernel: Vec<(String, String)>,
    /// `-erl_epmd_port`: the port of every node, without epmd.
    pub(crate) port: Option<String>,
}

impl ErlOptions {
    /// Reads the words of a line, with a shell's quotes.
    ///
    /// # Errors
    /// When a quote does not close, or a flag lacks its value.
    pub(crate) fn parse(line: &str) -> Result<Self, OptionError> {
        let mut found = Self::default();
        let words = words(line)?;
        let mut words = words.into_iter().peekable();
        while let Some(flag) = words.next() {
            let mut values = Vec::new();
            while let Some(value) = words.next_if(|word| !is_flag(word)) {
                values.push(value);
            }
            let one = || match values.as_slice() {
                [one] => Ok(Some(one.clone())),
                _ => Err(OptionError::ErlOptions(format!("`{flag}` takes one value"))),
            };
            match flag.as_str() {
                "-name" | "-sname" => {
                    let text = format!("`{flag}` does not name this server: set ERLANG_NODE");
                    return Err(OptionError::ErlOptions(text));
                }
                // With two values it is the cookie of another node, which is never called from here.
                "-setcookie" if values.len() == 2 => {}
                "-setcookie" => found.cookie = one()?,
                "-proto_dist" => found.protocol = one()?,
                "-ssl_dist_optfile" => found.tls_file = one()?,
                "-erl_epmd_port" => found.port = one()?,
                "-ssl_dist_opt" => found.tls.extend(pairs(&flag, values)?),
                "-kernel" => found.kernel.extend(pairs(&flag, values)?),
                _ => {}
            }
        }
        Ok(found)
    }

    /// Whether it asks for a node.
    pub(crate) fn asks(&self) -> bool {
        self.protocol.is_some()
            || self.port.is_some()
            || self.kernel.iter().any(|(name, _)| name.starts_with("inet_dist_"))
    }

    /// A value of `-kernel`.
    pub(crate) fn kernel(&self, name: &str) -> Option<&str> {
        self.kernel.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Flags begin with a sign; a negative number is a value.
fn is_flag(word: &str) -> bool {
    word.starts_with('+')
        || word.starts_with('-') && !word.starts_with("-0") && word.parse::<i64>().is_err()
}

fn pairs(flag: &str, values: Vec<String>) -> Result<Vec<(String, String)>, OptionError> {
    if values.len() % 2 == 1 {
        return Err(OptionError::ErlOptions(format!("`{flag}` takes pairs of a name and a value")));
    }
    let mut values = values.into_iter();
    let mut pairs = Vec::new();
    while let (Some(name), Some(value)) = (values.next(), values.next()) {
        pairs.push((name, value));
    }
    Ok(pairs)
}

fn words(line: &str) -> Result<Vec<String>, OptionError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err(OptionError::ErlOptions("a quote does not close".to_owned()));
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_about_distribution_are_found_among_others() {
        let line = "-env ERL_CRASH_DUMP_BYTES 0 +P 250000 -proto_dist inet_tls \
            -ssl_dist_opt server_certfile '/a b/c.pem' server_verify verify_peer \
            -kernel inet_dist_listen_min 4200 inet_dist_listen_max 4210 -setcookie \"x y\"";
        let found = ErlOptions::parse(line).unwrap();
        assert!(found.asks());
        assert_eq!(found.protocol.as_deref(), Some("inet_tls"));
        assert_eq!(found.tls.first(), Some(&("server_certfile".into(), "/a b/c.pem".into())));
        assert_eq!(found.kernel("inet_dist_listen_max"), Some("4210"));
        assert_eq!(found.cookie.as_deref(), Some("x y"));
    }

    /// What Debian's package sets.
    #[test]
    fn options_of_the_machine_ask_for_nothing() {
        assert!(!ErlOptions::parse("-env ERL_CRASH_DUMP_BYTES 0").unwrap().asks());
        assert!(!ErlOptions::parse("").unwrap().asks());
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for line in ["-sname me", "-proto_dist", "-kernel a", "-setcookie 'x"] {
            assert!(ErlOptions::parse(line).is_err(), "{line}");
        }
    }
}
