//! The network devices that the configuration names: found, checked, and taken from the kernel.
//!
//! Three things must hold before the first packet: the device exists, the kernel has none of our
//! addresses, and it neither answers ARP, speaks IPv6 nor forwards there. Nothing else on the host
//! is touched. What cannot be made to hold ends the start, with the path or address in the error.

mod offload;

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

use nix::net::if_::InterfaceFlags;
use types::MacAddr;

use crate::plan::InterfacePlan;

/// A device that is ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Device {
    /// The kernel's number for it.
    pub ifindex: u32,
    /// Its own MAC address.
    pub mac: MacAddr,
}

/// Whether frames can pass.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct LinkState {
    /// The administrator has switched it on.
    pub admin_up: bool,
    /// There is a link as well.
    pub oper_up: bool,
}

/// Why a device cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The configuration names a device that this host does not have.
    #[error("there is no network device '{device}'")]
    Missing {
        /// The name.
        device: String,
    },
    /// The device is not Ethernet.
    #[error("network device '{device}' has no MAC address")]
    NoMac {
        /// The name.
        device: String,
    },
    /// The kernel would answer for our address too.
    #[error("the kernel has our address {address} on network device '{device}': remove it there")]
    KernelHasAddress {
        /// Where the kernel has it.
        device: String,
        /// The address.
        address: IpAddr,
    },
    /// The kernel could not be told to keep off the device.
    #[error("'{value}' could not be written to {}", path.display())]
    Sysctl {
        /// The setting.
        path: PathBuf,
        /// The value it needs.
        value: &'static str,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// The kernel did not list its devices.
    #[error("the network devices could not be listed")]
    List(#[source] io::Error),
}

/// Settings that keep the kernel off a device, below `/proc/sys/net`. An absent one is no obstacle:
/// then the kernel has no such protocol.
const SYSCTLS: &[(&str, &str, &str)] = &[
    ("ipv4", "forwarding", "0"),
    // 8: no answer for any address.
    ("ipv4", "arp_ignore", "8"),
    ("ipv4", "accept_redirects", "0"),
    ("ipv4", "send_redirects", "0"),
    ("ipv6", "disable_ipv6", "1"),
    ("ipv6", "forwarding", "0"),
    ("ipv6", "accept_ra", "0"),
];

/// Checks a device and takes it from the kernel.
pub(crate) fn prepare(plan: &InterfacePlan) -> Result<Device, DeviceError> {
    let device = find(&plan.device)?;
    check_kernel_addresses(plan)?;
    for &(family, setting, value) in SYSCTLS {
        write_sysctl(&plan.device, family, setting, value)?;
    }
    for feature in offload::Feature::MERGING {
        if let Err(error) = offload::switch_off(&plan.device, feature) {
            tracing::info!(device = plan.device, ?feature, %error, "stays as the device has it");
        }
    }
    Ok(device)
}

/// Flags of a device now; all false when it is gone.
pub(crate) fn link_state(device: &str) -> LinkState {
    let flags = nix::ifaddrs::getifaddrs()
        .ok()
        .and_then(|mut entries| entries.find(|entry| entry.interface_name == device))
        .map_or(InterfaceFlags::empty(), |entry| entry.flags);
    LinkState {
        admin_up: flags.contains(InterfaceFlags::IFF_UP),
        oper_up: flags.contains(InterfaceFlags::IFF_UP | InterfaceFlags::IFF_RUNNING),
    }
}

fn find(device: &str) -> Result<Device, DeviceError> {
    let ifindex = nix::net::if_::if_nametoindex(device).map_err(|_| DeviceError::Missing {
        device: device.to_owned(),
    })?;
    let mac = entries()?
        .filter(|entry| entry.interface_name == device)
        .find_map(|entry| entry.address?.as_link_addr()?.addr())
        .map(MacAddr)
        .filter(|mac| *mac != MacAddr::ZERO)
        .ok_or_else(|| DeviceError::NoMac {
            device: device.to_owned(),
        })?;
    Ok(Device { ifindex, mac })
}

/// An address of ours on any device of the host would be answered by the kernel as well.
fn check_kernel_addresses(plan: &InterfacePlan) -> Result<(), DeviceError> {
    for entry in entries()? {
        let Some(address) = entry.address.as_ref().and_then(ip_of) else {
            continue;
        };
        let ours = plan
            .addresses
            .iter()
            .any(|own| own.ip == address || own.utility == Some(address));
        if ours {
            return Err(DeviceError::KernelHasAddress {
                device: entry.interface_name,
                address,
            });
        }
    }
    Ok(())
}

fn entries() -> Result<nix::ifaddrs::InterfaceAddressIterator, DeviceError> {
    nix::ifaddrs::getifaddrs().map_err(|error| DeviceError::List(error.into()))
}

fn ip_of(address: &nix::sys::socket::SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
}

fn write_sysctl(
    device: &str,
    family: &str,
    setting: &str,
    value: &'static str,
) -> Result<(), DeviceError> {
    let path = PathBuf::from(format!("/proc/sys/net/{family}/conf/{device}/{setting}"));
    match std::fs::read_to_string(&path) {
        Ok(current) if current.trim() == value => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(_) | Err(_) => {
            std::fs::write(&path, value).map_err(|cause| DeviceError::Sysctl { path, value, cause })
        }
    }
}

#[cfg(test)]
mod tests {
    use types::InterfaceAddress;

    use super::*;

    fn plan(device: &str, ip: &str) -> InterfacePlan {
        InterfacePlan {
            device: device.to_owned(),
            addresses: vec![InterfaceAddress {
                ip: ip.parse().unwrap(),
                prefix_len: 24,
                utility: None,
            }],
            ..InterfacePlan::default()
        }
    }

    #[test]
    fn a_device_that_is_not_there_is_named_in_the_error() {
        let error = prepare(&plan("absent0", "192.0.2.1")).unwrap_err();
        assert_eq!(error.to_string(), "there is no network device 'absent0'");
    }

    #[test]
    fn an_address_that_the_kernel_has_is_refused() {
        let error = check_kernel_addresses(&plan("lo", "127.0.0.1")).unwrap_err();
        assert!(matches!(error, DeviceError::KernelHasAddress { .. }));
        assert!(check_kernel_addresses(&plan("lo", "203.0.113.77")).is_ok());
    }
}
