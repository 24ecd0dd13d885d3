//! The mechanisms this server speaks, their registered names, and when each is offered.

use std::fmt;

/// The hash of a SCRAM mechanism (RFC 5802, RFC 7677).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ScramHash {
    /// SHA-1, 20 bytes.
    Sha1,
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-512, 64 bytes.
    Sha512,
}

impl ScramHash {
    /// Every hash, weakest first.
    pub const ALL: [Self; 3] = [Self::Sha1, Self::Sha256, Self::Sha512];

    /// Length of a digest, in bytes.
    pub const fn digest_bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// The name as it appears in the mechanism's name, for instance `SHA-256`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha512 => "SHA-512",
        }
    }
}

/// A SASL mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// RFC 4505.
    Anonymous,
    /// RFC 5802 and RFC 7677, without channel binding.
    Scram(ScramHash),
    /// The same with channel binding: `-PLUS`.
    ScramPlus(ScramHash),
    /// RFC 4616.
    Plain,
    /// RFC 4422 appendix A, used as XEP-0178 says.
    External,
}

impl Mechanism {
    /// Every mechanism, in the order in which they are offered.
    ///
    /// A conforming client has its own order of preference (RFC 6120 §6.3.3). For one that takes
    /// the first it knows, the strongest come first, and PLAIN after everything that keeps the
    /// password from the wire.
    pub const ALL: [Self; 9] = [
        Self::External,
        Self::ScramPlus(ScramHash::Sha512),
        Self::Scram(ScramHash::Sha512),
        Self::ScramPlus(ScramHash::Sha256),
        Self::Scram(ScramHash::Sha256),
        Self::ScramPlus(ScramHash::Sha1),
        Self::Scram(ScramHash::Sha1),
        Self::Plain,
        Self::Anonymous,
    ];

    /// The registered name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "ANONYMOUS",
            Self::Scram(ScramHash::Sha1) => "SCRAM-SHA-1",
            Self::Scram(ScramHash::Sha256) => "SCRAM-SHA-256",
            Self::Scram(ScramHash::Sha512) => "SCRAM-SHA-512",
            Self::ScramPlus(ScramHash::Sha1) => "SCRAM-SHA-1-PLUS",
            Self::ScramPlus(ScramHash::Sha256) => "SCRAM-SHA-256-PLUS",
            Self::ScramPlus(ScramHash::Sha512) => "SCRAM-SHA-512-PLUS",
            Self::Plain => "PLAIN",
            Self::External => "EXTERNAL",
        }
    }

    /// The mechanism of that name. Names are upper case on the wire and compared as bytes (RFC 4422
    /// §3.1).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| mechanism.name() == name)
    }

    /// The SCRAM hash, if it is a SCRAM mechanism.
    pub const fn scram_hash(self) -> Option<ScramHash> {
        match self {
            Self::Scram(hash) | Self::ScramPlus(hash) => Some(hash),
            Self::Anonymous | Self::Plain | Self::External => None,
        }
    }

    /// Whether it binds to the TLS channel.
    pub const fn is_plus(self) -> bool {
        matches!(self, Self::ScramPlus(_))
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What decides which mechanisms a stream is offered.
#[derive(Clone, Debug, Default)]
pub struct Offer<'a> {
    /// Anonymous log-in by SASL is on (`auth_method: anonymous` with `anonymous_protocol:
    /// sasl_anon` or `both`).
    pub anonymous: bool,
    /// Some back-end of the host can check a password.
    pub passwords: bool,
    /// The SCRAM hashes the back-ends can give verifiers for: all of them where clear text is
    /// stored.
    pub scram_hashes: &'a [ScramHash],
    /// The stream is encrypted.
    pub encrypted: bool,
    /// The stream has data for at least one channel-binding type.
    pub channel_binding: bool,
    /// PLAIN may be offered although the stream is not encrypted.
    ///
    /// Attack class 9: it never is unless an administrator asked for it in words.
    pub plain_unencrypted: bool,
    /// The client showed a certificate that was verified and names at least one account of the
    /// host.
    pub certificate: bool,
    /// Names removed by the administrator (`disable_sasl_mechanisms`), compared without regard to
    /// case.
    pub disabled: &'a [String],
}

impl Offer<'_> {
    /// The mechanisms to offer, in the order of [`Mechanism::ALL`].
    pub fn mechanisms(&self) -> Vec<Mechanism> {
        Mechanism::ALL.into_iter().filter(|&mechanism| self.allows(mechanism)).collect()
    }

    fn allows(&self, mechanism: Mechanism) -> bool {
        if self.disabled.iter().any(|name| name.eq_ignore_ascii_case(mechanism.name())) {
            return false;
        }
        match mechanism {
            Mechanism::Anonymous => self.anonymous,
            Mechanism::Scram(hash) => self.scram_hashes.contains(&hash),
            Mechanism::ScramPlus(hash) => {
                self.encrypted && self.channel_binding && self.scram_hashes.contains(&hash)
            }
            Mechanism::Plain => self.passwords && (self.encrypted || self.plain_unencrypted),
            Mechanism::External => self.encrypted && self.certificate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways_and_are_case_sensitive() {
        for mechanism in Mechanism::ALL {
            assert_eq!(Mechanism::from_name(mechanism.name()), Some(mechanism));
            assert_eq!(Mechanism::from_name(&mechanism.name().to_lowercase()), None);
            assert_eq!(mechanism.is_plus(), mechanism.name().ends_with("-PLUS"));
        }
        assert_eq!(Mechanism::from_name("SCRAM-SHA-1-PLUS-PLUS"), None);
    }

    fn names(offer: &Offer<'_>) -> Vec<&'static str> {
        offer.mechanisms().into_iter().map(Mechanism::name).collect()
    }

    #[test]
    fn plain_and_plus_need_an_encrypted_stream() {
        let mut offer = Offer {
            passwords: true,
            scram_hashes: &ScramHash::ALL,
            channel_binding: true,
            certificate: true,
            ..Offer::default()
        };
        assert_eq!(names(&offer), ["SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1"]);
        offer.encrypted = true;
        assert_eq!(
            names(&offer),
            [
                "EXTERNAL",
                "SCRAM-SHA-512-PLUS",
                "SCRAM-SHA-512",
                "SCRAM-SHA-256-PLUS",
                "SCRAM-SHA-256",
                "SCRAM-SHA-1-PLUS",
                "SCRAM-SHA-1",
                "PLAIN"
            ]
        );
        let disabled = ["plain".to_owned(), "SCRAM-SHA-1".to_owned()];
        offer.disabled = &disabled;
        offer.channel_binding = false;
        offer.certificate = false;
        offer.anonymous = true;
        assert_eq!(names(&offer), ["SCRAM-SHA-512", "SCRAM-SHA-256", "ANONYMOUS"]);
        let unencrypted = Offer { passwords: true, plain_unencrypted: true, ..Offer::default() };
        assert_eq!(names(&unencrypted), ["PLAIN"]);
    }
}
