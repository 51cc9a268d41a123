//! What a host is told by ICMP, byte by byte.
//!
//! Read here by hand, not by the product's own parser: that one is under test.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::Result;
use lab::host::Host;
use socket2::{Domain, Protocol, Socket, Type};

use crate::wait;

/// How long one read of the socket waits.
const GLANCE: Duration = Duration::from_millis(20);

/// A family of ICMP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Family {
    /// RFC 792.
    V4,
    /// RFC 4443.
    V6,
}

/// A received ICMP message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// Who sent it.
    pub from: IpAddr,
    /// Its type.
    pub kind: u8,
    /// Its code.
    pub code: u8,
    /// The last four bytes of its header, where "too big" has the MTU.
    pub word: u32,
    /// What follows the header: in errors, the packet that they are about.
    pub body: Vec<u8>,
}

/// A socket that hears all ICMP for its host.
#[derive(Debug)]
pub struct Ears {
    family: Family,
    // A raw socket; what std offers for UDP is what it needs.
    socket: UdpSocket,
}

impl Ears {
    /// Opens them in `host`; it needs root there, as everybody is in the sandbox.
    pub fn open(host: &Host, family: Family) -> Result<Self> {
        let (domain, protocol) = match family {
            Family::V4 => (Domain::IPV4, Protocol::ICMPV4),
            Family::V6 => (Domain::IPV6, Protocol::ICMPV6),
        };
        let socket = host.run(|| Socket::new(domain, Type::RAW, Some(protocol)))??;
        socket.set_read_timeout(Some(GLANCE))?;
        let socket = socket.into();
        Ok(Self { family, socket })
    }

    /// Waits for a message that `is_it`; others pass.
    pub fn hear(&self, what: &str, is_it: impl Fn(&Message) -> bool) -> Result<Message> {
        wait::until(what, || Ok(self.next().filter(|message| is_it(message))))
    }

    /// The next message, if one comes within a glance.
    pub fn next(&self) -> Option<Message> {
        let mut buffer = vec![0; 65_536];
        let (length, from) = self.socket.recv_from(&mut buffer).ok()?;
        buffer.truncate(length);
        // The kernel hands out the IPv4 header too, and of IPv6 only the message.
        let message = match self.family {
            Family::V4 => beyond_ipv4(&buffer)?,
            Family::V6 => &buffer,
        };
        let ([kind, code, _, _, word @ ..], body) = message.split_first_chunk::<8>()?;
        Some(Message {
            from: from.ip(),
            kind: *kind,
            code: *code,
            word: u32::from_be_bytes(*word),
            body: body.to_vec(),
        })
    }
}

impl Message {
    /// Source and destination of the UDP or TCP packet that an error is about, as the quotation has
    /// them.
    pub fn quoted(&self) -> Option<(SocketAddr, SocketAddr)> {
        let packet = self.body.as_slice();
        let (source, destination, transport): (IpAddr, IpAddr, _) = match packet.first()? >> 4 {
            4 => {
                let source: [u8; 4] = *packet.get(12..)?.first_chunk()?;
                let destination: [u8; 4] = *packet.get(16..)?.first_chunk()?;
                (source.into(), destination.into(), beyond_ipv4(packet)?)
            }
            6 => {
                let source: [u8; 16] = *packet.get(8..)?.first_chunk()?;
                let destination: [u8; 16] = *packet.get(24..)?.first_chunk()?;
                (source.into(), destination.into(), packet.get(40..)?)
            }
            _ => return None,
        };
        let port = |at: usize| Some(u16::from_be_bytes(*transport.get(at..)?.first_chunk()?));
        Some(((source, port(0)?).into(), (destination, port(2)?).into()))
    }
}

/// What follows an IPv4 header.
fn beyond_ipv4(packet: &[u8]) -> Option<&[u8]> {
    let words = usize::from(packet.first()? & 0x0f);
    packet.get(4 * words..)
}
