//! The subscription state machine of one roster item: RFC 6121 appendix A and the pre-approvals of §3.4.

use kernel::contracts::Subscription;
use xmpp_wire::PresenceType;

/// A stanza about a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// The sender asks to see the recipient's presence.
    Subscribe,
    /// The sender lets the recipient see its presence.
    Subscribed,
    /// The sender no longer wants to see the recipient's presence.
    Unsubscribe,
    /// The sender no longer lets the recipient see its presence.
    Unsubscribed,
}

impl Verb {
    /// The verb of a presence, if it is about a subscription.
    pub(crate) fn of(kind: PresenceType) -> Option<Self> {
        match kind {
            PresenceType::Subscribe => Some(Self::Subscribe),
            PresenceType::Subscribed => Some(Self::Subscribed),
            PresenceType::Unsubscribe => Some(Self::Unsubscribe),
            PresenceType::Unsubscribed => Some(Self::Unsubscribed),
            PresenceType::Available
            | PresenceType::Unavailable
            | PresenceType::Probe
            | PresenceType::Error => None,
        }
    }

    /// The type of its presence.
    pub(crate) fn kind(self) -> PresenceType {
        match self {
            Self::Subscribe => PresenceType::Subscribe,
            Self::Subscribed => PresenceType::Subscribed,
            Self::Unsubscribe => PresenceType::Unsubscribe,
            Self::Unsubscribed => PresenceType::Unsubscribed,
        }
    }
}

/// Where an account and a contact stand (RFC 6121 §A.1), and whether the account approves in advance.
///
/// `to` excludes `pending_out`, and `from` excludes `pending_in`: nine states, each with or without approval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// The account sees the contact's presence.
    pub(crate) to: bool,
    /// The contact sees the account's presence.
    pub(crate) from: bool,
    /// The account has asked and got no answer yet.
    pub(crate) pending_out: bool,
    /// The contact has asked and got no answer yet.
    pub(crate) pending_in: bool,
    /// A request of the contact will be granted at once (§3.4).
    pub(crate) approved: bool,
}

impl State {
    /// The value of the attribute `subscription`.
    pub(crate) fn subscription(self) -> Subscription {
        match (self.to, self.from) {
            (false, false) => Subscription::None,
            (true, false) => Subscription::To,
            (false, true) => Subscription::From,
            (true, true) => Subscription::Both,
        }
    }

    /// Whether clients see a difference, which calls for a roster push. They never see `pending_in`.
    pub(crate) fn looks_different_from(self, other: Self) -> bool {
        Self { pending_in: false, ..self } != Self { pending_in: false, ..other }
    }
}

/// What becomes of a stanza that the account sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outbound {
    /// The state afterwards.
    pub(crate) next: State,
    /// Whether the contact gets the stanza.
    pub(crate) route: bool,
}

/// What becomes of a stanza that the contact sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inbound {
    /// The state afterwards.
    pub(crate) next: State,
    /// Whether the account's clients get the stanza.
    pub(crate) deliver: bool,
    /// What the server answers in the account's name.
    pub(crate) reply: Option<Verb>,
}

/// A stanza that the account sends (RFC 6121 §A.2).
pub(crate) fn outbound(state: State, verb: Verb) -> Outbound {
    match verb {
        Verb::Subscribe => {
            Outbound { next: State { pending_out: !state.to, ..state }, route: true }
        }
        Verb::Unsubscribe => {
            Outbound { next: State { to: false, pending_out: false, ..state }, route: true }
        }
        Verb::Subscribed if state.pending_in => {
            Outbound { next: State { from: true, pending_in: false, ..state }, route: true }
        }
        Verb::Subscribed if state.from => Outbound { next: state, route: false },
        Verb::Subscribed => Outbound { next: State { approved: true, ..state }, route: false },
        Verb::Unsubscribed => {
            let next = State { from: false, pending_in: false, approved: false, ..state };
            Outbound { next, route: state.from || state.pending_in }
        }
    }
}

