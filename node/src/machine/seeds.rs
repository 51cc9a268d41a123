//! The members in `node.toml`, kept as the cluster has agreed on them.
//!
//! A member whose disk is lost finds the others by its node.toml; with an old list it would not, and a
//! first node that knew only itself would found a second cluster.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use identity::files;
use raft::{Control, Member};
use types::{Edition, NodeId};

use super::node_toml::{self, BEGIN, END};

/// Between two attempts at a file that cannot be written.
const RETRY: Duration = Duration::from_secs(30);

/// Runs until the control group ends.
pub(crate) async fn keep_members(file: PathBuf, me: NodeId, control: Control) {
    let mut agreed = control.watch();
    let mut keeping = Keeping::default();
    loop {
        agreed.mark_unchanged();
        // Not what is applied: while a member catches up, that is lists from before it was there.
        let (members, edition) = control.roster();
        if members.iter().any(|member| member.id == me) {
            keeping.keep(&file, members, edition);
        }
        let changed = agreed.changed();
        let ended = if keeping.has_failed {
            // What was not in time comes again after the next attempt.
            let changed = tokio::time::timeout(RETRY, changed).await;
            changed.is_ok_and(|changed| changed.is_err())
        } else {
            changed.await.is_err()
        };
        if ended {
            return;
        }
    }
}

/// What is known of the file.
#[derive(Default)]
struct Keeping {
    members: Vec<Member>,
    edition: Edition,
    has_failed: bool,
}

impl Keeping {
    /// Writes the members if they are news, if the last attempt failed, or if the file is ahead of the lineage
    /// that counts now: it would hide what is agreed on there.
    fn keep(&mut self, file: &Path, members: Vec<Member>, edition: Edition) {
        if members == self.members && edition >= self.edition && !self.has_failed {
            return;
        }
        let kept = extend(file, &members, edition);
        match &kept {
            Ok(Kept::Written) => tracing::info!(
                file = %file.display(),
                members = members.len(),
                "node.toml names the members"
            ),
            // Said once: it is tried again for ever.
            Err(error) if !self.has_failed => tracing::warn!(
                error = %format!("{error:#}"),
                file = %file.display(),
                every_s = RETRY.as_secs(),
                "node.toml does not name the members; it is tried again"
            ),
            Ok(Kept::AsItIs) | Err(_) => {}
        }
        *self = Self {
            members,
            edition,
            has_failed: kept.is_err(),
        };
    }
}

/// What became of the file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kept {
    /// It is new.
    Written,
    /// It said so already, or it is a person's, who keeps it.
    AsItIs,
}

fn extend(file: &Path, members: &[Member], edition: Edition) -> anyhow::Result<Kept> {
    let old = files::read(file)?;
    let Some(new) = with_members(&old, members, edition) else {
        return Ok(Kept::AsItIs);
    };
    if new == old {
        return Ok(Kept::AsItIs);
    }
    node_toml::check(&new).context("the file needs a hand")?;
    files::replace(file, &new, files::Readers::Everybody)?;
    Ok(Kept::Written)
}

/// `text` with `members` between its two lines; `None` if it has none.
fn with_members(text: &str, members: &[Member], edition: Edition) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    let between = node_toml::members(members, edition);
    Some(format!("{before}{between}{after}"))
}

#[cfg(test)]
mod tests {
    use types::MemberKind;

    use super::super::node_toml::tests::{EDITION, member, of};
    use super::*;

    #[test]
    fn a_file_that_we_made_is_extended_and_one_by_hand_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("node.toml");
        let [a, b] = [(1, "a"), (2, "b")].map(|(id, name)| member(id, name, MemberKind::Node));
        let text = of(MemberKind::Node, std::slice::from_ref(&a)) + "# mine\n";
        files::replace(&file, &text, files::Readers::Everybody).unwrap();
        let both = [a, b];
        let later = Edition {
            index: EDITION.index + 1,
            ..EDITION
        };
        assert_eq!(extend(&file, &both, later).unwrap(), Kept::Written);
        let read = files::read(&file).unwrap();
        assert!(
            read.contains("name = \"b\"") && read.ends_with("# mine\n"),
            "{read}"
        );
        assert_eq!(extend(&file, &both, later).unwrap(), Kept::AsItIs);

        files::replace(&file, "cluster = \"x\"\n", files::Readers::Everybody).unwrap();
        assert_eq!(extend(&file, &both, later).unwrap(), Kept::AsItIs);
    }

    #[test]
    fn what_could_not_be_written_is_tried_again_and_a_shorter_log_is_noted() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("node.toml");
        let mut keeping = Keeping::default();
        let [a, b] = [(1, "a"), (2, "b")].map(|(id, name)| member(id, name, MemberKind::Node));
        let both = vec![a.clone(), b];
        keeping.keep(&file, both.clone(), EDITION);
        assert!(keeping.has_failed, "there is no file");

        let text = of(MemberKind::Node, std::slice::from_ref(&a));
        files::replace(&file, &text, files::Readers::Everybody).unwrap();
        keeping.keep(&file, both.clone(), EDITION);
        assert!(!keeping.has_failed);
        assert!(files::read(&file).unwrap().contains("name = \"b\""));

        let before = files::read(&file).unwrap();
        let [later, other] = [41, 9].map(|index| Edition { index, ..EDITION });
        keeping.keep(&file, both.clone(), later);
        assert_eq!(files::read(&file).unwrap(), before, "the same members");
        keeping.keep(&file, both, other);
        let after = files::read(&file).unwrap();
        assert!(after.contains(&other.to_string()), "{after}");
    }
}
