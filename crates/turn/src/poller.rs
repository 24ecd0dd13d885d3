//! Waits for many sockets in one task: an epoll set inside the runtime's own.
//!
//! A task that had to be woken for each relay by the runtime would either own one relay, and share its client's
//! state with others under a lock, or poll all of them each time.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{Timespec, epoll};
use tokio::io::unix::{AsyncFd, AsyncFdReadyMutGuard};

/// Sockets that one look tells of at most.
const EVENTS_MAX: usize = 64;

/// A set of sockets, each with a token.
pub(crate) struct Poller(AsyncFd<OwnedFd>);

impl Poller {
    #[expect(
        deprecated,
        reason = "the other constructor is for types that may change their descriptor"
    )]
    pub(crate) fn new() -> io::Result<Self> {
        let set = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let interest = tokio::io::Interest::READABLE;
        Ok(Self(AsyncFd::with_interest(set, interest)?))
    }

    /// Adds a socket; closing it takes it out.
    pub(crate) fn add(&self, socket: impl AsFd, token: u64) -> io::Result<()> {
        let data = epoll::EventData::new_u64(token);
        epoll::add(self.0.get_ref(), socket, data, epoll::EventFlags::IN)?;
        Ok(())
    }

    /// Waits until a socket may be read.
    pub(crate) async fn readable(&mut self) -> io::Result<Ready<'_>> {
        self.0.readable_mut().await.map(Ready)
    }
}

/// Some sockets may be readable.
pub(crate) struct Ready<'a>(AsyncFdReadyMutGuard<'a, OwnedFd>);

impl Ready<'_> {
    /// Fills in the tokens of sockets that are readable now: none when none is, and then the next wait is a real one.
    pub(crate) fn tokens(&mut self, into: &mut Vec<u64>) -> io::Result<()> {
        let mut space = [MaybeUninit::<epoll::Event>::uninit(); EVENTS_MAX];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let (events, _) = epoll::wait(self.0.get_inner(), &mut space, Some(&at_once))?;
        into.clear();
        into.extend(events.iter().map(|event| event.data.u64()));
        if into.is_empty() {
            self.0.clear_ready();
        }
        Ok(())
    }
}
