//! `show ha links`.

use ::vrrp::LinkStatus;
use proto::ops::{HaLinkDetail, HaLinksReply};

use super::Desk;

impl Desk {
    pub(super) fn answer_links(&self) -> HaLinksReply {
        let redundancy = self.redundancy.as_ref().map(::vrrp::Handle::status);
        let has_peer = self.site.peer().is_some();
        HaLinksReply {
            links: redundancy
                .iter()
                .flat_map(|status| &status.links)
                .map(|of| link(of, has_peer))
                .collect(),
            ..HaLinksReply::default()
        }
    }
}

fn link(link: &LinkStatus, has_peer: bool) -> HaLinkDetail {
    let state = match (has_peer, link.up, link.peer_hears_us) {
        (false, _, _) => "no-peer",
        (true, true, true) => "up",
        (true, true, false) => "one-way",
        (true, false, _) => "down",
    };
    HaLinkDetail {
        name: link.name.to_string(),
        local: link.local.to_string(),
        remote: link.remote.to_string(),
        state: state.to_owned(),
        rtt_us: link
            .rtt
            .map(|rtt| u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX)),
        loss_percent: link.loss() * 100.0,
        sent: link.sent,
        send_errors: link.send_errors,
        heard: link.received,
        lost: link.lost,
        undecoded: link.refused,
    }
}
