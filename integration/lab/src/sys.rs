//! System calls that no safe wrapper offers; the only unsafe code of the laboratory.
//!
//! Each function takes and returns safe types and does one thing.
#![expect(
    unsafe_code,
    reason = "hooks between fork and exec, interface requests and packet sockets have no safe wrapper"
)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sched::CloneFlags;
use nix::sys::signal::{self, SigHandler, SigSet, Signal};
use socket2::{Domain, Socket, Type};

/// Makes `command` start inside the network namespace behind `namespace`.
pub(crate) fn start_in_namespace(command: &mut Command, namespace: OwnedFd) {
    let enter = move || Ok(nix::sched::setns(&namespace, CloneFlags::CLONE_NEWNET)?);
    // SAFETY: between fork and exec the hook makes one system call on a descriptor that it owns; it
    // allocates nothing and takes no lock.
    unsafe { command.pre_exec(enter) };
}

/// Makes `command` die by SIGKILL as soon as the calling thread does.
pub(crate) fn die_with_parent(command: &mut Command) {
    let bind = || Ok(nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?);
    // SAFETY: between fork and exec the hook makes one system call without memory of its own.
    unsafe { command.pre_exec(bind) };
}

/// Makes `command` start with no signal blocked, whatever the calling thread blocks, and with the
/// usual answer to an interrupt: shells make it ignored in what they start in the background.
pub(crate) fn listen_to_signals(command: &mut Command) {
    let listen = || {
        // SAFETY: the default action is no code of this process.
        unsafe { signal::signal(Signal::SIGINT, SigHandler::SigDfl) }?;
        Ok(SigSet::empty().thread_set_mask()?)
    };
    // SAFETY: between fork and exec the hook makes two system calls with values of its own stack.
    unsafe { command.pre_exec(listen) };
}

/// Lets the calling thread run before all ordinary ones, where that is permitted: a measuring thread
/// that waits for its turn measures the machine instead of the network.
pub(crate) fn run_first() {
    let parameters = libc::sched_param { sched_priority: 1 };
    // SAFETY: the kernel reads the parameters, which outlive the call, and changes this thread only.
    let refused = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameters) };
    if refused != 0 {
        tracing::debug!(error = %io::Error::last_os_error(), "no real-time priority for a probe");
    }
}

/// A value that the ethtool interface can set on a device.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Offload {
    /// Transmit checksums are left to hardware that a veth pair does not have.
    TransmitChecksum,
    /// TCP segments larger than the link's frames.
    TcpSegmentation,
    /// Any segments larger than the link's frames.
    GenericSegmentation,
    /// Received frames merged into larger ones.
    GenericReceive,
}

/// `struct ethtool_value` of linux/ethtool.h.
#[repr(C)]
struct EthtoolValue {
    command: u32,
    data: u32,
}

/// Switches one offload of the device `name` off, through any socket of its namespace.
pub(crate) fn switch_offload_off(
    socket: BorrowedFd<'_>,
    name: &str,
    offload: Offload,
) -> io::Result<()> {
    let command = match offload {
        Offload::TransmitChecksum => 0x17,    // ETHTOOL_STXCSUM
        Offload::TcpSegmentation => 0x1f,     // ETHTOOL_STSO
        Offload::GenericSegmentation => 0x24, // ETHTOOL_SGSO
        Offload::GenericReceive => 0x2c,      // ETHTOOL_SGRO
    };
    let mut value = EthtoolValue { command, data: 0 };
    // SAFETY: every field of ifreq is an integer, an array or a pointer, all valid when zero.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last byte stays zero: it ends the name.
    let room = request.ifr_name.len() - 1;
    if name.len() > room {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    request.ifr_ifru.ifru_data = (&raw mut value).cast();
    // SAFETY: SIOCETHTOOL reads `request` and the `value` that it points to; both outlive the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, &raw mut request) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// A packet socket that sends whole frames through one device, past its queueing discipline.
#[derive(Debug)]
pub(crate) struct FrameSender(OwnedFd);

/// Frames that one system call sends at most.
pub(crate) const BATCH: usize = 64;

impl FrameSender {
    /// Opens it in the namespace of the calling thread.
    pub(crate) fn open(device: &str) -> io::Result<Self> {
        // Protocol zero: it receives nothing.
        let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
        bind_to_device(socket.as_fd(), device, 0)?;
        let bypass: libc::c_int = 1;
        // SAFETY: the option's value is an int that outlives the call, and its size is given.
        let result = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_QDISC_BYPASS,
                (&raw const bypass).cast(),
                libc::socklen_t::try_from(size_of_val(&bypass)).map_err(io::Error::other)?,
            )
        };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self(socket.into()))
    }

    /// Sends the first [`BATCH`] of `frames` at most; gives how many the kernel took.
    pub(crate) fn send<const N: usize>(&self, frames: &[[u8; N]]) -> io::Result<usize> {
        // SAFETY: every field of iovec is a pointer or an integer, all valid when zero.
        let mut parts: [libc::iovec; BATCH] = unsafe { std::mem::zeroed() };
        // SAFETY: every field of mmsghdr is a pointer or an integer, all valid when zero.
        let mut messages: [libc::mmsghdr; BATCH] = unsafe { std::mem::zeroed() };
        for ((part, message), frame) in parts.iter_mut().zip(&mut messages).zip(frames) {
            // The kernel only reads it; the type does not say so.
            part.iov_base = frame.as_ptr().cast_mut().cast();
            part.iov_len = N;
            message.msg_hdr.msg_iov = part;
            message.msg_hdr.msg_iovlen = 1;
        }
        let count = u32::try_from(frames.len().min(BATCH)).unwrap_or(0);
        // SAFETY: the first `count` messages point to parts, and those to frames, which all outlive
        // the call; the kernel writes only the messages' lengths.
        let sent = unsafe { libc::sendmmsg(self.0.as_raw_fd(), messages.as_mut_ptr(), count, 0) };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}

/// A packet socket that gets a copy of every frame that arrives at `device` of the calling thread's
/// namespace.
pub(crate) fn frame_receiver(device: &str) -> io::Result<Socket> {
    let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
    let every = u16::try_from(libc::ETH_P_ALL).map_err(io::Error::other)?;
    bind_to_device(socket.as_fd(), device, every)?;
    Ok(socket)
}

fn bind_to_device(socket: BorrowedFd<'_>, device: &str, protocol: u16) -> io::Result<()> {
    let index = nix::net::if_::if_nametoindex(device)?;
    // SAFETY: every field of sockaddr_ll is an integer or an array of them, all valid when zero.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = u16::try_from(libc::AF_PACKET).map_err(io::Error::other)?;
    address.sll_protocol = protocol.to_be();
    address.sll_ifindex = index.cast_signed();
    let length = libc::socklen_t::try_from(size_of_val(&address)).map_err(io::Error::other)?;
    // SAFETY: the address is a sockaddr_ll of the given length and outlives the call.
    let result = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
