//! The laboratory tests itself, without any router: links, losses, namespaces and their end.

use std::io::{BufRead, BufReader, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use ipnet::IpNet;
use lab::harness::{self, Case};
use lab::host::{Change, Host};
use lab::link::{Cut, Plug, Port, Switch, Wire};
use lab::sandbox::{self, Place, Sandbox};
use lab::topology::{PairWitness, Side};
use lab::traffic::{EchoServer, Ping, TcpOptions, TcpTraffic, UdpProbe, unix_nanos};
use runtime::Clock;

const CASES: &[(&str, Case)] = &[
    (
        "tcp_connections_exchange_right_bytes",
        tcp_connections_exchange_right_bytes,
    ),
    (
        "a_connection_to_nobody_is_refused",
        a_connection_to_nobody_is_refused,
    ),
    (
        "a_cut_of_fifty_milliseconds_costs_the_probe_that_time",
        a_short_cut_costs_the_probe_that_time,
    ),
    (
        "every_kind_of_cut_stops_and_restore_heals",
        every_kind_of_cut_stops_and_restore_heals,
    ),
    (
        "a_lost_carrier_is_seen_at_once",
        a_lost_carrier_is_seen_at_once,
    ),
    ("a_wire_joins_two_hosts", a_wire_joins_two_hosts),
    (
        "processes_run_inside_their_host",
        processes_run_inside_their_host,
    ),
    (
        "the_pair_forwards_through_whoever_has_the_virtual_addresses",
        the_pair_forwards_through_whoever_has_the_virtual_addresses,
    ),
    ("nothing_outlives_a_run", nothing_outlives_a_run),
];

/// Given as an argument, makes this program a stage for the last case.
const VICTIM: &str = "--victim";

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == VICTIM) {
        return victim();
    }
    harness::main(CASES)
}

const PORT: u16 = 7;
const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 100);
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
const SERVER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 0x10);

struct Net {
    switch: Switch,
    client: Host,
    server: Host,
    server_port: Port,
}

fn net() -> anyhow::Result<Net> {
    let switch = Switch::new("switch")?;
    switch.bridge("lan")?;
    let (client, server) = (Host::new("client")?, Host::new("server")?);
    switch.connect(&client, Plug::new("lan", "lan0"))?;
    let server_port = switch.connect(&server, Plug::new("lan", "lan0"))?;
    for (host, last) in [(&client, 100), (&server, 10)] {
        let v4 = IpNet::new(Ipv4Addr::new(192, 0, 2, last).into(), 24)?;
        let v6 = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, last.into());
        let v6 = IpNet::new(if last == 10 { SERVER_V6 } else { v6 }.into(), 64)?;
        host.apply(&[Change::Address("lan0", v4), Change::Address("lan0", v6)])?;
    }
    Ok(Net {
        switch,
        client,
        server,
        server_port,
    })
}

