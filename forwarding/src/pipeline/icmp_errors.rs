//! Telling a sender why its packet ended here: unreachable, time exceeded, too big.
//!
//! The source is the ingress interface's address of the packet's family, so that traceroute shows the
//! gateway; each shard has a limit, and an error that it forbids is counted.

use types::DropReason;
use wire::build;
use wire::icmp::Cause;

use super::{Packet, Pipeline};
use crate::outbox::Outbox;
use crate::port::Offload;

impl<O: Outbox> Pipeline<'_, O> {
    /// Sends an ICMP error about `packet`, which is as it arrived, if one is allowed.
    pub(crate) fn tell_sender(&mut self, packet: &Packet<'_>, cause: Cause) {
        let env = self.env;
        let Some(interface) = env.topology.interface(packet.ingress) else {
            return;
        };
        // The source of what hairpins is an address of ours: nobody is there to be told.
        let pointless = env.topology.own(packet.ip.src).is_some()
            || build::icmp_error_allowed(packet.frame, &packet.ip).is_err();
        if pointless {
            return;
        }
        let source = if env.topology.own(packet.ip.dst).is_some() {
            Some(packet.ip.dst)
        } else {
            interface
                .source_for(packet.ip.src)
                .map(|address| address.ip)
        };
        let Some(source) = source else { return };
        if !self.state.limiter.allows(env.now) {
            env.counters.drops.count(DropReason::IcmpRateLimited);
            return;
        }
        let scratch = &mut self.state.scratch;
        if build::icmp_error(scratch, packet.frame, &packet.ip, cause, source).is_ok() {
            self.out.transmit(interface.port, scratch, Offload::None);
        }
    }
}
