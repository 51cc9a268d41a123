//! Both stores against the consensus library's own suite, and what a disk can do to one of them.

use std::sync::Arc;

use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use runtime::Subsystem;

use super::{
    Applied, DiskStore, Journal, KvStore, LogStore, Machine, MemoryStore, Observer, Recovered,
    StorageThread,
};
use crate::group::{ControlGroup, Group, MemoryGroup, Types};

/// Hears everything and does nothing.
struct Deaf;

impl<G: Group> Observer<G> for Deaf {
    fn applied(&self, _: &G::State, _: &G::Command, _: &G::Outcome) {}
    fn replaced(&self, _: &G::State) {}
}

fn durable<G: Group>(store: impl KvStore) -> (Subsystem, LogStore<G>, Machine<G>) {
    let mut subsystem = Subsystem::default();
    let mut recovered = Recovered::read(&store).unwrap();
    let snapshot = recovered.snapshot.take();
    let journal = StorageThread::start(store, &mut subsystem).unwrap();
    let machine = Machine::new(snapshot, Arc::default(), Arc::new(Deaf), journal.clone());
    (subsystem, LogStore::durable(recovered, journal), machine)
}

struct Disk;

impl StoreBuilder<Types<ControlGroup>, LogStore<ControlGroup>, Machine<ControlGroup>, Guard>
    for Disk
{
    async fn build(
        &self,
    ) -> Result<
        (Guard, LogStore<ControlGroup>, Machine<ControlGroup>),
        StorageError<Types<ControlGroup>>,
    > {
        let folder = tempfile::tempdir().unwrap();
        let (subsystem, log, machine) = durable(DiskStore::open(folder.path()).unwrap());
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

#[tokio::test]
async fn the_store_on_disk_passes_the_consensus_suite() {
    Suite::test_all(Disk).await.unwrap();
}

#[tokio::test]
async fn the_store_in_memory_passes_the_consensus_suite() {
    Suite::test_all(Memory).await.unwrap();
}

#[tokio::test]
async fn the_log_without_a_store_passes_the_consensus_suite() {
    Suite::test_all(Unbacked).await.unwrap();
}
