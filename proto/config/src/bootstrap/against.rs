//! Whether `node.toml` and the replicated tree speak of the same machines.

use super::{Bootstrap, MemberKind};
use crate::problem::{Problem, Severity};
use crate::valid::Valid;

impl Bootstrap {
    /// What keeps this process from finding itself in `valid`; nothing when all is well.
    ///
    /// Member names and node names must agree, since roles, routes and sessions refer to both.
    pub fn check_against(&self, valid: &Valid) -> Vec<Problem> {
        let Some(router) = valid.router(self.router.as_str()) else {
            let known = valid.routers().iter().map(|router| router.name.as_str());
            let known: Vec<_> = known.collect();
            return vec![problem(
                "router",
                self.router.as_str(),
                "the configuration has no router of this name",
                format!("write one of {}", known.join(", ")),
            )];
        };
        let nodes: Vec<_> = router.nodes.iter().map(|node| node.name.as_str()).collect();
        let members = self.members.iter().enumerate();
        let mut problems: Vec<_> = members
            .filter(|(_, member)| member.kind == MemberKind::Node)
            .filter(|(_, member)| router.node(member.name.as_str()).is_none())
            .map(|(index, member)| {
                problem(
                    &format!("member[{}].name", index + 1),
                    member.name.as_str(),
                    "the configuration's router has no node of this name",
                    format!("write one of {}", nodes.join(", ")),
                )
            })
            .collect();
        for node in nodes {
            if !self
                .members
                .iter()
                .any(|member| member.name.as_str() == node)
            {
                problems.push(problem(
                    "member",
                    node,
                    "the configuration's router has this node, and no member is it",
                    "add a [[member]] of this name".to_owned(),
                ));
            }
        }
        problems
    }
}

fn problem(path: &str, value: &str, reason: &str, next_step: String) -> Problem {
    Problem {
        severity: Severity::Error,
        at: None,
        path: path.to_owned(),
        value: Some(value.to_owned()),
        reason: reason.to_owned(),
        next_step,
    }
}
