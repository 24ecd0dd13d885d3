//! Known bytes, round trips, and bytes of any kind.

mod messages;
mod terms;
