//! A neighbour that speaks nonsense at every door of a running pair.

mod support;

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use integration::sockets::bytes;
use integration::{Files, Pair, wait};
use lab::cluster::Member;
use lab::harness::{self, Case};
use lab::host::Host;
use lab::sandbox::Sandbox;
use lab::topology::Side;
use pnet_datalink::{Channel, DataLinkSender};
use serde_json::Value;
use socket2::{Domain, Socket, Type};
use support::Load;

const TANDEM: &str = env!("CARGO_BIN_EXE_tandem");

const CASES: &[(&str, Case)] = &[
    (
        "garbage_at_every_door_is_counted_and_changes_nothing",
        garbage_at_every_door_is_counted_and_changes_nothing,
    ),
    (
        "a_flood_of_idle_connections_costs_neither_descriptors_nor_readiness",
        a_flood_of_idle_connections_costs_neither_descriptors_nor_readiness,
    ),
];

fn main() -> ExitCode {
    harness::main(CASES)
}

fn garbage_at_every_door_is_counted_and_changes_nothing(sandbox: &Sandbox) -> Result<()> {
    let (mut pair, active) = Pair::start_all(sandbox, TANDEM, Files::default())?;
    let load = Load::start(&pair, 20)?;
    pair.copied(load.sessions())?;
    let epoch = pair.ha(active)?.epoch;
    let before = (
        invalid_adverts(&pair, active)?,
        pair.dropped(active, "malformed")?,
    );

    for side in Side::BOTH {
        garbage_for_raft(&pair.network.witness, (side.ha0(), 7400).into())?;
        garbage_for_heartbeats(&pair.network.witness, (side.ha0(), 7401).into())?;
    }
    garbage_adverts(&pair.network.client)?;
    garbage_frames(&pair.network.client)?;

    wait::until_true("the counters to move", || {
        let after = (
            invalid_adverts(&pair, active)?,
            pair.dropped(active, "malformed")?,
        );
        Ok(after.0 > before.0 && after.1 > before.1)
    })?;
    pair.nobody_moves(active, Duration::from_millis(500))?;
    load.everything_goes_on()?;
    ensure!(pair.ha(active)?.epoch == epoch, "the epoch has moved");
    ensure!(pair.ready()? == active, "the role has moved");
    load.stop_unharmed()
}

/// Six hundred connections from the HA network say nothing and stay as long as they may.
fn a_flood_of_idle_connections_costs_neither_descriptors_nor_readiness(
    sandbox: &Sandbox,
) -> Result<()> {
    const FLOOD: usize = 300;
    let (mut pair, active) = Pair::start_all(sandbox, TANDEM, Files::default())?;
    let load = Load::start(&pair, 20)?;
    pair.copied(load.sessions())?;

    let flood = pair.network.witness.run(|| -> Result<Vec<TcpStream>> {
        let targets = Side::BOTH.map(|side| SocketAddr::from((side.ha0(), 7400)));
        let connect = |target: &SocketAddr| Ok(TcpStream::connect(target)?);
        targets
            .iter()
            .cycle()
            .take(2 * FLOOD)
            .map(connect)
            .collect()
    })??;

    for side in Side::BOTH {
        let open = descriptors(&pair, side)?;
        ensure!(open < FLOOD, "node {} has {open} descriptors", side.name());
    }
    pair.nobody_moves(active, Duration::from_millis(500))?;
    ensure!(pair.ready()? == active, "the role has moved");
    load.everything_goes_on()?;
    drop(flood);
    load.stop_unharmed()
}

/// Open descriptors of a node's process.
fn descriptors(pair: &Pair, side: Side) -> Result<usize> {
    let id = pair.process_id(Member::Node(side))?;
    Ok(std::fs::read_dir(format!("/proc/{id}/fd"))?.count())
}

fn invalid_adverts(pair: &Pair, side: Side) -> Result<u64> {
    let reply = pair.show(side, "vrrp")?;
    let routers = reply.get("virtual_routers").and_then(Value::as_array);
    let invalid = |router: &Value| router.get("adverts_invalid").and_then(Value::as_u64);
    Ok(routers.into_iter().flatten().filter_map(invalid).sum())
}

/// Noise, another protocol, a good beginning with a bad end, a connection that says nothing.
fn garbage_for_raft(host: &Host, target: SocketAddr) -> Result<()> {
    let preface = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        bytes(5, 4_096),
    ]
    .concat();
    let words = [
        bytes(1, 65_536),
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
        preface,
        Vec::new(),
    ];
    host.run(|| -> Result<()> {
        for word in &words {
            let mut stream = TcpStream::connect(target)?;
            // It may hang up before it has heard everything.
            let _hung_up = stream.write_all(word);
        }
        Ok(())
    })?
}

fn garbage_for_heartbeats(host: &Host, target: SocketAddr) -> Result<()> {
    host.run(|| -> Result<()> {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        for length in (0..1_400).step_by(7) {
            socket.send_to(&bytes(9, length), target)?;
        }
        Ok(())
    })?
}

/// VRRP with right and wrong TTL and all lengths, from an ordinary host of the LAN.
fn garbage_adverts(host: &Host) -> Result<()> {
    let group = SocketAddr::from(([224, 0, 0, 18], 0)).into();
    let socket = host.run(|| Socket::new(Domain::IPV4, Type::RAW, Some(112.into())))??;
    for (seed, ttl) in [(1, 255), (2, 64)] {
        socket.set_multicast_ttl_v4(ttl)?;
        for length in 0..64 {
            // Version 3, advertisement, our own virtual router; the rest is noise.
            let mut advert = vec![0x31, 10];
            advert.extend(bytes(seed, length));
            socket.send_to(&advert, &group)?;
        }
    }
    Ok(())
}

/// Frames of every kind that the gateway reads, with nothing right behind the Ethernet header.
fn garbage_frames(host: &Host) -> Result<()> {
    const DESTINATIONS: [[u8; 6]; 4] = [
        [0x00, 0x00, 0x5e, 0x00, 0x01, 0x0a],
        [0x00, 0x00, 0x5e, 0x00, 0x02, 0x0a],
        [0xff; 6],
        [0x33, 0x33, 0, 0, 0, 0x12],
    ];
    const KINDS: [[u8; 2]; 5] = [
        [0x08, 0x00],
        [0x86, 0xdd],
        [0x08, 0x06],
        [0x81, 0x00],
        [0x12, 0x34],
    ];
    let mut sender = host.run(|| open_link("lan0"))??;
    for (seed, length) in (0..=255).cycle().zip((0..1_486).step_by(3)) {
        for destination in DESTINATIONS {
            for kind in KINDS {
                let noise = bytes(seed, length);
                let source = [0x02, 0, 0, 0, 9, 9];
                let frame = [&destination[..], &source, &kind, &noise].concat();
                let sent = sender.send_to(&frame, None).context("the link is open")?;
                sent?;
            }
        }
    }
    Ok(())
}

fn open_link(device: &str) -> Result<Box<dyn DataLinkSender>> {
    let interfaces = pnet_datalink::interfaces();
    let interface = interfaces.iter().find(|interface| interface.name == device);
    let interface = interface.context("the device is there")?;
    match pnet_datalink::channel(interface, pnet_datalink::Config::default())? {
        Channel::Ethernet(sender, _) => Ok(sender),
        _ => bail!("no Ethernet channel"),
    }
}
