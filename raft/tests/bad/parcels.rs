//! Snapshots that no honest leader sends, and an old one that it might have sent.

#![expect(
    clippy::too_many_lines,
    clippy::zero_sized_map_values,
    reason = "a table; maps as the consensus library has them"
)]

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use proto::raft::{Request, SnapshotChunk};
use raft::seam::Failure;
use raft_state::{Checksum, ClusterState, ControlState, Versioned};
use types::NodeId;

use super::{LEADER, Stage};
use crate::memory::W;
use crate::memory::mirror::{Description, LeaderId, Membership, bytes, labelled};

impl Stage {
    /// Sends `first` and then `chunks`.
    pub(crate) fn send_snapshot(
        &self,
        victim: NodeId,
        first: &SnapshotChunk,
        chunks: &[SnapshotChunk],
    ) -> Result<(), Failure> {
        let rest = futures::stream::iter(chunks.to_vec()).map(Ok).boxed();
        let server = self.server(victim);
        let sent = self.runtime.block_on(server.snapshot(first.clone(), rest));
        sent.map(drop)
    }

    /// Sends `first`, then asks `question`, and then sends `chunks`. What became of both.
    pub(crate) fn interrupted_snapshot(
        &self,
        victim: NodeId,
        (first, chunks): (&SnapshotChunk, &[SnapshotChunk]),
        question: &Request,
    ) -> [Result<(), Failure>; 2] {
        let server = self.server(victim);
        let (mut sender, receiver) = futures::channel::mpsc::channel(chunks.len());
        let sending = server.snapshot(first.clone(), receiver.map(Ok).boxed());
        let meanwhile = async {
            let answer = server.call(question.clone()).await;
            for chunk in chunks {
                sender.try_send(chunk.clone()).unwrap();
            }
            drop(sender);
            answer
        };
        let (sent, asked) = self
            .runtime
            .block_on(async { futures::join!(sending, meanwhile) });
        [sent.map(drop), asked.map(drop)]
    }

    /// A snapshot that `spoil` has changed the description of.
    pub(crate) fn spoilt_snapshot(
        &self,
        victim: NodeId,
        group: u32,
        spoil: impl FnOnce(&mut Description),
    ) -> (SnapshotChunk, Vec<u8>) {
        let (mut description, data) = self.described(victim, group);
        spoil(&mut description);
        (self.first(victim, group, &description, &data), data)
    }

    /// A snapshot that reaches as far as the victim's own log, and its content.
    pub(crate) fn old_snapshot(&self, victim: NodeId, group: u32) -> (SnapshotChunk, Vec<u8>) {
        let (description, data) = self.described(victim, group);
        (self.first(victim, group, &description, &data), data)
    }

    fn described(&self, victim: NodeId, group: u32) -> (Description, Vec<u8>) {
        let look = &self.before[&victim];
        let (look, data) = match group {
            1 => (&look.control, ControlState::default().encode().unwrap()),
            _ => (&look.state, ClusterState::default().encode().unwrap()),
        };
        let life = self.life(LEADER, group);
        let description = Description {
            vote: look.vote,
            last: look.last,
            membership_at: look.last,
            membership: Membership {
                configs: vec![BTreeSet::from([life])],
                nodes: BTreeMap::from([(life, ())]),
            },
            reserved: String::new(),
        };
        (description, data)
    }

    fn first(
        &self,
        victim: NodeId,
        group: u32,
        description: &Description,
        data: &[u8],
    ) -> SnapshotChunk {
        labelled(SnapshotChunk {
            header: Some(self.header_between(LEADER, victim, group)),
            description: bytes(description).into(),
            total_bytes: Some(u64::try_from(data.len()).unwrap()),
            content: Some(Checksum::of_bytes(0, data).0),
            stripped: victim == W,
            ..SnapshotChunk::default()
        })
    }

    /// First messages with one thing wrong in each, and what is said to it.
    pub(crate) fn absurd_snapshots(
        &self,
        victim: NodeId,
        group: u32,
    ) -> Vec<(SnapshotChunk, &'static str)> {
        let (honest, data) = self.described(victim, group);
        let wrong = |change: &dyn Fn(&mut Description)| {
            let mut description = honest.clone();
            change(&mut description);
            self.first(victim, group, &description, &data)
        };
        let label = |change: &dyn Fn(&mut SnapshotChunk)| {
            let mut first = self.first(victim, group, &honest, &data);
            change(&mut first);
            labelled(first)
        };
        let elsewhere = LeaderId { term: 0, node: 0 };
        let mut damaged = label(&|_| {});
        damaged.digest = damaged.digest.map(|digest| digest ^ 1);
        let mut bare = damaged.clone();
        bare.digest = None;
        vec![
            (wrong(&|d| d.vote.leader.term = u64::MAX), "out of reach"),
            (wrong(&|d| d.vote.leader.node += 1), "not the sender's"),
            (wrong(&|d| d.vote.committed = false), "has not won"),
            (wrong(&|d| d.last = None), "do not follow"),
            (
                wrong(&|d| d.last.as_mut().unwrap().index = 1 << 60),
                "beyond every log",
            ),
            (
                wrong(&|d| d.last.as_mut().unwrap().leader.term += 9),
                "from a later leader",
            ),
            (
                wrong(&|d| d.last.as_mut().unwrap().leader = elsewhere),
                "contradicts",
            ),
            (
                wrong(&|d| d.membership_at.as_mut().unwrap().index += 1),
                "do not follow",
            ),
            (wrong(&|d| d.membership.configs.clear()), "without a quorum"),
            (
                wrong(&|d| d.membership.configs[0].clear()),
                "without a quorum",
            ),
            (wrong(&|d| d.membership.nodes.clear()), "without a quorum"),
            (
                wrong(&|d| d.membership.nodes.extend([(u64::MAX, ())])),
                "no member's life",
            ),
            (label(&|first| first.total_bytes = None), "how large"),
            (
                label(&|first| first.total_bytes = Some(1 << 40)),
                "are not taken",
            ),
            (
                label(&|first| first.total_bytes = Some(u64::MAX)),
                "are not taken",
            ),
            (
                label(&|first| first.stripped = !first.stripped),
                "of another kind",
            ),
            (label(&|first| first.description = vec![1; 5].into()), ""),
            (label(&|first| first.description = Vec::new().into()), ""),
            (damaged, "was damaged"),
            (bare, "was damaged"),
        ]
    }
}
