//! The Unix socket: taken only when nobody else answers on it, given back only while it is ours.
//!
//! A node that was killed leaves its socket behind, and the next one must not trip over it; but a
//! node that still runs must keep its own, and a file that is no socket is never removed.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};

/// Longest path that fits `sockaddr_un`, whose 108 bytes end in a zero.
const PATH_LIMIT: usize = 107;

/// Owner and group may ask; others may not, since sessions tell who talks to whom.
const SOCKET_MODE: u32 = 0o660;

/// The same for a folder that is made for the socket.
const FOLDER_MODE: u32 = 0o750;

/// How long a listener may take to accept before it counts as alive but busy.
const PROBE_PATIENCE: Duration = Duration::from_secs(1);

/// Why the operators' socket was not opened.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The kernel cannot take it as a socket's name.
    #[error(
        "the socket path {} is {length} bytes long, the kernel takes {limit}: choose a shorter one",
        path.display()
    )]
    PathTooLong {
        /// The path.
        path: PathBuf,
        /// Its length in bytes.
        length: usize,
        /// The longest that fits.
        limit: usize,
    },
    /// Another process answers there.
    #[error(
        "another process answers at {}: stop that node, or give this one a socket of its own",
        path.display()
    )]
    Occupied {
        /// The path.
        path: PathBuf,
    },
    /// Something else has that name, and it may be precious.
    #[error("{} exists and is not a socket: move it away, or choose another path", path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// Whether anybody answers could not be found out.
    #[error("cannot tell whether anybody answers at {}", path.display())]
    Unknown {
        /// The path.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        cause: io::Error,
    },
    /// The folder of the socket could not be made.
    #[error("cannot make the folder {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        cause: io::Error,
    },
    /// The socket could not be made, or not with its permissions.
    #[error("cannot open a socket at {}", path.display())]
    Bind {
        /// The path.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        cause: io::Error,
    },
}

/// Listens at `path`, in the place of a socket that nobody answers on any more.
pub(crate) async fn bind(path: &Path) -> Result<UnixListener, ServeError> {
    let length = path.as_os_str().as_bytes().len();
    if length > PATH_LIMIT {
        let (path, limit) = (path.to_owned(), PATH_LIMIT);
        return Err(ServeError::PathTooLong {
            path,
            length,
            limit,
        });
    }
    make_folder(path)?;
    clear_the_way(path).await?;

    let failed = |cause| ServeError::Bind {
        path: path.to_owned(),
        cause,
    };
    let listener = UnixListener::bind(path).map_err(failed)?;
    let permissions = std::fs::Permissions::from_mode(SOCKET_MODE);
    std::fs::set_permissions(path, permissions).map_err(failed)?;
    Ok(listener)
}

/// Removes the socket after its listener has been closed, unless another node has taken it since.
///
/// Asking whether anybody answers is the same rule as at the start; inode numbers would not do,
/// because file systems hand them out again at once.
pub(crate) async fn give_back(path: &Path) {
    match clear_the_way(path).await {
        Ok(()) | Err(ServeError::Occupied { .. }) => {}
        Err(error) => tracing::warn!(%error, "the operators' socket stays behind"),
    }
}

/// Makes the last folder of the path if it is missing: /run is empty after each boot.
fn make_folder(path: &Path) -> Result<(), ServeError> {
    let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    else {
        return Ok(());
    };
    match std::fs::DirBuilder::new().mode(FOLDER_MODE).create(folder) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(cause) => Err(ServeError::Folder {
            path: folder.to_owned(),
            cause,
        }),
    }
}

/// Removes what stands at `path` if it is a socket without a listener.
async fn clear_the_way(path: &Path) -> Result<(), ServeError> {
    let unknown = |cause| ServeError::Unknown {
        path: path.to_owned(),
        cause,
    };
    let found = match std::fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(cause) => return Err(unknown(cause)),
    };
    if !found.file_type().is_socket() {
        return Err(ServeError::NotASocket {
            path: path.to_owned(),
        });
    }
    match tokio::time::timeout(PROBE_PATIENCE, UnixStream::connect(path)).await {
        // A full backlog makes connecting wait: somebody is there, only slow.
        Ok(Ok(_)) | Err(_) => Err(ServeError::Occupied {
            path: path.to_owned(),
        }),
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
            tracing::debug!(path = %path.display(), "removing a socket that nobody answers on");
            std::fs::remove_file(path).map_err(unknown)
        }
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(Err(cause)) => Err(unknown(cause)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn owner_and_group_may_connect_and_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/tandem.sock");
        let _listener = bind(&path).await.unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
    }

    #[tokio::test]
    async fn a_socket_that_a_dead_node_left_behind_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tandem.sock");
        // Closing a listener leaves its file, as a kill does.
        drop(UnixListener::bind(&path).unwrap());
        let _listener = bind(&path).await.unwrap();
        UnixStream::connect(&path).await.unwrap();
    }

    #[tokio::test]
    async fn a_living_node_keeps_its_socket() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tandem.sock");
        let _living = UnixListener::bind(&path).unwrap();
        let refused = bind(&path).await.unwrap_err();
        assert!(
            matches!(refused, ServeError::Occupied { .. }),
            "{refused:?}"
        );
        UnixStream::connect(&path).await.unwrap();
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        std::fs::write(&path, "precious").unwrap();
        let refused = bind(&path).await.unwrap_err();
        assert!(
            matches!(refused, ServeError::NotASocket { .. }),
            "{refused:?}"
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn a_path_that_the_kernel_cannot_take_is_refused_with_its_length() {
        let path = PathBuf::from(format!("/tmp/{}", "x".repeat(120)));
        let refused = bind(&path).await.unwrap_err();
        assert!(
            matches!(
                refused,
                ServeError::PathTooLong {
                    length: 125,
                    limit: 107,
                    ..
                }
            ),
            "{refused:?}"
        );
    }

    #[tokio::test]
    async fn only_our_own_socket_is_removed_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tandem.sock");
        drop(bind(&path).await.unwrap());
        let second = bind(&path).await.unwrap();

        give_back(&path).await;
        assert!(
            path.exists(),
            "the second node's socket went with the first node"
        );
        drop(second);
        give_back(&path).await;
        assert!(!path.exists());
    }
}
