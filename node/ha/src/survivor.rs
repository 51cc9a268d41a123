//! May this node go on without the other one?
//!
//! Two nodes have no majority once one is gone, and a node cannot tell a dead peer from a cut cable. So
//! evidence is gathered from every side, for as long as the policy says, and the weakest doubt wins:
//!
//! ```text
//!   quorum ─────────────────────────────────────────────► Settled
//!   no quorum, for less than an election takes ─────────► Waiting
//!   no quorum, policy is witness or freeze ─────────────► Frozen
//!   no quorum, policy is survive:
//!        an HA link is up, or the peer's advertisement is heard ──► Waiting, and silence begins anew
//!        silence is shorter than the hold time ───────────────────► Waiting
//!        no anchor answers: the one that is cut off may be us ────► Waiting
//!        otherwise ───────────────────────────────────────────────► Surviving, and Action::Survive
//! ```
//! Silence counts only while this node was awake to hear something: after a pause of its own (a stalled
//! machine, a busy processor) what the peer said meanwhile may still be on its way through the kernel,
//! so the pause does not count and some more time must pass.

use core::time::Duration;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use types::{Instant, Name};

mod reason;
#[cfg(test)]
mod tests;

pub use reason::{Doubt, Verdict};

/// A lack of quorum that is shorter is an election, or a disk's bad moment.
pub const PATIENCE: Duration = Duration::from_secs(2);
/// Two looks that are further apart mean that this node was not awake.
const LATE: Duration = Duration::from_millis(500);
/// After having been late: time for what waited in the kernel to be heard.
const SETTLE: Duration = Duration::from_secs(1);
/// Between two attempts to begin the next generation while the first shows no effect.
const RETRY: Duration = Duration::from_secs(2);

/// What a cluster does without a quorum.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Policy {
    /// A third member decides; whoever it does not vote for waits.
    Witness,
    /// The configuration is read-only until the peer is back or an operator confirms that it is off.
    Freeze,
    /// The node goes on alone when the evidence is complete.
    Survive {
        /// How long everything must have been silent.
        hold: Duration,
    },
}

/// One look at everything, ten times a second.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Whether the control group can agree on anything.
    pub quorum: bool,
    /// HA links on which the peer is heard.
    pub links_up: Vec<Name>,
    /// Shared interfaces on which an advertisement of the peer came since the last look, or on which it
    /// answers: a standby does not advertise.
    pub adverts_on: Vec<Name>,
    /// Every configured anchor, and whether it answered lately.
    pub anchors: Vec<(IpAddr, bool)>,
}

/// What the machine is told.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// How things are now.
    Looked(Facts),
}

/// What the shell has to do.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// The verdict is another one than before: for alarms and for operators.
    Report(Verdict),
    /// Begin the next generation of the control group, with this node alone.
    Survive {
        /// How long everything has been silent.
        silent_for: Duration,
    },
}

/// One node's judgement.
#[derive(Clone, Debug)]
pub struct Survivor {
    policy: Policy,
    verdict: Verdict,
    last_look: Option<Instant>,
    /// Since when there has been no quorum.
    lacking_since: Option<Instant>,
    /// Since when nothing of the peer has been heard.
    silent_since: Option<Instant>,
    /// When the last attempt was made.
    tried_at: Option<Instant>,
}

impl Survivor {
    /// Begins with the belief that all is well.
    pub const fn new(policy: Policy) -> Self {
        Self {
            policy,
            verdict: Verdict::Settled,
            last_look: None,
            lacking_since: None,
            silent_since: None,
            tried_at: None,
        }
    }

    /// The latest verdict.
    pub const fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// When the verdict may change although nothing else does; a look is due by then.
    pub fn next_deadline(&self) -> Option<Instant> {
        let lacking_since = self.lacking_since?;
        let patient = lacking_since + PATIENCE;
        match self.policy {
            Policy::Witness | Policy::Freeze => Some(patient),
            Policy::Survive { hold } => {
                let held = self.silent_since? + hold;
                Some(patient.max(held))
            }
        }
    }

    /// Takes a look and says what follows.
    pub fn handle(&mut self, event: Event, now: Instant) -> Vec<Action> {
        let Event::Looked(facts) = event;
        self.measure(&facts, now);
        self.last_look = Some(now);
        let verdict = self.judge(&facts, now);
        let mut actions = Vec::new();
        if !verdict.is_like(&self.verdict) {
            actions.push(Action::Report(verdict.clone()));
        }
        self.verdict = verdict;
        if self.verdict == Verdict::Surviving {
            let due = self.tried_at.is_none_or(|tried| now - tried >= RETRY);
            if let Some(since) = self.silent_since.filter(|_| due) {
                self.tried_at = Some(now);
                actions.push(Action::Survive {
                    silent_for: now - since,
                });
            }
        } else {
            self.tried_at = None;
        }
        actions
    }

    /// Keeps the two clocks: without quorum since, silent since.
    fn measure(&mut self, facts: &Facts, now: Instant) {
        self.lacking_since = if facts.quorum {
            None
        } else {
            self.lacking_since.or(Some(now))
        };
        if !facts.links_up.is_empty() || !facts.adverts_on.is_empty() {
            self.silent_since = None;
            return;
        }
        let since = self.silent_since.unwrap_or(now);
        let asleep = self.last_look.map_or(Duration::ZERO, |last| now - last);
        self.silent_since = Some(if asleep > LATE {
            self.excuse(since, asleep, now)
        } else {
            since
        });
    }

    /// The beginning of silence as it counts after having been asleep.
    fn excuse(&self, since: Instant, asleep: Duration, now: Instant) -> Instant {
        let moved = since + asleep;
        let hold = match self.policy {
            Policy::Survive { hold } => hold,
            Policy::Witness | Policy::Freeze => Duration::ZERO,
        };
        // At least so much of the hold time is still to come, however long silence has been.
        let counted = now.saturating_since(moved).min(hold.saturating_sub(SETTLE));
        Instant::from_nanos(now.as_nanos().saturating_sub(nanos(counted)))
    }

    fn judge(&self, facts: &Facts, now: Instant) -> Verdict {
        let Some(lacking_since) = self.lacking_since else {
            return Verdict::Settled;
        };
        let lacking = now - lacking_since;
        let mut doubts = Vec::new();
        if lacking < PATIENCE {
            doubts.push(Doubt::Election {
                left: PATIENCE.saturating_sub(lacking),
            });
        }
        let hold = match self.policy {
            Policy::Witness | Policy::Freeze if !doubts.is_empty() => {
                return Verdict::Waiting(doubts);
            }
            Policy::Witness | Policy::Freeze => return Verdict::Frozen,
            Policy::Survive { hold } => hold,
        };
        let heard = |name: &Name| Doubt::PeerHeard { on: name.clone() };
        doubts.extend(facts.links_up.iter().map(heard));
        doubts.extend(facts.adverts_on.iter().map(heard));
        let silent = self
            .silent_since
            .map_or(Duration::ZERO, |since| now - since);
        if silent < hold {
            doubts.push(Doubt::Hold {
                left: hold.saturating_sub(silent),
            });
        }
        if !facts.anchors.iter().any(|(_, answers)| *answers) {
            doubts.push(Doubt::NoAnchor);
        }
        if doubts.is_empty() {
            Verdict::Surviving
        } else {
            Verdict::Waiting(doubts)
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
