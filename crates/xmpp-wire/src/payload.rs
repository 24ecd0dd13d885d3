//! Payloads that several extensions share. Each file reads and writes one; meaning and policy are their owners'.

pub mod carbons;
pub mod chat_states;
pub mod delay;
pub mod disco;
pub mod forms;
pub mod forward;
pub mod hints;
pub mod rsm;
pub mod stanza_id;
pub mod vcard;

#[cfg(test)]
mod tests;
