//! What the store should hold, so that it can be compared with what it does hold.
//!
//! Each record carries its own checksum, and one record, the head, carries the sum of all of them and
//! the number of writes. The head is written together with every change. So a record that was changed,
//! lost, or left over from another time shows, whatever the library below did not notice.

use std::collections::BTreeMap;

use raft_state::Checksum;

use super::engine::{Raw, Record};
use super::keyspace::{Change, Key};

/// Key of the head; no other key begins like it.
const HEAD: &[u8] = b"#head";
/// Version of what records look like.
const FORMAT: u8 = 2;
const SUM_BYTES: usize = 8;

/// One line about everything that is stored.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Head {
    /// Writes since the store was made.
    pub(super) writes: u64,
    /// Sum over all records.
    pub(super) sum: Checksum,
}

impl Head {
    pub(super) const BYTES: usize = 16;

    pub(super) fn to_bytes(self) -> [u8; Self::BYTES] {
        (u128::from(self.writes) << 64 | u128::from(self.sum.0)).to_be_bytes()
    }

    pub(super) fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        let [writes, sum] = [0, 8].map(|at| {
            let bytes = bytes.get(at..at + 8).and_then(|half| half.try_into().ok());
            bytes.map_or(0, u64::from_be_bytes)
        });
        Self {
            writes,
            sum: Checksum(sum),
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Held {
    sum: Checksum,
    bytes: u64,
}

/// Every record's checksum and size, in memory.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Ledger {
    records: BTreeMap<Vec<u8>, Held>,
    head: Head,
    bytes: u64,
}

impl Ledger {
    /// What a new store begins with.
    pub(super) fn first(&self) -> Vec<Raw> {
        vec![self.head_record()]
    }

    /// Reads everything that the store holds, or says what is wrong with it.
    pub(super) fn read(records: &[Record]) -> Result<Self, String> {
        let mut ledger = Self::default();
        let mut head = None;
        for (key, sealed) in records {
            let (value, sum) = open(key, sealed)
                .ok_or_else(|| format!("{} does not match its checksum", name(key)))?;
            if key == HEAD {
                head = Some(read_head(value)?);
            } else {
                ledger.insert(key.clone(), sum, value.len());
            }
        }
        let head = head.ok_or("it lacks the record that describes the others")?;
        if head.sum != ledger.head.sum {
            return Err("records are missing or are not of the same time".to_owned());
        }
        ledger.head = head;
        Ok(ledger)
    }

    /// Takes note of `changes` and returns what has to be written for them.
    pub(super) fn write(&mut self, changes: &[Change]) -> Vec<Raw> {
        let mut raw: Vec<Raw> = changes.iter().map(|change| self.change(change)).collect();
        self.head.writes += 1;
        raw.push(self.head_record());
        raw
    }

    pub(super) const fn head(&self) -> Head {
        self.head
    }

    /// Bytes of all keys and values.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    fn change(&mut self, change: &Change) -> Raw {
        match change {
            Change::Put(key, value) => {
                let key = key.to_bytes();
                let (sealed, sum) = seal(&key, value);
                self.insert(key.clone(), sum, value.len());
                Raw {
                    key,
                    value: Some(sealed),
                }
            }
            Change::Delete(key) => {
                let key = key.to_bytes();
                self.remove(&key);
                Raw { key, value: None }
            }
        }
    }

    fn insert(&mut self, key: Vec<u8>, sum: Checksum, length: usize) {
        self.remove(&key);
        let bytes = u64::try_from(key.len() + length).unwrap_or(u64::MAX);
        self.head.sum += sum;
        self.bytes = self.bytes.saturating_add(bytes);
        self.records.insert(key, Held { sum, bytes });
    }

    fn remove(&mut self, key: &[u8]) {
        if let Some(held) = self.records.remove(key) {
            self.head.sum -= held.sum;
            self.bytes = self.bytes.saturating_sub(held.bytes);
        }
    }

    fn head_record(&self) -> Raw {
        let mut value = vec![FORMAT];
        value.extend_from_slice(&self.head.to_bytes());
        Raw {
            key: HEAD.to_vec(),
            value: Some(seal(HEAD, &value).0),
        }
    }
}

