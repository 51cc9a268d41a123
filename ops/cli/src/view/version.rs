//! `show version`: which software runs, and since when.

use proto::ops::VersionReply;

use crate::render::{Table, uptime};
use crate::view::{Look, View};

impl View for VersionReply {
    fn body(&self, look: Look) -> String {
        let row = [
            self.router.clone(),
            self.node.clone(),
            self.version.clone(),
            uptime(self.uptime_ms),
        ];
        Table::with_rows(["Router", "Node", "Version", "Uptime"], [row]).render(look.rows)
    }
}
