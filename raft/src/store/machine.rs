//! The state machine: applies what is committed, tells whoever watches, makes and takes snapshots.

use std::io;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use openraft::entry::RaftEntry;
use openraft::storage::{EntryResponder, RaftSnapshotBuilder, RaftStateMachine, Snapshot};
use openraft::{EntryPayload, OptionalSend};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::journal::Journal;
use super::keyspace::{Change, Key};
use super::log::{StoredSnapshot, encode_snapshot};
use crate::group::{Group, LogId, SnapshotMeta, StoredMembership, Types};
use crate::probe::GroupProbe;

/// Hears of every change, in order, on the consensus's own thread: it must not wait.
pub(crate) trait Observer<G: Group>: Send + Sync + 'static {
    /// `command`, which stands at `index` of the log, was applied and made `state`.
    fn applied(&self, index: u64, state: &G::State, command: &G::Command, outcome: &G::Outcome);
    /// A snapshot that reaches up to `index` took the place of everything.
    fn replaced(&self, index: u64, state: &G::State);
}

/// What has been applied so far; shared with those who look at it.
#[derive(Debug)]
pub(crate) struct Applied<G: Group> {
    state: Mutex<G::State>,
}

impl<G: Group> Default for Applied<G> {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
        }
    }
}

impl<G: Group> Applied<G> {
    /// The state now; a clone, which is cheap for both groups.
    pub(crate) fn state(&self) -> G::State {
        self.state.lock().clone()
    }

    /// The checksum of the state now.
    pub(crate) fn checksum(&self) -> raft_state::Checksum {
        G::checksum(&self.state.lock())
    }

    /// Asks something of the state without cloning it.
    pub(crate) fn ask<T>(&self, question: impl FnOnce(&G::State) -> T) -> T {
        question(&self.state.lock())
    }
}

/// The consensus library's state machine for `G`.
pub(crate) struct Machine<G: Group> {
    probe: Option<GroupProbe>,
    applied: Arc<Applied<G>>,
    observer: Arc<dyn Observer<G>>,
    journal: Journal,
    last: Option<LogId<G>>,
    membership: StoredMembership<G>,
    snapshot: SharedSnapshot<G>,
    /// Lets go of whoever waits for this machine's end.
    end: Option<watch::Receiver<()>>,
}

/// The current snapshot, for whoever looks at it when the machine is gone.
pub(crate) type SharedSnapshot<G> = Arc<Mutex<Option<StoredSnapshot<G>>>>;

impl<G: Group> Machine<G> {
    /// Begins with `snapshot`, or with nothing.
    pub(crate) fn new(
        snapshot: Option<StoredSnapshot<G>>,
        applied: Arc<Applied<G>>,
        observer: Arc<dyn Observer<G>>,
        journal: Journal,
    ) -> Self {
        let (last, membership) = snapshot
            .as_ref()
            .map_or_else(Default::default, |(meta, _)| {
                (meta.last_log_id, meta.last_membership.clone())
            });
        let state = snapshot
            .as_ref()
            .map_or_else(G::State::default, |(_, state)| state.clone());
        *applied.state.lock() = state.clone();
        observer.replaced(index_of::<G>(last), &state);
        Self {
            probe: None,
            applied,
            observer,
            journal,
            last,
            membership,
            snapshot: Arc::new(Mutex::new(snapshot)),
            end: None,
        }
    }

    /// The current snapshot, as it will be when the machine has ended.
    pub(crate) fn shared_snapshot(&self) -> SharedSnapshot<G> {
        Arc::clone(&self.snapshot)
    }

    /// Waiting until the sender is closed is waiting for the machine's end: then nothing is written any
    /// more.
    pub(crate) fn tell_end(&mut self) -> watch::Sender<()> {
        let (sender, receiver) = watch::channel(());
        self.end = Some(receiver);
        sender
    }

    /// Shows `probe` everything, beginning with what there is.
    pub(crate) fn probed_by(mut self, probe: Option<GroupProbe>) -> Self {
        self.probe = probe;
        self.show_all();
        self
    }

    fn show_all(&self) {
        if let (Some(probe), Some(last)) = (&self.probe, &self.last) {
            probe.replaced::<G>(last, &self.applied.state.lock());
        }
    }

    fn apply_one(&mut self, entry: crate::group::Entry<G>) -> G::Outcome {
        let log_id = entry.log_id();
        let shown = self
            .probe
            .as_ref()
            .map(|probe| probe.show::<G>(&entry.payload));
        let outcome = self.apply_payload(log_id, entry.payload);
        if let (Some(probe), Some(shown)) = (&self.probe, shown) {
            probe.applied::<G>(&log_id, shown, &self.applied.state.lock());
        }
        outcome
    }

