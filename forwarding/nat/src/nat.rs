//! All mappings of a node.

use core::time::Duration;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use types::{DropReason, Endpoint, Instant, Protocol};

use crate::block::Block;
use crate::directory::{AddressDirectory, Directory};
use crate::random::Random;
use crate::space::{Reserved, Space, SpaceKind};

/// Ports that may fall free within one call, so that no session's setup pays for thousands.
const RECLAIM_AT_ONCE: usize = 16;
/// The same when none is left.
const RECLAIM_IN_NEED: usize = 1024;

/// How a node translates.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Random at each start: where the search for a port begins must not be guessed (RFC 6056).
    pub seed: u64,
    /// How long a mapping keeps its port after its last session has ended, so that no other inside is
    /// taken for it.
    ///
    /// This comes on top of what the session table does: it holds a closed TCP connection for four
    /// minutes (RFC 5382 REQ-5), so here some seconds for packets that are still under way are enough.
    pub linger: Duration,
    /// Free ports of an address, in its scarcest protocol, below which more blocks are wanted.
    pub low_water: u32,
}

impl Settings {
    /// Five seconds and half a block, with this seed.
    pub const fn with_seed(seed: u64) -> Self {
        Self {
            seed,
            linger: Duration::from_secs(5),
            low_water: 256,
        }
    }
}

/// An outside endpoint for an inside one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Mapping {
    /// What the outside sees.
    pub outside: Endpoint,
    /// The inside did not hold it before.
    pub fresh: bool,
}

/// The mappings of a node: one value for all its processors, taken when a session begins or ends and at
/// no other time.
#[derive(Debug)]
pub struct Nat {
    settings: Settings,
    addresses: Vec<Address>,
    random: Random,
    directory: Arc<Directory>,
    low: VecDeque<IpAddr>,
}

#[derive(Debug)]
struct Address {
    ip: IpAddr,
    spaces: [Space; SpaceKind::COUNT],
    directory: Arc<AddressDirectory>,
    /// That it needs blocks has been told since the last grant.
    told_low: bool,
}

impl Nat {
    /// No mappings and no grants: every address wants blocks.
    pub fn new(settings: Settings, addresses: &[IpAddr]) -> Self {
        let mut nat = Self {
            settings,
            addresses: Vec::new(),
            random: Random::new(settings.seed),
            directory: Arc::default(),
            low: VecDeque::new(),
        };
        nat.set_addresses(addresses);
        nat
    }

    /// Replaces the external addresses; mappings and grants of those that stay are kept. End the
    /// sessions of an address before it goes: it comes back without mappings.
    pub fn set_addresses(&mut self, addresses: &[IpAddr]) {
        self.addresses.retain(|known| addresses.contains(&known.ip));
        self.low.retain(|address| addresses.contains(address));
        for ip in addresses {
            if self.addresses.iter().all(|known| known.ip != *ip) {
                let address = Address::new(*ip, &mut self.random);
                self.addresses.push(address);
                self.check_low_water(*ip);
            }
        }
        let directories = self.addresses.iter();
        self.directory = Arc::new(Directory::new(
            directories
                .map(|address| (address.ip, Arc::clone(&address.directory)))
                .collect(),
        ));
    }

    /// This node may allocate from the block.
    pub fn grant(&mut self, address: IpAddr, block: Block) {
        if let Some(found) = find(&mut self.addresses, address) {
            found.spaces.iter_mut().for_each(|space| space.grant(block));
            found.told_low = false;
            self.low.retain(|low| *low != address);
            self.check_low_water(address);
        }
    }

    /// This node may no longer allocate from the block; mappings in it stay.
    pub fn revoke(&mut self, address: IpAddr, block: Block) {
        if let Some(found) = find(&mut self.addresses, address) {
            found
                .spaces
                .iter_mut()
                .for_each(|space| space.revoke(block));
            self.check_low_water(address);
        }
    }

    /// The outside endpoint of `inside` on `external`, for one more session: pair each `Ok` with a
    /// [`Nat::release`]. An inside endpoint has the same one for all destinations.
    pub fn map(
        &mut self,
        protocol: Protocol,
        inside: Endpoint,
        external: IpAddr,
        now: Instant,
    ) -> Result<Mapping, DropReason> {
        let kind = SpaceKind::of(protocol).ok_or(DropReason::UnsupportedProtocol)?;
        let address = find(&mut self.addresses, external).ok_or(DropReason::NatExhausted)?;
        let linger = self.settings.linger;
        address.reclaim(kind, now, linger, RECLAIM_AT_ONCE);
        if let Some(port) = address.space(kind).join(inside) {
            return Ok(Mapping {
                outside: Endpoint::new(external, port),
                fresh: false,
            });
        }
        let mut port = address.space(kind).allocate(inside, &mut self.random);
        if port.is_none() {
            address.reclaim(kind, now, linger, RECLAIM_IN_NEED);
            port = address.space(kind).allocate(inside, &mut self.random);
        }
        if let Some(port) = port {
            address.directory.write(kind, port, Some(inside));
        }
        self.check_low_water(external);
        port.map(|port| Mapping {
            outside: Endpoint::new(external, port),
            fresh: true,
        })
        .ok_or(DropReason::NatExhausted)
    }

