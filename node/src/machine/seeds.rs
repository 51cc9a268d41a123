//! The members in `node.toml`, kept as the cluster has agreed on them.
//!
//! A member whose disk is lost finds the others by its node.toml; with an old list it would not, and a
//! first node that knew only itself would found a second cluster.

use std::path::{Path, PathBuf};

use anyhow::Context;
use identity::files;
use raft::{Control, Member};
use types::{Edition, NodeId};

use super::node_toml::{self, BEGIN, END};

/// Runs until the control group ends.
pub(crate) async fn keep_members(file: PathBuf, me: NodeId, control: Control) {
    let mut agreed = control.watch();
    let mut written = Vec::new();
    loop {
        agreed.mark_unchanged();
        // Not what is applied: while a member catches up, that is lists from before it was there.
        let (members, edition) = control.roster();
        if members.iter().any(|member| member.id == me) && members != written {
            match extend(&file, &members, edition) {
                Ok(Kept::Written) => tracing::info!(
                    file = %file.display(),
                    members = members.len(),
                    "node.toml names the members"
                ),
                Ok(Kept::AsItIs) => {}
                Err(error) => tracing::warn!(
                    error = %format!("{error:#}"),
                    file = %file.display(),
                    "node.toml does not name the members"
                ),
            }
            written = members;
        }
        if agreed.changed().await.is_err() {
            return;
        }
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
        let folder = std::env::temp_dir().join(format!("tandem-seeds-{}", std::process::id()));
        files::make_folder(&folder).unwrap();
        let file = folder.join("node.toml");
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
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
