//! The state group's foundations.
//!
//! The group lives in memory: when a majority of its members is gone, nobody is left who could go on.
//! Then a node begins a new one, alone, and the others join it. Which generation is the true one is
//! decided by the control group, so that there is never more than one: whoever talks of another is not
//! heard. Whatever a member still knows from the old generation it tells the new one, and merging by
//! rank makes that harmless.

use std::sync::Arc;
use std::time::Duration;

use proto::raft::HelloReply;
use raft_state::{ClusterState, ControlCommand, ControlState, Lineage};
use tokio::sync::watch;
use types::{Instant, NodeId};

use crate::changes::Hub;
use crate::group::{ControlGroup, Group, MemberId, MemoryGroup};
use crate::local::{Local, Past};
use crate::membership::{QUESTION, ask_in, found};
use crate::network::{Turn, hello, known_lives};
use crate::pending::Pending;
use crate::plan::MemberKind;
use crate::propose::Proposer;
use crate::seat::Running;
use crate::status::Health;
use crate::store::{Journal, LogStore, Machine, Observer};

/// Between two looks at how the group is.
const TICK: Duration = Duration::from_millis(50);

/// Keeps this member in the true generation of the state group.
pub(crate) struct Generations {
    pub(crate) control: Proposer<ControlGroup>,
    pub(crate) state: Proposer<MemoryGroup>,
    pub(crate) agreed: watch::Receiver<Arc<ControlState>>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) pending: Arc<Pending>,
}

/// What became of a generation.
enum End {
    /// The control group agreed on another one.
    Succeeded,
    /// It could not be run.
    Failed(String),
}

impl Generations {
    /// Runs until it is dropped, or the group can run here no more.
    pub(crate) async fn run(mut self) {
        // What this member knows and the running generation may not have been told.
        let mut carried = ClusterState::default();
        let mut lacking_since = self.now();
        loop {
            let lineage = self.agreed.borrow_and_update().lineage();
            let Some(lineage) = lineage else {
                let lacking = self.now() - lacking_since;
                self.propose_if_due(None, false, lacking).await;
                self.news().await;
                continue;
            };
            match self.take_part(lineage, &mut carried).await {
                End::Succeeded => lacking_since = self.now(),
                End::Failed(_) if self.state.seat.stopped().is_some() => return,
                End::Failed(reason) => {
                    tracing::error!(%reason, "the state group ended here");
                    self.state.seat.stop(reason);
                    return;
                }
            }
        }
    }

    fn now(&self) -> Instant {
        self.state.local.clock.now()
    }

    /// Waits for the control group to agree on something, but not for long. Cancel safe.
    async fn news(&mut self) {
        let changed = self.agreed.changed();
        // Lateness is no news for the caller, who looks anyway. The end of the control group is told at
        // once, and again each time: without a rest its news would keep a processor busy for ever.
        if let Ok(Err(_ended)) = tokio::time::timeout(TICK, changed).await {
            tokio::time::sleep(TICK).await;
        }
    }

    async fn take_part(&mut self, lineage: Lineage, carried: &mut ClusterState) -> End {
        let (running, log) = match self.start(lineage).await {
            Ok(started) => started,
            Err(reason) => return End::Failed(reason),
        };
        self.state.seat.set(Some(running.clone()));
        if self.founds(lineage) {
            let founding = found(&running).await;
            tracing::info!(
                generation = lineage.generation,
                founding,
                "state group founded"
            );
        }
        let mut told = false;
        let mut lacking_since = self.now();
        let end = loop {
            if self.agreed.borrow_and_update().lineage() != Some(lineage) {
                break End::Succeeded;
            }
            if !running.is_voter() {
                self.ask_to_join(&running).await;
            } else if !told {
                told = true;
                self.tell(carried);
            }
            if self.state_health() == Health::Ok {
                lacking_since = self.now();
            } else {
                let lacking = self.now() - lacking_since;
                self.propose_if_due(Some(lineage), told, lacking).await;
            }
            // Cancel safe: both only wait.
            tokio::select! {
                biased;
                reason = running.ended() => break End::Failed(reason),
                () = self.news() => {}
            }
        };
        if self.state.seat.stopped().is_some() {
            return end;
        }
        self.state.seat.set(None);
        self.carry(&log, carried);
        if running.raft.shutdown().await.is_err() {
            tracing::warn!("the state group's old generation did not end in order");
        }
        end
    }

