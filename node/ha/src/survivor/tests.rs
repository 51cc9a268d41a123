//! Every rule of the drawing above the machine, by the clock.

use super::*;

const HOLD: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(100);

fn at(ms: u64) -> Instant {
    Instant::START + Duration::from_millis(ms)
}

fn well() -> Facts {
    Facts {
        quorum: true,
        links_up: vec![Name::from("ha0")],
        adverts_on: Vec::new(),
        anchors: vec![
            ("192.0.2.254".parse().unwrap(), true),
            ("198.51.100.254".parse().unwrap(), false),
        ],
    }
}

fn silent() -> Facts {
    Facts {
        quorum: false,
        links_up: Vec::new(),
        ..well()
    }
}

/// A machine that is fed a look each 100 ms.
struct Watch {
    machine: Survivor,
    now_ms: u64,
}

impl Watch {
    fn new(policy: Policy) -> Self {
        let mut watch = Self {
            machine: Survivor::new(policy),
            now_ms: 0,
        };
        assert_eq!(watch.look(&well()), []);
        watch
    }

    fn surviving() -> Self {
        Self::new(Policy::Survive { hold: HOLD })
    }

    fn look(&mut self, facts: &Facts) -> Vec<Action> {
        let event = Event::Looked(facts.clone());
        self.machine.handle(event, at(self.now_ms))
    }

    /// Looks at the same facts for a while; the attempts to survive with their times.
    fn watch(&mut self, facts: &Facts, duration: Duration) -> Vec<u64> {
        let mut attempts = Vec::new();
        for _ in 0..duration.as_millis() / LOOK.as_millis() {
            self.now_ms += 100;
            for action in self.look(facts) {
                match action {
                    Action::Survive { silent_for } => {
                        assert!(silent_for >= HOLD);
                        attempts.push(self.now_ms);
                    }
                    Action::Report(_) => {}
                }
            }
        }
        attempts
    }

    fn doubts(&self) -> &[Doubt] {
        match self.machine.verdict() {
            Verdict::Waiting(doubts) => doubts,
            Verdict::Settled | Verdict::Frozen | Verdict::Surviving => &[],
        }
    }
}

#[test]
fn complete_evidence_for_the_hold_time_makes_a_survivor() {
    let mut watch = Watch::surviving();
    assert_eq!(watch.watch(&silent(), Duration::from_secs(4)), [3100]);
    assert_eq!(watch.machine.verdict(), &Verdict::Surviving);
}

#[test]
fn an_attempt_without_effect_is_made_again_and_one_with_effect_is_not() {
    let mut watch = Watch::surviving();
    assert_eq!(watch.watch(&silent(), Duration::from_secs(7)), [3100, 5100]);
    let alone = Facts {
        quorum: true,
        ..silent()
    };
    assert_eq!(watch.watch(&alone, Duration::from_secs(7)), []);
    assert_eq!(watch.machine.verdict(), &Verdict::Settled);
}

#[test]
fn a_link_that_flaps_keeps_the_peer_alive() {
    let mut watch = Watch::surviving();
    let flap = Facts {
        links_up: vec![Name::from("ha1")],
        ..silent()
    };
    for _ in 0..10 {
        assert_eq!(watch.watch(&silent(), Duration::from_millis(2_900)), []);
        assert_eq!(watch.watch(&flap, LOOK), []);
    }
    assert_eq!(
        watch.doubts(),
        [
            Doubt::PeerHeard {
                on: Name::from("ha1")
            },
            Doubt::Hold { left: HOLD }
        ]
    );
}

#[test]
fn one_advertisement_on_any_shared_interface_is_a_living_peer() {
    let mut watch = Watch::surviving();
    assert_eq!(watch.watch(&silent(), Duration::from_millis(2_900)), []);
    let advert = Facts {
        adverts_on: vec![Name::from("lan")],
        ..silent()
    };
    assert_eq!(watch.watch(&advert, LOOK), []);
    assert_eq!(watch.watch(&silent(), Duration::from_secs(3)), []);
    assert_eq!(watch.watch(&silent(), LOOK), [6_100]);
}

