//! ICMP errors, from the server through the translation and from the gateway itself, as the client's
//! kernel gets them: it acts on an error only when the quotation names one of its own sockets.

use std::net::IpAddr;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use integration::icmp::{Ears, Family};
use integration::sockets::{bulk, bytes, receive, tcp_pair, there_and_back, udp, udp_to};
use integration::{Files, Pair};
use lab::harness::{self, Case};
use lab::sandbox::Sandbox;
use lab::topology::Side;
use lab::topology::pair_witness::{
    CLIENT, LAN_GATEWAY, LAN_GATEWAY_V6, SERVER, SERVER_V6, WAN_ADDRESS,
};

const TANDEM: &str = env!("CARGO_BIN_EXE_tandem");

const CASES: &[(&str, Case)] = &[
    (
        "a_closed_port_is_reported_with_the_clients_own_addresses",
        a_closed_port_is_reported_with_the_clients_own_addresses,
    ),
    (
        "the_gateway_is_the_first_hop_of_a_traceroute",
        the_gateway_is_the_first_hop_of_a_traceroute,
    ),
    (
        "a_small_wan_mtu_is_told_and_obeyed",
        a_small_wan_mtu_is_told_and_obeyed,
    ),
    (
        "the_gateway_fragments_what_may_be_fragmented",
        the_gateway_fragments_what_may_be_fragmented,
    ),
];

fn main() -> ExitCode {
    harness::main(CASES)
}

fn a_closed_port_is_reported_with_the_clients_own_addresses(sandbox: &Sandbox) -> Result<()> {
    /// Port unreachable (RFC 792, RFC 4443 §3.1).
    const UNREACHABLE: [(Family, IpAddr, (u8, u8)); 2] = [
        (Family::V4, IpAddr::V4(SERVER), (3, 3)),
        (Family::V6, IpAddr::V6(SERVER_V6), (1, 4)),
    ];
    let (pair, _) = Pair::start_all(sandbox, TANDEM, Files::default())?;
    for (family, address, unreachable) in UNREACHABLE {
        let ears = Ears::open(&pair.network.client, family)?;
        let closed = udp(&pair.network.server, address)?.local_addr()?;
        let client = udp_to(&pair.network.client, closed)?;
        let own = client.local_addr()?;
        client.send(b"is anybody there?")?;

        let message = ears.hear("port unreachable", |message| {
            (message.kind, message.code) == unreachable
        })?;
        ensure!(message.from == address, "told by {}", message.from);
        ensure!(message.quoted() == Some((own, closed)), "{message:?}");
        // The client's kernel found the socket that the quotation speaks of.
        let told = client.recv(&mut [0; 16]).err().map(|error| error.kind());
        ensure!(
            told == Some(std::io::ErrorKind::ConnectionRefused),
            "{told:?}"
        );
    }
    Ok(())
}

fn the_gateway_is_the_first_hop_of_a_traceroute(sandbox: &Sandbox) -> Result<()> {
    /// Time exceeded in transit (RFC 792, RFC 4443 §3.3) comes from this gateway.
    const EXCEEDED: [(Family, IpAddr, IpAddr, (u8, u8)); 2] = [
        (
            Family::V4,
            IpAddr::V4(SERVER),
            IpAddr::V4(LAN_GATEWAY),
            (11, 0),
        ),
        (
            Family::V6,
            IpAddr::V6(SERVER_V6),
            IpAddr::V6(LAN_GATEWAY_V6),
            (3, 0),
        ),
    ];
    let (pair, active) = Pair::start_all(sandbox, TANDEM, Files::default())?;
    for (family, address, gateway, exceeded) in EXCEEDED {
        let ears = Ears::open(&pair.network.client, family)?;
        let server = udp(&pair.network.server, address)?;
        let target = server.local_addr()?;
        let client = udp_to(&pair.network.client, target)?;
        let own = client.local_addr()?;
        let hops = |hops| {
            let socket = socket2::SockRef::from(&client);
            match family {
                Family::V4 => socket.set_ttl_v4(hops),
                Family::V6 => socket.set_unicast_hops_v6(hops),
            }
        };

        hops(1)?;
        client.send(b"one hop")?;
        let message = ears.hear("time exceeded", |message| {
            (message.kind, message.code) == exceeded
        })?;
        ensure!(message.from == gateway, "told by {}", message.from);
        ensure!(message.quoted() == Some((own, target)), "{message:?}");

        hops(2)?;
        client.send(b"two hops")?;
        let (arrived, _) = receive(&server)?;
        ensure!(arrived == b"two hops", "{arrived:?}");
    }
    let counted = pair.dropped(active, "ttl-exceeded")?;
    ensure!(counted == 2, "{counted} are counted");
    Ok(())
}

