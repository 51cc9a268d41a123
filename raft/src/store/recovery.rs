//! Opening the durable store when all is well, and when it is not.

use std::path::{Path, PathBuf};

use raft_state::Incarnation;

use super::engine::StoreKind;
use super::keyspace::StoreError;
use super::log::Recovered;
use super::on_disk::DiskStore;
use crate::error::StartError;
use crate::group::ControlGroup;

/// Opens the store in `path`, or makes one of this `kind`; a new one belongs to the life `incarnation`.
///
/// A damaged store is moved aside, and this node joins the others as a new member. If it is `alone`,
/// there is nobody who could restore the content: then nothing is touched, and the operator decides.
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
            let aside = free_name(path);
            std::fs::rename(path, &aside).map_err(|source| StoreError::Io {
                path: path.to_owned(),
                source,
            })?;
            tracing::error!(
                %error,
                kept = %aside.display(),
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

/// A name beside `path` that nothing has yet.
fn free_name(path: &Path) -> PathBuf {
    let mut name = path.with_extension("damaged");
    let mut number = 1;
    while name.exists() {
        number += 1;
        name = path.with_extension(format!("damaged-{number}"));
    }
    name
}
