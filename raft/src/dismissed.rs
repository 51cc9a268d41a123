//! A machine that is a member no more learns it: from the list, or from whoever it greets.

use raft_state::{Dismissal, DismissalCause};

/// How this machine ceased to be a member. There is no way back: it can only join anew.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Dismissed {
    /// Who removed it; `None` if another machine took its place.
    pub by: Option<String>,
    /// When, in seconds of Unix time.
    pub at_unix_s: u64,
}

impl From<&Dismissal> for Dismissed {
    fn from(dismissal: &Dismissal) -> Self {
        Self {
            by: match &dismissal.cause {
                DismissalCause::Removed { by } => Some(by.clone()),
                DismissalCause::Replaced => None,
            },
            at_unix_s: dismissal.at_unix_s,
        }
    }
}

impl From<proto::raft::Dismissal> for Dismissed {
    fn from(told: proto::raft::Dismissal) -> Self {
        Self {
            by: (!told.by.is_empty()).then_some(told.by),
            at_unix_s: told.at_unix_s,
        }
    }
}

impl From<Dismissed> for proto::raft::Dismissal {
    fn from(how: Dismissed) -> Self {
        Self {
            by: how.by.unwrap_or_default(),
            at_unix_s: how.at_unix_s,
        }
    }
}
