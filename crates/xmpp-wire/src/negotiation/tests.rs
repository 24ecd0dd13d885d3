//! Tests of `negotiation`.
