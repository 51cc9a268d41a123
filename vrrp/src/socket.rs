//! The sockets on devices, and the system calls of the heartbeat thread that no safe wrapper covers.
//!
//! This is the crate's only file with unsafe code; each block is one call into the kernel.
#![expect(unsafe_code, reason = "system calls without a safe wrapper")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::net::if_::if_nametoindex;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv,
};
use socket2::{Domain, SockAddr, SockFilter, Socket, Type};
use types::MacAddr;
use vrrp_machine::Family;
use wire::{ethernet, vrrp};

/// The kernel's queueing class for control traffic: first band of `pfifo_fast` and its like.
pub(crate) const PRIORITY_CONTROL: u32 = 7;

/// A device as the kernel knows it now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Device {
    index: u32,
    /// Its own MAC address.
    pub(crate) mac: MacAddr,
}

impl Device {
    /// Looks the device up in this thread's network namespace.
    pub(crate) fn find(name: &str) -> io::Result<Self> {
        let index = if_nametoindex(name)?;
        let mac = nix::ifaddrs::getifaddrs()?
            .filter(|address| address.interface_name == name)
            .find_map(|address| address.address?.as_link_addr()?.addr())
            .ok_or_else(|| io::Error::other("the device has no MAC address"))?;
        Ok(Self {
            index,
            mac: MacAddr(mac),
        })
    }

    /// Whether `name` is still the same device, or gone for the moment.
    pub(crate) fn is_still(&self, name: &str) -> bool {
        if_nametoindex(name).is_ok_and(|index| index == self.index)
    }
}

/// Frames of one device and family in and out: in come VRRP frames only, out goes what is given.
#[derive(Debug)]
pub(crate) struct FramePort {
    receiver: Socket,
    sender: Socket,
}

impl FramePort {
    /// Opens the port; the receiver is bound last, so that nothing comes in unfiltered.
    pub(crate) fn open(device: Device, family: Family) -> io::Result<Self> {
        let (ether_type, next_header_at, group) = match family {
            Family::V4 => (
                ethernet::EtherType::IPV4,
                ethernet::HEADER_LEN + 9,
                MacAddr::multicast_v4(vrrp::GROUP_V4),
            ),
            Family::V6 => (
                ethernet::EtherType::IPV6,
                ethernet::HEADER_LEN + 6,
                MacAddr::multicast_v6(vrrp::GROUP_V6),
            ),
        };
        let receiver = packet_socket()?;
        receiver.attach_filter(&only_vrrp(next_header_at))?;
        ignore_outgoing(&receiver)?;
        receiver.bind(&link_address(device.index, ether_type.0))?;
        join(&receiver, device.index, group)?;
        let sender = packet_socket()?;
        // Protocol 0 receives nothing, and lets the kernel read the type from the frame.
        sender.bind(&link_address(device.index, 0))?;
        sender.set_priority(PRIORITY_CONTROL)?;
        Ok(Self { receiver, sender })
    }

    /// The next frame, cut to `buffer`; `WouldBlock` when there is none.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        receive(self.receiver.as_fd(), buffer)
    }

    /// Sends a whole frame.
    pub(crate) fn send(&self, frame: &[u8]) -> io::Result<()> {
        self.sender.send(frame).map(drop)
    }

    /// What to poll.
    pub(crate) fn readable(&self) -> BorrowedFd<'_> {
        self.receiver.as_fd()
    }
}

fn packet_socket() -> io::Result<Socket> {
    // `new` sets close-on-exec; protocol 0 receives nothing until `bind` names one.
    let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Classic BPF: the byte that names the payload must be VRRP's 112. Extension headers before VRRP
/// have no sender (RFC 9568 §5.1.2.4 knows "next header").
fn only_vrrp(next_header_at: usize) -> [SockFilter; 4] {
    const LOAD_BYTE: u16 = 0x30;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    let at = u32::try_from(next_header_at).unwrap_or(u32::MAX);
    [
        SockFilter::new(LOAD_BYTE, 0, 0, at),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, types::Protocol::VRRP.0.into()),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}

fn link_address(index: u32, ether_type: u16) -> SockAddr {
    let mut storage = socket2::SockAddrStorage::zeroed();
    // SAFETY: sockaddr_ll is a plain socket address that fits the storage, and zeroes are valid.
    let address = unsafe { storage.view_as::<libc::sockaddr_ll>() };
    address.sll_family = u16::try_from(libc::AF_PACKET).unwrap_or(0);
    address.sll_protocol = ether_type.to_be();
    address.sll_ifindex = i32::try_from(index).unwrap_or(0);
    let length = socket_length::<libc::sockaddr_ll>();
    // SAFETY: the storage holds an initialised sockaddr_ll of this length.
    unsafe { SockAddr::new(storage, length) }
}

fn socket_length<T>() -> libc::socklen_t {
    libc::socklen_t::try_from(size_of::<T>()).unwrap_or(0)
}

/// The NIC must pass the group's frames up; membership ends with the socket.
fn join(socket: &Socket, index: u32, group: MacAddr) -> io::Result<()> {
    let [a, b, c, d, e, f] = group.0;
    let request = libc::packet_mreq {
        mr_ifindex: i32::try_from(index).unwrap_or(0),
        mr_type: u16::try_from(libc::PACKET_MR_MULTICAST).unwrap_or(0),
        mr_alen: 6,
        mr_address: [a, b, c, d, e, f, 0, 0],
    };
    set_packet_option(socket, libc::PACKET_ADD_MEMBERSHIP, &request)
}

/// Our own frames, and those of everybody else on this host, are none of the receiver's business.
fn ignore_outgoing(socket: &Socket) -> io::Result<()> {
    const PACKET_IGNORE_OUTGOING: libc::c_int = 23;
    let on: libc::c_int = 1;
    set_packet_option(socket, PACKET_IGNORE_OUTGOING, &on)
}

fn set_packet_option<T>(socket: &Socket, option: libc::c_int, value: &T) -> io::Result<()> {
    // SAFETY: the pointer and the length describe `value`, which lives until the call returns.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            option,
            std::ptr::from_ref(value).cast(),
            socket_length::<T>(),
        )
    };
    succeeded(result)
}

