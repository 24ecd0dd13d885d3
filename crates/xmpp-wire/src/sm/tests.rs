//! Tests of `sm`.
