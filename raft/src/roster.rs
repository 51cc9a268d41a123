//! Who takes part, as far as this member knows now: the plan's members until the control group has
//! agreed on a list, then that list.
//!
//! A member that learns the past, as newcomers do, is told every list that there ever was. The plan says up
//! to where they are old: with such a list a newcomer would not hear a leader who came after it.

use std::sync::Arc;

use raft_state::{CertificateRecord, Judgement, MemberRecord, MemberStanding, Members};
use tokio::sync::watch;
use types::{Edition, Fingerprint, NodeId};

use crate::dismissed::Dismissed;
use crate::plan::{Member, MemberKind};

/// The members, and by which certificates they are known.
#[derive(Debug)]
pub(crate) struct Roster {
    /// What `node.toml` says: enough to find the others, who know better.
    seeds: Vec<Member>,
    view: watch::Sender<Arc<View>>,
}

/// The members at one moment.
#[derive(Debug)]
pub struct View {
    members: Vec<Member>,
    list: Members,
    /// Of which list the members are.
    edition: Edition,
}

impl Roster {
    /// Begins with `seeds`, which are in the order of their numbers and were agreed on in that `edition`.
    pub(crate) fn new(seeds: Vec<Member>, edition: Edition) -> Self {
        Self {
            view: watch::Sender::new(Arc::new(View {
                members: seeds.clone(),
                list: Members::default(),
                edition,
            })),
            seeds,
        }
    }

    /// The control group has agreed on `list`, now or long ago.
    pub(crate) fn follow(&self, list: &Members, edition: Edition) {
        self.view.send_if_modified(|now| {
            if *list == now.list || edition < now.edition {
                return false;
            }
            let members = if list.is_empty() {
                self.seeds.clone()
            } else {
                list.iter().map(member).collect()
            };
            *now = Arc::new(View {
                members,
                list: list.clone(),
                edition,
            });
            true
        });
    }

    /// From now on another lineage of the group counts: whatever is agreed on there is news, also where its log
    /// is shorter than that of the lineage that was left.
    pub(crate) fn enter(&self, generation: u64) {
        let beginning = Edition {
            generation,
            index: 0,
        };
        self.view.send_if_modified(|now| {
            let is_ahead = now.edition > beginning;
            if is_ahead {
                *now = Arc::new(View {
                    members: now.members.clone(),
                    list: now.list.clone(),
                    edition: beginning,
                });
            }
            is_ahead
        });
    }

    /// How it is now.
    pub(crate) fn now(&self) -> Arc<View> {
        Arc::clone(&self.view.borrow())
    }

    /// How it is from now on; the newest only.
    pub(crate) fn watch(&self) -> watch::Receiver<Arc<View>> {
        self.view.subscribe()
    }
}

impl View {
    /// Everybody, this process included, in the order of their numbers.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Of which list they are.
    pub(crate) const fn edition(&self) -> Edition {
        self.edition
    }

