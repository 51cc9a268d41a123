//! What every reply to an operator begins with: who answers, and when.

use crate::ops::{
    ClusterReply, CommitConfigReply, ConfigReply, DropCandidateReply, DropsReply, FibReply,
    HaDriftReply, HaLinksReply, HaReply, InterfacesReply, InvitationReply, LineageReply,
    MembersReply, NeighborsReply, ProcessorsReply, RemovedReply, RotatedReply, SessionsReply,
    VersionReply, VrrpReply,
};

/// The three fields that every reply has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stamp<'a> {
    /// The node's name.
    pub node: &'a str,
    /// The router's name.
    pub router: &'a str,
    /// When it answered, in milliseconds of Unix time.
    pub unix_ms: u64,
}

/// A reply with these fields.
pub trait Stamped {
    /// Says who answers, and when.
    fn set_stamp(&mut self, stamp: Stamp<'_>);

    /// Who answered, and when.
    fn stamp(&self) -> Stamp<'_>;
}

macro_rules! stamped {
    ($($reply:ty),* $(,)?) => {
        $(impl Stamped for $reply {
            fn set_stamp(&mut self, stamp: Stamp<'_>) {
                stamp.node.clone_into(&mut self.node);
                stamp.router.clone_into(&mut self.router);
                self.unix_ms = stamp.unix_ms;
            }

            fn stamp(&self) -> Stamp<'_> {
                Stamp { node: &self.node, router: &self.router, unix_ms: self.unix_ms }
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
