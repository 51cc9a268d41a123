//! One member of three in a process of its own, so that its memory can be read.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "support of tests: what fails here fails the test"
)]
#![allow(
    dead_code,
    reason = "each file of tests is a crate of its own and uses a part"
)]

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use raft::{
    Cluster, ClusterPlan, GroupStatus, Health, Limits, Listen, Member, MemberKind, MemberRole,
    StoreKind, Timing,
};
use runtime::{Clock, Subsystem};
use types::{Name, NodeId};

/// The third one is the witness.
pub(crate) fn plan(
    me: NodeId,
    addresses: [SocketAddr; 3],
    listener: TcpListener,
    folder: &Path,
) -> ClusterPlan {
    let member = |(id, address): (u8, SocketAddr)| Member {
        id: NodeId(id),
        name: Name::from(format!("member-{id}")),
        kind: match id {
            3 => MemberKind::Witness,
            _ => MemberKind::Node,
        },
        addresses: vec![address],
    };
    ClusterPlan {
        cluster_id: "three".to_owned(),
        me,
        members: (1..).zip(addresses).map(member).collect(),
        listen: Listen::Bound(vec![listener]),
        data_dir: folder.join(me.to_string()),
        store: StoreKind::default(),
        tls: None,
        timing: Timing::default(),
        limits: Limits::default(),
    }
}

/// What the child does: it is the member that its words describe, as the product runs it.
pub(crate) fn run(words: &[String]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let me = NodeId(words[0].parse().unwrap());
    let addresses = [1, 2, 3].map(|place| words[place].parse::<SocketAddr>().unwrap());
    let listener = TcpListener::bind(addresses[usize::from(me.0) - 1]).unwrap();
    let plan = plan(me, addresses, listener, &PathBuf::from(&words[4]));
    runtime.block_on(async {
        let mut subsystem = Subsystem::default();
        let _cluster = raft::start(plan, Clock::start(), &mut subsystem)
            .await
            .unwrap();
        let _end = subsystem.first_end().await;
    });
}

/// Ends with the test.
pub(crate) struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _gone_already = self.0.kill();
        let _gone_already = self.0.wait();
    }
}

impl Process {
    /// Starts this program once more, as the member `me`. It listens where `addresses` say, and reaches
    /// the others there.
    pub(crate) fn start(me: NodeId, addresses: [SocketAddr; 3], folder: &Path) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["member".to_owned(), me.to_string()])
            .args(addresses.map(|address| address.to_string()))
            .arg(folder)
            .spawn();
        Self(child.unwrap())
    }

    /// Kilobytes of the process under one of the kernel's keys.
    pub(crate) fn kib(&self, key: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

/// Runs the test, or the child, or tells a test runner what there is.
pub(crate) fn program<F: Future<Output = ()>>(test: &str, run_test: impl FnOnce() -> F) {
    let words: Vec<_> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "member") {
        return run(&words[1..]);
    }
    // What the test runner asks of every program with tests.
    if words.iter().any(|word| word == "--list") {
        println!("{test}: test");
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(run_test());
}

/// Whether everybody votes in both groups, and is well, as `cluster` sees it.
pub(crate) fn is_complete(cluster: &Cluster) -> bool {
    let complete = |status: &GroupStatus| {
        let votes = |member: &raft::MemberStatus| member.role == MemberRole::Voter;
        status.health == Health::Ok && status.members.iter().all(votes)
    };
    complete(&cluster.control.status()) && complete(&cluster.state.status())
}
