//! Who takes part, as far as this member knows now: the plan's members until the control group has
//! agreed on a list, then that list.

use std::sync::Arc;

use arc_swap::ArcSwap;
use raft_state::{Judgement, MemberRecord, MemberStanding, Members};
use types::{Fingerprint, NodeId};

use crate::plan::{Member, MemberKind};

/// The members, and by which certificates they are known.
#[derive(Debug)]
pub(crate) struct Roster {
    /// What `node.toml` says: enough to find the others, who know better.
    seeds: Vec<Member>,
    view: ArcSwap<View>,
}

/// The members at one moment.
#[derive(Debug)]
pub(crate) struct View {
    members: Vec<Member>,
    list: Members,
}

impl Roster {
    /// Begins with `seeds`, which are in the order of their numbers.
    pub(crate) fn new(seeds: Vec<Member>) -> Self {
        Self {
            view: ArcSwap::from_pointee(View {
                members: seeds.clone(),
                list: Members::default(),
            }),
            seeds,
        }
    }

    /// The control group has agreed on `list`.
    pub(crate) fn follow(&self, list: &Members) {
        if *list == self.view.load().list {
            return;
        }
        let members = if list.is_empty() {
            self.seeds.clone()
        } else {
            list.iter().map(member).collect()
        };
        self.view.store(Arc::new(View {
            members,
            list: list.clone(),
        }));
    }

    /// How it is now.
    pub(crate) fn now(&self) -> Arc<View> {
        self.view.load_full()
    }
}

impl View {
    /// Everybody, this process included, in the order of their numbers.
    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// One of them.
    pub(crate) fn get(&self, node: NodeId) -> Option<&Member> {
        self.members.iter().find(|member| member.id == node)
    }

    /// What `node` is for; a witness if nobody knows it, since that one gets least.
    pub(crate) fn kind_of(&self, node: NodeId) -> MemberKind {
        self.get(node)
            .map_or(MemberKind::Witness, |member| member.kind)
    }

    /// The member that founds the control group: the lowest of those that forward.
    pub(crate) fn founder(&self) -> Option<NodeId> {
        let mut nodes = self.members.iter();
        let lowest = nodes.find(|member| member.kind == MemberKind::Node)?;
        Some(lowest.id)
    }

    /// Whether `node` may be taken in: not when it is being removed, or was.
    pub(crate) fn welcomes(&self, node: NodeId) -> bool {
        if self.list.is_empty() {
            return self.get(node).is_some();
        }
        let record = self.list.get(node);
        record.is_some_and(|record| record.standing == MemberStanding::Member)
    }

    /// Whether anybody may show the certificate with that fingerprint.
    pub(crate) fn knows(&self, certificate: Fingerprint) -> bool {
        self.list.is_empty() || self.list.iter().any(|record| record.shows(certificate))
    }

    /// What the agreed list says to `node` with that certificate.
    pub(crate) fn judge(&self, node: NodeId, certificate: Fingerprint) -> Judgement {
        self.list.judge(node, certificate)
    }
}

fn member(record: &MemberRecord) -> Member {
    Member {
        id: record.id,
        name: record.name.clone(),
        kind: record.kind,
        addresses: record.addresses.clone(),
    }
}
