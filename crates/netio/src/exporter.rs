//! Channel binding data of type `tls-exporter` (RFC 9266).
//!
//! The TLS library's connections without buffers have no function for exported keys. They hand the exporter secret, and
//! nothing else, to a key log that asks for it; what RFC 8446 §7.5 makes of it is done here with the library's own HKDF.

use std::cell::RefCell;

use rustls::crypto::tls13::OkmBlock;
use rustls::{KeyLog, SupportedCipherSuite};

/// The label of RFC 9266 §2.
const LABEL: &[u8] = b"EXPORTER-Channel-Binding";

/// What the library calls the secret (NSS key log format).
const SECRET: &str = "EXPORTER_SECRET";

thread_local! {
    /// The secret of the handshake that this thread's library call has just taken a step in.
    static LAST: RefCell<Option<OkmBlock>> = const { RefCell::new(None) };
}

/// Keeps the exporter secret for [`take_secret`]; part of every configuration.
#[derive(Debug)]
pub(crate) struct ExporterSecrets;

impl KeyLog for ExporterSecrets {
    fn will_log(&self, label: &str) -> bool {
        label == SECRET
    }

    fn log(&self, label: &str, _: &[u8], secret: &[u8]) {
        if label == SECRET {
            LAST.set(Some(OkmBlock::new(secret)));
        }
    }
}

/// The secret that came up in the library call before, on this thread; it is overwritten with zeros when dropped.
pub(crate) fn take_secret() -> Option<OkmBlock> {
    LAST.take()
}

/// The 32 bytes of RFC 9266 §2; `None` for a suite of TLS 1.2.
pub(crate) fn channel_binding(secret: &OkmBlock, suite: SupportedCipherSuite) -> Option<[u8; 32]> {
    let suite = suite.tls13()?;
    let empty = suite.common.hash_provider.hash(&[]);
    let (hkdf, empty) = (suite.hkdf_provider, empty.as_ref());
    let own = hkdf.expander_for_okm(secret);
    let derived = own.expand_block(&[&info(LABEL, empty, own.hash_len())?]);
    let mut binding = [0; 32];
    let info = info(b"exporter", empty, binding.len())?;
    hkdf.expander_for_okm(&derived).expand_slice(&[&info], &mut binding).ok()?;
    Some(binding)
}

/// `HkdfLabel` (RFC 8446 §7.1).
fn info(label: &[u8], context: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut info = u16::try_from(length).ok()?.to_be_bytes().to_vec();
    info.push(u8::try_from(label.len() + 6).ok()?);
    info.extend_from_slice(b"tls13 ");
    info.extend_from_slice(label);
    info.push(u8::try_from(context.len()).ok()?);
    info.extend_from_slice(context);
    Some(info)
}
