//! Two nodes with two members each, 10 ms adverts, and everything that can happen between them.
#![expect(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "tests")]

use std::time::Duration;

use types::{Epoch, NodeId, PeerState};
use vrrp_machine::{
    Action, Advert, AdvertInterval, Cause, Event, GroupState, MemberId, Priority, Report, StateName,
};

use world::{Setup, World, ms, plan};

mod world;

const INTERVAL: Duration = Duration::from_millis(10);
/// Three intervals and the skew of priority 110.
const DOWN: Duration = Duration::from_micros(35_704);
const SKEW: Duration = Duration::from_micros(5_704);

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
        let bound = Duration::from_millis(15) + world::LATENCY + SKEW;
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
    assert!(world.outage <= world::LATENCY * 2, "{:?}", world.outage);
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
    assert!(world.outage <= SKEW + world::LATENCY, "{:?}", world.outage);
    assert_eq!(last_cause(&world, 1), Cause::PriorityZero);
}

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
    assert!(world.outage <= world::LATENCY, "{:?}", world.outage);
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
    assert!(world.outage <= world::LATENCY, "{:?}", world.outage);
}

#[test]
fn a_split_of_the_lan_alone_makes_no_second_active() {
    let mut world = World::settled(&Setup::default());
    world.lan_cut[0] = true;
    world.ha_cut = true;
    world.run_for(Duration::from_secs(5));
    assert_eq!(world.active(), [0]);
    assert_eq!(world.dual_active, Duration::ZERO);
}

/// LAN and WAN are split, but the peer says that it is Active: a path is broken, no node.
#[test]
fn a_split_of_all_lans_is_reported_but_moves_nothing_while_the_peer_speaks() {
    let mut world = World::settled(&Setup::default());
    world.lan_cut = [true; 2];
    world.run_for(Duration::from_secs(2));
    assert_eq!(world.active(), [0]);
    let reports: Vec<_> = world.nodes[1]
        .actions
        .iter()
        .map(|(_, a)| a.clone())
        .collect();
    let unheard = Action::Report(Report::AdvertsUnheard { peer: NodeId(1) });
    assert_eq!(reports, [unheard]);
    // The peer's death is noticed all the same, and there is no skew left to wait for.
    world.forget();
    world.kill(0);
    world.run_for(Duration::from_millis(100));
    assert_eq!(world.active(), [1]);
    assert!(
        world.outage <= Duration::from_millis(16),
        "{:?}",
        world.outage
    );
}

#[test]
fn a_complete_split_heals_by_epoch_within_one_interval() {
    let mut world = World::settled(&Setup::default());
    world.lan_cut = [true; 2];
    world.ha_cut = true;
    world.run_for(Duration::from_secs(1));
    assert_eq!(
        world.active(),
        [0, 1],
        "nobody can know better during the split"
    );
    let winner = world.nodes[1].gate.unwrap();
    assert!(winner > world.nodes[0].gate.unwrap());
    world.forget();
    world.lan_cut = [false; 2];
    world.ha_cut = false;
    world.run_for(Duration::from_secs(1));
    assert!(world.dual_active <= INTERVAL, "{:?}", world.dual_active);
    assert_eq!(world.outage, Duration::ZERO);
    assert_eq!(
        world.active(),
        [1],
        "the later claim wins against the better priority"
    );
    assert_eq!(world.nodes[1].gate, Some(winner));
    assert_eq!(last_cause(&world, 0), Cause::HigherEpoch(winner));
    let ended = world.transitions(0).last().unwrap().epoch;
    assert_eq!(
        ended.owner(),
        Some(NodeId(1)),
        "the report names the epoch that ended"
    );
    let announced = world.nodes[1]
        .actions
        .iter()
        .filter(|(_, action)| matches!(action, Action::Announce { .. }))
        .count();
    assert!(announced >= 2, "switches and neighbours are called back");
}

/// The HA link stays cut: epochs are unknown, and all members must agree on one winner.
#[test]
fn a_healed_split_without_ha_links_leaves_one_active_on_every_member() {
    let mut world = World::settled(&Setup {
        priorities: [100, 100],
        ..Setup::default()
    });
    assert_eq!(world.active(), [1]);
    world.lan_cut = [true; 2];
    world.ha_cut = true;
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.active(), [0, 1]);
    world.forget();
    world.lan_cut = [false; 2];
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.active(), [1]);
    assert!(
        world.dual_active <= INTERVAL * 2 + world::LATENCY,
        "{:?}",
        world.dual_active
    );
    assert_eq!(world.outage, Duration::ZERO);
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
        world.dual_active <= world::LATENCY,
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

#[test]
fn an_epoch_from_the_cluster_log_ends_an_older_claim() {
    let mut world = World::settled(&Setup::default());
    let ours = world.nodes[0].gate.unwrap();
    world.give(0, Event::SeenEpoch(ours));
    assert_eq!(world.active(), [0], "our own epoch is no news");
    let newer = ours.next_for(NodeId(2));
    world.give(0, Event::SeenEpoch(newer));
    assert_eq!(world.active(), Vec::<usize>::new());
    assert_eq!(last_cause(&world, 0), Cause::HigherEpoch(newer));
    world.run_for(Duration::from_millis(500));
    let [active] = world.active()[..] else {
        panic!("exactly one");
    };
    assert!(world.nodes[active].gate.unwrap() > newer);
}

/// A node that lost its memory claims a low epoch; the standby remembers better.
#[test]
fn an_active_node_claims_anew_when_its_epoch_turns_out_to_be_old() {
    let mut world = World::settled(&Setup::default());
    let ours = world.nodes[0].gate.unwrap();
    let forgotten = Epoch(ours.0 + (5 << 8));
    world.give(1, Event::SeenEpoch(forgotten));
    world.run_for(Duration::from_millis(20));
    assert_eq!(world.active(), [0]);
    assert!(world.nodes[0].gate.unwrap() > forgotten);
    assert_eq!(world.outage + world.dual_active, Duration::ZERO);
}

fn foreign(member: MemberId, priority: u8) -> Event {
    Event::Heard {
        member,
        advert: Advert {
            priority: Priority::received(priority),
            interval: AdvertInterval::from_centiseconds(1).unwrap(),
            source: "192.0.2.77".parse().unwrap(),
        },
    }
}

fn last_cause(world: &World, node: usize) -> Cause {
    world.transitions(node).last().unwrap().cause
}
