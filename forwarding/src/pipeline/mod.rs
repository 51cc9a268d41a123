//! A packet's way through a shard, one stage a file.
//!
//! ```text
//!  frame ─► parse ─► ingress ─► arp_nd          (is it for us, may it be, is it the link's own talk?)
//!                       │
//!                       ├─► steer               (fragments find their flow, flows their shard)
//!                       │
//!                       ├─► session_lookup ──hit───────────────┐
//!                       │        │ miss                        │
//!                       ├─► local (addresses of ours)          │
//!                       │        │ somebody else's             │
//!                       └─► classify ─► nat ─► session opened ─┤
//!                                                              ▼
//!                            icmp_errors ◄── TTL, MTU ── egress ─► rewritten, sent
//! ```
//!
//! A stage returns what became of the packet, or the reason for its end: nothing leaves without one
//! of the two, and every reason is counted, in one place.

mod arp_nd;
mod classify;
mod egress;
mod icmp_errors;
mod ingress;
mod local;
mod nat;
mod session_lookup;
mod steer;

use types::DropReason;
use wire::packet::{Frame, parse};
use wire::{IpPacket, Payload};

use crate::outbox::{Outbox, Parcel, Stage};
use crate::plan::{Interface, PortIndex};
use crate::port::Offload;
use crate::shard::{Env, State};

/// What became of a packet that was not dropped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It was sent on, or answered.
    Sent,
    /// It was for this node and has done its work.
    Consumed,
    /// It waits for a neighbour's MAC address, or for the first fragment of its datagram.
    Waiting,
    /// Another shard has it.
    HandedOver,
}

/// A packet between two stages.
pub(crate) struct Packet<'f> {
    /// The frame it was parsed from.
    pub(crate) frame: &'f mut [u8],
    /// What it says.
    pub(crate) ip: IpPacket,
    /// Where it came in.
    pub(crate) ingress: PortIndex,
    /// What the kernel left undone.
    pub(crate) offload: Offload,
    /// How far it had come.
    pub(crate) stage: Stage,
}

/// What stages share: the world as of this batch, the shard's own state, the way out.
pub(crate) struct Pipeline<'a, O> {
    /// Read only.
    pub(crate) env: &'a Env,
    /// The shard's.
    pub(crate) state: &'a mut State,
    /// Effects.
    pub(crate) out: &'a mut O,
}

impl<O: Outbox> Pipeline<'_, O> {
    /// All stages.
    pub(crate) fn run(&mut self, parcel: Parcel<'_>) -> Result<Outcome, DropReason> {
        let env = self.env;
        let Parcel {
            ingress,
            frame,
            offload,
            stage,
        } = parcel;
        let interface = env
            .topology
            .interface(ingress)
            .ok_or(DropReason::NotForUs)?;
        let ip = match parse(frame)? {
            Frame::Arp(packet) => return Ok(self.arp(interface, packet)),
            Frame::Ip(ip) => ip,
        };
        let mut packet = Packet {
            frame,
            ip,
            ingress,
            offload,
            stage,
        };
        match stage {
            Stage::Arrived => {
                self.check_ingress(interface, &packet.ip)?;
                match packet.ip.payload {
                    Payload::Ndp(message) => Ok(self.ndp(interface, &packet.ip, message)),
                    Payload::Vrrp => Ok(Outcome::Consumed),
                    Payload::Tcp { .. }
                    | Payload::Udp { .. }
                    | Payload::Echo { .. }
                    | Payload::IcmpError(_)
                    | Payload::OtherIcmp
                    | Payload::LaterFragment
                    | Payload::Other => self.unicast(interface, &mut packet),
                }
            }
            Stage::Fragment => self.fragment(interface, &mut packet),
            Stage::Flow(key) => self.flow(interface, &mut packet, &key),
            Stage::Hairpin => self.unicast(interface, &mut packet),
        }
    }

    /// A packet to one receiver: what standby answers is its own, everything else goes to its shard.
    fn unicast(
        &mut self,
        interface: &Interface,
        packet: &mut Packet<'_>,
    ) -> Result<Outcome, DropReason> {
        if self.env.epoch.is_none() {
            return self.standby(interface, packet);
        }
        if packet.ip.fragment.is_some() {
            return self.fragment(interface, packet);
        }
        match packet.ip.payload {
            Payload::IcmpError(error) => self.icmp_error(interface, packet, &error.embedded.key),
            Payload::Tcp { .. } | Payload::Udp { .. } | Payload::Echo { .. } => {
                let key = packet.ip.flow_key().ok_or(DropReason::Malformed)?;
                match self.steer(interface, packet, &key)? {
                    Some(elsewhere) => Ok(elsewhere),
                    None => self.flow(interface, packet, &key),
                }
            }
            Payload::Ndp(_)
            | Payload::OtherIcmp
            | Payload::Vrrp
            | Payload::LaterFragment
            | Payload::Other => self.without_session(interface, packet),
        }
    }

    /// Nothing is forwarded on standby; the node's own addresses still answer.
    fn standby(
        &mut self,
        interface: &Interface,
        packet: &mut Packet<'_>,
    ) -> Result<Outcome, DropReason> {
        match self.env.topology.own(packet.ip.dst) {
            Some(own) if self.answers(own) => self.local(interface, packet, own),
            Some(_) | None => Err(DropReason::Standby),
        }
    }

    /// What no session carries: for us, or nowhere.
    fn without_session(
        &mut self,
        interface: &Interface,
        packet: &mut Packet<'_>,
    ) -> Result<Outcome, DropReason> {
        match self.env.topology.own(packet.ip.dst) {
            Some(own) => self.local(interface, packet, own),
            None => Err(match packet.ip.payload {
                Payload::OtherIcmp | Payload::Ndp(_) => DropReason::UnsolicitedIcmp,
                Payload::Vrrp
                | Payload::Other
                | Payload::Tcp { .. }
                | Payload::Udp { .. }
                | Payload::Echo { .. }
                | Payload::IcmpError(_)
                | Payload::LaterFragment => DropReason::UnsupportedProtocol,
            }),
        }
    }
}
