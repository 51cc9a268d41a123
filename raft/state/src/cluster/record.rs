//! One change of a session in few bytes, as logs, wires and tables carry it.
//!
//! Sessions are what a cluster holds by the million, and most fields of a record follow from others:
//! the reverse key from the forward one, the next hop from the destination. What follows is left out,
//! and a flag says so. An IPv4 session takes about sixty bytes instead of two hundred.
//!
//! ```text
//!  epoch  version  0                                                        it ended
//!  epoch  version  1  flags  owner  protocol …  timeouts  opened  names     it lives
//! ```
//! Numbers are little-endian base 128, the high bit says that more follow.

use std::net::IpAddr;

use types::{
    Direction, Endpoint, Epoch, FlowKey, Giid, Hop, NodeId, Protocol, SessionChange, SessionId,
    SessionRecord, TcpState,
};

use super::bytes::Reader;
use super::bytes::{put_address, put_number, put_text};
use super::names::Names;

const ENDED: u8 = 0;
const LIVE: u8 = 1;

// Families: set for IPv6.
const FORWARD_SRC_V6: u16 = 1;
const FORWARD_DST_V6: u16 = 1 << 1;
const REVERSE_SRC_V6: u16 = 1 << 2;
const REVERSE_DST_V6: u16 = 1 << 3;
const FORWARD_HOP_V6: u16 = 1 << 4;
const REVERSE_HOP_V6: u16 = 1 << 5;
// What is left out because it follows.
const REVERSE_SRC_IS_DST: u16 = 1 << 6;
const REVERSE_DST_IS_SRC: u16 = 1 << 7;
const FORWARD_HOP_IS_DST: u16 = 1 << 8;
const REVERSE_HOP_IS_SRC: u16 = 1 << 9;
const REVERSE_LEAVES_AT_INGRESS: u16 = 1 << 10;
const SAME_PROTOCOL: u16 = 1 << 11;
// What is there.
const ESTABLISHED: u16 = 1 << 12;
const TENANT: u16 = 1 << 13;
const TCP: u16 = 1 << 14;
const UNUSED: u16 = 1 << 15;

/// Appends everything of `change` but its id.
pub(super) fn write(change: &SessionChange, out: &mut Vec<u8>) {
    let (epoch, version) = change.rank();
    put_number(out, epoch.0);
    put_number(out, version.into());
    match change {
        SessionChange::Put(record) => {
            out.push(LIVE);
            write_live(record, out);
        }
        SessionChange::Remove { .. } => out.push(ENDED),
    }
}

fn write_live(record: &SessionRecord, out: &mut Vec<u8>) {
    let flags = flags(record);
    let lacks = |flag| flags & flag == 0;
    out.extend_from_slice(&flags.to_le_bytes());
    out.push(record.owner.0);
    out.push(record.forward.protocol.0);
    if lacks(SAME_PROTOCOL) {
        out.push(record.reverse.protocol.0);
    }
    if let Some(state) = record.tcp {
        out.push(number_of(state));
    }
    put_number(out, record.ingress.0.into());
    put_number(out, record.forward_hop.interface.0.into());
    if lacks(REVERSE_LEAVES_AT_INGRESS) {
        put_number(out, record.reverse_hop.interface.0.into());
    }
    put_endpoint(out, record.forward.src);
    put_endpoint(out, record.forward.dst);
    if lacks(REVERSE_SRC_IS_DST) {
        put_endpoint(out, record.reverse.src);
    }
    if lacks(REVERSE_DST_IS_SRC) {
        put_endpoint(out, record.reverse.dst);
    }
    if lacks(FORWARD_HOP_IS_DST) {
        put_address(out, record.forward_hop.neighbor);
    }
    if lacks(REVERSE_HOP_IS_SRC) {
        put_address(out, record.reverse_hop.neighbor);
    }
    put_number(out, record.initial_timeout_ms.into());
    put_number(out, record.timeout_ms.into());
    put_number(out, record.opened_unix_ms);
    put_text(out, record.service.as_str());
    if let Some(tenant) = &record.tenant {
        put_text(out, tenant.as_str());
    }
}

