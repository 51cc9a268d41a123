//! What a witness costs: bytes on its links and memory of its process, idle and beside a busy pair.
//!
//! Everything to and from the witness goes through a counting relay on loopback. The packets' headers are
//! estimated: each piece that arrives is a segment, and every other segment is acknowledged by a bare one.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may fail where it stands, and ends its relays with itself"
)]

mod support;

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use raft::{
    Cluster, ClusterPlan, GroupStatus, Health, Limits, Listen, Member, MemberKind, MemberRole,
    StoreKind, Timing,
};
use runtime::{Clock, Subsystem};
use support::{eventually, put};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use types::{Name, NodeId};

/// Ethernet, IP, TCP with timestamps.
const HEADERS: u64 = 14 + 20 + 32;
/// What the links may carry.
const MOST_KBIT: u64 = 50;
/// What the process may take up beside its program's text, which is mapped from the file.
const MOST_MIB: u64 = 20;
/// Entries a second of a machine that has other things to do.
const SLUGGISH: u64 = 50;
const NODES: [NodeId; 2] = [NodeId(1), NodeId(2)];
const WITNESS: NodeId = NodeId(3);

#[derive(Default)]
struct Meter {
    bytes: AtomicU64,
    segments: AtomicU64,
}

impl Meter {
    /// Kilobits a second while `during` lasts, without and with headers.
    async fn rate(&self, during: impl Future<Output = ()>) -> (u64, u64) {
        let read = || {
            let segments = self.segments.load(Ordering::Relaxed);
            (self.bytes.load(Ordering::Relaxed), segments)
        };
        let (begun, before) = (Instant::now(), read());
        during.await;
        let after = read();
        let (bytes, segments) = (after.0 - before.0, after.1 - before.1);
        let all = bytes + segments * 3 / 2 * HEADERS;
        let millis = u64::try_from(begun.elapsed().as_millis()).unwrap();
        (bytes * 8 / millis, all * 8 / millis)
    }
}

/// An address behind which `target` is.
async fn relay(target: SocketAddr, meter: Arc<Meter>) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let Ok(far) = TcpStream::connect(target).await else {
                continue;
            };
            near.set_nodelay(true).unwrap();
            far.set_nodelay(true).unwrap();
            let (near_in, near_out) = near.into_split();
            let (far_in, far_out) = far.into_split();
            tokio::spawn(carry(near_in, far_out, Arc::clone(&meter)));
            tokio::spawn(carry(far_in, near_out, Arc::clone(&meter)));
        }
    });
    address
}

async fn carry(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    meter: Arc<Meter>,
) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let bytes = u64::try_from(count).unwrap();
        meter.bytes.fetch_add(bytes, Ordering::Relaxed);
        meter
            .segments
            .fetch_add(bytes.div_ceil(1_448), Ordering::Relaxed);
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

fn plan(
    me: NodeId,
    addresses: [SocketAddr; 3],
    listener: TcpListener,
    folder: &Path,
) -> ClusterPlan {
    let member = |(id, address): (u8, SocketAddr)| Member {
        id: NodeId(id),
        name: Name::from(format!("member-{id}")),
        kind: match id {
            3 => MemberKind::Witness,
            _ => MemberKind::Node,
        },
        addresses: vec![address],
    };
    ClusterPlan {
        cluster_id: "cost".to_owned(),
        me,
        members: (1..).zip(addresses).map(member).collect(),
        listen: Listen::Bound(vec![listener]),
        data_dir: folder.join(me.to_string()),
        store: StoreKind::default(),
        tls: None,
        timing: Timing::default(),
        limits: Limits::default(),
    }
}

/// The witness, as the product runs it.
fn witness(words: &[String]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let address = |word: &String| word.parse::<SocketAddr>().unwrap();
    let addresses = [0, 1, 2].map(|place| address(&words[place]));
    let listener = TcpListener::bind(addresses[2]).unwrap();
    let plan = plan(WITNESS, addresses, listener, &PathBuf::from(&words[3]));
    runtime.block_on(async {
        let mut subsystem = Subsystem::default();
        let _cluster = raft::start(plan, Clock::start(), &mut subsystem)
            .await
            .unwrap();
        let _end = subsystem.first_end().await;
    });
}

/// Ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _gone_already = self.0.kill();
        let _gone_already = self.0.wait();
    }
}

impl Process {
    /// Megabytes of the process: anonymous memory, and pages of files.
    fn mib(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let kib = |key: &str| -> u64 {
            let line = status.lines().find(|line| line.starts_with(key)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        (kib("RssAnon:") / 1_024, kib("RssFile:") / 1_024)
    }
}

fn main() {
    let words: Vec<_> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "witness") {
        return witness(&words[1..]);
    }
    // What the test runner asks of every program with tests.
    if words.iter().any(|word| word == "--list") {
        println!("a_witness_is_cheap: test");
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(a_witness_is_cheap());
}

async fn a_witness_is_cheap() {
    let folder = tempfile::tempdir().unwrap();
    let meter = Arc::<Meter>::default();
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let real = [0, 1, 2].map(|place| listeners[place].local_addr().unwrap());
    let mut seen = real;
    for place in 0..3 {
        seen[place] = relay(real[place], Arc::clone(&meter)).await;
    }
    let [first, second, third] = listeners;
    drop(third);
    // The witness is reached by relay, and reaches the nodes by relays. The nodes reach each other directly.
    let process = Command::new(std::env::current_exe().unwrap())
        .arg("witness")
        .args([seen[0], seen[1], real[2]].map(|address| address.to_string()))
        .arg(folder.path())
        .spawn()
        .unwrap();
    let process = Process(process);
    let mut running = Vec::new();
    for (id, listener) in NODES.into_iter().zip([first, second]) {
        let plan = plan(id, [real[0], real[1], seen[2]], listener, folder.path());
        let mut subsystem = Subsystem::default();
        let cluster = raft::start(plan, Clock::start(), &mut subsystem)
            .await
            .unwrap();
        running.push((subsystem, cluster));
    }
    let clusters: Vec<&Cluster> = running.iter().map(|(_, cluster)| cluster).collect();
    eventually("everybody votes in both groups", || {
        clusters.iter().all(|it| complete(it))
    })
    .await;
    // Until the leader trusts the other node.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let idle = meter
        .rate(tokio::time::sleep(Duration::from_secs(10)))
        .await;
    let before = process.mib();
    let mut rate = 0;
    let loading = async { rate = load(clusters[0], Duration::from_secs(10)).await };
    let busy = meter.rate(loading).await;
    let after = process.mib();
    println!(
        "idle: {} kbit/s, {} with headers (estimated)",
        idle.0, idle.1
    );
    println!(
        "busy: {} kbit/s, {} with headers (estimated)",
        busy.0, busy.1
    );
    println!(
        "memory: {} MiB before, {} MiB after the load, and {} MiB of files",
        before.0, after.0, after.1
    );
    assert!(idle.1 < MOST_KBIT);
    // Where the other node cannot keep up, its acknowledgements are late, and the witness is needed.
    assert!(busy.1 < MOST_KBIT || rate < SLUGGISH, "{rate} entries/s");
    assert!(after.0 < MOST_MIB);
    // Nothing of it came at the cost of its vote.
    assert!(clusters.iter().all(|it| complete(it)));
}

fn complete(cluster: &Cluster) -> bool {
    let complete = |status: &GroupStatus| {
        let votes = |member: &raft::MemberStatus| member.role == MemberRole::Voter;
        status.health == Health::Ok && status.members.iter().all(votes)
    };
    complete(&cluster.control.status()) && complete(&cluster.state.status())
}

/// As many batches as a pair ever makes: what a witness gets depends on their number alone.
async fn load(cluster: &Cluster, during: Duration) -> u64 {
    let (begun, mut next) = (Instant::now(), 0);
    let entries = || cluster.state.status().last_log;
    let before = entries();
    while begun.elapsed() < during {
        let sessions =
            (next..next + 50).map(|id| put(id % 20_000, 1 + u32::try_from(id / 20_000).unwrap()));
        cluster.state.publish(sessions.collect(), vec![]).unwrap();
        next += 50;
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    let rate = (entries() - before) / during.as_secs();
    println!("{rate} entries/s");
    assert!(rate > 10, "that is no load");
    rate
}
