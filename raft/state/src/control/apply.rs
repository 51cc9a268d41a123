//! One command after the other, the same on every node.

use std::net::IpAddr;

use types::{Epoch, Name, NodeId, Revision};

use super::command::{ControlCommand, ControlOutcome};
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
            ControlCommand::ReleasePortBlocks { address } => {
                self.port_blocks.remove(address);
                ControlOutcome::PortBlocksReleased
            }
            ControlCommand::FormState {
                generation,
                founder,
                incarnation,
            } => self.form_state(Lineage {
                generation: *generation,
                founder: *founder,
                incarnation: *incarnation,
            }),
            ControlCommand::Stripped => ControlOutcome::Nothing,
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
        if self.config.as_ref() == Some(&next) {
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
        self.config = Some(next);
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
            let free: Vec<u16> = (port_block::PREASSIGNED..port_block::COUNT)
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
mod tests {
    use super::*;
    use crate::cluster::Incarnation;
    use crate::snapshot::{SnapshotError, Versioned};

    const A: NodeId = NodeId(1);
    const B: NodeId = NodeId(2);

    fn set(base: u64, text: &str) -> ControlCommand {
        ControlCommand::SetConfig {
            base: Revision(base),
            text: text.to_owned(),
            author: "root".to_owned(),
            at_unix_ms: 7,
        }
    }

    fn take(node: NodeId, epoch: Epoch) -> ControlCommand {
        ControlCommand::TakeRole {
            group: Name::from("lan-wan"),
            node,
            epoch,
        }
    }

    fn claim(node: NodeId, held: u16, count: u16) -> ControlCommand {
        ControlCommand::ClaimPortBlocks {
            node,
            address: "198.51.100.1".parse().unwrap(),
            held,
            count,
        }
    }

    fn blocks(outcome: ControlOutcome) -> Vec<u16> {
        let ControlOutcome::PortBlocks { blocks, .. } = outcome else {
            panic!("{outcome}");
        };
        blocks
    }

    #[test]
    fn a_commit_on_an_old_base_is_refused_and_changes_nothing() {
        let mut state = ControlState::default();
        assert_eq!(
            state.apply(&set(0, "a")),
            ControlOutcome::ConfigSet {
                revision: Revision(1)
            }
        );
        assert_eq!(
            state.apply(&set(0, "b")),
            ControlOutcome::ConfigStale {
                current: Revision(1)
            }
        );
        assert_eq!(state.config().unwrap().text, "a");
    }

    #[test]
    fn a_commit_proposed_twice_is_one_commit() {
        let mut state = ControlState::default();
        let first = state.apply(&set(0, "a"));
        assert_eq!(state.apply(&set(0, "a")), first);
        assert_eq!(state.revision(), Revision(1));
    }

    #[test]
    fn a_configuration_that_no_message_carries_is_refused() {
        let mut state = ControlState::default();
        let long = "x".repeat(ControlState::MAX_CONFIG_BYTES + 1);
        assert_eq!(
            state.apply(&set(0, &long)),
            ControlOutcome::ConfigTooLarge { bytes: 4_194_305 }
        );
        assert_eq!(state, ControlState::default());
    }

    #[test]
    fn a_role_under_a_lower_epoch_is_refused() {
        let mut state = ControlState::default();
        let older = Epoch::NONE.next_for(A);
        let newer = older.next_for(B);
        assert_eq!(state.apply(&take(B, newer)), ControlOutcome::RoleTaken);
        let current = Role {
            node: B,
            epoch: newer,
        };
        assert_eq!(
            state.apply(&take(A, older)),
            ControlOutcome::RoleRefused { current }
        );
        assert_eq!(state.apply(&take(B, newer)), ControlOutcome::RoleTaken);
        assert_eq!(state.role(&Name::from("lan-wan")), Some(current));
        assert_eq!(state.highest_epoch(), newer);
    }

    #[test]
    fn blocks_are_granted_lowest_first_and_never_twice() {
        let mut state = ControlState::default();
        assert_eq!(blocks(state.apply(&claim(A, 0, 2))), [16, 17]);
        assert_eq!(blocks(state.apply(&claim(B, 0, 2))), [18, 19]);
        assert_eq!(blocks(state.apply(&claim(A, 2, 1))), [16, 17, 20]);
        // A claim whose answer got lost does not eat blocks.
        assert_eq!(blocks(state.apply(&claim(A, 2, 1))), [16, 17, 20]);
        assert_eq!(blocks(state.apply(&claim(A, 3, u16::MAX))).len(), 110 - 2);
        assert_eq!(blocks(state.apply(&claim(B, 2, 1))), [18, 19]);
    }

    #[test]
    fn only_the_next_generation_is_formed_and_only_once() {
        let mut state = ControlState::default();
        let form = |generation, founder| ControlCommand::FormState {
            generation,
            founder,
            incarnation: Incarnation(3),
        };
        assert_eq!(
            state.apply(&form(2, A)),
            ControlOutcome::StateFormRefused { current: None }
        );
        assert_eq!(state.apply(&form(1, A)), ControlOutcome::StateFormed);
        assert_eq!(state.apply(&form(1, A)), ControlOutcome::StateFormed);
        let current = state.lineage();
        for refused in [form(1, B), form(3, B)] {
            assert_eq!(
                state.apply(&refused),
                ControlOutcome::StateFormRefused { current }
            );
        }
        assert_eq!(state.apply(&form(2, B)), ControlOutcome::StateFormed);
        assert_eq!(state.lineage().unwrap().founder, B);
    }

    #[test]
    fn a_witness_learns_which_state_group_to_vote_in_and_nothing_else() {
        let form = ControlCommand::FormState {
            generation: 1,
            founder: A,
            incarnation: Incarnation(3),
        };
        let commands = [set(0, "secret"), claim(A, 0, 1), form];
        let (mut node, mut witness) = (ControlState::default(), ControlState::default());
        for mut command in commands {
            node.apply(&command);
            command.strip();
            witness.apply(&command);
        }
        assert_eq!(witness, node.stripped());
        assert_eq!(witness.lineage(), node.lineage());
        assert_eq!(witness.config(), None);
    }

    #[test]
    fn snapshots_of_another_version_are_refused_by_number() {
        let mut state = ControlState::default();
        state.apply(&set(0, "a"));
        state.apply(&claim(B, 0, 3));
        let mut bytes = state.encode().unwrap();
        assert_eq!(ControlState::decode(&bytes), Ok(state));
        *bytes.first_mut().unwrap() = 9;
        assert_eq!(
            ControlState::decode(&bytes),
            Err(SnapshotError::Version { found: 9, known: 1 })
        );
        assert_eq!(ControlState::decode(&[]), Err(SnapshotError::Empty));
    }
}
