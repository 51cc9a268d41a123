//! Whole messages, sealed as true members seal them, that no honest member sends.

#![expect(
    clippy::too_many_lines,
    clippy::wildcard_enum_match_arm,
    clippy::zero_sized_map_values,
    reason = "a table, with exceptions for single lines of it; maps as the consensus library has them"
)]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proto::raft::{Kind, Request};
use raft_state::{Batch, ControlCommand, Incarnation, Packed, StateCommand, Versioned};
use serde::{Serialize, Serializer};
use types::NodeId;

use super::{FOLLOWER, LEADER, Stage};
use crate::memory::W;
use crate::memory::mirror::{
    Append, Candidacy, Entry, LeaderId, LogId, Membership, Payload, Transfer, Vote, bytes, sealed,
};

/// Beyond these, nothing is believed.
const LEAP: u64 = 1 << 32;
const FAR: u64 = 1 << 48;

/// What is wrong with a message; of those that may be of several kinds, which.
#[derive(Clone, Debug)]
pub(crate) enum Absurdity {
    /// Nothing: so the others fail for their own reason alone.
    None,
    TermLeaps(Speech, u64),
    AnothersVote(Speech, u64),
    WitnessLeads(Speech),
    NotElected(Speech),
    IndexLeaps(Place, u64),
    FromTheFuture(Place, u64),
    Hole(u64),
    BackInTime,
    Contradicts(Place),
    NoQuorum(u8),
    NobodysLife(u64),
    Stripped,
    TransferToNobody(u64),
    ProposesNothing,
    AnothersWords(u8, u32),
    JoinsForAnother(u64),
}

/// Who speaks as what.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Speech {
    Leads,
    HandsOver,
    Stands,
    WouldStand,
}

/// Where a log id is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Previous,
    Entry,
    Agreed,
    CandidatesLast,
    TransfersLast,
}

/// Any of them.
pub(crate) fn absurdity() -> impl Strategy<Value = Absurdity> {
    let speech = || {
        prop::sample::select(vec![
            Speech::Leads,
            Speech::HandsOver,
            Speech::Stands,
            Speech::WouldStand,
        ])
    };
    let place = || {
        prop::sample::select(vec![
            Place::Previous,
            Place::Entry,
            Place::Agreed,
            Place::CandidatesLast,
            Place::TransfersLast,
        ])
    };
    let in_log = prop::sample::select(vec![Place::Previous, Place::Entry, Place::Agreed]);
    let beyond = |least: u64| prop_oneof![Just(u64::MAX), Just(least), least..=u64::MAX];
    prop_oneof![
        (speech(), beyond(LEAP + 1_000)).prop_map(|(s, term)| Absurdity::TermLeaps(s, term)),
        (speech(), any::<u64>()).prop_map(|(s, node)| Absurdity::AnothersVote(s, node)),
        speech().prop_map(Absurdity::WitnessLeads),
        speech().prop_map(Absurdity::NotElected),
        (place(), beyond(FAR + 1)).prop_map(|(p, index)| Absurdity::IndexLeaps(p, index)),
        (place(), 1..1_000_u64).prop_map(|(p, more)| Absurdity::FromTheFuture(p, more)),
        (1..10_000_u64).prop_map(Absurdity::Hole),
        Just(Absurdity::BackInTime),
        in_log.prop_map(Absurdity::Contradicts),
        (0..4_u8).prop_map(Absurdity::NoQuorum),
        beyond(1 << 41).prop_map(Absurdity::NobodysLife),
        Just(Absurdity::Stripped),
        beyond(1 << 41).prop_map(Absurdity::TransferToNobody),
        Just(Absurdity::ProposesNothing),
        (any::<u8>(), any::<u32>()).prop_map(|(n, life)| Absurdity::AnothersWords(n, life)),
        any::<u64>().prop_map(Absurdity::JoinsForAnother),
    ]
}

/// A command of either group.
#[derive(Clone, Debug)]
enum Command {
    Control(ControlCommand),
    State(StateCommand),
}

impl Serialize for Command {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Control(command) => command.serialize(serializer),
            Self::State(command) => command.serialize(serializer),
        }
    }
}

