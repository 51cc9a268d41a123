//! Lineages that forget, meet or go back.

use super::*;

#[test]
fn a_commit_of_a_lineage_that_lost_must_be_a_candidate() {
    let (mine, others) = (set(0, "mine"), set(0, "another's"));
    let commit = request(1, A, 0, mine.clone());
    let (lost, won) = (state(&[mine]), state(&[others]));
    let answer = made(1);
    let before = [
        applied_in(0x201, A, &lost),
        applied_in(0x202, B, &won),
        told(&commit, &answer, 5),
    ];
    let ended = |control: &ControlState| End {
        members: vec![Final {
            lineage: lineage(0x202),
            ..end(B, control)
        }],
        living: Vec::new(),
    };
    let history = |last| [before.as_slice(), &[last]].concat();
    let forgotten = ended(&won);
    assert!(verdict("no_lost_commit", &history(Observation::Ended(&forgotten))).is_err());

    let mut kept = won.clone();
    for command in raft_state::candidates_of(
        &lost,
        (
            A,
            &Name::from("node-1"),
            ControlLineage::from_wire(0x201).unwrap(),
        ),
        &won,
    ) {
        kept.apply(&command);
    }
    let kept = ended(&kept);
    assert_eq!(
        verdict("no_lost_commit", &history(Observation::Ended(&kept))),
        Ok(())
    );
}

#[test]
fn a_commit_that_its_own_lineage_has_forgotten_need_not_be_a_candidate() {
    let mine: Vec<_> = (0..65)
        .map(|base| set(base, &format!("mine {base}")))
        .collect();
    let won = state(&[set(0, "another's")]);
    let commit = request(1, A, 0, mine[0].clone());
    let answer = made(1);
    let ended = End {
        members: vec![Final {
            lineage: lineage(0x202),
            ..end(B, &won)
        }],
        living: Vec::new(),
    };
    let verdict_after = |commits: usize| {
        let (first, last) = (state(&mine[..1]), state(&mine[..commits]));
        verdict(
            "no_lost_commit",
            &[
                applied_in(0x201, A, &first),
                applied_in(0x202, B, &won),
                told(&commit, &answer, 5),
                applied_in(0x201, A, &last),
                Observation::Ended(&ended),
            ],
        )
    };
    assert!(verdict_after(64).is_err());
    assert_eq!(verdict_after(65), Ok(()));
}

#[test]
fn two_lineages_in_the_end_and_a_way_back_are_rejected() {
    let nothing = ControlState::default();
    let back = [
        applied_in(0x201, A, &nothing),
        applied_in(0x101, A, &nothing),
    ];
    assert!(verdict("one_lineage", &back).is_err());
    let both = End {
        members: [0x201, 0x202]
            .map(|wire| Final {
                lineage: lineage(wire),
                ..end(A, &nothing)
            })
            .to_vec(),
        living: Vec::new(),
    };
    assert!(verdict("one_lineage", &[Observation::Ended(&both)]).is_err());
    let low = End {
        members: vec![end(A, &nothing)],
        living: Vec::new(),
    };
    let higher = applied_in(0x202, B, &nothing);
    assert!(verdict("one_lineage", &[higher, Observation::Ended(&low)]).is_err());
}
