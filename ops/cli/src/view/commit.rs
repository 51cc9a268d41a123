//! What became of a commit: `tandem configure commit`.

use core::fmt::Write as _;

use proto::ops::{CommitConfigReply, ConfigCommit};

use crate::render::{Table, date_line};
use crate::view::{Look, View};

impl View for CommitConfigReply {
    fn body(&self, look: Look) -> String {
        if self.outcome == "stale" {
            return committed_since(self, look);
        }
        let runs = if self.in_force {
            "runs it"
        } else {
            "does not run it (yet): its log says why, and `tandem show config` when it does"
        };
        let mut lines = format!(
            "Configuration {} is committed, based on {}.\nNode {} {runs}.\n",
            self.revision, self.base, self.node
        );
        for what in &self.after_restart {
            let _infallible = writeln!(
                lines,
                "Takes effect when node {} is started again: {what}.",
                self.node
            );
        }
        lines
    }
}

/// Those whose work the refused text does not know.
fn committed_since(reply: &CommitConfigReply, look: Look) -> String {
    let Some(first) = reply.since.first() else {
        return format!("There is no configuration {} yet.\n", reply.base);
    };
    let titles = ["Revision", "Author", "Committed"];
    let table = Table::with_rows(titles, reply.since.iter().map(row)).render(look.rows);
    let forgotten = first.revision.saturating_sub(reply.base).saturating_sub(1);
    let note = if forgotten > 0 {
        format!("{forgotten} more, before these, are not kept any more.\n")
    } else {
        String::new()
    };
    format!(
        "Committed since configuration {}:\n{table}{note}",
        reply.base
    )
}

fn row(commit: &ConfigCommit) -> [String; 3] {
    [
        commit.revision.to_string(),
        commit.author.clone(),
        date_line(commit.at_unix_ms),
    ]
}
