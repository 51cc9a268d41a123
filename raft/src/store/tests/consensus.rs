//! Every store against the consensus library's own suite.

use std::sync::Arc;

use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use runtime::{Clock, Subsystem};

use super::folder;
use crate::group::{ControlGroup, Group, MemoryGroup, Types};
use crate::store::keyspace::KvStore;
use crate::store::{
    Applied, DiskStore, Journal, LogStore, Machine, MemoryStore, Observer, Recovered, StoreKind,
};

/// Hears everything and does nothing.
struct Deaf;

impl<G: Group> Observer<G> for Deaf {
    fn applied(&self, _: u64, _: &G::State, _: &G::Command, _: &G::Outcome) {}
    fn replaced(&self, _: u64, _: &G::State) {}
}

fn durable<G: Group>(store: impl KvStore) -> (Subsystem, LogStore<G>, Machine<G>) {
    let mut subsystem = Subsystem::default();
    let mut recovered = Recovered::read(&store).unwrap();
    let snapshot = recovered.snapshot.take();
    let (journal, _) = Journal::on_thread(store, Clock::start(), &mut subsystem).unwrap();
    let machine = Machine::new(snapshot, Arc::default(), Arc::new(Deaf), journal.clone());
    (subsystem, LogStore::durable(recovered, journal), machine)
}

struct Disk(StoreKind);

impl StoreBuilder<Types<ControlGroup>, LogStore<ControlGroup>, Machine<ControlGroup>, Guard>
    for Disk
{
    async fn build(
        &self,
    ) -> Result<
        (Guard, LogStore<ControlGroup>, Machine<ControlGroup>),
        StorageError<Types<ControlGroup>>,
    > {
        let folder = folder();
        let (subsystem, log, machine) = durable(DiskStore::open(folder.path(), self.0).unwrap());
        Ok((Guard(subsystem, Some(folder)), log, machine))
    }
}

struct Guard(
    #[expect(dead_code, reason = "lives as long as the store")] Subsystem,
    #[expect(dead_code, reason = "lives as long as the store")] Option<tempfile::TempDir>,
);

struct Memory;

impl StoreBuilder<Types<ControlGroup>, LogStore<ControlGroup>, Machine<ControlGroup>, Guard>
    for Memory
{
    async fn build(
        &self,
    ) -> Result<
        (Guard, LogStore<ControlGroup>, Machine<ControlGroup>),
        StorageError<Types<ControlGroup>>,
    > {
        let (subsystem, log, machine) = durable(MemoryStore::default());
        Ok((Guard(subsystem, None), log, machine))
    }
}

/// The state group's log, which no store backs.
struct Unbacked;

impl StoreBuilder<Types<MemoryGroup>, LogStore<MemoryGroup>, Machine<MemoryGroup>, ()>
    for Unbacked
{
    async fn build(
        &self,
    ) -> Result<((), LogStore<MemoryGroup>, Machine<MemoryGroup>), StorageError<Types<MemoryGroup>>>
    {
        let applied = Arc::<Applied<MemoryGroup>>::default();
        let machine = Machine::new(None, applied, Arc::new(Deaf), Journal::None);
        Ok(((), LogStore::in_memory(), machine))
    }
}

// The library's suite sleeps for some fifteen seconds in all; it asks nothing of the processor.
#[tokio::test]
async fn the_log_on_sled_passes_the_consensus_suite() {
    Suite::test_all(Disk(StoreKind::Sled)).await.unwrap();
}

#[tokio::test]
async fn the_log_on_redb_passes_the_consensus_suite() {
    Suite::test_all(Disk(StoreKind::Redb)).await.unwrap();
}

#[tokio::test]
async fn the_store_in_memory_passes_the_consensus_suite() {
    Suite::test_all(Memory).await.unwrap();
}

#[tokio::test]
async fn the_log_without_a_store_passes_the_consensus_suite() {
    Suite::test_all(Unbacked).await.unwrap();
}
