//! The sample node's members: a and b, and a witness that leaves.

use std::time::Duration;

use ops::{Answer, MembersPort, Removal, Unanswered};
use proto::ops::{ClusterMember, InvitationReply, MembersReply, RemovedReply, RotatedReply};

use super::{NOW_MS, Sample};

impl MembersPort for Sample {
    fn invite(&self, kind: String, life: Duration) -> Answer<'_, InvitationReply> {
        Box::pin(async move {
            Ok(InvitationReply {
                token: "tandem1example".to_owned(),
                kind,
                expires_unix_ms: NOW_MS + u64::try_from(life.as_millis()).unwrap_or_default(),
                ..InvitationReply::default()
            })
        })
    }

    fn replace(&self, name: String, _: Duration) -> Answer<'_, InvitationReply> {
        Box::pin(async move {
            Ok(InvitationReply {
                token: "tandem1example".to_owned(),
                kind: "node".to_owned(),
                name: Some(name),
                expires_unix_ms: NOW_MS,
                ..InvitationReply::default()
            })
        })
    }

    fn remove(&self, removal: Removal, by: String) -> Answer<'_, RemovedReply> {
        Box::pin(async move {
            let Removal { name, force } = removal;
            if name == "a" && !force {
                let reason = "a is the active router".to_owned();
                return Err(Unanswered::NeedsForce { reason });
            }
            if !by.starts_with("uid ") {
                let reason = format!("{by} is nobody");
                return Err(Unanswered::Refused { reason });
            }
            if name == "b" {
                let reason = "b is this member: remove it on another node".to_owned();
                return Err(Unanswered::Refused { reason });
            }
            Ok(RemovedReply {
                name,
                id: 3,
                ..RemovedReply::default()
            })
        })
    }

    fn rotate(&self) -> Answer<'_, RotatedReply> {
        Box::pin(async {
            Ok(RotatedReply {
                fingerprint: "5a".repeat(32),
                valid_until_unix_ms: NOW_MS,
                renewal_unix_ms: NOW_MS,
                ..RotatedReply::default()
            })
        })
    }

    fn members(&self) -> Answer<'_, MembersReply> {
        let member = |id: u32, name: &str, kind: &str, standing: &str| ClusterMember {
            id,
            name: name.to_owned(),
            kind: kind.to_owned(),
            standing: standing.to_owned(),
            control: "voter".to_owned(),
            state: "voter".to_owned(),
            leader: id == 1,
            software: Some("0.1.0".to_owned()),
            addresses: vec![format!("198.18.0.{id}:7400")],
            heard_ms: (id != 2).then_some(40),
            fingerprint: Some("5a".repeat(32)),
            valid_until_unix_ms: Some(NOW_MS),
            certificates: 1,
        };
        Box::pin(async move {
            Ok(MembersReply {
                cluster: "west-4f2a9c".to_owned(),
                managed: true,
                open_tokens: 1,
                members: vec![
                    member(1, "a", "node", "member"),
                    member(2, "b", "node", "member"),
                    member(3, "w", "witness", "leaving"),
                ],
                ..MembersReply::default()
            })
        })
    }
}
