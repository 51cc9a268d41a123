//! Many kernel TCP connections that exchange checked bytes for as long as they live.
//!
//! Each one sends a block every interval, waits for its echo and compares it byte for byte. It is
//! dead when the kernel says so (reset, closed, timed out) or when an echo stays out too long.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use runtime::Clock;
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::pattern::{LONGEST, block};
use super::{TrafficError, socket_error};
use crate::host::Host;
use crate::netns::NamespaceError;

/// Handshakes under way at once: enough to be quick, few enough not to drown two cores.
const CONNECTING: usize = 64;

/// How many connections, and how they behave.
#[derive(Clone, Copy, Debug)]
pub struct TcpOptions {
    /// The echo server.
    pub target: SocketAddr,
    /// How many connections.
    pub connections: u32,
    /// Time between a connection's blocks.
    pub interval: Duration,
    /// A connection is dead when an echo (or its handshake) takes longer.
    pub deadline: Duration,
}

impl TcpOptions {
    /// A block every 100 ms, ten seconds of patience.
    pub const fn new(target: SocketAddr, connections: u32) -> Self {
        Self {
            target,
            connections,
            interval: Duration::from_millis(100),
            deadline: Duration::from_secs(10),
        }
    }
}

/// What became of the connections.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct TcpReport {
    /// Connections whose handshake succeeded.
    pub opened: u64,
    /// Connections that could not be opened.
    pub refused: u64,
    /// Opened connections that still work.
    pub alive: u64,
    /// Blocks whose echo had other bytes.
    pub corrupt: u64,
    /// Blocks that came back.
    pub exchanged: u64,
    /// The longest that a connection waited for an echo, since it was last asked for.
    pub longest_stall_ms: u64,
}

#[derive(Debug, Default)]
struct Tally {
    opened: AtomicU64,
    refused: AtomicU64,
    dead: AtomicU64,
    corrupt: AtomicU64,
    exchanged: AtomicU64,
    longest_stall_ms: AtomicU64,
    /// Number of the latest demand for a proof of life.
    demand: AtomicU64,
    /// Connections that have met it.
    proven: AtomicU64,
}

/// Why connections died, and how many for each reason.
pub type Deaths = BTreeMap<String, u64>;

/// Running connections.
#[derive(Debug)]
pub struct TcpTraffic {
    tally: Arc<Tally>,
    wanted: u64,
    stop: watch::Sender<bool>,
    thread: JoinHandle<Result<Deaths, NamespaceError>>,
}

impl TcpTraffic {
    /// Starts to open the connections from `host`.
    pub fn start(host: &Host, options: TcpOptions, clock: Clock) -> Result<Self, TrafficError> {
        let tally = Arc::<Tally>::default();
        let (stop, stopped) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(socket_error("runtime"))?;
        let counted = Arc::clone(&tally);
        let thread = host.thread("tcp-traffic", move || {
            runtime.block_on(run_all(options, clock, &counted, stopped))
        })?;
        Ok(Self {
            tally,
            wanted: u64::from(options.connections),
            stop,
            thread,
        })
    }

    /// Whether every connection is open or has been refused.
    pub fn is_settled(&self) -> bool {
        let report = self.report();
        report.opened + report.refused >= self.wanted
    }

    /// The numbers of this moment.
    pub fn report(&self) -> TcpReport {
        self.tally.report()
    }

    /// Forgets the longest stall, so that the next one asked for is of the time from now on.
    pub fn forget_stalls(&self) {
        self.tally.longest_stall_ms.store(0, Ordering::Relaxed);
    }

    /// Demands a proof of life: from now on [`TcpTraffic::proven`] counts the connections that have
    /// sent a block and got it back since.
    pub fn demand_proof(&self) {
        self.tally.proven.store(0, Ordering::SeqCst);
        self.tally.demand.fetch_add(1, Ordering::SeqCst);
    }

    /// Connections that have met the latest demand.
    pub fn proven(&self) -> u64 {
        self.tally.proven.load(Ordering::SeqCst)
    }

    /// Lets every connection prove itself once more, closes them, and gives the final numbers.
    pub fn stop(self) -> Result<(TcpReport, Deaths), TrafficError> {
        self.stop.send_replace(true);
        let deaths = self
            .thread
            .join()
            .map_err(|_| TrafficError::Panicked("the TCP connections"))??;
        Ok((self.tally.report(), deaths))
    }
}

