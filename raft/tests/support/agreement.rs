//! What members know of each other.

use raft::{GroupStatus, Health, MemberRole};
use types::NodeId;

use super::{Lab, eventually, set_config};

impl Lab {
    /// Waits until `members` agree among themselves, and checks that `stranger` is none of them: it has
    /// tried as long as they took, and is turned away at its first message.
    pub(crate) async fn refused(&self, stranger: NodeId, members: &[NodeId]) {
        self.voters_among(members, members).await;
        let proposer = &self.cluster(members[0]).control;
        for number in 0..5 {
            proposer
                .propose(set_config(number, "without it"))
                .await
                .unwrap();
        }
        for member in members {
            let status = self.cluster(*member).control.status();
            assert_eq!(status.member(stranger).unwrap().role, MemberRole::Absent);
        }
        let status = self.cluster(stranger).control.status();
        assert_eq!(status.leader, None);
    }

    /// Waits until everybody who runs knows `ids` as the voters of both groups, led by somebody.
    pub(crate) async fn all_voters(&self, ids: &[NodeId]) {
        let running: Vec<_> = self.running.keys().copied().collect();
        self.voters_among(&running, ids).await;
    }

    async fn voters_among(&self, asked: &[NodeId], ids: &[NodeId]) {
        let complete = |status: &GroupStatus| {
            status.health == Health::Ok
                && status.leader.is_some()
                && ids.iter().all(|id| {
                    status
                        .member(*id)
                        .is_some_and(|member| member.role == MemberRole::Voter)
                })
        };
        // An earlier life of a node's number may still be the one that votes.
        let of_now = |state: &GroupStatus| {
            ids.iter().all(|id| {
                let running = self.running.get(id);
                let voting = state.member(*id).and_then(|member| member.incarnation);
                running.is_none_or(|(_, cluster)| voting == Some(cluster.state.incarnation()))
            })
        };
        eventually("everybody votes in both groups", || {
            asked.iter().map(|id| self.cluster(*id)).all(|cluster| {
                let state = cluster.state.status();
                complete(&cluster.control.status()) && complete(&state) && of_now(&state)
            })
        })
        .await;
    }
}
