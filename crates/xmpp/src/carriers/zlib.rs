//! Zlib under a stream (XEP-0138, RFC 1950): what comes in is inflated in bounded pieces, what goes out is flushed
//! burst by burst.
//!
//! A few bytes can stand for a thousand times as many, so nothing here grows with what the peer claims: a piece is no
//! larger than [`INFLATED_AT_ONCE_MAX`], the rest waits compressed, and who inflates too much is sent away.

use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use xmpp_wire::{StreamCondition, StreamError};

/// Connections that compress at a time; each costs about 350 KiB.
const CONNECTIONS_MAX: usize = 1_000;
/// Bytes inflated before what they hold is acted upon; one step more may be.
const INFLATED_AT_ONCE_MAX: usize = 64 << 10;
/// How many bytes one byte may stand for, on the whole. XML of clients stays below 30; a bomb comes near 1000.
const RATIO_MAX: u64 = 100;
/// What may be inflated before the ratio counts.
const RATIO_FREE_BYTES: u64 = 256 << 10;
/// Room for one step of inflating, on the stack.
const STEP_BYTES: usize = 8 << 10;

static CONNECTIONS: AtomicUsize = AtomicUsize::new(0);

/// Both directions of a compressed connection.
pub(super) struct Zlib {
    inflate: Decompress,
    deflate: Compress,
    /// What has come and is not inflated yet: at most what one read brings.
    waiting: Vec<u8>,
    /// The library may still hold bytes that it had no room for.
    more: bool,
}

impl Zlib {
    /// None when as many connections compress as may.
    pub(super) fn new() -> Option<Box<Self>> {
        let room = |count| (count < CONNECTIONS_MAX).then_some(count + 1);
        CONNECTIONS.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).ok()?;
        Some(Box::new(Self {
            inflate: Decompress::new(true),
            deflate: Compress::new(Compression::default(), true),
            waiting: Vec::new(),
            more: false,
        }))
    }

    /// Whether one connection more may compress.
    pub(super) fn has_room() -> bool {
        CONNECTIONS.load(Ordering::Relaxed) < CONNECTIONS_MAX
    }

    /// Takes what one read brought.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
        self.more = true;
    }

    /// Whether something waits to be inflated.
    pub(super) fn has_more(&self) -> bool {
        self.more
    }

    /// Inflates a piece of what waits and gives it to `take`; returns how many bytes it was.
    ///
    /// After an error nothing more comes out.
    pub(super) fn inflate(&mut self, take: &mut dyn FnMut(&[u8])) -> Result<usize, StreamError> {
        self.step(take).inspect_err(|_| {
            self.more = false;
            self.waiting = Vec::new();
        })
    }

    fn step(&mut self, take: &mut dyn FnMut(&[u8])) -> Result<usize, StreamError> {
        let mut step = [0; STEP_BYTES];
        let mut inflated = 0;
        let mut used = 0;
        while self.more && inflated < INFLATED_AT_ONCE_MAX {
            let input = self.waiting.get(used..).unwrap_or_default();
            let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self
                .inflate
                .decompress(input, &mut step, FlushDecompress::Sync)
                .map_err(|error| broken(&error.to_string()))?;
            let count = |now: u64, before: u64| usize::try_from(now - before).unwrap_or_default();
            used += count(self.inflate.total_in(), before_in);
            let made = count(self.inflate.total_out(), before_out);
            inflated += made;
            if self.inflate.total_out() > RATIO_FREE_BYTES + RATIO_MAX * self.inflate.total_in() {
                return Err(StreamError::new(StreamCondition::PolicyViolation)
                    .with_text("The stream inflates to too much"));
            }
            take(step.get(..made).unwrap_or_default());
            if status == Status::StreamEnd {
                return Err(broken("the compressed stream has ended"));
            }
            self.more = made == STEP_BYTES || (made > 0 && used < self.waiting.len());
        }
        self.waiting.drain(..used);
        if self.waiting.is_empty() {
            // An idle connection keeps no buffer beside the library's.
            self.waiting = Vec::new();
        }
        Ok(inflated)
    }

    /// What to send for a burst; the peer can inflate all of it at once.
    pub(super) fn deflate(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len() / 2 + 64);
        let begin = self.deflate.total_in();
        loop {
            let used = usize::try_from(self.deflate.total_in() - begin).unwrap_or_default();
            let rest = bytes.get(used..).unwrap_or_default();
            // Deflating memory into memory cannot fail; a burst that is cut short would break the stream by itself.
            let done = self.deflate.compress_vec(rest, &mut out, FlushCompress::Sync);
            if done.is_err() || out.len() < out.capacity() {
                return out;
            }
            out.reserve(out.len());
        }
    }
}

impl Drop for Zlib {
    fn drop(&mut self) {
        CONNECTIONS.fetch_sub(1, Ordering::Relaxed);
    }
}

fn broken(why: &str) -> StreamError {
    StreamError::new(StreamCondition::UndefinedCondition)
        .with_text(&format!("The compressed stream cannot be read: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(zlib: &mut Zlib, bytes: &[u8]) -> Result<Vec<u8>, StreamError> {
        zlib.feed(bytes);
        let mut out = Vec::new();
        while zlib.has_more() {
            let piece = zlib.inflate(&mut |bytes| out.extend_from_slice(bytes))?;
            assert!(piece < INFLATED_AT_ONCE_MAX + STEP_BYTES, "{piece}");
        }
        Ok(out)
    }

    #[test]
    fn bursts_of_any_size_come_out_at_the_other_end_at_once() {
        let (mut here, mut there) = (Zlib::new().unwrap(), Zlib::new().unwrap());
        let mut noise = 1_u32;
        for size in [0, 1, 100, STEP_BYTES, 3 * STEP_BYTES, 200_000] {
            let burst: Vec<u8> = (0..size)
                .map(|_| {
                    noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    b'a' + (noise >> 28) as u8
                })
                .collect();
            let sent = here.deflate(&burst);
            assert_eq!(all(&mut there, &sent).unwrap(), burst, "{size}");
            // Byte by byte too.
            let sent = here.deflate(&burst[..size.min(100)]);
            let got: Vec<u8> =
                sent.chunks(1).flat_map(|byte| all(&mut there, byte).unwrap()).collect();
            assert_eq!(got, burst[..size.min(100)]);
        }
        assert!(there.waiting.capacity() == 0);
    }

    #[test]
    fn a_bomb_is_defused_within_bounds() {
        let mut bomber = Zlib::new().unwrap();
        let bomb = bomber.deflate(&vec![b' '; 64 << 20]);
        assert!(bomb.len() < 128 << 10, "{}", bomb.len());
        let mut victim = Zlib::new().unwrap();
        let mut inflated = 0;
        victim.feed(&bomb);
        let error = loop {
            match victim.inflate(&mut |bytes| inflated += bytes.len()) {
                Ok(piece) => assert!(piece < INFLATED_AT_ONCE_MAX + STEP_BYTES),
                Err(error) => break error,
            }
        };
        assert_eq!(error.condition, StreamCondition::PolicyViolation);
        // Twelve megabytes of blanks are let through in pieces before the whole becomes too much; none is kept.
        assert!(inflated < 16 << 20, "{inflated}");
    }

    #[test]
    fn garbage_is_an_error_and_nothing_else() {
        assert!(all(&mut Zlib::new().unwrap(), b"<stream:stream>").is_err());
    }
}