    /// Whether it is this life of this node that begins the generation.
    fn founds(&self, lineage: Lineage) -> bool {
        let local = &self.state.local;
        #[cfg(feature = "mutants")]
        if crate::mutants::is(crate::mutants::Mutant::TwoFounders) {
            return !local.is_witness();
        }
        lineage.founder == local.me.id && lineage.incarnation == local.incarnation
    }

    /// Asks to be taken in, as long as that is of interest: an answer may take seconds, and whoever
    /// founds needs none.
    async fn ask_to_join(&self, running: &Running<MemoryGroup>) {
        let mut agreed = self.agreed.clone();
        // Cancel safe: a question that nobody waits for any more may be answered all the same.
        tokio::select! {
            biased;
            () = running.becomes_voter() => {}
            _another_generation_or_the_end = agreed.wait_for(|state| {
                state.lineage().is_none_or(|lineage| lineage.wire() != running.generation)
            }) => {}
            () = self.ask(running) => {}
        }
    }

    /// A store that was put back is known by the life that came after it, and nobody talks of that one any more
    /// when the next life has taken its place: so the others are heard before they are asked.
    async fn ask(&self, running: &Running<MemoryGroup>) {
        let local = &self.state.local;
        if local.may_be_of_the_past() {
            let told = known_lives(local, &self.state.peers, QUESTION).await;
            match told.in_force {
                Some(life) if local.has_not_seen(life) => {
                    local.outlived(Past::Store);
                    local.is_of_now();
                }
                Some(_) => local.is_of_now(),
                None if running.raft.is_leader() => {}
                None => return,
            }
        }
        ask_in(&self.state, running).await;
    }

    /// Keeps what the generation that ends here knew.
    fn carry(&self, log: &LogStore<MemoryGroup>, carried: &mut ClusterState) {
        let mut known = self.hub.agreed().state();
        // The leader may have answered for entries whose commitment was not heard of here.
        for command in log.commands() {
            known.apply(&command);
        }
        if carried.session_count() == 0 {
            // As always when the generation was told everything: taking all over costs nothing.
            *carried = known;
        } else {
            carried.absorb(&known);
        }
    }

    async fn start(
        &self,
        lineage: Lineage,
    ) -> Result<(Running<MemoryGroup>, LogStore<MemoryGroup>), String> {
        let local = &self.state.local;
        let id = MemberId {
            node: local.me.id,
            incarnation: local.incarnation,
        };
        let mut clients = self.control_clients(id);
        clients.generation = lineage.wire();
        let observer: Arc<dyn Observer<MemoryGroup>> = self.hub.clone();
        let probe = local.probe(MemoryGroup::NAME, lineage.wire());
        let machine = Machine::new(None, Arc::clone(self.hub.agreed()), observer, Journal::None)
            .probed_by(probe);
        let log = LogStore::in_memory();
        let running = Running::start(clients, machine, log.clone(), false).await?;
        Ok((running, log))
    }

    fn control_clients(&self, id: MemberId) -> crate::network::Clients {
        crate::network::Clients {
            local: Arc::clone(&self.state.local),
            peers: self.state.peers.clone(),
            id,
            generation: 0,
            turn: Turn::new(None),
        }
    }

    /// Tells the running generation what it does not know.
    fn tell(&self, carried: &mut ClusterState) {
        let known = std::mem::take(carried);
        let missing = self
            .hub
            .agreed()
            .ask(|state| known.missing_in(state).collect::<Vec<_>>());
        if !missing.is_empty() {
            tracing::info!(
                changes = missing.len(),
                "telling the new generation what the old one knew"
            );
            self.pending.add_backlog(missing.into_iter());
        }
    }

    fn state_health(&self) -> Health {
        let patience = self.state.local.timing.state.election_max * 2;
        self.state.seat.health(self.now(), patience)
    }

