//! The load: operators who read what runs and commit something else, as fast as they are answered, and
//! hosts behind the router that open a session after the other.

use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use runtime::Clock;

use super::notebook::{Notebook, Span, digest};
use crate::cluster::{Cluster, Member};
use crate::netns::NamespaceError;
use crate::operator::{Operator, Told};
use crate::topology::pair_witness::SERVER;
use crate::topology::{PairWitness, Side};

/// Between two questions to a node that does not answer: it is dead, or on its way back.
const AWAY: Duration = Duration::from_millis(50);
/// One turn of so many begins with reading what the node runs.
const READS: u64 = 3;
/// Between two new sessions: the state group has something to agree on all the time.
const CHURN: Duration = Duration::from_millis(20);
/// The discard service (RFC 863): nobody answers.
const DISCARD: u16 = 9;
/// Where a text of the laboratory's site takes one more tenant.
const BEFORE: &str = "        service  internet\n";

/// Everybody who loads the cluster. Dropped, they stop.
#[derive(Debug)]
pub(super) struct Clients {
    stop: Arc<AtomicBool>,
    operators: Vec<JoinHandle<anyhow::Result<()>>>,
    hosts: Option<JoinHandle<Result<u64, NamespaceError>>>,
}

/// One operator.
#[derive(Debug)]
struct Client {
    number: u8,
    side: Side,
    operator: Operator,
    file: PathBuf,
    text: String,
    clock: Clock,
    notebook: Arc<Notebook>,
    stop: Arc<AtomicBool>,
}

impl Clients {
    /// Starts `count` operators, one node after the other, and the hosts.
    pub(super) fn start(
        cluster: &Cluster,
        count: u8,
        text: &str,
        clock: Clock,
        notebook: &Arc<Notebook>,
    ) -> anyhow::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut clients = Self {
            stop: Arc::clone(&stop),
            operators: Vec::new(),
            hosts: None,
        };
        for (number, side) in (1..=count).zip(Side::BOTH.into_iter().cycle()) {
            let member = Member::Node(side);
            let client = Client {
                number,
                side,
                operator: cluster.operator(side),
                file: cluster.home(member).join(format!("client-{number}.conf")),
                text: text.to_owned(),
                clock,
                notebook: Arc::clone(notebook),
                stop: Arc::clone(&stop),
            };
            let thread = std::thread::Builder::new().name(format!("client-{number}"));
            clients.operators.push(thread.spawn(move || client.run())?);
        }
        clients.hosts = Some(open_sessions(cluster.network(), stop)?);
        Ok(clients)
    }

    /// Fails if one of them cannot go on.
    pub(super) fn check(&mut self) -> anyhow::Result<()> {
        let ended = self.operators.iter().position(JoinHandle::is_finished);
        match ended {
            Some(at) => joined(self.operators.swap_remove(at)).context("a client has ended"),
            None => Ok(()),
        }
    }

    /// Stops everybody, and waits until they have; gives how many sessions the hosts opened.
    pub(super) fn stop(mut self) -> anyhow::Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        for operator in self.operators.drain(..) {
            joined(operator).context("a client failed")?;
        }
        let Some(hosts) = self.hosts.take() else {
            return Ok(0);
        };
        Ok(hosts
            .join()
            .map_err(|_| anyhow::anyhow!("the hosts' thread broke"))??)
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn joined(thread: JoinHandle<anyhow::Result<()>>) -> anyhow::Result<()> {
    thread
        .join()
        .map_err(|_| anyhow::anyhow!("its thread broke"))?
}

impl Client {
    fn run(self) -> anyhow::Result<()> {
        let mut turn = 0_u64;
        let mut base = None;
        while !self.stop.load(Ordering::Relaxed) {
            turn += 1;
            // Who has just been told what is the newest need not ask; but nodes' own words are wanted, too.
            if turn.is_multiple_of(READS) {
                base = None;
            }
            let Some(newest) = base.or_else(|| self.read()) else {
                std::thread::sleep(AWAY);
                continue;
            };
            base = self.commit(turn, newest)?;
        }
        Ok(())
    }

    /// What the node runs, if it is there.
    fn read(&self) -> Option<u64> {
        let asked = self.clock.now();
        let shown = self.operator.config().ok()?;
        self.notebook.read(self.side, self.since(asked), &shown);
        Some(shown.revision)
    }

    /// Commits on `base`; gives the newest revision, if the answer says it.
    fn commit(&self, turn: u64, base: u64) -> anyhow::Result<Option<u64>> {
        let text = self.next_text(turn);
        std::fs::write(&self.file, &text)?;
        let asked = self.clock.now();
        let told = self.operator.commit(&self.file, base)?;
        let span = self.since(asked);
        self.notebook
            .commit(self.side, span, base, digest(&text), &told);
        Ok(match told {
            Told::Committed { revision, .. } | Told::Stale { revision, .. } => Some(revision),
            Told::Unknown | Told::NotDone(_) => None,
        })
    }

    /// No two commits of a run have the same text.
    fn next_text(&self, turn: u64) -> String {
        let name = format!("load-{}-{turn}", self.number);
        let tenant =
            format!("        tenant  {name}\n            name  {name}\n        exit\n{BEFORE}");
        self.text.replacen(BEFORE, &tenant, 1)
    }

    fn since(&self, asked: types::Instant) -> Span {
        Span {
            asked,
            answered: self.clock.now(),
        }
    }
}

/// Opens a session after the other through the pair; what is sent is lost while nobody is active.
fn open_sessions(
    network: &PairWitness,
    stop: Arc<AtomicBool>,
) -> anyhow::Result<JoinHandle<Result<u64, NamespaceError>>> {
    let target = SocketAddr::from((SERVER, DISCARD));
    Ok(network.client.thread("hosts", move || {
        let mut opened = 0;
        while !stop.load(Ordering::Relaxed) {
            // Each new socket is another client to the router.
            let socket = UdpSocket::bind("0.0.0.0:0");
            let sent = socket.and_then(|socket| socket.send_to(b"hello", target));
            opened += u64::from(sent.is_ok());
            std::thread::sleep(CHURN);
        }
        opened
    })?)
}
