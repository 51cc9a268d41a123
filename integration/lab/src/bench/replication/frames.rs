//! First packets: one template, other endpoints.

use std::io;

use anyhow::{Context as _, bail};
use types::MacAddr;
use wire::packet::{Frame, IpPacket, parse};
use wire::rewrite::translate;

pub(super) use super::super::forwarding::frame::FRAME;
use super::super::forwarding::frame::{Hop, Label, build};
use super::site;

/// Makes frames of any session.
#[derive(Debug)]
pub(super) struct Frames {
    template: [u8; FRAME],
    parsed: IpPacket,
}

impl Frames {
    /// Frames towards the gateway with this MAC address.
    pub(super) fn to(gateway: MacAddr) -> anyhow::Result<Self> {
        let hop = Hop {
            source_mac: site::CLIENTS,
            target_mac: gateway,
            source: "198.18.1.1:1".parse()?,
            target: "203.0.113.10:443".parse()?,
            ttl: 64,
        };
        let label = Label {
            session: 0,
            sequence: 0,
        };
        let template = build(&hop, label);
        let Frame::Ip(parsed) = parse(&template).ok().context("the template is whole")? else {
            bail!("the template is an IP packet");
        };
        Ok(Self { template, parsed })
    }

    /// A frame of session `number`.
    pub(super) fn of(&self, number: u64) -> io::Result<[u8; FRAME]> {
        let mut frame = self.template;
        let (source, target) = site::session(number);
        translate(&mut frame, &self.parsed, source, target).map_err(io::Error::other)?;
        Ok(frame)
    }
}
