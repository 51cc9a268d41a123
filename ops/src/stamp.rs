//! What every reply begins with: who answers, and when.

use proto::ops::{
    ClusterReply, CommitConfigReply, ConfigReply, DropCandidateReply, DropsReply, FibReply,
    HaDriftReply, HaLinksReply, HaReply, InterfacesReply, InvitationReply, LineageReply,
    MembersReply, NeighborsReply, ProcessorsReply, RemovedReply, RotatedReply, SessionsReply,
    VersionReply, VrrpReply,
};

use crate::ports::Header;

/// A reply with the header's three fields.
pub(crate) trait Stamped {
    fn stamp(&mut self, header: Header);
}

macro_rules! stamped {
    ($($reply:ty),* $(,)?) => {
        $(impl Stamped for $reply {
            fn stamp(&mut self, header: Header) {
                self.node = header.node;
                self.router = header.router;
                self.unix_ms = header.unix_ms;
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
