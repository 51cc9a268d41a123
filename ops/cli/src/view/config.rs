//! `show config`: text that can be loaded again, and nothing else on standard output.

use proto::ops::ConfigReply;

use crate::view::{Look, View};

impl View for ConfigReply {
    const LOADABLE: bool = true;

    fn body(&self, _: Look) -> String {
        let end = if self.text.ends_with('\n') || self.text.is_empty() {
            ""
        } else {
            "\n"
        };
        format!("{}{end}", self.text)
    }
}
