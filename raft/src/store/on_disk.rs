//! The durable store: an engine, the ledger of what it must hold, and the watermark of what was promised.
//!
//! ```text
//!   write   space? ─► ledger (checksums, head) ─► engine, one batch
//!   sync    engine on the disk ─► watermark ─► the caller may tell others
//!   open    lock ─► settle ─► engine ─► every record against the ledger ─► head against the watermark
//! ```

use std::io;
use std::path::{Path, PathBuf};

use super::blame::{damaged, gone, guarded, io_error};
use super::engine::{Engine, EngineError, Raw, StoreKind};
use super::files;
use super::folder::{self, Lock};
use super::incarnation::{last_incarnation, note_incarnation};
use super::keyspace::{Change, Headroom, Key, KvStore, StoreError};
use super::ledger::{self, Ledger};
use super::reserve::START_BYTES;
use super::watermark::Watermark;

/// Free space that must be left beside a write: the engines need room to move what they hold.
const RESERVE_BYTES: u64 = 16 << 20;
/// Below this size nobody minds what the store takes up.
const SMALL_BYTES: u64 = 16 << 20;
/// How many times its live data a store may take up, before it is built anew.
const WASTE_FACTOR: u64 = 8;

/// A folder with an engine's files and the watermark.
#[derive(Debug)]
pub(crate) struct DiskStore {
    path: PathBuf,
    kind: StoreKind,
    /// Absent after a replacement that failed half-way.
    engine: Option<Box<dyn Engine>>,
    ledger: Ledger,
    watermark: Watermark,
    /// Set by the first failure and never cleared: after it nobody knows what the disk holds.
    failed: Option<String>,
    /// Free space that must be left beside a write.
    pub(super) reserve_bytes: u64,
    /// Size from which on the store is built anew if most of it is waste.
    pub(super) small_bytes: u64,
    _lock: Lock,
}

/// What is found in a folder, when it is sound.
struct Opened {
    engine: Box<dyn Engine>,
    ledger: Ledger,
    watermark: Watermark,
}

impl DiskStore {
    /// Opens the store in `path`, or makes it. One that another library wrote is refused as it is, and
    /// one that takes up too much of the disk is built anew.
    pub(crate) fn open(path: &Path, kind: StoreKind) -> Result<Self, StoreError> {
        let lock = folder::lock(path)
            .map_err(|source| io_error(path, source))?
            .ok_or_else(|| StoreError::InUse {
                path: path.to_owned(),
            })?;
        // The folder itself may be yet to be made; the lock is beside it.
        let (free, _) = files::room(lock.path()).map_err(|source| io_error(path, source))?;
        enough(path, free, START_BYTES)?;
        if !folder::settle(path).map_err(|source| io_error(path, source))? {
            let ledger = Ledger::default();
            build(path, kind, &ledger.first(), &ledger)?;
            folder::move_in(path).map_err(|source| io_error(path, source))?;
        }
        let found = guarded(path, || StoreKind::found_in(path))?;
        if found != kind {
            return Err(StoreError::OtherKind {
                path: path.to_owned(),
                found,
                wanted: kind,
            });
        }
        let opened = open_folder(path, kind)?;
        let mut store = Self {
            path: path.to_owned(),
            kind,
            engine: Some(opened.engine),
            ledger: opened.ledger,
            watermark: opened.watermark,
            failed: None,
            reserve_bytes: RESERVE_BYTES,
            small_bytes: SMALL_BYTES,
            _lock: lock,
        };
        // What a process that was killed left in the kernel's memory can be read, and so must stay.
        store.sync()?;
        let settled = store.watermark.settle();
        settled.map_err(|source| store.fails(io_error(path, source)))?;
        match store.rebuild_if_wasteful() {
            // It is as good as before, only large.
            Err(error) if store.engine.is_some() => {
                tracing::warn!(%error, "the store could not be built anew");
                Ok(store)
            }
            result => result.map(|_| store),
        }
    }

    /// Builds the store anew beside itself, and puts it in its own place.
    pub(super) fn rebuild(&mut self) -> Result<(), StoreError> {
        // It may use the reserve, because it gives back more than it takes.
        self.check_space(self.ledger.bytes(), START_BYTES)?;
        self.sync()?;
        let records = self.on_engine(|engine| engine.scan())?;
        let content: Vec<Raw> = records
            .into_iter()
            .map(|(key, value)| Raw {
                key,
                value: Some(value),
            })
            .collect();
        if let Err(error) = build(&self.path, self.kind, &content, &self.ledger) {
            // Whatever is left of it goes when the store is opened again, at the latest.
            let _left = files::remove_folder(&folder::building_site(&self.path));
            return Err(error);
        }
        self.carry_incarnation()?;
        // An engine keeps the name of its folder in mind: so it is closed before the folder moves.
        self.engine = None;
        let moved = folder::move_in(&self.path)
            .map_err(|source| io_error(&self.path, source))
            .and_then(|()| open_folder(&self.path, self.kind));
        match moved {
            Ok(opened) => {
                self.engine = Some(opened.engine);
                self.watermark = opened.watermark;
                Ok(())
            }
            Err(error) => Err(self.fails(error)),
        }
    }

    /// Notes at the building site who used the store last.
    fn carry_incarnation(&self) -> Result<(), StoreError> {
        let site = folder::building_site(&self.path);
        last_incarnation(&self.path)
            .and_then(|last| last.map_or(Ok(()), |last| note_incarnation(&site, last)))
            .map_err(|source| io_error(&self.path, source))
    }

