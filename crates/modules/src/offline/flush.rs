//! Delivery of what was kept: a message leaves the spool only when somebody else has it for good.
//!
//! One flush at a time runs for an account. Each message goes out with a receipt ([`SpoolRow`]) that deletes its row in
//! the transaction which makes it durable elsewhere, or once it was written to the client. What comes back because
//! the session died keeps its row.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::store::{Store, StoreError, Tx};
use kernel::{
    Acceptance, Delivery, Kernel, MessagesHeld, Receipt, Refused, SessionHandle, message_targets,
};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use xmpp_wire::Stanza;

use super::store::{self, Owner, Row};

/// Messages on the way to a client at a time.
const PAGE_COUNT_MAX: usize = 500;
/// Bytes of messages on the way to a client at a time; one message more may be on its way.
const PAGE_BYTES_MAX: usize = 1 << 20;

/// Time between looks at a mailbox that has no room.
const ROOM_INTERVAL: Duration = Duration::from_millis(50);

/// What is on its way, for all accounts of a host. It outlives reloads.
#[derive(Default)]
pub(super) struct Spool {
    accounts: Mutex<HashMap<Owner, Moving>>,
    /// Sessions that read their messages by XEP-0013 and get none unasked.
    flexible: Mutex<BTreeSet<u64>>,
}

/// The messages of one account that are on their way; bounded by the page.
#[derive(Default)]
struct Moving {
    flushing: bool,
    /// Another flush was asked for meanwhile.
    again: bool,
    rows: BTreeSet<i64>,
    /// The number of the message that was last put before all others while any were on their way.
    first: Option<i64>,
    /// New messages of the sessions that are flushed to, by session number, go behind the stored ones.
    held: BTreeMap<u64, MessagesHeld>,
}

impl Moving {
    fn hold(&mut self, session: &Arc<SessionHandle>) {
        self.held.entry(session.number()).or_insert_with(|| session.hold_messages());
    }
}

impl Spool {
    pub(super) fn set_flexible(&self, session: &SessionHandle) {
        self.flexible.lock().insert(session.number());
    }

    pub(super) fn forget_session(&self, session: &SessionHandle) {
        self.flexible.lock().remove(&session.number());
    }

    /// Delivers what an account has, if it has a session that takes messages.
    ///
    /// New messages for that session wait from now on. The stored ones are sent once those of a session that has ended
    /// are among them.
    pub(super) fn flush(self: &Arc<Self>, kernel: &Kernel, owner: &Owner) {
        let Some(target) = self.target(kernel, owner) else { return };
        {
            let mut accounts = self.accounts.lock();
            let moving = accounts.entry(owner.clone()).or_default();
            moving.hold(&target);
            if std::mem::replace(&mut moving.flushing, true) {
                moving.again = true;
                return;
            }
        }
        let flush = Flush {
            spool: self.clone(),
            kernel: kernel.clone(),
            owner: owner.clone(),
            finished: false,
        };
        kernel.tasks().spawn("offline-flush", flush.run());
    }

    /// The session that a message to the bare JID would go to.
    fn target(&self, kernel: &Kernel, owner: &Owner) -> Option<Arc<SessionHandle>> {
        let mut sessions = kernel.sessions().of(&owner.account());
        let flexible = self.flexible.lock();
        sessions.retain(|session| !flexible.contains(&session.number()));
        message_targets(&sessions, false).pop()
    }

    fn moving(&self, owner: &Owner) -> BTreeSet<i64> {
        self.accounts.lock().get(owner).map(|moving| moving.rows.clone()).unwrap_or_default()
    }

    fn hold(&self, owner: &Owner, target: &Arc<SessionHandle>) {
        self.accounts.lock().entry(owner.clone()).or_default().hold(target);
    }

    /// A message was put before all others.
    pub(super) fn put_first(&self, owner: &Owner, seq: i64) {
        if let Some(moving) = self.accounts.lock().get_mut(owner) {
            moving.first = Some(seq);
        }
    }

