//! Source NAT: a mapping for a new session, and ICMP errors between inside and outside.
//!
//! Mappings are shared by all shards behind one lock, taken when a session begins or ends and never
//! for a packet of a known one.

use types::{Direction, DropReason, Endpoint, FlowKey};
use wire::packet::IcmpError;
use wire::rewrite;

use super::egress::Way;
use super::{Outcome, Packet, Pipeline};
use crate::outbox::Outbox;
use crate::plan::Interface;

impl<O: Outbox> Pipeline<'_, O> {
    /// What the outside shall see instead of `key.src`.
    pub(super) fn map_source(
        &mut self,
        egress: &Interface,
        key: &FlowKey,
        neighbor: std::net::IpAddr,
    ) -> Result<Endpoint, DropReason> {
        let external = egress
            .source_for(neighbor)
            .ok_or(DropReason::NatExhausted)?
            .ip;
        let mut nat = self.env.shared.nat.lock();
        let mapping = nat.map(key.protocol, key.src, external, self.env.now);
        let wants_blocks = nat.take_low_water();
        drop(nat);
        self.state.low_blocks.extend(wants_blocks);
        Ok(mapping?.outside)
    }

    /// Gives a mapping back whose session was not opened.
    pub(super) fn unmap_source(&mut self, key: &FlowKey, outside: Endpoint) {
        if outside != key.src {
            let mut nat = self.env.shared.nat.lock();
            nat.release(key.protocol, key.src, outside, self.env.now);
        }
    }

    /// An ICMP error on its way to the shard of the session it is about.
    pub(super) fn icmp_error(
        &mut self,
        interface: &Interface,
        packet: &mut Packet<'_>,
        quoted: &FlowKey,
    ) -> Result<Outcome, DropReason> {
        // The error travels against the packet it quotes.
        let key = quoted.reversed();
        match self.steer(interface, packet, &key)? {
            Some(elsewhere) => Ok(elsewhere),
            None => self.flow(interface, packet, &key),
        }
    }

    /// An ICMP error about a packet of the session with key `key`; it neither keeps the session alive
    /// nor ends it (RFC 5508 REQ-4, RFC 5382 REQ-10).
    pub(super) fn pass_icmp_error(
        &mut self,
        interface: &Interface,
        packet: &mut Packet<'_>,
        error: &IcmpError,
        key: &FlowKey,
    ) -> Result<Outcome, DropReason> {
        let hit = self
            .state
            .table
            .lookup(key)
            .ok_or(DropReason::UnsolicitedIcmp)?;
        self.check_side(hit, interface.plan.giid)?;
        let session = self
            .state
            .table
            .get(hit.slot)
            .ok_or(DropReason::UnsolicitedIcmp)?;
        let FlowKey { src, dst, .. } = session.outgoing(hit.direction);
        let hop = session.hop(hit.direction);
        let translated = session.mapping().is_some();
        // The peer itself is shown as the session shows it; so is every router of the inside, which
        // the outside must not see (RFC 5508 REQ-5). Others keep their address.
        let hidden = translated && hit.direction == Direction::Forward;
        let outer_src = if hidden || packet.ip.src == key.src.ip {
            src.ip
        } else {
            packet.ip.src
        };
        let way = self.way(packet, hop, dst.ip)?;
        if matches!(way, Way::Waits) {
            return Ok(Outcome::Waiting);
        }
        let quoted = error.embedded.key;
        if (dst, src) != (quoted.src, quoted.dst)
            || (outer_src, dst.ip) != (packet.ip.src, packet.ip.dst)
        {
            rewrite::translate_icmp_error(
                packet.frame,
                &packet.ip,
                (outer_src, dst.ip),
                (dst, src),
            )?;
        }
        self.send(packet, way)
    }
}
