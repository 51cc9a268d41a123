//! Where this process belongs: the few facts of `node.toml` that outlive its start, and the other members,
//! who come and go.
//!
//! Who the others are stands in the list that the cluster has agreed on, and before there is one in
//! `node.toml`. Whoever deals with the other node asks here each time, or waits for a change.

use std::sync::Arc;

use config::bootstrap::Bootstrap;
use raft::{Member, MemberKind, View};
use tokio::sync::watch;
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
    members: watch::Receiver<Arc<View>>,
}

/// The other node of the pair. A machine that takes its place keeps its number, one that joins anew has
/// another.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Peer {
    pub(crate) id: NodeId,
    pub(crate) name: Name,
}

impl Site {
    /// Takes the facts out of a checked `node.toml`; `members` are those of the running cluster.
    pub(crate) fn of(bootstrap: &Bootstrap, members: watch::Receiver<Arc<View>>) -> Self {
        Self {
            router: bootstrap.router.to_string(),
            node: bootstrap
                .local_member()
                .map(|member| member.name.to_string())
                .unwrap_or_default(),
            id: bootstrap.local,
            members,
        }
    }

    /// The other node, while there is one.
    pub(crate) fn peer(&self) -> Option<Peer> {
        peer(self.members.borrow().members(), self.id)
    }

    /// The members that forward, this one included.
    pub(crate) fn nodes(&self) -> Vec<NodeId> {
        let view = self.members.borrow();
        nodes(view.members()).map(|member| member.id).collect()
    }

    /// The name of a member.
    pub(crate) fn name(&self, id: NodeId) -> String {
        let view = self.members.borrow();
        let found = view.get(id);
        found.map_or_else(|| format!("member {id}"), |member| member.name.to_string())
    }

    /// Returns when the other node is not `known` any more. Cancel safe.
    pub(crate) async fn other_than(&self, known: Option<&Peer>) {
        let mut members = self.members.clone();
        let is_news = |view: &Arc<View>| peer(view.members(), self.id).as_ref() != known;
        if members.wait_for(is_news).await.is_err() {
            // The groups have ended here: who was a member last, stays one.
            std::future::pending::<()>().await;
        }
    }
}

fn nodes(members: &[Member]) -> impl Iterator<Item = &Member> {
    members
        .iter()
        .filter(|member| member.kind == MemberKind::Node)
}

fn peer(members: &[Member], me: NodeId) -> Option<Peer> {
    let peer = nodes(members).find(|member| member.id != me)?;
    Some(Peer {
        id: peer.id,
        name: peer.name.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: u8, name: &str, kind: MemberKind) -> Member {
        Member {
            id: NodeId(id),
            name: Name::from(name),
            kind,
            addresses: Vec::new(),
        }
    }

    #[test]
    fn the_other_node_is_no_witness_and_not_this_one() {
        let a = member(1, "a", MemberKind::Node);
        let w = member(3, "w", MemberKind::Witness);
        let me = NodeId(1);
        assert_eq!(peer(&[a.clone(), w.clone()], me), None);

        // One of the same name is another one.
        let with = |id| [a.clone(), w.clone(), member(id, "b", MemberKind::Node)];
        let [second, fourth] = [2, 4].map(|id| peer(&with(id), me).unwrap());
        assert_eq!((second.id, second.name.as_str()), (NodeId(2), "b"));
        assert_eq!((fourth.id, fourth.name.as_str()), (NodeId(4), "b"));
        assert_ne!(second, fourth);
    }
}
