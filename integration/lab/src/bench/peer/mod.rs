//! The peer: two kernel routers with keepalived (VRRPv3, virtual MACs, one sync group) and conntrackd
//! (FT-FW, entries straight into the standby's kernel), nftables for the source NAT.

mod files;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use ipnet::IpNet;
use runtime::Clock;
use types::Instant;

use super::pair::Pair;
use crate::host::{Change, Host, Unknown};
use crate::process::Process;
use crate::progress::Progress;
use crate::sandbox::Sandbox;
use crate::topology::{PairWitness, Side};
use crate::traffic::unix_nanos;

/// What the peer is called in reports.
pub(super) const NAME: &str = "keepalived + conntrackd";

/// How long the routers may take to find their roles and to copy their connections.
const READY_DEADLINE: Duration = Duration::from_secs(30);
/// Time between two looks at the routers.
const LOOK: Duration = Duration::from_millis(100);

/// A router says "backup" at once, but takes over only after its `vrrp_startup_delay` of a second.
const SETTLING: Duration = Duration::from_millis(1500);

/// Programs and the Debian packages that bring them.
const PROGRAMS: [(&str, &str); 4] = [
    ("keepalived", "keepalived"),
    ("conntrackd", "conntrackd"),
    ("nft", "nftables"),
    ("conntrack", "conntrack"),
];

/// Where Debian keeps system programs; a user's PATH often lacks the first one.
const FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Programs that the comparison needs are not there.
#[derive(Debug, thiserror::Error)]
#[error("these packages are missing: {0}\ninstall them with: sudo apt-get install {0}")]
pub(super) struct Missing(String);

/// Whether everything that the peer consists of is installed.
pub(super) fn check_installed() -> Result<(), Missing> {
    check_programs(&PROGRAMS)
}

/// Whether these programs are installed.
pub(super) fn check_programs(programs: &[(&str, &'static str)]) -> Result<(), Missing> {
    let missing: Vec<_> = programs
        .iter()
        .filter(|(program, _)| find(program).is_none())
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Missing(missing.join(" ")))
    }
}

fn find(program: &str) -> Option<PathBuf> {
    FOLDERS
        .iter()
        .map(|folder| Path::new(folder).join(program))
        .find(|path| path.exists())
}

/// The two kernel routers.
#[derive(Debug)]
pub(super) struct Peer {
    network: PairWitness,
    directory: PathBuf,
    advertisement_ms: u16,
    clock: Clock,
    processes: Vec<(Side, Process)>,
    /// When the router that was started last will take over if it must.
    settled_at: Instant,
}

impl Peer {
    /// Builds the network, and starts both routers.
    pub(super) fn build(
        unknown: Unknown,
        sandbox: &Sandbox,
        advertisement_ms: u16,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let directory = sandbox.directory().join("peer");
        let network = PairWitness::build_with(unknown)?;
        let mut peer = Self {
            network,
            directory,
            advertisement_ms,
            clock,
            processes: Vec::new(),
            settled_at: Instant::START,
        };
        for side in Side::BOTH {
            peer.start(side)?;
        }
        Ok(peer)
    }

    fn start(&mut self, side: Side) -> anyhow::Result<()> {
        let home = self.directory.join(side.name());
        // A machine that was switched on again: no lock, no socket, no process id of before.
        if home.exists() {
            std::fs::remove_dir_all(&home)?;
        }
        std::fs::create_dir_all(&home)?;
        let host = &self.network.node(side).host;
        prepare_kernel(host, side)?;
        files::write(&home, side, self.advertisement_ms)?;
        let rules = Command::new(program("nft")?);
        finish(
            host,
            "nft",
            rules,
            &["-f", &text(&home.join("nat.nft"))?],
            &home,
        )?;
        nix::unistd::mkfifo(&home.join("roles"), nix::sys::stat::Mode::S_IRWXU)?;
        // Roles talk to conntrackd, and keepalived to them: hence this order.
        self.launch(side, &home, "conntrackd", &["-C", "conntrackd.conf"])?;
        self.wait_for_file(&home.join("conntrackd.ctl"))?;
        self.launch(side, &home, "sh", &["roles.sh"])?;
        let keepalived = [
            ["--use-file", "keepalived.conf"],
            ["--pid", "keepalived.pid"],
            ["--vrrp_pid", "vrrp.pid"],
            ["--dont-fork", "--vrrp"],
            ["--log-console", "--no-syslog"],
        ];
        self.launch(side, &home, "keepalived", keepalived.as_flattened())?;
        self.settled_at = self.clock.now() + SETTLING;
        Ok(())
    }

    /// Starts a long-running program of a router; arguments that name its files become paths.
    fn launch(
        &mut self,
        side: Side,
        home: &Path,
        name: &str,
        arguments: &[&str],
    ) -> anyhow::Result<()> {
        let mut command = Command::new(program(name)?);
        for argument in arguments {
            if argument.contains('.') {
                command.arg(home.join(argument));
            } else {
                command.arg(argument);
            }
        }
        let host = &self.network.node(side).host;
        let process = Process::start(host, name, command, &home.join(format!("{name}.log")))?;
        self.processes.push((side, process));
        Ok(())
    }

