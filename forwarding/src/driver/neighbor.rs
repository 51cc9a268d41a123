//! The neighbour actor: asks who is where, and publishes what it knows.
//!
//! ```text
//!  workers ── Needed, Heard ──►┌───────────────┐── Solicit ──► its own sockets
//!  handle ─── Learn ──────────►│ Neighbors     │── map ──────► ArcSwap, workers woken
//!  map's marks ── Used ───────►│ (the machine) │── Neighbors ► events, while active
//!  clock ──── Tick ───────────►└───────────────┘── failed ───► workers
//! ```
//!
//! Its queue (4096 messages) refuses the newest; workers ask again. What the outlet for events
//! refuses is offered again, the newest for each neighbour.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ahash::HashMap;
use ipnet::IpNet;
use neighbor::{Action, Neighbors};
use runtime::{Clock, Mailbox, Outlet, Shutdown};
use types::{EpochGate, Instant, InterfaceAddress, MacAddr, NeighborRecord};
use wire::{arp, build, ndp};

use crate::event::Event;
use crate::neighbors::NeighborMap;
use crate::pending::NeighborKey;
use crate::plan::{Interface, OwnRole, PortIndex, Topology};
use crate::port::{Offload, Port};
use crate::shared::Shared;
use crate::waker::Waker;
use crate::worker::Command;

/// Messages that may wait for the actor.
pub(crate) const MESSAGES: usize = 4096;
/// Messages handled before what they changed is published.
const MESSAGES_A_TURN: usize = 256;
/// Between two looks at which neighbours packets went to.
const USE_INTERVAL: Duration = Duration::from_secs(1);

/// What the actor is told.
pub(crate) enum Message {
    /// By a worker.
    Event(neighbor::Event),
    /// By the cluster.
    Learn(Vec<NeighborRecord>),
    /// A new plan, with a port for each of its interfaces.
    Reconfigure {
        /// The plan.
        topology: Arc<Topology>,
        /// The ports, in its order.
        senders: Vec<Box<dyn Port>>,
    },
}

/// A worker, as the actor reaches it.
pub(crate) struct Listener {
    pub(crate) commands: Outlet<Command>,
    pub(crate) waker: Waker,
}

/// Owns the neighbour machine and the sockets it asks through.
pub(crate) struct NeighborActor {
    pub(crate) machine: Neighbors,
    pub(crate) messages: Mailbox<Message>,
    pub(crate) topology: Arc<Topology>,
    pub(crate) senders: Vec<Box<dyn Port>>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) gate: EpochGate,
    pub(crate) clock: Clock,
    pub(crate) events: Outlet<Event>,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) state: Progress,
}

/// What the actor has under way.
#[derive(Default)]
pub(crate) struct Progress {
    changed: bool,
    scan_at: Instant,
    scratch: Vec<u8>,
    /// Learned while active and not yet taken by the node.
    unsent: HashMap<NeighborKey, NeighborRecord>,
}

impl NeighborActor {
    /// Until the subsystem stops.
    pub(crate) async fn run(mut self, mut shutdown: Shutdown) {
        self.learn_subnets();
        loop {
            let deadline = self.deadline();
            // Cancel safe: each branch only waits; a message is taken only by the branch that wins.
            let message = tokio::select! {
                () = shutdown.requested() => return,
                message = self.messages.next() => message,
                () = self.clock.wait_until(Some(deadline)) => None,
            };
            self.turn(message);
        }
    }

    /// Handles what waits, then publishes once.
    pub(crate) fn turn(&mut self, first: Option<Message>) {
        let now = self.clock.now();
        let mut next = first;
        for _ in 0..MESSAGES_A_TURN {
            let Some(message) = next.or_else(|| self.messages.try_next()) else {
                break;
            };
            self.obey(message, now);
            next = None;
        }
        self.mark_used(now);
        self.feed(neighbor::Event::Tick, Source::Ourselves, now);
        self.publish();
        for sender in &mut self.senders {
            // What the device refused is asked again by the machine's own timer.
            let _counted_nowhere = sender.flush();
        }
        self.report();
    }

    fn deadline(&self) -> Instant {
        let retry = self.clock.now() + Duration::from_millis(10);
        let retry = (!self.state.unsent.is_empty()).then_some(retry);
        self.machine
            .next_deadline()
            .into_iter()
            .chain(retry)
            .chain([self.state.scan_at])
            .min()
            .unwrap_or(self.state.scan_at)
    }

    fn obey(&mut self, message: Message, now: Instant) {
        match message {
            Message::Event(event) => self.feed(event, Source::Ourselves, now),
            Message::Learn(records) => {
                for record in records {
                    let event = neighbor::Event::Installed(record);
                    self.feed(event, Source::Cluster, now);
                }
            }
            Message::Reconfigure { topology, senders } => {
                self.topology = topology;
                self.senders = senders;
                self.learn_subnets();
            }
        }
    }

