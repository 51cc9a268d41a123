//! `show ha links`: one line a link.

use proto::ops::{HaLinkDetail, HaLinksReply};

use crate::render::{Table, or_unknown};
use crate::view::{Look, View};

impl View for HaLinksReply {
    fn body(&self, look: Look) -> String {
        let row = |link: &HaLinkDetail| {
            [
                link.name.clone(),
                link.local.clone(),
                link.remote.clone(),
                link.state.clone(),
                or_unknown(link.rtt_us.map(|rtt| format!("{rtt} us"))),
                format!("{:.1} %", link.loss_percent),
                link.sent.to_string(),
                link.send_errors.to_string(),
                link.heard.to_string(),
                link.lost.to_string(),
                link.undecoded.to_string(),
            ]
        };
        let titles = [
            "Link",
            "Local",
            "Remote",
            "State",
            "RTT",
            "Loss",
            "Sent",
            "Not sent",
            "Heard",
            "Lost",
            "Undecoded",
        ];
        Table::with_rows(titles, self.links.iter().map(row)).render(look.rows)
    }
}
