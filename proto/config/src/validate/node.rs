//! Nodes: how many there are, and that both process sessions alike.

use super::view::{Node, Router};
use crate::findings::Findings;
use crate::keyword::ProcessorMode;
use crate::schema::node::{SESSION_PROCESSOR_COUNT, SESSION_PROCESSOR_MODE, SESSION_SETUP_SCALING};
use crate::value::same;

pub(super) fn check(router: &Router<'_>, findings: &mut Findings) {
    if router.nodes.is_empty() {
        findings.error(router.block.complain(
            "it has no node",
            "add a node with the name that its node.toml has",
        ));
    }
    for node in router.nodes.iter().skip(2) {
        findings.error(node.block.complain(
            "a router has two nodes at most",
            "take it away, or move it to a router of its own",
        ));
    }
    for node in &router.nodes {
        check_processors(node, findings);
    }
    let [first, second, ..] = router.nodes.as_slice() else {
        return;
    };
    for leaf in [
        &SESSION_SETUP_SCALING,
        &SESSION_PROCESSOR_MODE,
        &SESSION_PROCESSOR_COUNT,
    ] {
        if !same(first.block, second.block, leaf) {
            findings.error(second.block.blame(
                leaf,
                format!("it differs from node {}", first.name),
                "type the same on both nodes",
            ));
        }
    }
}

fn check_processors(node: &Node<'_>, findings: &mut Findings) {
    let scaling: Option<bool> = node.block.peek(&SESSION_SETUP_SCALING);
    let mode: Option<ProcessorMode> = node.block.peek(&SESSION_PROCESSOR_MODE);
    let counted = node.block.words(&SESSION_PROCESSOR_COUNT).next().is_some();
    match mode {
        Some(ProcessorMode::Manual) if scaling == Some(false) => {
            findings.error(node.block.blame(
                &SESSION_PROCESSOR_MODE,
                "session-setup-scaling is false, so there is one session processor",
                "set session-setup-scaling true, or leave the mode automatic",
            ));
        }
        Some(ProcessorMode::Manual) if !counted => {
            findings.error(node.block.missing(&SESSION_PROCESSOR_COUNT));
        }
        Some(ProcessorMode::Automatic) if counted => {
            findings.error(node.block.blame(
                &SESSION_PROCESSOR_COUNT,
                "it counts in manual mode only",
                "set session-processor-mode manual, or leave the count out",
            ));
        }
        Some(ProcessorMode::Manual | ProcessorMode::Automatic) | None => {}
    }
}
