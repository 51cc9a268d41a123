//! A cluster whose list of members is agreed on, with tokens of every kind, and who asks to be taken in.

use std::time::Duration;

use identity::{Authority, Label, MemberKey, Request, Secret, Subject};
use proto::raft::{JoinReply, JoinRequest, RenewReply, RenewRequest};
use raft::MemberKind;
use raft::seam::{Failure, Issuer};
use raft_state::{
    Certificates, Checksum, ControlCommand, ControlOutcome, MemberRecord, MemberStanding,
    MembersCommand, MembersOutcome,
};
use tokio::runtime::Runtime;
use types::{Name, NodeId};

use crate::memory::{A, B, Trio, W, eventually, virtual_time};

/// The witness: whoever joins here takes its place.
pub(crate) const NAME: &str = "node-3";
const NOW: u64 = 1_700_000_000;
const LIFE: u64 = 10_000_000;

/// All of the control group that nobody may change by asking.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Book {
    term: u64,
    last: u64,
    applied: u64,
    checksum: Checksum,
    records: Vec<MemberRecord>,
    unused: usize,
}

/// The secrets of tokens.
pub(crate) struct Secrets {
    pub(crate) open: Secret,
    pub(crate) used: Secret,
    pub(crate) expired: Secret,
}

pub(crate) struct Hall {
    runtime: Runtime,
    trio: Trio,
    issuer: Issuer,
    pub(crate) secrets: Secrets,
    /// What has the right to be taken in, made once: making a key takes a while.
    pub(crate) honest: JoinRequest,
    /// Who was taken in before, with the token that is used.
    pub(crate) earlier: JoinRequest,
    /// Of member 2, for its own certificate.
    pub(crate) renewal: RenewRequest,
    /// How it was when the doors opened.
    pub(crate) before: Book,
}

impl Hall {
    pub(crate) fn new() -> Self {
        let runtime = virtual_time();
        let trio = runtime.block_on(Trio::new().formed());
        let authority = Authority::found(Label::new("memory").unwrap(), NOW).unwrap();
        let issuer = Issuer::with(trio.cluster(A), authority, Name::from("router"));
        let secret = || Secret::random().unwrap();
        let secrets = Secrets {
            open: secret(),
            used: secret(),
            expired: secret(),
        };
        let renewal = signed("node-2");
        let mut hall = Self {
            honest: asks(secrets.open, 1),
            earlier: asks(secrets.used, 2),
            renewal: RenewRequest {
                cluster_id: "memory".to_owned(),
                source: 2,
                public_key: renewal.public_key.into(),
                signature: renewal.signature.into(),
            },
            before: book(&trio),
            runtime,
            trio,
            issuer,
            secrets,
        };
        for (id, kind) in [
            (A, MemberKind::Node),
            (B, MemberKind::Node),
            (W, MemberKind::Witness),
        ] {
            let outcome = hall.agree(MembersCommand::SetMember {
                record: record(id, kind),
                certificates: Certificates::Add,
                now_unix_s: NOW,
            });
            assert_eq!(outcome, MembersOutcome::MemberSet);
        }
        for (secret, expires_unix_s) in [
            (hall.secrets.open, NOW + LIFE),
            (hall.secrets.used, NOW + LIFE),
            (hall.secrets.expired, NOW + 1),
        ] {
            let outcome = hall.agree(MembersCommand::AddToken {
                hash: secret.hash(),
                kind: MemberKind::Witness,
                expires_unix_s,
                replaces: Some(Name::from(NAME)),
                now_unix_s: NOW,
            });
            assert_eq!(outcome, MembersOutcome::TokenAdded);
        }
        hall.join(hall.earlier.clone()).unwrap();
        // Time itself, a virtual one: the last of these tokens runs out.
        hall.runtime.block_on(async {
            tokio::time::sleep(Duration::from_secs(2)).await;
        });
        hall.settle();
        hall
    }

    fn agree(&self, command: MembersCommand) -> MembersOutcome {
        let control = &self.trio.cluster(A).control;
        let agreed = control.propose(ControlCommand::Members(command));
        let outcome = self.runtime.block_on(agreed).unwrap();
        let ControlOutcome::Members(outcome) = outcome else {
            panic!("{outcome}");
        };
        outcome
    }

