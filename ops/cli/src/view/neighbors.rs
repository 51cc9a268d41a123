//! `show neighbors`: who answers for an address.

use proto::ops::{Neighbor, NeighborsReply};

use crate::render::Table;
use crate::view::{Look, View};

impl View for NeighborsReply {
    fn body(&self, look: Look) -> String {
        let row = |neighbor: &Neighbor| {
            [
                neighbor.interface.clone(),
                neighbor.ip.clone(),
                neighbor.mac.clone(),
            ]
        };
        let titles = ["Dev Name", "IP", "MAC Address"];
        Table::with_rows(titles, self.neighbors.iter().map(row)).render(look.rows)
    }
}
