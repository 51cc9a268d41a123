//! One kill: the leader dies, another one is elected, the dead one comes back.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde::Serialize;
use types::Instant;

use super::clients::Clients;
use super::notebook::Notebook;
use crate::cluster::Member;
use crate::demo::stage::Stage;
use crate::operator::{Leadership, Shown};
use crate::progress::Progress;
use crate::topology::Side;

/// Somebody else leads by then, or the dead node is needed for it.
const ELECTION_DEADLINE: Duration = Duration::from_secs(5);
/// For everything that only needs a leader, or two nodes that are well.
const DEADLINE: Duration = Duration::from_secs(30);
/// Between two looks at what the clients wrote down.
const LOOK: Duration = Duration::from_millis(2);

/// What one kill cost.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Kill {
    /// The leader that died.
    pub(super) killed: &'static str,
    /// Until the other node says that it leads, in a new term. A look takes as long as the client needs
    /// to start: this is that much too long at most.
    pub(super) election_ms: f64,
    /// Until a commit is acknowledged that the dead leader cannot have agreed to: by the other node, or by
    /// any if the dead one was needed.
    pub(super) first_commit_ms: f64,
    /// Whether nobody led before the dead node was started again.
    pub(super) needed_the_dead: bool,
    /// From its new start until both nodes are ready again.
    pub(super) return_ms: f64,
}

/// Who takes part.
pub(super) struct Ring<'a> {
    pub(super) stage: &'a mut Stage,
    pub(super) clients: &'a mut Clients,
    pub(super) notebook: &'a Notebook,
    pub(super) progress: &'a Progress,
}

impl Ring<'_> {
    /// Kills the leader and brings it back.
    pub(super) fn kill(&mut self) -> anyhow::Result<Kill> {
        let (victim, before) = self.leader()?;
        let survivor = victim.other();
        let died = self.stage.clock.now();
        self.stage.cluster.kill(Member::Node(victim))?;
        let elected = self.elected(survivor, before.term, died + ELECTION_DEADLINE)?;
        let needed_the_dead = elected.is_none();
        let (elected, first_commit, started) = if let Some(elected) = elected {
            let first_commit = self.first_commit(died, elected, &[survivor])?;
            (elected, first_commit, self.start(victim)?)
        } else {
            let started = self.start(victim)?;
            let elected = self.elected_by_anybody(before.term)?;
            let first_commit = self.first_commit(died, elected, &Side::BOTH)?;
            (elected, first_commit, started)
        };
        let whole = self.whole()?;
        Ok(Kill {
            killed: victim.name(),
            election_ms: milliseconds(elected - died),
            first_commit_ms: milliseconds(first_commit - died),
            needed_the_dead,
            return_ms: milliseconds(whole - started),
        })
    }

    /// Waits until both nodes are ready, and commits are answered at both again; gives the moment of the
    /// first.
    pub(super) fn whole(&mut self) -> anyhow::Result<Instant> {
        self.stage.wait_until_ready(self.progress)?;
        let whole = self.stage.clock.now();
        let before = Side::BOTH.map(|side| self.notebook.answered(side));
        self.wait("answers to commits at both nodes", |ring| {
            let now = Side::BOTH.map(|side| ring.notebook.answered(side));
            let grown = before.iter().zip(&now).all(|(before, now)| now > before);
            Ok(grown.then_some(()))
        })?;
        Ok(whole)
    }

    /// Waits for the first commit that one of `sides` acknowledges and the dead leader cannot have.
    fn first_commit(
        &mut self,
        died: Instant,
        elected: Instant,
        sides: &[Side],
    ) -> anyhow::Result<Instant> {
        self.wait("a commit of the new leader", |ring| {
            let first = |side: &Side| ring.notebook.first_commit(*side, died, elected);
            Ok(sides.iter().filter_map(first).min())
        })
    }

    fn start(&mut self, side: Side) -> anyhow::Result<Instant> {
        let at = self.stage.clock.now();
        self.notebook.started(side, at);
        self.stage.cluster.start(Member::Node(side))?;
        Ok(at)
    }

    /// The leader that both nodes name.
    fn leader(&mut self) -> anyhow::Result<(Side, Leadership)> {
        self.wait("both nodes to name one leader", |ring| {
            let [Ok(a), Ok(b)] =
                Side::BOTH.map(|side| ring.stage.cluster.operator(side).leadership())
            else {
                return Ok(None);
            };
            let named = Side::BOTH
                .into_iter()
                .find(|side| a.leader.as_deref() == Some(side.name()));
            Ok(named.filter(|_| a == b).map(|side| (side, a)))
        })
    }

    /// Waits until `survivor` says that it leads in a later term than `before`; `None` at the deadline.
    fn elected(
        &mut self,
        survivor: Side,
        before: u64,
        deadline: Instant,
    ) -> anyhow::Result<Option<Instant>> {
        let operator = self.stage.cluster.operator(survivor);
        while self.stage.clock.now() < deadline {
            let seen = operator.leadership().context("the survivor is silent")?;
            if seen.term > before && seen.leader.as_deref() == Some(survivor.name()) {
                return Ok(Some(self.stage.clock.now()));
            }
            self.check()?;
        }
        Ok(None)
    }

    fn elected_by_anybody(&mut self, before: u64) -> anyhow::Result<Instant> {
        self.wait("any leader", |ring| {
            let seen = Side::BOTH.map(|side| ring.stage.cluster.operator(side).leadership());
            let leads = |seen: &Leadership| seen.term > before && seen.leader.is_some();
            let led = seen.iter().flatten().any(leads);
            Ok(led.then(|| ring.stage.clock.now()))
        })
    }

    fn wait<T>(
        &mut self,
        what: &str,
        mut found: impl FnMut(&mut Self) -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        let deadline = self.stage.clock.now() + DEADLINE;
        loop {
            if let Some(found) = found(self)? {
                return Ok(found);
            }
            self.check()?;
            if self.stage.clock.now() >= deadline {
                bail!("still waiting after {DEADLINE:?} for {what}");
            }
            std::thread::sleep(LOOK);
        }
    }

    fn check(&mut self) -> anyhow::Result<()> {
        self.stage.cluster.check_running()?;
        self.clients.check()
    }
}

/// Waits until both nodes run the same, with everybody silent; gives what it is.
pub(super) fn settled(stage: &mut Stage) -> anyhow::Result<Vec<(Side, Shown)>> {
    let deadline = stage.clock.now() + DEADLINE;
    loop {
        stage.cluster.check_running()?;
        let shown = Side::BOTH.map(|side| stage.cluster.operator(side).config());
        if let [Ok(a), Ok(b)] = shown
            && a == b
        {
            return Ok(vec![(Side::A, a), (Side::B, b)]);
        }
        ensure!(
            stage.clock.now() < deadline,
            "the nodes do not run the same {DEADLINE:?} after the last commit"
        );
        std::thread::sleep(LOOK);
    }
}

fn milliseconds(span: Duration) -> f64 {
    span.as_secs_f64() * 1_000.0
}