    /// Takes a replicated session's mapping over, in whose block it may be, for one more session: call
    /// it once for each session that is added to a table, and [`Nat::release`] once when that session is
    /// gone.
    ///
    /// Sessions whose mapping conflicts may be released all the same, unless the very same mapping has
    /// become free and reserved in between; the newer session then loses its claim at worst.
    pub fn reserve(
        &mut self,
        protocol: Protocol,
        inside: Endpoint,
        outside: Endpoint,
        now: Instant,
    ) -> Reserved {
        let Some(kind) = SpaceKind::of(protocol) else {
            return Reserved::Foreign;
        };
        let Some(address) = find(&mut self.addresses, outside.ip) else {
            return Reserved::Foreign;
        };
        if Block::of(outside.port).is_none() {
            return Reserved::Foreign;
        }
        address.reclaim(kind, now, self.settings.linger, RECLAIM_AT_ONCE);
        let reserved = address.space(kind).reserve(inside, outside.port);
        if reserved == Reserved::Fresh {
            address.directory.write(kind, outside.port, Some(inside));
        }
        reserved
    }

    /// One session less on a mapping; nothing when `inside` does not hold `outside`.
    pub fn release(
        &mut self,
        protocol: Protocol,
        inside: Endpoint,
        outside: Endpoint,
        now: Instant,
    ) {
        let linger = self.settings.linger;
        if let Some(kind) = SpaceKind::of(protocol)
            && let Some(address) = find(&mut self.addresses, outside.ip)
        {
            address.reclaim(kind, now, linger, RECLAIM_AT_ONCE);
            address
                .space(kind)
                .release(inside, outside.port, now, linger);
        }
    }

    /// Who is behind an outside endpoint; also while it lingers after its last session.
    pub fn inside_of(&self, protocol: Protocol, outside: Endpoint) -> Option<Endpoint> {
        let kind = SpaceKind::of(protocol)?;
        let address = self.addresses.iter().find(|known| known.ip == outside.ip)?;
        address.spaces.get(kind.index())?.inside_of(outside.port)
    }

    /// Free ports of an address in its scarcest protocol.
    pub fn free_ports(&self, address: IpAddr) -> u32 {
        self.addresses
            .iter()
            .find(|known| known.ip == address)
            .map_or(0, Address::free)
    }

    /// An address that needs more blocks. Each is told once, and again after a grant that was not enough.
    pub fn take_low_water(&mut self) -> Option<IpAddr> {
        self.low.pop_front()
    }

    /// The lock-free view for steering. [`Nat::set_addresses`] makes a new one, which has to be
    /// published to the readers; everything else shows in the old one.
    pub fn directory(&self) -> Arc<Directory> {
        Arc::clone(&self.directory)
    }

    fn check_low_water(&mut self, address: IpAddr) {
        let low_water = self.settings.low_water;
        if let Some(found) = find(&mut self.addresses, address)
            && !found.told_low
            && found.free() < low_water
        {
            found.told_low = true;
            self.low.push_back(address);
        }
    }
}

impl Address {
    fn new(ip: IpAddr, random: &mut Random) -> Self {
        Self {
            ip,
            spaces: SpaceKind::ALL.map(|_| Space::new(random.hasher())),
            directory: Arc::new(AddressDirectory::new()),
            told_low: false,
        }
    }

    fn space(&mut self, kind: SpaceKind) -> &mut Space {
        let [tcp, udp, icmp] = &mut self.spaces;
        match kind {
            SpaceKind::Tcp => tcp,
            SpaceKind::Udp => udp,
            SpaceKind::Icmp => icmp,
        }
    }

    fn free(&self) -> u32 {
        self.spaces.iter().map(Space::free).min().unwrap_or(0)
    }

    fn reclaim(&mut self, kind: SpaceKind, now: Instant, linger: Duration, limit: usize) {
        let directory = Arc::clone(&self.directory);
        self.space(kind).reclaim(now, linger, limit, |port| {
            directory.write(kind, port, None);
        });
    }
}

fn find(addresses: &mut [Address], ip: IpAddr) -> Option<&mut Address> {
    addresses.iter_mut().find(|address| address.ip == ip)
}
