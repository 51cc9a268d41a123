//! redb: one file of pages that are never overwritten while they count.
//!
//! A write is a transaction that redb does not wait for; a sync is an empty one that it does wait for,
//! which takes all before it along.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use redb::{
    Database, DatabaseError, Durability, ReadableDatabase, ReadableTable, StorageBackend,
    StorageError, TableDefinition,
};

use super::{Engine, EngineError, Raw, Record};
use crate::store::files;

/// Our name for redb's file.
pub(super) const DATA: &str = "redb";
const TABLE: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("control");
/// A few hundred kilobytes are live; redb's default is a gigabyte.
const CACHE_BYTES: usize = 64 << 20;

#[derive(Debug)]
pub(super) struct RedbEngine {
    db: Database,
}

impl RedbEngine {
    pub(super) fn open(folder: &Path) -> Result<Self, EngineError> {
        let mut db = Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create_with_backend(DataFile::open(folder.join(DATA))?)
            .map_err(from_database)?;
        // Reads every page that counts; whether what it repaired is complete is judged above.
        let _sound_or_repaired = db.check_integrity().map_err(from_database)?;
        let engine = Self { db };
        // Reading is simpler when the table is always there.
        engine.commit(Durability::Immediate, &[])?;
        Ok(engine)
    }

    fn commit(&self, durability: Durability, changes: &[Raw]) -> Result<(), EngineError> {
        let mut transaction = self.db.begin_write().map_err(any)?;
        transaction.set_durability(durability).map_err(any)?;
        {
            let mut table = transaction.open_table(TABLE).map_err(any)?;
            for Raw { key, value } in changes {
                match value {
                    Some(value) => drop(table.insert(key.as_slice(), value.as_slice())?),
                    None => drop(table.remove(key.as_slice())?),
                }
            }
        }
        transaction.commit().map_err(any)
    }
}

impl Engine for RedbEngine {
    fn apply(&mut self, changes: &[Raw]) -> Result<(), EngineError> {
        self.commit(Durability::None, changes)
    }

    fn sync(&mut self) -> Result<(), EngineError> {
        self.commit(Durability::Immediate, &[])
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        let table = self.db.begin_read().map_err(any)?;
        let table = table.open_table(TABLE).map_err(any)?;
        Ok(table.get(key)?.map(|value| value.value().to_vec()))
    }

    fn scan(&self) -> Result<Vec<Record>, EngineError> {
        let table = self.db.begin_read().map_err(any)?;
        let table = table.open_table(TABLE).map_err(any)?;
        table
            .iter()?
            .map(|pair| {
                let (key, value) = pair?;
                Ok((key.value().to_vec(), value.value().to_vec()))
            })
            .collect()
    }
}

/// The file, synced where all others are. It needs no lock: the folder has one.
#[derive(Debug)]
struct DataFile {
    file: File,
    path: PathBuf,
}

impl DataFile {
    fn open(path: PathBuf) -> io::Result<Self> {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)?;
        Ok(Self { file, path })
    }
}

impl StorageBackend for DataFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(out, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        files::sync_data(&self.file, &self.path)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write_all_at(data, offset)
    }
}

fn from_database(error: DatabaseError) -> EngineError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => EngineError::InUse,
        DatabaseError::Storage(error) => error.into(),
        // Each of these says that the file is not one that this version wrote.
        error @ (DatabaseError::RepairAborted
        | DatabaseError::UpgradeRequired(_)
        | DatabaseError::TransactionInProgress) => EngineError::Damaged(error.to_string()),
        error => EngineError::Damaged(error.to_string()),
    }
}

fn any(error: impl Into<redb::Error>) -> EngineError {
    match error.into() {
        redb::Error::Io(source) => source.into(),
        error => EngineError::Damaged(error.to_string()),
    }
}

impl From<StorageError> for EngineError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Io(source) => source.into(),
            StorageError::PreviousIo => Self::Io(io::Error::other("an earlier call failed")),
            error => Self::Damaged(error.to_string()),
        }
    }
}
