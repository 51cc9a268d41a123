//! `show interfaces`: one line for each network interface.

use proto::ops::{Interface, InterfacesReply};

use crate::render::Table;
use crate::view::{Look, View};

impl View for InterfacesReply {
    fn body(&self, look: Look) -> String {
        let row = |interface: &Interface| {
            [
                format!("{}:{}", self.node, interface.name),
                interface.device.clone(),
                interface.giid.to_string(),
                interface.admin.clone(),
                interface.oper.clone(),
                interface.redundancy.clone(),
                interface.mac.clone(),
                interface.addresses.join("\n"),
                interface.port.clone(),
                interface.rx_packets.to_string(),
                interface.rx_bytes.clone(),
                interface.tx_packets.to_string(),
                interface.tx_bytes.clone(),
                interface.drops.to_string(),
            ]
        };
        let titles = [
            "Name",
            "Device",
            "GIID",
            "Admin Status",
            "Oper Status",
            "Redundancy Status",
            "MAC Address",
            "Address",
            "Port",
            "Rx Packets",
            "Rx Bytes",
            "Tx Packets",
            "Tx Bytes",
            "Drops",
        ];
        Table::with_rows(titles, self.interfaces.iter().map(row)).render(look.rows)
    }
}
