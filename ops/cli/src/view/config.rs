//! `show config`: text that can be loaded again, and nothing else on standard output.

use core::fmt::Write as _;

use proto::ops::ConfigReply;

use crate::render::date_line;
use crate::view::{Look, View};

impl View for ConfigReply {
    const LOADABLE: bool = true;

    fn beside(&self) -> String {
        let at = self.at_unix_ms.map(date_line).unwrap_or_default();
        let mut lines = format!(
            "Configuration {}, committed by {} {at}\n",
            self.revision, self.author
        );
        if self.committed_revision > self.revision {
            let _infallible = writeln!(
                lines,
                "Configuration {} is committed and not in force here (yet): the node's log says why",
                self.committed_revision
            );
        }
        lines
    }

    fn body(&self, _: Look) -> String {
        let end = if self.text.ends_with('\n') || self.text.is_empty() {
            ""
        } else {
            "\n"
        };
        format!("{}{end}", self.text)
    }
}
