//! Two that do not hear each other, and what heals.

use std::time::Duration;

use types::{Epoch, NodeId};
use vrrp_machine::{Action, Cause, Event, Report};

use crate::pace::{INTERVAL, last_cause};
use crate::world::{Setup, World};

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
        world.dual_active <= INTERVAL * 2 + crate::world::LATENCY,
        "{:?}",
        world.dual_active
    );
    assert_eq!(world.outage, Duration::ZERO);
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
