//! The first packet of a session: may it be, where does it leave, what is it translated to?
//!
//! tenant → service → access policy → service-route → FIB → way back → source NAT → table. A refusal
//! by policy is silent, as firewalls are; a missing route is told by ICMP.

use session::Segment;
use session::policy::{Ingress, Route, TransportEnforcement, Verdict};
use session::table::{Hit, NewSession};
use types::{Coverage, Direction, DropReason, FlowKey, Hop};
use wire::Payload;
use wire::build;
use wire::icmp::Cause;

use super::ingress::check_martian;
use super::{Packet, Pipeline};
use crate::outbox::Outbox;
use crate::plan::Interface;
use crate::port::Offload;

impl<O: Outbox> Pipeline<'_, O> {
    /// Opens the session that this packet begins.
    pub(super) fn open(
        &mut self,
        interface: &Interface,
        packet: &Packet<'_>,
        key: &FlowKey,
        segment: Option<Segment>,
    ) -> Result<Hit, DropReason> {
        let env = self.env;
        check_opener(packet)?;
        check_martian(&packet.ip)?;
        if env.topology.own(key.src.ip).is_some() {
            return Err(DropReason::MartianSource);
        }
        let ingress = Ingress {
            interface: interface.plan.giid,
            tenant: interface.plan.tenant.as_ref(),
        };
        let verdict = env.topology.plan.policy.classify(&ingress, key)?;
        self.check_mid_flow(interface, packet, segment, &verdict)?;
        let (forward_hop, reverse_hop) = self.hops(interface, packet, key, &verdict)?;
        let egress = env
            .topology
            .by_giid(forward_hop.interface)
            .ok_or(DropReason::NoRoute)?;
        let source = if verdict.source_nat && egress.plan.source_nat {
            self.map_source(egress, key, forward_hop.neighbor)?
        } else {
            key.src
        };
        let reverse = FlowKey {
            src: key.dst,
            dst: source,
            protocol: key.protocol,
        };
        let new = NewSession {
            id: self.state.ids.make(),
            forward: *key,
            reverse,
            ingress: interface.plan.giid,
            forward_hop,
            reverse_hop,
            service: verdict.service.clone(),
            tenant: verdict.tenant.cloned(),
            segment,
            timeouts: verdict.timeouts,
            opened_unix_ms: env.unix_ms,
        };
        match self.state.table.open(new, env.now) {
            Ok(slot) => {
                env.counters.opened.add(1);
                Ok(Hit {
                    slot,
                    direction: Direction::Forward,
                })
            }
            Err(reason) => {
                self.unmap_source(key, source);
                Err(reason)
            }
        }
    }

    /// TCP that does not begin with SYN belongs to a connection whose session is lost.
    fn check_mid_flow(
        &mut self,
        interface: &Interface,
        packet: &Packet<'_>,
        segment: Option<Segment>,
        verdict: &Verdict<'_>,
    ) -> Result<(), DropReason> {
        if matches!(segment, None | Some(Segment::Syn)) {
            return Ok(());
        }
        match (verdict.enforcement, self.env.shared.coverage()) {
            // A session opened now would be another one, with another port; a reset would end it for good.
            (TransportEnforcement::Allow | TransportEnforcement::Reset, Coverage::CatchingUp)
            | (TransportEnforcement::Reset, Coverage::Severed) => Err(DropReason::SessionAwaited),
            // Cut off from everybody, what policy allows is better than nothing.
            (TransportEnforcement::Allow, Coverage::Complete | Coverage::Severed) => Ok(()),
            (
                TransportEnforcement::Block,
                Coverage::Complete | Coverage::CatchingUp | Coverage::Severed,
            ) => Err(DropReason::MidFlowTcp),
            (TransportEnforcement::Reset, Coverage::Complete) => {
                if build::tcp_reset(&mut self.state.scratch, &packet.ip) {
                    self.out
                        .transmit(interface.port, &self.state.scratch, Offload::None);
                }
                Err(DropReason::MidFlowTcp)
            }
        }
    }

    /// Where both directions leave.
    fn hops(
        &mut self,
        interface: &Interface,
        packet: &Packet<'_>,
        key: &FlowKey,
        verdict: &Verdict<'_>,
    ) -> Result<(Hop, Hop), DropReason> {
        let Some(forward) = self.forward_hop(verdict, key) else {
            self.tell_sender(packet, Cause::NoRoute);
            return Err(DropReason::NoRoute);
        };
        if self.env.topology.is_broadcast(forward.neighbor) {
            return Err(DropReason::Multicast);
        }
        // What would leave where it came from has lost its way: its sender has the shorter one.
        if forward.interface == interface.plan.giid {
            return Err(DropReason::NoRoute);
        }
        let reverse = self.reverse_hop(interface, key)?;
        Ok((forward, reverse))
    }

    /// The service-route's first next hop on an interface of ours, else what the FIB says.
    fn forward_hop(&self, verdict: &Verdict<'_>, key: &FlowKey) -> Option<Hop> {
        let topology = &self.env.topology;
        match verdict.route {
            Route::Hops(hops) => hops
                .iter()
                .find(|hop| topology.by_giid(hop.interface).is_some())
                .map(|hop| Hop {
                    interface: hop.interface,
                    neighbor: hop.neighbor(key.dst.ip),
                }),
            Route::Learned => topology.plan.fib.lookup(key.dst.ip)?.hop(key.dst.ip),
        }
    }

    /// The way back must leave where the packet came in: else its source is forged, or our routes are
    /// asymmetric in a way that no session survives.
    fn reverse_hop(&self, interface: &Interface, key: &FlowKey) -> Result<Hop, DropReason> {
        let route = self.env.topology.plan.fib.lookup(key.src.ip);
        route
            .and_then(|route| route.hop(key.src.ip))
            .filter(|hop| hop.interface == interface.plan.giid)
            .ok_or(DropReason::MartianSource)
    }
}

/// What can open a session: not a fragment that says nothing of ports, nor an answer to a ping that
/// nobody sent.
fn check_opener(packet: &Packet<'_>) -> Result<(), DropReason> {
    match packet.ip.payload {
        Payload::Tcp { .. } | Payload::Udp { .. } | Payload::Echo { request: true, .. } => Ok(()),
        Payload::LaterFragment => Err(DropReason::FragmentWithoutFirst),
        Payload::Echo { request: false, .. }
        | Payload::IcmpError(_)
        | Payload::Ndp(_)
        | Payload::OtherIcmp => Err(DropReason::UnsolicitedIcmp),
        Payload::Vrrp | Payload::Other => Err(DropReason::UnsupportedProtocol),
    }
}
