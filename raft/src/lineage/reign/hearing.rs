//! What the others' answers mean for a reign.

use proto::raft::HelloReply;
use raft_state::yielding::Event;
use raft_state::{ControlLineage, Incarnation, Standing};
use types::{Name, NodeId};

use super::{End, Reign, Work};
use crate::group::{ControlGroup, LogId};
use crate::local::{Local, Past};
use crate::plan::MemberKind;

impl<'a> Reign<'a> {
    pub(super) fn heard(&mut self, answers: &[HelloReply], work: &Work<'a>) -> Option<End> {
        let left = self
            .abandoned(answers)
            .or_else(|| self.left_behind(answers));
        if let Some(to) = left {
            return Some(End::Yield(to));
        }
        let mut each = answers.iter();
        each.find_map(|answer| self.heard_one(answer, work))
            .or_else(|| self.about_to_join(answers))
    }

    /// Whatever this member was about to join, it has not begun: it may as well join another lineage. Of several
    /// all choose the same, or they would go from one to the other for ever.
    fn about_to_join(&self, answers: &[HelloReply]) -> Option<End> {
        if self.running.is_formed() {
            return None;
        }
        let heard: Vec<_> = answers.iter().filter_map(formed_in).collect();
        joins_instead(self.lineage, &heard).map(End::Adopt)
    }

    fn heard_one(&mut self, answer: &HelloReply, work: &Work<'a>) -> Option<End> {
        let local = &self.keeper.control.local;
        let is_node = is_node(local, answer);
        let in_force = Incarnation(answer.life_in_force);
        // A member that began with this life has promised nothing before it.
        let knows_no_later = answer.control_formed && !local.has_not_seen(in_force);
        if is_node && (knows_no_later || self.has_begun()) {
            local.is_of_now();
        }
        let past = self.past(answer).filter(|_| is_node);
        if let Some(what) = past.or_else(|| self.lacks_members(answer)) {
            return Some(End::Past(what));
        }
        let Some(lineage) = formed_in(answer) else {
            return is_node.then(|| self.tell(Event::Unopposed, work)).flatten();
        };
        if !self.running.is_formed() {
            return None;
        }
        // A witness follows, so it only has something to say about a generation that is news here.
        if !is_node && lineage.generation <= self.lineage.generation {
            return None;
        }
        // Without a figure only the generation counts; of an equal one nothing follows then.
        let rival = lineage.generation == self.lineage.generation && lineage != self.lineage;
        if rival && answer.control_committed.is_none() {
            return None;
        }
        let standing = Standing {
            lineage,
            committed: answer.control_committed.unwrap_or_default(),
            name: Name::from(answer.name.as_str()),
        };
        self.tell(Event::Heard(standing), work)
    }

    /// What is of the past here, by the word of another node. A witness's does not count: it could give nothing
    /// back, and an operator may have to go on with what is here.
    fn past(&self, answer: &HelloReply) -> Option<Past> {
        let local = &self.keeper.control.local;
        let in_force = Incarnation(answer.life_in_force);
        if in_force > local.incarnation {
            return Some(Past::Life);
        }
        let same_lineage = formed_in(answer) == Some(self.lineage);
        let has_successor = Incarnation(answer.control_life) > self.running.id.incarnation;
        // As in `start`: two that agree need each other's votes, so that none can be given twice.
        let may_vote_twice =
            local.roster.now().members().len() > 2 || self.running.has_quorum_alone();
        // What was promised before a lineage was begun here, on this disk as it was, counts no more in it.
        let is_before = self.lineage.founder == local.me.id && in_force < self.lineage.life;
        let forgot = may_vote_twice && local.has_not_seen(in_force) && !is_before;
        let is_older = !self.has_begun() && (has_successor || forgot);
        (same_lineage && is_older).then_some(Past::Store)
    }

