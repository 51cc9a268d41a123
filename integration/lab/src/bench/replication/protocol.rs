//! What the measurement asks its members, one line of JSON each way.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::lag::Lag;

/// A question; each is answered by a [`Status`].
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(super) enum Question {
    /// How is it?
    Status,
    /// From now on offer this.
    Load(Offer),
}

/// What a node is offered.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub(super) struct Offer {
    /// First packets a second.
    pub(super) new_rate: u64,
    /// How many of them.
    pub(super) count: u64,
    /// Packets of known sessions a second.
    pub(super) known_rate: u64,
}

/// A member at this moment. A witness has nothing but its place in the group.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Status {
    /// The state group has a leader with a quorum.
    pub(super) healthy: bool,
    /// Who leads it.
    pub(super) leader: Option<u8>,
    /// Members whose vote counts.
    pub(super) voters: usize,
    /// Sessions in the session processors' tables.
    pub(super) sessions: u64,
    /// Equal for equal tables.
    pub(super) digest: u64,
    /// Sessions in the state group's table.
    pub(super) agreed: u64,
    /// Sessions that this node opened.
    pub(super) opened: u64,
    /// First packets that it was offered.
    pub(super) offered: u64,
    /// How long that took.
    pub(super) took_ms: f64,
    /// The longest that one of them waited to be looked at.
    pub(super) lateness_ms: f64,
    /// Packets that left.
    pub(super) sent: u64,
    /// Packets that were dropped.
    pub(super) dropped: u64,
    /// Why.
    pub(super) reasons: BTreeMap<String, u64>,
    /// Changes that wait to be agreed on.
    pub(super) pending: u64,
    /// Changes that were refused.
    pub(super) refused: u64,
    /// From first packets on the other node to this node's table.
    pub(super) lag: Lag,
}
