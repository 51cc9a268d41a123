//! Others judge our frames: tshark reads them, keepalived shares a virtual router with us.
//!
//! Needs packages, therefore the feature `peers`: `cargo test -p node --features peers --test peers`.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use integration::sockets::{receive, udp, udp_to};
use integration::{Files, Pair, wait};
use ipnet::IpNet;
use lab::cluster::Member;
use lab::harness::{self, Case};
use lab::host::{Change, Host};
use lab::link::Plug;
use lab::process::Process;
use lab::sandbox::Sandbox;
use lab::topology::pair_witness::{LAN_GATEWAY, LAN_GATEWAY_V6, SERVER, SERVER_V6};
use lab::topology::{Arbiter, Side};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

const TANDEM: &str = env!("CARGO_BIN_EXE_tandem");

const CASES: &[(&str, Case)] = &[
    (
        "tshark_reads_every_frame_without_a_complaint",
        tshark_reads_every_frame_without_a_complaint,
    ),
    (
        "keepalived_accepts_us_as_the_active_router",
        keepalived_accepts_us_as_the_active_router,
    ),
    (
        "we_stand_by_for_keepalived_and_follow_when_it_resigns",
        we_stand_by_for_keepalived_and_follow_when_it_resigns,
    ),
];

fn main() -> ExitCode {
    if let Err(missing) = installed() {
        eprintln!("error: {missing:#}");
        return ExitCode::FAILURE;
    }
    harness::main(CASES)
}

/// Everything that the cases show must be in the capture, as tshark's filters: a capture without it
/// would prove nothing.
const SHOWN: [(&str, &str); 7] = [
    ("VRRP over IPv4", "vrrp && ip && vrrp.version == 3"),
    ("VRRP over IPv6", "vrrp && ipv6 && vrrp.version == 3"),
    ("priority zero", "vrrp.prio == 0"),
    (
        "gratuitous ARP",
        "arp.isgratuitous && eth.src[0:5] == 00:00:5e:00:01",
    ),
    (
        "an ARP reply",
        "arp.opcode == 2 && eth.src[0:5] == 00:00:5e:00:01 && !arp.isgratuitous",
    ),
    (
        "an unsolicited NA",
        "icmpv6.type == 136 && icmpv6.nd.na.flag.s == 0",
    ),
    (
        "a solicited NA",
        "icmpv6.type == 136 && icmpv6.nd.na.flag.s == 1",
    ),
];

/// Warnings and errors of tshark's experts, wrong checksums among them.
const COMPLAINTS: &str = "_ws.malformed || _ws.expert.severity >= 0x600000 || \
    vrrp.checksum.status == 0 || ip.checksum.status == 0 || icmpv6.checksum.status == 0";

fn tshark_reads_every_frame_without_a_complaint(sandbox: &Sandbox) -> Result<()> {
    let mut pair = Pair::prepare(sandbox, TANDEM, Files::default())?;
    let capture = Capture::start(&pair.network.client, pair.directory())?;
    for member in Member::ALL {
        pair.start(member)?;
    }
    let active = pair.ready()?;
    for address in [SERVER.into(), SERVER_V6.into()] {
        let server = udp(&pair.network.server, address)?;
        let client = udp_to(&pair.network.client, server.local_addr()?)?;
        client.send(b"who has the gateway?")?;
        receive(&server)?;
    }
    pair.terminate(Member::Node(active))?;
    pair.active(active.other())?;

    capture.wait_for(&SHOWN)?;
    let capture = capture.stop()?;

    let complaints = capture.read(COMPLAINTS)?;
    ensure!(complaints.is_empty(), "tshark complains:\n{complaints}");
    Ok(())
}

fn keepalived_accepts_us_as_the_active_router(sandbox: &Sandbox) -> Result<()> {
    let (mut pair, active) = Pair::start_all(sandbox, TANDEM, SLOW)?;
    pair.kill(Member::Node(active.other()))?;
    let other = Other::start(&pair, "keepalived", 50)?;
    other.wait_for(["lan4", "lan6"], "BACKUP")?;

    // It would replace a router that it does not hear after three of its intervals.
    wait::throughout(INTERVAL * 20, || {
        let log = other.log();
        ensure!(
            !log.contains("MASTER STATE"),
            "keepalived took over:\n{log}"
        );
        ensure!(pair.ha(active)?.is_active(), "we gave way");
        Ok(())
    })?;
    other.has_no_complaints()?;

    // That it listened shows when we fall silent.
    pair.kill(Member::Node(active))?;
    other.wait_for(["lan4", "lan6"], "MASTER")
}

