//! The last stage: TTL, size, next hop, rewriting, and out.
//!
//! Everything that can end in an ICMP error or a wait comes before the first byte is changed.

use std::net::IpAddr;

use session::Segment;
use session::table::Hit;
use types::{DropReason, Hop, MacAddr};
use wire::icmp::Cause;
use wire::{Payload, build, rewrite};

use super::{Outcome, Packet, Pipeline};
use crate::offload::seed_checksum;
use crate::outbox::{Outbox, Stage};
use crate::pending::{First, Held, NeighborKey};
use crate::plan::PortIndex;
use crate::port::Offload;

/// How a packet goes on.
#[derive(Clone, Copy)]
pub(super) enum Way {
    /// To a neighbour.
    Out {
        /// By this interface.
        egress: PortIndex,
        /// To this station.
        dst: MacAddr,
        /// As this one.
        src: MacAddr,
        /// In one piece or several.
        size: Size,
    },
    /// To an address of ours behind which is another inside.
    Hairpin {
        /// Where it would have left.
        egress: PortIndex,
    },
    /// It waits for its neighbour; a copy is held.
    Waits,
}

/// Whether a packet fits through its egress interface.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Size {
    /// As it is, or as the segments it is going to be cut into.
    Fits,
    /// In fragments.
    Fragments,
    /// Not at all: the sender forbids fragments.
    TooBig,
}

