//! Opens the sessions with real sockets, and learns what the router made of them.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::time::Duration;

use anyhow::{Context as _, bail};
use runtime::Clock;
use types::MacAddr;

use super::frame::Hop;
use crate::host::Host;
use crate::topology::Single;
use crate::topology::pair_witness::{CLIENT, LAN_GATEWAY, SERVER, WAN_ADDRESS};

/// The sink's port: the echo protocol's own (RFC 862).
const ECHO: u16 = 7;
/// The first session's port at the generator.
const FIRST_PORT: u16 = 10_000;
/// How long the node may take to start and to forward the first datagram.
const DEADLINE: Duration = Duration::from_secs(20);
/// How long an answer may take before the datagram is sent again.
const RETRY: Duration = Duration::from_millis(200);

/// Established sessions; the sockets keep their ports busy.
#[derive(Debug)]
pub(super) struct Sessions {
    /// Each session as its frames leave the generator, and as they must reach the sink.
    pub(super) hops: Vec<(Hop, Hop)>,
    _sockets: Vec<UdpSocket>,
}

/// Exchanges a datagram in each session; `check` may end the wait by an error.
pub(super) fn open(
    network: &Single,
    count: u16,
    clock: Clock,
    mut check: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<Sessions> {
    let sink = socket(&network.sink, (SERVER, ECHO).into(), None)?;
    let target = SocketAddrV4::new(SERVER, ECHO);
    let mut sockets = vec![sink.try_clone()?];
    let mut translated = Vec::new();
    let deadline = clock.now() + DEADLINE;
    for number in 0..count {
        let source = SocketAddrV4::new(CLIENT, FIRST_PORT + number);
        let client = socket(&network.generator, source.into(), Some(target.into()))?;
        let seen = loop {
            check()?;
            match exchange(&client, &sink, number) {
                Ok(seen) => break seen,
                Err(error) if clock.now() >= deadline => {
                    bail!("session {number} is not forwarded: {error}")
                }
                Err(_) => {}
            }
        };
        translated.push((source, seen));
        sockets.push(client);
    }
    let at_generator = Hop {
        source_mac: own_mac(&network.generator, "lan0")?,
        target_mac: neighbor(&network.generator, LAN_GATEWAY)?,
        source: SocketAddrV4::new(CLIENT, 0),
        target,
        ttl: 64,
    };
    let at_sink = Hop {
        source_mac: neighbor(&network.sink, WAN_ADDRESS)?,
        target_mac: own_mac(&network.sink, "wan0")?,
        ttl: 63,
        ..at_generator
    };
    let hops = translated.into_iter().map(|(source, seen)| {
        (
            Hop {
                source,
                ..at_generator
            },
            Hop {
                source: seen,
                ..at_sink
            },
        )
    });
    Ok(Sessions {
        hops: hops.collect(),
        _sockets: sockets,
    })
}

fn socket(host: &Host, local: SocketAddr, peer: Option<SocketAddr>) -> anyhow::Result<UdpSocket> {
    let open = || -> io::Result<UdpSocket> {
        let socket = UdpSocket::bind(local)?;
        socket.set_read_timeout(Some(RETRY))?;
        if let Some(peer) = peer {
            socket.connect(peer)?;
        }
        Ok(socket)
    };
    host.run(open)?
        .with_context(|| format!("no socket at {local}"))
}

/// One datagram there and back; gives the source as the sink sees it.
fn exchange(client: &UdpSocket, sink: &UdpSocket, number: u16) -> io::Result<SocketAddrV4> {
    let label = number.to_be_bytes();
    client.send(&label)?;
    let mut bytes = [0; 64];
    loop {
        let (length, from) = sink.recv_from(&mut bytes)?;
        // An earlier try of another session may still arrive.
        if bytes.get(..length) == Some(&label)
            && let SocketAddr::V4(from) = from
        {
            sink.send_to(&label, from)?;
            client.recv(&mut bytes)?;
            return Ok(from);
        }
    }
}

/// The MAC address that `host` has learned for `address`.
fn neighbor(host: &Host, address: Ipv4Addr) -> anyhow::Result<MacAddr> {
    let table = host.run(|| std::fs::read_to_string("/proc/thread-self/net/arp"))??;
    let wanted = address.to_string();
    let mac = table.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some(&wanted))
            .then(|| words.nth(2))
            .flatten()
    });
    let mac = mac.with_context(|| format!("{} does not know {address}", host.name()))?;
    mac.parse()
        .with_context(|| format!("{mac} is no MAC address"))
}

/// The MAC address of `device` at `host`.
pub(in crate::bench) fn own_mac(host: &Host, device: &str) -> anyhow::Result<MacAddr> {
    let find = || -> anyhow::Result<MacAddr> {
        let bytes = nix::ifaddrs::getifaddrs()?
            .filter(|address| address.interface_name == device)
            .find_map(|address| address.address?.as_link_addr()?.addr());
        Ok(MacAddr(bytes.context("the device has no MAC address")?))
    };
    host.run(find)?
}
