//! Which session processor owns a packet.
//!
//! Both directions of a session must reach one shard, translated or not. So a shard is chosen by the
//! sum of two endpoint hashes, the opener's *inside* endpoint and its peer, which does not care for
//! the order. A packet that comes to a translated address does not name the inside; for it NAT's
//! directory says who is behind the port, which every thread reads without a lock.

use std::sync::Arc;

use ahash::RandomState;
use arc_swap::ArcSwap;
use nat::Directory;
use types::{Endpoint, FlowKey};

/// Number of a session processor.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ShardIndex(pub usize);

/// Whether a packet's destination may be one of NAT's ports.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Arrival {
    /// Its keys are what the inside knows, as on every interface without source NAT.
    Inside,
    /// It came in where sessions are translated on their way out.
    Outside,
}

/// The rule by which all workers agree.
pub struct Steering {
    hasher: RandomState,
    shards: u64,
    directory: ArcSwap<Directory>,
}

impl Steering {
    /// A rule for `shards` processors.
    pub fn new(seed: u64, shards: usize, directory: Arc<Directory>) -> Self {
        Self {
            hasher: RandomState::with_seeds(seed, 0x7461_6e64, 0x656d_2073, 0x6861_7264),
            shards: shards.max(1) as u64,
            directory: ArcSwap::new(directory),
        }
    }

    /// From now on `directory` says who is behind a port.
    pub fn set_directory(&self, directory: Arc<Directory>) {
        self.directory.store(directory);
    }

    /// The owner of the session with key `key`.
    pub fn shard(&self, key: &FlowKey, arrival: Arrival) -> ShardIndex {
        if self.shards == 1 {
            return ShardIndex(0);
        }
        let inside = match arrival {
            Arrival::Inside => None,
            Arrival::Outside => self.inside_of(key),
        };
        let inside = inside.unwrap_or(key.dst);
        let hash = |endpoint: Endpoint| self.hasher.hash_one((endpoint, key.protocol));
        self.reduce(hash(key.src).wrapping_add(hash(inside)))
    }

    /// Who is behind the destination of `key`, an outside endpoint.
    pub fn inside_of(&self, key: &FlowKey) -> Option<Endpoint> {
        self.directory.load().inside_of(key.protocol, key.dst)
    }

    /// The home of a datagram's fragments, which say nothing of ports.
    pub fn fragment_shard(&self, fragment: &session::FragmentKey) -> ShardIndex {
        if self.shards == 1 {
            return ShardIndex(0);
        }
        self.reduce(self.hasher.hash_one(fragment))
    }

    /// Scales to the number of shards by the high bits, which the sum has mixed best.
    fn reduce(&self, hash: u64) -> ShardIndex {
        let scaled = (u128::from(hash) * u128::from(self.shards)) >> 64;
        ShardIndex(usize::try_from(scaled).unwrap_or(0))
    }
}
