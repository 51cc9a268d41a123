//! Who becomes active, and how soon, when a node, a link or the heartbeats are lost.

use std::time::Duration;

use types::NodeId;
use vrrp_machine::{Action, Cause, Event, GroupState, MemberId, Priority, StateName};

use crate::pace::{DOWN, INTERVAL, SKEW, last_cause};
use crate::world::{Setup, World, ms};

#[test]
fn a_common_start_makes_exactly_one_active_and_never_two() {
    for priorities in [[200, 110], [110, 200], [100, 100]] {
        let mut world = World::new(&Setup {
            priorities,
            ..Setup::default()
        });
        world.start(0);
        world.start(1);
        world.run_until(ms(500));
        let better = usize::from(priorities[1] >= priorities[0]);
        assert_eq!(world.active(), [better], "{priorities:?}");
        assert_eq!(world.dual_active, Duration::ZERO, "{priorities:?}");
        assert!(world.outage <= DOWN * 2, "{:?}", world.outage);
    }
}

/// Without HA links both claim in the same instant; VRRP's own rules must still leave one. The
/// addresses of LAN and WAN name different winners, so that only the group's rule can be at work.
#[test]
fn a_common_start_of_equals_without_ha_links_ends_with_one_active() {
    let mut world = World::new(&Setup {
        priorities: [100, 100],
        ..Setup::default()
    });
    world.start(0);
    world.start(1);
    // They have met before the link broke, so each knows the other's addresses.
    world.run_until(ms(20));
    world.ha_cut = true;
    world.run_until(ms(500));
    assert_eq!(world.active(), [1]);
    assert!(world.dual_active <= INTERVAL * 2, "{:?}", world.dual_active);
}

#[test]
fn a_dead_node_is_replaced_within_the_down_interval_even_without_ha_links() {
    let mut world = World::settled(&Setup::default());
    world.ha_cut = true;
    world.run_for(Duration::from_millis(100));
    assert_eq!(
        world.active(),
        [0],
        "the loss of the HA link alone does nothing"
    );
    world.forget();
    world.kill(0);
    world.run_for(Duration::from_millis(100));
    assert_eq!(world.active(), [1]);
    assert!(
        world.outage <= Duration::from_millis(36),
        "{:?}",
        world.outage
    );
    assert_eq!(last_cause(&world, 1), Cause::ActiveDownTimer);
}

#[test]
fn silent_heartbeats_shorten_the_wait_for_a_dead_node() {
    for killed_at_us in [0, 1_300, 4_900, 7_500, 9_900] {
        let mut world = World::settled(&Setup::default());
        world.run_for(Duration::from_micros(killed_at_us));
        world.kill(0);
        world.run_for(Duration::from_millis(100));
        assert_eq!(world.active(), [1]);
        // 15 ms without heartbeat or 15 ms without advert, then the skew.
        let bound = Duration::from_millis(15) + crate::world::LATENCY + SKEW;
        assert!(world.outage <= bound, "{:?}", world.outage);
        assert_eq!(last_cause(&world, 1), Cause::PeerSilent);
    }
}

#[test]
fn a_takeover_has_a_higher_epoch_and_opens_the_gate_before_it_speaks() {
    let mut world = World::settled(&Setup::default());
    let before = world.nodes[0].gate.unwrap();
    world.kill(0);
    world.run_for(Duration::from_millis(100));
    let epoch = world.nodes[1].gate.unwrap();
    assert!(epoch > before);
    assert_eq!(epoch.owner(), Some(NodeId(2)));
    let priority = Priority::configured(110).unwrap();
    let advertise = |member| Action::Advertise { member, priority };
    let announce = |member| Action::Announce { member };
    let first: Vec<_> = world.nodes[1]
        .actions
        .iter()
        .take(6)
        .map(|(_, action)| action.clone())
        .collect();
    assert_eq!(
        first,
        [
            Action::OpenGate(epoch),
            advertise(MemberId(0)),
            advertise(MemberId(1)),
            announce(MemberId(0)),
            announce(MemberId(1)),
            Action::Heartbeat,
        ]
    );
}

#[test]
fn a_lost_link_moves_the_whole_group_at_once() {
    let mut world = World::settled(&Setup::default());
    world.lan_cut[0] = true;
    world.give(0, Event::LinkDown(MemberId(0)));
    world.run_for(Duration::from_millis(100));
    assert_eq!(world.active(), [1]);
    assert!(
        world.outage <= crate::world::LATENCY * 2,
        "{:?}",
        world.outage
    );
    assert_eq!(last_cause(&world, 1), Cause::PeerReleased);
    assert_eq!(
        world.nodes[0].group.state(),
        GroupState::Fault {
            down: vec![MemberId(0)]
        }
    );
    // The gate closes first; the dead link stays silent, the living one resigns.
    let said: Vec<_> = world.nodes[0]
        .actions
        .iter()
        .map(|(_, a)| a.clone())
        .collect();
    assert_eq!(said[0], Action::CloseGate);
    assert_eq!(
        said[1],
        Action::Advertise {
            member: MemberId(1),
            priority: Priority::RELEASE
        }
    );
    assert_eq!(said[2], Action::Heartbeat);
}

#[test]
fn a_lost_link_moves_the_group_by_priority_zero_when_the_ha_links_are_cut_too() {
    let mut world = World::settled(&Setup::default());
    world.ha_cut = true;
    world.run_for(Duration::from_millis(50));
    world.forget();
    world.lan_cut[0] = true;
    world.give(0, Event::LinkDown(MemberId(0)));
    world.run_for(Duration::from_millis(100));
    assert_eq!(world.active(), [1]);
    assert!(
        world.outage <= SKEW + crate::world::LATENCY,
        "{:?}",
        world.outage
    );
    assert_eq!(last_cause(&world, 1), Cause::PriorityZero);
}

#[test]
fn a_late_thread_waits_one_interval_more_and_only_once() {
    let mut world = World::settled(&Setup::default());
    world.kill(0);
    world.run_for(Duration::from_millis(20));
    let awake = world.now + Duration::from_millis(200);
    let group = &mut world.nodes[1].group;
    group.handle(Event::Late(Duration::from_millis(190)), awake);
    assert_eq!(group.handle(Event::Tick, awake), []);
    let again = awake + Duration::from_millis(9);
    group.handle(Event::Late(Duration::from_millis(50)), again);
    let granted = awake + INTERVAL;
    assert_eq!(group.next_deadline(), Some(granted));
    assert!(!group.handle(Event::Tick, granted).is_empty());
    assert_eq!(group.state_name(), StateName::Active);
}
