//! Files that nobody else may read, replaced whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Readable and writable for the owner alone.
const SECRET: u32 = 0o600;
const SECRET_FOLDER: u32 = 0o700;
/// Readable for everybody.
const OPEN: u32 = 0o644;
/// No key, certificate or list of members is larger.
const MOST_BYTES: u64 = 1 << 20;

/// Who may read a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Readers {
    /// Its owner alone.
    Owner,
    /// Everybody.
    Everybody,
}

/// What could not be done with which file.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {}", path.display())]
pub struct FileError {
    /// The verb.
    pub what: &'static str,
    /// The file.
    pub path: PathBuf,
    /// What the operating system says.
    #[source]
    pub source: io::Error,
}

/// Makes a folder for secrets, and those above it.
pub fn make_folder(folder: &Path) -> Result<(), FileError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(SECRET_FOLDER)
        .create(folder)
        .map_err(failed("make the folder", folder))
}

/// Puts `content` into `path`. A reader sees the whole old file or the whole new one, also after a
/// power cut; the new one was never readable for others, not even for a moment.
pub fn replace(path: &Path, content: &str, readers: Readers) -> Result<(), FileError> {
    let beside = beside(path);
    clear(&beside)?;
    write_new(&beside, content, readers).inspect_err(|_| {
        // The place may be what is lacking.
        let _left = std::fs::remove_file(&beside);
    })?;
    std::fs::rename(&beside, path).map_err(failed("replace", path))?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed("make durable", folder))
}

/// Tries whether `bytes` could be put into `path`, without touching it: whoever asks others for something that must
/// be kept can ask afterwards.
pub fn rehearse(path: &Path, bytes: usize) -> Result<(), FileError> {
    let rehearsal = beside(path);
    clear(&rehearsal)?;
    let written = write_new(&rehearsal, &" ".repeat(bytes), Readers::Owner);
    let cleared = clear(&rehearsal);
    written.and(cleared)
}

/// Removes what an earlier try that was cut short has left.
fn clear(beside: &Path) -> Result<(), FileError> {
    match std::fs::remove_file(beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(failed("remove", beside)(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Puts `content` into `path`, which must not exist.
pub fn create(path: &Path, content: &str, readers: Readers) -> Result<(), FileError> {
    if path.exists() {
        return Err(failed("create", path)(io::ErrorKind::AlreadyExists.into()));
    }
    replace(path, content, readers)
}

/// All of a text file.
pub fn read(path: &Path) -> Result<String, FileError> {
    let text = |bytes| String::from_utf8(bytes).map_err(|_| io::ErrorKind::InvalidData.into());
    bytes(path).and_then(text).map_err(failed("read", path))
}

/// All of a file. Whoever waits at a pipe or reads a device does not end: those are refused unopened.
pub fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let found = std::fs::metadata(path)?;
    if found.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !found.is_file() {
        return Err(io::Error::other("it is a pipe or a device, and no file"));
    }
    if found.len() > MOST_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    std::fs::read(path)
}

fn write_new(path: &Path, content: &str, readers: Readers) -> Result<(), FileError> {
    let mode = match readers {
        Readers::Owner => SECRET,
        Readers::Everybody => OPEN,
    };
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| {
            file.write_all(content.as_bytes())?;
            file.sync_all()
        })
        .map_err(failed("write", path))
}

/// The name under which the new content waits.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileError {
    let path = path.to_owned();
    move |source| FileError { what, path, source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_no_file_is_refused_unopened() {
        let folder = tempfile::tempdir().unwrap();
        let why = |path: &Path| bytes(path).unwrap_err();
        assert_eq!(why(folder.path()).kind(), io::ErrorKind::IsADirectory);
        let device = Path::new("/dev/zero");
        assert!(why(device).to_string().contains("no file"));
        let large = folder.path().join("large");
        File::create(&large)
            .unwrap()
            .set_len(MOST_BYTES + 1)
            .unwrap();
        assert_eq!(why(&large).kind(), io::ErrorKind::FileTooLarge);
        std::fs::write(&large, [0xff]).unwrap();
        assert_eq!(bytes(&large).unwrap(), [0xff]);
        let refused = read(&large).unwrap_err();
        assert_eq!(refused.source.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn secrets_are_for_their_owner_alone_whatever_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("identity");
        make_folder(&keys).unwrap();
        assert_eq!(mode(&keys), 0o700);
        let path = keys.join("member.pem");
        std::fs::write(&path, "for all to see").unwrap();
        // As a crash between writing and renaming leaves it.
        std::fs::write(keys.join("member.pem.new"), "half").unwrap();

        replace(&path, "secret", Readers::Owner).unwrap();

        assert_eq!(read(&path).unwrap(), "secret");
        assert_eq!(mode(&path), 0o600);
        assert!(!keys.join("member.pem.new").exists());
    }

    #[test]
    fn what_exists_is_not_created_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.toml");
        create(&path, "one", Readers::Everybody).unwrap();
        let refused = create(&path, "two", Readers::Everybody).unwrap_err();
        assert_eq!(refused.source.kind(), io::ErrorKind::AlreadyExists);
        assert!(refused.to_string().contains("node.toml"));
        assert_eq!(read(&path).unwrap(), "one");
    }

    #[test]
    fn a_missing_file_is_named() {
        let refused = read(Path::new("/nowhere/at/all")).unwrap_err();
        assert_eq!(refused.to_string(), "cannot read /nowhere/at/all");
    }
}
