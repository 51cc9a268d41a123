//! `show fib`: the routes that packets follow.

use proto::ops::{FibReply, Route};

use crate::render::{Table, or_unknown};
use crate::view::{Look, View};

impl View for FibReply {
    fn body(&self, look: Look) -> String {
        let row = |route: &Route| {
            [
                route.prefix.clone(),
                route.via.clone(),
                or_unknown(route.interface.as_ref()),
                route.origin.clone(),
                route.distance.to_string(),
            ]
        };
        let titles = ["Prefix", "Via", "Interface", "Origin", "Distance"];
        Table::with_rows(titles, self.routes.iter().map(row)).render(look.rows)
    }
}