    /// Proposes the next generation if the running one has lacked a quorum for long enough, and nobody
    /// who can be asked says otherwise.
    async fn propose_if_due(&self, current: Option<Lineage>, was_voter: bool, lacking: Duration) {
        let local = &self.state.local;
        // A short lack is an election; before the first generation there is nothing to wait for.
        if local.is_witness() || (current.is_some() && lacking < QUESTION) {
            return;
        }
        let mut answers = hello(local, &self.state.peers, QUESTION).await;
        // Who went on in another lineage of the control group says nothing about this one's; who takes part
        // in none yet holds nothing.
        let lineage = self.control.seat.running();
        let lineage = lineage.map_or(0, |running| running.generation);
        answers.retain(|answer| [0, lineage].contains(&answer.control_lineage));
        let generation = current.map_or(0, |current| current.generation);
        if !is_due(local, &answers, generation, was_voter, lacking) {
            return;
        }
        let command = ControlCommand::FormState {
            generation: generation + 1,
            founder: local.me.id,
            incarnation: local.incarnation,
        };
        // Whether it worked is seen in what the control group agreed on.
        if let Err(error) = self.control.propose(&command).await {
            tracing::debug!(%error, "no new generation of the state group yet");
        }
    }
}

/// Whether this node may begin a new generation after `generation`, given what the others say.
fn is_due(
    local: &Local,
    answers: &[HelloReply],
    generation: u64,
    was_voter: bool,
    lacking: Duration,
) -> bool {
    if answers
        .iter()
        .any(|answer| answer.state_healthy || answer.generation > generation)
    {
        return false;
    }
    let reform = local.timing.reform;
    if was_voter {
        // It holds the content of the old generation.
        return lacking >= reform;
    }
    let view = local.roster.now();
    let others: Vec<NodeId> = view
        .members()
        .iter()
        .filter(|member| member.kind == MemberKind::Node && member.id != local.me.id)
        .map(|member| member.id)
        .collect();
    let answer_of = |node: &NodeId| {
        answers
            .iter()
            .find(|answer| answer.node == u32::from(node.0))
    };
    let nobody_holds_it = others
        .iter()
        .all(|node| answer_of(node).is_some_and(|answer| !answer.state_voter));
    if nobody_holds_it {
        // Everybody has just been started. The lowest goes first, the others if it does not.
        return view.founder() == Some(local.me.id) || lacking >= reform;
    }
    // Somebody may hold it and go first; or it is out of reach, and must have its chance to return.
    lacking >= 2 * reform
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::tests::pair_with_witness;

    const SHORT: Duration = Duration::from_millis(500);

    fn says(node: u32, generation: u64, healthy: bool, voter: bool) -> HelloReply {
        HelloReply {
            notice_number: 0,
            notice: bytes::Bytes::new(),
            cluster_id: "lab".to_owned(),
            node,
            control_formed: true,
            generation,
            state_healthy: healthy,
            state_voter: voter,
            ..HelloReply::default()
        }
    }

    #[test]
    fn nobody_founds_beside_a_generation_that_somebody_says_is_well() {
        let local = pair_with_witness(NodeId(2));
        let long = 10 * local.timing.reform;
        assert!(!is_due(&local, &[says(3, 4, true, true)], 4, true, long));
        assert!(!is_due(&local, &[says(3, 5, false, false)], 4, true, long));
        assert!(is_due(&local, &[says(3, 4, false, true)], 4, true, long));
    }

    #[test]
    fn after_a_power_cut_the_lowest_node_founds_without_waiting() {
        let fresh = [says(1, 4, false, false), says(2, 4, false, false)];
        let (lowest, other) = (pair_with_witness(NodeId(1)), pair_with_witness(NodeId(2)));
        assert!(is_due(&lowest, &fresh, 4, false, SHORT));
        assert!(!is_due(&other, &fresh, 4, false, SHORT));
        assert!(is_due(&other, &fresh, 4, false, other.timing.reform));
    }

    #[test]
    fn who_holds_the_content_founds_before_who_does_not() {
        let local = pair_with_witness(NodeId(1));
        let reform = local.timing.reform;
        let holder = [says(2, 4, false, true)];
        assert!(!is_due(&local, &holder, 4, false, reform));
        assert!(is_due(&local, &holder, 4, false, 2 * reform));
        assert!(is_due(&local, &[], 4, true, reform));
        assert!(!is_due(&local, &[], 4, false, reform));
    }
}
