//! Machines that found a cluster or join one with a token, each with its own folder, on loopback.

#![expect(
    clippy::unwrap_used,
    reason = "support of tests: what fails here fails the test"
)]
#![allow(
    dead_code,
    reason = "each file of tests is a crate of its own and uses a part"
)]

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use identity::{Authority, Label, MemberKey, Subject, Token, files};
use raft::{
    Applicant, Cluster, ClusterPlan, Dismissed, Health, Issuing, JoinError, Joined, Limits, Listen,
    Member, MemberKind, MemberRole, Membership, Pace, Timing, TlsFiles,
};
use raft_state::ControlCommand;
use runtime::{Clock, Subsystem};
use types::{Edition, Name, NodeId};

use crate::support::eventually;
pub(crate) use crate::support::{A, B, W};

/// For a member to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// One machine.
pub(crate) struct Machine {
    pub(crate) id: NodeId,
    cluster_id: String,
    folder: tempfile::TempDir,
    /// What its node.toml says.
    members: Vec<Member>,
    edition: Edition,
    pub(crate) address: SocketAddr,
    listener: Option<TcpListener>,
    can_sign: bool,
    running: Option<(Subsystem, Cluster)>,
}

/// What every node has in its heartbeat.key; nobody beats here.
pub(crate) const HEARTBEAT_KEY: &str = "the key";

/// What `tandem cluster init` does.
pub(crate) fn found(cluster: &str, name: &str) -> Machine {
    let now = Clock::start().unix_millis() / 1_000;
    let subject = Subject {
        cluster: Label::new(cluster).unwrap(),
        member: Label::new(name).unwrap(),
    };
    let authority = Authority::found(subject.cluster.clone(), now).unwrap();
    let key = MemberKey::generate().unwrap();
    let request = key.request(&subject).unwrap();
    let certificate = authority
        .sign(&subject.member, &request, now, Authority::MEMBER_LIFETIME)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let machine = Machine {
        id: NodeId(1),
        cluster_id: cluster.to_owned(),
        folder: tempfile::tempdir().unwrap(),
        members: vec![Member {
            id: NodeId(1),
            name: Name::from(name),
            kind: MemberKind::Node,
            addresses: vec![address],
        }],
        edition: Edition::default(),
        address,
        listener: Some(listener),
        can_sign: true,
        running: None,
    };
    machine.write("ca.pem", &authority.certificate().to_pem());
    machine.write("ca-key.pem", &authority.key_pem());
    machine.write("heartbeat.key", HEARTBEAT_KEY);
    machine.write("member.pem", &(certificate.to_pem() + &key.to_pem()));
    machine
}

/// What `tandem cluster join` does.
pub(crate) async fn join(token: &str, name: &str) -> Result<Machine, JoinError> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let joined = join_with(&Token::parse(token).unwrap(), name, address).await?;
    assert_eq!(joined.pace, PACE);
    let machine = Machine {
        id: joined.id,
        cluster_id: joined.cluster,
        folder: tempfile::tempdir().unwrap(),
        members: joined.members,
        edition: joined.edition,
        address,
        listener: Some(listener),
        can_sign: joined.authority_key.is_some(),
        running: None,
    };
    machine.write("ca.pem", &joined.authority);
    machine.write("member.pem", &joined.identity);
    if let Some(key) = &joined.authority_key {
        machine.write("ca-key.pem", key);
    }
    if let Some(key) = &joined.heartbeat_key {
        machine.write("heartbeat.key", key);
    }
    Ok(machine)
}

/// What the first machine's node.toml says.
const PACE: Pace = Pace {
    rtt_ms: 7,
    election_timeout_ms: 0,
};

/// As if a configuration had a place for everybody but `nobody`.
fn has_place(applicant: &Applicant<'_>) -> Result<(), String> {
    match applicant.name {
        "nobody" => Err("there is no node nobody".to_owned()),
        _ => Ok(()),
    }
}

/// Only the question.
pub(crate) async fn join_with(
    token: &Token,
    name: &str,
    address: SocketAddr,
) -> Result<Joined, JoinError> {
    let key = MemberKey::generate().unwrap();
    raft::join(token, &Label::new(name).unwrap(), &[address], &key).await
}