    fn apply_payload(
        &mut self,
        log_id: LogId<G>,
        payload: EntryPayload<G::Command, u64, ()>,
    ) -> G::Outcome {
        self.last = Some(log_id);
        match payload {
            EntryPayload::Blank => G::nothing(),
            EntryPayload::Membership(membership) => {
                self.membership = StoredMembership::<G>::new(Some(log_id), membership);
                G::nothing()
            }
            EntryPayload::Normal(command) => {
                let mut state = self.applied.state.lock();
                let outcome = G::apply(&mut state, &command);
                let index = log_id.index();
                self.observer.applied(index, &state, &command, &outcome);
                outcome
            }
        }
    }
}

impl<G: Group> RaftStateMachine<Types<G>> for Machine<G> {
    type SnapshotData = G::State;
    type SnapshotBuilder = Builder<G>;

    async fn applied_state(
        &mut self,
    ) -> Result<(Option<LogId<G>>, StoredMembership<G>), io::Error> {
        Ok((self.last, self.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> Result<(), io::Error>
    where
        S: Stream<Item = Result<EntryResponder<Types<G>>, io::Error>> + Unpin + OptionalSend,
    {
        while let Some(next) = entries.next().await {
            let (entry, responder) = next?;
            let outcome = self.apply_one(entry);
            if let Some(responder) = responder {
                responder.send(outcome);
            }
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Builder<G> {
        Builder {
            meta: SnapshotMeta::<G> {
                last_log_id: self.last,
                last_membership: self.membership.clone(),
            },
            state: self.applied.state(),
            journal: self.journal.clone(),
            snapshot: Arc::clone(&self.snapshot),
            end: self.end.clone(),
        }
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta<G>,
        state: G::State,
    ) -> Result<(), io::Error> {
        keep::<G>(&self.journal, meta, &state).await?;
        self.last = meta.last_log_id;
        self.membership = meta.last_membership.clone();
        if !self.journal.is_none() {
            *self.snapshot.lock() = Some((meta.clone(), state.clone()));
        }
        {
            let mut current = self.applied.state.lock();
            *current = state;
            self.observer.replaced(index_of::<G>(self.last), &current);
        }
        self.show_all();
        Ok(())
    }

    async fn get_current_snapshot(
        &mut self,
    ) -> Result<Option<Snapshot<CommittedLeader<G>, u64, (), G::State>>, io::Error> {
        if self.journal.is_none() {
            // What is in memory only is at hand anyway, newer than any snapshot that was kept; and a
            // kept one would be a second copy of all that changes after it.
            return Ok(self.last.map(|last| Snapshot {
                meta: SnapshotMeta::<G> {
                    last_log_id: Some(last),
                    last_membership: self.membership.clone(),
                },
                snapshot: self.applied.state(),
            }));
        }
        let snapshot = self.snapshot.lock();
        Ok(snapshot.as_ref().map(|(meta, state)| Snapshot {
            meta: meta.clone(),
            snapshot: state.clone(),
        }))
    }
}

type CommittedLeader<G> = openraft::alias::CommittedLeaderIdOf<Types<G>>;

fn index_of<G: Group>(last: Option<LogId<G>>) -> u64 {
    last.map_or(0, |last| last.index())
}

/// A frozen state on its way to becoming the current snapshot.
pub(crate) struct Builder<G: Group> {
    meta: SnapshotMeta<G>,
    state: G::State,
    journal: Journal,
    snapshot: SharedSnapshot<G>,
    /// As long as it builds, the machine has not ended.
    #[expect(dead_code, reason = "held, not read")]
    end: Option<watch::Receiver<()>>,
}

impl<G: Group> RaftSnapshotBuilder<Types<G>> for Builder<G> {
    type SnapshotData = G::State;

    async fn build_snapshot(
        &mut self,
    ) -> Result<Snapshot<CommittedLeader<G>, u64, (), G::State>, io::Error> {
        if !self.journal.is_none() {
            keep::<G>(&self.journal, &self.meta, &self.state).await?;
            *self.snapshot.lock() = Some((self.meta.clone(), self.state.clone()));
        }
        Ok(Snapshot {
            meta: self.meta.clone(),
            snapshot: self.state.clone(),
        })
    }
}

/// Returns when the snapshot is on the disk, if it is to be there at all.
async fn keep<G: Group>(
    journal: &Journal,
    meta: &SnapshotMeta<G>,
    state: &G::State,
) -> io::Result<()> {
    if journal.is_none() {
        return Ok(());
    }
    let bytes = encode_snapshot::<G>(meta, state)?;
    journal.write(vec![Change::Put(Key::Snapshot, bytes)]).await
}