/// Waits until `condition` holds, ten seconds at most.
fn eventually(what: &str, mut condition: impl FnMut() -> bool) -> anyhow::Result<()> {
    let clock = Clock::start();
    let deadline = clock.now() + Duration::from_secs(10);
    while !condition() {
        ensure!(clock.now() < deadline, "still waiting: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn tcp_connections_exchange_right_bytes(_: &Sandbox) -> anyhow::Result<()> {
    let net = net()?;
    let server = EchoServer::start(&net.server, PORT)?;
    let options = TcpOptions::new((SERVER, PORT).into(), 200);
    let traffic = TcpTraffic::start(&net.client, options, Clock::start())?;
    eventually("all connections are open", || traffic.is_settled())?;
    eventually("each had several turns", || {
        traffic.report().exchanged > 1_000
    })?;
    ensure!(
        server.connections() == 200,
        "the server sees {}",
        server.connections()
    );

    let (report, deaths) = traffic.stop()?;

    ensure!(deaths.is_empty(), "{deaths:?}");
    ensure!(
        (report.opened, report.alive, report.corrupt) == (200, 200, 0),
        "{report:?}"
    );
    Ok(())
}

fn a_connection_to_nobody_is_refused(_: &Sandbox) -> anyhow::Result<()> {
    let net = net()?;
    let options = TcpOptions::new((SERVER, PORT).into(), 3);
    let traffic = TcpTraffic::start(&net.client, options, Clock::start())?;
    eventually("all connections are refused", || traffic.is_settled())?;
    let (report, deaths) = traffic.stop()?;
    ensure!((report.opened, report.refused) == (0, 3), "{report:?}");
    ensure!(deaths.values().sum::<u64>() == 3, "{deaths:?}");
    Ok(())
}

fn a_short_cut_costs_the_probe_that_time(_: &Sandbox) -> anyhow::Result<()> {
    let net = net()?;
    let _server = EchoServer::start(&net.server, PORT)?;
    let target = SocketAddr::from((SERVER, PORT));
    let probe = UdpProbe::start(&net.client, target, Duration::from_millis(1))?;
    let timeline = probe.timeline();
    eventually("answers come", || timeline.whole().sent > 200)?;

    let clock = Clock::start();
    let begun = unix_nanos();
    net.switch.cut(&net.server, &net.server_port, Cut::Silent)?;
    let cut_for = Duration::from_millis(50);
    let cut_until = clock.now() + cut_for;
    // Time itself: the cut's length is what the probe has to find.
    std::thread::sleep(clock.until(cut_until));
    net.switch.restore(&net.server, &net.server_port)?;
    eventually("answers come again", || {
        timeline.first_answer_after(begun + 80_000_000).is_some()
    })?;
    let ended = unix_nanos();
    let timeline = probe.stop();

    let report = timeline.window(begun, ended);
    ensure!((40..=150).contains(&report.lost), "{report:?}");
    ensure!(
        (45.0..=160.0).contains(&report.longest_gap_ms),
        "{report:?}"
    );
    ensure!(
        timeline.duplicates() == 0 && timeline.corrupt() == 0,
        "{timeline:?}"
    );
    let before = timeline.window(0, begun);
    ensure!(before.lost == 0, "before the cut: {before:?}");
    Ok(())
}

fn every_kind_of_cut_stops_and_restore_heals(_: &Sandbox) -> anyhow::Result<()> {
    let net = net()?;
    let interval = Duration::from_millis(10);
    let targets = [IpAddr::from(SERVER), IpAddr::from(SERVER_V6)];
    for cut in [Cut::Carrier, Cut::Silent, Cut::Device] {
        // The kernel forgets IPv6 addresses of a device that is set down.
        let targets = if cut == Cut::Device {
            targets.get(..1)
        } else {
            targets.get(..)
        };
        for target in targets.context("there is a first target")? {
            let ping = Ping::start(&net.client, *target, interval, Clock::start())?;
            let timeline = ping.timeline();
            let answered = |since| timeline.first_answer_after(since).is_some();
            eventually("pings are answered", || answered(1))?;
            net.switch.cut(&net.server, &net.server_port, cut)?;
            // What was on its way may still arrive.
            let since = unix_nanos() + 20_000_000;
            let until = unix_nanos() + 100_000_000;
            eventually("time passes", || unix_nanos() > until)?;
            ensure!(!answered(since), "{cut:?} lets answers of {target} through");
            net.switch.restore(&net.server, &net.server_port)?;
            let since = unix_nanos();
            eventually("pings are answered again", || answered(since))?;
        }
    }
    Ok(())
}

fn a_lost_carrier_is_seen_at_once(_: &Sandbox) -> anyhow::Result<()> {
    let net = net()?;
    let carrier = |host: &Host| -> anyhow::Result<bool> {
        // IFF_RUNNING follows the kernel's link events, unlike the carrier itself.
        let running = host.run(|| -> anyhow::Result<bool> {
            let flags = nix::ifaddrs::getifaddrs()?
                .find(|address| address.interface_name == "lan0")
                .context("lan0 is listed")?
                .flags;
            Ok(flags.contains(nix::net::if_::InterfaceFlags::IFF_RUNNING))
        })??;
        Ok(running)
    };
    ensure!(carrier(&net.server)?, "the link starts up");
    let clock = Clock::start();
    // Twice in a row: the kernel delays the second event of a second for peers of equal index.
    for _ in 0..2 {
        let begun = clock.now();
        net.switch
            .cut(&net.server, &net.server_port, Cut::Carrier)?;
        eventually("the carrier is lost", || {
            carrier(&net.server).is_ok_and(|up| !up)
        })?;
        let took = clock.now() - begun;
        ensure!(took < Duration::from_millis(200), "after {took:?}");
        net.switch.restore(&net.server, &net.server_port)?;
        eventually("the carrier is back", || {
            carrier(&net.server).is_ok_and(|up| up)
        })?;
    }
    Ok(())
}

fn a_wire_joins_two_hosts(_: &Sandbox) -> anyhow::Result<()> {
    let (one, other) = (Host::new("one")?, Host::new("other")?);
    let wire = Wire::between(&one, &other, "ha1")?;
    for (host, address) in [(&one, "198.18.1.1/30"), (&other, "198.18.1.2/30")] {
        host.apply(&[Change::Address("ha1", address.parse()?)])?;
    }
    let target = IpAddr::from([198, 18, 1, 2]);
    let ping = Ping::start(&one, target, Duration::from_millis(10), Clock::start())?;
    eventually("pings are answered", || {
        ping.timeline().first_answer_after(1).is_some()
    })?;
    wire.cut(&one)?;
    wire.restore(&one)?;
    let since = unix_nanos();
    eventually("and again", || {
        ping.timeline().first_answer_after(since).is_some()
    })
}

fn processes_run_inside_their_host(sandbox: &Sandbox) -> anyhow::Result<()> {
    let net = net()?;
    let mut command = Command::new("/bin/cat");
    command.arg("/proc/self/net/route");
    let log = sandbox.directory().join("cat.log");
    let mut process = lab::process::Process::start(&net.client, "cat", command, &log)?;
    eventually("it has ended", || matches!(process.ended(), Ok(Some(_))))?;
    let words = process.last_words(10);
    ensure!(words.contains("lan0"), "it sees the host's routes: {words}");
    ensure!(CLIENT.octets()[3] == 100);
    Ok(())
}

/// A kernel router stands in for node a: no NAT, so that only the network itself is tested.
fn the_pair_forwards_through_whoever_has_the_virtual_addresses(_: &Sandbox) -> anyhow::Result<()> {
    use lab::topology::pair_witness::{CLIENT, LAN_GATEWAY, SERVER, WAN_ADDRESS};
    let pair = PairWitness::build()?;
    let router = &pair.node(Side::A).host;
    router.forward()?;
    for (device, address) in [("lan0", LAN_GATEWAY), ("wan0", WAN_ADDRESS)] {
        let address = IpNet::new(address.into(), 24)?;
        router.apply(&[Change::Address(device, address)])?;
    }
    let back = Change::Route {
        to: IpNet::new(CLIENT.into(), 32)?,
        via: WAN_ADDRESS.into(),
    };
    pair.server.apply(&[back])?;

    let interval = Duration::from_millis(10);
    let ping = Ping::start(&pair.client, SERVER.into(), interval, Clock::start())?;
    let answered = |since| ping.timeline().first_answer_after(since).is_some();
    eventually("the server answers through node a", || answered(1))?;
    pair.unplug(Side::A)?;
    let since = unix_nanos() + 20_000_000;
    let until = unix_nanos() + 100_000_000;
    eventually("time passes", || unix_nanos() > until)?;
    ensure!(!answered(since), "an unplugged node forwards");
    pair.plug_in(Side::A)?;
    // The switch floods nothing to a node: one that comes back must let itself be heard.
    let _heard =
        [CLIENT, SERVER].map(|target| Ping::start(router, target.into(), interval, Clock::start()));
    let since = unix_nanos();
    eventually("the server answers again", || answered(since))
}

/// Enters a sandbox, starts a process in a host, prints its directory, and stays.
fn victim() -> ExitCode {
    let stay = || -> anyhow::Result<ExitCode> {
        let sandbox = match sandbox::enter()? {
            Place::Inside(sandbox) => sandbox,
            Place::Outside(code) => return Ok(code),
        };
        let host = Host::new("host")?;
        let mut command = Command::new("/bin/sleep");
        command.arg("1000");
        let _sleeper = host.spawn(command)?;
        println!("{}", sandbox.directory().display());
        loop {
            std::thread::park();
        }
    };
    stay().unwrap_or_else(|error| {
        eprintln!("{error:?}");
        ExitCode::FAILURE
    })
}

/// A run that stays, and the pipe that closes when the last of its processes is gone.
struct Victim {
    outer: Child,
    output: BufReader<ChildStdout>,
    directory: PathBuf,
}

impl Victim {
    fn start(sandbox: &Sandbox) -> anyhow::Result<Self> {
        let mut outer = Command::new(sandbox.program())
            .arg(VICTIM)
            .env_remove("TANDEM_LAB_STAGE")
            .stdout(Stdio::piped())
            .spawn()?;
        let mut output = BufReader::new(outer.stdout.take().context("the output is piped")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let directory = PathBuf::from(line.trim());
        ensure!(directory.is_dir(), "the victim says {line:?}");
        Ok(Self {
            outer,
            output,
            directory,
        })
    }

    fn wait_for_its_last_process(&mut self) -> anyhow::Result<ExitStatus> {
        let status = self.outer.wait()?;
        let mut rest = Vec::new();
        self.output.read_to_end(&mut rest)?;
        ensure!(rest.is_empty(), "nothing else was said");
        Ok(status)
    }
}

fn nothing_outlives_a_run(sandbox: &Sandbox) -> anyhow::Result<()> {
    let mut killed = Victim::start(sandbox)?;
    killed.outer.kill()?;
    killed.wait_for_its_last_process()?;
    // Nobody was left to remove its files.
    ensure!(killed.directory.exists());

    let mut ended = Victim::start(sandbox)?;
    ensure!(!killed.directory.exists(), "the next run removes them");
    let outer = nix::unistd::Pid::from_raw(ended.outer.id().cast_signed());
    nix::sys::signal::kill(outer, nix::sys::signal::Signal::SIGTERM)?;
    let status = ended.wait_for_its_last_process()?;
    ensure!(status.code() == Some(128 + 15), "{status:?}");
    ensure!(!ended.directory.exists(), "a signal leaves nothing behind");
    Ok(())
}
