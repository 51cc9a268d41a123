//! `show cluster`: the Raft groups, then their members.

use proto::ops::{ClusterReply, RaftGroup, RaftMember};

use crate::render::{Table, or_unknown, span};
use crate::view::{Look, View};

impl View for ClusterReply {
    fn body(&self, look: Look) -> String {
        let group = |group: &RaftGroup| {
            [
                group.name.clone(),
                or_unknown(group.leader.as_ref()),
                group.term.to_string(),
                or_unknown(group.last_log_index),
                or_unknown(group.applied_index),
            ]
        };
        let titles = ["Group", "Leader", "Term", "Last log", "Applied"];
        let groups = Table::with_rows(titles, self.groups.iter().map(group)).render(look.rows);

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
        format!("{groups}\nMembers\n{members}")
    }
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
