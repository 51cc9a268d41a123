//! The session that a packet belongs to, or the way to a new one.

use session::Segment;
use session::table::Hit;
use types::{DropReason, FlowKey, Giid, Protocol};
use wire::{IpPacket, Payload};

use super::{Outcome, Packet, Pipeline};
use crate::outbox::Outbox;
use crate::plan::Interface;

impl<O: Outbox> Pipeline<'_, O> {
    /// A packet of the flow `key`, at the shard that owns it.
    pub(super) fn flow(
        &mut self,
        interface: &Interface,
        packet: &mut Packet<'_>,
        key: &FlowKey,
    ) -> Result<Outcome, DropReason> {
        if self.env.epoch.is_none() {
            return Err(DropReason::Standby);
        }
        if let Payload::IcmpError(error) = packet.ip.payload {
            return self.pass_icmp_error(interface, packet, &error, key);
        }
        let segment = segment(&packet.ip)?;
        let hit = match self.state.table.lookup(key) {
            Some(hit) => {
                self.check_side(hit, interface.plan.giid)?;
                hit
            }
            None => match self.env.topology.own(packet.ip.dst) {
                Some(own) if !self.has_inside(interface, key) => {
                    return self.local(interface, packet, own);
                }
                Some(_) | None => self.open(interface, packet, key, segment)?,
            },
        };
        self.forward(packet, hit, segment)
    }

    /// Whether an inside asks for the outside endpoint of another inside (RFC 4787 REQ-9).
    fn has_inside(&self, interface: &Interface, key: &FlowKey) -> bool {
        !interface.plan.source_nat
            && matches!(key.protocol, Protocol::TCP | Protocol::UDP)
            && self.env.shared.steering.inside_of(key).is_some()
    }

    /// A session's packets come from where it was opened, or to where it was opened: whoever sends
    /// them from elsewhere has forged his address.
    pub(super) fn check_side(&self, hit: Hit, ingress: Giid) -> Result<(), DropReason> {
        let session = self
            .state
            .table
            .get(hit.slot)
            .ok_or(DropReason::MartianSource)?;
        let expected = session.arrives_at(hit.direction);
        if expected == ingress {
            Ok(())
        } else {
            Err(DropReason::MartianSource)
        }
    }
}

/// What the flags of a TCP packet say; `None` for other protocols and later fragments.
fn segment(ip: &IpPacket) -> Result<Option<Segment>, DropReason> {
    match ip.payload {
        Payload::Tcp { flags, .. } => Segment::from_flags(flags.0)
            .map(Some)
            .ok_or(DropReason::InvalidTcp),
        Payload::Udp { .. }
        | Payload::Echo { .. }
        | Payload::IcmpError(_)
        | Payload::Ndp(_)
        | Payload::OtherIcmp
        | Payload::Vrrp
        | Payload::LaterFragment
        | Payload::Other => Ok(None),
    }
}
