//! xmpp-wire
