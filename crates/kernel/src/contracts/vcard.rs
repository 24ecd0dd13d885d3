//! Photos of accounts: the contracts between those who keep vCards and those who tell of photos (XEP-0153).

use std::future::Future;
use std::pin::Pin;

use jid::BareJid;

use crate::Kernel;

/// What a vCard says about the photo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Photo {
    /// There is no vCard.
    NoCard,
    /// There is a vCard without photo.
    Absent,
    /// The photo is elsewhere, so nothing is known of its content.
    External,
    /// The SHA-1 of the photo in hexadecimal digits.
    Hash(String),
}

/// Reads photos.
pub trait VCards: Send + Sync {
    /// The photo of an account of this host; `None` if it cannot be read now, the reason is in the log.
    fn photo<'a>(
        &'a self,
        kernel: &'a Kernel,
        account: &'a BareJid,
    ) -> Pin<Box<dyn Future<Output = Option<Photo>> + Send + 'a>>;
}

/// Wants to know of new photos.
pub trait PhotoWatch: Send + Sync {
    /// The vCard of an account was stored.
    fn stored(&self, kernel: &Kernel, account: &BareJid, photo: Photo);
}
