//! What a store becomes when its group's lineage ends here: a new beginning on everything that was held,
//! or an empty place in somebody else's lineage. Each is one batch, so that a crash finds either the old
//! store or the new one.

use std::collections::BTreeSet;
use std::io;

use openraft::EntryPayload;
use raft_state::{ControlCommand, ControlLineage, ControlState, Incarnation, Survival, Versioned};
use serde::{Deserialize, Serialize};
use types::{Edition, NodeId, Revision};

use super::{
    Change, Key, Log, LogId, LogStore, Recovered, SnapshotMeta, StoredSnapshot, encode,
    encode_snapshot,
};
use crate::group::{ControlGroup, MemberId, StoredMembership, Vote};
use crate::local::Local;

type Membership = openraft::Membership<u64, ()>;
type LeaderId = openraft::impls::leader_id_adv::LeaderId<u64, u64>;

/// What a node held of a lineage that lost.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Aside {
    pub(crate) lineage: ControlLineage,
    /// A [`ControlState`], encoded with its version.
    state: Vec<u8>,
}

impl Aside {
    /// The state; what cannot be read stays where it is, for a version that can.
    pub(crate) fn state(&self) -> Option<ControlState> {
        ControlState::decode(&self.state).ok()
    }
}

impl Recovered<ControlGroup> {
    /// What is known to have been agreed on before anything runs. A node that has given way and not
    /// caught up since goes on with what it had.
    pub(crate) fn agreed(&self) -> ControlState {
        let upto = self.log.committed.map(|committed| committed.index());
        let lost = self.aside.last().filter(|_| self.snapshot.is_none());
        lost.and_then(Aside::state)
            .unwrap_or_else(|| state_upto(self.snapshot.as_ref(), &self.log, upto))
    }

    /// Whether the member of `node` that the store belongs to could agree on something with itself.
    pub(crate) fn decides_alone(&self, node: NodeId) -> bool {
        let Some(incarnation) = self.founded else {
            return false;
        };
        let me = MemberId { node, incarnation }.to_u64();
        let of_snapshot = self
            .snapshot
            .as_ref()
            .map(|(meta, _)| &meta.last_membership);
        let mut of_log = self
            .log
            .entries
            .values()
            .filter_map(|entry| match &entry.payload {
                EntryPayload::Membership(membership) => Some(membership),
                EntryPayload::Blank | EntryPayload::Normal(_) => None,
            });
        let of_snapshot = of_snapshot.map(openraft::StoredMembership::membership);
        let newest = of_log.next_back().or(of_snapshot);
        newest.is_some_and(|membership| membership.voter_ids().eq([me]))
    }

    /// The life of `local` begins. Nobody goes on leading in the term of an earlier life (`config`), but terms
    /// count on from what is on the disk: from an older one that would give other entries the names of those that
    /// were agreed on since. So whoever cannot know how old its disk is, because its own vote is enough or no other
    /// node is heard, leads in a term of this life, which no other life has.
    pub(crate) fn begin(&mut self, local: &Local) {
        let unsure = self.decides_alone(local.me.id) || (local.silence && !local.is_witness());
        let (Some(vote), Some(incarnation)) = (&mut self.log.vote, self.founded) else {
            return;
        };
        let term = local.incarnation.0.into();
        if unsure && vote.leader_id.term < term {
            let node = local.me.id;
            *vote = Vote::<ControlGroup>::new(term, (MemberId { node, incarnation }).to_u64());
        }
    }

    /// The last entry that is here, agreed on or not.
    pub(crate) fn last_index(&self) -> Option<u64> {
        let covered = self
            .snapshot
            .as_ref()
            .and_then(|(meta, _)| meta.last_log_id);
        let last = self.log.entries.keys().next_back().copied();
        last.max(covered.max(self.log.purged).map(|last| last.index()))
    }

    /// Where in the log that is. What was kept of a lineage that lost is older than anything.
    pub(crate) fn edition(&self) -> Edition {
        let covered = self
            .snapshot
            .as_ref()
            .and_then(|(meta, _)| meta.last_log_id);
        let last = covered.max(self.log.committed);
        match (self.lineage, last) {
            (Some(lineage), Some(last)) => Edition {
                generation: lineage.generation,
                index: last.index(),
            },
            (None, _) | (_, None) => Edition::default(),
        }
    }
}

/// The snapshot's state with the entries behind it, up to an index.
fn state_upto(
    snapshot: Option<&StoredSnapshot<ControlGroup>>,
    log: &Log<ControlGroup>,
    upto: Option<u64>,
) -> ControlState {
    let (covered, mut state) = match snapshot {
        Some((meta, state)) => (meta.last_log_id.map(|id| id.index()), state.clone()),
        None => (None, ControlState::default()),
    };
    for (index, entry) in &log.entries {
        if Some(*index) <= covered || Some(*index) > upto {
            continue;
        }
        match &entry.payload {
            EntryPayload::Normal(command) => drop(state.apply(command)),
            EntryPayload::Blank | EntryPayload::Membership(_) => {}
        }
    }
    state
}

/// Everything that an instance held when it ended.
pub(crate) struct Held {
    snapshot: Option<StoredSnapshot<ControlGroup>>,
    log: Log<ControlGroup>,
    /// What counts instead of both.
    taken_back: Option<ControlState>,
}

/// What to write, and what the store holds then.
pub(crate) type Turn = (Vec<Change>, Recovered<ControlGroup>);

