//! What a node has done: `tandem request …`.

use proto::ops::{DropCandidateReply, LineageReply};

use crate::view::{Look, View};

impl View for LineageReply {
    fn body(&self, _: Look) -> String {
        format!(
            "Generation {} of the control group has begun, founded by {} with configuration {}.\n\
             The other node will join it when it returns; what only it has is kept as candidates.\n",
            self.generation, self.founder, self.config_revision
        )
    }
}

impl View for DropCandidateReply {
    fn body(&self, _: Look) -> String {
        format!("Candidate {} is forgotten.\n", self.name)
    }
}