/// The value in what was stored under `key`; `None` if it is not what was written.
pub(super) fn open<'a>(key: &[u8], sealed: &'a [u8]) -> Option<(&'a [u8], Checksum)> {
    let (value, stored) = sealed.split_last_chunk::<SUM_BYTES>()?;
    let sum = Checksum::of(&(key, value));
    (sum.0.to_be_bytes() == *stored).then_some((value, sum))
}

fn seal(key: &[u8], value: &[u8]) -> (Vec<u8>, Checksum) {
    let sum = Checksum::of(&(key, value));
    let mut sealed = value.to_vec();
    sealed.extend_from_slice(&sum.0.to_be_bytes());
    (sealed, sum)
}

fn read_head(value: &[u8]) -> Result<Head, String> {
    match value.split_first() {
        Some((&FORMAT, head)) => head
            .try_into()
            .map(Head::from_bytes)
            .map_err(|_| "the record that describes the others has another length".to_owned()),
        Some((format, _)) => Err(format!(
            "it has format {format}, this version knows format {FORMAT}"
        )),
        None => Err("the record that describes the others is empty".to_owned()),
    }
}

/// What an operator may call the record.
pub(super) fn name(key: &[u8]) -> String {
    Key::entry_index(key).map_or_else(
        || format!("the record {}", key.escape_ascii()),
        |index| format!("entry {index}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an engine holds after these writes.
    fn stored(batches: &[&[Change]]) -> (Ledger, Vec<Record>) {
        let mut ledger = Ledger::default();
        let mut held: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        let mut apply = |batch: Vec<Raw>| {
            for Raw { key, value } in batch {
                match value {
                    Some(value) => drop(held.insert(key, value)),
                    None => drop(held.remove(&key)),
                }
            }
        };
        apply(ledger.first());
        for batch in batches {
            apply(ledger.write(batch));
        }
        (ledger, held.into_iter().collect())
    }

    fn put(index: u64, value: u8) -> Change {
        Change::Put(Key::Entry(index), vec![value; 20])
    }

    #[test]
    fn what_was_written_is_what_is_read() {
        let (ledger, records) = stored(&[
            &[put(1, 1), put(2, 2), put(1, 3)],
            &[Change::Delete(Key::Entry(2)), Change::Delete(Key::Vote)],
        ]);
        assert_eq!(Ledger::read(&records), Ok(ledger.clone()));
        assert_eq!((ledger.head().writes, ledger.bytes()), (2, 9 + 20));
    }

    #[test]
    fn a_record_that_was_changed_is_named() {
        let (_, mut records) = stored(&[&[put(1, 1), Change::Put(Key::Vote, vec![2])]]);
        for (at, name) in [(1, "entry 1"), (2, "the record vote")] {
            let sound = records.clone();
            records[at].1[0] ^= 1;
            let reason = Ledger::read(&records).unwrap_err();
            assert_eq!(reason, format!("{name} does not match its checksum"));
            records = sound;
        }
    }

    #[test]
    fn a_record_that_is_lost_or_of_another_time_or_elsewhere_shows() {
        let (_, before) = stored(&[&[put(1, 1), put(2, 2)]]);
        let (_, sound) = stored(&[&[put(1, 1), put(2, 2)], &[put(2, 3)]]);
        let lost: Vec<Record> = sound.iter().take(2).cloned().collect();
        let mut old = sound.clone();
        old[2].clone_from(&before[2]);
        let mut more = sound.clone();
        more.push((
            Key::Entry(3).to_bytes(),
            seal(&Key::Entry(3).to_bytes(), b"x").0,
        ));
        for wrong in [&lost, &old, &more] {
            let reason = Ledger::read(wrong).unwrap_err();
            assert_eq!(reason, "records are missing or are not of the same time");
        }
        let mut moved = sound.clone();
        moved[1].1.clone_from(&sound[2].1);
        assert_eq!(
            Ledger::read(&moved).unwrap_err(),
            "entry 1 does not match its checksum"
        );
    }

    #[test]
    fn a_store_without_a_head_or_of_another_format_is_refused() {
        let (_, mut records) = stored(&[&[put(1, 1)]]);
        records[0].1 = seal(HEAD, &[9; 17]).0;
        let reason = Ledger::read(&records).unwrap_err();
        assert_eq!(reason, "it has format 9, this version knows format 2");
        let reason = Ledger::read(&records[1..]).unwrap_err();
        assert_eq!(reason, "it lacks the record that describes the others");
        assert!(Ledger::read(&[]).is_err());
    }
}
