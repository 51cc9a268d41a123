//! System calls that no safe wrapper offers; the only unsafe code of the laboratory.
//!
//! Each function takes and returns safe types and does one thing.
#![expect(
    unsafe_code,
    reason = "hooks between fork and exec, interface requests and packet sockets have no safe wrapper"
)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sched::CloneFlags;
use nix::sys::signal::{SigSet, Signal};

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

/// Makes `command` start with no signal blocked, whatever the calling thread blocks.
pub(crate) fn unblock_signals(command: &mut Command) {
    let unblock = || Ok(SigSet::empty().thread_set_mask()?);
    // SAFETY: between fork and exec the hook makes one system call with a set on its own stack.
    unsafe { command.pre_exec(unblock) };
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