/// A stanza that the contact sent (RFC 6121 §A.3).
pub(crate) fn inbound(state: State, verb: Verb) -> Inbound {
    match verb {
        // §3.1.3: the contact has forgotten that it may; it is told again.
        Verb::Subscribe if state.from => {
            Inbound { next: state, deliver: false, reply: Some(Verb::Subscribed) }
        }
        Verb::Subscribe if state.approved => {
            let next = State { from: true, pending_in: false, ..state };
            Inbound { next, deliver: false, reply: Some(Verb::Subscribed) }
        }
        Verb::Subscribe => {
            let next = State { pending_in: true, ..state };
            Inbound { next, deliver: !state.pending_in, reply: None }
        }
        Verb::Unsubscribe => {
            let next = State { from: false, pending_in: false, ..state };
            Inbound { next, deliver: state.from || state.pending_in, reply: None }
        }
        Verb::Subscribed if state.pending_out => {
            let next = State { to: true, pending_out: false, ..state };
            Inbound { next, deliver: true, reply: None }
        }
        Verb::Subscribed => Inbound { next: state, deliver: false, reply: None },
        Verb::Unsubscribed => {
            let next = State { to: false, pending_out: false, ..state };
            Inbound { next, deliver: state.to || state.pending_out, reply: None }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The nine states by the names of appendix A.1, abbreviated.
    fn named(name: &str) -> State {
        let none = State::default();
        match name {
            "none" => none,
            "none+out" => State { pending_out: true, ..none },
            "none+in" => State { pending_in: true, ..none },
            "none+out+in" => State { pending_out: true, pending_in: true, ..none },
            "to" => State { to: true, ..none },
            "to+in" => State { to: true, pending_in: true, ..none },
            "from" => State { from: true, ..none },
            "from+out" => State { from: true, pending_out: true, ..none },
            "both" => State { to: true, from: true, ..none },
            other => panic!("{other} is no state"),
        }
    }

    const STATES: [&str; 9] =
        ["none", "none+out", "none+in", "none+out+in", "to", "to+in", "from", "from+out", "both"];

    /// A row of §A.2: the state, whether to route, the next state (`-`: no change), whether to push.
    type Row = (&'static str, bool, &'static str, bool);

    fn check(rows: [Row; 9], step: impl Fn(State) -> (State, bool)) {
        for ((state, passes, next, push), expected) in rows.into_iter().zip(STATES) {
            assert_eq!(state, expected, "a table has all states in order");
            let before = named(state);
            let (after, passed) = step(before);
            let wanted = if next == "-" { before } else { named(next) };
            assert_eq!(State { approved: false, ..after }, wanted, "from {state}");
            assert_eq!(passed, passes, "routed or delivered in {state}");
            let looks = State { approved: false, ..after }.looks_different_from(before);
            assert_eq!(looks, push, "pushed in {state}");
        }
    }

    fn check_out(verb: Verb, rows: [Row; 9]) {
        check(rows, |state| {
            let Outbound { next, route } = outbound(state, verb);
            (next, route)
        });
    }

    fn check_in(verb: Verb, rows: [Row; 9]) {
        check(rows, |state| {
            let Inbound { next, deliver, .. } = inbound(state, verb);
            (next, deliver)
        });
    }

    #[test]
    fn outbound_subscribe_is_a_2_1() {
        check_out(
            Verb::Subscribe,
            [
                ("none", true, "none+out", true),
                ("none+out", true, "-", false),
                ("none+in", true, "none+out+in", true),
                ("none+out+in", true, "-", false),
                ("to", true, "-", false),
                ("to+in", true, "-", false),
                ("from", true, "from+out", true),
                ("from+out", true, "-", false),
                ("both", true, "-", false),
            ],
        );
    }

    #[test]
    fn outbound_unsubscribe_is_a_2_2() {
        check_out(
            Verb::Unsubscribe,
            [
                ("none", true, "-", false),
                ("none+out", true, "none", true),
                ("none+in", true, "-", false),
                ("none+out+in", true, "none+in", true),
                ("to", true, "none", true),
                ("to+in", true, "none+in", true),
                ("from", true, "-", false),
                ("from+out", true, "from", true),
                ("both", true, "from", true),
            ],
        );
    }

    #[test]
    fn outbound_subscribed_is_a_2_3() {
        check_out(
            Verb::Subscribed,
            [
                ("none", false, "-", false),
                ("none+out", false, "-", false),
                ("none+in", true, "from", true),
                ("none+out+in", true, "from+out", true),
                ("to", false, "-", false),
                ("to+in", true, "both", true),
                ("from", false, "-", false),
                ("from+out", false, "-", false),
                ("both", false, "-", false),
            ],
        );
    }

    #[test]
    fn outbound_unsubscribed_is_a_2_4() {
        check_out(
            Verb::Unsubscribed,
            [
                ("none", false, "-", false),
                ("none+out", false, "-", false),
                ("none+in", true, "none", false),
                ("none+out+in", true, "none+out", false),
                ("to", false, "-", false),
                ("to+in", true, "to", false),
                ("from", true, "none", true),
                ("from+out", true, "none+out", true),
                ("both", true, "to", true),
            ],
        );
    }

    #[test]
    fn inbound_subscribe_is_a_3_1() {
        check_in(
            Verb::Subscribe,
            [
                ("none", true, "none+in", false),
                ("none+out", true, "none+out+in", false),
                ("none+in", false, "-", false),
                ("none+out+in", false, "-", false),
                ("to", true, "to+in", false),
                ("to+in", false, "-", false),
                ("from", false, "-", false),
                ("from+out", false, "-", false),
                ("both", false, "-", false),
            ],
        );
        for state in STATES {
            let reply = inbound(named(state), Verb::Subscribe).reply;
            assert_eq!(reply, named(state).from.then_some(Verb::Subscribed), "reply in {state}");
        }
    }

    #[test]
    fn inbound_unsubscribe_is_a_3_2() {
        check_in(
            Verb::Unsubscribe,
            [
                ("none", false, "-", false),
                ("none+out", false, "-", false),
                ("none+in", true, "none", false),
                ("none+out+in", true, "none+out", false),
                ("to", false, "-", false),
                ("to+in", true, "to", false),
                ("from", true, "none", true),
                ("from+out", true, "none+out", true),
                ("both", true, "to", true),
            ],
        );
    }

    #[test]
    fn inbound_subscribed_is_a_3_3() {
        check_in(
            Verb::Subscribed,
            [
                ("none", false, "-", false),
                ("none+out", true, "to", true),
                ("none+in", false, "-", false),
                ("none+out+in", true, "to+in", true),
                ("to", false, "-", false),
                ("to+in", false, "-", false),
                ("from", false, "-", false),
                ("from+out", true, "both", true),
                ("both", false, "-", false),
            ],
        );
    }

    #[test]
    fn inbound_unsubscribed_is_a_3_4() {
        check_in(
            Verb::Unsubscribed,
            [
                ("none", false, "-", false),
                ("none+out", true, "none", true),
                ("none+in", false, "-", false),
                ("none+out+in", true, "none+in", true),
                ("to", true, "none", true),
                ("to+in", true, "none+in", true),
                ("from", false, "-", false),
                ("from+out", true, "from", true),
                ("both", true, "from", true),
            ],
        );
    }

    #[test]
    fn pre_approval_is_noted_used_and_cancelled() {
        for state in ["none", "none+out", "to"] {
            let before = named(state);
            let approved = outbound(before, Verb::Subscribed).next;
            assert_eq!(approved, State { approved: true, ..before });
            assert!(approved.looks_different_from(before), "§3.4.2 asks for a push");
            let asked = inbound(approved, Verb::Subscribe);
            assert!(asked.next.from && !asked.next.pending_in && !asked.deliver, "in {state}");
            assert_eq!(asked.reply, Some(Verb::Subscribed));
            let cancelled = outbound(approved, Verb::Unsubscribed);
            assert_eq!((cancelled.next, cancelled.route), (before, false), "in {state}");
        }
        for state in ["none+in", "none+out+in", "to+in", "from", "from+out", "both"] {
            assert!(!outbound(named(state), Verb::Subscribed).next.approved, "in {state}");
        }
        // Who takes the permission back does not want to give it again by itself.
        let granted = inbound(State { approved: true, ..named("none") }, Verb::Subscribe).next;
        assert!(!outbound(granted, Verb::Unsubscribed).next.approved);
    }
}