/// The WAN's MTU in the two cases about it; the kernels' links carry 1 500 bytes.
const SMALL_MTU: u32 = 1_400;

/// A pair with that MTU.
fn with_small_wan(sandbox: &Sandbox) -> Result<(Pair, Side)> {
    let mtu = format!("source-nat  true\n mtu  {SMALL_MTU}\n");
    let edit = |_: &str, text: &str| text.replace("source-nat  true\n", &mtu);
    Pair::start_all(
        sandbox,
        TANDEM,
        Files {
            edit: &edit,
            ..Files::default()
        },
    )
}

fn a_small_wan_mtu_is_told_and_obeyed(sandbox: &Sandbox) -> Result<()> {
    let (pair, active) = with_small_wan(sandbox)?;
    // RFC 1191 §4 and RFC 4443 §3.2, each with the datagram that fills 1 500 bytes.
    let v4 = (Family::V4, SERVER.into(), LAN_GATEWAY.into());
    let v6 = (Family::V6, SERVER_V6.into(), LAN_GATEWAY_V6.into());
    too_big_is_told_and_obeyed(&pair, v4, (3, 4), 1_472)?;
    too_big_is_told_and_obeyed(&pair, v6, (2, 0), 1_452)?;
    ensure!(pair.dropped(active, "too-big")? >= 2);
    Ok(())
}

fn too_big_is_told_and_obeyed(
    pair: &Pair,
    (family, address, gateway): (Family, IpAddr, IpAddr),
    too_big: (u8, u8),
    length: usize,
) -> Result<()> {
    let ears = Ears::open(&pair.network.client, family)?;
    let server = udp(&pair.network.server, address)?;
    let client = udp_to(&pair.network.client, server.local_addr()?)?;
    // Linux forbids fragments by default, to learn the path's MTU.
    client.send(&bytes(1, length))?;
    let message = ears.hear("packet too big", |message| {
        (message.kind, message.code) == too_big
    })?;
    ensure!(message.from == gateway, "told by {}", message.from);
    let mtu = message.word & 0xffff;
    ensure!(mtu == SMALL_MTU, "the MTU told is {mtu}");
    let quoted = Some((client.local_addr()?, server.local_addr()?));
    ensure!(message.quoted() == quoted, "{message:?}");
    // The client's kernel believed it: it tells the socket, and sends fragments from now on.
    let told = client.take_error()?.and_then(|error| error.raw_os_error());
    ensure!(
        told == Some(nix::libc::EMSGSIZE),
        "the socket says {told:?}"
    );
    let sent = bytes(2, length);
    client.send(&sent)?;
    let (arrived, _) = receive(&server)?;
    ensure!(arrived == sent, "{} of {length} bytes", arrived.len());

    let (mut client, mut server, _) = tcp_pair(&pair.network, address)?;
    bulk(&mut client, &mut server)
}

fn the_gateway_fragments_what_may_be_fragmented(sandbox: &Sandbox) -> Result<()> {
    let (pair, active) = with_small_wan(sandbox)?;
    // This client sends as if nobody had ever looked for a path's MTU.
    pair.network.client.set("ipv4.ip_no_pmtu_disc", "1")?;
    let server = udp(&pair.network.server, SERVER.into())?;
    let client = udp(&pair.network.client, CLIENT.into())?;
    // The longest that fits, one byte more, and a full link.
    for length in [1_372, 1_373, 1_472] {
        there_and_back(&client, &server, length, WAN_ADDRESS.into())?;
    }
    let counted = pair.dropped(active, "too-big")?;
    ensure!(counted == 0, "{counted} are dropped");
    Ok(())
}
