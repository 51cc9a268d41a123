//! What becomes of writes while the disk is full: they wait, in order, and end one way or the other.

#![expect(
    clippy::disallowed_methods,
    reason = "who waits does so beside the test, and ends with it"
)]

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use runtime::{Clock, Subsystem};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{KINDS, folder, put};
use crate::store::keyspace::{Change, Headroom, Key, KvStore, StoreError};
use crate::store::{DiskStore, Journal, MemoryStore, StorageHealth, StoreKind};

/// Longer than anything here takes; time is the test's own and costs nothing.
const PATIENCE: Duration = Duration::from_hours(1);

/// What the disk is like, and what was asked of the store.
#[derive(Debug, Default)]
struct Weather {
    full: bool,
    broken: bool,
    writes: u32,
    rebuilds: u32,
    /// The next rebuild makes room.
    gives_back: bool,
}

/// A store on a disk whose weather the test makes.
struct Exposed<S> {
    store: S,
    weather: Arc<Mutex<Weather>>,
}

impl<S: KvStore> KvStore for Exposed<S> {
    fn write(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        let mut weather = self.weather.lock();
        weather.writes += 1;
        if weather.broken {
            return Err(self.store.damaged("it fell down".to_owned()));
        }
        if weather.full {
            return Err(StoreError::NoSpace {
                path: "(test)".into(),
                free_bytes: 3,
                needed_bytes: 7,
            });
        }
        self.store.write(changes)
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.store.sync()
    }

    fn get(&self, key: Key) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.get(key)
    }

    fn entries(&self) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        self.store.entries()
    }

    fn damaged(&self, reason: String) -> StoreError {
        self.store.damaged(reason)
    }

    fn headroom(&self) -> Result<Headroom, StoreError> {
        let free = if self.weather.lock().full { 3 } else { 50 };
        Ok(Headroom {
            free,
            total: 100,
            needed: 5,
        })
    }

    fn rebuild_if_wasteful(&mut self) -> Result<bool, StoreError> {
        let mut weather = self.weather.lock();
        weather.rebuilds += 1;
        if std::mem::take(&mut weather.gives_back) {
            weather.full = false;
        }
        Ok(true)
    }
}

/// What comes sooner or later. Ticks go on for ever, so that waiting in vain would not end by itself.
async fn soon<T>(coming: impl Future<Output = T>) -> T {
    let came = tokio::time::timeout(PATIENCE, coming).await;
    came.expect("it comes within an hour of the test's own time")
}

/// A journal on such a store.
struct Rig {
    journal: Journal,
    storage: watch::Receiver<StorageHealth>,
    weather: Arc<Mutex<Weather>>,
    subsystem: Subsystem,
}

impl Rig {
    fn on(store: impl KvStore) -> Self {
        let weather = Arc::<Mutex<Weather>>::default();
        let exposed = Exposed {
            store,
            weather: Arc::clone(&weather),
        };
        let mut subsystem = Subsystem::default();
        let (journal, storage) = Journal::on_task(exposed, Clock::start(), &mut subsystem);
        Self {
            journal,
            storage,
            weather,
            subsystem,
        }
    }

    fn fill(&self, full: bool) {
        self.weather.lock().full = full;
    }

    /// Hands a write over; the task ends with its answer.
    async fn submit(&self, changes: Vec<Change>) -> JoinHandle<Result<(), String>> {
        let journal = self.journal.clone();
        let written = tokio::spawn(async move {
            let written = journal.write(changes).await;
            written.map_err(|error| error.to_string())
        });
        // So that it is in the queue before what comes next.
        tokio::task::yield_now().await;
        written
    }

    async fn until(&mut self, what: impl FnMut(&StorageHealth) -> bool) -> StorageHealth {
        soon(self.storage.wait_for(what)).await.unwrap().clone()
    }
}

#[tokio::test(start_paused = true)]
async fn writes_wait_in_order_until_there_is_room() {
    let memory = MemoryStore::default();
    let mut rig = Rig::on(memory.clone());
    rig.fill(true);
    let clock = Clock::start();
    let first = rig
        .submit(vec![put(1), Change::Put(Key::Vote, vec![1])])
        .await;
    let full = rig.until(|health| health.full.is_some()).await;
    let later = rig
        .submit(vec![
            Change::Delete(Key::Entry(1)),
            Change::Put(Key::Vote, vec![2]),
        ])
        .await;

    let waits = full.full.unwrap();
    assert_eq!(waits.needed_bytes, 7);
    assert_eq!(full.room.unwrap().free, 3);
    assert!(waits.error.starts_with("no room for the store (test)"));
    tokio::time::sleep(Duration::from_mins(10)).await;
    assert!(!first.is_finished() && !later.is_finished());
    assert_eq!(memory.get(Key::Vote).unwrap(), None);
    // It has not begun to wait anew.
    assert_eq!(
        rig.storage.borrow().full.as_ref().unwrap().since,
        waits.since
    );

    rig.fill(false);
    let made_room = clock.now();
    soon(first).await.unwrap().unwrap();
    assert!(clock.now() - made_room <= Duration::from_secs(1));
    soon(later).await.unwrap().unwrap();
    assert_eq!(memory.get(Key::Vote).unwrap(), Some(vec![2]));
    assert_eq!(memory.entries().unwrap(), []);
    let room = rig.until(|health| health.full.is_none()).await.room;
    assert_eq!(room.unwrap().free_percent(), 50);
}

