//! What is read when a store is opened must be something that a consensus can have written.

use super::blank;
use crate::group::ControlGroup;
use crate::store::keyspace::{KvStore, StoreError};
use crate::store::{MemoryStore, Recovered};

#[test]
fn an_entry_that_is_missing_in_the_middle_is_damage() {
    let mut store = MemoryStore::default();
    store.write(&[blank(0), blank(1)]).unwrap();
    assert!(Recovered::<ControlGroup>::read(&store).is_ok());
    store.write(&[blank(3)]).unwrap();
    assert!(matches!(
        Recovered::<ControlGroup>::read(&store),
        Err(StoreError::Damaged { .. })
    ));
}