    /// Whoever agrees with itself alone has made every change of the members itself. Somebody who knows of a later
    /// one was there when this member's vote was no longer enough, and the store here is of before. A witness's
    /// word will do: what is here is kept aside, and an operator can go on with it.
    fn lacks_members(&self, answer: &HelloReply) -> Option<Past> {
        #[cfg(feature = "mutants")]
        if crate::mutants::is(crate::mutants::Mutant::OlderDiskBelieved) {
            return None;
        }
        let is_alone = !self.has_begun() && self.running.has_quorum_alone();
        if formed_in(answer) != Some(self.lineage) || !is_alone {
            return None;
        }
        let newest = self.running.newest_membership();
        let newest = newest.log_id().as_ref().map(LogId::<ControlGroup>::index);
        (answer.control_membership > newest).then_some(Past::Store)
    }

    /// A node that can come to no agreement in its lineage any more, because those it needs for it are in another
    /// one of this generation, has no figure to compare, and would wait for ever. It gives way to one that has
    /// a leader: that one needs nobody from here, so its members do not give way in their turn.
    fn left_behind(&self, answers: &[HelloReply]) -> Option<ControlLineage> {
        let local = &self.keeper.control.local;
        if local.is_witness() || !self.running.is_formed() || self.machine.standing().is_some() {
            return None;
        }
        let rival = |answer: &HelloReply| {
            formed_in(answer).filter(|lineage| {
                *lineage != self.lineage && lineage.generation == self.lineage.generation
            })
        };
        let gone = answers.iter().filter(|answer| rival(answer).is_some());
        let gone = gone.filter_map(node_of).collect();
        if self.running.has_quorum_without(&gone) {
            return None;
        }
        let leads = |answer: &&HelloReply| answer.control_committed.is_some();
        let leaders = answers.iter().filter(|answer| is_node(local, answer));
        leaders.filter(leads).filter_map(rival).max()
    }

    /// A witness never stands for itself: when every node is in another lineage that is not older, its
    /// own has nobody left, and it follows the best of them.
    fn abandoned(&self, answers: &[HelloReply]) -> Option<ControlLineage> {
        let local = &self.keeper.control.local;
        if !local.is_witness() {
            return None;
        }
        let elsewhere = |answer: &&HelloReply| is_node(local, answer);
        let lineages: Vec<_> = answers
            .iter()
            .filter(elsewhere)
            .filter_map(formed_in)
            .filter(|lineage| {
                *lineage != self.lineage && lineage.generation >= self.lineage.generation
            })
            .collect();
        let view = local.roster.now();
        let nodes = view
            .members()
            .iter()
            .filter(|member| member.kind == MemberKind::Node);
        (lineages.len() == nodes.count())
            .then(|| lineages.into_iter().max())
            .flatten()
    }
}

fn is_node(local: &Local, answer: &HelloReply) -> bool {
    node_of(answer).is_some_and(|node| local.kind_of(node) == MemberKind::Node)
}

fn node_of(answer: &HelloReply) -> Option<NodeId> {
    u8::try_from(answer.node).ok().map(NodeId)
}

/// The lineage that the one who answers takes part in.
fn formed_in(answer: &HelloReply) -> Option<ControlLineage> {
    ControlLineage::from_wire(answer.control_lineage).filter(|_| answer.control_formed)
}

/// The lineage that a member joins in the place of `own`, in which it has not begun, if it had better.
fn joins_instead(own: ControlLineage, heard: &[ControlLineage]) -> Option<ControlLineage> {
    let best = heard.iter().copied().max()?;
    let is_gone = !heard.contains(&own);
    (best > own || is_gone && best != own).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_lineages_everybody_joins_the_same_and_stays_there() {
        let [first, second] = [1, 2].map(|founder| ControlLineage::first(NodeId(founder)));
        let later = first.next(NodeId(2), Incarnation(9));
        for heard in [[first, later], [later, first]] {
            assert_eq!(joins_instead(first, &heard), Some(later));
            assert_eq!(joins_instead(second, &heard), Some(later));
            assert_eq!(joins_instead(later, &heard), None);
        }
        assert_eq!(joins_instead(later, &[first]), Some(first), "it is gone");
        assert_eq!(joins_instead(later, &[]), None);
    }
}
