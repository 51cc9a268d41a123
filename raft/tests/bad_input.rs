//! Whatever reaches a member: it is answered or refused, and nothing that was agreed on changes.
//!
//! A damaged message is refused whoever sent it. A whole one that no honest member can have sent is
//! refused by the rule that it breaks. What is left to a true member is in `sieve`'s first lines.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail where it stands"
)]

mod bad;
mod memory;

use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;
use proto::raft::{Header, HelloRequest, Kind, Request};
use raft::seam::Failure;

use bad::{Absurdity, FOLLOWER, LEADER, Stage, absurdity, cases, damage};
use memory::mirror::{self, Append, Candidacy, Entry, LeaderId, LogId, Payload};
use memory::{A, B, W};
use types::NodeId;

#[test]
fn bytes_that_are_no_message_change_nothing() {
    let stage = Stage::new();
    let input = (0..6_usize, 0..8_i32, vec(any::<u8>(), 0..300));
    cases(60)
        .run(&input, |(seed, kind, noise)| {
            for victim in [A, B, W] {
                // As the whole message, as a sealed payload of any kind, and on a stream.
                if let Ok(request) = Request::decode(&*noise) {
                    stage.refuses(victim, &request);
                }
                let header = stage.header(victim, seed);
                let kind = Kind::try_from(kind).unwrap();
                let versioned = [&[1], &*noise].concat();
                for payload in [noise.clone(), versioned] {
                    stage.leaves_alone(victim, &mirror::sealed(&header, kind, payload));
                }
            }
            Ok(())
        })
        .unwrap();
    stage.goes_on();
}

#[test]
fn damaged_messages_of_true_members_are_refused() {
    let stage = Stage::new();
    let letters = stage.letters();
    assert!(letters.len() > 10, "{} messages", letters.len());
    cases(400)
        .run(&damage(letters.len()), |damage| {
            let (to, original) = &letters[damage.which];
            let other = &letters[damage.other % letters.len()].1;
            let bytes = damage.done_to(&original.encode_to_vec(), &other.encode_to_vec());
            if let Ok(request) = Request::decode(&*bytes)
                && request != *original
                && request != *other
            {
                stage.refuses(*to, &request);
            }
            Ok(())
        })
        .unwrap();
    stage.goes_on();
}

#[test]
fn whole_messages_that_no_honest_member_sends_are_refused_by_name() {
    let stage = Stage::new();
    cases(120)
        .run(&absurdity(), |absurdity| {
            for victim in [FOLLOWER, W] {
                for group in [1, 2] {
                    let Some((request, reason)) = stage.made_up(victim, group, &absurdity) else {
                        continue;
                    };
                    let refusal = stage.refuses(victim, &request);
                    let Failure::Invalid(said) = &refusal else {
                        panic!("{absurdity:?}: {refusal}");
                    };
                    assert!(said.contains(reason), "{absurdity:?}: {said}");
                }
            }
            Ok(())
        })
        .unwrap();
    stage.goes_on();
}

/// A term may rise as far as elections can have made it, and no further.
#[test]
fn a_higher_vote_of_a_true_member_raises_the_term_and_nothing_else() {
    let stage = Stage::new();
    let before = stage.look(W);
    let header = stage.header_between(FOLLOWER, W, 2);
    let current = stage.vote(W, 2);
    let mut vote = current;
    vote.leader.term += 7;
    vote.leader.node = header.source;
    vote.committed = false;
    // As in the election that a leader asked for: the lease of the present one does not protect it.
    let candidacy = Candidacy {
        vote,
        last: stage.last(W, 2),
        transfer: true,
    };
    let request = mirror::sealed(&header, Kind::Vote, mirror::bytes(&candidacy));
    stage.ask(W, &request).unwrap();
    let after = stage.look(W);
    assert_eq!(after.state.term, current.leader.term + 7);
    assert_eq!(after.control, before.control);
    assert_eq!(after.state.checksum, before.state.checksum);
    assert_eq!(after.state.members, before.state.members);
    stage.goes_on();
}