impl<O: Outbox> Pipeline<'_, O> {
    /// A packet of a session.
    pub(super) fn forward(
        &mut self,
        packet: &mut Packet<'_>,
        hit: Hit,
        segment: Option<Segment>,
    ) -> Result<Outcome, DropReason> {
        let session = self.state.table.get(hit.slot).ok_or(DropReason::NoRoute)?;
        let arrived = session.key(hit.direction);
        let leaving = session.outgoing(hit.direction);
        let hop = session.hop(hit.direction);
        let way = self.way(packet, hop, leaving.dst.ip)?;
        if matches!(way, Way::Waits) {
            return Ok(Outcome::Waiting);
        }
        if packet.offload == Offload::ChecksumMissing {
            rewrite::complete_l4_checksum(packet.frame, &packet.ip)?;
        }
        if arrived != leaving {
            rewrite::translate(packet.frame, &packet.ip, leaving.src, leaving.dst)?;
        }
        if let Offload::Segments(segments) = packet.offload {
            seed_checksum(
                packet.frame,
                &packet.ip,
                (leaving.src.ip, leaving.dst.ip),
                segments,
            )?;
        }
        let bytes = packet.ip.ip_len();
        let _progress = self.state.table.touch(hit, segment, bytes, self.env.now);
        self.send(packet, way)
    }

    /// Where a packet with destination `dst` (as it leaves) goes, by `hop`.
    pub(super) fn way(
        &mut self,
        packet: &Packet<'_>,
        hop: Hop,
        dst: IpAddr,
    ) -> Result<Way, DropReason> {
        let env = self.env;
        let egress = env
            .topology
            .by_giid(hop.interface)
            .ok_or(DropReason::NoRoute)?;
        if packet.ip.ttl <= 1 {
            self.tell_sender(packet, Cause::TtlExceeded);
            return Err(DropReason::TtlExceeded);
        }
        let own = egress.plan.source_nat.then(|| env.topology.own(dst));
        if own.flatten().is_some_and(|own| own.translated) {
            return Ok(Way::Hairpin {
                egress: egress.port,
            });
        }
        let size = size(packet, egress.plan.mtu);
        if size == Size::TooBig {
            let mtu = egress.plan.mtu;
            self.tell_sender(packet, Cause::TooBig { mtu });
            return Err(DropReason::TooBig);
        }
        let neighbor = NeighborKey {
            interface: hop.interface,
            ip: hop.neighbor,
        };
        match env.neighbors.get(&neighbor) {
            Some(known) => Ok(Way::Out {
                egress: egress.port,
                dst: known.use_mac(),
                src: egress.forwarding_mac(dst),
                size,
            }),
            None => self.wait_for(neighbor, packet).map(|()| Way::Waits),
        }
    }

    /// Holds a copy of the packet as it arrived until `neighbor` has answered.
    fn wait_for(&mut self, neighbor: NeighborKey, packet: &Packet<'_>) -> Result<(), DropReason> {
        let held = Held {
            ingress: packet.ingress,
            frame: packet.frame.to_vec(),
            offload: packet.offload,
            stage: packet.stage,
        };
        match self.state.pending.hold(neighbor, held, self.env.now) {
            Some(First::Yes) => {
                self.out.tell_neighbors(neighbor::Event::Needed {
                    interface: neighbor.interface,
                    ip: neighbor.ip,
                });
                Ok(())
            }
            Some(First::No) => Ok(()),
            None => Err(DropReason::NeighborPending),
        }
    }

    /// Sends a packet whose addresses are those it leaves with.
    pub(super) fn send(
        &mut self,
        packet: &mut Packet<'_>,
        way: Way,
    ) -> Result<Outcome, DropReason> {
        rewrite::decrement_ttl(packet.frame, &packet.ip)?;
        match way {
            Way::Waits => Ok(Outcome::Waiting),
            Way::Hairpin { egress } => {
                let frame = packet.frame.to_vec();
                self.state
                    .follow_up(egress, frame, packet.offload, Stage::Hairpin, self.env.now);
                Ok(Outcome::HandedOver)
            }
            Way::Out {
                egress,
                dst,
                src,
                size,
            } => {
                rewrite::set_macs(packet.frame, dst, src);
                self.transmit(packet, egress, size)?;
                self.note_forwarded();
                Ok(Outcome::Sent)
            }
        }
    }

    fn transmit(
        &mut self,
        packet: &Packet<'_>,
        egress: PortIndex,
        size: Size,
    ) -> Result<(), DropReason> {
        let whole = packet
            .frame
            .get(..packet.ip.layout.end)
            .ok_or(DropReason::Malformed)?;
        match size {
            Size::Fits => {
                let offload = match packet.offload {
                    Offload::None | Offload::ChecksumMissing => Offload::None,
                    Offload::Segments(segments) => Offload::Segments(segments),
                };
                self.out.transmit(egress, whole, offload);
                Ok(())
            }
            Size::Fragments => {
                let mtu = self
                    .env
                    .topology
                    .interface(egress)
                    .map_or(u16::MAX, |interface| interface.plan.mtu);
                let Self { state, out, .. } = self;
                let cut = build::fragments(&mut state.scratch, whole, &packet.ip, mtu, |piece| {
                    out.transmit(egress, piece, Offload::None);
                });
                cut.map(|_| ()).map_err(|_| DropReason::TooBig)
            }
            Size::TooBig => Err(DropReason::TooBig),
        }
    }

    /// Counts a packet that was sent on, and reports the first one of an epoch.
    fn note_forwarded(&mut self) {
        self.env.counters.forwarded.add(1);
        if let Some(epoch) = self.env.epoch
            && self.state.first_sent != Some(epoch)
        {
            self.state.first_sent = Some(epoch);
            if self.env.shared.claim_first_packet(epoch) {
                self.out.first_packet(epoch);
            }
        }
    }
}

/// Compares with what the link carries. Of a large frame its segments count, not itself.
fn size(packet: &Packet<'_>, mtu: u16) -> Size {
    let whole = packet.ip.ip_len();
    let carried = match (packet.offload, packet.ip.payload) {
        (
            Offload::Segments(segments),
            Payload::Tcp { payload_len, .. } | Payload::Udp { payload_len, .. },
        ) => whole.saturating_sub(usize::from(payload_len)) + usize::from(segments.size()),
        (Offload::Segments(_) | Offload::None | Offload::ChecksumMissing, _) => whole,
    };
    if carried <= usize::from(mtu) {
        Size::Fits
    } else if packet.ip.dont_fragment || matches!(packet.offload, Offload::Segments(_)) {
        Size::TooBig
    } else {
        Size::Fragments
    }
}
