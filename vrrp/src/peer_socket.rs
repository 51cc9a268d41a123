//! The two sockets of an HA link: one for heartbeats, one for pings of the other end.
//!
//! An HA link may come up long after the node: neither needs its addresses to be there when it is opened.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::socket::{PRIORITY_CONTROL, receive};

/// DSCP CS6, as routing protocols use it.
const TOS_CONTROL: u32 = 0xc0;

/// A socket towards the other end of an HA link. It is connected as soon as there is a route: only then does the
/// kernel report that nobody listens there, and drop what others send.
#[derive(Debug)]
struct PeerSocket {
    socket: Socket,
    remote: SockAddr,
    /// Our own end, where it can be bound only once it is there.
    unbound: Option<SockAddr>,
    connected: bool,
}

impl PeerSocket {
    fn open(local: SocketAddr, kind: (Type, Protocol), device: Option<&str>) -> io::Result<Socket> {
        let (socket_type, protocol) = kind;
        let socket = Socket::new(Domain::for_address(local), socket_type, Some(protocol))?;
        socket.set_nonblocking(true)?;
        socket.set_priority(PRIORITY_CONTROL)?;
        if let Some(device) = device {
            socket.bind_device(Some(device.as_bytes()))?;
        }
        Ok(socket)
    }

    fn send(&mut self, packet: &[u8]) -> io::Result<()> {
        if !self.connected {
            if let Some(local) = &self.unbound {
                self.socket.bind(local)?;
            }
            self.socket.connect(&self.remote)?;
            self.connected = true;
        }
        self.socket.send(packet).map(drop)
    }

    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.connected {
            receive(self.socket.as_fd(), buffer)
        } else {
            Err(io::ErrorKind::WouldBlock.into())
        }
    }

    fn readable(&self) -> Option<BorrowedFd<'_>> {
        self.connected.then(|| self.socket.as_fd())
    }
}

/// The UDP socket of an HA link.
#[derive(Debug)]
pub(crate) struct HeartbeatPort(PeerSocket);

impl HeartbeatPort {
    /// Binds to `local`, which need not be configured yet; nothing is sent.
    pub(crate) fn open(
        local: SocketAddr,
        remote: SocketAddr,
        device: Option<&str>,
    ) -> io::Result<Self> {
        let socket = PeerSocket::open(local, (Type::DGRAM, Protocol::UDP), device)?;
        match local {
            SocketAddr::V4(_) => {
                socket.set_freebind_v4(true)?;
                socket.set_tos_v4(TOS_CONTROL)?;
            }
            SocketAddr::V6(_) => {
                socket.set_freebind_v6(true)?;
                socket.set_tclass_v6(TOS_CONTROL)?;
            }
        }
        socket.bind(&local.into())?;
        Ok(Self(PeerSocket {
            socket,
            remote: remote.into(),
            unbound: None,
            connected: false,
        }))
    }

    /// Sends one heartbeat.
    pub(crate) fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        self.0.send(datagram)
    }

    /// The next datagram; `WouldBlock` when there is none, `ConnectionRefused` when the peer's
    /// kernel said that nobody listens. Nothing is read before the socket is connected.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.receive(buffer)
    }

    /// What to poll; `None` while nothing would be read.
    pub(crate) fn readable(&self) -> Option<BorrowedFd<'_>> {
        self.0.readable()
    }
}

/// A raw ICMP socket towards the other end of an HA link.
#[derive(Debug)]
pub(crate) struct EchoPort(PeerSocket);

impl EchoPort {
    pub(crate) fn open(
        local: SocketAddr,
        remote: SocketAddr,
        device: Option<&str>,
    ) -> io::Result<Self> {
        let protocol = match local {
            SocketAddr::V4(_) => Protocol::ICMPV4,
            SocketAddr::V6(_) => Protocol::ICMPV6,
        };
        let socket = PeerSocket::open(local, (Type::RAW, protocol), device)?;
        Ok(Self(PeerSocket {
            socket,
            remote: without_port(remote),
            unbound: Some(without_port(local)),
            connected: false,
        }))
    }

    /// Sends one request, from the link's own address and to its other end.
    pub(crate) fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.0.send(message)
    }

    /// The next ICMP packet of the peer; `WouldBlock` when there is none.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.receive(buffer)
    }

    /// What to poll; `None` while nothing would be read.
    pub(crate) fn readable(&self) -> Option<BorrowedFd<'_>> {
        self.0.readable()
    }
}

/// Raw sockets of IPv6 refuse addresses with a port.
fn without_port(mut address: SocketAddr) -> SockAddr {
    address.set_port(0);
    SockAddr::from(address)
}
