//! Whether a node goes on without a quorum, and on what evidence.

use config::bootstrap::WithoutQuorum;

use crate::sample::{SAMPLE, fails, good, pair, witness};

#[test]
fn a_pair_freezes_unless_it_is_told_to_survive_whether_or_not_there_is_a_witness_now() {
    assert_eq!(good(SAMPLE).without_quorum, WithoutQuorum::Freeze);
    assert_eq!(good(&pair("")).without_quorum, WithoutQuorum::Freeze);
    let freeze = "[ha]\nwithout-quorum = \"freeze\"";
    assert_eq!(good(&pair(freeze)).without_quorum, WithoutQuorum::Freeze);
    let survive =
        "[ha]\nwithout-quorum = \"survive\"\nanchors = [\"192.0.2.254\", \"2001:db8::1\"]";
    let anchors: Vec<_> = ["192.0.2.254", "2001:db8::1"]
        .map(|address| address.parse().unwrap())
        .into();
    let survives = |seconds| WithoutQuorum::Survive {
        hold_time: std::time::Duration::from_secs(seconds),
        anchors: anchors.clone(),
    };
    assert_eq!(good(&pair(survive)).without_quorum, survives(3));
    let patient = format!("{survive}\nhold-time = \"2m\"");
    assert_eq!(good(&pair(&patient)).without_quorum, survives(120));
    let with_witness = format!("{SAMPLE}\n{survive}\n");
    assert_eq!(good(&with_witness).without_quorum, survives(3));
}

#[test]
fn a_survivor_s_evidence_must_be_somebody_else_s_answer() {
    let survive = |rest: &str| pair(&format!("[ha]\nwithout-quorum = \"survive\"\n{rest}"));
    fails(&survive(""), &[("ha.anchors", "required and missing")]);
    for (anchor, reason) in [
        ("192.0.2", "not an IP address"),
        ("198.18.0.2", "a member of the cluster"),
        ("127.0.0.1", "no neighbour's address"),
        ("0.0.0.0", "no neighbour's address"),
        ("224.0.0.18", "no neighbour's address"),
        ("192.0.2.1", "stands here twice"),
    ] {
        let anchors = format!("anchors = [\"192.0.2.1\", \"{anchor}\"]");
        fails(&survive(&anchors), &[("ha.anchors[2]", reason)]);
    }
    let many: Vec<_> = (1..=9).map(|last| format!("\"192.0.2.{last}\"")).collect();
    fails(
        &survive(&format!("anchors = [{}]", many.join(", "))),
        &[("ha.anchors[9]", "8 anchors are enough")],
    );
    for (hold, reason) in [
        ("1s", "outside 2s–1h"),
        ("61m", "outside 2s–1h"),
        ("3", "not a number with"),
    ] {
        let rest = format!("anchors = [\"192.0.2.1\"]\nhold-time = \"{hold}\"");
        fails(&survive(&rest), &[("ha.hold-time", reason)]);
    }
    fails(
        &pair("[ha]\nwithout-quorum = \"panic\""),
        &[("ha.without-quorum", "none of the choices")],
    );
}

#[test]
fn a_policy_without_effect_is_refused() {
    fails(
        &pair("[ha]\nhold-time = \"3s\"\nanchors = [\"192.0.2.1\"]"),
        &[
            ("ha.hold-time", "no effect without"),
            ("ha.anchors", "no effect without"),
        ],
    );
    fails(
        &format!("{}\n[ha]\n", witness()),
        &[("ha", "no effect on this member")],
    );
}
