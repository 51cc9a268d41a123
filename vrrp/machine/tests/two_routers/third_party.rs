//! A router on the shared interface that is neither of the two.

use std::time::Duration;

use vrrp_machine::{Action, Cause, MemberId, Priority};

use crate::pace::{INTERVAL, foreign, last_cause};
use crate::world::{Setup, World, ms};

#[test]
fn a_third_party_that_is_better_gets_the_whole_group_and_resignations_elsewhere() {
    let mut world = World::settled(&Setup::default());
    world.kill(1);
    world.run_for(Duration::from_millis(50));
    world.forget();
    world.give(0, foreign(MemberId(0), 250));
    assert_eq!(world.active(), Vec::<usize>::new());
    assert_eq!(
        last_cause(&world, 0),
        Cause::BetterRouter("192.0.2.77".parse().unwrap())
    );
    let resigned: Vec<_> = world.nodes[0]
        .actions
        .iter()
        .filter_map(|(_, action)| match action {
            Action::Advertise { member, priority } => Some((*member, *priority)),
            _ => None,
        })
        .collect();
    assert_eq!(resigned, [(MemberId(1), Priority::RELEASE)]);
}

#[test]
fn a_worse_third_party_is_told_at_once_and_the_switches_are_called_back() {
    let mut world = World::settled(&Setup::default());
    let epoch = world.nodes[0].gate;
    world.forget();
    world.give(0, foreign(MemberId(1), 20));
    assert_eq!(world.nodes[0].gate, epoch);
    let said: Vec<_> = world.nodes[0]
        .actions
        .iter()
        .map(|(_, a)| a.clone())
        .collect();
    assert_eq!(
        said,
        [
            Action::Advertise {
                member: MemberId(1),
                priority: Priority::configured(200).unwrap()
            },
            Action::Announce {
                member: MemberId(1)
            },
        ]
    );
}

/// A third party is Active on the LAN. That our peer dies does not make us Active there.
#[test]
fn a_living_third_party_keeps_the_group_backup_when_the_peer_goes_silent() {
    let mut world = World::settled(&Setup::default());
    world.give(0, foreign(MemberId(0), 250));
    for _ in 0..50 {
        world.give(0, foreign(MemberId(0), 250));
        world.give(1, foreign(MemberId(0), 250));
        world.run_for(INTERVAL);
        if world.now > ms(1_200) {
            world.kill(0);
        }
        assert_eq!(world.active(), Vec::<usize>::new());
    }
}
