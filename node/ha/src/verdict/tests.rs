//! The table: one fact changed at a time, and what it makes of the pair.

use super::*;

const EPOCH: Epoch = Epoch(0x101);

fn node(name: &str, role: NodeRole) -> NodeFacts {
    NodeFacts {
        name: name.to_owned(),
        role,
        active: (role == NodeRole::Active).then_some(EPOCH),
        control: Quorum::Ok,
        state: Quorum::Ok,
        revision: Revision(3),
        running: Revision(3),
        interfaces_down: Vec::new(),
        lag: Duration::from_millis(5),
        pending: 10,
        capacity: 1_000,
        refused_lately: 0,
        shards_different: 0,
        verified_ago: Some(Duration::from_secs(1)),
        storage: StorageFacts {
            free_percent: Some(50),
            lacks_room: None,
        },
    }
}

/// The active node a, its ready standby b, a witness, two links.
fn healthy() -> PairFacts {
    let link = |name: &str| LinkFacts {
        name: Name::from(name),
        up: true,
        peer_hears_us: true,
    };
    PairFacts {
        maintenance: false,
        here: node("a", NodeRole::Active),
        peer: Some(PeerFacts {
            name: "b".to_owned(),
            heard: true,
            active: None,
            report: Some(node("b", NodeRole::StandbyReady)),
        }),
        witness: Some(WitnessFacts {
            name: "w".to_owned(),
            heard_ago: Some(Duration::from_millis(300)),
            votes: true,
        }),
        links: vec![link("ha0"), link("ha1")],
        agrees: Some(true),
        candidates: Vec::new(),
    }
}

/// What one change makes of a healthy pair.
fn after(change: impl Fn(&mut PairFacts)) -> (Verdict, Vec<Check>) {
    let mut facts = healthy();
    change(&mut facts);
    let judgement = judge(&facts);
    for failed in &judgement.failed {
        assert!(!failed.found.is_empty() && !failed.next_step.is_empty());
    }
    let checks = judgement.failed.iter().map(|failed| failed.check).collect();
    (judgement.verdict, checks)
}

fn peer(facts: &mut PairFacts) -> &mut PeerFacts {
    facts.peer.as_mut().unwrap()
}

fn report(facts: &mut PairFacts) -> &mut NodeFacts {
    peer(facts).report.as_mut().unwrap()
}

#[test]
fn a_healthy_pair_is_protected_seen_from_either_node() {
    assert_eq!(after(|_| {}), (Verdict::Protected, Vec::new()));
    let from_the_standby = after(|facts| {
        facts.here = node("b", NodeRole::StandbyReady);
        let peer = peer(facts);
        peer.active = Some(EPOCH);
        peer.report = Some(node("a", NodeRole::Active));
    });
    assert_eq!(from_the_standby, (Verdict::Protected, Vec::new()));
}

#[test]
fn what_makes_a_pair_worse_than_degraded() {
    let silent = |facts: &mut PairFacts| {
        let peer = peer(facts);
        (peer.heard, peer.report) = (false, None);
        facts.links.iter_mut().for_each(|link| link.up = false);
    };
    assert_eq!(after(silent), (Verdict::Unprotected, vec![Check::Peer]));
    for role in [NodeRole::Failed, NodeRole::Joining, NodeRole::Isolated] {
        assert_eq!(
            after(|facts| report(facts).role = role),
            (Verdict::Unprotected, vec![Check::Standby])
        );
    }
    assert_eq!(
        after(|facts| facts.here.control = Quorum::Lacking),
        (Verdict::NoQuorum, vec![Check::Quorum])
    );
    let why = "no room in /var/lib/tandem".to_owned();
    assert_eq!(
        after(|facts| facts.here.control = Quorum::Stopped { why: why.clone() }),
        (Verdict::NoQuorum, vec![Check::Quorum])
    );
    assert_eq!(
        after(|facts| peer(facts).active = Some(Epoch(0x202))).0,
        Verdict::SplitBrain
    );
    assert_eq!(
        after(|facts| facts.here = node("a", NodeRole::StandbyReady)),
        (Verdict::Unprotected, vec![Check::Roles])
    );
    assert_eq!(
        after(|facts| facts.agrees = Some(false)),
        (Verdict::Unprotected, vec![Check::Drift])
    );
    assert_eq!(
        after(|facts| (facts.peer, facts.witness, facts.links) = (None, None, Vec::new())),
        (Verdict::Unprotected, vec![Check::Peer])
    );
}

