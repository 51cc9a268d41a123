//! Three hosts on one network, each with its own wire: what a member sends and gets can be counted.

use std::os::fd::AsFd;

use ipnet::{IpNet, Ipv4Net};

use super::member::address;
use crate::host::{Change, Host, HostError, Unknown, VethEnd};
use crate::link::Switch;

/// Every member's only device.
const DEVICE: &str = "ha0";
const BRIDGE: &str = "ha";

/// The hosts of members 1 to 3.
#[derive(Debug)]
pub(super) struct Network {
    hosts: [Host; 3],
    _switch: Switch,
}

impl Network {
    pub(super) fn build() -> Result<Self, HostError> {
        let switch = Switch::new("switch")?;
        switch.bridge(BRIDGE)?;
        let hosts = [
            Host::new("member-1")?,
            Host::new("member-2")?,
            Host::new("member-3")?,
        ];
        for (host, number) in hosts.iter().zip(1_u8..) {
            connect(&switch, host, number)?;
        }
        Ok(Self {
            hosts,
            _switch: switch,
        })
    }

    /// The host of member `number`.
    pub(super) fn host(&self, number: u8) -> Option<&Host> {
        self.hosts.get(usize::from(number).checked_sub(1)?)
    }

    /// Bytes that member `number` has sent and got, with all headers.
    pub(super) fn bytes(&self, number: u8) -> anyhow::Result<u64> {
        let Some(host) = self.host(number) else {
            return Ok(0);
        };
        let table = host.run(|| std::fs::read_to_string("/proc/thread-self/net/dev"))??;
        Ok(bytes_of(&table, DEVICE))
    }
}

/// Like a cable between good network cards: large segments cross it in one piece.
fn connect(switch: &Switch, host: &Host, number: u8) -> Result<(), HostError> {
    let port = format!("p{number}");
    switch.host().apply(&[
        Change::Veth {
            here: VethEnd {
                device: &port,
                index: Some(1000 + u32::from(number)),
                mac: None,
            },
            there: VethEnd {
                device: DEVICE,
                index: None,
                mac: None,
            },
            namespace: host.netns().as_fd(),
        },
        Change::Join {
            device: &port,
            bridge: BRIDGE,
            unknown: Unknown::Flood,
        },
        Change::Up(&port),
    ])?;
    let network = IpNet::V4(Ipv4Net::new_assert(address(number), 24));
    host.apply(&[Change::Address(DEVICE, network), Change::Up(DEVICE)])
}

/// Received and sent bytes of a device, as `/proc/net/dev` lists them.
fn bytes_of(table: &str, device: &str) -> u64 {
    let line = table
        .lines()
        .filter_map(|line| line.trim().split_once(':'))
        .find(|(name, _)| *name == device);
    let Some((_, figures)) = line else {
        return 0;
    };
    let figures: Vec<u64> = figures
        .split_whitespace()
        .filter_map(|figure| figure.parse().ok())
        .collect();
    let received = figures.first().copied().unwrap_or(0);
    received + figures.get(8).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_of_a_device_are_counted() {
        let table = "Inter-| Receive | Transmit\n face |bytes packets\n    lo: 1 1 0 0 0 0 0 0 1 1\n  \
                     ha0: 1000 9 0 0 0 0 0 0 234 2 0 0 0 0 0 0\n";
        assert_eq!(bytes_of(table, "ha0"), 1234);
        assert_eq!(bytes_of(table, "ha1"), 0);
    }
}
