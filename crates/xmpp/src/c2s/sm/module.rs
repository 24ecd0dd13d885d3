//! `mod_stream_mgmt`: the policy of stream management; the protocol itself is part of the session (XEP-0198).

use std::sync::Arc;
use std::time::Duration;

use kernel::{Module, Register, Start, Xep, xep};
use settings::Problem;

use super::store;

/// What happens to unacknowledged messages of a session that was not resumed in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResendOnTimeout {
    /// Each goes back to its sender with an error.
    No,
    /// Each is routed to the account again.
    Yes,
    /// As `Yes`, if the account has no other session.
    IfOffline,
}

/// The options of `mod_stream_mgmt`.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Unacknowledged stanzas a session may have; `None` is no bound of its own.
    pub max_ack_queue: Option<usize>,
    /// How long a session waits for resumption when the client does not say; zero forbids resumption.
    pub resume_timeout: Duration,
    /// The longest a client may ask for.
    pub max_resume_timeout: Duration,
    /// How long a client may take to acknowledge; `None` waits for ever.
    pub ack_timeout: Option<Duration>,
    /// What happens to messages when the wait is over.
    pub resend_on_timeout: ResendOnTimeout,
    /// How long the counter of an ended session is remembered.
    pub cache_life_time: Option<Duration>,
    /// How many counters of ended sessions are remembered.
    pub cache_size: usize,
}

/// Stream management, switched on for a host.
pub struct StreamMgmt(Arc<Policy>);

impl StreamMgmt {
    /// Its policy.
    pub fn policy(&self) -> Arc<Policy> {
        self.0.clone()
    }
}

impl Module for StreamMgmt {
    const NAME: &'static str = "mod_stream_mgmt";
    const ABOUT: &'static str = "Acknowledges stanzas and resumes sessions (XEP-0198)";
    const IMPLEMENTS: &'static [Xep] = &[xep(198, "1.6.3")];
    const OPTIONS: &'static [&'static str] = &[
        "ack_timeout",
        "cache_life_time",
        "cache_size",
        "max_ack_queue",
        "max_resume_timeout",
        "queue_type",
        "resend_on_timeout",
        "resume_timeout",
    ];
    const TABLES: &'static [&'static ::store::TableSet] = &[&store::TABLES];

    fn start(start: &Start<'_, Self>) -> Result<Self, Problem> {
        let options = start.options;
        let seconds = |name: &str| options.limit(name).finite();
        let resume_timeout = Duration::from_secs(u64::try_from(options.int("resume_timeout")).unwrap_or(0));
        Ok(Self(Arc::new(Policy {
            max_ack_queue: options.count_limit("max_ack_queue"),
            resume_timeout,
            max_resume_timeout: Duration::ZERO,
            ack_timeout: seconds("ack_timeout"),
            resend_on_timeout: match options.text("resend_on_timeout") {
                Some("true") => ResendOnTimeout::Yes,
                Some("if_offline") => ResendOnTimeout::IfOffline,
                _ => ResendOnTimeout::No,
            },
            cache_life_time: seconds("cache_life_time"),
            cache_size: 0,
        })))
    }

    fn register(on: &mut Register<'_, Self>) {
        on.stream_feature(xmlstream::Element::new("sm", xmpp_wire::ns::SM));
    }
}
