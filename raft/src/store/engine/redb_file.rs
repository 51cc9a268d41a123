//! redb: one file of pages that are never overwritten while they count.
//!
//! A write is a transaction that redb does not wait for; a sync is an empty one that it does wait for,
//! which takes all before it along.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use redb::{
    Database, Durability, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition,
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
            .map_err(from_redb)?;
        // Reads every page that counts; whether what it repaired is complete is judged above.
        let _sound_or_repaired = db.check_integrity().map_err(from_redb)?;
        let engine = Self { db };
        // Reading is simpler when the table is always there.
        engine.commit(Durability::Immediate, &[])?;
        Ok(engine)
    }

    fn commit(&self, durability: Durability, changes: &[Raw]) -> Result<(), EngineError> {
        let mut transaction = self.db.begin_write().map_err(from_redb)?;
        transaction.set_durability(durability).map_err(from_redb)?;
        {
            let mut table = transaction.open_table(TABLE).map_err(from_redb)?;
            for Raw { key, value } in changes {
                match value {
                    Some(value) => drop(
                        table
                            .insert(key.as_slice(), value.as_slice())
                            .map_err(from_redb)?,
                    ),
                    None => drop(table.remove(key.as_slice()).map_err(from_redb)?),
                }
            }
        }
        transaction.commit().map_err(from_redb)
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
        let table = self.db.begin_read().map_err(from_redb)?;
        let table = table.open_table(TABLE).map_err(from_redb)?;
        let value = table.get(key).map_err(from_redb)?;
        Ok(value.map(|value| value.value().to_vec()))
    }

    fn scan(&self) -> Result<Vec<Record>, EngineError> {
        let table = self.db.begin_read().map_err(from_redb)?;
        let table = table.open_table(TABLE).map_err(from_redb)?;
        table
            .iter()
            .map_err(from_redb)?
            .map(|pair| {
                let (key, value) = pair.map_err(from_redb)?;
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

fn from_redb(error: impl Into<redb::Error>) -> EngineError {
    let error = error.into();
    if let redb::Error::Io(source) = error {
        return source.into();
    }
    if matches!(error, redb::Error::PreviousIo) {
        return EngineError::Io(io::Error::other(error));
    }
    // The format's number is a byte of the first page like any other, and no other number was ever written.
    let of_another_format = matches!(error, redb::Error::UpgradeRequired(_))
        || matches!(&error, redb::Error::Corrupted(reason) if reason.contains("file format version"));
    if of_another_format {
        return EngineError::Damaged("its first page is not what was written there".to_owned());
    }
    // All others say what in the file makes no sense.
    EngineError::Damaged(error.to_string())
}
