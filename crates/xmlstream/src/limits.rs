//! What a peer may make the reader keep (RFC 6120 §13.12).

/// Bounds for everything the reader keeps of a peer's bytes. They may change while a stream runs: smaller before
/// authentication, larger after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest top-level element in bytes, its tags included.
    pub stanza_bytes_max: u32,
    /// The deepest nesting within a top-level element, which counts as one.
    pub depth_max: u16,
    /// The most elements within a top-level element, which counts as one.
    pub elements_max: u32,
    /// The most attributes of one element, namespace declarations included.
    pub attributes_max: u16,
    /// The longest element or attribute name in bytes, prefix included.
    pub name_bytes_max: u16,
    /// The most namespace prefixes in scope at one place within a top-level element.
    pub namespaces_max: u16,
    /// The longest stream header in bytes, XML declaration and white space included.
    pub header_bytes_max: u32,
}

impl Limits {
    /// The largest `stanza_bytes_max` that takes effect: offsets are kept in 31 bits.
    pub const STANZA_BYTES_CEILING: u32 = 1 << 30;

    /// Limits for a peer that has not proved who it is: RFC 6120 §13.12 asks for at least 10000 bytes.
    pub const fn before_authentication() -> Self {
        Self { stanza_bytes_max: 65_536, depth_max: 16, namespaces_max: 16, ..Self::standard() }
    }

    /// Limits for an authenticated peer.
    pub const fn standard() -> Self {
        Self {
            stanza_bytes_max: 262_144,
            depth_max: 128,
            elements_max: u32::MAX,
            attributes_max: 64,
            name_bytes_max: 256,
            namespaces_max: 64,
            header_bytes_max: 4096,
        }
    }

    /// Limits for what the server itself wrote and reads back, such as stored stanzas.
    pub const fn trusted() -> Self {
        Self {
            stanza_bytes_max: Self::STANZA_BYTES_CEILING,
            depth_max: 1024,
            elements_max: u32::MAX,
            attributes_max: 4096,
            name_bytes_max: 16_384,
            namespaces_max: 4096,
            header_bytes_max: 65_536,
        }
    }

    /// The bound on element bytes that is really used.
    pub(crate) fn stanza_bytes(&self) -> usize {
        self.stanza_bytes_max.min(Self::STANZA_BYTES_CEILING) as usize
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::standard()
    }
}