fn flags(record: &SessionRecord) -> u16 {
    let SessionRecord {
        forward, reverse, ..
    } = record;
    let (forward_hop, reverse_hop) = (record.forward_hop, record.reverse_hop);
    [
        (FORWARD_SRC_V6, forward.src.ip.is_ipv6()),
        (FORWARD_DST_V6, forward.dst.ip.is_ipv6()),
        (REVERSE_SRC_V6, reverse.src.ip.is_ipv6()),
        (REVERSE_DST_V6, reverse.dst.ip.is_ipv6()),
        (FORWARD_HOP_V6, forward_hop.neighbor.is_ipv6()),
        (REVERSE_HOP_V6, reverse_hop.neighbor.is_ipv6()),
        (REVERSE_SRC_IS_DST, reverse.src == forward.dst),
        (REVERSE_DST_IS_SRC, reverse.dst == forward.src),
        (FORWARD_HOP_IS_DST, forward_hop.neighbor == forward.dst.ip),
        (REVERSE_HOP_IS_SRC, reverse_hop.neighbor == forward.src.ip),
        (
            REVERSE_LEAVES_AT_INGRESS,
            reverse_hop.interface == record.ingress,
        ),
        (SAME_PROTOCOL, reverse.protocol == forward.protocol),
        (ESTABLISHED, record.established),
        (TENANT, record.tenant.is_some()),
        (TCP, record.tcp.is_some()),
    ]
    .into_iter()
    .filter(|(_, holds)| *holds)
    .fold(0, |flags, (flag, _)| flags | flag)
}

fn put_endpoint(out: &mut Vec<u8>, endpoint: Endpoint) {
    put_address(out, endpoint.ip);
    out.extend_from_slice(&endpoint.port.to_be_bytes());
}

/// The rank at the front.
pub(super) fn rank(reader: &mut Reader<'_>) -> Option<(Epoch, u32)> {
    let epoch = Epoch(reader.number()?);
    let version = u32::try_from(reader.number()?).ok()?;
    Some((epoch, version))
}

/// Whether `body` says that its session lives.
pub(super) fn is_live(body: &[u8]) -> bool {
    let mut reader = Reader::new(body);
    rank(&mut reader).is_some() && reader.byte() == Some(LIVE)
}

/// Reads what [`write()`] wrote for session `id`; `None` if it never did.
pub(super) fn read(id: SessionId, body: &[u8], names: &mut Names) -> Option<SessionChange> {
    let mut reader = Reader::new(body);
    let (epoch, version) = rank(&mut reader)?;
    let change = match reader.byte()? {
        ENDED => SessionChange::Remove { id, epoch, version },
        LIVE => SessionChange::Put(read_live(id, (epoch, version), &mut reader, names)?),
        _ => return None,
    };
    reader.is_empty().then_some(change)
}

