//! One command after the other, the same on every node.

use std::net::IpAddr;

use types::{Epoch, Name, NodeId, Revision};

use super::candidate::{Candidate, Kept};
use super::command::{ControlCommand, ControlOutcome};
use super::lineage::ControlLineage;
use super::state::{ConfigRecord, ControlState, Lineage, Role};
use crate::port_block;

impl ControlState {
    /// Applies `command`; every command has an outcome, whatever the state.
    pub fn apply(&mut self, command: &ControlCommand) -> ControlOutcome {
        match command {
            ControlCommand::SetConfig {
                base,
                text,
                author,
                at_unix_ms,
            } => self.set_config(*base, text, author, *at_unix_ms),
            ControlCommand::TakeRole { group, node, epoch } => self.take_role(group, *node, *epoch),
            ControlCommand::ClaimPortBlocks {
                node,
                address,
                held,
                count,
            } => self.claim_port_blocks(*node, *address, *held, *count),
            ControlCommand::ReleasePortBlocks { node } => self.release_port_blocks(*node),
            ControlCommand::FormState {
                generation,
                founder,
                incarnation,
            } => self.form_state(Lineage {
                generation: *generation,
                founder: *founder,
                incarnation: *incarnation,
                under: self.under(),
            }),
            ControlCommand::Stripped => ControlOutcome::Nothing,
            ControlCommand::KeepCandidate { name, candidate } => {
                self.keep_candidate(name, candidate)
            }
            ControlCommand::DropCandidate { name } if self.candidates.remove(name.as_str()) => {
                ControlOutcome::CandidateDropped
            }
            ControlCommand::DropCandidate { name } => {
                ControlOutcome::CandidateUnknown { name: name.clone() }
            }
            ControlCommand::Survived(survival) => {
                self.survivals.record(survival);
                ControlOutcome::SurvivalRecorded
            }
            ControlCommand::Members(command) => {
                ControlOutcome::Members(self.members.apply(command))
            }
        }
    }

    fn set_config(
        &mut self,
        base: Revision,
        text: &str,
        author: &str,
        at_unix_ms: u64,
    ) -> ControlOutcome {
        if text.len() > Self::MAX_CONFIG_BYTES {
            let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
            return ControlOutcome::ConfigTooLarge { bytes };
        }
        let next = ConfigRecord {
            revision: Revision(base.0.saturating_add(1)),
            text: text.to_owned(),
            author: author.to_owned(),
            at_unix_ms,
        };
        if self.config() == Some(&next) {
            // The same proposal a second time: its first answer got lost.
            return ControlOutcome::ConfigSet {
                revision: next.revision,
            };
        }
        let current = self.revision();
        if base != current || next.revision == current {
            return ControlOutcome::ConfigStale { current };
        }
        let revision = next.revision;
        self.history.push(next);
        ControlOutcome::ConfigSet { revision }
    }

    fn take_role(&mut self, group: &Name, node: NodeId, epoch: Epoch) -> ControlOutcome {
        let wanted = Role { node, epoch };
        match self.roles.get(group) {
            Some(current) if *current != wanted && current.epoch >= epoch => {
                ControlOutcome::RoleRefused { current: *current }
            }
            Some(_) | None => {
                self.roles.insert(group.clone(), wanted);
                ControlOutcome::RoleTaken
            }
        }
    }

    fn claim_port_blocks(
        &mut self,
        node: NodeId,
        address: IpAddr,
        held: u16,
        count: u16,
    ) -> ControlOutcome {
        if self.granted(node, address).len() == usize::from(held) && count > 0 {
            let blocks = self.port_blocks.entry(address).or_default();
            let free: Vec<u16> = port_block::in_order_for(node)
                .filter(|block| !blocks.contains_key(block))
                .take(usize::from(count))
                .collect();
            blocks.extend(free.into_iter().map(|block| (block, node)));
        }
        ControlOutcome::PortBlocks {
            address,
            blocks: self.granted(node, address),
        }
    }

    /// Whoever is a member may be using its blocks at this moment, and so may one of whom only nothing is
    /// written down yet: certain is only a removal. What the others still translate with ports of these blocks
    /// they hold as taken, whoever is granted the block.
    fn release_port_blocks(&mut self, node: NodeId) -> ControlOutcome {
        if self.members.removal(node).is_none() {
            return ControlOutcome::Nothing;
        }
        self.port_blocks.retain(|_, blocks| {
            blocks.retain(|_, owner| *owner != node);
            !blocks.is_empty()
        });
        ControlOutcome::PortBlocksReleased
    }

    fn keep_candidate(&mut self, name: &Name, candidate: &Candidate) -> ControlOutcome {
        let record = &candidate.record;
        if self.history.get(record.revision) == Some(record) {
            return ControlOutcome::CandidateKnown {
                revision: record.revision,
            };
        }
        match self.candidates.keep(name, candidate) {
            Kept::As(name) => ControlOutcome::CandidateKept { name },
            Kept::Full => ControlOutcome::CandidatesFull {
                count: self.candidates.len().try_into().unwrap_or(u64::MAX),
                bytes: self.candidates.bytes().try_into().unwrap_or(u64::MAX),
            },
        }
    }

    /// The lineage that decides now. A witness does not hear how lineages begin, but what is running when
    /// it is taken in.
    fn under(&self) -> u64 {
        let begun = self.survivals.iter().next_back();
        let begun = begun.map(|survival| survival.lineage);
        let known = self.lineage.map_or(0, |current| current.under);
        let last = begun.max(ControlLineage::from_wire(known));
        last.map_or(0, ControlLineage::wire)
    }

    fn form_state(&mut self, wanted: Lineage) -> ControlOutcome {
        let current = self.lineage;
        let next = current.map_or(1, |current| current.generation.saturating_add(1));
        if current != Some(wanted) && wanted.generation != next {
            return ControlOutcome::StateFormRefused { current };
        }
        self.lineage = Some(wanted);
        ControlOutcome::StateFormed
    }
}

#[cfg(test)]
mod tests;
