//! Whether this node goes on without the other one: facts from everybody, judged by `ha::survivor`.

mod questions;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use config::bootstrap::WithoutQuorum;
use ha::survivor::{Action, Event, Facts, Policy, Survivor, Verdict};
use raft::{Control, Health, MemberKind};
use raft_state::SurvivalReason;
use runtime::{Clock, Shutdown};
use tokio::sync::watch;
use types::{Instant, Name};

use crate::anchors::Neighbour;
use crate::plan;
use crate::running::Running;
use crate::site::{Peer, Site};
use questions::{Questions, Who};

/// Between two looks.
const INTERVAL: Duration = Duration::from_millis(100);
/// A word of the peer counts for so long.
const FRESH: Duration = Duration::from_secs(2);
/// The peer's name among the places where it may be heard.
pub(crate) const AGREEMENT: &str = "the members' own connection";

/// What an operator is shown, and what orders are judged by.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) policy: Policy,
    pub(crate) verdict: Verdict,
    /// Where the peer has been heard lately.
    pub(crate) heard_on: Vec<Name>,
}

/// Looks at everybody.
pub(crate) struct Judge {
    pub(crate) clock: Clock,
    pub(crate) control: Control,
    pub(crate) redundancy: Option<vrrp::Handle>,
    pub(crate) running: watch::Receiver<Running>,
    pub(crate) site: Site,
    /// What holds while there is no witness.
    pub(crate) policy: Policy,
    pub(crate) anchors: Vec<IpAddr>,
    /// Empty while there is no other node.
    pub(crate) view: watch::Sender<Option<View>>,
}

/// What the judge remembers from one look to the next.
#[derive(Default)]
struct Memory {
    /// Advertisements of each shared device, as counted at the last look.
    adverts: BTreeMap<String, u64>,
    /// When the peer was last heard at each place.
    heard: BTreeMap<Name, Instant>,
    questions: Questions,
}

/// The policy of `node.toml`, and whom it relies on.
pub(crate) fn policy(without_quorum: &WithoutQuorum) -> (Policy, Vec<IpAddr>) {
    match without_quorum {
        WithoutQuorum::Freeze => (Policy::Freeze, Vec::new()),
        WithoutQuorum::Survive { hold_time, anchors } => {
            (Policy::Survive { hold: *hold_time }, anchors.clone())
        }
    }
}

impl Judge {
    /// Judges until the subsystem stops, each other node by what is known of that one alone.
    pub(crate) async fn run(self, mut shutdown: Shutdown) {
        loop {
            let peer = self.site.peer();
            // Cancel safe: a judgement that is given up is made anew, about somebody else.
            tokio::select! {
                () = self.attend(peer.as_ref()) => {}
                () = self.site.other_than(peer.as_ref()) => {}
                () = shutdown.requested() => return,
            }
        }
    }

    /// Never returns.
    async fn attend(&self, peer: Option<&Peer>) {
        let Some(peer) = peer else {
            self.view.send_replace(None);
            return std::future::pending().await;
        };
        let mut policy = self.policy_now();
        let mut machine = Survivor::new(policy);
        let mut memory = Memory::default();
        loop {
            // A witness comes or goes while everybody runs: who decides changes at once.
            if policy != self.policy_now() {
                policy = self.policy_now();
                machine = Survivor::new(policy);
            }
            let facts = self.look(peer, &mut memory).await;
            let actions = machine.handle(Event::Looked(facts), self.clock.now());
            self.show(policy, &machine, &memory);
            for action in actions {
                match action {
                    Action::Report(verdict) => report(&verdict),
                    Action::Survive { silent_for } => self.survive(silent_for).await,
                }
            }
            self.clock
                .wait_until(Some(self.clock.now() + INTERVAL))
                .await;
        }
    }