fn read_live(
    id: SessionId,
    (epoch, version): (Epoch, u32),
    reader: &mut Reader<'_>,
    names: &mut Names,
) -> Option<SessionRecord> {
    let flags = Flags(u16::from_le_bytes(reader.array()?));
    if flags.has(UNUSED) {
        return None;
    }
    let owner = NodeId(reader.byte()?);
    let protocol = Protocol(reader.byte()?);
    let back = if flags.has(SAME_PROTOCOL) {
        protocol
    } else {
        Protocol(reader.byte()?)
    };
    let tcp = if flags.has(TCP) {
        Some(state_of(reader.byte()?)?)
    } else {
        None
    };
    let ingress = giid(reader)?;
    let forward_leaves = giid(reader)?;
    let reverse_leaves = if flags.has(REVERSE_LEAVES_AT_INGRESS) {
        ingress
    } else {
        giid(reader)?
    };
    let [src, dst, reverse_src, reverse_dst] = endpoints(reader, flags)?;
    let [forward_neighbor, reverse_neighbor] = neighbors(reader, flags, [dst.ip, src.ip])?;
    Some(SessionRecord {
        id,
        owner,
        epoch,
        version,
        forward: FlowKey { src, dst, protocol },
        reverse: FlowKey {
            src: reverse_src,
            dst: reverse_dst,
            protocol: back,
        },
        ingress,
        forward_hop: Hop {
            interface: forward_leaves,
            neighbor: forward_neighbor,
        },
        reverse_hop: Hop {
            interface: reverse_leaves,
            neighbor: reverse_neighbor,
        },
        tcp,
        established: flags.has(ESTABLISHED),
        initial_timeout_ms: u32::try_from(reader.number()?).ok()?,
        timeout_ms: u32::try_from(reader.number()?).ok()?,
        opened_unix_ms: reader.number()?,
        service: names.get(reader.text()?),
        tenant: if flags.has(TENANT) {
            Some(names.get(reader.text()?))
        } else {
            None
        },
    })
}

#[derive(Clone, Copy)]
struct Flags(u16);

impl Flags {
    const fn has(self, flag: u16) -> bool {
        self.0 & flag != 0
    }
}

/// Source and destination, forward and reverse.
fn endpoints(reader: &mut Reader<'_>, flags: Flags) -> Option<[Endpoint; 4]> {
    let src = endpoint(reader, flags.has(FORWARD_SRC_V6))?;
    let dst = endpoint(reader, flags.has(FORWARD_DST_V6))?;
    let reverse_src = if flags.has(REVERSE_SRC_IS_DST) {
        dst
    } else {
        endpoint(reader, flags.has(REVERSE_SRC_V6))?
    };
    let reverse_dst = if flags.has(REVERSE_DST_IS_SRC) {
        src
    } else {
        endpoint(reader, flags.has(REVERSE_DST_V6))?
    };
    Some([src, dst, reverse_src, reverse_dst])
}

/// Who gets packets, forward and reverse: the ends themselves, if nobody else is named.
fn neighbors(reader: &mut Reader<'_>, flags: Flags, ends: [IpAddr; 2]) -> Option<[IpAddr; 2]> {
    let [forward, reverse] = ends;
    let forward = if flags.has(FORWARD_HOP_IS_DST) {
        forward
    } else {
        reader.address(flags.has(FORWARD_HOP_V6))?
    };
    let reverse = if flags.has(REVERSE_HOP_IS_SRC) {
        reverse
    } else {
        reader.address(flags.has(REVERSE_HOP_V6))?
    };
    Some([forward, reverse])
}

fn giid(reader: &mut Reader<'_>) -> Option<Giid> {
    u16::try_from(reader.number()?).ok().map(Giid)
}

fn endpoint(reader: &mut Reader<'_>, is_v6: bool) -> Option<Endpoint> {
    let ip = reader.address(is_v6)?;
    let port = u16::from_be_bytes(reader.array()?);
    Some(Endpoint { ip, port })
}

const fn number_of(state: TcpState) -> u8 {
    match state {
        TcpState::SynSent => 0,
        TcpState::SynReceived => 1,
        TcpState::Established => 2,
        TcpState::FinWait(Direction::Forward) => 3,
        TcpState::FinWait(Direction::Reverse) => 4,
        TcpState::Closing => 5,
        TcpState::TimeWait => 6,
        TcpState::Reset => 7,
    }
}

const fn state_of(number: u8) -> Option<TcpState> {
    Some(match number {
        0 => TcpState::SynSent,
        1 => TcpState::SynReceived,
        2 => TcpState::Established,
        3 => TcpState::FinWait(Direction::Forward),
        4 => TcpState::FinWait(Direction::Reverse),
        5 => TcpState::Closing,
        6 => TcpState::TimeWait,
        7 => TcpState::Reset,
        _ => return None,
    })
}
