//! `mod_stream_mgmt`: the policy of stream management; the protocol itself is part of the session (XEP-0198).

use std::sync::Arc;
use std::time::Duration;

use kernel::{Generation, Module, Register, Start, Xep, xep};
use settings::audit::Check;
use settings::{Limit, Problem};
use xmpp_wire::ns;
use xmpp_wire::sm::SmReply;

use super::registry::Registry;
use super::store;
use crate::c2s::checks::STREAM_MGMT_CHECKS;

/// What happens to unacknowledged messages of a session that was not resumed in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResendOnTimeout {
    /// Each goes back to its sender with an error.
    No,
    /// Each is routed to the account again.
    Yes,
    /// As `Yes`, if the account has no other session.
    IfOffline,
}

/// The options of `mod_stream_mgmt`.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// Unacknowledged stanzas a session may have; one more ends it.
    pub max_ack_queue: usize,
    /// How long a session waits for resumption when the client does not say; zero forbids resumption.
    pub resume_timeout: Duration,
    /// The longest a client may ask for.
    pub max_resume_timeout: Duration,
    /// How long a client may take to acknowledge; `None` waits for ever.
    pub ack_timeout: Option<Duration>,
    /// What happens to messages when the wait is over.
    pub resend_on_timeout: ResendOnTimeout,
}

/// Stream management, switched on for a host.
pub(crate) struct StreamMgmt {
    policy: Arc<Policy>,
    registry: Arc<Registry>,
}

impl StreamMgmt {
    /// Stream management as a host has it now, if it is on.
    pub(crate) fn of(generation: &Generation) -> Option<Arc<Self>> {
        generation.module(Self::NAME)
    }

    /// Its policy.
    pub(crate) fn policy(&self) -> Arc<Policy> {
        self.policy.clone()
    }

    /// The sessions that can be resumed.
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }
}

impl Module for StreamMgmt {
    const NAME: &'static str = "mod_stream_mgmt";
    const ABOUT: &'static str = "Acknowledges stanzas and resumes sessions (XEP-0198)";
    const IMPLEMENTS: &'static [Xep] = &[xep(198, "1.6.3")];
    const CHECKS: &'static [Check] = STREAM_MGMT_CHECKS;
    const OPTIONS: &'static [&'static str] = &[
        "ack_timeout",
        "cache_life_time",
        "cache_size",
        "max_ack_queue",
        "max_resume_timeout",
        "resend_on_timeout",
        "resume_timeout",
    ];
    const TABLES: &'static [&'static ::store::TableSet] = &[&store::TABLES];

    fn start(start: &Start<'_, Self>) -> Result<Self, Problem> {
        let options = start.options;
        let resume_timeout = options.duration("resume_timeout").finite().unwrap_or_default();
        let max_resume_timeout = options
            .duration_if_set("max_resume_timeout")
            .and_then(Limit::finite)
            .unwrap_or(resume_timeout);
        let policy = Policy {
            max_ack_queue: count(options.limit("max_ack_queue")),
            resume_timeout: resume_timeout.min(max_resume_timeout),
            max_resume_timeout,
            ack_timeout: options.duration("ack_timeout").finite(),
            resend_on_timeout: match options.get("resend_on_timeout") {
                value if value.as_bool() == Some(true) => ResendOnTimeout::Yes,
                value if value.as_str() == Some("if_offline") => ResendOnTimeout::IfOffline,
                _ => ResendOnTimeout::No,
            },
        };
        // Sessions outlive a reload, and so must the way to find them.
        let registry =
            start.previous.map_or_else(Arc::default, |previous| previous.registry.clone());
        registry.set_bounds(
            count(options.limit("cache_size")),
            options.duration("cache_life_time").finite(),
        );
        Ok(Self { policy: Arc::new(policy), registry })
    }

    fn register(on: &mut Register<'_, Self>) {
        // COMPAT: the older version is offered first, as ejabberd does.
        on.stream_feature(SmReply::feature(ns::SM_2));
        on.stream_feature(SmReply::feature(ns::SM));
    }
}

fn count(limit: Limit<u64>) -> usize {
    limit.finite().and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX)
}
