//! Packets to addresses of ours.
//!
//! We answer pings. Ports of addresses that sessions are translated to belong to the sessions: what no
//! session expects is dropped in silence (RFC 5382 REQ-4 asks for no haste, and scanners for none).
//! Elsewhere nobody listens behind this interface, and the sender is told so.

use types::DropReason;
use wire::icmp::Cause;
use wire::{Payload, build, rewrite};

use super::{Outcome, Packet, Pipeline};
use crate::outbox::Outbox;
use crate::plan::{Interface, Own};
use crate::port::Offload;

impl<O: Outbox> Pipeline<'_, O> {
    /// A packet to the address `own`, which belongs to no session.
    pub(super) fn local(
        &mut self,
        interface: &Interface,
        packet: &mut Packet<'_>,
        own: Own,
    ) -> Result<Outcome, DropReason> {
        if !self.answers(own) {
            return Err(DropReason::Standby);
        }
        match packet.ip.payload {
            Payload::Echo { request: true, .. } => self.echo(interface, packet, own),
            Payload::Vrrp => Ok(Outcome::Consumed),
            Payload::Echo { request: false, .. }
            | Payload::IcmpError(_)
            | Payload::OtherIcmp
            | Payload::Ndp(_) => Err(DropReason::UnsolicitedIcmp),
            Payload::Tcp { .. } | Payload::Udp { .. } | Payload::LaterFragment
                if own.translated =>
            {
                Err(DropReason::UnsolicitedInbound)
            }
            Payload::Tcp { .. } => {
                if build::tcp_reset(&mut self.state.scratch, &packet.ip) {
                    self.out
                        .transmit(interface.port, &self.state.scratch, Offload::None);
                }
                Err(DropReason::NoService)
            }
            Payload::Udp { .. } => {
                self.tell_sender(packet, Cause::PortUnreachable);
                Err(DropReason::NoService)
            }
            Payload::LaterFragment => Err(DropReason::NoService),
            Payload::Other => Err(DropReason::UnsupportedProtocol),
        }
    }

    /// The answer goes back to the neighbour that the question came from: the way it came is one.
    fn echo(
        &mut self,
        interface: &Interface,
        packet: &mut Packet<'_>,
        own: Own,
    ) -> Result<Outcome, DropReason> {
        super::ingress::check_martian(&packet.ip)?;
        if self.env.topology.own(packet.ip.src).is_some() {
            return Err(DropReason::MartianSource);
        }
        if packet.offload == Offload::ChecksumMissing {
            rewrite::complete_l4_checksum(packet.frame, &packet.ip)?;
        }
        build::echo_reply_in_place(packet.frame, &packet.ip)?;
        let mac = interface.mac_for(own.role, packet.ip.dst);
        rewrite::set_macs(packet.frame, packet.ip.src_mac, mac);
        let whole = packet
            .frame
            .get(..packet.ip.layout.end)
            .ok_or(DropReason::Malformed)?;
        self.out.transmit(interface.port, whole, Offload::None);
        Ok(Outcome::Sent)
    }
}
