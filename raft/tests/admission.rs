//! Whoever asks to be taken in, or for a certificate, without the right to it: refused by name, and
//! nothing changes; the token is as good as before.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::too_many_lines,
    reason = "a test may fail where it stands, and a table is as long as it is"
)]

mod bad;
mod memory;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use prost::Message;
use proto::raft::{JoinRequest, RenewRequest};
use types::NodeId;

use bad::hall::{Hall, NAME, place, signed};
use bad::{Damage, cases, damage};
use memory::{A, B};

#[test]
fn bytes_that_are_no_question_change_nothing() {
    let mut hall = Hall::new();
    cases(300)
        .run(&vec(any::<u8>(), 0..400), |noise| {
            if let Ok(question) = JoinRequest::decode(&*noise) {
                hall.refuses(&question);
            }
            if let Ok(question) = RenewRequest::decode(&*noise) {
                hall.refuses_renewal(B, &question);
            }
            Ok(())
        })
        .unwrap();
    hall.goes_on();
}

/// Whatever is damaged of a true question but where the newcomer is reached and what it runs, which it
/// may say as it likes. A good token serves whoever has it: with another's signed key it is a true question too.
#[test]
fn damaged_questions_are_refused() {
    let mut hall = Hall::new();
    let is_true = |question: &JoinRequest| {
        let (honest, earlier) = (&hall.honest, &hall.earlier);
        let by = |who: &JoinRequest| {
            question.public_key == who.public_key && question.signature == who.signature
        };
        let good = question.secret == honest.secret && (by(honest) || by(earlier));
        let again = question.secret == earlier.secret && by(earlier);
        (good || again) && question.name == honest.name && question.cluster_id == honest.cluster_id
    };
    cases(300)
        .run(&damage(1), |damage: Damage| {
            let (honest, earlier) = (hall.honest.encode_to_vec(), hall.earlier.encode_to_vec());
            let bytes = damage.done_to(&honest, &earlier);
            if let Ok(question) = JoinRequest::decode(&*bytes)
                && !is_true(&question)
            {
                hall.refuses(&question);
            }
            let (mine, noise) = (hall.renewal.encode_to_vec(), hall.honest.encode_to_vec());
            if let Ok(question) = RenewRequest::decode(&*damage.done_to(&mine, &noise))
                && (question.public_key != hall.renewal.public_key
                    || question.signature != hall.renewal.signature
                    || question.cluster_id != hall.renewal.cluster_id)
            {
                hall.refuses_renewal(B, &question);
            }
            Ok(())
        })
        .unwrap();
    hall.goes_on();
}

/// What is wrong with a question that is right otherwise.
#[derive(Clone, Debug)]
enum Wrong {
    Cluster(String),
    Version,
    SecretOfLength(usize),
    UnknownSecret(Vec<u8>),
    UsedToken,
    ExpiredToken,
    Name(String),
    AnothersName,
    Key(Vec<u8>),
    AnothersKey,
    Signature(Index, u8),
    SignatureOfLength(usize),
    Addresses(usize),
    Address(String),
    MembersAddress,
    Twice,
    Software(String),
}

fn wrong() -> impl Strategy<Value = Wrong> {
    let text = || {
        prop_oneof![
            "\\PC{0,80}",
            "[\\x00-\\x7f]{0,80}",
            Just("a".repeat(15_000))
        ]
    };
    let key = prop_oneof![
        vec(any::<u8>(), 0..200),
        // A point that is on no curve, one at infinity, one in another form.
        vec(any::<u8>(), 64).prop_map(|point| [&[4], &*point].concat()),
        Just([&[4][..], &[0; 64]].concat()),
        Just([&[4][..], &[0xff; 64]].concat()),
        vec(any::<u8>(), 32).prop_map(|point| [&[2], &*point].concat()),
        Just(vec![4; 12_000]),
    ];
    prop_oneof![
        text().prop_map(Wrong::Cluster),
        Just(Wrong::Version),
        prop_oneof![0..20_usize, 21..12_000_usize].prop_map(Wrong::SecretOfLength),
        vec(any::<u8>(), 20).prop_map(Wrong::UnknownSecret),
        Just(Wrong::UsedToken),
        Just(Wrong::ExpiredToken),
        text().prop_map(Wrong::Name),
        Just(Wrong::AnothersName),
        key.prop_map(Wrong::Key),
        Just(Wrong::AnothersKey),
        (any::<Index>(), 1..=u8::MAX).prop_map(|(at, bits)| Wrong::Signature(at, bits)),
        prop_oneof![Just(0), 1..60_usize, 200..9_000_usize].prop_map(Wrong::SignatureOfLength),
        prop_oneof![Just(0), 5..600_usize].prop_map(Wrong::Addresses),
        text().prop_map(Wrong::Address),
        Just(Wrong::MembersAddress),
        Just(Wrong::Twice),
        text().prop_map(Wrong::Software),
    ]
}