#[test]
fn strangers_and_strays_are_turned_away() {
    let stage = Stage::new();
    let right = stage.header(FOLLOWER, 0);
    let wrong = |change: fn(&mut Header)| {
        let mut header = right.clone();
        change(&mut header);
        header
    };
    for header in [
        wrong(|header| header.cluster_id.push('x')),
        wrong(|header| header.group = 3),
        wrong(|header| header.source = 9 << 32 | 1),
        wrong(|header| header.source = u64::MAX),
        wrong(|header| header.source = header.target),
        wrong(|header| header.target += 1),
        wrong(|header| header.target = u64::MAX),
        wrong(|header| header.generation += 1),
        wrong(|header| header.protocol = 0),
    ] {
        for kind in 0..8 {
            let kind = Kind::try_from(kind).unwrap();
            for payload in [Vec::new(), mirror::bytes(&(header.source, FOLLOWER.0))] {
                // Whoever asks to be taken in names no life of the other one.
                if kind == Kind::Join && header.target != right.target {
                    continue;
                }
                stage.refuses(FOLLOWER, &mirror::sealed(&header, kind, payload));
            }
        }
    }
    let hello = |source, node, cluster: &str| HelloRequest {
        cluster_id: cluster.to_owned(),
        node,
        notice_seen: Some(u64::MAX),
        source,
        protocol: raft::seam::PROTOCOL,
    };
    let server = stage.server(FOLLOWER);
    assert!(server.hello(&hello(2, 1, "memory")).is_ok());
    for question in [
        hello(9, 1, "memory"),
        hello(u32::MAX, 1, "memory"),
        hello(2, 3, "memory"),
        hello(2, 1, "another"),
    ] {
        assert!(server.hello(&question).is_err());
    }
    let too_old = HelloRequest {
        protocol: raft::seam::PROTOCOL - 1,
        ..hello(2, 1, "memory")
    };
    let refused = server.hello(&too_old).unwrap_err().to_string();
    assert!(refused.contains("upgrade that member first"), "{refused}");
    assert_eq!(stage.look(FOLLOWER), stage.before[&FOLLOWER]);
    stage.goes_on();
}

#[test]
fn absurd_snapshots_are_refused_before_anything_of_them_is_kept() {
    let stage = Stage::new();
    for victim in [FOLLOWER, W] {
        for group in [1, 2] {
            for (spoiled, reason) in stage.absurd_snapshots(victim, group) {
                let refusal = stage.send_snapshot(victim, &spoiled, &[]).unwrap_err();
                let Failure::Invalid(said) = &refusal else {
                    panic!("{reason}: {refusal}");
                };
                assert!(said.contains(reason), "{said}, not {reason}");
                assert_eq!(stage.look(victim), stage.before[&victim], "{reason}");
            }
        }
    }
    stage.goes_on();
}

#[test]
fn chunks_that_do_not_belong_there_are_refused() {
    let stage = Stage::new();
    let (first, data) = stage.old_snapshot(FOLLOWER, 2);
    let half = data.len() / 2;
    let at = u64::try_from(half).unwrap();
    let (front, back) = (
        mirror::chunk(0, &data[..half]),
        mirror::chunk(at, &data[half..]),
    );
    let mut damaged = back.clone();
    damaged.digest = damaged.digest.map(|digest| digest ^ 1);
    let mut bare = back.clone();
    bare.digest = None;
    for chunks in [
        vec![],
        vec![front.clone()],
        vec![back.clone()],
        vec![front.clone(), front.clone()],
        vec![front.clone(), damaged],
        vec![front.clone(), bare],
        vec![front.clone(), back.clone(), mirror::chunk(2 * at, b"more")],
        vec![front.clone(), mirror::chunk(at, &data[..data.len() - half])],
        // The last one would need a gigabyte to hold.
        vec![front.clone(), mirror::chunk(1 << 30, b"far")],
    ] {
        assert!(
            stage.send_snapshot(FOLLOWER, &first, &chunks).is_err(),
            "{chunks:?}"
        );
        assert_eq!(stage.look(FOLLOWER), stage.before[&FOLLOWER], "{chunks:?}");
    }
    // A whole one of long ago is taken note of, and changes nothing either.
    stage
        .send_snapshot(FOLLOWER, &first, &[front, back])
        .unwrap();
    assert_eq!(stage.look(FOLLOWER), stage.before[&FOLLOWER]);
    stage.goes_on();
}