#[test]
fn a_node_whose_anchors_are_all_silent_takes_itself_for_the_dead_one() {
    let mut watch = Watch::surviving();
    let mut facts = silent();
    for (_, answers) in &mut facts.anchors {
        *answers = false;
    }
    assert_eq!(watch.watch(&facts, Duration::from_mins(1)), []);
    assert_eq!(watch.doubts(), [Doubt::NoAnchor]);
    facts.anchors.clear();
    assert_eq!(watch.watch(&facts, Duration::from_mins(1)), []);
    // The silence before counts: it is the peer's, whoever was cut off.
    assert_eq!(watch.watch(&silent(), LOOK).len(), 1);
}

#[test]
fn a_pair_with_a_quorum_never_splits_however_silent_the_links_are() {
    let mut watch = Watch::surviving();
    let alone = Facts {
        quorum: true,
        ..silent()
    };
    assert_eq!(watch.watch(&alone, Duration::from_mins(1)), []);
    // The links were silent for long; the quorum has only just gone.
    assert_eq!(watch.watch(&silent(), PATIENCE), []);
    assert!(matches!(watch.doubts(), [Doubt::Election { .. }]));
    assert_eq!(watch.watch(&silent(), LOOK).len(), 1);
}

#[test]
fn witness_and_freeze_never_survive() {
    for policy in [Policy::Witness, Policy::Freeze] {
        let mut watch = Watch::new(policy);
        assert_eq!(watch.watch(&silent(), PATIENCE), []);
        assert!(matches!(watch.doubts(), [Doubt::Election { .. }]));
        assert_eq!(watch.watch(&silent(), Duration::from_mins(10)), []);
        assert_eq!(watch.machine.verdict(), &Verdict::Frozen);
    }
}

#[test]
fn a_node_that_was_asleep_listens_before_it_judges() {
    let mut watch = Watch::surviving();
    assert_eq!(watch.watch(&silent(), Duration::from_millis(2_900)), []);
    // Ten seconds without a look: the peer may have spoken all the while.
    watch.now_ms += 10_000;
    assert_eq!(watch.watch(&silent(), Duration::from_secs(1)), []);
    assert_eq!(watch.watch(&silent(), LOOK).len(), 1);
}

#[test]
fn sleep_is_not_silence() {
    let mut watch = Watch::surviving();
    assert_eq!(watch.watch(&silent(), Duration::from_secs(1)), []);
    watch.now_ms += 60_000;
    assert_eq!(watch.watch(&silent(), Duration::from_secs(2)), []);
    assert_eq!(watch.watch(&silent(), Duration::from_millis(300)).len(), 1);
}

#[test]
fn changes_are_reported_once_and_times_that_run_down_are_no_change() {
    let mut watch = Watch::surviving();
    let mut reports = Vec::new();
    for facts in [silent(), silent(), silent(), well()] {
        watch.now_ms += 100;
        reports.extend(watch.look(&facts));
    }
    assert!(
        matches!(
            reports.as_slice(),
            [
                Action::Report(Verdict::Waiting(_)),
                Action::Report(Verdict::Settled)
            ]
        ),
        "{reports:?}"
    );
}

#[test]
fn the_deadline_is_when_patience_and_hold_are_over() {
    let mut watch = Watch::surviving();
    assert_eq!(watch.machine.next_deadline(), None);
    watch.watch(&silent(), LOOK);
    assert_eq!(watch.machine.next_deadline(), Some(at(100) + HOLD));
    let mut watch = Watch::new(Policy::Freeze);
    watch.watch(&silent(), LOOK);
    assert_eq!(watch.machine.next_deadline(), Some(at(100) + PATIENCE));
}
