//! The end of a membership: what a machine does that was removed from its cluster, or replaced.
//!
//! It says so and by whom, gives its role back, ends with a status of its own, and does not start again:
//! whoever removed it takes its interfaces for free.

use std::path::{Path, PathBuf};

use config::bootstrap::Bootstrap;
use identity::files;
use raft::{Control, Dismissed};
use runtime::Clock;
use tokio::sync::watch;

/// Exit status of a machine that is a member no more; a supervisor need not start it again.
pub(crate) const EXIT: u8 = 8;

/// In the data directory; with it a process does not start.
const NOTE: &str = "removed";

/// This machine is a member no more.
#[derive(Debug, thiserror::Error)]
#[error(
    "{what}. It does not run any more; to make it a member again, move {} and node.toml with its folder \
     'identity' away, and use 'tandem cluster join' with a new token",
    data_directory.display()
)]
pub(crate) struct Removed {
    what: String,
    data_directory: PathBuf,
}

/// Hears of the end of this machine's membership.
pub(crate) struct Farewell {
    dismissed: watch::Receiver<Option<Dismissed>>,
    cluster: String,
    name: String,
    data_directory: PathBuf,
    clock: Clock,
}

impl Farewell {
    pub(crate) fn new(bootstrap: &Bootstrap, control: &Control, clock: Clock) -> Self {
        let local = bootstrap.local_member();
        Self {
            dismissed: control.dismissed(),
            cluster: bootstrap.cluster.to_string(),
            name: local.map_or_else(String::new, |local| local.name.to_string()),
            data_directory: bootstrap.data_directory.clone(),
            clock,
        }
    }

    /// Returns when this machine is a member no more, and has written that down. Cancel safe.
    pub(crate) async fn come(&mut self) -> Removed {
        let told = self.dismissed.wait_for(Option::is_some).await;
        let how = match told.as_deref() {
            Ok(Some(how)) => how.clone(),
            // The groups have ended; whoever watches them says why.
            Ok(None) | Err(_) => return std::future::pending().await,
        };
        drop(told);
        let now = self.clock.unix_millis() / 1_000;
        let what = sentence(&self.name, &self.cluster, &how, now);
        tracing::error!(
            event = "removed",
            reason = what,
            "this machine is a member no more"
        );
        if let Err(error) = leave_note(&self.data_directory, &what) {
            tracing::warn!(%error, "the next start will have to ask again");
        }
        Removed {
            what,
            data_directory: self.data_directory.clone(),
        }
    }
}

/// Refuses to start a machine that has heard of its end before.
pub(crate) fn check(data_directory: &Path) -> Result<(), Removed> {
    match files::read(&data_directory.join(NOTE)) {
        Ok(what) => Err(Removed {
            what: what.trim().to_owned(),
            data_directory: data_directory.to_owned(),
        }),
        // There is none; one that cannot be read is told again by the others.
        Err(_) => Ok(()),
    }
}

fn leave_note(data_directory: &Path, what: &str) -> Result<(), files::FileError> {
    let text = format!("{what}\n");
    files::replace(&data_directory.join(NOTE), &text, files::Readers::Everybody)
}

fn sentence(name: &str, cluster: &str, how: &Dismissed, now_unix_s: u64) -> String {
    let ago = ago(now_unix_s.saturating_sub(how.at_unix_s));
    match &how.by {
        Some(by) => format!("member {name} was removed from cluster {cluster} by {by}, {ago}"),
        None => {
            format!("another machine took the place of member {name} of cluster {cluster}, {ago}")
        }
    }
}

fn ago(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s ago"),
        120..=7_199 => format!("{} min ago", seconds / 60),
        7_200..=172_799 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_who_did_it_and_a_note_outlives_the_process() {
        let how = |by: Option<&str>| Dismissed {
            by: by.map(str::to_owned),
            at_unix_s: 1_000,
        };
        let removed = sentence("b", "west", &how(Some("uid 0 on a")), 1_300);
        assert_eq!(
            removed,
            "member b was removed from cluster west by uid 0 on a, 5 min ago"
        );
        let replaced = sentence("b", "west", &how(None), 999);
        assert!(
            replaced.contains("another machine") && replaced.ends_with("0 s ago"),
            "{replaced}"
        );

        let folder = std::env::temp_dir().join(format!("tandem-removed-{}", std::process::id()));
        files::make_folder(&folder).unwrap();
        check(&folder).unwrap();
        leave_note(&folder, &removed).unwrap();
        let refused = check(&folder).unwrap_err().to_string();
        assert!(refused.starts_with(&removed), "{refused}");
        assert!(refused.contains("tandem cluster join"), "{refused}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