impl Command {
    fn stripped(group: u32) -> Self {
        match group {
            1 => Self::Control(ControlCommand::Stripped),
            _ => Self::State(StateCommand::Stripped),
        }
    }

    fn encode(&self) -> Vec<u8> {
        match self {
            Self::Control(command) => command.encode().unwrap(),
            Self::State(command) => command.encode().unwrap(),
        }
    }
}

/// What a true leader would say now, and what a true candidate: each absurdity changes one thing.
struct Honest {
    append: Append<Command>,
    candidacy: Candidacy,
    transfer: Transfer,
}

impl Honest {
    fn vote(&mut self, speech: Speech) -> &mut Vote {
        match speech {
            Speech::Leads => &mut self.append.vote,
            Speech::HandsOver => &mut self.transfer.from,
            Speech::Stands | Speech::WouldStand => &mut self.candidacy.vote,
        }
    }

    fn log_id(&mut self, place: Place) -> &mut LogId {
        match place {
            Place::Previous => self.append.previous.as_mut().unwrap(),
            Place::Agreed => self.append.agreed.as_mut().unwrap(),
            Place::Entry => {
                let mut at = self.append.previous.unwrap();
                at.index += 1;
                at.leader = self.append.vote.leader;
                let payload = Payload::Blank;
                self.append.entries.push(Entry { at, payload });
                &mut self.append.entries[0].at
            }
            Place::CandidatesLast => self.candidacy.last.as_mut().unwrap(),
            Place::TransfersLast => self.transfer.last.as_mut().unwrap(),
        }
    }

    fn said(&self, speech: Speech) -> (Kind, Vec<u8>) {
        match speech {
            Speech::Leads => (Kind::Append, bytes(&self.append)),
            Speech::HandsOver => (Kind::TransferLeader, bytes(&self.transfer)),
            Speech::Stands => (Kind::Vote, bytes(&self.candidacy)),
            Speech::WouldStand => (Kind::PreVote, bytes(&self.candidacy)),
        }
    }
}

const fn speech_of(place: Place) -> Speech {
    match place {
        Place::Previous | Place::Entry | Place::Agreed => Speech::Leads,
        Place::CandidatesLast => Speech::Stands,
        Place::TransfersLast => Speech::HandsOver,
    }
}

impl Stage {
    fn honest(&self, victim: NodeId, group: u32, sender: u64) -> Honest {
        let look = &self.before[&victim];
        let look = if group == 1 {
            &look.control
        } else {
            &look.state
        };
        let mut vote = look.vote;
        vote.leader.node = sender;
        let mut standing = vote;
        standing.leader.term += 1;
        standing.committed = false;
        Honest {
            append: Append {
                vote,
                previous: look.last,
                entries: Vec::new(),
                agreed: look.last,
            },
            candidacy: Candidacy {
                vote: standing,
                last: look.last,
                transfer: false,
            },
            transfer: Transfer {
                from: vote,
                to: self.life(FOLLOWER, group),
                last: look.last,
            },
        }
    }

    /// A message to `victim`, and what must be said to it; `None` where it makes no sense.
    pub(crate) fn made_up(
        &self,
        victim: NodeId,
        group: u32,
        absurdity: &Absurdity,
    ) -> Option<(Request, &'static str)> {
        let from = match absurdity {
            Absurdity::WitnessLeads(_) if victim == W => return None,
            Absurdity::WitnessLeads(_) => W,
            _ => LEADER,
        };
        let header = self.header_between(from, victim, group);
        let mut honest = self.honest(victim, group, header.source);
        let (speech, reason) = match absurdity {
            Absurdity::ProposesNothing => {
                let payload = bytes(&Command::stripped(group).encode());
                return Some((sealed(&header, Kind::Propose, payload), "for witnesses"));
            }
            Absurdity::AnothersWords(node, life) => {
                let batch = Batch {
                    proposer: NodeId(*node),
                    incarnation: Incarnation(*life),
                    sequence: u64::MAX,
                    sessions: Packed::default(),
                    neighbors: Vec::new(),
                };
                let payload = bytes(&Command::State(batch.into()).encode());
                let request = sealed(&header, Kind::Propose, payload);
                return (group == 2).then_some((request, "for itself alone"));
            }
            Absurdity::JoinsForAnother(life) => {
                let payload = bytes(&(*life, victim.0));
                return Some((sealed(&header, Kind::Join, payload), "for itself alone"));
            }
            other => honest.spoil(other, group),
        };
        // A witness has its own words for whoever wants it to lead.
        if victim == W && matches!(speech, Speech::HandsOver | Speech::Leads if reason == WITNESS) {
            return None;
        }
        let (kind, payload) = honest.said(speech);
        if victim == W && (kind == Kind::TransferLeader || matches!(absurdity, Absurdity::Stripped))
        {
            return None;
        }
        Some((sealed(&header, kind, payload), reason))
    }
}

