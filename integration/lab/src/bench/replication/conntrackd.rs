//! The peer: two kernel routers with conntrackd in its reliable mode, and a generator of first packets.
//!
//! ```text
//!  generator ── lan0 ── router 1 (conntrack, source NAT) ── wan0 ── sink
//!                          │ ha0: conntrackd, FT-FW
//!                       router 2
//! ```

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use ipnet::{IpNet, Ipv4Net};
use runtime::Clock;
use serde::Serialize;

use super::super::forwarding::session::own_mac;
use super::super::peer::{Missing, check_programs, finish, program};
use super::frames::{FRAME, Frames};
use super::ours::{NEARLY, count_f64};
use crate::host::{Change, Host};
use crate::link::Wire;
use crate::process::Process;
use crate::progress::Progress;
use crate::sys::{BATCH, FrameSender};

/// What it is called in reports.
pub(super) const NAME: &str = "conntrackd FT-FW";
/// Programs and the Debian packages that bring them.
const PROGRAMS: [(&str, &str); 3] = [
    ("conntrackd", "conntrackd"),
    ("conntrack", "conntrack"),
    ("nft", "nftables"),
];
/// After this time the standby must hold every connection, as ours must.
const GRACE: Duration = Duration::from_secs(1);
/// The daemons' own flows are among what a kernel tracks.
const OWN_FLOWS: u64 = 4;
/// For the daemons to start.
const DEADLINE: Duration = Duration::from_secs(10);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);
/// For the daemons to find each other.
const SETTLE: Duration = Duration::from_secs(1);
/// The generator sleeps so long when nothing is due.
const PAUSE: Duration = Duration::from_millis(1);
const WAN: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
const SINK: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);

/// Where the standby keeps what it is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub(super) enum Keeps {
    /// In the daemon's external cache, until a takeover commits it.
    Cache,
    /// In the kernel at once: the only mode in which a takeover copies nothing, as with ours.
    Kernel,
}

impl Keeps {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Cache => "external cache",
            Self::Kernel => "straight into the kernel",
        }
    }
}

/// One rate and what came of it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct PeerStep {
    pub(super) keeps: Keeps,
    pub(super) offered_per_second: u64,
    pub(super) created_per_second: f64,
    pub(super) created: u64,
    pub(super) held_after_a_second: u64,
    pub(super) holds: bool,
}

/// Whether everything that the peer consists of is installed.
pub(super) fn check_installed() -> Result<(), Missing> {
    check_programs(&PROGRAMS)
}

/// What the kernel tracks at most.
pub(super) fn most_connections() -> anyhow::Result<u64> {
    let text = std::fs::read_to_string("/proc/sys/net/netfilter/nf_conntrack_max")
        .context("the kernel tracks no connections")?;
    Ok(text.trim().parse()?)
}

/// Offers `count` new connections, `rate` a second, to routers of their own.
pub(super) fn step(
    home: PathBuf,
    keeps: Keeps,
    (rate, count): (u64, u64),
    clock: Clock,
    progress: &Progress,
) -> anyhow::Result<PeerStep> {
    let mut routers = Routers::start(home, keeps, clock)?;
    let gateway = own_mac(&routers.active, "lan0")?;
    let frames = Frames::to(gateway)?;
    let seconds = routers
        .generator
        .run(|| offer(&frames, rate, count, clock))??
        .as_secs_f64();
    std::thread::sleep(GRACE);
    let held = routers.held()?;
    let created = in_kernel(&routers.active)?;
    let created_per_second = count_f64(count) / seconds;
    let step = PeerStep {
        keeps,
        offered_per_second: rate,
        created_per_second,
        created,
        held_after_a_second: held,
        // A frame that the kernel lost before it became a connection is not the daemon's fault.
        holds: created_per_second >= NEARLY * count_f64(rate)
            && count_f64(created) >= NEARLY * count_f64(count)
            && held + OWN_FLOWS >= created,
    };
    progress.step(&format!(
        "{NAME}, {}: {rate} sessions/s: {:.0}/s created, standby holds {held} of {count} after 1 s; {}",
        keeps.words(),
        step.created_per_second,
        if step.holds { "holds" } else { "does not hold" }
    ));
    Ok(step)
}

