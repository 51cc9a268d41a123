//! What people read of each reply. `--json` prints the reply itself.

mod cluster;
mod commit;
mod config;
mod drops;
mod fib;
mod ha;
mod ha_drift;
mod ha_links;
mod interfaces;
mod members;
mod neighbors;
mod order;
mod processors;
mod sessions;
mod version;
mod vrrp;

use proto::ops::{
    ClusterReply, CommitConfigReply, ConfigReply, DropCandidateReply, DropsReply, FibReply,
    HaDriftReply, HaLinksReply, HaReply, InterfacesReply, InvitationReply, LineageReply,
    MembersReply, NeighborsReply, ProcessorsReply, RemovedReply, RotatedReply, SessionsReply,
    VersionReply, VrrpReply,
};
use serde::Serialize;

use crate::args::Rows;
use crate::render::date_line;

/// What the operator wants to see of a reply.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    /// Longest table.
    pub(crate) rows: Rows,
    /// Whether drop reasons that dropped nothing are listed.
    pub(crate) idle_reasons: bool,
}

/// Who answered, and when.
pub(crate) struct Header<'a> {
    node: &'a str,
    router: &'a str,
    unix_ms: u64,
}

impl Header<'_> {
    /// The date line, and the node as `node.router`.
    pub(crate) fn render(&self) -> String {
        format!(
            "{}\nAnswered by {}.{}\n",
            date_line(self.unix_ms),
            self.node,
            self.router
        )
    }
}

/// A reply that people can read.
pub(crate) trait View: Serialize + Stamped {
    /// Whether the body must stand alone on standard output, so that it can be loaded.
    const LOADABLE: bool = false;

    /// What stands beside a body that must stand alone.
    fn beside(&self) -> String {
        String::new()
    }

    /// Its tables, each line complete.
    fn body(&self, look: Look) -> String;
}

/// A reply with the fields that every reply has.
pub(crate) trait Stamped {
    fn header(&self) -> Header<'_>;
}

macro_rules! stamped {
    ($($reply:ty),* $(,)?) => {
        $(impl Stamped for $reply {
            fn header(&self) -> Header<'_> {
                Header { node: &self.node, router: &self.router, unix_ms: self.unix_ms }
            }
        })*
    };
}

// A macro, because generated structs share fields and no trait.
stamped!(
    ClusterReply,
    CommitConfigReply,
    ConfigReply,
    DropCandidateReply,
    DropsReply,
    FibReply,
    HaDriftReply,
    HaLinksReply,
    HaReply,
    InterfacesReply,
    InvitationReply,
    LineageReply,
    MembersReply,
    NeighborsReply,
    ProcessorsReply,
    RemovedReply,
    RotatedReply,
    SessionsReply,
    VersionReply,
    VrrpReply,
);
