//! By which certificates a member is known.

use super::*;

#[test]
fn a_renewed_certificate_is_known_beside_the_old_one_until_that_expires() {
    let mut members = inviting();
    members.apply(&set(record(A, "a", 2), Certificates::Add));
    for certificate in [1, 2] {
        assert_eq!(members.judge(A, print(certificate)), Judgement::Known);
    }
    let later = MembersCommand::SetMember {
        record: record(A, "a", 3),
        certificates: Certificates::Add,
        now_unix_s: 10_000,
    };
    members.apply(&later);
    assert_eq!(members.judge(A, print(1)), Judgement::OtherCertificate);
    assert_eq!(members.judge(A, print(3)), Judgement::Known);
    // The same proposal a second time changes nothing.
    let before = members.clone();
    members.apply(&later);
    assert_eq!(members, before);
}

#[test]
fn a_member_shows_its_newest_certificates_alone() {
    let mut members = inviting();
    for certificate in 2..10 {
        members.apply(&set(record(A, "a", certificate), Certificates::Add));
    }
    assert_eq!(members.get(A).unwrap().certificates.len(), 4);
    assert_eq!(members.judge(A, print(5)), Judgement::OtherCertificate);
    assert_eq!(members.judge(A, print(6)), Judgement::Known);
    assert_eq!(members.owner_of(print(6)).unwrap().id, A);
}

#[test]
fn who_leaves_does_not_stay_by_renewing_and_is_nobody_once_removed() {
    let mut members = inviting();
    members.apply(&set(record(B, "b", 2), Certificates::Add));
    members.apply(&MembersCommand::Retire { id: B });
    members.apply(&set(record(B, "b", 3), Certificates::Add));
    let leaving = members.get(B).unwrap();
    assert_eq!(leaving.standing, MemberStanding::Leaving);
    members.apply(&MembersCommand::RemoveMember { id: B });
    assert_eq!(members.judge(B, print(3)), Judgement::NotAMember);
    assert_eq!(members.owner_of(print(3)), None);
    for command in [
        MembersCommand::RemoveMember { id: B },
        MembersCommand::Retire { id: B },
    ] {
        assert_eq!(members.apply(&command), MembersOutcome::NotAMember);
    }
}

#[test]
fn a_later_certificate_may_be_a_renewal_and_an_earlier_or_a_taken_one_is_none() {
    let shown = |certificate, until_unix_s| CertificateRecord {
        fingerprint: print(certificate),
        until_unix_s,
    };
    let mut members = Members::default();
    members.apply(&set(record(B, "b", 2), Certificates::Add));
    assert!(members.may_be_news(B, shown(7, 10_001)));
    assert!(!members.may_be_news(B, shown(7, 9_999)));
    assert!(
        !members.may_be_news(W, shown(7, 10_001)),
        "nobody of that number is a member"
    );
    // Both machines were taken in within one second.
    members.apply(&set(record(B, "b", 3), Certificates::Replace));
    assert!(
        !members.may_be_news(B, shown(2, 10_000)),
        "its place was taken"
    );
}
