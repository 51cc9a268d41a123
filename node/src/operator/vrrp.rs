//! `show vrrp`.

use ::vrrp::MemberStatus;
use proto::ops::{VirtualRouter, VrrpReply};

use super::Desk;
use super::ha::millis;

impl Desk {
    pub(super) fn answer_vrrp(&self) -> VrrpReply {
        let status = self.redundancy.as_ref().map(::vrrp::Handle::status);
        let members = status.iter().flat_map(|status| &status.members);
        VrrpReply {
            virtual_routers: members.map(|member| self.virtual_router(member)).collect(),
            ..VrrpReply::default()
        }
    }

    fn virtual_router(&self, member: &MemberStatus) -> VirtualRouter {
        VirtualRouter {
            interface: self.interface_name(member.giid),
            vrid: u32::from(member.vrid.get()),
            family: member.family.to_string().to_lowercase(),
            state: member.state.to_string(),
            priority_configured: u32::from(member.priority),
            priority_effective: u32::from(member.priority),
            interval_ms: u32::try_from(millis(member.interval.duration())).unwrap_or(u32::MAX),
            active_router: member.active_router.map(|address| address.to_string()),
            transitions: member.became_active,
            last_change_unix_ms: member
                .last_change
                .map(|at| self.clock.unix_nanos(at) / 1_000_000),
            adverts_sent: member.adverts_sent,
            adverts_received: member.adverts_received,
            adverts_invalid: member.invalid.iter().map(|(_, count)| count).sum(),
            garps_sent: member.announcements_sent,
        }
    }
}
