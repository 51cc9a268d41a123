//! A revision that anybody has applied is the same in every later state of its lineage, and one that was
//! acknowledged is in the history of the lineage that won, or kept there as a named candidate.

use std::collections::BTreeMap;

use raft::MemberKind;
use raft_state::{ControlCommand, ControlLineage, ControlOutcome, ControlState, History};
use types::Revision;

use super::{Applied, Final, Invariant, Observation};
use crate::workload::{RequestId, Told};

/// The revisions of one lineage, those included that it began with.
type Chain = BTreeMap<Revision, String>;

/// The chains of revisions, as far as anybody has seen them.
#[derive(Debug, Default)]
pub(super) struct NoLostCommit {
    /// By lineage, as it travels with messages.
    chains: BTreeMap<u64, Chain>,
    acknowledged: BTreeMap<String, (Revision, RequestId)>,
}

fn link(chain: &mut Chain, revision: Revision, text: &str) -> Result<(), String> {
    let known = chain.entry(revision).or_insert_with(|| text.to_owned());
    if known == text {
        return Ok(());
    }
    Err(format!(
        "revision {revision} was \"{known}\" and is \"{text}\" now"
    ))
}

impl NoLostCommit {
    fn applied(&mut self, lineage: u64, state: &ControlState) -> Result<(), String> {
        let Some(config) = state.config() else {
            return Ok(());
        };
        if !self.chains.contains_key(&lineage) {
            let mut chain = self.inherited(state);
            if self.chains.is_empty() {
                // What was acknowledged before anybody was seen to have it.
                for (text, (revision, _)) in &self.acknowledged {
                    link(&mut chain, *revision, text)?;
                }
            }
            self.chains.insert(lineage, chain);
        }
        let chain = self.chains.entry(lineage).or_default();
        link(chain, config.revision, &config.text)
    }

    /// What a lineage begins with: the history of its first state, and what that one has forgotten and
    /// another lineage had before the same revision.
    fn inherited(&self, state: &ControlState) -> Chain {
        let mut chain = Chain::new();
        if let Some(oldest) = state.history().iter().next() {
            let is_parent = |chain: &&Chain| {
                chain
                    .get(&oldest.revision)
                    .is_some_and(|text| *text == oldest.text)
            };
            if let Some(parent) = self.chains.values().find(is_parent) {
                let before = parent.range(..oldest.revision);
                chain.extend(before.map(|(revision, text)| (*revision, text.clone())));
            }
        }
        let records = state.history().iter();
        chain.extend(records.map(|record| (record.revision, record.text.clone())));
        chain
    }

    fn acknowledged(
        &mut self,
        text: &str,
        revision: Revision,
        request: RequestId,
    ) -> Result<(), String> {
        self.acknowledged
            .insert(text.to_owned(), (revision, request));
        // Where only one lineage was ever seen the answer is about that one.
        let mut chains = self.chains.values_mut();
        match (chains.next(), chains.next()) {
            (Some(only), None) => link(only, revision, text),
            (None, _) | (Some(_), Some(_)) => Ok(()),
        }
    }

    /// Whether the lineage that had `text` has forgotten it by itself, as every history forgets what is old enough,
    /// before it may have lost.
    fn is_outdated(&self, text: &str, revision: Revision) -> bool {
        let kept = u64::try_from(History::MAX_RECORDS).unwrap_or(u64::MAX);
        let mut chains = self.chains.values();
        chains.any(|chain| {
            let newest = chain.last_key_value().map(|(newest, _)| newest.0);
            let had = chain.get(&revision).is_some_and(|known| known == text);
            had && newest >= Some(revision.0.saturating_add(kept))
        })
    }

    fn is_kept(&self, node: &Final, text: &str) -> bool {
        let lineage = node.lineage.lineage.map_or(0, ControlLineage::wire);
        let chain = self.chains.get(&lineage);
        let in_history = chain.is_some_and(|chain| {
            chain
                .range(..=node.control.revision())
                .any(|(_, known)| known == text)
        });
        let mut candidates = node.control.candidates().iter();
        in_history || candidates.any(|(_, candidate)| candidate.record.text == text)
    }
}

impl Invariant for NoLostCommit {
    fn name(&self) -> &'static str {
        "no_lost_commit"
    }

    fn see(&mut self, observation: &Observation<'_>) -> Result<(), String> {
        match observation {
            Observation::Applied {
                kind: MemberKind::Node,
                state: Applied::Control(state),
                place,
                ..
            } => self.applied(place.generation, state),
            Observation::Told {
                request,
                told: Told::Outcome(ControlOutcome::ConfigSet { revision }),
                ..
            } => {
                let ControlCommand::SetConfig { text, .. } = &request.command else {
                    return Err(format!("request {} was no commit", request.id));
                };
                self.acknowledged(text, *revision, request.id)
            }
            Observation::Ended(end) => {
                // Then it stays beside the history of the node that gave way, until there is room.
                if end.nodes().any(|node| node.lineage.no_room) {
                    return Ok(());
                }
                for node in end.nodes() {
                    for (text, (revision, request)) in &self.acknowledged {
                        if !self.is_kept(node, text) && !self.is_outdated(text, *revision) {
                            return Err(format!(
                                "request {request} was acknowledged as revision {revision}; node {} has \
                                 it neither in its history nor as a candidate",
                                node.id
                            ));
                        }
                    }
                }
                Ok(())
            }
            Observation::Applied { .. }
            | Observation::Asked(_)
            | Observation::Told { .. }
            | Observation::Carried { .. }
            | Observation::Aged(_)
            | Observation::Stopped { .. } => Ok(()),
        }
    }
}
