//! What a witness costs: bytes on its links while nothing happens, and memory of its process.
//!
//! Everything to and from the witness goes through a counting relay on loopback. The packets' headers are
//! estimated: each piece that arrives is a segment, and every other segment is acknowledged by a bare one.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test may fail where it stands, and ends its relays with itself"
)]

mod child;
mod support;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use child::{Process, is_complete, plan};
use raft::Cluster;
use runtime::{Clock, Subsystem};
use support::{eventually, put};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use types::NodeId;

/// Ethernet, IP, TCP with timestamps.
const HEADERS: u64 = 14 + 20 + 32;
/// What the links may carry.
const MOST_KBIT: u64 = 50;
/// What the process may take up beside its program's text, which is mapped from the file.
const MOST_MIB: u64 = 20;
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

fn main() {
    child::program("a_witness_is_cheap", a_witness_is_cheap);
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
    let process = Process::start(WITNESS, [seen[0], seen[1], real[2]], folder.path());
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
        clusters.iter().all(|it| is_complete(it))
    })
    .await;
    // Until the leader trusts the other node.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let idle = meter
        .rate(tokio::time::sleep(Duration::from_secs(10)))
        .await;
    let mib = || {
        (
            process.kib("RssAnon:") / 1_024,
            process.kib("RssFile:") / 1_024,
        )
    };
    let before = mib();
    let busy = meter.rate(load(clusters[0], Duration::from_secs(10))).await;
    let after = mib();
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
    // Beside a busy pair it depends on whether this machine keeps up: `witness_traffic.rs` counts that on a
    // clock of its own.
    assert!(idle.1 < MOST_KBIT);
    assert!(after.0 < MOST_MIB);
    // Nothing of it came at the cost of its vote.
    assert!(clusters.iter().all(|it| is_complete(it)));
}

/// As many batches as a pair ever makes: what a witness gets depends on their number alone.
async fn load(cluster: &Cluster, during: Duration) {
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
}