const WITNESS: &str = "a witness neither leads";

impl Honest {
    /// Changes one thing. Returns in what, and what is said to it.
    fn spoil(&mut self, absurdity: &Absurdity, group: u32) -> (Speech, &'static str) {
        match *absurdity {
            Absurdity::TermLeaps(speech, term) => {
                self.vote(speech).leader.term = term;
                (speech, "out of reach")
            }
            Absurdity::AnothersVote(speech, node) => {
                self.vote(speech).leader.node = node;
                (speech, "not the sender's")
            }
            Absurdity::WitnessLeads(speech) => (speech, WITNESS),
            Absurdity::NotElected(speech) => {
                let vote = self.vote(speech);
                vote.committed = !vote.committed;
                let said = if vote.committed {
                    "won already"
                } else {
                    "has not won"
                };
                (speech, said)
            }
            Absurdity::IndexLeaps(place, index) => {
                self.log_id(place).index = index;
                (speech_of(place), "beyond every log")
            }
            Absurdity::FromTheFuture(place, more) => {
                let term = self.append.vote.leader.term + more;
                self.log_id(place).leader.term = term + 1;
                (speech_of(place), "from a later leader")
            }
            Absurdity::Hole(gap) => {
                self.log_id(Place::Entry).index += gap;
                (Speech::Leads, "do not follow")
            }
            Absurdity::BackInTime => {
                self.log_id(Place::Entry).leader = LeaderId { term: 0, node: 0 };
                (Speech::Leads, "do not follow")
            }
            Absurdity::Contradicts(place) => {
                let agreed = self.append.previous.unwrap().index;
                let at = self.log_id(place);
                at.index = agreed;
                at.leader = LeaderId { term: 0, node: 0 };
                (Speech::Leads, "contradicts")
            }
            Absurdity::NoQuorum(which) => {
                let (voters, nobody) = (BTreeSet::from([1 << 32 | 1]), BTreeSet::new());
                let configs = match which {
                    0 => vec![],
                    1 => vec![nobody],
                    // A voter of whom nothing else is known.
                    2 => vec![voters],
                    _ => vec![voters.clone(), voters.clone(), voters],
                };
                self.propose(configs, &[]);
                (Speech::Leads, "without a quorum")
            }
            Absurdity::NobodysLife(life) => {
                self.propose(vec![BTreeSet::from([life])], &[life]);
                (Speech::Leads, "no member's life")
            }
            Absurdity::Stripped => {
                self.log_id(Place::Entry);
                self.append.entries[0].payload = Payload::Normal(Command::stripped(group));
                (Speech::Leads, "for witnesses")
            }
            Absurdity::TransferToNobody(to) => {
                self.transfer.to = to;
                (Speech::HandsOver, "no member's life")
            }
            Absurdity::None
            | Absurdity::ProposesNothing
            | Absurdity::AnothersWords(..)
            | Absurdity::JoinsForAnother(_) => (Speech::Leads, ""),
        }
    }

    fn propose(&mut self, configs: Vec<BTreeSet<u64>>, nodes: &[u64]) {
        self.log_id(Place::Entry);
        let nodes: BTreeMap<_, _> = nodes.iter().map(|id| (*id, ())).collect();
        let membership = Membership { configs, nodes };
        self.append.entries[0].payload = Payload::Membership(membership);
    }
}
