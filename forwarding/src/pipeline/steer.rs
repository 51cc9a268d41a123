//! To the shard that owns the flow, and fragments to the place that knows their flow.
//!
//! Fragments of one datagram meet at a shard of their own, chosen by what all of them carry. The first
//! one names the flow there; those that come before it wait there. From there they go to the flow's
//! owner like any packet, with the flow's key as their passport.

use session::FragmentKey;
use session::fragment::{First, Later};
use types::{DropReason, FlowKey};

use super::{Outcome, Packet, Pipeline};
use crate::fragments::HeldFragment;
use crate::outbox::{Outbox, Parcel, Stage};
use crate::plan::Interface;
use crate::port::Offload;
use crate::steering::{Arrival, ShardIndex};

impl<O: Outbox> Pipeline<'_, O> {
    /// Gives the packet to the owner of `key`; `None` when that is this shard.
    pub(super) fn steer(
        &mut self,
        interface: &Interface,
        packet: &mut Packet<'_>,
        key: &FlowKey,
    ) -> Result<Option<Outcome>, DropReason> {
        let arrival = if interface.plan.source_nat {
            Arrival::Outside
        } else {
            Arrival::Inside
        };
        let owner = self.env.shared.steering.shard(key, arrival);
        self.give(owner, packet, Stage::Flow(*key))
    }

    /// A fragment of a datagram, wherever it is now.
    pub(super) fn fragment(
        &mut self,
        interface: &Interface,
        packet: &mut Packet<'_>,
    ) -> Result<Outcome, DropReason> {
        let fragment = packet.ip.fragment.ok_or(DropReason::Malformed)?;
        let datagram = FragmentKey {
            src: packet.ip.src,
            dst: packet.ip.dst,
            id: fragment.id,
            protocol: packet.ip.protocol,
        };
        let home = self.env.shared.steering.fragment_shard(&datagram);
        if let Some(elsewhere) = self.give(home, packet, Stage::Fragment)? {
            return Ok(elsewhere);
        }
        let key = if packet.ip.is_later_fragment() {
            match self
                .state
                .fragments
                .later(datagram, fragment.offset, self.env.now)
            {
                Later::Known(key) => key,
                Later::Wait => return self.hold_fragment(datagram, packet),
                Later::Full => return Err(DropReason::FragmentTableFull),
                Later::Overlap => return Err(DropReason::Malformed),
            }
        } else {
            let Some(key) = packet.ip.flow_key() else {
                return self.without_session(interface, packet);
            };
            match self.state.fragments.first(datagram, key, self.env.now) {
                First::Remembered => {}
                First::Awaited => self.release_fragments(datagram),
                First::Full => return Err(DropReason::FragmentTableFull),
            }
            key
        };
        match self.steer(interface, packet, &key)? {
            Some(elsewhere) => Ok(elsewhere),
            None => self.flow(interface, packet, &key),
        }
    }

    /// A copy for another shard; `None` when `to` is this one.
    pub(super) fn give(
        &mut self,
        to: ShardIndex,
        packet: &mut Packet<'_>,
        stage: Stage,
    ) -> Result<Option<Outcome>, DropReason> {
        if to == self.env.index {
            return Ok(None);
        }
        let parcel = Parcel {
            ingress: packet.ingress,
            frame: packet.frame,
            offload: packet.offload,
            stage,
        };
        match self.out.hand_over(to, &parcel) {
            Ok(()) => Ok(Some(Outcome::HandedOver)),
            Err(crate::outbox::Full) => Err(DropReason::QueueFull),
        }
    }

    fn hold_fragment(
        &mut self,
        datagram: FragmentKey,
        packet: &Packet<'_>,
    ) -> Result<Outcome, DropReason> {
        let held = HeldFragment {
            ingress: packet.ingress,
            frame: packet.frame.to_vec(),
        };
        if self.state.held_fragments.hold(datagram, held) {
            Ok(Outcome::Waiting)
        } else {
            Err(DropReason::FragmentTableFull)
        }
    }

    /// Those that came before their first one follow it.
    fn release_fragments(&mut self, datagram: FragmentKey) {
        for held in self.state.held_fragments.take(&datagram) {
            let (ingress, frame) = (held.ingress, held.frame);
            self.state
                .follow_up(ingress, frame, Offload::None, Stage::Fragment, self.env.now);
        }
    }
}
