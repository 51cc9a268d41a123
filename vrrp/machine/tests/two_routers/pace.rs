//! The pace of these tests, and a router that is neither of the two.

use std::time::Duration;

use vrrp_machine::{Advert, AdvertInterval, Cause, Event, MemberId, Priority};

use crate::world::World;

pub(crate) const INTERVAL: Duration = Duration::from_millis(10);
/// Three intervals and the skew of priority 110.
pub(crate) const DOWN: Duration = Duration::from_micros(35_704);
pub(crate) const SKEW: Duration = Duration::from_micros(5_704);

pub(crate) fn foreign(member: MemberId, priority: u8) -> Event {
    Event::Heard {
        member,
        advert: Advert {
            priority: Priority::received(priority),
            interval: AdvertInterval::from_centiseconds(1).unwrap(),
            source: "192.0.2.77".parse().unwrap(),
        },
    }
}

pub(crate) fn last_cause(world: &World, node: usize) -> Cause {
    world.transitions(node).last().unwrap().cause
}
