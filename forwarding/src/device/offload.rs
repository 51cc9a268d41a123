//! Switching receive merging off, so that frames arrive as their senders sent them.
//!
//! The ethtool call is an `ioctl` with a pointer in a pointer, hence the unsafe block; nothing else
//! is here.
#![expect(unsafe_code, reason = "SIOCETHTOOL has no safe wrapper")]

use std::io;
use std::os::fd::AsRawFd;

use socket2::{Domain, Socket, Type};

/// A way of the kernel or card to merge frames.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Feature {
    /// Generic receive offload, in software.
    Gro,
    /// Large receive offload, in the card; what it merges cannot be taken apart again.
    Lro,
}

impl Feature {
    /// All of them.
    pub(super) const MERGING: [Self; 2] = [Self::Gro, Self::Lro];
}

const ETHTOOL_GFLAGS: u32 = 0x25;
const ETHTOOL_SFLAGS: u32 = 0x26;
const ETHTOOL_SGRO: u32 = 0x2c;
const FLAG_LRO: u32 = 1 << 15;

/// `struct ethtool_value`.
#[repr(C)]
struct EthtoolValue {
    command: u32,
    data: u32,
}

/// Switches `feature` of `device` off.
pub(super) fn switch_off(device: &str, feature: Feature) -> io::Result<()> {
    match feature {
        Feature::Gro => ethtool(device, ETHTOOL_SGRO, 0).map(drop),
        Feature::Lro => {
            let flags = ethtool(device, ETHTOOL_GFLAGS, 0)?;
            if flags & FLAG_LRO == 0 {
                return Ok(());
            }
            ethtool(device, ETHTOOL_SFLAGS, flags & !FLAG_LRO).map(drop)
        }
    }
}

/// One call; what the kernel left in the value.
fn ethtool(device: &str, command: u32, data: u32) -> io::Result<u32> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    let mut value = EthtoolValue { command, data };
    let mut name = [0; libc::IFNAMSIZ];
    // The last byte stays zero: the kernel reads a string.
    for (to, from) in name.iter_mut().take(libc::IFNAMSIZ - 1).zip(device.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    let mut request = libc::ifreq {
        ifr_name: name,
        ifr_ifru: libc::__c_anonymous_ifr_ifru {
            ifru_data: (&raw mut value).cast(),
        },
    };
    // SAFETY: `request` names the device and points to `value`, of the layout that the ethtool
    // commands used here read and write; both outlive the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, &raw mut request) };
    if result == 0 {
        Ok(value.data)
    } else {
        Err(io::Error::last_os_error())
    }
}