#[tokio::test(start_paused = true)]
async fn a_real_store_of_each_kind_goes_on_where_it_was() {
    for kind in KINDS {
        let folder = folder();
        let path = folder.path().join("store");
        let open = |kind: StoreKind| DiskStore::open(&path, kind).unwrap();
        let rig = Rig::on(open(kind));
        rig.journal.write(vec![put(0)]).await.unwrap();
        rig.fill(true);
        let waiting = rig.submit(vec![put(1)]).await;
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert!(!waiting.is_finished(), "{kind:?}");
        rig.fill(false);
        soon(waiting).await.unwrap().unwrap();
        drop(rig.journal);
        rig.subsystem.stop(PATIENCE).await;
        assert_eq!(open(kind).entries().unwrap().len(), 2, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn room_that_the_store_itself_can_give_back_is_found_at_once_and_sought_once() {
    let rig = Rig::on(MemoryStore::default());
    rig.weather.lock().gives_back = true;
    rig.fill(true);
    let clock = Clock::start();
    soon(rig.journal.write(vec![put(0)])).await.unwrap();
    assert_eq!(clock.now(), types::Instant::START);
    assert_eq!(rig.weather.lock().rebuilds, 1);

    rig.fill(true);
    let waiting = rig.submit(vec![put(1)]).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(rig.weather.lock().rebuilds, 2);
    // Tried again all the time.
    assert!((60..=64).contains(&rig.weather.lock().writes));
    waiting.abort();
}

#[tokio::test(start_paused = true)]
async fn who_waits_when_the_member_shuts_down_is_told_why_nothing_came_of_it() {
    let rig = Rig::on(MemoryStore::default());
    rig.fill(true);
    let waiting = rig.submit(vec![put(0)]).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let Rig {
        journal, subsystem, ..
    } = rig;
    let stopping = tokio::spawn(subsystem.stop(PATIENCE));
    let told = soon(waiting).await.unwrap().unwrap_err();
    assert!(told.starts_with("no room for the store (test)"), "{told}");
    // Nothing overtakes what was not kept.
    let later = soon(journal.write(vec![put(1)])).await.unwrap_err();
    assert!(later.to_string().starts_with("no room for the store"));
    drop(journal);
    soon(stopping).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_waits_when_nobody_else_is_left_is_told_as_well() {
    let mut rig = Rig::on(MemoryStore::default());
    rig.fill(true);
    let (told, answer) = tokio::sync::oneshot::channel();
    let done = Box::new(move |result| told.send(result).unwrap());
    rig.journal.submit(vec![put(0)], done).await;
    rig.until(|health| health.full.is_some()).await;
    rig.journal = Journal::None;
    let told = soon(answer).await.unwrap().unwrap_err().to_string();
    assert!(told.starts_with("no room for the store (test)"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn any_other_failure_is_for_good_even_while_one_waits_for_room() {
    let mut rig = Rig::on(MemoryStore::default());
    rig.fill(true);
    let waiting = rig.submit(vec![put(0)]).await;
    rig.until(|health| health.full.is_some()).await;
    rig.weather.lock().broken = true;
    let told = soon(waiting).await.unwrap().unwrap_err();
    assert!(told.ends_with("it fell down"), "{told}");
    *rig.weather.lock() = Weather::default();
    let told = soon(rig.journal.write(vec![put(1)])).await.unwrap_err();
    assert!(told.to_string().ends_with("it fell down"), "{told}");
    assert_eq!(rig.weather.lock().writes, 0);
}

#[tokio::test(start_paused = true)]
async fn a_store_is_looked_at_for_waste_when_entries_went_and_nothing_happens_and_not_often() {
    let rig = Rig::on(MemoryStore::default());
    let rebuilds = || rig.weather.lock().rebuilds;
    rig.journal.write(vec![put(0)]).await.unwrap();
    tokio::time::sleep(Duration::from_mins(10)).await;
    assert_eq!(rebuilds(), 0, "nothing has been removed");

    // As long as something happens every half second, it is not the time.
    for _ in 0..600 {
        let gone = vec![Change::Delete(Key::Entry(0))];
        rig.journal.write(gone).await.unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(rebuilds(), 0);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(rebuilds(), 1);

    let gone = vec![Change::Delete(Key::Entry(0))];
    rig.journal.write(gone).await.unwrap();
    tokio::time::sleep(Duration::from_secs(170)).await;
    assert_eq!(rebuilds(), 1, "too soon");
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(rebuilds(), 2);
    tokio::time::sleep(Duration::from_hours(1)).await;
    assert_eq!(rebuilds(), 2, "nothing has been removed since");
}
