//! Tests of `stanza`.
