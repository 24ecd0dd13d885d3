//! Any bytes as a datagram and as a stream: no panic, and frames never reach beyond what they say.

use stun_wire::{Frame, Key, Message, channel_data, next_frame};

/// One input: what a client may send to a relay.
///
/// # Panics
/// When a message does not keep its word.
pub fn stun(input: &[u8]) {
    if let Some(data) = channel_data(input) {
        assert!(data.payload.len() + 4 <= input.len(), "a payload lies within its datagram");
    }
    let mut rest = input;
    loop {
        let bytes = match next_frame(rest) {
            Frame::Message(bytes) | Frame::Channel { bytes } => bytes,
            Frame::Need(bytes) => {
                assert!(bytes > rest.len(), "what is there is not asked for");
                break;
            }
            Frame::Broken => break,
        };
        let (frame, after) = rest.split_at(bytes);
        if let Ok(message) = Message::parse(frame) {
            message.verify(&Key::new(*b"key"));
        }
        rest = after;
    }
    let Ok(message) = Message::parse(input) else { return };
    message.fingerprint();
    for attribute in message.attributes() {
        std::hint::black_box([
            attribute.number().is_ok(),
            attribute.xor_address().is_ok(),
            attribute.text(128).is_ok(),
        ]);
        std::hint::black_box([
            attribute.error_code().is_ok(),
            attribute.password_algorithm().is_ok(),
            attribute.byte().is_ok(),
        ]);
    }
}
