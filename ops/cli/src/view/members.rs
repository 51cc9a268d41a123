//! `tandem cluster …`: members, and what was done about them.

use proto::ops::{ClusterMember, InvitationReply, MembersReply, RemovedReply, RotatedReply};

use crate::render::{Table, date_line, or_unknown, span};
use crate::view::{Look, View};

impl View for InvitationReply {
    fn body(&self, _: Look) -> String {
        let name = match &self.name {
            Some(name) => format!(" that takes the place of {name}"),
            None => String::new(),
        };
        format!(
            "A token for one {}{name}, good once and until {}:\n\n{}\n\n\
             On the new machine: tandem cluster join --token … (see tandem cluster join --help)\n",
            self.kind,
            date_line(self.expires_unix_ms),
            self.token
        )
    }
}

impl View for RemovedReply {
    fn body(&self, _: Look) -> String {
        format!(
            "Member {} {} is removed: its certificate is not accepted any more, and its number is not \
             given to another one.\n",
            self.id, self.name
        )
    }
}

impl View for RotatedReply {
    fn body(&self, _: Look) -> String {
        format!(
            "The certificate is renewed: {}\nValid until {}, renewed by itself on {}.\n",
            self.fingerprint,
            date_line(self.valid_until_unix_ms),
            date_line(self.renewal_unix_ms)
        )
    }
}

impl View for MembersReply {
    fn body(&self, look: Look) -> String {
        let titles = [
            "Id",
            "Member",
            "Kind",
            "Standing",
            "Control",
            "State",
            "Version",
            "Heard",
            "Certificate until",
            "Addresses",
        ];
        let rows = self.members.iter().map(row);
        let table = Table::with_rows(titles, rows).render(look.rows);
        let how = if self.managed {
            format!("open tokens: {}", self.open_tokens)
        } else {
            "certificates made by hand, members by node.toml".to_owned()
        };
        format!("Cluster {}: {how}\n{table}", self.cluster)
    }
}

fn row(member: &ClusterMember) -> [String; 10] {
    let leads = if member.leader { " (leads)" } else { "" };
    [
        member.id.to_string(),
        member.name.clone(),
        member.kind.clone(),
        member.standing.clone(),
        format!("{}{leads}", member.control),
        member.state.clone(),
        or_unknown(member.software.as_ref()),
        or_unknown(member.heard_ms.map(span)),
        or_unknown(member.valid_until_unix_ms.map(date_line)),
        member.addresses.join("\n"),
    ]
}