impl Held {
    /// Takes it from an instance that has ended.
    pub(crate) fn of(
        snapshot: Option<StoredSnapshot<ControlGroup>>,
        log: &LogStore<ControlGroup>,
    ) -> Self {
        Self {
            snapshot,
            log: log.log.read().clone(),
            taken_back: None,
        }
    }

    /// What was kept aside, held again in place of everything that came after it: by a node that gave way
    /// to another one, is no member there yet, and is to go on without it. `None` if it cannot be read.
    pub(crate) fn taken_back(self, aside: &Aside) -> Option<Self> {
        let state = aside.state()?;
        Some(Self {
            taken_back: Some(state),
            ..self
        })
    }

    /// The state with the whole tail of the log, committed or not: somebody may have been told that it
    /// is.
    pub(crate) fn state(&self) -> ControlState {
        let all = || state_upto(self.snapshot.as_ref(), &self.log, Some(u64::MAX));
        self.taken_back.clone().unwrap_or_else(all)
    }

    /// The last revision that is known to be agreed on, and so in every later state of the lineage. The
    /// tail of the log may hold others, of which the lineage knows nothing if it goes on elsewhere. Of what
    /// was taken back only the beginning is known to be anybody else's.
    pub(crate) fn agreed_revision(&self) -> Revision {
        if let Some(state) = &self.taken_back {
            let begun = state.survivals().iter().next_back();
            return begun.map_or_else(Revision::default, |survival| survival.revision);
        }
        let upto = self.log.committed.map(|committed| committed.index());
        state_upto(self.snapshot.as_ref(), &self.log, upto).revision()
    }

    /// Whether there is nothing that anybody could miss.
    pub(crate) fn is_empty(&self) -> bool {
        self.last().is_none()
    }

    /// The last entry, in the log or in the snapshot.
    fn last(&self) -> Option<LogId<ControlGroup>> {
        use openraft::entry::RaftEntry;
        use openraft::vote::RaftLeaderIdExt;
        let covered = self
            .snapshot
            .as_ref()
            .and_then(|(meta, _)| meta.last_log_id);
        let appended = self.log.entries.last_key_value();
        let appended = appended
            .map(|(_, entry)| entry.log_id())
            .or(self.log.purged);
        // Where the log stood that was kept aside means nothing in a lineage that begins here. What counts
        // is that there is a beginning, below every vote.
        let beginning = LogId::<ControlGroup>::new(LeaderId::new_committed(0, 0), 1);
        let beginning = self.taken_back.as_ref().map(|_| beginning);
        appended.max(covered).or(beginning)
    }

    /// A new beginning of `member` alone. `None` if nothing was ever agreed on that could go on.
    pub(crate) fn refounded(
        &self,
        member: MemberId,
        life: Incarnation,
        survival: &Survival,
        aside: Vec<Aside>,
    ) -> io::Result<Option<Turn>> {
        let Some(last) = self.last() else {
            return Ok(None);
        };
        let mut state = self.state();
        // Part of the beginning itself: no crash can part them.
        state.apply(&ControlCommand::Survived(survival.clone()));
        // The other node may go on, too, and neither may ever take part again in the state group that
        // both were in: they would forget what they have said in it.
        let generation = state.lineage().map_or(0, |lineage| lineage.generation);
        state.apply(&ControlCommand::FormState {
            generation: generation.saturating_add(1),
            founder: member.node,
            incarnation: life,
        });
        let alone = Membership::new_with_defaults(vec![BTreeSet::from([member.to_u64()])], []);
        let meta = SnapshotMeta::<ControlGroup> {
            last_log_id: Some(last),
            last_membership: StoredMembership::<ControlGroup>::new(Some(last), alone),
        };
        let mut changes = self.without_entries();
        changes.extend([
            Change::Put(
                Key::Snapshot,
                encode_snapshot::<ControlGroup>(&meta, &state)?,
            ),
            Change::Put(Key::Purged, encode(&last)?),
            Change::Put(Key::Lineage, encode(&survival.lineage)?),
            Change::Delete(Key::Committed),
        ]);
        let recovered = Recovered {
            log: Log {
                purged: Some(last),
                vote: self.log.vote,
                ..Log::default()
            },
            snapshot: Some((meta, state)),
            founded: Some(member.incarnation),
            lineage: Some(survival.lineage),
            aside,
        };
        Ok(Some((changes, recovered)))
    }

    /// An empty place for `member` in the lineage `to`, with everything that was held in `from` beside it.
    pub(crate) fn emptied(
        &self,
        member: MemberId,
        from: Option<ControlLineage>,
        to: ControlLineage,
        mut aside: Vec<Aside>,
    ) -> io::Result<Turn> {
        let mut changes = self.without_entries();
        if let Some(lineage) = from {
            let state = self.state().encode().map_err(io::Error::other)?;
            aside.push(Aside { lineage, state });
            changes.push(Change::Put(Key::Aside, encode(&aside)?));
        }
        changes.push(Change::Put(Key::Founded, encode(&member.incarnation)?));
        changes.push(Change::Put(Key::Lineage, encode(&to)?));
        let gone = [Key::Vote, Key::Committed, Key::Purged, Key::Snapshot];
        changes.extend(gone.map(Change::Delete));
        let recovered = Recovered {
            log: Log::default(),
            snapshot: None,
            founded: Some(member.incarnation),
            lineage: Some(to),
            aside,
        };
        Ok((changes, recovered))
    }

    fn without_entries(&self) -> Vec<Change> {
        let indexes = self.log.entries.keys();
        indexes
            .map(|index| Change::Delete(Key::Entry(*index)))
            .collect()
    }
}

#[cfg(test)]
mod tests;