impl Wrong {
    /// Changes one thing, and says what must be said to it; `None` if it is not wrong after all.
    fn done_to(&self, question: &mut JoinRequest, hall: &Hall) -> Option<&'static str> {
        Some(match self {
            Self::Cluster(text) => {
                question.cluster_id.clone_from(text);
                "the token is of cluster"
            }
            Self::Version => {
                question.protocol = 0;
                "upgrade that member first"
            }
            Self::SecretOfLength(length) => {
                question.secret = vec![9; *length].into();
                "which no token's has"
            }
            Self::UnknownSecret(secret) => {
                question.secret = secret.clone().into();
                "does not know this token"
            }
            Self::UsedToken => {
                question.secret = hall.secrets.used.to_bytes().into();
                "used already"
            }
            Self::ExpiredToken => {
                question.secret = hall.secrets.expired.to_bytes().into();
                "expired"
            }
            Self::Name(text) if text == NAME => return None,
            Self::Name(text) => {
                question.name.clone_from(text);
                ""
            }
            Self::AnothersName => {
                "node-2".clone_into(&mut question.name);
                "the token is for node-3"
            }
            Self::Key(key) => {
                question.public_key = key.clone().into();
                ""
            }
            Self::AnothersKey => {
                question.public_key = hall.renewal.public_key.clone();
                "was not made by the owner of the key"
            }
            Self::Signature(at, bits) => {
                let mut signature = question.signature.to_vec();
                *at.get_mut(&mut signature) ^= bits;
                question.signature = signature.into();
                "was not made by the owner of the key"
            }
            Self::SignatureOfLength(length) => {
                question.signature = vec![0x30; *length].into();
                "was not made by the owner of the key"
            }
            Self::Addresses(count) => {
                let number = |at| u16::try_from(at).unwrap();
                question.addresses = (0..*count).map(|at| place(number(at))).collect();
                "one to four addresses"
            }
            Self::Address(text) if text.parse::<std::net::SocketAddr>().is_ok() => return None,
            Self::Address(text) => {
                question.addresses.push(text.clone());
                "is no address and port"
            }
            Self::MembersAddress => {
                question.addresses = vec![place(2)];
                "member 2 is reached at"
            }
            Self::Twice => {
                question.addresses = vec![place(9); 2];
                "named twice"
            }
            Self::Software(text) => {
                question.software = format!("{text} ");
                "no version of software"
            }
        })
    }
}

#[test]
fn whoever_has_no_right_to_it_is_refused_by_name() {
    let mut hall = Hall::new();
    cases(400)
        .run(&wrong(), |wrong| {
            let mut question = hall.honest.clone();
            if let Some(reason) = wrong.done_to(&mut question, &hall) {
                let said = hall.refuses(&question).to_string();
                assert!(said.contains(reason), "{wrong:?}: {said}");
            }
            Ok(())
        })
        .unwrap();
    hall.goes_on();
}

/// Who was taken in and asks again gets its answer again, but can neither leave nor spread.
#[test]
fn a_token_that_was_used_moves_nobody() {
    let hall = Hall::new();
    let again = |addresses: Vec<String>| {
        let mut question = hall.earlier.clone();
        question.addresses = addresses;
        hall.refuses(&question).to_string()
    };
    assert!(again(vec![]).contains("not 0"));
    assert!(again((10..30).map(place).collect()).contains("not 20"));
    assert!(again(vec![place(1)]).contains("member 1 is reached"));
    hall.join(hall.earlier.clone()).unwrap();
}

#[test]
fn a_certificate_is_for_the_member_that_asks() {
    let mut hall = Hall::new();
    let asks = |change: &dyn Fn(&mut RenewRequest)| {
        let mut question = hall.renewal.clone();
        change(&mut question);
        question
    };
    for (id, question, reason) in [
        (B, asks(&|q| q.cluster_id.push('x')), "another cluster"),
        (B, asks(&|q| q.cluster_id.clear()), "another cluster"),
        (A, asks(&|_| {}), "was not made by the owner"),
        (NodeId(9), asks(&|_| {}), "not a member"),
        (NodeId(0), asks(&|_| {}), "not a member"),
        (B, asks(&|q| q.public_key = vec![4; 64].into()), "64 bytes"),
        (
            B,
            asks(&|q| q.public_key = vec![4; 65].into()),
            "was not made",
        ),
        (B, asks(&|q| q.signature = vec![].into()), "was not made"),
        (
            B,
            asks(&|q| q.public_key = signed("node-2").public_key.into()),
            "was not made",
        ),
    ] {
        let said = hall.refuses_renewal(id, &question).to_string();
        assert!(said.contains(reason), "{said}, not {reason}");
    }
    hall.goes_on();
}