    fn claim(&self, owner: &Owner, seq: i64) {
        self.accounts.lock().entry(owner.clone()).or_default().rows.insert(seq);
    }

    fn release(&self, owner: &Owner, seq: i64) {
        let mut accounts = self.accounts.lock();
        let Some(moving) = accounts.get_mut(owner) else { return };
        moving.rows.remove(&seq);
        if moving.rows.is_empty() && !moving.flushing {
            accounts.remove(owner);
        }
    }

    fn look_again(&self, owner: &Owner) {
        if let Some(moving) = self.accounts.lock().get_mut(owner) {
            moving.again = true;
        }
    }

    /// Ends a flush, unless another one was asked for, which it says. A flush that is `cut_off` ends in any case.
    fn finished(&self, owner: &Owner, cut_off: bool) -> bool {
        let mut accounts = self.accounts.lock();
        let Some(moving) = accounts.get_mut(owner) else { return false };
        if std::mem::take(&mut moving.again) && !cut_off {
            return true;
        }
        moving.flushing = false;
        let held = std::mem::take(&mut moving.held);
        if moving.rows.is_empty() {
            accounts.remove(owner);
        }
        drop(accounts);
        drop(held);
        false
    }

    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.accounts.lock().is_empty()
    }
}

struct Flush {
    spool: Arc<Spool>,
    kernel: Kernel,
    owner: Owner,
    finished: bool,
}

impl Drop for Flush {
    /// A flush that is cut off, by a bug or because the server stops, holds nobody's messages back.
    fn drop(&mut self) {
        if !self.finished {
            self.spool.finished(&self.owner, true);
        }
    }
}

impl Flush {
    /// The session that gets the messages now. What is new waits behind them.
    ///
    /// None as well while older ones are on their way to the spool; then everything is looked at again.
    fn target(&self) -> Option<Arc<SessionHandle>> {
        let target = self.spool.target(&self.kernel, &self.owner)?;
        self.spool.hold(&self.owner, &target);
        if self.kernel.is_in_probate(&self.owner.account()) {
            self.spool.look_again(&self.owner);
            return None;
        }
        Some(target)
    }

    async fn run(mut self) {
        loop {
            self.kernel.probate_over(&self.owner.account()).await;
            if let Err(error) = self.pages().await {
                tracing::error!(user = %self.owner.user, host = %self.owner.host, %error, "offline messages could not be read; they stay stored");
            }
            self.finished = !self.spool.finished(&self.owner, false);
            if self.finished {
                return;
            }
        }
    }

    async fn pages(&self) -> Result<(), StoreError> {
        let mut after = i64::MIN;
        loop {
            // Taken before the rows are read: what was on its way then may be gone by now, although it is read.
            let moving = self.spool.moving(&self.owner);
            let owner = self.owner.clone();
            let Some((count, bytes)) = self.page_size().await else { return Ok(()) };
            let read = self
                .kernel
                .store()
                .read(move |query| store::page(query, &owner, after, count, bytes));
            let (rows, last) = read.await?;
            let Some(end) = rows.last() else { return Ok(()) };
            after = end.seq;
            let (page, done) = Page::new(self);
            for row in rows {
                if !moving.contains(&row.seq) && !self.deliver(&page, row) {
                    return Ok(());
                }
            }
            drop(page);
            if last {
                return Ok(());
            }
            // The sender is dropped with the last message of the page, which is what is waited for.
            drop(done.await);
        }
    }

    /// How much goes out at a time: what is free in the half of the session's mailbox that is not left to what is new.
    ///
    /// A page that does not fit would end the session, and the next one by the next flush. It waits for a session that
    /// has other things to read first, and ends with it.
    async fn page_size(&self) -> Option<(usize, usize)> {
        loop {
            let session = self.target()?;
            let mailbox = session.mailbox();
            let bounds = mailbox.bounds();
            let half = PAGE_COUNT_MAX.min(bounds.count_max / 2).max(1);
            let count = half.saturating_sub(mailbox.ready_len());
            if count > 0 {
                return Some((count, PAGE_BYTES_MAX.min(bounds.bytes_max / 2).max(1)));
            }
            drop(session);
            tokio::time::sleep(ROOM_INTERVAL).await;
        }
    }