    async fn look(&self, peer: &Peer, memory: &mut Memory) -> Facts {
        let now = self.clock.now();
        let quorum = self.has_quorum();
        let redundancy = self.redundancy.as_ref().map(vrrp::Handle::status);
        let mut links_up: Vec<Name> = redundancy
            .iter()
            .flat_map(|status| &status.links)
            .filter(|link| link.up)
            .map(|link| link.name.clone())
            .collect();
        let heard_ago = self
            .control
            .status()
            .member(peer.id)
            .and_then(|peer| peer.heard_ago);
        if heard_ago.is_some_and(|ago| ago < FRESH) {
            links_up.push(Name::from(AGREEMENT));
        }
        let mut adverts_on = Vec::new();
        for member in redundancy.iter().flat_map(|status| &status.members) {
            let device = format!("{} {}", member.device, member.family);
            let before = memory.adverts.insert(device, member.adverts_received);
            let heard = before.is_some_and(|before| before != member.adverts_received);
            let device = Name::from(member.device.as_str());
            // Once for both families.
            if heard && !adverts_on.contains(&device) {
                adverts_on.push(device);
            }
        }
        memory.questions.collect(now).await;
        if !quorum && memory.questions.is_due(now) {
            memory.questions.ask(self.round(peer), self.clock, now);
        }
        // Only an active node advertises: a standby that is there answers.
        for device in memory.questions.peer() {
            if !adverts_on.contains(device) {
                adverts_on.push(device.clone());
            }
        }
        for place in links_up.iter().chain(&adverts_on) {
            memory.heard.insert(place.clone(), now);
        }
        memory.heard.retain(|_, at| now - *at < FRESH);
        Facts {
            quorum,
            links_up,
            adverts_on,
            anchors: self
                .anchors
                .iter()
                .map(|address| (*address, memory.questions.anchor(*address)))
                .collect(),
        }
    }

    /// A group that does not run here, or not yet, lacks no quorum: there is nothing to survive with.
    fn has_quorum(&self) -> bool {
        if self.control.lineage().frozen {
            return false;
        }
        match self.control.status().health {
            Health::NoQuorum => false,
            Health::Ok | Health::Starting | Health::Stopped(_) => true,
        }
    }

    /// Whom to ask, and how.
    fn round(&self, peer: &Peer) -> Vec<(Who, Neighbour)> {
        let running = self.running.borrow().clone();
        let Ok((router, node)) = plan::locate(&running.valid, &self.site.router, &self.site.node)
        else {
            return Vec::new();
        };
        let anchors = self.anchors.iter().map(|address| {
            let anchor = Neighbour::anchor(*address, router, node);
            (Who::Anchor(*address), anchor)
        });
        let peer = router.node(peer.name.as_str());
        let peer = peer.map(|peer| Neighbour::of_peer(node, peer));
        let peer = peer.into_iter().flatten();
        let peer = peer.map(|(device, neighbour)| (Who::Peer(device), neighbour));
        anchors.chain(peer).collect()
    }

    /// A witness decides, as long as there is one.
    fn policy_now(&self) -> Policy {
        let (members, _) = self.control.roster();
        if members
            .iter()
            .any(|member| member.kind == MemberKind::Witness)
        {
            Policy::Witness
        } else {
            self.policy
        }
    }

    fn show(&self, policy: Policy, machine: &Survivor, memory: &Memory) {
        self.view.send_replace(Some(View {
            policy,
            verdict: machine.verdict().clone(),
            heard_on: memory.heard.keys().cloned().collect(),
        }));
    }

    async fn survive(&self, silent_for: Duration) {
        tracing::warn!(
            ?silent_for,
            "the other node is gone by all evidence: going on alone"
        );
        let by = "policy".to_owned();
        match self.control.survive(SurvivalReason::Evidence, by).await {
            Ok(lineage) => tracing::warn!(%lineage, "alone"),
            // The verdict is made again soon, and another attempt with it.
            Err(error) => tracing::warn!(%error, "not alone"),
        }
    }
}

fn report(verdict: &Verdict) {
    match verdict {
        Verdict::Settled => tracing::info!("the control group has a quorum"),
        Verdict::Waiting(doubts) => {
            let doubts: Vec<_> = doubts.iter().map(ToString::to_string).collect();
            tracing::warn!(doubts = doubts.join("; "), "no quorum");
        }
        Verdict::Frozen => tracing::error!(
            "the configuration is frozen: there is no quorum. When the other node is off for good, \
             'tandem request cluster thaw' goes on without it"
        ),
        Verdict::Surviving => tracing::warn!("no quorum, and the other node is gone"),
    }
}
