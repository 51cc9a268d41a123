//! What the machine is told and asked, and what it says.

use serde::{Deserialize, Serialize};

use crate::control::lineage::{ControlLineage, Standing};

/// "I would yield to you; do you stand higher than this?"
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// Which freeze of the asking node this is; never used again.
    pub ask: u64,
    /// How the asking node stands, for good.
    pub standing: Standing,
}

/// What the other node says to a [`Question`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// It stands higher, and will not yield to the asking node any more.
    Accepted,
    /// The asking node stands higher: it goes on.
    Refused,
    /// It cannot say yet: it does not lead its group at the moment, or there is nothing to settle.
    NotNow,
}

/// What the machine is told.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// This node leads its group and this is agreed on; `None` while it does not lead.
    Committed(Option<u64>),
    /// This node takes part in another lineage now.
    Moved(ControlLineage),
    /// The other node says how it stands.
    Heard(Standing),
    /// The other node says that it takes part in nothing: it has an empty disk.
    Unopposed,
    /// Nothing is proposed any more, and nothing is under way: this is the final figure.
    Closed {
        /// Index of the last entry that is agreed on.
        committed: u64,
    },
    /// The other node asks.
    Asked(Question),
    /// The other node answered.
    Answered {
        /// The freeze that was asked about.
        ask: u64,
        /// What it says.
        answer: Answer,
    },
    /// Time passes.
    Tick,
}

/// What the shell has to do.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// Take no more proposals; say [`Event::Closed`] when none is under way.
    Close,
    /// Take proposals again.
    Open,
    /// Ask the other node.
    Ask(Question),
    /// Answer the other node's question.
    Answer {
        /// Its freeze.
        ask: u64,
        /// What to say.
        answer: Answer,
    },
    /// Stop the group, put everything aside, join the other node's lineage.
    Yield {
        /// The lineage that won.
        to: ControlLineage,
    },
}
