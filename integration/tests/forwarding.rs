//! What happens to packets on their way through the gateway, seen by the kernels at both ends.
//!
//! Their own TCP, UDP and ICMP compute every checksum again, so a datagram that arrives is a right one.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use integration::icmp::{Ears, Family};
use integration::sockets::{
    bulk, connect, listener, receive, stays_silent, tcp_pair, there_and_back, udp, udp_to,
};
use integration::{Files, Pair, wait};
use lab::cluster::Member;
use lab::harness::{self, Case};
use lab::sandbox::Sandbox;
use lab::topology::Side;
use lab::topology::pair_witness::{
    CLIENT, CLIENT_V6, LAN_GATEWAY, LAN_GATEWAY_V6, SERVER, SERVER_V6, WAN_ADDRESS,
};
use lab::traffic::Ping;
use nix::sys::signal::Signal;
use runtime::Clock;

const TANDEM: &str = env!("CARGO_BIN_EXE_tandem");

const CASES: &[(&str, Case)] = &[
    (
        "tcp_over_ipv4_is_translated_and_keeps_its_bytes",
        tcp_over_ipv4_is_translated_and_keeps_its_bytes,
    ),
    (
        "udp_keeps_one_translated_port_towards_all_destinations",
        udp_keeps_one_translated_port_towards_all_destinations,
    ),
    ("ipv6_is_not_translated", ipv6_is_not_translated),
    (
        "echo_requests_are_answered_over_both_families",
        echo_requests_are_answered_over_both_families,
    ),
    (
        "fragmented_datagrams_pass_both_ways",
        fragmented_datagrams_pass_both_ways,
    ),
    (
        "what_the_policy_refuses_is_dropped_and_counted",
        what_the_policy_refuses_is_dropped_and_counted,
    ),
    (
        "without_the_process_no_packet_passes_and_no_kernel_answers",
        without_the_process_no_packet_passes_and_no_kernel_answers,
    ),
];

fn main() -> ExitCode {
    harness::main(CASES)
}

/// Long enough for any packet that is on its way.
const A_MOMENT: Duration = Duration::from_millis(300);

fn tcp_over_ipv4_is_translated_and_keeps_its_bytes(sandbox: &Sandbox) -> Result<()> {
    let (pair, active) = Pair::start_all(sandbox, TANDEM, Files::default())?;
    let (mut client, mut server, seen_by_server) = tcp_pair(&pair.network, SERVER.into())?;

    ensure!(
        seen_by_server.ip() == IpAddr::from(WAN_ADDRESS),
        "{seen_by_server}"
    );
    bulk(&mut client, &mut server)?;

    let reply = pair.show(active, "sessions")?;
    let text = reply.to_string();
    let port = client.local_addr()?.port();
    ensure!(
        text.contains(&format!("\"nat_port\":{}", seen_by_server.port()))
            && text.contains(&format!("\"src_port\":{port}")),
        "the session is not shown as it is: {text}"
    );
    // The server's answers of a refusal come from the server, and only from there.
    let closed = listener(&pair.network.server, SERVER.into())?.local_addr()?;
    let refused = connect(&pair.network.client, closed);
    let why = refused.err().context("nobody listens there")?;
    let kind = why
        .downcast_ref::<std::io::Error>()
        .map(std::io::Error::kind);
    ensure!(
        kind == Some(std::io::ErrorKind::ConnectionRefused),
        "{why:#}"
    );
    Ok(())
}

/// RFC 4787 REQ-1: mapping is independent of the endpoint.
fn udp_keeps_one_translated_port_towards_all_destinations(sandbox: &Sandbox) -> Result<()> {
    let (pair, _) = Pair::start_all(sandbox, TANDEM, Files::default())?;
    let client = udp(&pair.network.client, CLIENT.into())?;
    let servers = [
        udp(&pair.network.server, SERVER.into())?,
        udp(&pair.network.server, SERVER.into())?,
    ];
    let mut sources = Vec::new();
    for server in &servers {
        for length in [0, 1, 2, 511, 1472] {
            let source = there_and_back(&client, server, length, WAN_ADDRESS.into())?;
            sources.push(source);
        }
    }
    let first = sources.first().context("there was a datagram")?;
    ensure!(sources.iter().all(|source| source == first), "{sources:?}");
    Ok(())
}

fn ipv6_is_not_translated(sandbox: &Sandbox) -> Result<()> {
    let (pair, _) = Pair::start_all(sandbox, TANDEM, Files::default())?;
    let (mut client, mut server, seen_by_server) = tcp_pair(&pair.network, SERVER_V6.into())?;
    ensure!(seen_by_server == client.local_addr()?, "{seen_by_server}");
    bulk(&mut client, &mut server)?;

    let server = udp(&pair.network.server, SERVER_V6.into())?;
    let client = udp(&pair.network.client, CLIENT_V6.into())?;
    let source = there_and_back(&client, &server, 1_452, CLIENT_V6.into())?;
    ensure!(source == client.local_addr()?, "{source}");
    Ok(())
}

