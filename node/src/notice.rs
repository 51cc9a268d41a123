//! The form in which nodes tell each other how they are.

use ha::report::Report;
use raft_state::Versioned;
use serde::{Deserialize, Serialize};
use types::{Instant, NodeId};

/// A report on its way; a node of another version does not read it and takes it as missing.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Notice(pub(crate) Report);

impl Versioned for Notice {
    const VERSION: u8 = 2;
}

/// Tells the other node.
pub(crate) fn post(cluster: &raft::StateGroup, report: Report) {
    match Notice(report).encode() {
        Ok(bytes) => cluster.post(bytes),
        Err(error) => tracing::error!(%error, "the report for the other node is not told"),
    }
}

/// What `node` told last, and when it came, unless that was known before.
pub(crate) fn news(
    cluster: &raft::StateGroup,
    node: NodeId,
    known: Option<Instant>,
) -> Option<(Report, Instant)> {
    let (bytes, at) = cluster.notice(node)?;
    if known == Some(at) {
        return None;
    }
    match Notice::decode(&bytes) {
        Ok(Notice(report)) => Some((report, at)),
        Err(error) => {
            tracing::debug!(%error, %node, "the other node's report is not understood");
            None
        }
    }
}
