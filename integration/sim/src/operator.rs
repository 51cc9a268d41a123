//! What people and policies do about what they see: here a run's operator acts.
//!
//! Somebody starts a member again whose group has ended. Policies that let a node go on alone give their
//! orders here, too.

use raft::Health;
use types::NodeId;

use crate::clock::Millis;
use crate::member::{Life, Member};

/// What the operator wants done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Order {
    /// Start the member again.
    Restart(NodeId),
    /// Go on alone, since the policy's evidence is complete.
    Survive(NodeId),
    /// Go on alone, since an operator says so.
    Obey(NodeId),
}

/// Looks after the members, now and then.
#[derive(Debug, Default)]
pub(crate) struct Operator {
    next: Millis,
}

/// Between two looks.
const ROUND: Millis = Millis(500);

impl Operator {
    /// Looks at everybody, if it is time.
    pub(crate) fn orders(&mut self, now: Millis, members: &mut [Member]) -> Vec<Order> {
        if now < self.next {
            return Vec::new();
        }
        self.next = now + ROUND;
        let mut orders = Vec::new();
        for member in members {
            let id = member.id;
            if member.awake().is_some_and(|life| ended(life).is_some()) {
                orders.push(Order::Restart(id));
            }
        }
        orders
    }
}

/// Why a group has ended in this life, if one has.
pub(crate) fn ended(life: &Life) -> Option<String> {
    life.look(|cluster| {
        [cluster.control.status(), cluster.state.status()]
            .into_iter()
            .find_map(|status| match status.health {
                Health::Stopped(reason) => Some(format!("{}: {reason}", status.group)),
                Health::Starting | Health::Ok | Health::NoQuorum => None,
            })
    })
}
