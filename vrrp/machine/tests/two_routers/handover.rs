//! The role that is given, given back and taken back in order.

use std::time::Duration;

use types::PeerState;
use vrrp_machine::{Event, GroupState, MemberId};

use crate::world::{Setup, World, ms, plan};

#[test]
fn a_restored_link_makes_a_backup_and_no_second_move() {
    let mut world = World::settled(&Setup::default());
    world.give(0, Event::LinkDown(MemberId(0)));
    world.run_for(Duration::from_millis(50));
    world.give(0, Event::LinkUp(MemberId(0)));
    world.forget();
    world.run_for(Duration::from_millis(500));
    assert_eq!(world.active(), [1]);
    assert_eq!(world.nodes[0].group.state(), GroupState::Backup);
    assert_eq!(world.outage + world.dual_active, Duration::ZERO);
}

#[test]
fn a_planned_release_takes_one_message_and_does_not_come_back() {
    let mut world = World::settled(&Setup::default());
    world.give(0, Event::Release);
    world.run_for(Duration::from_millis(500));
    assert_eq!(world.active(), [1]);
    assert!(world.outage <= crate::world::LATENCY, "{:?}", world.outage);
    assert_eq!(world.dual_active, Duration::ZERO);
    assert_eq!(world.nodes[0].group.state(), GroupState::Backup);
}

#[test]
fn a_release_that_nobody_answers_is_taken_back() {
    let mut world = World::settled(&Setup::default());
    world.kill(1);
    world.run_for(Duration::from_millis(50));
    world.give(0, Event::Release);
    world.run_for(Duration::from_millis(300));
    assert_eq!(world.active(), [0]);
}

#[test]
fn an_orderly_shutdown_hands_over_at_once() {
    let mut world = World::settled(&Setup::default());
    world.give(0, Event::Shutdown);
    world.kill(0);
    world.run_for(Duration::from_millis(100));
    assert_eq!(world.active(), [1]);
    assert!(world.outage <= crate::world::LATENCY, "{:?}", world.outage);
}

#[test]
fn a_returned_node_stays_backup_and_learns_the_epoch() {
    let mut world = World::settled(&Setup::default());
    world.kill(0);
    world.run_for(Duration::from_millis(200));
    let epoch = world.nodes[1].gate.unwrap();
    world.forget();
    world.restart(0, plan(1, 200));
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.active(), [1]);
    assert_eq!(world.outage + world.dual_active, Duration::ZERO);
    assert_eq!(world.nodes[0].group.highest_epoch(), epoch);
    // And back again, under a yet higher epoch.
    world.kill(1);
    world.run_for(Duration::from_millis(100));
    assert_eq!(world.active(), [0]);
    assert!(world.nodes[0].gate.unwrap() > epoch);
}

#[test]
fn a_better_node_takes_the_role_back_only_when_it_may_preempt() {
    let mut world = World::settled(&Setup {
        preempt: true,
        ..Setup::default()
    });
    world.kill(0);
    world.run_for(Duration::from_millis(200));
    assert_eq!(world.active(), [1]);
    let mut better = plan(1, 200);
    better.preempt_mode = true;
    world.restart(0, better);
    world.forget();
    world.run_for(Duration::from_millis(500));
    assert_eq!(world.active(), [0]);
    assert_eq!(world.outage, Duration::ZERO);
    assert!(
        world.dual_active <= crate::world::LATENCY,
        "{:?}",
        world.dual_active
    );
}

#[test]
fn a_node_that_starts_leaves_the_role_to_others_for_its_start_hold() {
    let mut world = World::new(&Setup {
        start_hold: Duration::from_millis(300),
        ..Setup::default()
    });
    world.start(1);
    world.run_until(ms(299));
    assert_eq!(world.active(), Vec::<usize>::new());
    let told = world.nodes[1].group.claim(false, ms(299)).state;
    assert_eq!(told, PeerState::Initialize);
    world.run_until(ms(300));
    assert_eq!(world.active(), [1]);
}