    /// One of them.
    pub fn get(&self, node: NodeId) -> Option<&Member> {
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

    /// Whether anybody may show that certificate.
    pub(crate) fn knows(&self, certificate: CertificateRecord) -> bool {
        let may_show = |record: &MemberRecord| match self.judge(record.id, certificate) {
            Judgement::NoList | Judgement::Known => true,
            Judgement::NotAMember | Judgement::OtherCertificate => false,
        };
        self.list.is_empty() || self.list.iter().any(may_show)
    }

    /// How `node` ceased to be a member, if who shows that certificate did.
    pub(crate) fn dismissed(&self, node: NodeId, certificate: Fingerprint) -> Option<Dismissed> {
        self.list.dismissal(node, certificate).map(Dismissed::from)
    }

    /// What the agreed list says to `node` with that certificate.
    pub(crate) fn judge(&self, node: NodeId, certificate: CertificateRecord) -> Judgement {
        match self.list.judge(node, certificate.fingerprint) {
            Judgement::OtherCertificate if self.list.may_be_news(node, certificate) => {
                Judgement::Known
            }
            judgement @ (Judgement::NoList
            | Judgement::Known
            | Judgement::NotAMember
            | Judgement::OtherCertificate) => judgement,
        }
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

#[cfg(test)]
mod tests {
    use raft_state::{Certificates, ControlCommand, ControlState, MembersCommand};

    use super::*;
    use crate::plan::MemberKind;

    fn record(id: u8) -> MemberRecord {
        MemberRecord {
            id: NodeId(id),
            name: format!("node-{id}").into(),
            kind: MemberKind::Node,
            addresses: Vec::new(),
            certificates: Vec::new(),
            software: String::new(),
            since_unix_s: 0,
            standing: MemberStanding::Member,
        }
    }

    fn list(ids: &[u8]) -> Members {
        let mut state = ControlState::default();
        for id in ids {
            state.apply(&ControlCommand::Members(MembersCommand::SetMember {
                record: record(*id),
                certificates: Certificates::Add,
                now_unix_s: 0,
            }));
        }
        state.members().clone()
    }

    const fn edition(generation: u64, index: u64) -> Edition {
        Edition { generation, index }
    }

    #[test]
    fn a_list_of_the_past_does_not_count() {
        let seeds = [record(1), record(2)].iter().map(member).collect();
        let roster = Roster::new(seeds, edition(1, 40));
        let known = || {
            let view = roster.now();
            let ids = view.members().iter().map(|member| member.id.0);
            (ids.collect::<Vec<_>>(), view.edition())
        };
        roster.follow(&list(&[1]), edition(1, 39));
        assert_eq!(known(), (vec![1, 2], edition(1, 40)));

        roster.follow(&list(&[1, 2]), edition(1, 40));
        roster.follow(&list(&[1, 2, 3]), edition(1, 50));
        assert_eq!(known(), (vec![1, 2, 3], edition(1, 50)));

        // Whoever went on alone counts on from where it stood, perhaps from before that.
        roster.follow(&list(&[1]), edition(2, 45));
        assert_eq!(known(), (vec![1], edition(2, 45)));
    }

    #[test]
    fn in_another_lineage_of_the_same_generation_every_list_is_news() {
        let seeds = [record(1)].iter().map(member).collect();
        let roster = Roster::new(seeds, edition(2, 40));
        roster.enter(2);
        roster.follow(&list(&[1, 2]), edition(2, 9));
        assert_eq!(roster.now().edition(), edition(2, 9));
        assert_eq!(roster.now().members().len(), 2);
        roster.follow(&list(&[1]), edition(2, 8));
        assert_eq!(roster.now().members().len(), 2, "it is old there");
        roster.enter(3);
        assert_eq!(roster.now().edition(), edition(2, 9), "it is behind");
    }

    #[test]
    fn whoever_watches_hears_of_another_list_and_of_no_old_one() {
        let seeds = [record(1)].iter().map(member).collect();
        let roster = Roster::new(seeds, edition(1, 40));
        let mut watched = roster.watch();
        let mut news = || {
            let is_news = watched.has_changed().unwrap();
            let ids = watched.borrow_and_update();
            let ids = ids.members().iter().map(|member| member.id.0);
            is_news.then(|| ids.collect::<Vec<_>>())
        };
        assert_eq!(news(), None);
        roster.follow(&list(&[1, 2]), edition(1, 41));
        assert_eq!(news(), Some(vec![1, 2]));
        roster.follow(&list(&[1, 2]), edition(1, 42));
        roster.follow(&list(&[1]), edition(1, 39));
        assert_eq!(news(), None);
        // A member that comes back under its old name has another number.
        roster.follow(&list(&[1]), edition(1, 43));
        roster.follow(&list(&[1, 3]), edition(1, 44));
        assert_eq!(news(), Some(vec![1, 3]));
    }
}
