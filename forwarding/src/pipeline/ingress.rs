//! Is the frame for us, and may anybody send it?

use std::net::IpAddr;

use types::DropReason;
use wire::{IpPacket, Payload};

use super::Pipeline;
use crate::outbox::Outbox;
use crate::plan::{Interface, Own, OwnRole};

impl<O: Outbox> Pipeline<'_, O> {
    /// Refuses frames for other stations, and on standby those for the virtual router (RFC 9568
    /// §6.4.2: a Backup discards packets to the virtual router MAC).
    pub(super) fn check_ingress(
        &self,
        interface: &Interface,
        ip: &IpPacket,
    ) -> Result<(), DropReason> {
        if ip.dst_mac.is_group() {
            return group(ip);
        }
        if ip.dst_mac == interface.mac {
            return Ok(());
        }
        if interface.plan.virtual_mac(ip.dst) != Some(ip.dst_mac) {
            return Err(DropReason::NotForUs);
        }
        match self.env.epoch {
            Some(_) => Ok(()),
            None => Err(DropReason::Standby),
        }
    }

    /// Whether an address of ours answers now.
    pub(super) fn answers(&self, own: Own) -> bool {
        match own.role {
            OwnRole::Local => true,
            OwnRole::Virtual => self.env.epoch.is_some(),
        }
    }
}

/// Of what is sent to groups we hear neighbour discovery and, with another actor, VRRP. A unicast
/// packet in a group frame is nobody's (RFC 1122 §3.3.6).
fn group(ip: &IpPacket) -> Result<(), DropReason> {
    match ip.payload {
        Payload::Ndp(_) | Payload::Vrrp => Ok(()),
        Payload::Tcp { .. }
        | Payload::Udp { .. }
        | Payload::Echo { .. }
        | Payload::IcmpError(_)
        | Payload::OtherIcmp
        | Payload::LaterFragment
        | Payload::Other => Err(DropReason::Multicast),
    }
}

/// Refuses addresses that no router forwards from or to (RFC 1812 §5.3.7, RFC 4291 §2.5.6).
///
/// Only first packets of sessions are asked: what passed once has a session.
pub(super) fn check_martian(ip: &IpPacket) -> Result<(), DropReason> {
    if is_martian(ip.src) || is_multicast(ip.src) {
        return Err(DropReason::MartianSource);
    }
    if is_multicast(ip.dst) {
        return Err(DropReason::Multicast);
    }
    if is_martian(ip.dst) {
        return Err(DropReason::MartianDestination);
    }
    Ok(())
}

fn is_multicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_multicast() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_multicast(),
    }
}

fn is_martian(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, ..] = v4.octets();
            first == 0 || first >= 240 || v4.is_loopback() || v4.is_link_local()
        }
        IpAddr::V6(v6) => {
            v6.is_unspecified()
                || v6.is_loopback()
                || v6.is_unicast_link_local()
                || v6.to_ipv4_mapped().is_some()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_no_router_forwards_are_known() {
        for text in [
            "0.1.2.3",
            "127.0.0.1",
            "169.254.1.1",
            "240.0.0.1",
            "::",
            "::1",
            "fe80::1",
            "::ffff:192.0.2.1",
        ] {
            assert!(is_martian(text.parse().unwrap()), "{text}");
        }
        for text in ["192.0.2.1", "198.18.0.1", "2001:db8::1"] {
            let address = text.parse().unwrap();
            assert!(!is_martian(address) && !is_multicast(address), "{text}");
        }
        for text in ["224.0.0.18", "255.255.255.255", "ff02::1"] {
            assert!(is_multicast(text.parse().unwrap()), "{text}");
        }
    }
}