fn echo_requests_are_answered_over_both_families(sandbox: &Sandbox) -> Result<()> {
    let (pair, _) = Pair::start_all(sandbox, TANDEM, Files::default())?;
    // The server has no way to the client's own IPv4 address: an answer shows the translation.
    let targets: [IpAddr; 4] = [
        SERVER.into(),
        SERVER_V6.into(),
        LAN_GATEWAY.into(),
        LAN_GATEWAY_V6.into(),
    ];
    for target in targets {
        let interval = Duration::from_millis(10);
        let ping = Ping::start(&pair.network.client, target, interval, Clock::start())?;
        wait::until_true(&format!("ten answers of {target}"), || {
            let report = ping.timeline().whole();
            Ok(report.sent - report.lost >= 10)
        })?;
        let (twice, wrong) = (ping.timeline().duplicates(), ping.timeline().corrupt());
        ensure!((twice, wrong) == (0, 0), "{twice} twice, {wrong} wrong");
    }
    Ok(())
}

fn fragmented_datagrams_pass_both_ways(sandbox: &Sandbox) -> Result<()> {
    let (pair, active) = Pair::start_all(sandbox, TANDEM, Files::default())?;
    let ends: [(IpAddr, IpAddr, IpAddr); 2] = [
        (CLIENT.into(), SERVER.into(), WAN_ADDRESS.into()),
        (CLIENT_V6.into(), SERVER_V6.into(), CLIENT_V6.into()),
    ];
    for (client, server, outside) in ends {
        let client = udp(&pair.network.client, client)?;
        let server = udp(&pair.network.server, server)?;
        for length in [1_473, 4_000, 20_000, 60_000] {
            there_and_back(&client, &server, length, outside)
                .with_context(|| format!("drops: {:?}", pair.show(active, "drops")))?;
        }
    }
    Ok(())
}

/// A port of the server that the configuration below closes.
const CLOSED: u16 = 9_999;

/// IPv4 service for the WAN's own subnet only, and one service that nobody may use.
fn strict(_name: &str, text: &str) -> String {
    const DENIED: &str = "\
        service  closed
            name  closed
            address  203.0.113.10/32
            transport  udp
                protocol  udp
                port-range  9999
                    start-port  9999
                exit
            exit
            access-policy  lan
                source  lan
                permission  deny
            exit
        exit
        router  pair
";
    text.replace("address  0.0.0.0/0\n", "address  203.0.113.0/24\n")
        .replacen("        router  pair\n", DENIED, 1)
}

fn what_the_policy_refuses_is_dropped_and_counted(sandbox: &Sandbox) -> Result<()> {
    let files = Files {
        edit: &strict,
        ..Files::default()
    };
    let (pair, active) = Pair::start_all(sandbox, TANDEM, files)?;
    let client = udp(&pair.network.client, CLIENT.into())?;
    let denied = SocketAddr::from((SERVER, CLOSED));
    let server = pair.network.server.run(|| UdpSocket::bind(denied))??;
    let nowhere = SocketAddr::from((Ipv4Addr::new(198, 51, 100, 1), 53));

    for (target, reason) in [(denied, "access-denied"), (nowhere, "no-service")] {
        let before = pair.dropped(active, reason)?;
        for _ in 0..3 {
            client.send_to(b"let me in", target)?;
        }
        wait::until_true(&format!("three drops for {reason}"), || {
            Ok(pair.dropped(active, reason)? == before + 3)
        })?;
    }
    stays_silent(&server, A_MOMENT)?;
    let open = udp(&pair.network.server, SERVER.into())?;
    client.send_to(b"let me in", open.local_addr()?)?;
    receive(&open).context("another port of the same server")?;
    Ok(())
}

fn without_the_process_no_packet_passes_and_no_kernel_answers(sandbox: &Sandbox) -> Result<()> {
    let (mut pair, active) = Pair::start_all(sandbox, TANDEM, Files::default())?;
    let (mut client, mut server, _) = tcp_pair(&pair.network, SERVER.into())?;
    bulk(&mut client, &mut server)?;
    let heard = udp(&pair.network.server, SERVER.into())?;
    let said = udp_to(&pair.network.client, heard.local_addr()?)?;
    said.send(b"the way is open")?;
    receive(&heard)?;
    pair.kill(Member::Node(active.other()))?;
    let ears = Ears::open(&pair.network.client, Family::V4)?;

    pair.signal(Member::Node(active), Signal::SIGSTOP)?;
    while ears.next().is_some() {}
    said.send(b"is the kernel there?")?;
    client.write_all(b"still there?")?;
    stays_silent(&heard, A_MOMENT)?;
    let told = ears.next();
    ensure!(told.is_none(), "somebody answered: {told:?}");
    server.set_read_timeout(Some(Duration::from_millis(10)))?;
    let read = server.read(&mut [0; 16]).err().map(|error| error.kind());
    ensure!(read == Some(std::io::ErrorKind::WouldBlock), "{read:?}");
    for side in Side::BOTH {
        let host = &pair.network.node(side).host;
        let read = || std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward");
        ensure!(host.run(read)??.trim() == "0", "a node's kernel forwards");
        for address in [IpAddr::from(LAN_GATEWAY), WAN_ADDRESS.into()] {
            ensure!(!host.has_address(address)?, "{address} is the kernel's");
        }
    }

    // What waited in queues and in TCP's memory arrives as soon as the process goes on.
    pair.signal(Member::Node(active), Signal::SIGCONT)?;
    server.set_read_timeout(Some(wait::PATIENCE))?;
    let mut words = [0; 12];
    server.read_exact(&mut words)?;
    ensure!(&words == b"still there?", "{words:?}");
    Ok(())
}
