//! STUN and TURN on the wire: RFC 8489 (with RFC 5389 and RFC 3489 peers), RFC 8656, RFC 6062.
//!
//! A message is read where it lies ([`Message`]): nothing is copied and nothing allocated, whatever the bytes are,
//! because the bytes of a datagram come from anybody. What is written ([`MessageWriter`]) is one buffer.
//!
//! Own code rather than a crate: the surveyed codecs own what they parse, one allocation an attribute, and a relay's
//! hot path ([`channel_data`]) must not allocate at all; bid-down protection needs the exact bytes of an attribute.

mod attribute;
mod channel;
mod integrity;
mod message;
#[cfg(test)]
mod tests;
mod writer;

pub use attribute::{Algorithm, Attribute, AttributeError, PasswordAlgorithm, attr};
pub use channel::{
    CHANNEL_HEADER_BYTES, ChannelData, Frame, channel_data, channel_header, is_channel_number,
    next_frame, padded_len,
};
pub use integrity::{
    INTEGRITY_SHA256_BYTES_MIN, Key, NONCE_PREFIX_BYTES, SecurityFeatures, fingerprint,
    long_term_key, short_term_key, split_nonce, user_hash,
};
pub use message::{
    ATTRIBUTES_MAX, Class, HEADER_BYTES, Integrity, MAGIC_COOKIE, Message, Method, ParseError,
};
pub use writer::{MESSAGE_BYTES_MAX, MessageWriter, code};