/// Sends the first packets of `count` sessions at a steady rate; how long it took.
fn offer(frames: &Frames, rate: u64, count: u64, clock: Clock) -> anyhow::Result<Duration> {
    let link = FrameSender::open("lan0").context("the generator has no packet socket")?;
    let begun = clock.now();
    let mut sent = 0;
    let mut batch: Vec<[u8; FRAME]> = Vec::with_capacity(BATCH);
    while sent < count {
        let passed = (clock.now() - begun).as_nanos();
        let due = u64::try_from(passed * u128::from(rate) / 1_000_000_000)?.min(count);
        if due == sent {
            std::thread::sleep(PAUSE);
            continue;
        }
        batch.clear();
        for number in (sent..due).take(BATCH) {
            batch.push(frames.of(number)?);
        }
        sent += u64::try_from(link.send(&batch)?)?;
    }
    Ok(clock.now() - begun)
}

struct Routers {
    generator: Host,
    active: Host,
    standby: Host,
    _sink: Host,
    keeps: Keeps,
    home: PathBuf,
    clock: Clock,
    daemons: Vec<Process>,
}

impl Routers {
    fn start(home: PathBuf, keeps: Keeps, clock: Clock) -> anyhow::Result<Self> {
        let [generator, active, standby, sink] = [
            Host::new("generator")?,
            Host::new("router-1")?,
            Host::new("router-2")?,
            Host::new("sink")?,
        ];
        Wire::between(&generator, &active, "lan0")?;
        Wire::between(&active, &sink, "wan0")?;
        Wire::between(&standby, &active, "ha0")?;
        prepare(&active, &standby, &sink)?;
        let mut routers = Self {
            generator,
            active,
            standby,
            _sink: sink,
            keeps,
            home,
            clock,
            daemons: Vec::new(),
        };
        let daemons = [
            routers.launch(&routers.active, 1)?,
            routers.launch(&routers.standby, 2)?,
        ];
        routers.daemons = daemons.into();
        std::thread::sleep(SETTLE);
        Ok(routers)
    }

    fn home(&self, number: u8) -> PathBuf {
        self.home.join(number.to_string())
    }

    /// Translation rules, then the daemon.
    fn launch(&self, host: &Host, number: u8) -> anyhow::Result<Process> {
        let home = self.home(number);
        std::fs::create_dir_all(&home)?;
        let rules = home.join("nat.nft");
        std::fs::write(&rules, nat())?;
        let rules = rules.to_str().context("a path of the laboratory is text")?;
        finish(
            host,
            "nft",
            Command::new(program("nft")?),
            &["-f", rules],
            &home,
        )?;
        let file = home.join("conntrackd.conf");
        std::fs::write(&file, configuration(&home, number, self.keeps))?;
        let mut command = Command::new(program("conntrackd")?);
        command.arg("-C").arg(&file);
        let daemon = Process::start(host, "conntrackd", command, &home.join("log"))?;
        let deadline = self.clock.now() + DEADLINE;
        while !home.join("conntrackd.ctl").exists() {
            let words = daemon.last_words(6);
            ensure!(
                self.clock.now() < deadline,
                "conntrackd does not start: {words}"
            );
            std::thread::sleep(LOOK);
        }
        Ok(daemon)
    }

    /// Connections that the standby holds; an error if a daemon has ended.
    fn held(&mut self) -> anyhow::Result<u64> {
        for daemon in &mut self.daemons {
            let words = daemon.last_words(6);
            ensure!(daemon.ended()?.is_none(), "conntrackd has ended: {words}");
        }
        match self.keeps {
            Keeps::Kernel => in_kernel(&self.standby),
            Keeps::Cache => {
                let file = self.home(2).join("conntrackd.conf");
                let mut command = Command::new(program("conntrackd")?);
                command.arg("-C").arg(file).arg("-s");
                let said = output(&self.standby, command)?;
                let (_, external) = said.split_once("cache external").context("no such cache")?;
                let line = external
                    .lines()
                    .find(|line| line.contains("current active"));
                let figure = line.and_then(|line| line.split_whitespace().last());
                Ok(figure.context("the cache does not say its size")?.parse()?)
            }
        }
    }
}

