//! One measured member: a process with the product's data plane and Raft groups, the two bridges
//! between them, and a generator in the place of network cards.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use forwarding::Event;
use parking_lot::Mutex;
use raft::{Cluster, ClusterPlan, Health, Limits, Listen, Member, MemberKind, MemberRole, Timing};
use runtime::mailbox::{Mailbox, mailbox};
use runtime::{Clock, Subsystem};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use types::{Epoch, EpochGate, Name, NodeId};

use super::bridge::{self, Lags};
use super::generator::{Generated, Load};
use super::protocol::{Question, Status};
use super::site;

/// The port that members listen on.
const PORT: u16 = 7400;
/// Batches of session changes between data plane and bridge, as in a node.
const EVENTS: usize = 256;
/// Between two answers of the servers to questions for their MAC addresses.
const ANSWER: Duration = Duration::from_secs(2);
/// For everything to end.
const PATIENCE: Duration = Duration::from_secs(1);

/// Which member to be.
#[derive(Clone, Debug, Args)]
pub struct MemberArgs {
    /// 1: active node, 2: standby, 3: witness.
    #[arg(long)]
    pub number: u8,
    /// Where its durable store is.
    #[arg(long)]
    pub directory: PathBuf,
    /// Session processors.
    #[arg(long, default_value_t = 1)]
    pub workers: usize,
}

/// Where member `number` is reached.
pub(super) const fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(198, 19, 0, number)
}

/// Runs a member until its standard input ends.
pub fn run(args: &MemberArgs) -> ExitCode {
    match serve(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve(args: &MemberArgs) -> anyhow::Result<()> {
    // As the product runs nodes and witnesses.
    let mut builder = match kind(args.number) {
        MemberKind::Node => tokio::runtime::Builder::new_multi_thread(),
        MemberKind::Witness => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = builder
        .worker_threads(2)
        .thread_name("tandem")
        .enable_all()
        .build()?;
    let served = runtime.block_on(async {
        let mut subsystem = Subsystem::default();
        let member = Running::start(args, &mut subsystem).await?;
        member.answer().await?;
        subsystem.stop(PATIENCE).await;
        anyhow::Ok(())
    });
    runtime.shutdown_background();
    served
}

/// Everything of a member that can be asked.
struct Running {
    cluster: Cluster,
    node: Option<Node>,
}

/// What a witness does not have.
struct Node {
    data_plane: forwarding::Handle,
    load: Arc<Load>,
    lags: Lags,
}

impl Running {
    async fn start(args: &MemberArgs, subsystem: &mut Subsystem) -> anyhow::Result<Self> {
        let clock = Clock::start();
        let cluster = raft::start(plan(args), clock, subsystem)
            .await
            .context("the groups do not start")?;
        let node = match kind(args.number) {
            MemberKind::Node => Some(Node::start(args, &cluster, clock, subsystem)?),
            MemberKind::Witness => None,
        };
        Ok(Self { cluster, node })
    }

    async fn answer(&self) -> anyhow::Result<()> {
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        while let Some(line) = lines.next_line().await? {
            match serde_json::from_str(&line)? {
                Question::Status => {}
                Question::Load(offer) => {
                    let node = self.node.as_ref().context("a witness has no load")?;
                    node.load
                        .start(offer.new_rate, offer.count, offer.known_rate)?;
                }
            }
            let mut output = std::io::stdout().lock();
            writeln!(output, "{}", serde_json::to_string(&self.status())?)?;
            output.flush()?;
        }
        Ok(())
    }

    fn status(&self) -> Status {
        let group = self.cluster.state.status();
        let place = Status {
            healthy: group.health == Health::Ok,
            leader: group.leader.map(|leader| leader.0),
            voters: group
                .members
                .iter()
                .filter(|member| member.role == MemberRole::Voter)
                .count(),
            agreed: self.cluster.state.state().session_count() as u64,
            pending: self.cluster.state.pending() as u64,
            refused: self.cluster.state.refused(),
            ..Status::default()
        };
        let Some(node) = &self.node else {
            return place;
        };
        let counts = node.data_plane.counts();
        Status {
            sessions: counts.sessions,
            digest: counts.digest,
            opened: counts.opened,
            dropped: counts.dropped,
            reasons: node
                .data_plane
                .drops()
                .into_iter()
                .filter(|drop| drop.count > 0)
                .map(|drop| (format!("{:?}", drop.reason), drop.count))
                .collect(),
            offered: node.load.offered(),
            took_ms: node.load.took().as_secs_f64() * 1e3,
            lateness_ms: node.load.lateness().as_secs_f64() * 1e3,
            sent: node.load.sent(),
            lag: node.lags.lock().summary(),
            ..place
        }
    }
}

impl Node {
    fn start(
        args: &MemberArgs,
        cluster: &Cluster,
        clock: Clock,
        subsystem: &mut Subsystem,
    ) -> anyhow::Result<Self> {
        let id = NodeId(args.number);
        let load = Arc::new(Load::new(clock)?);
        let gate = EpochGate::closed();
        let (events, happened): (_, Mailbox<Event>) = mailbox(EVENTS);
        let seed = u64::from(id.0) << 32 | u64::from(cluster.state.incarnation().0);
        let data_plane = forwarding::start_on(
            Box::new(Generated(Arc::clone(&load))),
            site::plan(id, seed, args.workers),
            gate.clone(),
            clock,
            events,
            subsystem,
        )?;
        subsystem.spawn("servers", answer_for_servers(data_plane.clone(), clock));
        if id == NodeId(1) {
            site::grant_everything(&data_plane);
            gate.open(Epoch::NONE.next_for(id));
        }
        let lags = Arc::new(Mutex::default());
        let replicate = bridge::replicate(happened, cluster.state.clone(), clock);
        subsystem.spawn("replicate", replicate);
        bridge::start_programming(
            cluster.state.changes(),
            &data_plane,
            &lags,
            clock,
            subsystem,
        );
        Ok(Self {
            data_plane,
            load,
            lags,
        })
    }
}

/// The servers do not exist, so nobody answers when the data plane asks for their MAC addresses now and
/// then. Ends with the data plane.
async fn answer_for_servers(data_plane: forwarding::Handle, clock: Clock) {
    while data_plane.learn(site::neighbors()).await.is_ok() {
        clock.wait_until(Some(clock.now() + ANSWER)).await;
    }
}

fn plan(args: &MemberArgs) -> ClusterPlan {
    let reached_at = |number| SocketAddr::new(address(number).into(), PORT);
    ClusterPlan {
        cluster_id: "bench".to_owned(),
        me: NodeId(args.number),
        members: (1..=3)
            .map(|number| Member {
                id: NodeId(number),
                name: Name::from(format!("member-{number}")),
                kind: kind(number),
                addresses: vec![reached_at(number)],
            })
            .collect(),
        listen: Listen::Addresses(vec![reached_at(args.number)]),
        data_dir: args.directory.clone(),
        store: raft::StoreKind::default(),
        tls: None,
        timing: Timing::default(),
        limits: Limits::default(),
    }
}

const fn kind(number: u8) -> MemberKind {
    match number {
        1 | 2 => MemberKind::Node,
        _ => MemberKind::Witness,
    }
}
