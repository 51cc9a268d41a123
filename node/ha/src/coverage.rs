//! May this node say of a packet that nobody knows its session?
//!
//! A connection that is not in the table of a node that has just become active may well stand in the
//! cluster's: its record is on its way, or lies on the other side of a cut that has just healed. A
//! reset would kill it for good, silence only makes its sender try again. So a node that forwards
//! earns the right to judge: it must have been active, in touch with the state group and up to date,
//! all without a break for [`SETTLING`].

use core::time::Duration;

use types::{Coverage, Instant};

/// How long everything must have been well. A member that returns learns from the first heartbeat that
/// there is a leader, but only from what follows how much it has missed.
pub const SETTLING: Duration = Duration::from_secs(2);

/// The other node.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Peer {
    /// The cluster has one node.
    None,
    /// It is heard on no HA link.
    Silent,
    /// It is heard.
    Heard,
}

/// What the judgement depends on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Facts {
    /// Who else could know sessions.
    pub peer: Peer,
    /// Whether this node forwards.
    pub active: bool,
    /// Whether the state group has a leader and everything committed is applied here.
    pub state_current: bool,
}

/// Remembers since when all is well.
#[derive(Clone, Copy, Debug, Default)]
pub struct Judge {
    /// There is somebody whose sessions this node could miss, or there was and it has not settled since.
    had_peer: bool,
    well_since: Option<Instant>,
}

impl Judge {
    /// The judgement at `now`.
    pub fn judge(&mut self, facts: Facts, now: Instant) -> Coverage {
        let coverage = self.look(facts, now);
        if facts.peer != Peer::None {
            self.had_peer = true;
            return coverage;
        }
        // What a node that was removed has left behind may still be on its way.
        self.had_peer &= coverage != Coverage::Complete;
        if self.had_peer {
            coverage
        } else {
            Coverage::Complete
        }
    }

    /// The judgement of a node that is not alone. One that is keeps the time as well: a newcomer knows
    /// nothing that it does not.
    fn look(&mut self, facts: Facts, now: Instant) -> Coverage {
        if !facts.active || !facts.state_current {
            self.well_since = None;
            return if facts.peer == Peer::Heard || facts.state_current {
                Coverage::CatchingUp
            } else {
                Coverage::Severed
            };
        }
        let since = *self.well_since.get_or_insert(now);
        if now - since < SETTLING {
            Coverage::CatchingUp
        } else {
            Coverage::Complete
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: Facts = Facts {
        peer: Peer::Heard,
        active: true,
        state_current: true,
    };

    fn at(seconds: u64) -> Instant {
        Instant::START + Duration::from_secs(seconds)
    }

    #[test]
    fn a_node_alone_knows_everything_from_the_first_packet() {
        let alone = Facts {
            peer: Peer::None,
            state_current: false,
            ..WELL
        };
        assert_eq!(Judge::default().judge(alone, at(0)), Coverage::Complete);
    }

    #[test]
    fn a_newcomer_does_not_unsettle_who_was_alone() {
        let mut judge = Judge::default();
        let alone = Facts {
            peer: Peer::None,
            ..WELL
        };
        judge.judge(alone, at(0));
        assert_eq!(judge.judge(alone, at(5)), Coverage::Complete);
        assert_eq!(judge.judge(WELL, at(6)), Coverage::Complete);
    }

    #[test]
    fn what_a_removed_node_has_left_is_awaited_once() {
        let mut judge = Judge::default();
        let standby = Facts {
            active: false,
            ..WELL
        };
        judge.judge(standby, at(0));
        // The active node was removed, and this one takes over.
        let alone = Facts {
            peer: Peer::None,
            ..WELL
        };
        assert_eq!(judge.judge(alone, at(1)), Coverage::CatchingUp);
        assert_eq!(judge.judge(alone, at(3)), Coverage::Complete);
        let without_state = Facts {
            state_current: false,
            ..alone
        };
        assert_eq!(judge.judge(without_state, at(4)), Coverage::Complete);
    }

    #[test]
    fn a_new_active_node_settles_first() {
        let mut judge = Judge::default();
        let standby = Facts {
            active: false,
            ..WELL
        };
        assert_eq!(judge.judge(standby, at(0)), Coverage::CatchingUp);
        assert_eq!(judge.judge(WELL, at(10)), Coverage::CatchingUp);
        assert_eq!(judge.judge(WELL, at(11)), Coverage::CatchingUp);
        assert_eq!(judge.judge(WELL, at(12)), Coverage::Complete);
    }

    #[test]
    fn a_healed_cut_begins_the_settling_anew() {
        let mut judge = Judge::default();
        judge.judge(WELL, at(0));
        assert_eq!(judge.judge(WELL, at(2)), Coverage::Complete);
        let cut_off = Facts {
            peer: Peer::Silent,
            state_current: false,
            ..WELL
        };
        assert_eq!(judge.judge(cut_off, at(3)), Coverage::Severed);
        let heard = Facts {
            state_current: false,
            ..WELL
        };
        assert_eq!(judge.judge(heard, at(9)), Coverage::CatchingUp);
        assert_eq!(judge.judge(WELL, at(10)), Coverage::CatchingUp);
        assert_eq!(judge.judge(WELL, at(12)), Coverage::Complete);
    }

    #[test]
    fn a_dead_peer_does_not_hold_up_the_judgement_for_ever() {
        let mut judge = Judge::default();
        // The witness and this node are a quorum.
        let with_witness = Facts {
            peer: Peer::Silent,
            ..WELL
        };
        judge.judge(with_witness, at(0));
        assert_eq!(judge.judge(with_witness, at(2)), Coverage::Complete);
    }
}
