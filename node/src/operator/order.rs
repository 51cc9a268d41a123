//! What operators tell this node to do. Everything else here only looks.

use ops::{GoOn, Unanswered};
use proto::ops::{DropCandidateReply, LineageReply};
use raft_state::{ControlCommand, ControlOutcome, SurvivalReason};
use types::Name;

use super::Desk;

impl Desk {
    /// Goes on alone, unless something speaks against it that the operator has not overruled.
    pub(super) async fn go_on_alone(
        &self,
        order: GoOn,
        by: String,
    ) -> Result<LineageReply, Unanswered> {
        let reason = self.may_go_on(order)?;
        let refused = |error: raft::SurviveError| Unanswered::Refused {
            reason: error.to_string(),
        };
        let lineage = self.cluster.control.survive(reason, by).await;
        let lineage = lineage.map_err(refused)?;
        Ok(LineageReply {
            generation: lineage.generation,
            founder: self.site.name(lineage.founder),
            config_revision: self.cluster.control.state().revision().0,
            ..LineageReply::default()
        })
    }

    fn may_go_on(&self, order: GoOn) -> Result<SurvivalReason, Unanswered> {
        let Some(view) = self.survivor.borrow().clone() else {
            return self.may_go_on_unwatched(order);
        };
        if self.has_quorum() {
            let reason = match order {
                GoOn::Survive | GoOn::SurviveForced => raft::SurviveError::HasQuorum.to_string(),
                GoOn::Thaw => "this node has not frozen: the control group has a quorum".to_owned(),
            };
            return Err(Unanswered::Refused { reason });
        }
        let heard: Vec<_> = view.heard_on.iter().map(Name::as_str).collect();
        let heard =
            (!heard.is_empty()).then(|| format!("the peer is heard on {}", heard.join(", ")));
        match (order, heard) {
            (GoOn::SurviveForced, _) | (GoOn::Survive, None) => Ok(SurvivalReason::Operator),
            (GoOn::Survive, Some(reason)) => Err(Unanswered::NeedsForce { reason }),
            (GoOn::Thaw, Some(heard)) => Err(Unanswered::Refused {
                reason: format!("{heard}: it is not off"),
            }),
            (GoOn::Thaw, None) => match &view.verdict {
                ha::survivor::Verdict::Frozen => Ok(SurvivalReason::Thaw),
                other @ (ha::survivor::Verdict::Settled
                | ha::survivor::Verdict::Waiting(_)
                | ha::survivor::Verdict::Surviving) => Err(Unanswered::Refused {
                    reason: format!(
                        "this node has not frozen: it is {other}. If the other node is off, 'tandem \
                         request cluster survive' goes on without it"
                    ),
                }),
            },
        }
    }

    /// There is no other node that could be heard anywhere; perhaps a witness.
    fn may_go_on_unwatched(&self, order: GoOn) -> Result<SurvivalReason, Unanswered> {
        let (members, _) = self.cluster.control.roster();
        let has_others = members.iter().any(|member| member.id != self.site.id);
        let refused = |reason: &str| {
            Err(Unanswered::Refused {
                reason: reason.to_owned(),
            })
        };
        match order {
            GoOn::Survive | GoOn::SurviveForced if has_others => Ok(SurvivalReason::Operator),
            GoOn::Survive | GoOn::SurviveForced => {
                refused("a router of one node has nobody to survive")
            }
            GoOn::Thaw => refused("a router of one node does not freeze"),
        }
    }

    /// Forgets a candidate.
    pub(super) async fn forget(&self, name: String) -> Result<DropCandidateReply, Unanswered> {
        let command = ControlCommand::DropCandidate {
            name: Name::from(name.as_str()),
        };
        let refused = |reason: String| Err(Unanswered::Refused { reason });
        match self.cluster.control.propose(command).await {
            Ok(ControlOutcome::CandidateDropped) => Ok(DropCandidateReply {
                name,
                ..DropCandidateReply::default()
            }),
            Ok(other) => refused(other.to_string()),
            Err(error) => refused(error.to_string()),
        }
    }
}
