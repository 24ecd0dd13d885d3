//! ChannelData (RFC 8656 §12.4, §12.5), and the frames of a stream (RFC 8489 §6.2.2, RFC 8656 §12.5).

use crate::message::{HEADER_BYTES, MAGIC_COOKIE, u16_at, u32_at};

/// Bytes before the payload of ChannelData.
pub const CHANNEL_HEADER_BYTES: usize = 4;

/// A ChannelData message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelData<'a> {
    /// The channel.
    pub number: u16,
    /// The payload without padding.
    pub payload: &'a [u8],
}

/// Rounds up to a multiple of four.
pub const fn padded_len(len: usize) -> usize {
    len.next_multiple_of(4)
}

/// Whether a number may be bound: 0x4000 to 0x7FFE, as RFC 5766 §11 has it. RFC 8656 §12 asks clients to stay below
/// 0x5000, since other protocols may share their port; ours is shared with none, and older clients use all of them.
pub fn is_channel_number(number: u16) -> bool {
    (0x4000..=0x7FFE).contains(&number)
}

/// Reads ChannelData; `None` for anything else. Bytes after the payload are padding (RFC 8656 §12.5).
#[inline]
pub fn channel_data(bytes: &[u8]) -> Option<ChannelData<'_>> {
    let (header, rest) = bytes.split_first_chunk::<CHANNEL_HEADER_BYTES>()?;
    let number = u16::from_be_bytes([header[0], header[1]]);
    if !is_channel_number(number) {
        return None;
    }
    let payload = rest.get(..usize::from(u16::from_be_bytes([header[2], header[3]])))?;
    Some(ChannelData { number, payload })
}

/// The header for a payload of at most 65,535 bytes.
#[inline]
pub fn channel_header(number: u16, payload_bytes: u16) -> [u8; CHANNEL_HEADER_BYTES] {
    let ([a, b], [c, d]) = (number.to_be_bytes(), payload_bytes.to_be_bytes());
    [a, b, c, d]
}

/// What the beginning of a stream's bytes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Not yet whole: at least so many bytes are needed.
    Need(usize),
    /// A STUN message of so many bytes.
    Message(usize),
    /// ChannelData; `bytes` with padding are to be taken off the stream.
    Channel {
        /// Bytes with padding.
        bytes: usize,
    },
    /// Neither: the stream cannot be read on.
    Broken,
}

/// Finds the frame at the beginning of a stream's bytes. Messages without the magic cookie are refused there, since
/// a stream offers no other way to tell that the two ends are still in step.
pub fn next_frame(bytes: &[u8]) -> Frame {
    let Some(first) = bytes.first() else { return Frame::Need(CHANNEL_HEADER_BYTES) };
    let bits = first >> 6;
    if bits > 1 {
        return Frame::Broken;
    }
    let Some(length) = u16_at(bytes, 2) else { return Frame::Need(CHANNEL_HEADER_BYTES) };
    let length = usize::from(length);
    let (whole, frame) = if bits == 1 {
        let whole = CHANNEL_HEADER_BYTES + padded_len(length);
        (whole, Frame::Channel { bytes: whole })
    } else {
        let cookie = u32_at(bytes, 4);
        if length % 4 != 0 || cookie.is_some_and(|cookie| cookie != MAGIC_COOKIE) {
            return Frame::Broken;
        }
        (HEADER_BYTES + length, Frame::Message(HEADER_BYTES + length))
    };
    if bytes.len() < whole { Frame::Need(whole) } else { frame }
}
