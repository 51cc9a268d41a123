use super::*;

const HEALTHY: GroupFacts = GroupFacts {
    stopped: None,
    has_leader: true,
    is_voter: true,
    lag: Duration::ZERO,
};

fn standby() -> Facts {
    Facts {
        revision: Revision(3),
        running: Revision(3),
        active: None,
        peer_heard: true,
        control: HEALTHY,
        state: HEALTHY,
        interfaces_down: Vec::new(),
        lacks_room: None,
        agreed: TableProof {
            sessions: 2,
            checksum: 7,
        },
        programmed: TableProof {
            sessions: 2,
            checksum: 7,
        },
    }
}

#[test]
fn a_standby_with_equal_tables_is_ready() {
    let verdict = assess(&standby());
    assert_eq!(
        (verdict.role, verdict.ready),
        (NodeRole::StandbyReady, true)
    );
}

#[test]
fn equal_counts_with_another_checksum_are_not_ready() {
    let mut facts = standby();
    facts.programmed.checksum = 8;
    let verdict = assess(&facts);
    assert_eq!(verdict.role, NodeRole::StandbyNotReady);
    assert_eq!(
        verdict.reasons,
        [Reason::TablesDiffer {
            agreed: 2,
            programmed: 2
        }]
    );
}

#[test]
fn a_returning_learner_is_syncing() {
    let mut facts = standby();
    facts.state.is_voter = false;
    assert_eq!(assess(&facts).role, NodeRole::Syncing);
}

#[test]
fn an_active_node_without_its_peer_is_active_and_not_ready() {
    let mut facts = standby();
    facts.active = Some(Epoch(0x101));
    facts.peer_heard = false;
    let verdict = assess(&facts);
    assert_eq!((verdict.role, verdict.ready), (NodeRole::Active, false));
    assert_eq!(verdict.reasons, [Reason::PeerSilent]);
}

#[test]
fn a_group_that_has_stopped_is_named_with_its_reason_once() {
    let mut facts = standby();
    facts.control.has_leader = false;
    facts.control.stopped = Some("no room for the store".to_owned());
    let verdict = assess(&facts);
    assert_eq!(verdict.role, NodeRole::StandbyNotReady);
    let reasons: Vec<_> = verdict.reasons.iter().map(ToString::to_string).collect();
    assert!(
        matches!(reasons.as_slice(), [only] if only.contains("no room for the store")),
        "{reasons:?}"
    );
}

#[test]
fn a_store_without_room_makes_a_standby_not_ready_and_says_what_to_do() {
    let mut facts = standby();
    facts.lacks_room = Some("no room for the store".to_owned());
    let verdict = assess(&facts);
    assert_eq!(verdict.role, NodeRole::StandbyNotReady);
    let reasons: Vec<_> = verdict.reasons.iter().map(ToString::to_string).collect();
    assert_eq!(
        reasons,
        ["no room for the store; make room, and the node goes on by itself"]
    );
    facts.active = Some(Epoch(0x101));
    let verdict = assess(&facts);
    assert_eq!((verdict.role, verdict.ready), (NodeRole::Active, false));
}

#[test]
fn alone_without_a_leader_is_isolated() {
    let mut facts = standby();
    facts.peer_heard = false;
    facts.state.has_leader = false;
    assert_eq!(assess(&facts).role, NodeRole::Isolated);
}

#[test]
fn a_dead_interface_outranks_everything_but_the_configuration() {
    let mut facts = standby();
    facts.interfaces_down = vec![Name::from("wan")];
    assert_eq!(assess(&facts).role, NodeRole::Failed);
    facts.revision = Revision::default();
    assert_eq!(assess(&facts).role, NodeRole::Joining);
}
