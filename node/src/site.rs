//! Where this process belongs: the few facts of `node.toml` that outlive its start.

use config::bootstrap::{Bootstrap, MemberKind};
use types::{Name, NodeId};

/// This process in its router and cluster.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    /// The router's name.
    pub(crate) router: String,
    /// This node's name.
    pub(crate) node: String,
    /// This node.
    pub(crate) id: NodeId,
    /// All members by number: nodes and witness.
    pub(crate) names: Vec<(NodeId, Name)>,
    /// The members that forward.
    pub(crate) nodes: Vec<NodeId>,
    /// The other node of the pair.
    pub(crate) peer: Option<(NodeId, Name)>,
}

impl Site {
    /// Takes the facts out of a checked `node.toml`.
    pub(crate) fn of(bootstrap: &Bootstrap) -> Self {
        let members = &bootstrap.members;
        let forwards = |kind| match kind {
            MemberKind::Node => true,
            MemberKind::Witness => false,
        };
        Self {
            router: bootstrap.router.to_string(),
            node: bootstrap
                .local_member()
                .map(|member| member.name.to_string())
                .unwrap_or_default(),
            id: bootstrap.local,
            names: members
                .iter()
                .map(|member| (member.id, member.name.clone()))
                .collect(),
            nodes: members
                .iter()
                .filter(|member| forwards(member.kind))
                .map(|member| member.id)
                .collect(),
            peer: bootstrap.peer().map(|peer| (peer.id, peer.name.clone())),
        }
    }

    /// The name of a member.
    pub(crate) fn name(&self, id: NodeId) -> String {
        let found = self.names.iter().find(|(member, _)| *member == id);
        found.map_or_else(|| format!("member {id}"), |(_, name)| name.to_string())
    }
}
