//! The stage: network, cluster and traffic, and waiting for them with a deadline and an explanation.

use std::time::Duration;

use anyhow::{Context as _, bail};
use runtime::Clock;

use crate::cluster::{Cluster, Member};
use crate::host::Unknown;
use crate::observe::HaView;
use crate::progress::Progress;
use crate::sandbox::Sandbox;
use crate::topology::files::{self, SiteOptions};
use crate::topology::{PairWitness, Side};

/// How long the cluster may take to become ready, at the start and after a node's return.
const READY_DEADLINE: Duration = Duration::from_secs(30);
/// Time between two looks at a node: each one is a process of its own.
const LOOK: Duration = Duration::from_millis(100);

/// The network with its cluster.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) cluster: Cluster,
    pub(crate) clock: Clock,
}

impl Stage {
    /// Builds the network and starts all members.
    pub(crate) fn build(
        sandbox: &Sandbox,
        options: SiteOptions,
        clock: Clock,
        progress: &Progress,
    ) -> anyhow::Result<Self> {
        Self::build_with(Unknown::Block, sandbox, options, clock, progress)
    }

    /// The same on switches that treat frames for unknown addresses like this.
    pub(crate) fn build_with(
        unknown: Unknown,
        sandbox: &Sandbox,
        options: SiteOptions,
        clock: Clock,
        progress: &Progress,
    ) -> anyhow::Result<Self> {
        progress.step("building the lab: client, server, three switches, two nodes, a witness");
        let network = PairWitness::build_with(unknown)?;
        let files = |member: Member, home: &std::path::Path| files::files(member, home, options);
        let mut cluster = Cluster::prepare(network, sandbox.program(), sandbox.directory(), files)?;
        progress.step("starting the witness and both nodes");
        for member in Member::ALL {
            cluster.start(member)?;
        }
        Ok(Self { cluster, clock })
    }

    /// Waits until one node is active, the other stands by, and any member may fail.
    pub(crate) fn wait_until_ready(&mut self, progress: &Progress) -> anyhow::Result<Side> {
        self.wait(READY_DEADLINE, progress, |views| {
            let active = Side::BOTH
                .into_iter()
                .find(|side| view(views, *side).is_active())?;
            let standby = view(views, active.other());
            let whole = view(views, active).is_whole() && standby.is_whole();
            (whole && !standby.is_active()).then_some(active)
        })
    }

    /// Waits until the active node has at least `sessions` sessions, and the standby as many as it.
    pub(crate) fn wait_for_copies(
        &mut self,
        active: Side,
        sessions: u64,
        progress: &Progress,
    ) -> anyhow::Result<[HaView; 2]> {
        self.wait(READY_DEADLINE, progress, |views| {
            let (active, standby) = (view(views, active), view(views, active.other()));
            let same = active.sessions >= sessions && standby.sessions >= active.sessions;
            (same && standby.ready).then(|| views.clone())
        })
    }

    /// Looks at both nodes until `wanted` finds in their answers what it wants.
    fn wait<T>(
        &mut self,
        patience: Duration,
        progress: &Progress,
        wanted: impl Fn(&[HaView; 2]) -> Option<T>,
    ) -> anyhow::Result<T> {
        let deadline = self.clock.now() + patience;
        loop {
            self.cluster.check_running()?;
            let answers = Side::BOTH.map(|side| self.cluster.ha(side));
            let told = told(&answers);
            progress.detail(&told);
            if let [Ok(a), Ok(b)] = answers
                && let Some(found) = wanted(&[a, b])
            {
                return Ok(found);
            }
            if self.clock.now() >= deadline {
                bail!("the nodes did not become ready within {patience:?}: {told}");
            }
            std::thread::sleep(LOOK);
        }
    }

    /// One node's answer, when the other may be dead.
    pub(crate) fn ha(&self, side: Side) -> anyhow::Result<HaView> {
        self.cluster
            .ha(side)
            .with_context(|| format!("node {}", side.name()))
    }
}

fn view(views: &[HaView; 2], side: Side) -> &HaView {
    let [a, b] = views;
    match side {
        Side::A => a,
        Side::B => b,
    }
}

/// Both nodes' words in one line.
fn told(answers: &[Result<HaView, crate::observe::ObserveError>; 2]) -> String {
    let words = Side::BOTH.into_iter().zip(answers).map(|(side, answer)| {
        let name = side.name();
        match answer {
            Ok(view) if view.ready && !view.is_whole() => {
                format!(
                    "node {name} is {}; not yet: {}",
                    view.role,
                    view.failed.join(", ")
                )
            }
            Ok(view) if view.reasons.is_empty() => {
                format!("node {name} is {}, {} sessions", view.role, view.sessions)
            }
            Ok(view) => format!("node {name} is {}: {}", view.role, view.reasons.join("; ")),
            Err(error) => format!("node {name}: {error}"),
        }
    });
    words.collect::<Vec<_>>().join(" | ")
}