    /// From now on it must stay as it is.
    pub(crate) fn settle(&mut self) {
        self.runtime.block_on(async {
            let state = |id| self.trio.cluster(id).control.state();
            eventually("both nodes know the same", || {
                state(A).checksum() == state(B).checksum()
            })
            .await;
        });
        self.before = self.book();
    }

    pub(crate) fn book(&self) -> Book {
        let _inside = self.runtime.enter();
        book(&self.trio)
    }

    pub(crate) fn join(&self, question: JoinRequest) -> Result<JoinReply, Failure> {
        self.runtime.block_on(self.issuer.join(question))
    }

    pub(crate) fn renew(&self, id: NodeId, question: RenewRequest) -> Result<RenewReply, Failure> {
        self.runtime.block_on(self.issuer.renew(id, question))
    }

    /// `question` is refused in a few words, and nothing changes.
    pub(crate) fn refuses(&self, question: &JoinRequest) -> Failure {
        let refusal = self.join(question.clone()).err();
        self.refused(refusal, question)
    }

    /// The same for a renewal.
    pub(crate) fn refuses_renewal(&self, id: NodeId, question: &RenewRequest) -> Failure {
        let refusal = self.renew(id, question.clone()).err();
        self.refused(refusal, question)
    }

    fn refused(&self, refusal: Option<Failure>, question: &impl std::fmt::Debug) -> Failure {
        let refusal = refusal.unwrap_or_else(|| panic!("it was taken: {question:?}"));
        assert_eq!(self.book(), self.before, "{refusal}: {question:?}");
        let said = refusal.to_string();
        assert!(said.len() < 400, "{said}");
        assert!(!said.contains(char::is_control), "{said:?}");
        refusal
    }

    /// The token is still good, once.
    pub(crate) fn goes_on(&mut self) {
        let reply = self.join(self.honest.clone()).unwrap();
        assert_eq!(reply.id, u32::from(W.0));
        self.settle();
        let mut thief = self.honest.clone();
        let other = signed(NAME);
        thief.public_key = other.public_key.into();
        thief.signature = other.signature.into();
        let refusal = self.refuses(&thief).to_string();
        assert!(refusal.contains("used already"), "{refusal}");
        // Who has not heard the answer asks again.
        assert_eq!(self.join(self.honest.clone()).unwrap().id, reply.id);
        self.renew(B, self.renewal.clone()).unwrap();
    }
}

fn book(trio: &Trio) -> Book {
    let control = &trio.cluster(A).control;
    let (status, state) = (control.status(), control.state());
    let tokens = state.members().tokens();
    Book {
        term: status.term,
        last: status.last_log,
        applied: status.applied,
        checksum: state.checksum(),
        records: state.members().iter().cloned().collect(),
        unused: tokens.filter(|(_, token)| token.used.is_none()).count(),
    }
}

fn record(id: NodeId, kind: MemberKind) -> MemberRecord {
    MemberRecord {
        id,
        name: Name::from(format!("node-{id}")),
        kind,
        addresses: vec![place(u16::from(id.0)).parse().unwrap()],
        certificates: Vec::new(),
        software: "1".to_owned(),
        since_unix_s: NOW,
        standing: MemberStanding::Member,
    }
}

/// Where member `number` is reached, or some newcomer.
pub(crate) fn place(number: u16) -> String {
    format!("192.0.2.{number}:4000")
}

/// A new key and what it signs for `name`.
pub(crate) fn signed(name: &str) -> Request {
    let subject = Subject {
        cluster: Label::new("memory").unwrap(),
        member: Label::new(name).unwrap(),
    };
    MemberKey::generate().unwrap().request(&subject).unwrap()
}

fn asks(secret: Secret, number: u16) -> JoinRequest {
    let request = signed(NAME);
    JoinRequest {
        cluster_id: "memory".to_owned(),
        protocol: raft::seam::PROTOCOL,
        software: "1.2.3".to_owned(),
        secret: secret.to_bytes().into(),
        name: NAME.to_owned(),
        addresses: vec![place(100 + number)],
        public_key: request.public_key.into(),
        signature: request.signature.into(),
    }
}