/// What `leader` says of the entries behind the victim's last one: the terms in which they were proposed.
/// All of them are agreed on, it says.
fn newly_elected(stage: &Stage, victim: NodeId, terms: &[u64]) -> Request {
    let header = stage.header_between(LEADER, victim, 2);
    let look = &stage.before[&victim].state;
    let mut vote = look.vote;
    vote.leader.term += 1;
    let previous = look.last.unwrap();
    let entries: Vec<_> = (previous.index + 1..)
        .zip(terms)
        .map(|(index, term)| {
            let leader = LeaderId {
                term: *term,
                node: vote.leader.node,
            };
            let payload = Payload::<()>::Blank;
            Entry {
                at: LogId { leader, index },
                payload,
            }
        })
        .collect();
    let append = Append {
        vote,
        previous: Some(previous),
        agreed: entries.last().map(|entry| entry.at),
        entries,
    };
    mirror::sealed(&header, Kind::Append, mirror::bytes(&append))
}

/// Each of the two can be said, but not both: the second one is compared with what the first one made.
#[test]
fn of_two_words_at_once_the_second_does_not_contradict_the_first() {
    let stage = Stage::new();
    let term = stage.before[&FOLLOWER].state.vote.leader.term;
    let [new, old] = [term + 1, term].map(|term| newly_elected(&stage, FOLLOWER, &[term]));
    let [first, second] = stage.ask_both(FOLLOWER, &new, &old);
    first.unwrap();
    let refusal = second.unwrap_err().to_string();
    assert!(refusal.contains("contradicts"), "{refusal}");
    let after = stage.look(FOLLOWER).state;
    assert_eq!(after.health, raft::Health::Ok);
    assert_eq!(after.last.map(|last| last.leader.term), Some(term + 1));
}

/// A snapshot takes its time to arrive, and is compared with what there is when it is complete.
#[test]
fn a_snapshot_that_has_come_to_contradict_is_refused_in_the_end() {
    let stage = Stage::new();
    let look = stage.before[&FOLLOWER].state.clone();
    let term = look.vote.leader.term;
    let (first, data) = stage.spoilt_snapshot(FOLLOWER, 2, |description| {
        description.vote.leader.term += 1;
        let last = description.last.as_mut().unwrap();
        last.leader.term += 1;
        last.index += 1;
    });
    let three = newly_elected(&stage, FOLLOWER, &[term; 3]);
    let chunks = [mirror::chunk(0, &data)];
    let [sent, asked] = stage.interrupted_snapshot(FOLLOWER, (&first, &chunks), &three);
    asked.unwrap();
    let refusal = sent.unwrap_err().to_string();
    assert!(refusal.contains("contradicts"), "{refusal}");
    let after = stage.look(FOLLOWER).state;
    assert_eq!(after.health, raft::Health::Ok);
    assert_eq!(after.applied, look.applied + 3);
}

/// The product's own bytes and the test's are the same: else all of the above would prove nothing.
#[test]
fn what_a_test_makes_up_is_what_members_send() {
    let stage = Stage::new();
    for (_, letter) in stage.letters() {
        let header = letter.header.clone().unwrap();
        let payload = letter.payload.to_vec();
        let made = mirror::sealed_in(&header, letter.kind(), letter.form, payload);
        assert_eq!(made, letter);
    }
    let honest = Absurdity::None;
    for victim in [FOLLOWER, W] {
        for group in [1, 2] {
            let (request, _) = stage.made_up(victim, group, &honest).unwrap();
            stage.ask(victim, &request).unwrap();
            assert_eq!(stage.look(victim), stage.before[&victim]);
        }
    }
}