fn succeeded(result: libc::c_int) -> io::Result<()> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// The next packet, cut to `buffer`; `WouldBlock` when there is none.
pub(crate) fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    Ok(recv(socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT)?)
}

/// Wakes us when any link of this network namespace changes.
#[derive(Debug)]
pub(crate) struct LinkEvents(OwnedFd);

impl LinkEvents {
    pub(crate) fn open() -> io::Result<Self> {
        let socket = nix::sys::socket::socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkRoute,
        )?;
        let groups = u32::try_from(libc::RTMGRP_LINK).unwrap_or(0);
        nix::sys::socket::bind(socket.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
        Ok(Self(socket))
    }

    /// Empties the queue; whether anything, or the news of a loss, was in it.
    pub(crate) fn drain(&self, buffer: &mut [u8]) -> bool {
        let mut any = false;
        loop {
            match receive(self.0.as_fd(), buffer) {
                Ok(_) => any = true,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return any,
                // Overrun: something changed and we do not know what, which is all we need.
                Err(_) => return true,
            }
        }
    }

    /// What to poll.
    pub(crate) fn readable(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Asks whether a device is up and running. `SIOCGIFFLAGS` takes no lock of the kernel's that a slow
/// network command elsewhere could hold; ethtool and netlink requests do.
#[derive(Debug)]
pub(crate) struct LinkProbe(Socket);

impl LinkProbe {
    pub(crate) fn open() -> io::Result<Self> {
        Socket::new(Domain::IPV4, Type::DGRAM, None).map(Self)
    }

    /// Whether frames can pass; an error when the device is gone.
    pub(crate) fn is_up(&self, device: &str) -> io::Result<bool> {
        // SAFETY: ifreq is plain data, and all zeroes are a valid one.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        // The last byte stays zero: names that do not fit do not exist.
        let room = request.ifr_name.len() - 1;
        if device.len() > room {
            return Err(io::ErrorKind::NotFound.into());
        }
        for (to, from) in request.ifr_name.iter_mut().zip(device.bytes()) {
            *to = from.cast_signed();
        }
        // SAFETY: SIOCGIFFLAGS reads the name from and writes the flags to the request it is given.
        let result =
            unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SIOCGIFFLAGS, &raw mut request) };
        succeeded(result)?;
        // SAFETY: the call above has filled in the flags.
        let flags = unsafe { request.ifr_ifru.ifru_flags };
        let needed = libc::IFF_UP | libc::IFF_RUNNING;
        Ok(i32::from(flags) & needed == needed)
    }
}

/// Asks the kernel to run this thread before all ordinary ones.
pub(crate) fn run_in_real_time(priority: i32) -> io::Result<()> {
    let parameters = libc::sched_param {
        sched_priority: priority,
    };
    // Children, if somebody ever makes some, must not inherit it.
    let policy = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
    // SAFETY: 0 is this thread, and the parameters live until the call returns.
    let result = unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) };
    succeeded(result)
}

/// Asks for the shortest slices that an ordinary thread may have (Linux 6.12 and later): a thread
/// that sleeps most of the time is then run almost as soon as it wakes, beside whatever computes.
pub(crate) fn run_in_short_slices(slice: Duration) -> io::Result<()> {
    let attributes = libc::sched_attr {
        size: u32::try_from(size_of::<libc::sched_attr>()).unwrap_or(0),
        sched_policy: u32::try_from(libc::SCHED_OTHER).unwrap_or(0),
        sched_flags: 0,
        sched_nice: 0,
        sched_priority: 0,
        sched_runtime: u64::try_from(slice.as_nanos()).unwrap_or(0),
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: 0 is this thread, and the attributes live until the call returns.
    let result = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0_u32) };
    succeeded(libc::c_int::try_from(result).unwrap_or(-1))
}
