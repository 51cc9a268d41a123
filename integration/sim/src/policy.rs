//! What a node concludes when it is alone: the product's own policy, looking at a simulated site.
//!
//! ```text
//!   network: is the HA link open? ──┐
//!   site: are adverts heard, do     ├──► ha::survivor::Survivor ──► go on alone
//!         anchors answer?           │
//!   member: is there a quorum? ─────┘
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ha::survivor::{Action, Event, Facts, Policy, Survivor};
use raft::Health;
use types::{Instant, Name, NodeId};

use crate::clock::Millis;
use crate::member::Member;
use crate::network::Network;
use crate::operator::Order;
use crate::random::Random;

/// Between two looks of a policy.
const LOOK: Millis = Millis(100);
/// The one anchor of either node.
const ANCHOR: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1));

/// What is beside the HA links.
#[derive(Debug, Default)]
pub(crate) struct Site {
    /// No advertisement is heard on the shared interfaces.
    pub(crate) lan_is_cut: bool,
    /// Nodes that no anchor answers.
    pub(crate) offside: BTreeSet<NodeId>,
}

/// The policies of all nodes.
#[derive(Debug)]
pub(crate) struct Policies {
    policy: Policy,
    /// By node and life: a policy remembers nothing from one life to the next.
    machines: BTreeMap<(NodeId, u32), Survivor>,
    next: Millis,
}

impl Policies {
    /// Policies that let a node go on alone, if `may` says that there are any; in some runs it takes
    /// an operator all the same.
    pub(crate) fn new(may: bool, mut random: Random) -> Self {
        let policy = if may && random.happens(850) {
            let hold = Duration::from_millis(random.between(300, 2_500));
            Policy::Survive { hold }
        } else {
            Policy::Freeze
        };
        Self {
            policy,
            machines: BTreeMap::new(),
            next: Millis(0),
        }
    }

    /// Lets every node that is awake take a look, if it is time.
    pub(crate) fn orders(
        &mut self,
        now: Millis,
        members: &[Member],
        (network, site): (&Network, &Site),
    ) -> Vec<Order> {
        if self.policy == Policy::Freeze || now < self.next {
            return Vec::new();
        }
        self.next = now + LOOK;
        let mut orders = Vec::new();
        for member in members.iter().filter(|member| is_awake(member)) {
            let facts = facts(member, members, (network, site));
            let machine = self
                .machines
                .entry((member.id, member.lives))
                .or_insert_with(|| Survivor::new(self.policy));
            let at = Instant::START + now.duration();
            for action in machine.handle(Event::Looked(facts), at) {
                match action {
                    Action::Survive { .. } => orders.push(Order::Survive(member.id)),
                    Action::Report(_) => {}
                }
            }
        }
        orders
    }
}

fn is_awake(member: &Member) -> bool {
    let life = member.life.as_ref();
    life.is_some_and(|life| life.stalled_until.is_none())
}

fn facts(me: &Member, members: &[Member], (network, site): (&Network, &Site)) -> Facts {
    let mut others = members.iter().filter(|other| other.id != me.id);
    let speaking = |other: &&Member| is_awake(other);
    let peer = others.find(speaking);
    let on_link = peer.filter(|peer| network.is_open(peer.id, me.id));
    let on_lan = peer.filter(|peer| !site.lan_is_cut && is_active(peer));
    let quorum = me
        .life
        .as_ref()
        .is_some_and(|life| life.look(|cluster| cluster.control.status().health == Health::Ok));
    let named = |name: &str| vec![Name::from(name)];
    Facts {
        quorum,
        links_up: on_link.map(|_| named("ha-0")).unwrap_or_default(),
        adverts_on: on_lan.map(|_| named("lan")).unwrap_or_default(),
        anchors: vec![(ANCHOR, !site.offside.contains(&me.id))],
    }
}

/// Whether a node advertises: as far as it knows, the highest epoch is its own.
fn is_active(member: &Member) -> bool {
    let Some(life) = &member.life else {
        return false;
    };
    life.look(|cluster| cluster.control.state().highest_epoch().owner() == Some(member.id))
}
