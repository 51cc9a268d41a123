//! Who is a member no more, and how it hears of it.

use super::*;

#[test]
fn who_was_removed_is_told_by_whom_and_who_is_leaving_is_still_heard() {
    let mut members = Members::default();
    members.apply(&set(record(A, "a", 1), Certificates::Add));
    members.apply(&set(record(B, "b", 2), Certificates::Add));
    let dismiss = MembersCommand::Dismiss {
        id: B,
        by: "uid 0 on a".to_owned(),
        now_unix_s: 77,
    };
    assert_eq!(members.apply(&dismiss), MembersOutcome::Retiring);
    // Its vote is still needed, so that the others can agree on its end.
    assert_eq!(members.dismissal(B, print(2)), None);
    members.apply(&set(record(B, "b", 3), Certificates::Add));
    members.apply(&MembersCommand::RemoveMember { id: B });
    for shown in [2, 3] {
        let dismissal = members.dismissal(B, print(shown)).unwrap();
        assert_eq!(dismissal.at_unix_s, 77);
        let by = "uid 0 on a".to_owned();
        assert_eq!(dismissal.cause, DismissalCause::Removed { by });
    }
    assert_eq!(members.dismissal(A, print(1)), None);
    assert_eq!(
        members.dismissal(W, print(9)),
        None,
        "nobody knows that one yet"
    );
    assert_eq!(members.apply(&dismiss), MembersOutcome::NotAMember);
}

#[test]
fn a_replaced_machine_is_told_apart_from_the_one_in_its_place() {
    let mut members = Members::default();
    members.apply(&set(record(B, "b", 2), Certificates::Add));
    members.apply(&set(record(B, "b", 3), Certificates::Replace));
    let old = members.dismissal(B, print(2)).unwrap();
    assert_eq!(old.cause, DismissalCause::Replaced);
    assert_eq!(members.dismissal(B, print(3)), None);
    assert_eq!(members.removal(B), None, "its number is a member's");
}

#[test]
fn dismissals_are_forgotten_before_they_are_many() {
    let mut members = Members::default();
    for certificate in 1..=100 {
        let mode = Certificates::Replace;
        members.apply(&set(record(B, "b", certificate), mode));
    }
    assert_eq!(members.dismissals.len(), Members::MAX_DISMISSALS);
    assert!(members.dismissal(B, print(99)).is_some());
    assert_eq!(members.dismissal(B, print(7)).map(|known| known.id), None);
}
