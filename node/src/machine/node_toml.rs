//! The text of `node.toml`, as `init` and `join` write it.

use core::fmt::Write as _;
use std::path::Path;

use anyhow::bail;
use cli::HaLinkArg;
use config::bootstrap;
use raft::{Member, Pace};
use types::{Edition, MemberKind};

/// Between these lines stand the members, which the running member keeps up to date.
pub(super) const BEGIN: &str = "# members begin: kept as the cluster has agreed, do not edit\n";
pub(super) const END: &str = "# members end\n";

/// What the file says.
pub(super) struct NodeToml<'a> {
    pub(super) cluster: &'a str,
    pub(super) router: &'a str,
    pub(super) member: &'a str,
    pub(super) kind: MemberKind,
    pub(super) data_directory: &'a Path,
    pub(super) configuration: Option<&'a Path>,
    pub(super) ha_links: &'a [HaLinkArg],
    pub(super) members: &'a [Member],
    pub(super) edition: Edition,
    pub(super) pace: Pace,
}

impl NodeToml<'_> {
    /// The text, if a member can be started with it.
    pub(super) fn checked(&self) -> anyhow::Result<String> {
        let text = self.text();
        check(&text)?;
        Ok(text)
    }

    fn text(&self) -> String {
        let is_node = self.kind == MemberKind::Node;
        let mut text = String::from("# Made by `tandem cluster`.\n");
        line(&mut text, "cluster", self.cluster);
        line(&mut text, "router", self.router);
        line(&mut text, "node", self.member);
        line(
            &mut text,
            "data-directory",
            &self.data_directory.display().to_string(),
        );
        if let Some(configuration) = self.configuration {
            line(
                &mut text,
                "configuration",
                &configuration.display().to_string(),
            );
        }
        for (key, ms) in [
            ("rtt-ms", self.pace.rtt_ms),
            ("election-timeout-ms", self.pace.election_timeout_ms),
        ] {
            if ms != 0 {
                let _infallible = writeln!(text, "{key} = {ms}");
            }
        }
        if is_node {
            line(&mut text, "heartbeat-key-file", "identity/heartbeat.key");
        }
        text.push_str("\n[tls]\n");
        line(&mut text, "ca", "identity/ca.pem");
        line(&mut text, "certificate", "identity/member.pem");
        line(&mut text, "key", "identity/member.pem");
        if is_node {
            line(&mut text, "authority-key", "identity/ca-key.pem");
        }
        for link in self.ha_links.iter().filter(|_| is_node) {
            text.push_str("\n[[ha-link]]\n");
            line(&mut text, "name", &link.name);
            line(&mut text, "local", &link.local.to_string());
            line(&mut text, "remote", &link.remote.to_string());
            if let Some(device) = &link.device {
                line(&mut text, "device", device);
            }
        }
        text.push('\n');
        text.push_str(&members(self.members, self.edition));
        text
    }
}

/// The members, between their two lines.
pub(super) fn members(members: &[Member], edition: Edition) -> String {
    let mut text = String::from(BEGIN);
    if edition.is_agreed() {
        text.push_str("[membership]\n");
        line(&mut text, "edition", &edition.to_string());
        text.push('\n');
    }
    for member in members {
        let _infallible = writeln!(text, "[[member]]\nid = {}", member.id);
        line(&mut text, "name", member.name.as_str());
        line(&mut text, "kind", member.kind.word());
        let addresses: Vec<_> = member
            .addresses
            .iter()
            .map(|a| format!("\"{a}\""))
            .collect();
        let _infallible = writeln!(text, "addresses = [{}]\n", addresses.join(", "));
    }
    text.push_str(END);
    text
}

/// Whether a member can be started with `text`.
pub(super) fn check(text: &str) -> anyhow::Result<()> {
    if let Err(problems) = bootstrap::read(text) {
        let list: Vec<_> = problems.iter().map(ToString::to_string).collect();
        bail!("node.toml would not be valid:\n{}", list.join("\n"));
    }
    Ok(())
}

/// TOML's basic string: a JSON string is one, too.
fn line(text: &mut String, key: &str, value: &str) {
    let _infallible = writeln!(text, "{key} = {}", serde_json::Value::from(value));
}

#[cfg(test)]
pub(super) mod tests {
    use types::{Name, NodeId};

    use super::*;

    pub(in crate::machine) const EDITION: Edition = Edition {
        generation: 1,
        index: 40,
    };

    pub(in crate::machine) fn member(id: u8, name: &str, kind: MemberKind) -> Member {
        Member {
            id: NodeId(id),
            name: Name::from(name),
            kind,
            addresses: vec![([198, 51, 100, id], 7400).into()],
        }
    }

    pub(in crate::machine) fn of(kind: MemberKind, members: &[Member]) -> String {
        let links = ["ha0=198.51.100.1:7401,198.51.100.2:7401,eth1"
            .parse()
            .unwrap()];
        NodeToml {
            cluster: "west-000000",
            router: "branch",
            member: members[0].name.as_str(),
            kind,
            data_directory: Path::new("/var/lib/tandem"),
            configuration: (kind == MemberKind::Node).then_some(Path::new("a \"b\".conf")),
            ha_links: &links,
            members,
            edition: EDITION,
            pace: Pace {
                rtt_ms: 40,
                election_timeout_ms: 600,
            },
        }
        .checked()
        .unwrap()
    }

    #[test]
    fn what_is_written_is_what_a_member_reads() {
        let [a, w] = [(1, "a", MemberKind::Node), (3, "w", MemberKind::Witness)]
            .map(|(id, name, kind)| member(id, name, kind));
        for members in [vec![a.clone()], vec![w.clone(), a.clone()]] {
            let kind = members[0].kind;
            let read = bootstrap::read(&of(kind, &members)).unwrap();
            assert_eq!(read.cluster.as_str(), "west-000000");
            assert_eq!(read.members.len(), members.len());
            assert_eq!(read.edition, EDITION);
            assert_eq!(read.rtt_ms, 40);
            let patience = read.election_timeout.map(|timeout| timeout.as_millis());
            assert_eq!(patience, Some(600));
            assert_eq!(read.is_witness(), kind == MemberKind::Witness);
            assert_eq!(read.ha_links.len(), usize::from(kind == MemberKind::Node));
        }
    }

    #[test]
    fn a_name_that_no_configuration_takes_is_refused_before_anything_is_written() {
        let refused = NodeToml {
            cluster: "west",
            router: "two words",
            member: "a",
            kind: MemberKind::Node,
            data_directory: Path::new("/var/lib/tandem"),
            configuration: None,
            ha_links: &[],
            members: &[member(1, "a", MemberKind::Node)],
            edition: Edition::default(),
            pace: Pace::default(),
        }
        .checked()
        .unwrap_err();
        assert!(refused.to_string().contains("two words"), "{refused}");
    }
}
