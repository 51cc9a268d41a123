//! `show drops`: which packets ended here, and why.

use core::fmt::Write as _;

use proto::ops::{Drop as DropLine, DropsReply};

use crate::render::Table;
use crate::view::{Look, View};

impl View for DropsReply {
    fn body(&self, look: Look) -> String {
        let listed: Vec<_> = self
            .drops
            .iter()
            .filter(|line| look.idle_reasons || line.count > 0)
            .collect();
        let row = |line: &&DropLine| {
            [
                line.reason.clone(),
                line.count.to_string(),
                line.help.clone(),
            ]
        };
        let rows = listed.iter().map(row);
        let mut text = Table::with_rows(["Reason", "Count", "Meaning"], rows).render(look.rows);
        let idle = self.drops.len() - listed.len();
        if idle > 0 {
            let _infallible = writeln!(
                text,
                "{idle} of {} reasons have dropped nothing: --all lists them too",
                self.drops.len()
            );
        }
        text
    }
}
