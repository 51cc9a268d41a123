//! Looks in a row, and listings.

use super::*;

const A: Epoch = Epoch(0x101);

fn at(seconds: u64) -> Instant {
    Instant::START + Duration::from_secs(seconds)
}

/// A table that holds these sessions; fingerprints are the ids.
fn table(ids: &[u128]) -> Digest {
    let mut digest = Digest::default();
    for id in ids {
        digest.add(SessionId(*id), u64::try_from(*id).unwrap());
    }
    digest
}

#[test]
fn an_exact_difference_counts_at_once() {
    let mut monitor = Monitor::default();
    let equality = monitor.look(&table(&[1, 2]), &table(&[1]), Precision::Exact, at(1));
    assert_eq!((equality.equal, equality.different), (1023, 1));
    assert_eq!(equality.verified_ago, None, "one shard was never equal");
    assert_eq!(monitor.to_list(Precision::Exact), [SessionId(2).shard()]);
    let equality = monitor.look(&table(&[1]), &table(&[1]), Precision::Exact, at(2));
    assert_eq!(
        (equality.equal, equality.verified_ago),
        (1024, Some(Duration::ZERO))
    );
    assert_eq!(monitor.to_list(Precision::Exact), [0_usize; 0]);
}

#[test]
fn what_moves_is_no_difference_but_is_listed_when_it_never_rests() {
    let mut monitor = Monitor::default();
    // One shard in which something is always on its way.
    let shard = SessionId(1).shard();
    let same_shard: Vec<_> = (1..)
        .filter(|id| SessionId(*id).shard() == shard)
        .take(6)
        .collect();
    for count in 1..=5 {
        let (ahead, behind) = (table(&same_shard[..count]), table(&same_shard[..count - 1]));
        let equality = monitor.look(&ahead, &behind, Precision::InMotion, at(1));
        assert_eq!((equality.moving, equality.different), (1, 0));
        let expected: &[usize] = if count < 3 { &[] } else { &[shard] };
        assert_eq!(monitor.to_list(Precision::InMotion), expected);
    }
    monitor.verified(shard, at(9));
    assert_eq!(monitor.to_list(Precision::InMotion), [0_usize; 0]);
}

#[test]
fn what_rests_and_differs_is_a_difference_after_a_while() {
    let mut monitor = Monitor::default();
    let (here, there) = (table(&[1, 2]), table(&[1]));
    let mut different = Vec::new();
    for second in 0..5 {
        let equality = monitor.look(&here, &there, Precision::InMotion, at(second));
        different.push(equality.different);
    }
    assert_eq!(different, [0, 0, 0, 1, 1]);
}

#[test]
fn sessions_differ_in_four_ways() {
    let held = [(1, 1), (2, 1), (3, 2), (5, 1)].map(|(id, version)| (SessionId(id), (A, version)));
    let agreed =
        [(1, 1), (2, 2), (3, 1), (4, 1)].map(|(id, version)| (SessionId(id), (A, version)));
    let suspects = compare(held, agreed);
    let differences: Vec<_> = suspects
        .iter()
        .filter_map(|suspect| Some((suspect.id.0, suspect.difference()?)))
        .collect();
    assert_eq!(
        differences,
        [
            (2, Difference::Older),
            (3, Difference::Newer),
            (4, Difference::Missing),
            (5, Difference::Unknown)
        ]
    );
    let mut found = Found::default();
    for (_, difference) in differences {
        found.count(difference);
    }
    assert_eq!(found.sum(), 4);
}

#[test]
fn a_suspicion_waits_for_what_was_on_its_way() {
    let second = Duration::from_secs(1);
    let settled = |now, oldest, precision| is_settled(at(10), at(now), oldest, precision);
    assert!(settled(10, second, Precision::Exact));
    assert!(!settled(11, Duration::ZERO, Precision::InMotion));
    assert!(settled(13, second, Precision::InMotion));
    assert!(
        !settled(13, 3 * second, Precision::InMotion),
        "it may still wait"
    );
}
