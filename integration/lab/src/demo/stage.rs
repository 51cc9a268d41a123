//! The stage: network, cluster and traffic, and waiting for them with a deadline and an explanation.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use runtime::Clock;

use super::progress::Progress;
use crate::cluster::{Cluster, Member};
use crate::observe::HaView;
use crate::sandbox::Sandbox;
use crate::topology::files::{self, SiteOptions};
use crate::topology::pair_witness::{SERVER, SERVER_V6};
use crate::topology::{PairWitness, Side};
use crate::traffic::tcp::Deaths;
use crate::traffic::{EchoServer, Ping, TcpOptions, TcpReport, TcpTraffic, UdpProbe};

/// The echo protocol's own port (RFC 862).
const ECHO: u16 = 7;
/// How long the cluster may take to become ready, at the start and after a node's return.
const READY_DEADLINE: Duration = Duration::from_secs(30);
/// How long connections may take to open.
const OPEN_DEADLINE: Duration = Duration::from_secs(30);
/// Time between two looks at a node: each one is a process of its own.
const LOOK: Duration = Duration::from_millis(100);

/// The network with its cluster.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) cluster: Cluster,
    pub(super) clock: Clock,
}

/// Everything that flows.
#[derive(Debug)]
pub(super) struct Traffic {
    _server: EchoServer,
    pub(super) tcp: TcpTraffic,
    pub(super) udp: UdpProbe,
    pub(super) pings: [Ping; 2],
}

/// The traffic's last words.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) tcp: TcpReport,
    pub(super) deaths: Deaths,
    pub(super) udp: crate::traffic::ProbeReport,
    pub(super) udp_corrupt: u64,
}

impl Stage {
    /// Builds the network and starts all members.
    pub(super) fn build(
        sandbox: &Sandbox,
        options: SiteOptions,
        clock: Clock,
        progress: &Progress,
    ) -> anyhow::Result<Self> {
        progress.step("building the lab: client, server, three switches, two nodes, a witness");
        let network = PairWitness::build()?;
        let files = |member: Member, home: &std::path::Path| files::files(member, home, options);
        let mut cluster = Cluster::prepare(network, sandbox.program(), sandbox.directory(), files)?;
        progress.step("starting the witness and both nodes");
        for member in Member::ALL {
            cluster.start(member)?;
        }
        Ok(Self { cluster, clock })
    }

    /// Waits until one node is active, the other stands by, and both say that they are ready.
    pub(super) fn wait_until_ready(&mut self, progress: &Progress) -> anyhow::Result<Side> {
        self.wait(READY_DEADLINE, progress, |views| {
            let active = Side::BOTH
                .into_iter()
                .find(|side| view(views, *side).is_active())?;
            let standby = view(views, active.other());
            let ready = view(views, active).ready && standby.ready && !standby.is_active();
            ready.then_some(active)
        })
    }

    /// Waits until the standby has programmed as many sessions as the active node.
    pub(super) fn wait_for_copies(
        &mut self,
        active: Side,
        progress: &Progress,
    ) -> anyhow::Result<[HaView; 2]> {
        self.wait(READY_DEADLINE, progress, |views| {
            let (active, standby) = (view(views, active), view(views, active.other()));
            let same = active.sessions > 0 && standby.sessions >= active.sessions;
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

    /// Starts all traffic and waits until it flows.
    pub(super) fn start_traffic(
        &self,
        connections: u32,
        progress: &Progress,
    ) -> anyhow::Result<Traffic> {
        progress.step(&format!(
            "opening {connections} TCP connections through the NAT, a 1 kHz UDP probe, pings"
        ));
        let network = self.cluster.network();
        let server = EchoServer::start(&network.server, ECHO)?;
        let options = TcpOptions::new((SERVER, ECHO).into(), connections);
        let tcp = TcpTraffic::start(&network.client, options, self.clock)?;
        let deadline = self.clock.now() + OPEN_DEADLINE;
        while !tcp.is_settled() {
            progress.detail(&format!(
                "{} of {connections} connections open",
                tcp.report().opened
            ));
            ensure!(
                self.clock.now() < deadline,
                "only {} of {connections} connections opened within {OPEN_DEADLINE:?}",
                tcp.report().opened
            );
            std::thread::sleep(LOOK);
        }
        let target = (SERVER, ECHO).into();
        let udp = UdpProbe::start(&network.client, target, Duration::from_millis(1))?;
        let ping = |target: IpAddr| {
            Ping::start(
                &network.client,
                target,
                Duration::from_millis(20),
                self.clock,
            )
        };
        let pings = [ping(SERVER.into())?, ping(SERVER_V6.into())?];
        Ok(Traffic {
            _server: server,
            tcp,
            udp,
            pings,
        })
    }

    /// One node's answer, when the other may be dead.
    pub(super) fn ha(&self, side: Side) -> anyhow::Result<HaView> {
        self.cluster
            .ha(side)
            .with_context(|| format!("node {}", side.name()))
    }
}

impl Traffic {
    /// Ends everything and counts.
    pub(super) fn stop(self) -> anyhow::Result<Ended> {
        let Self {
            _server,
            tcp,
            udp,
            pings: _,
        } = self;
        let udp = udp.stop();
        let (tcp, deaths) = tcp.stop()?;
        Ok(Ended {
            tcp,
            deaths,
            udp: udp.whole(),
            udp_corrupt: udp.corrupt(),
        })
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
            Ok(view) if view.reasons.is_empty() => {
                format!("node {name} is {}, {} sessions", view.role, view.sessions)
            }
            Ok(view) => format!("node {name} is {}: {}", view.role, view.reasons.join("; ")),
            Err(error) => format!("node {name}: {error}"),
        }
    });
    words.collect::<Vec<_>>().join(" | ")
}
