//! XEP-0227: Portable Import/Export Format for XMPP-IM Servers, version 1.1.

mod cutter;
mod export;
mod import;

/// The namespace of version 1.0 and later.
const NS: &str = "urn:xmpp:pie:0";
/// The namespace of drafts, which old files have.
const NS_OLD: &str = "http://www.xmpp.org/extensions/xep-0227.html#ns";
/// SCRAM verifiers (§4.2).
const NS_SCRAM: &str = "urn:xmpp:pie:0#scram";
/// XInclude.
const NS_XI: &str = "http://www.w3.org/2001/XInclude";

/// Elements whose children are dealt with one by one, so that no file need fit into memory.
const CONTAINERS: [&str; 4] = ["server-data", "host", "user", "offline-messages"];
