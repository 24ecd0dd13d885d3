//! What nodes can do, as the bits they show each other (DIST, "Distribution Flags").

/// The node takes part in the global name space; a hidden node does not.
pub const PUBLISHED: u64 = 1;
/// Monitors of processes.
pub const DIST_MONITOR: u64 = 0x8;
/// Monitors of names.
pub const DIST_MONITOR_NAME: u64 = 0x20;
/// Output in Unicode.
pub const UNICODE_IO: u64 = 0x1000;
/// Atoms in short forms.
pub const SMALL_ATOM_TAGS: u64 = 0x4000;
/// Handshake of version 6.
pub const HANDSHAKE_23: u64 = 0x100_0000;
/// Links are undone with an acknowledgement.
pub const UNLINK_ID: u64 = 0x200_0000;
/// Processes are started by a message.
pub const SPAWN: u64 = 1 << 32;
/// From the side that connects: it asks for a node name. From the side that accepts: it gives names.
pub const NAME_ME: u64 = 1 << 33;
/// Process identifiers of 64 bits and references of 5 words.
pub const V4_NC: u64 = 1 << 34;
/// Messages to aliases of processes.
pub const ALIAS: u64 = 1 << 35;
/// Stands for all that OTP 25 requires.
pub const MANDATORY_25_DIGEST: u64 = 1 << 36;

/// What OTP 25 requires of its peers: long references, tags of functions, long process identifiers, exported functions,
/// bit strings, binary floats, atoms in UTF-8, maps, long creations and the handshake of version 6.
pub const MANDATORY_25: u64 = 0x4
    | 0x10
    | 0x80
    | 0x100
    | 0x200
    | 0x400
    | 0x800
    | 0x1_0000
    | 0x2_0000
    | 0x4_0000
    | HANDSHAKE_23;

/// What this side can do: all that OTP 25, 26 and 27 require.
///
/// Left out on purpose: the atom cache and with it fragments, because both let a peer fill memory; payloads of exits,
/// which would save nothing here; and [`PUBLISHED`], because a node that is no Erlang would disturb `global`.
pub const OWN: u64 = MANDATORY_25
    | DIST_MONITOR
    | DIST_MONITOR_NAME
    | UNICODE_IO
    | SMALL_ATOM_TAGS
    | UNLINK_ID
    | SPAWN
    | NAME_ME
    | V4_NC
    | ALIAS
    | MANDATORY_25_DIGEST;

/// Writes the digest out, and says whether a peer can do all that is needed to talk to it.
pub fn expand(flags: u64) -> Option<u64> {
    let flags = if flags & MANDATORY_25_DIGEST != 0 { flags | MANDATORY_25 } else { flags };
    (flags & MANDATORY_25 == MANDATORY_25).then_some(flags)
}