#[test]
fn what_only_degrades_a_pair() {
    type Change = fn(&mut PairFacts);
    let table: [(Change, Check); 17] = [
        (
            |facts| report(facts).role = NodeRole::Syncing,
            Check::Standby,
        ),
        (
            |facts| report(facts).role = NodeRole::StandbyNotReady,
            Check::Standby,
        ),
        (|facts| peer(facts).report = None, Check::Peer),
        (|facts| facts.links[1].up = false, Check::HaLinks),
        (|facts| facts.links[0].peer_hears_us = false, Check::HaLinks),
        (
            |facts| facts.witness.as_mut().unwrap().heard_ago = None,
            Check::Witness,
        ),
        (
            |facts| facts.witness.as_mut().unwrap().heard_ago = Some(Duration::from_secs(9)),
            Check::Witness,
        ),
        (
            |facts| facts.witness.as_mut().unwrap().votes = false,
            Check::Witness,
        ),
        (
            |facts| facts.here.interfaces_down = vec![Name::from("wan")],
            Check::Interfaces,
        ),
        (
            |facts| report(facts).running = Revision(2),
            Check::Configuration,
        ),
        (
            |facts| report(facts).lag = Duration::from_secs(2),
            Check::Replication,
        ),
        (|facts| facts.here.pending = 501, Check::Replication),
        (|facts| facts.here.refused_lately = 1, Check::Refusals),
        (|facts| report(facts).shards_different = 1, Check::Drift),
        (
            |facts| facts.here.verified_ago = Some(Duration::from_mins(4)),
            Check::Drift,
        ),
        (
            |facts| facts.here.storage.free_percent = Some(4),
            Check::Storage,
        ),
        (
            |facts| report(facts).storage.lacks_room = Some("no room".to_owned()),
            Check::Storage,
        ),
    ];
    for (change, check) in table {
        assert_eq!(after(change), (Verdict::Degraded, vec![check]));
    }
}

#[test]
fn what_is_not_known_yet_is_not_held_against_the_pair() {
    let unknown = after(|facts| {
        facts.here.storage.free_percent = None;
        facts.here.verified_ago = None;
        facts.witness = None;
        facts.agrees = None;
    });
    assert_eq!(unknown, (Verdict::Protected, Vec::new()));
}

#[test]
fn the_worst_comes_first_and_maintenance_outranks_all() {
    let (verdict, checks) = after(|facts| {
        facts.links[0].up = false;
        facts.here.state = Quorum::Lacking;
    });
    assert_eq!(verdict, Verdict::NoQuorum);
    assert_eq!(checks, [Check::Quorum, Check::HaLinks]);
    let (verdict, checks) = after(|facts| {
        facts.maintenance = true;
        peer(facts).active = Some(Epoch(0x202));
    });
    assert_eq!(verdict, Verdict::Maintenance);
    assert_eq!(checks.first(), Some(&Check::Maintenance));
}

#[test]
fn a_configuration_that_lost_is_named_until_somebody_has_dropped_it() {
    let mut facts = healthy();
    facts.candidates = vec![Name::from("a-r2"), Name::from("a-r3")];
    let judgement = judge(&facts);
    let [failed] = judgement.failed.as_slice() else {
        panic!("{judgement:?}");
    };
    assert_eq!(
        (judgement.verdict, failed.check),
        (Verdict::Degraded, Check::Candidates)
    );
    assert!(failed.found.contains("a-r2, a-r3"), "{}", failed.found);
    assert!(failed.next_step.contains("drop-candidate a-r2"));
}

#[test]
fn the_lack_of_a_quorum_says_who_is_needed_and_where_the_way_on_is_named() {
    let next_step = |with_witness: bool| {
        let mut facts = healthy();
        facts.witness = facts.witness.filter(|_| with_witness);
        facts.here.control = Quorum::Lacking;
        let judgement = judge(&facts);
        judgement.failed.into_iter().next().unwrap().next_step
    };
    assert!(next_step(false).contains("both nodes are needed"));
    assert!(next_step(true).contains("two of three are needed"));
    for with_witness in [false, true] {
        let next_step = next_step(with_witness);
        assert!(next_step.contains("show cluster"), "{next_step}");
        assert!(!next_step.contains("survive"), "{next_step}");
    }
}
