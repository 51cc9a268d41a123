//! Copies of members' folders, which somebody brings back when the cluster has gone on, or runs beside them.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use raft::{Cluster, Health};
use raft_state::{ControlLineage, SurvivalReason};
use runtime::Subsystem;
use types::NodeId;

use super::{DEADLINE, Lab, eventually};

/// A copy of a folder, and where it was taken.
pub(crate) struct Backup {
    copy: tempfile::TempDir,
    place: PathBuf,
}

impl Backup {
    /// Copies the folder of a member that does not run, or a part of it.
    pub(crate) fn of(place: PathBuf) -> Self {
        let copy = tempfile::tempdir().unwrap();
        copy_all(&place, copy.path());
        Self { copy, place }
    }

    /// Puts the copy in the place of what is there now.
    pub(crate) fn put_back(&self) {
        std::fs::remove_dir_all(&self.place).unwrap();
        self.copy_to(&self.place);
    }

    /// Puts the copy somewhere else.
    pub(crate) fn copy_to(&self, place: &Path) {
        copy_all(self.copy.path(), place);
    }
}

impl Lab {
    /// Makes the next life of a member that does not run later than its clock says.
    pub(crate) fn count_on(&self, id: NodeId, lives: u32) {
        for folder in ["", "control"] {
            let noted = self.data_dir(id).join(folder).join("incarnation");
            let life: u32 = std::fs::read_to_string(&noted)
                .unwrap()
                .trim()
                .parse()
                .unwrap();
            std::fs::write(&noted, format!("{}\n", life + lives)).unwrap();
        }
    }

    /// An operator has `node` go on without the others, when it has noticed that they are missing.
    pub(crate) async fn go_on_alone(&self, node: NodeId) -> ControlLineage {
        let control = self.cluster(node).control.clone();
        eventually("there is no quorum", || {
            control.status().health == Health::NoQuorum
        })
        .await;
        let alone = control.survive(SurvivalReason::Operator, "uid 0".to_owned());
        alone.await.unwrap()
    }

    /// Starts a copy of a member beside it, which the others cannot reach.
    pub(crate) async fn start_double(&self, id: NodeId, copy: &Backup) -> Double {
        let data_dir = self.folder.path().join(format!("double of {id}"));
        copy.copy_to(&data_dir);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (subsystem, cluster) = self.start_in(id, data_dir, listener).await.unwrap();
        Double { subsystem, cluster }
    }
}

/// A member that runs beside the one whose number it has.
pub(crate) struct Double {
    subsystem: Subsystem,
    cluster: Cluster,
}

impl Double {
    pub(crate) const fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    pub(crate) async fn stop(self) {
        drop(self.cluster);
        self.subsystem.stop(DEADLINE).await;
    }
}

fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_all(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}