fn we_stand_by_for_keepalived_and_follow_when_it_resigns(sandbox: &Sandbox) -> Result<()> {
    let mut pair = Pair::prepare(sandbox, TANDEM, SLOW)?;
    let other = Other::start(&pair, "keepalived", 200)?;
    other.wait_for(["lan4", "lan6"], "MASTER")?;
    for member in Member::ALL {
        pair.start(member)?;
    }
    for side in Side::BOTH {
        wait::until_true("our backups to hear keepalived", || {
            let reply = pair.show(side, "vrrp")?;
            let lan = virtual_routers(&reply, "lan");
            Ok(lan.len() == 2
                && lan
                    .iter()
                    .all(|router| count(router, "adverts_received") > 5))
        })?;
    }
    wait::throughout(INTERVAL * 20, || {
        for side in Side::BOTH {
            ensure!(!pair.ha(side)?.is_active(), "{} took over", side.name());
            let reply = pair.show(side, "vrrp")?;
            for router in virtual_routers(&reply, "lan") {
                ensure!(router.get("state").and_then(Value::as_str) == Some("backup"));
                ensure!(count(router, "adverts_invalid") == 0, "{router}");
            }
        }
        Ok(())
    })?;
    other.has_no_complaints()?;

    other.resign()?;
    let active = pair.ready()?;
    let view = pair.active(active)?;
    let cause = view.failovers.last().context("there is a film")?;
    ensure!(
        cause.cause == "the active router resigned",
        "{}",
        cause.cause
    );
    Ok(())
}

/// keepalived counts in hundredths of a second, and so do both sides here.
const INTERVAL: Duration = Duration::from_millis(100);

/// Our side with that interval.
const SLOW: Files<'static> = Files {
    advertisement_ms: 100,
    arbiter: Arbiter::Witness,
    edit: &|_, text: &str| text.to_owned(),
};

fn virtual_routers<'a>(reply: &'a Value, interface: &str) -> Vec<&'a Value> {
    let routers = reply.get("virtual_routers").and_then(Value::as_array);
    let of = |router: &&Value| router.get("interface").and_then(Value::as_str) == Some(interface);
    routers.into_iter().flatten().filter(of).collect()
}

fn count(object: &Value, name: &str) -> u64 {
    object.get(name).and_then(Value::as_u64).unwrap_or(0)
}

/// keepalived in a host of its own on the LAN, with the LAN's virtual addresses of both families.
struct Other {
    process: Process,
    log: PathBuf,
    _host: Host,
}

