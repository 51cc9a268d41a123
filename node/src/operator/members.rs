//! `tandem cluster …`, as far as a running node is asked.

use std::time::Duration;

use ops::{Answer, MembersPort, Removal, Unanswered};
use proto::ops::{ClusterMember, InvitationReply, MembersReply, RemovedReply, RotatedReply};
use raft::{GroupStatus, Invitation, MemberKind, MemberRole, MembersError, Membership};
use raft_state::MemberRecord;
use types::NodeId;

use super::Desk;
use super::ha::millis;

impl MembersPort for Desk {
    fn invite(&self, kind: String, life: Duration) -> Answer<'_, InvitationReply> {
        Box::pin(async move {
            let kind = [MemberKind::Node, MemberKind::Witness]
                .into_iter()
                .find(|known| known.word() == kind)
                .ok_or_else(|| refused(&format!("{kind:?} is no kind of member")))?;
            let invited = self.changing()?.invite(kind, life).await;
            invited.map(invitation).map_err(|error| because(&error))
        })
    }

    fn replace(&self, name: String, life: Duration) -> Answer<'_, InvitationReply> {
        Box::pin(async move {
            let invited = self.changing()?.replace(&name, life).await;
            invited.map(invitation).map_err(|error| because(&error))
        })
    }

    fn remove(&self, removal: Removal, by: String) -> Answer<'_, RemovedReply> {
        Box::pin(async move {
            let membership = self.changing()?;
            let Removal { name, force } = removal;
            if !force && self.is_active(&name) {
                let reason = format!(
                    "{name} is the active router. Stop 'tandem node' there first (SIGTERM), so that it \
                     hands its role over"
                );
                return Err(Unanswered::NeedsForce { reason });
            }
            let removed = membership.remove(&name, &by).await;
            let id = removed.map_err(|error| because(&error))?;
            Ok(RemovedReply {
                name,
                id: u32::from(id.0),
                ..RemovedReply::default()
            })
        })
    }

    fn rotate(&self) -> Answer<'_, RotatedReply> {
        Box::pin(async move {
            let membership = self.membership()?;
            let renewed = membership.renew().await;
            let validity = renewed.map_err(|error| because(&error))?;
            Ok(RotatedReply {
                fingerprint: membership.certificate().fingerprint().to_string(),
                valid_until_unix_ms: validity.until * 1_000,
                renewal_unix_ms: validity.renew_at() * 1_000,
                ..RotatedReply::default()
            })
        })
    }

    fn members(&self) -> Answer<'_, MembersReply> {
        Box::pin(async { Ok(self.answer_members()) })
    }
}

impl Desk {
    fn membership(&self) -> Result<&Membership, Unanswered> {
        self.cluster.membership.as_ref().ok_or_else(|| {
            refused(
                "this cluster has no certificates (insecure-lab): its members stand in node.toml",
            )
        })
    }

    /// The same for what is agreed on: without a quorum it would be written down, and take effect when
    /// nobody expects it any more.
    fn changing(&self) -> Result<&Membership, Unanswered> {
        let membership = self.membership()?;
        match self.standstill() {
            Some(reason) => Err(Unanswered::Refused { reason }),
            None => Ok(membership),
        }
    }

    /// Whether it is agreed on that the member of that name is active.
    fn is_active(&self, name: &str) -> bool {
        let state = self.cluster.control.state();
        let Some(record) = state.members().named(name) else {
            return false;
        };
        state.roles().values().any(|role| role.node == record.id)
    }

    fn answer_members(&self) -> MembersReply {
        let (control, state) = (self.cluster.control.status(), self.cluster.state.status());
        let membership = self.cluster.membership.as_ref();
        let records = membership.map(Membership::records).unwrap_or_default();
        let open_tokens = membership.map_or(0, Membership::open_tokens);
        let ids = control.members.iter().map(|member| member.id);
        let record_of = |id: NodeId| records.iter().find(|record| record.id == id);
        MembersReply {
            cluster: self.cluster.id().to_owned(),
            managed: !records.is_empty(),
            open_tokens: u32::try_from(open_tokens).unwrap_or(u32::MAX),
            members: ids
                .filter_map(|id| member(id, (&control, &state), record_of(id)))
                .collect(),
            ..MembersReply::default()
        }
    }
}

fn member(
    id: NodeId,
    (control, state): (&GroupStatus, &GroupStatus),
    record: Option<&MemberRecord>,
) -> Option<ClusterMember> {
    let status = control.member(id)?;
    let stays = record.is_none_or(Membership::stays);
    let newest = record.and_then(|record| record.certificates.first());
    let known = record.map_or(0, |record| record.certificates.len());
    let told = record.map(|record| record.software.clone());
    Some(ClusterMember {
        id: u32::from(id.0),
        name: status.name.to_string(),
        kind: status.kind.word().to_owned(),
        standing: if stays { "member" } else { "leaving" }.to_owned(),
        control: role(status.role).to_owned(),
        state: role(
            state
                .member(id)
                .map_or(MemberRole::Absent, |member| member.role),
        )
        .to_owned(),
        leader: control.leader == Some(id),
        software: status.software.clone().or(told),
        addresses: status.addresses.iter().map(ToString::to_string).collect(),
        heard_ms: status.heard_ago.map(millis),
        fingerprint: newest.map(|certificate| certificate.fingerprint.to_string()),
        valid_until_unix_ms: newest.map(|certificate| certificate.until_unix_s * 1_000),
        certificates: u32::try_from(known).unwrap_or(u32::MAX),
    })
}

const fn role(role: MemberRole) -> &'static str {
    match role {
        MemberRole::Voter => "voter",
        MemberRole::Learner => "learner",
        MemberRole::Absent => "absent",
    }
}

fn invitation(from: Invitation) -> InvitationReply {
    InvitationReply {
        token: from.token,
        kind: from.kind.word().to_owned(),
        name: from.name.map(|name| name.to_string()),
        expires_unix_ms: from.expires_unix_s * 1_000,
        ..InvitationReply::default()
    }
}

/// With its cause: the operator sees one line.
fn because(error: &MembersError) -> Unanswered {
    match std::error::Error::source(error) {
        Some(cause) => refused(&format!("{error}: {cause}")),
        None => refused(&error.to_string()),
    }
}

fn refused(reason: &str) -> Unanswered {
    Unanswered::Refused {
        reason: reason.to_owned(),
    }
}
