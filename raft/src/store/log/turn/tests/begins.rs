//! In which term a member may lead when a life of it begins.

use super::*;
use crate::local::tests::pair_with_witness;

const NOW: u64 = 1_790_000_000;

/// What is left of a vote for `leader` in term 3, which it has won, when a life begins: its term, and whether
/// it counts as won.
fn after(leader: MemberId, store: &MemoryStore, silence: bool) -> (u64, bool) {
    let mut recovered = reopened(store);
    let mut vote = Vote::<ControlGroup>::new(3, leader.to_u64());
    vote.committed = true;
    recovered.log.vote = Some(vote);
    let mut local = pair_with_witness(ME.node);
    local.incarnation = Incarnation(NOW.try_into().unwrap());
    local.silence = silence;
    recovered.begin(&local);
    let vote = recovered.log.vote.unwrap();
    (vote.leader_id.term, vote.committed)
}

#[test]
fn terms_count_on_where_another_node_was_heard() {
    let other = MemberId {
        node: NodeId(1),
        ..ME
    };
    for leader in [ME, other] {
        assert_eq!(after(leader, &disk(), false), (3, true));
    }
}

#[test]
fn whoever_heard_no_other_node_leads_in_a_term_of_its_life_alone() {
    let other = MemberId {
        node: NodeId(1),
        ..ME
    };
    assert_eq!(after(ME, &disk(), true), (NOW, false));
    assert_eq!(after(other, &disk(), true), (NOW, false));
}

#[test]
fn so_does_one_whose_own_vote_is_enough() {
    let mut store = disk();
    let turn = held(&store).refounded(ME, LIFE, &survival(), Vec::new());
    store.write(&turn.unwrap().unwrap().0).unwrap();
    assert!(reopened(&store).decides_alone(ME.node));
    assert!(
        !reopened(&store).decides_alone(NodeId(9)),
        "somebody else does, and this node only learns of it"
    );
    assert_eq!(after(ME, &store, false), (NOW, false));
}

#[test]
fn an_empty_store_has_nothing_to_lead_with() {
    let mut recovered = Recovered::<ControlGroup>::read(&MemoryStore::default()).unwrap();
    let mut local = pair_with_witness(ME.node);
    local.silence = true;
    recovered.begin(&local);
    assert!(recovered.is_blank());
    assert_eq!(recovered.last_index(), None);
    assert_eq!(reopened(&disk()).last_index(), Some(2));
}
