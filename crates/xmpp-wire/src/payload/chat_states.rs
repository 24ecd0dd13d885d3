//! XEP-0085 Chat State Notifications: telling them from messages with content.

use crate::{Stanza, ns};

/// The state that a message carries.
pub fn state(message: &Stanza) -> Option<&str> {
    message.children().find(|child| child.ns() == ns::CHAT_STATES).map(|child| child.name())
}

/// Whether a message carries a chat state and nothing else but a thread and processing hints: it is not worth
/// storing (XEP-0160 §3) or waking anybody for (XEP-0352).
pub fn is_standalone(message: &Stanza) -> bool {
    state(message).is_some()
        && message.children().all(|child| {
            matches!(child.ns(), ns::CHAT_STATES | ns::HINTS | ns::STANZA_ID)
                || child.is("thread", ns::CLIENT)
        })
}