    fn feed(&mut self, event: neighbor::Event, source: Source, now: Instant) {
        for action in self.machine.handle(event, now) {
            match action {
                Action::Solicit {
                    interface,
                    ip,
                    unicast,
                } => self.solicit(NeighborKey { interface, ip }, unicast),
                Action::Learned(record) => {
                    self.state.changed = true;
                    if source == Source::Ourselves && self.gate.epoch().is_some() {
                        let key = NeighborKey {
                            interface: record.interface,
                            ip: record.ip,
                        };
                        self.state.unsent.insert(key, record);
                    }
                }
                Action::Unreachable { interface, ip } => {
                    self.state.changed = true;
                    self.tell_failed(NeighborKey { interface, ip });
                }
                Action::Forget { .. } => self.state.changed = true,
            }
        }
    }

    /// Neighbours that packets went to since the last look are confirmed before they go stale.
    fn mark_used(&mut self, now: Instant) {
        if now < self.state.scan_at {
            return;
        }
        self.state.scan_at = now + USE_INTERVAL;
        let map = self.shared.neighbors.load_full();
        for (NeighborKey { interface, ip }, entry) in map.iter() {
            if entry.take_used() {
                let event = neighbor::Event::Used { interface, ip };
                self.feed(event, Source::Ourselves, now);
            }
        }
    }

    fn publish(&mut self) {
        if std::mem::take(&mut self.state.changed) {
            let old = self.shared.neighbors.load_full();
            let new = NeighborMap::new(self.machine.iter(), &old);
            self.shared.neighbors.store(Arc::new(new));
            for listener in &self.listeners {
                listener.waker.wake();
            }
        }
    }

    fn report(&mut self) {
        if self.state.unsent.is_empty() {
            return;
        }
        let records = self.state.unsent.values().copied().collect();
        if self.events.offer(Event::Neighbors(records)).is_ok() {
            self.state.unsent.clear();
        }
    }

    fn tell_failed(&self, neighbor: NeighborKey) {
        for listener in &self.listeners {
            // A worker too busy to hear it ends the frames by its own clock.
            let _by_its_own_clock = listener.commands.offer(Command::NeighborFailed(neighbor));
            listener.waker.wake();
        }
    }

    fn learn_subnets(&mut self) {
        for interface in &self.topology.interfaces {
            let addresses = interface.plan.addresses.iter();
            let subnets: Vec<IpNet> = addresses.filter_map(InterfaceAddress::subnet).collect();
            self.machine.set_subnets(interface.plan.giid, subnets);
        }
    }

    /// Asks, if this node may show itself: with its utility address whatever its role, with the virtual
    /// one only while it is active.
    fn solicit(&mut self, neighbor: NeighborKey, unicast: Option<MacAddr>) {
        let Some(interface) = self.topology.by_giid(neighbor.interface) else {
            return;
        };
        let Some((ip, mac)) = self.identity(interface, neighbor.ip) else {
            return;
        };
        let scratch = &mut self.state.scratch;
        match (ip, neighbor.ip) {
            (IpAddr::V4(ip), IpAddr::V4(target)) => {
                let sender = arp::Station { mac, ip };
                match unicast {
                    None => build::arp_request(scratch, sender, target),
                    Some(mac) => {
                        build::arp_request_to(scratch, sender, arp::Station { mac, ip: target });
                    }
                }
            }
            (IpAddr::V6(ip), IpAddr::V6(target)) => {
                let sender = ndp::Station { mac, ip };
                match unicast {
                    None => build::neighbor_solicitation(scratch, sender, target),
                    Some(mac) => {
                        let known = ndp::Station { mac, ip: target };
                        build::neighbor_solicitation_to(scratch, sender, known);
                    }
                }
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return,
        }
        let PortIndex(port) = interface.port;
        if let Some(sender) = self.senders.get_mut(port) {
            sender.queue(scratch, Offload::None);
        }
    }

    fn identity(&self, interface: &Interface, peer: IpAddr) -> Option<(IpAddr, MacAddr)> {
        let address = interface.source_for(peer)?;
        if let Some(utility) = address.utility {
            return Some((utility, interface.mac));
        }
        if !interface.plan.shared {
            return Some((address.ip, interface.mac));
        }
        let mac = interface.mac_for(OwnRole::Virtual, peer);
        self.gate.epoch().map(|_| (address.ip, mac))
    }
}

/// Who knew it first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Source {
    /// This node heard it: the others shall know.
    Ourselves,
    /// The others know.
    Cluster,
}