    fn wait_for_file(&self, file: &Path) -> anyhow::Result<()> {
        let deadline = self.clock.now() + READY_DEADLINE;
        while !file.exists() {
            ensure!(
                self.clock.now() < deadline,
                "{} never appears",
                file.display()
            );
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// The active router, once one has become master and the other one backup by their own words.
    fn active(&self) -> Option<Side> {
        let role = |side: Side| {
            let file = self.directory.join(side.name()).join("sh.log");
            let told = std::fs::read_to_string(file).unwrap_or_default();
            let last = told.lines().rfind(|line| line.starts_with("GROUP"))?;
            last.split(' ').next_back().map(str::to_owned)
        };
        let [a, b] = Side::BOTH.map(role);
        match (a.as_deref(), b.as_deref()) {
            (Some("MASTER"), Some("BACKUP")) => Some(Side::A),
            (Some("BACKUP"), Some("MASTER")) => Some(Side::B),
            _ => None,
        }
    }

    /// Established TCP connections that a router's kernel knows.
    fn connections(&self, side: Side) -> anyhow::Result<u32> {
        let mut command = Command::new(program("conntrack")?);
        command.args(["-L", "-p", "tcp", "--state", "ESTABLISHED"]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let output = self
            .network
            .node(side)
            .host
            .spawn(command)?
            .wait_with_output()?;
        Ok(u32::try_from(
            output
                .stdout
                .split(|byte| *byte == b'\n')
                .count()
                .saturating_sub(1),
        )?)
    }
}

impl Pair for Peer {
    fn network(&self) -> &PairWitness {
        &self.network
    }

    fn wait_until_ready(&mut self, sessions: u32, progress: &Progress) -> anyhow::Result<Side> {
        let deadline = self.clock.now() + READY_DEADLINE;
        loop {
            self.check_running()?;
            let active = self.active();
            let copied = match active {
                Some(side) => self.connections(side.other())?,
                None => 0,
            };
            if let Some(active) = active
                && copied >= sessions
                && self.clock.now() >= self.settled_at
            {
                return Ok(active);
            }
            let name = active.map_or("none", Side::name);
            let told = format!("active: {name}, {copied} of {sessions} connections copied");
            progress.detail(&told);
            if self.clock.now() >= deadline {
                let words = self.processes.iter().map(|(side, process)| {
                    let last = process.last_words(6);
                    format!("\n{} on {}:\n{last}", process.name(), side.name())
                });
                let words: String = words.collect();
                bail!("the routers did not become ready within {READY_DEADLINE:?}: {told}{words}");
            }
            std::thread::sleep(LOOK);
        }
    }

    fn fail(&mut self, side: Side) -> anyhow::Result<u64> {
        let at = unix_nanos();
        self.network.node(side).host.kill_all()?;
        self.network.unplug(side)?;
        self.processes.retain(|(of, _)| *of != side);
        Ok(at)
    }

    fn bring_back(&mut self, side: Side) -> anyhow::Result<()> {
        self.network.replace_node(side)?;
        self.start(side)
    }

    fn check_running(&mut self) -> anyhow::Result<()> {
        for (side, process) in &mut self.processes {
            if process.ended()?.is_some() {
                bail!(
                    "{} on {} ended: {}",
                    process.name(),
                    side.name(),
                    process.last_words(20)
                );
            }
        }
        Ok(())
    }
}

/// A router's kernel: own addresses, forwarding, and no answers for the virtual addresses from the
/// devices below the virtual MACs.
fn prepare_kernel(host: &Host, side: Side) -> anyhow::Result<()> {
    for (device, address) in [("lan0", side.lan()), ("wan0", side.wan())] {
        host.apply(&[Change::Address(device, IpNet::new(address.into(), 24)?)])?;
        host.set(&format!("ipv4.conf.{device}.arp_ignore"), "1")?;
        host.set(&format!("ipv4.conf.{device}.rp_filter"), "0")?;
    }
    host.set("ipv4.conf.all.rp_filter", "0")?;
    host.set("ipv4.conf.default.rp_filter", "0")?;
    Ok(host.set("ipv4.ip_forward", "1")?)
}

pub(super) fn program(name: &str) -> anyhow::Result<PathBuf> {
    find(name).with_context(|| format!("{name} is not installed"))
}

fn text(path: &Path) -> anyhow::Result<String> {
    Ok(path
        .to_str()
        .context("a path of the laboratory is text")?
        .to_owned())
}

/// Runs a short command inside `host` to its end.
pub(super) fn finish(
    host: &Host,
    name: &str,
    mut command: Command,
    arguments: &[&str],
    home: &Path,
) -> anyhow::Result<()> {
    command.args(arguments);
    let mut process = Process::start(host, name, command, &home.join(format!("{name}.log")))?;
    let status = process.wait()?;
    ensure!(
        status.success(),
        "{name} failed: {}",
        process.last_words(10)
    );
    Ok(())
}