    /// Refuses `bytes` of content that would leave less than `reserve` on the disk.
    fn check_space(&self, bytes: u64, reserve: u64) -> Result<(), StoreError> {
        let Headroom { free, .. } = self.headroom()?;
        // Keys, checksums and pages that are written anew come on top.
        enough(
            &self.path,
            free,
            reserve.saturating_add(bytes.saturating_mul(4)),
        )
    }

    fn usable(&self) -> Result<(), StoreError> {
        self.failed.as_ref().map_or(Ok(()), |reason| {
            let source = io::Error::other(format!("it failed before: {reason}"));
            Err(io_error(&self.path, source))
        })
    }

    /// Remembers that `error` ended the use of this store.
    fn fails(&mut self, error: StoreError) -> StoreError {
        self.failed.get_or_insert_with(|| error.to_string());
        error
    }

    fn on_engine<T>(
        &self,
        call: impl FnOnce(&dyn Engine) -> Result<T, EngineError>,
    ) -> Result<T, StoreError> {
        let engine = self.engine.as_deref();
        guarded(&self.path, || call(engine.ok_or_else(gone)?))
    }

    fn change_engine(
        &mut self,
        call: impl FnOnce(&mut dyn Engine) -> Result<(), EngineError>,
    ) -> Result<(), StoreError> {
        let engine = self.engine.as_deref_mut();
        guarded(&self.path, || call(engine.ok_or_else(gone)?)).map_err(|error| self.fails(error))
    }
}

impl KvStore for DiskStore {
    fn write(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        self.usable()?;
        let bytes: usize = changes.iter().map(Change::bytes).sum();
        // Refused before anything is written: the engines do not take a full disk well.
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.check_space(bytes, self.reserve_bytes)?;
        let raw = self.ledger.write(changes);
        self.change_engine(|engine| engine.apply(&raw))
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.usable()?;
        self.change_engine(|engine| engine.sync())?;
        let confirmed = self.watermark.confirm(self.ledger.head());
        confirmed.map_err(|source| self.fails(io_error(&self.path, source)))
    }

    fn get(&self, key: Key) -> Result<Option<Vec<u8>>, StoreError> {
        let key = key.to_bytes();
        let Some(sealed) = self.on_engine(|engine| engine.get(&key))? else {
            return Ok(None);
        };
        let changed = || format!("{} does not match its checksum", ledger::name(&key));
        let (value, _) = ledger::open(&key, &sealed).ok_or_else(|| self.damaged(changed()))?;
        Ok(Some(value.to_vec()))
    }

    fn entries(&self) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let mut entries = Vec::new();
        for (key, sealed) in self.on_engine(|engine| engine.scan())? {
            if let Some(index) = Key::entry_index(&key) {
                let changed = || format!("entry {index} does not match its checksum");
                let (value, _) =
                    ledger::open(&key, &sealed).ok_or_else(|| self.damaged(changed()))?;
                entries.push((index, value.to_vec()));
            }
        }
        Ok(entries)
    }

    fn damaged(&self, reason: String) -> StoreError {
        damaged(&self.path, reason)
    }

    fn headroom(&self) -> Result<Headroom, StoreError> {
        let (free, total) =
            files::room(&self.path).map_err(|source| io_error(&self.path, source))?;
        Ok(Headroom {
            free,
            total,
            needed: self.reserve_bytes,
        })
    }

    fn rebuild_if_wasteful(&mut self) -> Result<bool, StoreError> {
        let bytes = files::bytes_in(&self.path).map_err(|source| io_error(&self.path, source))?;
        let wasteful =
            bytes > self.small_bytes && bytes > self.ledger.bytes().saturating_mul(WASTE_FACTOR);
        if wasteful {
            self.rebuild()?;
            let left =
                files::bytes_in(&self.path).map_err(|source| io_error(&self.path, source))?;
            tracing::info!(
                store = %self.path.display(),
                bytes_before = bytes,
                bytes_after = left,
                given_back = bytes.saturating_sub(left),
                "the store was built anew"
            );
        }
        Ok(wasteful)
    }
}

/// Refuses on behalf of the store `path` if fewer than `needed_bytes` are free.
fn enough(path: &Path, free_bytes: u64, needed_bytes: u64) -> Result<(), StoreError> {
    if free_bytes < needed_bytes {
        return Err(StoreError::NoSpace {
            path: path.to_owned(),
            free_bytes,
            needed_bytes,
        });
    }
    Ok(())
}

/// Opens a folder that is in its place, and compares all that it holds with what it should hold.
fn open_folder(path: &Path, kind: StoreKind) -> Result<Opened, StoreError> {
    let blame = |reason| damaged(path, reason);
    let watermark = guarded(path, || Watermark::open(path))?;
    let (engine, records) = guarded(path, || {
        let engine = kind.open(path)?;
        let records = engine.scan()?;
        Ok((engine, records))
    })?;
    let ledger = Ledger::read(&records).map_err(blame)?;
    watermark.check(ledger.head()).map_err(blame)?;
    Ok(Opened {
        engine,
        ledger,
        watermark,
    })
}

/// Builds a complete store at the building site of `path`, and reads it once.
fn build(path: &Path, kind: StoreKind, content: &[Raw], ledger: &Ledger) -> Result<(), StoreError> {
    let site = folder::building_site(path);
    let io = |source| io_error(&site, source);
    files::remove_folder(&site).map_err(io)?;
    std::fs::create_dir_all(&site).map_err(io)?;
    let records = guarded(&site, || {
        let mut engine = kind.open(&site)?;
        engine.apply(content)?;
        engine.sync()?;
        engine.scan()
    })?;
    if Ledger::read(&records).as_ref() != Ok(ledger) {
        return Err(damaged(
            &site,
            "it does not hold what was copied".to_owned(),
        ));
    }
    Watermark::create(&site, ledger.head()).map_err(io)?;
    files::sync_folder(&site).map_err(io)
}
