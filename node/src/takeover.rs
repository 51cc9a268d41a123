//! What follows a change of role, after the heartbeat thread has done all that is urgent: the film,
//! the record in the control group, the log.

use ha::Failover;
use raft::Control;
use raft_state::{ControlCommand, ControlOutcome};
use runtime::{Clock, Mailbox, Outlet};
use tokio::sync::watch;
use types::{Epoch, Name, NodeId};
use vrrp::{Event, StateName, Transition};

use crate::film::Scene;

/// Role changes and link changes under way; the heartbeat thread never waits, and a queue this long
/// would mean that the node has stopped listening to itself.
pub(crate) const BOUND: usize = 256;
/// Between two attempts to record a role while there is no quorum.
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(500);

/// Listens to the heartbeat thread.
pub(crate) struct Takeover {
    pub(crate) events: Mailbox<Event>,
    pub(crate) data_plane: forwarding::Handle,
    pub(crate) film: Outlet<Scene>,
    /// The newest role to be recorded.
    pub(crate) role: watch::Sender<Option<Epoch>>,
}

impl Takeover {
    /// Handles events until the heartbeat thread ends.
    pub(crate) async fn run(mut self) {
        while let Some(event) = self.events.next().await {
            match event {
                Event::Transition(transition) => self.transition(transition).await,
                Event::EpochRaised { from, to } => {
                    tracing::info!(%from, %to, "active under a newer epoch");
                    self.role.send_replace(Some(to));
                }
                Event::Conflict { ours, theirs } => {
                    tracing::warn!(%ours, %theirs, "the peer is active too, under a lower epoch");
                }
                Event::ConflictOver => tracing::info!("the conflict is over"),
                Event::AdvertsUnheard { peer } => {
                    tracing::warn!(%peer, "the peer is active but its adverts reach no interface");
                }
                Event::LinkState { device, up } => tracing::info!(device, up, "link"),
                Event::HaLink { name, up, rtt } => tracing::info!(%name, up, ?rtt, "HA link"),
                Event::Lateness { by, at } => {
                    tracing::debug!(?by, %at, "heartbeat thread was late");
                }
            }
        }
    }

    async fn transition(&self, transition: Transition) {
        let Transition {
            from,
            to,
            epoch,
            cause,
            ..
        } = transition;
        tracing::info!(%from, %to, %epoch, %cause, "redundancy group");
        if to != StateName::Active {
            return;
        }
        self.role.send_replace(Some(epoch));
        let film = Failover {
            epoch,
            cause: cause.to_string(),
            last_heard: transition.last_heard_at,
            detected: transition.detected_at,
            decided: transition.decided_at,
            programmed: transition.gate_at.unwrap_or(transition.decided_at),
            announced: transition.announced_at,
            first_packet: None,
            sessions: self.data_plane.counts().sessions,
        };
        if self.film.send(Scene::TookOver(film)).await.is_err() {
            tracing::error!("nobody keeps the film of takeovers any more");
        }
    }
}

/// Records taken roles in the control group, the newest only, however long there is no quorum.
pub(crate) async fn record_roles(
    node: NodeId,
    group: Name,
    control: Control,
    clock: Clock,
    mut role: watch::Receiver<Option<Epoch>>,
) {
    while role.changed().await.is_ok() {
        // A newer role makes the older one's record pointless, so it is read again for each attempt.
        loop {
            let Some(epoch) = *role.borrow_and_update() else {
                break;
            };
            let command = ControlCommand::TakeRole {
                group: group.clone(),
                node,
                epoch,
            };
            match control.propose(command).await {
                Ok(ControlOutcome::RoleTaken) => break,
                Ok(refused) => {
                    // The control group's epoch reaches the heartbeat thread through `reconcile`.
                    tracing::warn!(%epoch, %refused, "the role is not ours");
                    break;
                }
                Err(error) if error.is_retryable() => {
                    tracing::debug!(%epoch, %error, "the role waits to be recorded");
                    clock.wait_until(Some(clock.now() + PATIENCE)).await;
                }
                Err(error) => {
                    tracing::error!(%epoch, %error, "the role cannot be recorded");
                    break;
                }
            }
        }
    }
}
