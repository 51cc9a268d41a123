//! Collects routes and keeps the best one of each prefix.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use ipnet::IpNet;

use crate::route::Route;
use crate::table::Fib;

/// Collects routes; [`FibBuilder::build`] makes the immutable table.
#[derive(Clone, Debug, Default)]
pub struct FibBuilder {
    routes: BTreeMap<IpNet, Route>,
}

impl FibBuilder {
    /// Nothing collected.
    pub fn new() -> Self {
        Self::default()
    }

    /// Offers a route. Of several for one prefix the lowest distance stays; among equals connected
    /// stands before static, then the smaller target: the result never depends on the order of offers.
    pub fn offer(&mut self, route: Route) {
        let prefix = route.prefix.trunc();
        let route = Route { prefix, ..route };
        match self.routes.entry(prefix) {
            Entry::Vacant(vacant) => {
                vacant.insert(route);
            }
            Entry::Occupied(mut occupied) => {
                if rank(&route) < rank(occupied.get()) {
                    occupied.insert(route);
                }
            }
        }
    }

    /// The table of what was collected.
    pub fn build(self) -> Fib {
        Fib::from_best(self.routes.into_values())
    }
}

fn rank(route: &Route) -> impl Ord {
    (route.distance, route.origin, route.target)
}
