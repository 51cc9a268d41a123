//! Two nodes and a witness in this process, each with its own threads, sockets and store.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use raft::{Cluster, ClusterPlan, Health, Limits, Listen, Member, MemberKind, MemberRole, Timing};
use runtime::{Clock, Subsystem};
use types::{Name, NodeId};

/// How long forming a cluster may take.
const DEADLINE: Duration = Duration::from_secs(20);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);
/// For the members to end.
const PATIENCE: Duration = Duration::from_secs(2);

/// The members that can propose, and everything that runs.
pub(super) struct Members {
    nodes: Vec<(NodeId, Cluster)>,
    subsystems: Vec<Subsystem>,
}

impl Members {
    /// Starts all three and waits until all vote.
    pub(super) async fn start(folder: &Path, clock: Clock) -> anyhow::Result<Self> {
        let kinds = [MemberKind::Node, MemberKind::Node, MemberKind::Witness];
        let mut listeners = Vec::new();
        let mut members = Vec::new();
        for (number, kind) in (1..).zip(kinds) {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            members.push(Member {
                id: NodeId(number),
                name: Name::from(format!("member-{number}")),
                kind,
                addresses: vec![listener.local_addr()?],
            });
            listeners.push(listener);
        }
        let mut started = Self {
            nodes: Vec::new(),
            subsystems: Vec::new(),
        };
        for (member, listener) in members.iter().zip(listeners) {
            let plan = ClusterPlan {
                cluster_id: "bench".to_owned(),
                me: member.id,
                members: members.clone(),
                listen: Listen::Bound(vec![listener]),
                data_dir: folder.join(member.name.as_str()),
                store: raft::StoreKind::default(),
                tls: None,
                timing: Timing::default(),
                limits: Limits::default(),
            };
            let mut subsystem = Subsystem::default();
            let cluster = raft::start(plan, clock, &mut subsystem)
                .await
                .with_context(|| format!("{} does not start", member.name))?;
            started.subsystems.push(subsystem);
            if member.kind == MemberKind::Node {
                started.nodes.push((member.id, cluster));
            }
        }
        started.wait_until_complete(clock).await?;
        Ok(started)
    }

    async fn wait_until_complete(&self, clock: Clock) -> anyhow::Result<()> {
        let deadline = clock.now() + DEADLINE;
        while !self.nodes.iter().all(|(_, cluster)| is_complete(cluster)) {
            ensure!(
                clock.now() < deadline,
                "the members did not form a cluster within {DEADLINE:?}"
            );
            clock.wait_until(Some(clock.now() + LOOK)).await;
        }
        Ok(())
    }

    /// The node that leads the durable group.
    pub(super) fn leader(&self) -> anyhow::Result<&Cluster> {
        self.find(true)
    }

    /// The node that follows.
    pub(super) fn follower(&self) -> anyhow::Result<&Cluster> {
        self.find(false)
    }

    fn find(&self, leads: bool) -> anyhow::Result<&Cluster> {
        let found = self
            .nodes
            .iter()
            .find(|(id, cluster)| (cluster.control.status().leader == Some(*id)) == leads);
        match found {
            Some((_, cluster)) => Ok(cluster),
            None => bail!("the nodes do not agree on who leads"),
        }
    }

    /// Ends all of them.
    pub(super) async fn stop(self) {
        for subsystem in self.subsystems {
            subsystem.stop(PATIENCE).await;
        }
    }
}

fn is_complete(cluster: &Cluster) -> bool {
    let status = cluster.control.status();
    status.health == Health::Ok
        && status.leader.is_some()
        && status
            .members
            .iter()
            .all(|member| member.role == MemberRole::Voter)
}
