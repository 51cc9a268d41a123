//! Getting something agreed on, whoever leads.

use std::sync::Arc;
use std::time::Duration;

use runtime::Shutdown;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::error::ProposeError;
use crate::group::Group;
use crate::local::Local;
use crate::network::{Asked, Clients, Peers, ProposeReply, Turn, propose_here, propose_to};
use crate::seat::{Running, Seat};

/// Proposals that may wait; beyond, whoever proposes waits, which is what an operator's API wants.
const QUEUE: usize = 64;
/// Between two tries: an election takes some hundred milliseconds.
const RETRY: Duration = Duration::from_millis(10);
/// For one try. Trying again while the first is under way is harmless: commands say what they are
/// based on.
const ATTEMPT: Duration = Duration::from_secs(1);

/// Proposes to one group.
pub(crate) struct Proposer<G: Group> {
    pub(crate) local: Arc<Local>,
    pub(crate) peers: Peers,
    pub(crate) seat: Arc<Seat<G>>,
}

impl<G: Group> Clone for Proposer<G> {
    fn clone(&self) -> Self {
        Self {
            local: Arc::clone(&self.local),
            peers: self.peers.clone(),
            seat: Arc::clone(&self.seat),
        }
    }
}

enum Attempt<O> {
    Done(O),
    /// Nothing was proposed.
    Nothing,
    /// It was proposed and may be agreed on.
    Unknown,
    /// Nothing may be proposed.
    Frozen,
}

impl<G: Group> Proposer<G> {
    pub(crate) fn new(local: &Arc<Local>, peers: &Peers) -> Self {
        Self {
            local: Arc::clone(local),
            peers: peers.clone(),
            seat: Arc::default(),
        }
    }

    /// Tries until there is an outcome, at most for the plan's time.
    pub(crate) async fn propose(&self, command: &G::Command) -> Result<G::Outcome, ProposeError> {
        let begun = self.local.clock.now();
        let patience = self.local.timing.propose;
        let mut unknown = false;
        loop {
            let waited = self.local.clock.now() - begun;
            let unanswered = ProposeError::Unknown {
                group: G::NAME,
                waited,
            };
            if let Some(reason) = self.seat.stopped() {
                return Err(if unknown {
                    unanswered
                } else {
                    ProposeError::Stopped {
                        group: G::NAME,
                        reason,
                    }
                });
            }
            if waited >= patience {
                return Err(if unknown {
                    unanswered
                } else {
                    ProposeError::NoLeader {
                        group: G::NAME,
                        waited,
                    }
                });
            }
            match self.attempt(command, patience.saturating_sub(waited)).await {
                Attempt::Done(outcome) if unknown && !G::is_conclusive(&outcome) => {
                    return Err(unanswered);
                }
                Attempt::Done(outcome) => return Ok(outcome),
                Attempt::Nothing => {}
                #[cfg(feature = "mutants")]
                Attempt::Unknown if crate::mutants::is(crate::mutants::Mutant::UnknownAsFailed) => {
                }
                Attempt::Unknown => unknown = true,
                // An earlier attempt may have been heard: then the outcome is unknown all the same.
                Attempt::Frozen if unknown => {}
                Attempt::Frozen => return Err(ProposeError::Frozen { group: G::NAME }),
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn attempt(&self, command: &G::Command, left: Duration) -> Attempt<G::Outcome> {
        let Some(running) = self.seat.running() else {
            return Attempt::Nothing;
        };
        let Some(leader) = running.leader() else {
            return Attempt::Nothing;
        };
        let patience = left.min(ATTEMPT);
        let reply = if leader == running.id {
            tokio::time::timeout(patience, propose_here(&running, command.clone()))
                .await
                .map_or(Asked::Unknown, Asked::Answer)
        } else {
            propose_to::<G>(&self.clients(&running), leader, command, patience).await
        };
        match reply {
            Asked::Answer(ProposeReply::Done(outcome)) => Attempt::Done(outcome),
            Asked::Answer(ProposeReply::NotLeader(_)) | Asked::Refused => Attempt::Nothing,
            Asked::Answer(ProposeReply::Unknown) | Asked::Unknown => Attempt::Unknown,
            Asked::Answer(ProposeReply::Frozen) => Attempt::Frozen,
        }
    }

    /// Connections in the name of `running`.
    pub(crate) fn clients(&self, running: &Running<G>) -> Clients {
        Clients {
            local: Arc::clone(&self.local),
            peers: self.peers.clone(),
            id: running.id,
            generation: running.generation,
            // Whoever proposes, asks or joins sends no entries.
            turn: Turn::new(None),
        }
    }
}

/// A command and whoever waits for its outcome.
type Ticket<G> = (
    <G as Group>::Command,
    oneshot::Sender<Result<<G as Group>::Outcome, ProposeError>>,
);

/// Lets other runtimes propose: the work is done on the runtime of the groups.
pub(crate) struct Counter<G: Group>(mpsc::Sender<Ticket<G>>);

impl<G: Group> Clone for Counter<G> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<G: Group> Counter<G> {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Ticket<G>>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        (Self(sender), receiver)
    }

    pub(crate) async fn propose(&self, command: G::Command) -> Result<G::Outcome, ProposeError> {
        let stopped = || ProposeError::Stopped {
            group: G::NAME,
            reason: "this member is shutting down".to_owned(),
        };
        let (answer, outcome) = oneshot::channel();
        self.0
            .send((command, answer))
            .await
            .map_err(|_| stopped())?;
        // Taken and not answered: it may have been proposed.
        outcome.await.unwrap_or(Err(ProposeError::Unknown {
            group: G::NAME,
            waited: Duration::ZERO,
        }))
    }
}

/// Serves a [`Counter`] until the end.
pub(crate) async fn attend<G: Group>(
    proposer: Proposer<G>,
    mut tickets: mpsc::Receiver<Ticket<G>>,
    mut shutdown: Shutdown,
) {
    // Aborts what is under way when it is dropped; those who wait learn that this member goes.
    let mut working = JoinSet::new();
    loop {
        // Cancel safe: each branch only waits; a ticket is taken when its branch wins.
        tokio::select! {
            biased;
            () = shutdown.requested() => return,
            Some(_finished) = working.join_next() => {}
            ticket = tickets.recv(), if working.len() < QUEUE => {
                let Some((command, answer)) = ticket else { return };
                let proposer = proposer.clone();
                working.spawn(async move {
                    // Whoever asked may have gone.
                    let _unheard = answer.send(proposer.propose(&command).await);
                });
            }
        }
    }
}
