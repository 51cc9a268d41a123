//! What people read of each reply. `--json` prints the reply itself.

mod cluster;
mod commit;
mod config;
mod drops;
mod fib;
mod ha;
mod ha_drift;
mod ha_links;
mod interfaces;
mod members;
mod neighbors;
mod order;
mod processors;
mod sessions;
mod version;
mod vrrp;

use proto::{Stamp, Stamped};
use serde::Serialize;

use crate::args::Rows;
use crate::render::date_line;

/// What the operator wants to see of a reply.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    /// Longest table.
    pub(crate) rows: Rows,
    /// Whether drop reasons that dropped nothing are listed.
    pub(crate) idle_reasons: bool,
}

/// The lines on top: the date, and the node as `node.router`.
pub(crate) fn heading(stamp: Stamp<'_>) -> String {
    let Stamp {
        node,
        router,
        unix_ms,
    } = stamp;
    format!("{}\nAnswered by {node}.{router}\n", date_line(unix_ms))
}

/// A reply that people can read.
pub(crate) trait View: Serialize + Stamped {
    /// Whether the body must stand alone on standard output, so that it can be loaded.
    const LOADABLE: bool = false;

    /// What stands beside a body that must stand alone.
    fn beside(&self) -> String {
        String::new()
    }

    /// Its tables, each line complete.
    fn body(&self, look: Look) -> String;
}
