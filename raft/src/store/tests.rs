//! Both stores against the consensus library's own suite, and what a disk can do to one of them.

use std::path::Path;
use std::sync::Arc;

use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use openraft::vote::RaftLeaderIdExt;
use runtime::Subsystem;

use super::keyspace::{Change, Key, KvStore, StoreError};
use super::{Applied, DiskStore, Journal, LogStore, Machine, MemoryStore, Observer, Recovered};
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
    let journal = Journal::on_thread(store, &mut subsystem).unwrap();
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
        let folder = folder();
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

// The library's suite sleeps for some fifteen seconds in all; it asks nothing of the processor.
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

/// A folder in memory where there is one: these tests are about order, not about a disk's patience.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

fn put(index: u64) -> Change {
    Change::Put(Key::Entry(index), vec![0x2a; 100])
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(path, target).unwrap();
        }
    }
}

/// A process that is killed leaves its files as they are: what was confirmed is in them.
#[test]
fn what_was_confirmed_survives_a_kill() {
    let folder = folder();
    let (live, left) = (folder.path().join("live"), folder.path().join("left"));
    let mut store = DiskStore::open(&live).unwrap();
    for index in 0..50 {
        store.write(&[put(index)]).unwrap();
        store.sync().unwrap();
    }
    store.write(&[put(50)]).unwrap();

    copy(&live, &left);

    let found = DiskStore::open(&left).unwrap().entries().unwrap();
    assert!(found.len() >= 50, "{}", found.len());
}

/// A file that lost its tail is either complete in what was confirmed, or is called damaged.
#[test]
fn a_torn_file_never_loses_what_was_confirmed_without_a_word() {
    let folder = folder();
    let live = folder.path().join("live");
    let mut store = DiskStore::open(&live).unwrap();
    for index in 0..200 {
        store.write(&[put(index)]).unwrap();
        store.sync().unwrap();
    }
    drop(store);
    let length = std::fs::metadata(live.join("db")).unwrap().len();
    let mut damaged = 0;
    for cut in 0..16 {
        let torn = folder.path().join(format!("torn-{cut}"));
        copy(&live, &torn);
        let file = std::fs::File::options()
            .write(true)
            .open(torn.join("db"))
            .unwrap();
        file.set_len(length * cut / 16).unwrap();
        let incarnation = raft_state::Incarnation(1);
        match super::open_or_replace(&torn, incarnation, true) {
            Ok((store, _)) => assert_eq!(store.entries().unwrap().len(), 200, "cut {cut}"),
            Err(crate::StartError::OnlyStoreDamaged { .. }) => damaged += 1,
            Err(other) => panic!("cut {cut}: {other}"),
        }
    }
    assert!(damaged > 0);
}

#[test]
fn a_store_that_has_forgotten_a_confirmed_write_is_damaged() {
    let folder = folder();
    let (live, older) = (folder.path().join("live"), folder.path().join("older"));
    let mut store = DiskStore::open(&live).unwrap();
    store.write(&[put(0)]).unwrap();
    store.sync().unwrap();
    copy(&live, &older);
    store.write(&[put(1)]).unwrap();
    store.sync().unwrap();
    drop(store);
    std::fs::copy(live.join("watermark"), older.join("watermark")).unwrap();

    let error = DiskStore::open(&older).unwrap_err();

    assert_eq!(
        error.to_string(),
        format!(
            "the store {} is damaged: it remembers 1 of 2 confirmed writes",
            older.display()
        )
    );
}

#[test]
fn a_store_that_another_process_has_open_is_not_called_damaged() {
    let folder = folder();
    let _first = DiskStore::open(folder.path()).unwrap();
    assert!(matches!(
        DiskStore::open(folder.path()),
        Err(StoreError::InUse { .. })
    ));
}

#[tokio::test]
async fn a_full_disk_refuses_every_further_write_and_names_the_folder() {
    let folder = folder();
    let mut store = DiskStore::open(folder.path()).unwrap();
    store.reserve_bytes = u64::MAX;
    let mut subsystem = Subsystem::default();
    let journal = Journal::on_thread(store, &mut subsystem).unwrap();

    for _ in 0..2 {
        let error = journal.write(vec![put(0)]).await.unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with(&format!(
                "no room for the store {}",
                folder.path().display()
            )),
            "{text}"
        );
    }

    drop(journal);
    subsystem.stop(std::time::Duration::from_secs(5)).await;
    let store = DiskStore::open(folder.path()).unwrap();
    assert_eq!(store.entries().unwrap(), []);
}

#[test]
fn an_entry_that_is_missing_in_the_middle_is_damage() {
    let mut store = MemoryStore::default();
    let entry = |index| {
        let id = openraft::impls::leader_id_adv::LeaderId::<u64, u64>::new_committed(1, 1);
        let entry = <crate::group::Entry<ControlGroup> as openraft::entry::RaftEntry>::new_blank(
            openraft::LogId::new(id, index),
        );
        Change::Put(Key::Entry(index), super::encode(&entry).unwrap())
    };
    store.write(&[entry(0), entry(1)]).unwrap();
    assert!(Recovered::<ControlGroup>::read(&store).is_ok());
    store.write(&[entry(3)]).unwrap();
    assert!(matches!(
        Recovered::<ControlGroup>::read(&store),
        Err(StoreError::Damaged { .. })
    ));
}
