//! Accounts in scratch stores.
