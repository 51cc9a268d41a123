//! Two nodes with two members each, 10 ms adverts, and everything that can happen between them.

#![expect(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "tests")]

mod handover;
mod pace;
mod split;
mod takeover;
mod third_party;
mod world;
