"""Black-box test harness: a server under test, raw XMPP streams, real clients."""