impl Other {
    fn start(pair: &Pair, name: &str, priority: u8) -> Result<Self> {
        let host = Host::new(name)?;
        pair.network
            .switch
            .connect(&host, Plug::new("lan", "lan0"))?;
        let own = IpNet::new([192, 0, 2, 4].into(), 24)?;
        host.apply(&[Change::Address("lan0", own)])?;
        let home = pair.directory().join(name);
        std::fs::create_dir_all(&home)?;
        let file = home.join("keepalived.conf");
        std::fs::write(&file, configuration(priority))?;
        let log = home.join("log");
        let mut command = Command::new(program("keepalived")?);
        command.arg("--use-file").arg(&file);
        command.arg("--pid").arg(home.join("pid"));
        command.arg("--vrrp_pid").arg(home.join("vrrp.pid"));
        command.args([
            "--dont-fork",
            "--vrrp",
            "--log-console",
            "--log-detail",
            "--no-syslog",
        ]);
        let process = Process::start(&host, name, command, &log)?;
        Ok(Self {
            process,
            log,
            _host: host,
        })
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until every instance has entered `state` last.
    fn wait_for(&self, instances: [&str; 2], state: &str) -> Result<()> {
        let waited = wait::until_true(&format!("keepalived to be {state}"), || {
            let log = self.log();
            let last = |instance: &str| {
                let entering = format!("({instance}) Entering ");
                log.lines()
                    .rfind(|line| line.contains(&entering))
                    .map(str::to_owned)
            };
            let entered = instances.map(|instance| last(instance).unwrap_or_default());
            Ok(entered.iter().all(|line| line.contains(state)))
        });
        waited.with_context(|| self.log())
    }

    fn has_no_complaints(&self) -> Result<()> {
        let log = self.log();
        for word in [
            "nvalid", "mismatch", "ncorrect", "bogus", "checksum", "gnoring", "wrong",
        ] {
            ensure!(!log.contains(word), "keepalived complains:\n{log}");
        }
        Ok(())
    }

    /// Asks it to stop: it sends priority zero and ends.
    fn resign(mut self) -> Result<()> {
        kill(
            Pid::from_raw(i32::try_from(self.process.id())?),
            Signal::SIGTERM,
        )?;
        wait::until("keepalived's end", || Ok(self.process.ended()?))?;
        Ok(())
    }
}

/// The start delay gives its sockets the time to hear us before it judges that nobody is there.
fn configuration(priority: u8) -> String {
    let instance = |name: &str, addresses: &str| {
        format!(
            "vrrp_instance {name} {{
    state BACKUP
    interface lan0
    virtual_router_id 10
    priority {priority}
    advert_int 0.1
    virtual_ipaddress {{
        {addresses}
    }}
}}
"
        )
    };
    let v6 = format!("fe80::5e00:20a/64\n        {LAN_GATEWAY_V6}/64");
    format!(
        "global_defs {{
    router_id other
    vrrp_version 3
    vrrp_startup_delay 1
}}
{}{}",
        instance("lan4", &format!("{LAN_GATEWAY}/24")),
        instance("lan6", &v6)
    )
}

/// tshark, writing what a host hears into a file.
struct Capture {
    process: Process,
    file: PathBuf,
}

impl Capture {
    /// Starts it and waits until it listens.
    fn start(host: &Host, directory: &Path) -> Result<Self> {
        let file = directory.join("lan.pcapng");
        let mut command = Command::new(program("tshark")?);
        command
            .args([
                "-i",
                "lan0",
                "-n",
                "-q",
                "-f",
                "ip proto 112 or ip6 proto 112 or arp or icmp6",
                "-w",
            ])
            .arg(&file);
        let process = Process::start(host, "tshark", command, &directory.join("tshark.log"))?;
        let capture = Self { process, file };
        wait::until_true("tshark to listen", || {
            Ok(capture.process.last_words(3).contains("Capturing on") && capture.file.exists())
        })?;
        Ok(capture)
    }

    /// Waits until each filter finds a frame.
    fn wait_for(&self, filters: &[(&str, &str)]) -> Result<()> {
        for (what, filter) in filters {
            wait::until_true(&format!("{what} in the capture"), || {
                Ok(!self.read(filter)?.is_empty())
            })?;
        }
        Ok(())
    }

    /// Ends the capture; the file stays.
    fn stop(mut self) -> Result<Self> {
        kill(
            Pid::from_raw(i32::try_from(self.process.id())?),
            Signal::SIGINT,
        )?;
        wait::until("tshark's end", || Ok(self.process.ended()?))?;
        Ok(self)
    }

    /// The frames that a display filter finds, in tshark's words, one a line.
    fn read(&self, filter: &str) -> Result<String> {
        let output = Command::new(program("tshark")?)
            .args(["-n", "-o", "ip.check_checksum:TRUE", "-Y", filter, "-r"])
            .arg(&self.file)
            .stdin(Stdio::null())
            .output()?;
        // A file that is still being written ends in the middle of a frame, which is no failure.
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success() || errors.contains("cut short"),
            "tshark failed: {errors}"
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// Programs and their Debian packages.
const PROGRAMS: [(&str, &str); 2] = [("tshark", "tshark"), ("keepalived", "keepalived")];

fn installed() -> Result<()> {
    let missing: Vec<_> = PROGRAMS
        .iter()
        .filter(|(name, _)| program(name).is_err())
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join(" ");
    bail!("packages are missing: {missing}\ninstall them with: sudo apt-get install {missing}")
}

/// Where Debian keeps programs; a user's PATH often lacks the first folder.
fn program(name: &str) -> Result<PathBuf> {
    let folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].iter();
    let file = folders
        .map(|folder| Path::new(folder).join(name))
        .find(|file| file.exists());
    file.with_context(|| format!("{name} is not installed"))
}
