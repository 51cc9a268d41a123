//! Histories that must be explained, and those that must be refused.

use super::*;

#[test]
fn a_history_without_overlap_is_explained() {
    let mut history = history();
    history.commits = vec![
        commit(10, 20, 1, committed(2)),
        commit(30, 40, 1, Answer::Stale(2)),
        commit(50, 60, 2, committed(3)),
    ];
    history.reads = vec![read(25, 26, 0, 2), read(70, 71, 0, 3), read(70, 71, 1, 2)];
    history.end = ends(3);
    let summary = history.check().unwrap();
    assert_eq!(
        summary,
        Summary {
            committed: 2,
            stale: 1,
            reads: 3,
            last_revision: 3,
            ..Summary::default()
        }
    );
}

#[test]
fn commits_that_overlap_may_take_effect_in_the_other_order() {
    let mut history = history();
    // Asked first, done second: both are under way from 10 to 20.
    history.commits = vec![
        commit(0, 20, 2, committed(3)),
        commit(10, 30, 1, committed(2)),
    ];
    history.end = ends(3);
    history.check().unwrap();
    // One after the other in real time they may not.
    history.commits = vec![
        commit(0, 9, 2, committed(3)),
        commit(10, 30, 1, committed(2)),
    ];
    assert!(matches!(
        history.check(),
        Err(Violation::Inexplicable {
            explained: 0,
            of: 2,
            ..
        })
    ));
}

#[test]
fn an_acknowledged_commit_that_is_lost_is_found() {
    // It is not there in the end.
    let mut gone = history();
    gone.commits = vec![commit(10, 20, 1, committed(2))];
    gone.end = ends(1);
    assert!(
        matches!(
            gone.check(),
            Err(Violation::Lost {
                revision: 2,
                ends_with: 1,
                ..
            })
        ),
        "{:?}",
        gone.check()
    );
    // Another one has taken its place, seen only by who reads.
    let mut replaced = history();
    let other = Commit {
        digest: 777,
        ..commit(15, 0, 1, Answer::Unknown)
    };
    replaced.commits = vec![commit(10, 20, 1, committed(2)), other];
    replaced.end = ends(2);
    replaced.check().unwrap();
    replaced.told.push(Version {
        revision: 2,
        digest: 777,
    });
    assert!(matches!(
        replaced.check(),
        Err(Violation::TwoTexts { revision: 2, .. })
    ));
    // The register is found older than it was: somebody is told so.
    let mut older = history();
    older.commits = vec![
        commit(10, 20, 1, committed(2)),
        commit(30, 40, 5, Answer::Stale(1)),
    ];
    older.end = ends(2);
    assert!(matches!(older.check(), Err(Violation::Inexplicable { .. })));
}

#[test]
fn two_acknowledged_commits_on_one_base_are_found() {
    let mut history = history();
    history.commits = vec![
        commit(10, 20, 1, committed(2)),
        Commit {
            digest: 777,
            ..commit(11, 21, 1, committed(2))
        },
    ];
    assert!(matches!(
        history.check(),
        Err(Violation::TwoTexts { revision: 2, .. })
    ));
    // Even if their texts could not be told apart.
    for commit in &mut history.commits {
        commit.digest = digest(2);
    }
    history.end = ends(2);
    assert!(matches!(
        history.check(),
        Err(Violation::Inexplicable {
            explained: 1,
            of: 2,
            revision: 2,
            ..
        })
    ));
}

#[test]
fn a_commit_under_a_number_that_is_not_the_next_is_found() {
    let mut history = history();
    history.commits = vec![Commit {
        digest: digest(3),
        ..commit(10, 20, 1, committed(3))
    }];
    history.end = ends(3);
    assert!(matches!(
        history.check(),
        Err(Violation::Inexplicable { .. })
    ));
}

#[test]
fn a_refusal_without_a_reason_is_found() {
    let mut history = history();
    // Nobody else has committed: base 1 was the newest.
    history.commits = vec![commit(10, 20, 1, Answer::Stale(1))];
    assert!(matches!(
        history.check(),
        Err(Violation::Inexplicable { .. })
    ));
    // It names a revision that came only later.
    history.commits = vec![
        commit(10, 20, 0, Answer::Stale(2)),
        commit(30, 40, 1, committed(2)),
    ];
    history.end = ends(2);
    assert!(matches!(
        history.check(),
        Err(Violation::Inexplicable { .. })
    ));
}

#[test]
fn an_unknown_commit_may_come_late_or_never() {
    let mut history = history();
    history.commits = vec![commit(10, 0, 1, Answer::Unknown)];
    history.check().unwrap();

    // Long after it was given up, between two answers that speak of it.
    history.commits.push(commit(50, 60, 0, Answer::Stale(1)));
    history.commits.push(commit(70, 80, 0, Answer::Stale(2)));
    history.reads = vec![read(55, 56, 0, 1), read(75, 76, 0, 2)];
    history.end = ends(2);
    let summary = history.check().unwrap();
    assert_eq!((summary.unknown, summary.unknown_done), (1, 1));

    // Not before it was asked.
    history.commits = vec![
        commit(10, 0, 1, Answer::Unknown),
        commit(1, 5, 0, Answer::Stale(2)),
    ];
    history.reads.clear();
    assert!(matches!(
        history.check(),
        Err(Violation::Inexplicable { .. })
    ));
    // And not twice.
    history.commits = vec![
        commit(10, 0, 1, Answer::Unknown),
        commit(20, 30, 0, Answer::Stale(2)),
        commit(40, 50, 0, Answer::Stale(3)),
    ];
    history.end = ends(3);
    assert!(matches!(
        history.check(),
        Err(Violation::Inexplicable { .. })
    ));
}

