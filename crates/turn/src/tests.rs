//! Tests of the door in process.
