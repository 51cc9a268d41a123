//! What a power cut leaves: a picture of a folder as it is on the disk, while it is being written to.
//!
//! The kernel promises little: a file holds what it held when it was last synced, a folder names what it
//! named then. Of everything later any block, any length and any name may have reached the disk or not.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::{Dice, listing};
use crate::store::files::observer;

/// A file or folder under whatever name: its number, and when it was made, because numbers are reused.
type Identity = (u64, std::time::SystemTime);

#[derive(Default)]
struct Disk {
    files: BTreeMap<Identity, Vec<u8>>,
    folders: BTreeMap<Identity, Vec<(String, Identity)>>,
}

/// The disk below a folder, from now on.
pub(super) struct Shadow {
    root: PathBuf,
    disk: Rc<RefCell<Disk>>,
}

/// How much of what was not synced is lost.
#[derive(Clone, Copy, Debug)]
pub(super) enum Loss {
    /// All of it.
    Everything,
    /// Any of it, as the dice say.
    Some(u64),
}

impl Shadow {
    /// Watches what this thread syncs below `root`, and calls `then` after each sync.
    pub(super) fn watch(root: &Path, mut then: impl FnMut(&Self) + 'static) {
        let shadow = Self {
            root: root.to_owned(),
            disk: Rc::default(),
        };
        observer::watch(move |path| {
            shadow.synced(path);
            then(&shadow);
        });
    }

    pub(super) fn unwatch() {
        observer::unwatch();
    }

    fn synced(&self, path: &Path) {
        let mut disk = self.disk.borrow_mut();
        if !path.is_dir() {
            disk.files.insert(identity(path), fs::read(path).unwrap());
            return;
        }
        let names = listing(path);
        for path in names.iter().filter(|path| synced_by_sled(path)) {
            disk.files.insert(identity(path), fs::read(path).unwrap());
        }
        let names = names.iter().map(|path| (name(path), identity(path)));
        disk.folders.insert(identity(path), names.collect());
    }

    /// Writes to `target` what is below the root after a power cut now.
    pub(super) fn cut(&self, loss: Loss, target: &Path) {
        let mut dice = match loss {
            Loss::Everything => None,
            Loss::Some(seed) => Some(Dice(seed)),
        };
        self.folder(&self.root, identity(&self.root), &mut dice, target);
    }

    fn folder(&self, live: &Path, id: Identity, dice: &mut Option<Dice>, target: &Path) {
        fs::create_dir_all(target).unwrap();
        let disk = self.disk.borrow();
        let now = by_identity(&self.root);
        let named_early = dice.as_mut().is_some_and(|dice| dice.below(2) == 0) && live.is_dir();
        let names = if named_early {
            let names = listing(live);
            let names = names.iter().map(|path| (name(path), identity(path)));
            names.collect()
        } else {
            disk.folders.get(&id).cloned().unwrap_or_default()
        };
        for (name, id) in names {
            let (live, target) = (now.get(&id), target.join(&name));
            let is_folder =
                disk.folders.contains_key(&id) || live.is_some_and(|path| path.is_dir());
            if is_folder {
                let gone = PathBuf::new();
                self.folder(live.unwrap_or(&gone), id, dice, &target);
            } else {
                let synced = disk.files.get(&id).cloned().unwrap_or_default();
                let later = live.map(|path| fs::read(path).unwrap());
                fs::write(target, mixed(synced, later, dice)).unwrap();
            }
        }
    }
}

/// sled syncs its summary before it gives it a name; that is not seen here.
fn synced_by_sled(path: &Path) -> bool {
    name(path).starts_with("snap.") && !name(path).contains("generating")
}

/// Any block of either.
fn mixed(synced: Vec<u8>, later: Option<Vec<u8>>, dice: &mut Option<Dice>) -> Vec<u8> {
    const BLOCK: usize = 4096;
    let (Some(later), Some(dice)) = (later, dice) else {
        return synced;
    };
    let longer = dice.below(2) == 0;
    let mut bytes = synced;
    let length = if longer { later.len() } else { bytes.len() };
    bytes.resize(length, 0);
    for (block, from) in bytes.chunks_mut(BLOCK).zip(later.chunks(BLOCK)) {
        if dice.below(2) == 0 {
            let common = block.len().min(from.len());
            block[..common].copy_from_slice(&from[..common]);
        }
    }
    bytes
}

fn identity(path: &Path) -> Identity {
    let metadata = fs::metadata(path).unwrap();
    (metadata.ino(), metadata.created().unwrap())
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

fn by_identity(folder: &Path) -> BTreeMap<Identity, PathBuf> {
    let mut all = BTreeMap::new();
    for path in listing(folder) {
        if path.is_dir() {
            all.extend(by_identity(&path));
        }
        all.insert(identity(&path), path);
    }
    all
}