impl Tally {
    fn report(&self) -> TcpReport {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        // The dead are read first: a connection that dies in between is not counted as one too few.
        let dead = get(&self.dead);
        let opened = get(&self.opened);
        TcpReport {
            opened,
            refused: get(&self.refused),
            alive: opened.saturating_sub(dead),
            corrupt: get(&self.corrupt),
            exchanged: get(&self.exchanged),
            longest_stall_ms: get(&self.longest_stall_ms),
        }
    }
}

async fn run_all(
    options: TcpOptions,
    clock: Clock,
    tally: &Arc<Tally>,
    stop: watch::Receiver<bool>,
) -> Deaths {
    let handshakes = Arc::new(Semaphore::new(CONNECTING));
    let mut connections = JoinSet::new();
    for number in 0..options.connections {
        let (tally, handshakes) = (Arc::clone(tally), Arc::clone(&handshakes));
        let connection = Connection {
            number,
            options,
            clock,
            tally,
            stop: stop.clone(),
        };
        connections.spawn(connection.live(handshakes));
    }
    let mut deaths = Deaths::new();
    while let Some(ended) = connections.join_next().await {
        if let Err(death) = ended.unwrap_or_else(|panic| Err(panic.to_string())) {
            *deaths.entry(death).or_default() += 1;
        }
    }
    deaths
}

struct Connection {
    number: u32,
    options: TcpOptions,
    clock: Clock,
    tally: Arc<Tally>,
    stop: watch::Receiver<bool>,
}

impl Connection {
    async fn live(self, handshakes: Arc<Semaphore>) -> Result<(), String> {
        let stream = {
            // The semaphore is never closed.
            let _turn = handshakes.acquire().await;
            self.open().await
        };
        match stream {
            Ok(stream) => {
                self.tally.opened.fetch_add(1, Ordering::Relaxed);
                let end = self.converse(stream).await;
                if end.is_err() {
                    self.tally.dead.fetch_add(1, Ordering::Relaxed);
                }
                end.map_err(|error| format!("died: {error}"))
            }
            Err(error) => {
                self.tally.refused.fetch_add(1, Ordering::Relaxed);
                Err(format!("not opened: {error}"))
            }
        }
    }

    async fn open(&self) -> io::Result<TcpStream> {
        let stream = timeout(
            self.options.deadline,
            TcpStream::connect(self.options.target),
        )
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn converse(&self, mut stream: TcpStream) -> io::Result<()> {
        // Connections start spread over an interval, or all would send in the same moment.
        let share = f64::from(self.number) / f64::from(self.options.connections.max(1));
        let mut stop = self.stop.clone();
        let mut proven = 0;
        tokio::time::sleep(self.options.interval.mul_f64(share)).await;
        let mut turns = interval(self.options.interval);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for sequence in 0.. {
            // Cancel safe: both only wait.
            let stopping = tokio::select! {
                _turn = turns.tick() => false,
                _stop = stop.wait_for(|stop| *stop) => true,
            };
            // Read before the block leaves: an echo that was on its way proves nothing.
            let demand = self.tally.demand.load(Ordering::SeqCst);
            self.exchange(&mut stream, sequence).await?;
            if demand > proven {
                proven = demand;
                self.tally.proven.fetch_add(1, Ordering::SeqCst);
            }
            if stopping {
                break;
            }
        }
        Ok(())
    }

    async fn exchange(&self, stream: &mut TcpStream, sequence: u32) -> io::Result<()> {
        let mut sent = [0; LONGEST];
        let mut received = [0; LONGEST];
        let block = block(self.number, sequence, &mut sent);
        let echo = received.get_mut(..block.len()).unwrap_or_default();
        let begun = self.clock.now();
        let turn = async {
            stream.write_all(block).await?;
            stream.read_exact(echo).await
        };
        timeout(self.options.deadline, turn)
            .await
            .map_err(|_| io::Error::other("no echo within the deadline"))??;
        let stall = self.clock.now().saturating_since(begun).as_millis();
        let stall = u64::try_from(stall).unwrap_or(u64::MAX);
        self.tally
            .longest_stall_ms
            .fetch_max(stall, Ordering::Relaxed);
        self.tally.exchanged.fetch_add(1, Ordering::Relaxed);
        if echo != block {
            self.tally.corrupt.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}
