//! The machine: one event in, actions out.

use core::time::Duration;
use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use types::{Giid, Instant, MacAddr, NeighborRecord};

use crate::entry::{Entry, Key, State};
use crate::event::{Action, Event, Heard, Settings};
use crate::schedule::Schedule;

/// Questions to everybody before a neighbour counts as absent (`MAX_MULTICAST_SOLICIT`).
const MULTICAST_TRIES: u8 = 3;
/// Questions to the known MAC address before everybody is asked again (`MAX_UNICAST_SOLICIT`; asking
/// everybody afterwards is RFC 7048's advice for routers: the neighbour may have moved).
const UNICAST_TRIES: u8 = 3;
/// Part of the table that may wait for first answers, so that a scan through a subnet from inside
/// cannot push out the neighbours that exist.
const INCOMPLETE_SHARE: usize = 4;

/// The neighbours of all interfaces.
#[derive(Debug)]
pub struct Neighbors {
    settings: Settings,
    subnets: BTreeMap<Giid, Vec<IpNet>>,
    entries: Schedule,
}

impl Neighbors {
    /// Knows nobody.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            subnets: BTreeMap::new(),
            entries: Schedule::default(),
        }
    }

    /// Sets the subnets of an interface: nobody outside of them is learned merely because it asked us.
    pub fn set_subnets(&mut self, interface: Giid, subnets: Vec<IpNet>) {
        self.subnets.insert(interface, subnets);
    }

    /// Feeds the machine. Without something to do the answer allocates nothing.
    pub fn handle(&mut self, event: Event, now: Instant) -> Vec<Action> {
        match event {
            Event::Needed { interface, ip } => self.needed((interface, ip), now),
            Event::Used { interface, ip } => self.used((interface, ip), now),
            Event::Heard {
                interface,
                ip,
                mac,
                kind,
            } => {
                if can_be_neighbor(ip) && mac != MacAddr::ZERO && !mac.is_group() {
                    self.heard((interface, ip), mac, kind, now)
                } else {
                    Vec::new()
                }
            }
            Event::Installed(record) => self.installed(record, now),
            Event::Tick => self.tick(now),
            Event::LinkDown(interface) => self.link_down(interface),
        }
    }

    /// When [`Event::Tick`] is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.entries.next_deadline()
    }

    /// The MAC address of a neighbour, when one is known.
    pub fn lookup(&self, interface: Giid, ip: IpAddr) -> Option<MacAddr> {
        self.entries.get((interface, ip))?.state.mac()
    }

    /// All neighbours whose MAC address is known.
    pub fn iter(&self) -> impl Iterator<Item = NeighborRecord> {
        self.entries
            .iter()
            .filter_map(|(key, state)| Some(record(key, state.mac()?)))
    }

    /// How many entries there are, with those that wait for a first answer.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn needed(&mut self, key: Key, now: Instant) -> Vec<Action> {
        let Some(entry) = self.entries.get(key) else {
            return self.ask_first(key, now);
        };
        match entry.state {
            State::Incomplete { .. } => Vec::new(),
            // Who asks missed the news.
            State::Reachable(mac) | State::Probe { mac, .. } => {
                self.entries.put(
                    key,
                    Entry {
                        needed: true,
                        ..entry
                    },
                );
                vec![Action::Learned(record(key, mac))]
            }
            State::Stale(mac) => {
                let mut actions = vec![Action::Learned(record(key, mac))];
                actions.extend(self.probe(key, entry, mac, now));
                actions
            }
        }
    }

    fn ask_first(&mut self, key: Key, now: Instant) -> Vec<Action> {
        let (interface, ip) = key;
        if !can_be_neighbor(ip)
            || self.entries.incomplete() >= (self.settings.max_entries / INCOMPLETE_SHARE).max(1)
        {
            return vec![Action::Unreachable { interface, ip }];
        }
        let Ok(mut actions) = self.make_room(true) else {
            return vec![Action::Unreachable { interface, ip }];
        };
        self.entries.put(
            key,
            Entry {
                state: State::Incomplete { asked: 1 },
                needed: true,
                heard_at: now,
                // The first question is the one that gets lost: a switch may just be learning us. So
                // the second comes sooner than RFC 4861 asks.
                deadline: Some(now + self.settings.retransmit / 5),
            },
        );
        actions.push(solicit(key, None));
        actions
    }

    fn used(&mut self, key: Key, now: Instant) -> Vec<Action> {
        let Some(entry) = self.entries.get(key) else {
            return Vec::new();
        };
        match entry.state {
            State::Stale(mac) => self.probe(key, entry, mac, now),
            State::Reachable(_) => {
                self.entries.put(
                    key,
                    Entry {
                        needed: true,
                        ..entry
                    },
                );
                Vec::new()
            }
            State::Incomplete { .. } | State::Probe { .. } => Vec::new(),
        }
    }

    fn probe(&mut self, key: Key, entry: Entry, mac: MacAddr, now: Instant) -> Vec<Action> {
        let state = State::Probe { mac, asked: 1 };
        let deadline = Some(now + self.settings.retransmit);
        self.entries.put(
            key,
            Entry {
                state,
                needed: true,
                deadline,
                ..entry
            },
        );
        vec![solicit(key, Some(mac))]
    }

    /// RFC 4861 §7.2.3 (requests) and §7.2.5 (answers); ARP's packets are read the same way.
    fn heard(&mut self, key: Key, mac: MacAddr, kind: Heard, now: Instant) -> Vec<Action> {
        let Some(entry) = self.entries.get(key) else {
            return match kind {
                Heard::Request => self.learn_asker(key, mac, now),
                // Nobody here waits for it: learning it would let anybody fill the table.
                Heard::Reply | Heard::ReplyWithoutOverride | Heard::Gratuitous => Vec::new(),
            };
        };
        let known = entry.state.mac();
        let same = known == Some(mac);
        match kind {
            Heard::Reply => self.learn(key, entry, State::Reachable(mac), now),
            Heard::ReplyWithoutOverride if same || known.is_none() => {
                self.learn(key, entry, State::Reachable(mac), now)
            }
            Heard::ReplyWithoutOverride => {
                if let State::Reachable(old) = entry.state {
                    // Two claim the address: the old one stays, but has to prove itself.
                    self.learn(key, entry, State::Stale(old), now)
                } else {
                    Vec::new()
                }
            }
            // It hears us or not: that it speaks proves nothing new.
            Heard::Request | Heard::Gratuitous if same => Vec::new(),
            Heard::Request | Heard::Gratuitous => self.learn(key, entry, State::Stale(mac), now),
        }
    }

    fn learn(&mut self, key: Key, entry: Entry, state: State, now: Instant) -> Vec<Action> {
        let deadline = match state {
            State::Reachable(_) => Some(now + self.settings.reachable),
            State::Incomplete { .. } | State::Stale(_) | State::Probe { .. } => None,
        };
        self.entries.put(
            key,
            Entry {
                state,
                heard_at: now,
                deadline,
                ..entry
            },
        );
        match state.mac() {
            Some(mac) if entry.state.mac() != Some(mac) => {
                vec![Action::Learned(record(key, mac))]
            }
            Some(_) | None => Vec::new(),
        }
    }

    /// Somebody asked us, so we shall answer it soon: knowing it saves a question.
    fn learn_asker(&mut self, key: Key, mac: MacAddr, now: Instant) -> Vec<Action> {
        if !self.is_on_link(key) {
            return Vec::new();
        }
        self.learn_new(key, mac, false, now)
    }

    fn installed(&mut self, installed: NeighborRecord, now: Instant) -> Vec<Action> {
        let NeighborRecord { interface, ip, mac } = installed;
        let key = (interface, ip);
        match self.entries.get(key) {
            None => self.learn_new(key, mac, true, now),
            Some(entry) => match entry.state {
                // What this node has just heard itself is newer than what it is told.
                State::Reachable(_) => Vec::new(),
                State::Stale(known) | State::Probe { mac: known, .. } if known == mac => Vec::new(),
                State::Incomplete { .. } | State::Stale(_) | State::Probe { .. } => {
                    self.learn(key, entry, State::Stale(mac), now)
                }
            },
        }
    }

    fn learn_new(&mut self, key: Key, mac: MacAddr, needed: bool, now: Instant) -> Vec<Action> {
        let Ok(mut actions) = self.make_room(needed) else {
            return Vec::new();
        };
        self.entries.put(
            key,
            Entry {
                state: State::Stale(mac),
                needed,
                heard_at: now,
                deadline: None,
            },
        );
        actions.push(Action::Learned(record(key, mac)));
        actions
    }

    fn tick(&mut self, now: Instant) -> Vec<Action> {
        let mut actions = Vec::new();
        while let Some((key, entry)) = self.entries.due(now) {
            match entry.state {
                State::Incomplete { asked } if asked < MULTICAST_TRIES => {
                    let state = State::Incomplete { asked: asked + 1 };
                    self.wait(key, entry, state, now + self.settings.retransmit);
                    actions.push(solicit(key, None));
                }
                State::Probe { mac, asked } if asked < UNICAST_TRIES + MULTICAST_TRIES => {
                    let state = State::Probe {
                        mac,
                        asked: asked + 1,
                    };
                    self.wait(key, entry, state, now + self.settings.retransmit);
                    actions.push(solicit(key, (asked < UNICAST_TRIES).then_some(mac)));
                }
                State::Incomplete { .. } | State::Probe { .. } => {
                    self.entries.remove(key);
                    let (interface, ip) = key;
                    actions.push(Action::Unreachable { interface, ip });
                }
                State::Reachable(mac) | State::Stale(mac) => {
                    let state = State::Stale(mac);
                    let deadline = None;
                    self.entries.put(
                        key,
                        Entry {
                            state,
                            deadline,
                            ..entry
                        },
                    );
                }
            }
        }
        actions
    }

    fn wait(&mut self, key: Key, entry: Entry, state: State, deadline: Instant) {
        let deadline = Some(deadline);
        self.entries.put(
            key,
            Entry {
                state,
                deadline,
                ..entry
            },
        );
    }

    fn link_down(&mut self, interface: Giid) -> Vec<Action> {
        let mut actions = Vec::new();
        for key in self.entries.keys_on(interface) {
            let (_, ip) = key;
            let known = self.entries.remove(key).and_then(|entry| entry.state.mac());
            actions.push(match known {
                Some(_) => Action::Forget { interface, ip },
                None => Action::Unreachable { interface, ip },
            });
        }
        actions
    }

    /// Makes a place free, if one is wanted; the actions tell who gave way.
    fn make_room(&mut self, needed: bool) -> Result<Vec<Action>, TableFull> {
        if self.entries.len() < self.settings.max_entries {
            return Ok(Vec::new());
        }
        let key = self.entries.gives_way(needed).ok_or(TableFull)?;
        self.entries.remove(key);
        let (interface, ip) = key;
        Ok(vec![Action::Forget { interface, ip }])
    }

    fn is_on_link(&self, (interface, ip): Key) -> bool {
        match ip {
            IpAddr::V6(ip) if ip.is_unicast_link_local() => true,
            IpAddr::V4(_) | IpAddr::V6(_) => self
                .subnets
                .get(&interface)
                .is_some_and(|subnets| subnets.iter().any(|net| net.contains(&ip))),
        }
    }
}

/// Nobody gives way.
struct TableFull;

/// An address that a host on the link can have.
fn can_be_neighbor(ip: IpAddr) -> bool {
    let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    !(ip.is_unspecified() || ip.is_multicast() || ip.is_loopback() || broadcast)
}

const fn solicit((interface, ip): Key, unicast: Option<MacAddr>) -> Action {
    Action::Solicit {
        interface,
        ip,
        unicast,
    }
}

const fn record((interface, ip): Key, mac: MacAddr) -> NeighborRecord {
    NeighborRecord { interface, ip, mac }
}

/// The longest a packet waits for a neighbour that does not exist, with these settings.
impl Settings {
    /// From the first question to [`Action::Unreachable`].
    pub fn resolution_time(&self) -> Duration {
        self.retransmit / 5 + self.retransmit * (u32::from(MULTICAST_TRIES) - 1)
    }
}
