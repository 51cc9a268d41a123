//! The first bridge: what this node did → what the cluster should know.
//!
//! Nothing here can hold up a packet: the data plane offers its events to a bounded mailbox and merges
//! what is not taken, and publishing never waits for a quorum.

use std::net::IpAddr;
use std::time::Duration;

use forwarding::Event;
use raft::{Cluster, ProposeError};
use raft_state::{ControlCommand, ControlOutcome};
use runtime::{Clock, Mailbox, Outlet};
use types::{Instant, NeighborRecord, NodeId, SessionChange, SessionId};

use crate::film::Scene;
use crate::trace::{self, Trace};

/// Batches of session changes under way; the data plane merges by session when it is full.
pub(crate) const BOUND: usize = 256;
/// While the cluster has this share of the changes waiting that it takes, no more are handed over: they
/// stay with the data plane, which merges them by session. Well below the bound at which publishing
/// refuses.
const HIGH_WATER_PERCENT: usize = 75;
/// Between two looks at what waits.
const RETRY: Duration = Duration::from_millis(10);
/// Blocks that are asked for at once: 4 096 ports.
const BLOCKS_A_CLAIM: u16 = 8;

/// The bridge.
pub(crate) struct Replicate {
    pub(crate) events: Mailbox<Event>,
    pub(crate) cluster: Cluster,
    pub(crate) clock: Clock,
    pub(crate) film: Outlet<Scene>,
    /// Claims wait for a quorum, so they have an actor of their own.
    pub(crate) claims: Outlet<IpAddr>,
    /// Changes that are followed, to see how late they are.
    pub(crate) traces: Outlet<Trace>,
    pub(crate) next_trace: Instant,
}

/// Changes that may wait for agreement before no more are handed over.
pub(crate) fn high_water(cluster: &Cluster) -> usize {
    cluster.state.capacity() * HIGH_WATER_PERCENT / 100
}

impl Replicate {
    /// Carries events over until the data plane ends.
    pub(crate) async fn run(mut self) {
        let high_water = high_water(&self.cluster);
        while let Some(event) = self.events.next().await {
            while self.cluster.state.pending() >= high_water {
                let next = Some(self.clock.now() + RETRY);
                self.clock.wait_until(next).await;
            }
            match event {
                Event::Sessions(changes) => self.publish(changes, Vec::new()),
                Event::Neighbors(records) => self.publish(Vec::new(), records),
                // A full queue means that this address (or another) is being claimed for already, and
                // the data plane says it again while it is short.
                Event::NatBlocksLow { address } => {
                    if self.claims.offer(address).is_err() {
                        tracing::debug!(%address, "a claim for port blocks is under way");
                    }
                }
                Event::FirstPacket { epoch, at } => {
                    if self
                        .film
                        .send(Scene::FirstPacket { epoch, at })
                        .await
                        .is_err()
                    {
                        tracing::error!("nobody keeps the film of takeovers any more");
                    }
                }
            }
        }
    }

    fn publish(&mut self, sessions: Vec<SessionChange>, neighbors: Vec<NeighborRecord>) {
        let followed = self.follow(&sessions);
        if let Err(refused) = self.cluster.state.publish(sessions, neighbors) {
            tracing::warn!(%refused, "the cluster takes no more session changes for now");
            // Whether it is among those that were refused is not known. A full queue forgets it later.
            let _full = followed.map(|id| self.traces.offer(Trace::Refused(id)));
        }
    }

    /// Marks one of these changes, unless enough are marked.
    fn follow(&mut self, sessions: &[SessionChange]) -> Option<SessionId> {
        let now = self.clock.now();
        let change = sessions.first().filter(|_| now >= self.next_trace)?;
        self.next_trace = now + trace::SPACING;
        let (id, rank) = (change.id(), change.rank());
        let published = Trace::Published { id, rank, at: now };
        self.traces.offer(published).is_ok().then_some(id)
    }
}

/// Claims port blocks, one address at a time, and hands what was granted to the data plane.
pub(crate) async fn claim_blocks(
    node: NodeId,
    cluster: Cluster,
    data_plane: forwarding::Handle,
    mut addresses: Mailbox<IpAddr>,
) {
    while let Some(address) = addresses.next().await {
        match claim(node, &cluster, address).await {
            Ok(ControlOutcome::PortBlocks { address, blocks }) => {
                tracing::info!(%address, blocks = blocks.len(), "port blocks granted");
                data_plane.grant(address, &blocks);
            }
            Ok(other) => tracing::warn!(%address, %other, "no port blocks were granted"),
            Err(error) => tracing::warn!(%address, %error, "port blocks could not be claimed"),
        }
    }
}

async fn claim(
    node: NodeId,
    cluster: &Cluster,
    address: IpAddr,
) -> Result<ControlOutcome, ProposeError> {
    let held = cluster.control.state().granted(node, address).len();
    let command = ControlCommand::ClaimPortBlocks {
        node,
        address,
        held: u16::try_from(held).unwrap_or(u16::MAX),
        count: BLOCKS_A_CLAIM,
    };
    cluster.control.propose(command).await
}