/// Connections that a router's kernel tracks.
fn in_kernel(host: &Host) -> anyhow::Result<u64> {
    let mut command = Command::new(program("conntrack")?);
    command.arg("-C");
    Ok(output(host, command)?.trim().parse()?)
}

fn output(host: &Host, mut command: Command) -> anyhow::Result<String> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let output = host.spawn(command)?.wait_with_output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn prepare(active: &Host, standby: &Host, sink: &Host) -> anyhow::Result<()> {
    let net = |address: Ipv4Addr, length| IpNet::V4(Ipv4Net::new_assert(address, length));
    active.apply(&[
        Change::Address("lan0", net(Ipv4Addr::new(198, 18, 0, 1), 16)),
        Change::Address("wan0", net(WAN, 24)),
        Change::Address("ha0", net(ha_address(1), 24)),
        Change::Route {
            to: net(Ipv4Addr::new(198, 51, 100, 0), 24),
            via: SINK.into(),
        },
    ])?;
    standby.apply(&[Change::Address("ha0", net(ha_address(2), 24))])?;
    // The sink is every server behind the WAN, and says nothing.
    sink.apply(&[Change::Address("wan0", net(SINK, 24))])?;
    let servers = (26_u8..=250).step_by(16);
    let servers: Vec<_> = servers
        .map(|last| net(Ipv4Addr::new(203, 0, 113, last), 32))
        .collect();
    for server in servers {
        sink.apply(&[Change::Address("wan0", server)])?;
    }
    for setting in ["all", "default", "lan0"] {
        active.set(&format!("ipv4.conf.{setting}.rp_filter"), "0")?;
    }
    // Closed ports would be answered by ICMP, which ends nothing but takes time.
    sink.set("ipv4.icmp_ratemask", "65535")?;
    sink.set("ipv4.icmp_ratelimit", "1000000")?;
    Ok(active.forward()?)
}

const fn ha_address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(198, 19, 0, number)
}

fn nat() -> String {
    format!(
        "table ip nat {{
    chain postrouting {{
        type nat hook postrouting priority srcnat;
        oifname \"wan0\" ip saddr 198.18.0.0/16 snat to {WAN}
    }}
}}
"
    )
}

/// Sizes are for what is offered; everything else as in the failover benchmark.
fn configuration(home: &Path, number: u8, keeps: Keeps) -> String {
    let (local, remote) = (ha_address(number), ha_address(3 - number));
    let home = home.display();
    let external = match keeps {
        Keeps::Cache => "Off",
        Keeps::Kernel => "On",
    };
    format!(
        "Sync {{
    Mode FTFW {{
        ResendQueueSize 524288
        ACKWindowSize 300
        DisableExternalCache {external}
    }}
    UDP {{
        IPv4_address {local}
        IPv4_Destination_Address {remote}
        Port 3780
        Interface ha0
        SndSocketBuffer 16777216
        RcvSocketBuffer 16777216
        Checksum on
    }}
}}
General {{
    Systemd off
    HashSize 262144
    HashLimit 1048576
    LogFile {home}/conntrackd.messages
    LockFile {home}/conntrackd.lock
    UNIX {{
        Path {home}/conntrackd.ctl
    }}
    NetlinkBufferSize 16777216
    NetlinkBufferSizeMaxGrowth 67108864
    Filter From Userspace {{
        Protocol Accept {{
            TCP
            UDP
        }}
        Address Ignore {{
            IPv4_address 127.0.0.1
            IPv4_address {local}
            IPv4_address {remote}
        }}
    }}
}}
"
    )
}