impl Machine {
    fn write(&self, file: &str, text: &str) {
        files::replace(&self.path(file), text, files::Readers::Owner).unwrap();
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub(crate) async fn start(&mut self) {
        let listener = match self.listener.take() {
            Some(listener) => listener,
            None => TcpListener::bind(self.address).unwrap(),
        };
        let plan = ClusterPlan {
            cluster_id: self.cluster_id.clone(),
            me: self.id,
            members: self.members.clone(),
            listen: Listen::Bound(vec![listener]),
            data_dir: self.path("data"),
            store: raft::StoreKind::default(),
            tls: Some(TlsFiles {
                ca: self.path("ca.pem"),
                cert: self.path("member.pem"),
                key: self.path("member.pem"),
                edition: self.edition,
                issuing: self.can_sign.then(|| Issuing {
                    authority_key: self.path("ca-key.pem"),
                    router: Name::from("router"),
                    heartbeat_key: Some(self.path("heartbeat.key")),
                    pace: PACE,
                    has_place,
                }),
            }),
            timing: Timing {
                propose: Duration::from_secs(3),
                ..Timing::default()
            },
            limits: Limits::default(),
        };
        let _done_before = tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
            .with_test_writer()
            .try_init();
        let mut subsystem = Subsystem::default();
        let cluster = raft::start(plan, Clock::start(), &mut subsystem).await;
        self.running = Some((subsystem, cluster.unwrap()));
    }

    pub(crate) async fn stop(&mut self) {
        let (subsystem, cluster) = self.running.take().unwrap();
        drop(cluster);
        subsystem.stop(PATIENCE).await;
    }

    pub(crate) fn cluster(&self) -> &Cluster {
        &self.running.as_ref().unwrap().1
    }

    pub(crate) fn membership(&self) -> &Membership {
        self.cluster().membership.as_ref().unwrap()
    }

    /// Waits until this machine knows that it is a member no more.
    pub(crate) async fn dismissal(&self) -> Dismissed {
        let dismissed = self.cluster().control.dismissed();
        eventually("its dismissal", || dismissed.borrow().is_some()).await;
        dismissed.borrow().clone().unwrap()
    }

    /// A token for one more machine.
    pub(crate) async fn invite(&self, kind: MemberKind) -> String {
        let invitation = self
            .membership()
            .invite(kind, Duration::from_mins(10))
            .await;
        invitation.unwrap().token
    }

    /// Waits until the list of members is there.
    pub(crate) async fn listed(&self) {
        eventually("the list of members", || {
            !self.membership().records().is_empty()
        })
        .await;
    }

    /// Waits until this machine knows `ids`, and nobody else, as the voters of both groups.
    pub(crate) async fn voters_are(&self, ids: &[NodeId]) {
        eventually("the voters of both groups", || {
            let cluster = self.cluster();
            [cluster.control.status(), cluster.state.status()]
                .iter()
                .all(|status| {
                    let voters = status.members.iter();
                    let voters = voters.filter(|member| member.role == MemberRole::Voter);
                    let voters: Vec<_> = voters.map(|member| member.id).collect();
                    status.health == Health::Ok && status.leader.is_some() && voters == ids
                })
        })
        .await;
    }
}

/// A cluster of two nodes and a witness, made as an operator makes it.
pub(crate) async fn pair_with_witness() -> [Machine; 3] {
    let mut a = found("west", "a");
    a.start().await;
    a.listed().await;
    grow(&a).await;
    let mut b = join(&a.invite(MemberKind::Node).await, "b").await.unwrap();
    b.start().await;
    a.voters_are(&[A, B]).await;
    // The second node can make members, too.
    let mut w = join(&b.invite(MemberKind::Witness).await, "w")
        .await
        .unwrap();
    w.start().await;
    for machine in [&a, &b, &w] {
        machine.voters_are(&[A, B, W]).await;
    }
    [a, b, w]
}

/// Has `wanted` lead the control group of two nodes and a witness: the other node goes until it does.
pub(crate) async fn led_by([a, b, w]: &mut [Machine; 3], wanted: NodeId) {
    let leader = |machine: &Machine| machine.cluster().control.status().leader;
    let rival = if wanted == A { &mut *b } else { &mut *a };
    rival.stop().await;
    eventually("its election", || leader(w) == Some(wanted)).await;
    rival.start().await;
    for machine in [a, b, w] {
        machine.voters_are(&[A, B, W]).await;
        assert_eq!(leader(machine), Some(wanted));
    }
}

/// Fills the log with more than one message carries, so that nobody learns the lists of members in one go.
async fn grow(machine: &Machine) {
    for _ in 0..30 {
        let name = "nobody's".into();
        let command = ControlCommand::DropCandidate { name };
        machine.cluster().control.propose(command).await.unwrap();
    }
}