#[test]
fn of_two_unknown_commits_the_one_that_was_seen_was_done() {
    let mut history = history();
    let other = Commit {
        digest: 777,
        ..commit(35, 0, 1, Answer::Unknown)
    };
    history.commits = vec![
        commit(10, 0, 1, Answer::Unknown),
        other,
        commit(20, 30, 0, Answer::Stale(2)),
    ];
    history.end = ends(2);
    assert_eq!(history.check().unwrap().unknown_done, 1);
    // The one that was asked only after 2 was met cannot have made it.
    for end in &mut history.end {
        end.version.digest = 777;
    }
    assert!(matches!(
        history.check(),
        Err(Violation::Inexplicable { .. })
    ));
}

#[test]
fn a_node_may_be_late_and_must_not_go_back() {
    let mut history = history();
    history.commits = vec![commit(10, 20, 1, committed(2))];
    history.end = ends(2);
    // Late, and each at its own pace.
    history.reads = vec![read(30, 31, 0, 2), read(40, 41, 1, 1)];
    history.check().unwrap();
    // Overlapping reads may be answered in any order.
    history.reads = vec![read(30, 41, 0, 2), read(40, 50, 0, 1)];
    history.check().unwrap();
    history.reads = vec![read(30, 39, 0, 2), read(32, 50, 1, 1), read(40, 50, 0, 1)];
    assert!(matches!(history.check(), Err(Violation::WentBack { .. })));
    // A new life begins with what it knows to be agreed on.
    for read in &mut history.reads {
        read.source.life = u16::from(read.asked > Moment(39));
    }
    history.check().unwrap();
}

#[test]
fn nobody_reads_what_is_not_proposed_yet_or_never() {
    let mut history = history();
    history.commits = vec![commit(10, 20, 1, committed(2))];
    history.end = ends(2);
    history.reads = vec![read(5, 11, 0, 2)];
    history.check().unwrap();
    history.reads = vec![read(5, 9, 0, 2)];
    assert!(matches!(history.check(), Err(Violation::Ahead { .. })));
    // A commit that was refused was never there.
    history.commits.push(commit(30, 40, 1, Answer::Stale(2)));
    history.reads = vec![read(50, 60, 0, 3)];
    history.end = ends(3);
    assert!(matches!(history.check(), Err(Violation::Invented { .. })));
}

#[test]
fn nodes_that_end_apart_are_found() {
    let mut history = history();
    history.commits = vec![commit(10, 20, 1, committed(2))];
    history.end = vec![end(0, 2), end(1, 1)];
    assert!(matches!(
        history.check(),
        Err(Violation::Lost { node: 1, .. })
    ));
}

/// Fifty leaders die, each leaving eight commits without an answer; the search stays short even where
/// there is no explanation.
#[test]
fn many_unknown_commits_do_not_make_the_search_long() {
    let mut history = history();
    let mut now = 0;
    for revision in 1..=400 {
        for client in 0..8 {
            now += 1;
            history.commits.push(Commit {
                digest: 1_000_000 + now,
                ..commit(now, 0, revision, Answer::Unknown)
            });
            let met = commit(now, now + 8, 0, Answer::Stale(revision));
            history.commits.extend((client > 0).then_some(met));
        }
        // One of the eight has been done, nobody knows which.
        now += 10;
    }
    let newest = Version {
        revision: 401,
        digest: 1_000_000 + now - 10,
    };
    history.end = vec![End {
        node: 0,
        version: newest,
    }];
    history.check().unwrap();
    history
        .commits
        .push(commit(now, now + 1, 0, Answer::Stale(7)));
    assert!(matches!(
        history.check(),
        Err(Violation::Inexplicable { .. })
    ));
}

/// Revision 1 runs, and nothing has happened.
fn history() -> History {
    History {
        first: version(1),
        commits: Vec::new(),
        reads: Vec::new(),
        told: Vec::new(),
        end: ends(1),
    }
}

fn committed(revision: u64) -> Answer {
    Answer::Committed(revision)
}

/// A commit of the text that belongs to the revision after its base.
fn commit(asked: u64, answered: u64, base: u64, answer: Answer) -> Commit {
    Commit {
        asked: Moment(asked),
        answered: Moment(answered),
        base,
        digest: digest(base + 1),
        answer,
    }
}

fn read(asked: u64, answered: u64, node: u8, revision: u64) -> Read {
    Read {
        asked: Moment(asked),
        answered: Moment(answered),
        source: Source { node, life: 0 },
        version: version(revision),
    }
}

fn ends(revision: u64) -> Vec<End> {
    vec![end(0, revision), end(1, revision)]
}

fn end(node: u8, revision: u64) -> End {
    End {
        node,
        version: version(revision),
    }
}

fn version(revision: u64) -> Version {
    Version {
        revision,
        digest: digest(revision),
    }
}

fn digest(revision: u64) -> u64 {
    revision * 100
}
