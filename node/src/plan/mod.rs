//! From the one checked configuration to each actor's own plan.
//!
//! ```text
//! config::Valid ─┬─ policy ──► session::Policy ─┐
//!                ├─ routes ──► fib::Fib ────────┴─► forwarding::Plan
//!                └─ redundancy ───────────────────► vrrp::GroupPlan
//! Bootstrap ─────── cluster ──────────────────────► raft::ClusterPlan
//! ```
//!
//! A `Valid` cannot be built without passing every rule, so nothing here checks again; what a plan
//! cannot express does not exist in the schema.

pub(crate) mod cluster;
pub(crate) mod forwarding;
mod policy;
pub(crate) mod redundancy;
mod routes;

use config::valid::{Node, Router, Valid};

/// The committed configuration does not mention this process.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotConfigured {
    /// The authority has no such router.
    #[error("the configuration has no router {router}: correct 'router' in node.toml or add it")]
    Router {
        /// The name in node.toml.
        router: String,
    },
    /// The router has no such node.
    #[error("router {router} has no node {node}: correct 'node' in node.toml or add it")]
    Node {
        /// The router.
        router: String,
        /// The name in node.toml.
        node: String,
    },
}

/// The parts of the tree that are about this node.
pub(crate) fn locate<'a>(
    valid: &'a Valid,
    router: &str,
    node: &str,
) -> Result<(&'a Router, &'a Node), NotConfigured> {
    let found = valid.router(router).ok_or_else(|| NotConfigured::Router {
        router: router.to_owned(),
    })?;
    let local = found.node(node).ok_or_else(|| NotConfigured::Node {
        router: router.to_owned(),
        node: node.to_owned(),
    })?;
    Ok((found, local))
}