    /// Hands one message out; says whether the flush goes on.
    fn deliver(&self, page: &Arc<Page>, row: Row) -> bool {
        let seq = row.seq;
        let stanza = match Stanza::parse(row.xml.as_bytes()) {
            Ok(stanza) => stanza,
            Err(error) => {
                tracing::error!(user = %self.owner.user, host = %self.owner.host, seq, %error, "an offline message cannot be read; it stays stored");
                return true;
            }
        };
        self.spool.claim(&self.owner, seq);
        let receipt =
            Receipt::new(SpoolRow { page: page.clone(), seq, kept: AtomicBool::new(false) });
        let mut delivery = Delivery { stanza, receipt: Some(receipt) };
        // A session may end at any moment, and is no target then; one that does not read ends soon.
        while let Some(session) = self.target() {
            match session.mailbox().push_ahead(delivery) {
                Ok(()) => return true,
                Err((refused, back)) => {
                    delivery = back;
                    if refused == Refused::Full {
                        break;
                    }
                }
            }
        }
        SpoolRow::keep(&delivery);
        false
    }
}

/// Messages that are on their way together.
struct Page {
    spool: Arc<Spool>,
    store: Store,
    owner: Owner,
    _done: oneshot::Sender<()>,
}

impl Page {
    fn new(flush: &Flush) -> (Arc<Self>, oneshot::Receiver<()>) {
        let (done, waiting) = oneshot::channel();
        let page = Self {
            spool: flush.spool.clone(),
            store: flush.kernel.store().clone(),
            owner: flush.owner.clone(),
            _done: done,
        };
        (Arc::new(page), waiting)
    }
}

/// The receipt of a message that is on its way out of the spool.
pub(super) struct SpoolRow {
    page: Arc<Page>,
    seq: i64,
    kept: AtomicBool,
}

impl SpoolRow {
    /// Makes a message stay in the spool if it comes from there; says whether it does.
    pub(super) fn keep(delivery: &Delivery) -> bool {
        let row = Self::of(delivery);
        row.inspect(|row| row.kept.store(true, Ordering::Release)).is_some()
    }

    fn of(delivery: &Delivery) -> Option<&Self> {
        delivery.receipt.as_ref().and_then(Receipt::acceptance::<Self>)
    }

    /// The number of a message from the spool which others that are newer were put before.
    pub(super) fn out_of_place(delivery: &Delivery) -> Option<i64> {
        let row = Self::of(delivery)?;
        let accounts = row.page.spool.accounts.lock();
        let first = accounts.get(&row.page.owner)?.first?;
        (first < row.seq).then_some(row.seq)
    }
}

impl Acceptance for SpoolRow {
    fn abandoned(&self) {
        // Its row stays, and goes out again with the next flush.
        self.page.spool.release(&self.page.owner, self.seq);
    }

    fn record(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        store::delete(tx, &self.page.owner, self.seq).map(drop)
    }

    fn handled(&self) {
        let (page, seq) = (self.page.clone(), self.seq);
        if self.kept.load(Ordering::Acquire) {
            page.spool.release(&page.owner, seq);
            return;
        }
        let owner = page.owner.clone();
        let store = page.store.clone();
        // The row counts as on its way until it is gone, so that nobody reads it once more.
        let done = move |result: Result<::store::Committed<bool>, StoreError>| {
            page.spool.release(&page.owner, seq);
            if let Err(error) = result {
                tracing::error!(user = %page.owner.user, seq, %error, "a delivered offline message could not be deleted and will be delivered again");
            }
        };
        let page = self.page.clone();
        if let Err(error) = store.write_then(move |tx| store::delete(tx, &owner, seq), done) {
            page.spool.release(&page.owner, seq);
            tracing::error!(user = %page.owner.user, seq, %error, "a delivered offline message could not be deleted and will be delivered again");
        }
    }
}
