//! `show vrrp`: one line for each virtual router.

use proto::ops::{VirtualRouter, VrrpReply};

use crate::render::{Table, moment, or_unknown};
use crate::view::{Look, View};

impl View for VrrpReply {
    fn body(&self, look: Look) -> String {
        let row = |virtual_router: &VirtualRouter| {
            let VirtualRouter {
                priority_configured,
                priority_effective,
                ..
            } = virtual_router;
            [
                self.node.clone(),
                virtual_router.interface.clone(),
                virtual_router.vrid.to_string(),
                virtual_router.family.clone(),
                virtual_router.state.clone(),
                format!("{priority_configured} / {priority_effective}"),
                format!("{} ms", virtual_router.interval_ms),
                or_unknown(virtual_router.active_router.as_ref()),
                virtual_router.transitions.to_string(),
                or_unknown(virtual_router.last_change_unix_ms.map(moment)),
                virtual_router.adverts_sent.to_string(),
                virtual_router.adverts_received.to_string(),
                virtual_router.adverts_invalid.to_string(),
                virtual_router.garps_sent.to_string(),
            ]
        };
        let titles = [
            "Node",
            "Interface",
            "VRID",
            "Family",
            "State",
            "Priority",
            "Interval",
            "Active router",
            "Transitions",
            "Last change",
            "Sent",
            "Received",
            "Invalid",
            "GARPs sent",
        ];
        Table::with_rows(titles, self.virtual_routers.iter().map(row)).render(look.rows)
    }
}
