//! `show interfaces`.

use forwarding::{InterfaceRole, InterfaceStatus};
use proto::ops::{Interface, InterfacesReply};
use types::InterfaceAddress;

use super::Desk;
use crate::plan;

impl Desk {
    pub(super) fn answer_interfaces(&self) -> InterfacesReply {
        let interfaces = self.data_plane.interfaces();
        InterfacesReply {
            interfaces: interfaces
                .iter()
                .map(|interface| self.interface(interface))
                .collect(),
            ..InterfacesReply::default()
        }
    }

    fn interface(&self, status: &InterfaceStatus) -> Interface {
        let redundancy = match status.role {
            InterfaceRole::Unshared => "non-redundant",
            InterfaceRole::Active => "vrrp-active",
            InterfaceRole::Standby => "vrrp-standby",
        };
        let answers_virtually = status.role == InterfaceRole::Active;
        let mac = status
            .virtual_mac
            .filter(|_| answers_virtually)
            .unwrap_or(status.mac);
        Interface {
            name: status.name.to_string(),
            device: status.device.clone(),
            giid: u32::from(status.giid.0),
            admin: up_or_down(status.link.admin_up),
            oper: up_or_down(status.link.oper_up),
            redundancy: redundancy.to_owned(),
            mac: mac.to_string(),
            addresses: self.addresses(status).iter().map(text).collect(),
            port: status.port.as_str().to_owned(),
            rx_packets: status.traffic.rx_packets,
            rx_bytes: status.traffic.rx_bytes.to_string(),
            tx_packets: status.traffic.tx_packets,
            tx_bytes: status.traffic.tx_bytes.to_string(),
            drops: status.traffic.rx_drops,
        }
    }

    fn addresses(&self, status: &InterfaceStatus) -> Vec<InterfaceAddress> {
        let running = self.running.borrow();
        let located = plan::locate(&running.valid, &self.site.router, &self.site.node);
        let Ok((_, node)) = located else {
            return Vec::new();
        };
        let interfaces = node
            .device_interfaces
            .iter()
            .flat_map(|device| &device.network_interfaces);
        interfaces
            .filter(|interface| interface.giid == status.giid)
            .flat_map(|interface| &interface.addresses)
            .map(|address| address.interface)
            .collect()
    }
}

fn text(address: &InterfaceAddress) -> String {
    let InterfaceAddress {
        ip,
        prefix_len,
        utility,
    } = address;
    utility.map_or_else(
        || format!("{ip}/{prefix_len}"),
        |utility| format!("{ip}/{prefix_len} (here {utility})"),
    )
}

fn up_or_down(up: bool) -> String {
    if up { "up" } else { "down" }.to_owned()
}
