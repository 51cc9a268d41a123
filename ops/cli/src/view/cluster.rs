//! `show cluster`: the Raft groups, their members, what the cluster does without a quorum, and what was
//! left behind where nodes went on apart.

use proto::ops::{Candidate, ClusterReply, QuorumView, RaftGroup, RaftMember, Survival};

use crate::render::{Table, date_line, or_unknown, span};
use crate::view::{Look, View};

impl View for ClusterReply {
    fn body(&self, look: Look) -> String {
        let titles = [
            "Group",
            "Leader",
            "Generation",
            "Founder",
            "Term",
            "Last log",
            "Applied",
        ];
        let groups = Table::with_rows(titles, self.groups.iter().map(group_row)).render(look.rows);

        let members = self.groups.iter().flat_map(|group| {
            group
                .members
                .iter()
                .map(move |member| member_row(group, member))
        });
        let titles = [
            "Group",
            "Member",
            "Kind",
            "Vote",
            "Last heard",
            "Match index",
        ];
        let members = Table::with_rows(titles, members).render(look.rows);
        let mut body = format!("{groups}\nMembers\n{members}");
        if let Some(quorum) = &self.quorum {
            body.push_str(&quorum_lines(quorum));
        }
        if !self.survivals.is_empty() {
            let titles = ["Generation", "Founder", "Reason", "By", "Began", "Revision"];
            let rows = self.survivals.iter().map(survival_row);
            let table = Table::with_rows(titles, rows).render(look.rows);
            body = body + "\nSurvivals\n" + &table;
        }
        if !self.candidates.is_empty() {
            let titles = [
                "Candidate",
                "Revision",
                "Author",
                "Committed",
                "Held by",
                "Lineage",
                "Bytes",
            ];
            let rows = self.candidates.iter().map(candidate_row);
            let table = Table::with_rows(titles, rows).render(look.rows);
            body = body + "\nCandidates\n" + &table;
        }
        body
    }
}

fn group_row(group: &RaftGroup) -> [String; 7] {
    [
        group.name.clone(),
        or_unknown(group.leader.as_ref()),
        or_unknown(group.generation),
        or_unknown(group.founder.as_ref()),
        group.term.to_string(),
        or_unknown(group.last_log_index),
        or_unknown(group.applied_index),
    ]
}

fn member_row(group: &RaftGroup, member: &RaftMember) -> [String; 6] {
    [
        group.name.clone(),
        format!("{} ({})", member.name, member.id),
        member.kind.clone(),
        member.vote.clone(),
        or_unknown(member.last_heard_ms.map(span)),
        or_unknown(member.matched_index),
    ]
}

fn quorum_lines(quorum: &QuorumView) -> String {
    let mut lines = format!(
        "\nWithout a quorum: {}. Now: {}\n",
        quorum.without_quorum, quorum.state
    );
    for reason in &quorum.reasons {
        lines = lines + "  " + reason + "\n";
    }
    lines
}

fn survival_row(survival: &Survival) -> [String; 6] {
    [
        survival.generation.to_string(),
        survival.founder.clone(),
        survival.reason.clone(),
        survival.by.clone(),
        date_line(survival.at_unix_ms),
        survival.revision.to_string(),
    ]
}

fn candidate_row(candidate: &Candidate) -> [String; 7] {
    [
        candidate.name.clone(),
        candidate.revision.to_string(),
        candidate.author.clone(),
        date_line(candidate.at_unix_ms),
        candidate.held_by.clone(),
        candidate.lineage.clone(),
        candidate.text_bytes.clone(),
    ]
}
