//! What an operator is told while nothing can be agreed on: why, and what to do about it.

use ha::survivor::{Doubt, Policy, Verdict};
use proto::ops::QuorumView;
use raft::Health;
use types::Name;

use super::Desk;
use crate::survivor::{AGREEMENT, View};

impl Desk {
    /// Whether the control group takes what is proposed.
    pub(super) fn has_quorum(&self) -> bool {
        let control = &self.cluster.control;
        control.status().health == Health::Ok && !control.lineage().frozen
    }

    /// The part of `show cluster`; a router of one node has none.
    pub(super) fn quorum(&self) -> Option<QuorumView> {
        let view = self.survivor.borrow().clone()?;
        let lineage = self.cluster.control.lineage();
        let mut reasons = if lineage.frozen {
            let settling = "the other node went on as well and stands higher: this one gives way as \
                            soon as both have agreed on that";
            vec![settling.to_owned()]
        } else {
            view.doubts()
        };
        if self.cluster.control.status().contradicted {
            reasons.push(
                "another member leads with something else than what was agreed on here: one of the disks is \
                 an older one, and its log says how to go on"
                    .to_owned(),
            );
        }
        if lineage.frozen || view.stands_still() {
            reasons.push(self.way_on(&view));
        }
        if lineage.no_room {
            reasons.push(
                "there is no room for the configurations that this node keeps of a lineage that \
                 lost: drop candidates"
                    .to_owned(),
            );
        } else if lineage.aside > 0 {
            reasons.push("configurations of a lineage that lost are being handed over".to_owned());
        }
        let state = if lineage.frozen {
            "yielding"
        } else {
            view.verdict.as_str()
        };
        Some(QuorumView {
            without_quorum: match view.policy {
                Policy::Witness => "witness",
                Policy::Freeze => "freeze",
                Policy::Survive { .. } => "survive",
            }
            .to_owned(),
            state: state.to_owned(),
            reasons,
        })
    }

    /// Why nothing is worth proposing, if it is known to be so. An election may end at any moment, and
    /// is waited for.
    pub(super) fn standstill(&self) -> Option<String> {
        let view = self.survivor.borrow().clone()?;
        if !view.stands_still() || self.has_quorum() || self.cluster.control.lineage().frozen {
            return None;
        }
        let mut why = vec!["the control group has no quorum".to_owned()];
        why.extend(view.doubts());
        let (why, way_on) = (why.join("; "), self.way_on(&view));
        Some(format!("{why}; nothing was changed. Next: {way_on}"))
    }

    /// What an operator can do about the lack of a quorum, once it is known to be more than an election: the
    /// one source of that sentence, for `show cluster`, `show ha` and what is refused.
    pub(super) fn way_on_without_quorum(&self) -> Option<String> {
        let view = self.survivor.borrow().clone()?;
        view.stands_still().then(|| self.way_on(&view))
    }

    /// What an operator can do.
    fn way_on(&self, view: &View) -> String {
        let peer = self.site.peer();
        let peer = peer.map_or_else(|| Name::from("the other node"), |peer| peer.name);
        let heard: Vec<_> = view.heard_on.iter().map(Name::as_str).collect();
        if heard.contains(&AGREEMENT) {
            // Links are no trouble then.
            return heard_in_vain(&peer, self.cluster.control.status().contradicted);
        }
        if !heard.is_empty() {
            return format!(
                "node {peer} is not off, it is heard on {}: mend what separates the nodes, 'tandem show \
                 ha links' says where",
                heard.join(", ")
            );
        }
        let word = match view.verdict {
            Verdict::Frozen => "thaw",
            Verdict::Settled | Verdict::Waiting(_) | Verdict::Surviving => "survive",
        };
        format!(
            "start node {peer} or mend the way to it; if you know that it is off, 'tandem request \
             cluster {word}' goes on without it"
        )
    }
}

/// What to do about a `peer` that is heard and agrees on nothing. The one that is `contradicted` knows why; its
/// leader only sees that nothing is taken.
fn heard_in_vain(peer: &Name, contradicted: bool) -> String {
    let older = "on the node that is to be right 'tandem request cluster survive --force', with the witness stopped if \
                 that node has a quorum with it, and what only the other one has is kept as a candidate";
    if contradicted {
        format!("one of the disks of node {peer} and this one is not the newest: {older}")
    } else {
        format!(
            "nodes that hear each other agree within seconds; if node {peer} and this one do not, 'tandem show ha' \
             on both says whether a disk is full or a group has ended, which is mended there; where 'tandem show \
             cluster' says that another member leads with something else, {older}"
        )
    }
}

impl View {
    /// Why this node does not go on by itself.
    fn doubts(&self) -> Vec<String> {
        match &self.verdict {
            Verdict::Waiting(doubts) => doubts.iter().map(ToString::to_string).collect(),
            Verdict::Settled | Verdict::Frozen | Verdict::Surviving => Vec::new(),
        }
    }

    /// Whether the lack of a quorum is more than an election.
    fn stands_still(&self) -> bool {
        match &self.verdict {
            Verdict::Frozen => true,
            Verdict::Waiting(doubts) => !doubts
                .iter()
                .any(|doubt| matches!(doubt, Doubt::Election { .. })),
            Verdict::Settled | Verdict::Surviving => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_takes_nothing_is_looked_at_before_anybody_goes_on_without_it() {
        let peer = Name::from("b");
        let of_leader = heard_in_vain(&peer, false);
        let look = of_leader.find("'tandem show ha' on both").unwrap();
        assert!(
            look < of_leader.find("survive --force").unwrap(),
            "{of_leader}"
        );
        let of_follower = heard_in_vain(&peer, true);
        assert!(
            of_follower.starts_with("one of the disks of node b"),
            "{of_follower}"
        );
    }
}
