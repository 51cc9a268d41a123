//! Opening the durable store when all is well, and when it is not.

use std::path::{Path, PathBuf};

use raft_state::Incarnation;

use super::blame::io_error;
use super::engine::StoreKind;
use super::files;
use super::incarnation::last_incarnation;
use super::keyspace::StoreError;
use super::log::Recovered;
use super::on_disk::DiskStore;
use crate::error::StartError;
use crate::group::ControlGroup;

/// Opens the store in `path`, or makes one of this `kind`; a new one belongs to the life `incarnation`.
///
/// A damaged store is moved aside, and this node joins the others as a new member. If it is `alone`, except for
/// witnesses, there is nobody who could restore the content: then nothing is touched, and the operator decides.
pub(crate) fn open_or_replace(
    path: &Path,
    kind: StoreKind,
    incarnation: Incarnation,
    alone: bool,
) -> Result<(DiskStore, Recovered<ControlGroup>), StartError> {
    match open(path, kind, incarnation) {
        Ok(opened) => Ok(opened),
        Err(source @ StoreError::Damaged { .. }) if alone => Err(StartError::OnlyStoreDamaged {
            path: path.to_owned(),
            source,
        }),
        Err(error @ StoreError::Damaged { .. }) => {
            let kept = move_aside(path, "damaged")?;
            tracing::error!(
                %error,
                kept = %kept.display(),
                "the store was moved aside; this node joins the cluster again as a new member"
            );
            Ok(open(path, kind, incarnation)?)
        }
        Err(
            error @ (StoreError::NoSpace { .. }
            | StoreError::OtherKind { .. }
            | StoreError::InUse { .. }
            | StoreError::Io { .. }),
        ) => Err(error.into()),
    }
}

fn open(
    path: &Path,
    kind: StoreKind,
    incarnation: Incarnation,
) -> Result<(DiskStore, Recovered<ControlGroup>), StoreError> {
    let mut store = DiskStore::open(path, kind)?;
    let recovered = Recovered::claim(&mut store, incarnation)?;
    Ok((store, recovered))
}

/// Moves the store in `path` aside if this node has gone on without it: somebody brought it back from a backup,
/// an old disk, or with the whole machine. It has forgotten votes that were given and entries that count.
/// `last` is the newest life of this node that is known to have begun before this start. Returns the life that
/// used the store last, if one stays.
///
/// It is `believed` where nobody could be contradicted by what was forgotten.
pub(crate) fn put_away_if_older(
    path: &Path,
    last: Option<Incarnation>,
    believed: bool,
) -> Result<Option<Incarnation>, StoreError> {
    let used = last_incarnation(path).map_err(|source| io_error(path, source))?;
    let (Some(life), Some(last)) = (used, last) else {
        return Ok(used);
    };
    if life >= last {
        return Ok(used);
    }
    if believed {
        tracing::warn!(
            store = %path.display(),
            last_used_by_life = life.0,
            last_life = last.0,
            "an older store was put back: what was agreed on since comes from the other node, or is lost if there \
             is none; a witness that knows of it gives no vote until 'tandem request cluster survive'"
        );
        return Ok(used);
    }
    let kept = move_aside(path, "older")?;
    tracing::error!(
        store = %path.display(),
        last_used_by_life = life.0,
        last_life = last.0,
        kept = %kept.display(),
        "an older store was put back and is not believed; this node joins the cluster again as a new member"
    );
    Ok(None)
}

/// Gives what is in `path` another name, and returns it when the disk knows.
fn move_aside(path: &Path, why: &str) -> Result<PathBuf, StoreError> {
    let kept = free_name(path, why);
    std::fs::rename(path, &kept)
        .and_then(|()| files::sync_name(path))
        .map_err(|source| io_error(path, source))?;
    Ok(kept)
}

/// A name beside `path` that nothing has yet.
fn free_name(path: &Path, why: &str) -> PathBuf {
    let mut name = path.with_extension(why);
    let mut number = 1;
    while name.exists() {
        number += 1;
        name = path.with_extension(format!("{why}-{number}"));
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::note_incarnation;

    /// Whether a store that the life `used` used last stays in its place.
    fn stays(used: Option<u32>, last: Option<u32>, believed: bool) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control");
        std::fs::create_dir(&path).unwrap();
        if let Some(used) = used {
            note_incarnation(&path, Incarnation(used)).unwrap();
        }
        let follows = put_away_if_older(&path, last.map(Incarnation), believed).unwrap();
        assert_ne!(path.exists(), folder.path().join("control.older").exists());
        assert_eq!(follows, used.map(Incarnation).filter(|_| path.exists()));
        path.exists()
    }

    #[test]
    fn only_a_store_that_the_node_has_gone_on_without_is_put_away() {
        assert!(stays(Some(7), Some(7), false));
        assert!(
            stays(Some(8), Some(7), false),
            "a start broke off before it noted more"
        );
        assert!(stays(Some(7), None, false));
        assert!(
            stays(None, Some(7), false),
            "it was used by a version that notes nothing"
        );
        assert!(!stays(Some(6), Some(7), false));
        assert!(stays(Some(6), Some(7), true), "it contradicts nobody");
    }

    #[test]
    fn what_was_put_away_before_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control");
        for _ in 0..3 {
            std::fs::create_dir(&path).unwrap();
            note_incarnation(&path, Incarnation(1)).unwrap();
            put_away_if_older(&path, Some(Incarnation(2)), false).unwrap();
        }
        for kept in ["control.older", "control.older-2", "control.older-3"] {
            assert!(folder.path().join(kept).exists());
        }
        put_away_if_older(&path, Some(Incarnation(2)), false).unwrap();
    }
}
