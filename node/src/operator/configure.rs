//! An operator commits a configuration: checked here, agreed on by the cluster, in force when the answer
//! leaves, or said not to be.

use std::sync::Arc;
use std::time::Duration;

use config::Valid;
use config::valid::{DeviceInterface, Node, RedundancyGroup, Router, Vrrp};
use ops::{Commit, Unanswered};
use proto::ops::{CommitConfigReply, ConfigCommit, ConfigReply};
use raft::{MemberKind, ProposeError};
use raft_state::{Checksum, ConfigRecord, ControlCommand, ControlOutcome, ControlState};
use types::{Giid, InterfaceAddress, Revision};

use super::Desk;
use crate::plan;

/// What is agreed on is applied here some milliseconds later; longer than this, something is wrong.
const APPLYING: Duration = Duration::from_secs(2);

impl Desk {
    /// Gets `commit` agreed on, and waits until this node runs it.
    pub(super) async fn commit_config(
        &self,
        commit: Commit,
        author: String,
    ) -> Result<CommitConfigReply, Unanswered> {
        let valid = self.check(&commit.text)?;
        if let Some(reason) = self.standstill() {
            return Err(Unanswered::Refused { reason });
        }
        let newest = self.cluster.control.state().revision();
        let base = commit.base.unwrap_or(newest);
        let command = ControlCommand::SetConfig {
            base,
            text: commit.text,
            author,
            at_unix_ms: self.clock.unix_millis(),
        };
        let reply = CommitConfigReply {
            base: base.0,
            ..CommitConfigReply::default()
        };
        match self.cluster.control.propose(command).await {
            Ok(ControlOutcome::ConfigSet { revision }) => Ok(CommitConfigReply {
                outcome: "committed".to_owned(),
                revision: revision.0,
                in_force: self.runs(revision).await,
                after_restart: self.after_restart(&valid),
                ..reply
            }),
            Ok(ControlOutcome::ConfigStale { current }) => Ok(CommitConfigReply {
                outcome: "stale".to_owned(),
                revision: current.0,
                since: since(&*self.agreed(current).await, base),
                ..reply
            }),
            Ok(refused) => Err(Unanswered::Refused {
                reason: refused.to_string(),
            }),
            Err(ProposeError::NoLeader { .. }) if let Some(reason) = self.standstill() => {
                Err(Unanswered::Refused { reason })
            }
            Err(error) => Err(because(&error)),
        }
    }

    /// The operator's own check has said all this already; another caller's has not.
    fn check(&self, text: &str) -> Result<Valid, Unanswered> {
        let refused = |reason| Unanswered::Refused { reason };
        let valid = config::check(text).map_err(|problems| {
            let list: Vec<_> = problems.iter().map(ToString::to_string).collect();
            refused(format!(
                "the configuration is not valid:\n{}",
                list.join("\n")
            ))
        })?;
        // A node that is not in it could not run it.
        for member in self.cluster.control.status().members {
            if member.kind == MemberKind::Node {
                let located = plan::locate(&valid, &self.site.router, member.name.as_str());
                located.map_err(|error| refused(error.to_string()))?;
            }
        }
        Ok(valid)
    }

    /// Whether this node has put `revision` in force, or a later one.
    async fn runs(&self, revision: Revision) -> bool {
        let mut running = self.running.clone();
        let agreed = self.agreed(revision).await;
        let applied = running.wait_for(|running| running.has_come_to(revision, &agreed));
        matches!(tokio::time::timeout(APPLYING, applied).await, Ok(Ok(_)))
    }

    /// What this node knows to be agreed on, `revision` included if that comes in time.
    async fn agreed(&self, revision: Revision) -> Arc<ControlState> {
        let mut agreed = self.cluster.control.watch();
        let arrived = agreed.wait_for(|state| state.revision() >= revision);
        // Late, there is less to tell.
        let _late = tokio::time::timeout(APPLYING, arrived).await;
        self.cluster.control.state()
    }

    /// What of `next` this node takes up only when it starts again.
    fn after_restart(&self, next: &Valid) -> Vec<String> {
        let (Some(then), Some(next)) = (self.part_of(&self.started_with), self.part_of(next))
        else {
            return Vec::new();
        };
        let mut differs = Vec::new();
        if shared(then) != shared(next) {
            differs.push(
                "VRRP and the shared addresses are not those that this node started with"
                    .to_owned(),
            );
        }
        if then.1.session_processors != next.1.session_processors {
            differs.push(
                "the number of session processors is not the one that this node started with: \
                 until then it runs the configuration before this one"
                    .to_owned(),
            );
        }
        differs
    }

    fn part_of<'a>(&self, valid: &'a Valid) -> Option<(&'a Router, &'a Node)> {
        plan::locate(valid, &self.site.router, &self.site.node).ok()
    }

    /// `show config`: what runs, or a candidate.
    pub(super) fn answer_config(&self, candidate: Option<&str>) -> Result<ConfigReply, Unanswered> {
        let agreed = self.cluster.control.state();
        let committed = agreed.revision();
        if let Some(name) = candidate {
            let missing = "candidate of this name";
            let found = agreed.candidates().get(name);
            let record = &found.ok_or(Unanswered::NotYet { missing })?.record;
            return Ok(shown(record, committed));
        }
        Ok(shown(&self.running.borrow().record, committed))
    }
}

fn shown(record: &ConfigRecord, committed: Revision) -> ConfigReply {
    ConfigReply {
        revision: record.revision.0,
        text: record.text.clone(),
        author: record.author.clone(),
        at_unix_ms: Some(record.at_unix_ms),
        committed_revision: committed.0,
        ..ConfigReply::default()
    }
}

/// The commits after `base` that are still kept.
fn since(state: &ControlState, base: Revision) -> Vec<ConfigCommit> {
    let later = state
        .history()
        .iter()
        .filter(|record| record.revision > base);
    later
        .map(|record| ConfigCommit {
            revision: record.revision.0,
            author: record.author.clone(),
            at_unix_ms: record.at_unix_ms,
            text_checksum: Checksum::of_bytes(0, record.text.as_bytes()).to_string(),
        })
        .collect()
}

/// Why nothing came of it, and what that means for the cluster's configuration.
fn because(error: &ProposeError) -> Unanswered {
    match error {
        ProposeError::NoLeader { .. } | ProposeError::Frozen { .. } => Unanswered::Refused {
            reason: format!("{error}; nothing was changed. See 'tandem show cluster'"),
        },
        ProposeError::Stopped { .. } => Unanswered::Refused {
            reason: format!("{error}; nothing was changed. Ask the other node"),
        },
        ProposeError::Unknown { .. } => Unanswered::OutcomeUnknown {
            reason: error.to_string(),
        },
    }
}

/// What the redundancy group is made of: it is built when the node starts.
type Shared<'a> = (
    &'a [RedundancyGroup],
    Vec<(&'a str, Option<Vrrp>, Vec<(Giid, Vec<InterfaceAddress>)>)>,
);

fn shared<'a>((router, node): (&'a Router, &'a Node)) -> Shared<'a> {
    let addresses = |device: &DeviceInterface| {
        let interfaces = device.network_interfaces.iter();
        interfaces
            .map(|interface| {
                let addresses = interface.addresses.iter();
                let addresses = addresses.map(|address| address.interface).collect();
                (interface.giid, addresses)
            })
            .collect()
    };
    let devices = node.device_interfaces.iter();
    let devices = devices
        .filter(|device| device.is_shared())
        .map(|device| (&*device.interface_name, device.vrrp, addresses(device)));
    (&router.redundancy_groups, devices.collect())
}
