//! Whatever happens in whatever order: what stays true of a group.

#![expect(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "tests")]

use std::net::IpAddr;
use std::time::Duration;

use proptest::prelude::*;
use types::{Epoch, Instant, NodeId, PeerState, Vrid};
use vrrp_machine::{
    Action, Advert, AdvertInterval, Event, Family, Group, GroupPlan, GroupState, MemberId,
    MemberPlan, PeerClaim, Priority, RouterState,
};

const ME: NodeId = NodeId(1);
const MEMBERS: u8 = 3;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_group_is_one_value_and_its_effects_come_in_order(
        preempt in any::<bool>(),
        events in proptest::collection::vec((0_u64..40_000, event()), 1..200),
    ) {
        let mut group = group(preempt);
        let mut now = Instant::START;
        let mut gate = None;
        let mut highest = Epoch::NONE;
        for (wait_us, event) in events {
            now += Duration::from_micros(wait_us);
            let told = match &event {
                Event::PeerHeartbeat(claim) => claim.epoch,
                Event::SeenEpoch(epoch) => *epoch,
                _ => Epoch::NONE,
            };
            let actions = group.handle(event, now);
            check_order(&actions, gate)?;
            for action in &actions {
                match action {
                    Action::OpenGate(epoch) => {
                        prop_assert!(*epoch > highest, "an epoch is never claimed twice");
                        prop_assert!(*epoch > told);
                        prop_assert_eq!(epoch.owner(), Some(ME));
                        gate = Some(*epoch);
                    }
                    Action::CloseGate => gate = None,
                    _ => {}
                }
            }
            highest = highest.max(told).max(gate.unwrap_or(Epoch::NONE));
            prop_assert_eq!(group.highest_epoch(), highest);
            check_state(&group, gate)?;
        }
    }

    /// A deadline lies in the past only until it has been served: the shell must not spin.
    #[test]
    fn serving_a_deadline_moves_it(
        events in proptest::collection::vec((0_u64..40_000, event()), 1..100),
    ) {
        let mut group = group(false);
        let mut now = Instant::START;
        for (wait_us, event) in events {
            now += Duration::from_micros(wait_us);
            group.handle(event, now);
            if let Some(due) = group.next_deadline() {
                now = now.max(due);
                group.handle(Event::Tick, now);
                prop_assert!(group.next_deadline().is_none_or(|next| next > now));
            }
        }
    }

    #[test]
    fn events_survive_a_recording(event in event()) {
        let text = serde_json::to_string(&event).unwrap();
        prop_assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
    }
}

fn check_state(group: &Group, gate: Option<Epoch>) -> Result<(), TestCaseError> {
    let states: Vec<_> = group.routers().map(|(_, router)| router.state()).collect();
    let all = |wanted: fn(&RouterState) -> bool| states.iter().all(wanted);
    match group.state() {
        GroupState::Active { epoch } => {
            prop_assert_eq!(
                gate,
                Some(epoch),
                "the gate is open iff the group is Active"
            );
            let together = all(|state| matches!(state, RouterState::Active { .. }));
            prop_assert!(together);
        }
        GroupState::Backup => {
            prop_assert_eq!(gate, None);
            let together = all(|state| matches!(state, RouterState::Backup { .. }));
            prop_assert!(together);
        }
        GroupState::Initialize => {
            prop_assert_eq!(gate, None);
            prop_assert!(all(|state| *state == RouterState::Initialize));
        }
        GroupState::Fault { down } => {
            prop_assert_eq!(gate, None);
            prop_assert!(!down.is_empty());
            prop_assert!(all(|state| *state == RouterState::Initialize));
        }
    }
    Ok(())
}

/// Closed before a resignation, open before an advert or an announcement.
fn check_order(actions: &[Action], before: Option<Epoch>) -> Result<(), TestCaseError> {
    let mut open = before.is_some();
    for action in actions {
        match action {
            Action::OpenGate(_) => open = true,
            Action::CloseGate => {
                prop_assert!(open, "closed once only");
                open = false;
            }
            Action::Advertise { priority, .. } => {
                prop_assert_eq!(open, *priority != Priority::RELEASE);
            }
            Action::Announce { .. } => prop_assert!(open),
            Action::Heartbeat | Action::Report(_) => {}
        }
    }
    Ok(())
}

fn group(preempt_mode: bool) -> Group {
    let member = |n: u8| MemberPlan {
        vrid: Vrid::new(n + 1).unwrap(),
        family: Family::V4,
        source: IpAddr::from([192, 0, 2, 10 + n]),
    };
    let mut group = Group::new(GroupPlan {
        node: ME,
        priority: Priority::configured(100).unwrap(),
        preempt_mode,
        interval: AdvertInterval::from_centiseconds(1).unwrap(),
        members: (0..MEMBERS).map(member).collect(),
        peer_sources: vec![IpAddr::from([192, 0, 2, 20])],
        initial_epoch: Epoch::NONE,
        start_hold: Duration::from_millis(5),
    })
    .unwrap();
    for id in 0..MEMBERS {
        group.handle(Event::LinkUp(MemberId(id)), Instant::START);
    }
    group.handle(Event::Startup, Instant::START);
    group
}

fn event() -> impl Strategy<Value = Event> {
    let member = || (0..MEMBERS).prop_map(MemberId);
    prop_oneof![
        1 => Just(Event::Startup),
        1 => Just(Event::Shutdown),
        20 => Just(Event::Tick),
        8 => (member(), advert()).prop_map(|(member, advert)| Event::Heard { member, advert }),
        2 => member().prop_map(Event::LinkUp),
        1 => member().prop_map(Event::LinkDown),
        1 => Just(Event::PeerSources(vec![IpAddr::from([192, 0, 2, 21])])),
        6 => claim().prop_map(Event::PeerHeartbeat),
        3 => Just(Event::PeerSilent),
        1 => (0_u64..6, 0_u8..4).prop_map(|(count, node)| Event::SeenEpoch(epoch(count, node))),
        1 => Just(Event::Release),
        1 => (0_u64..50).prop_map(|ms| Event::Late(Duration::from_millis(ms))),
    ]
}

fn advert() -> impl Strategy<Value = Advert> {
    (
        prop_oneof![Just(0), Just(100), any::<u8>()],
        1_u16..5,
        19_u8..23,
    )
        .prop_map(|(priority, interval, host)| Advert {
            priority: Priority::received(priority),
            interval: AdvertInterval::from_centiseconds(interval).unwrap(),
            source: IpAddr::from([192, 0, 2, host]),
        })
}

fn claim() -> impl Strategy<Value = PeerClaim> {
    let state = prop_oneof![
        Just(PeerState::Initialize),
        Just(PeerState::Backup),
        Just(PeerState::Active),
        Just(PeerState::Fault),
        Just(PeerState::Released),
    ];
    (state, 0_u64..6, 1_u8..255, any::<bool>()).prop_map(|(state, count, priority, hears_us)| {
        PeerClaim {
            node: NodeId(2),
            state,
            epoch: epoch(count, 2),
            priority: Priority::configured(priority).unwrap(),
            hears_us,
        }
    })
}

fn epoch(count: u64, node: u8) -> Epoch {
    Epoch((count << 8) | u64::from(node))
}
