//! From outside endpoint to inside endpoint without a lock: what steering reads for each packet that
//! comes back, to find the session processor which opened its session.
//!
//! One writer (the owner of [`crate::Nat`]), any number of readers. An IPv4 endpoint fits into one atomic
//! word. An IPv6 endpoint needs three; a version in the first one tells a reader that it was disturbed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Arc, OnceLock};

use types::{Endpoint, Protocol};

use crate::block::Block;
use crate::space::SpaceKind;

/// From outside endpoint to inside endpoint, read without a lock by any thread.
#[derive(Debug, Default)]
pub struct Directory {
    /// Sorted by address.
    addresses: Vec<(IpAddr, Arc<AddressDirectory>)>,
}

impl Directory {
    pub(crate) fn new(mut addresses: Vec<(IpAddr, Arc<AddressDirectory>)>) -> Self {
        addresses.sort_by_key(|(address, _)| *address);
        Self { addresses }
    }

    /// Whether sessions are translated to `address`.
    #[inline]
    pub fn is_external(&self, address: IpAddr) -> bool {
        self.find(address).is_some()
    }

    /// Who is behind an outside endpoint; also for a while after its last session has ended.
    #[inline]
    pub fn inside_of(&self, protocol: Protocol, outside: Endpoint) -> Option<Endpoint> {
        let kind = SpaceKind::of(protocol)?;
        let (block, offset) = Block::of(outside.port)?;
        self.find(outside.ip)?.cell(kind, block, offset)?.read()
    }

    #[inline]
    fn find(&self, address: IpAddr) -> Option<&AddressDirectory> {
        let at = self
            .addresses
            .binary_search_by_key(&address, |(address, _)| *address)
            .ok()?;
        self.addresses.get(at).map(|(_, directory)| &**directory)
    }
}

/// The cells of one block, made when its first port is used.
type Cells = OnceLock<Box<[Cell]>>;

/// The part of one external address.
#[derive(Debug)]
pub(crate) struct AddressDirectory {
    blocks: Box<[Cells]>,
}

impl AddressDirectory {
    pub(crate) fn new() -> Self {
        let blocks = SpaceKind::COUNT * Block::COUNT as usize;
        Self {
            blocks: (0..blocks).map(|_| OnceLock::new()).collect(),
        }
    }

    /// Only the one writer calls this.
    pub(crate) fn write(&self, kind: SpaceKind, port: u16, inside: Option<Endpoint>) {
        let Some((block, offset)) = Block::of(port) else {
            return;
        };
        let Some(cells) = self.blocks.get(place(kind, block)) else {
            return;
        };
        let cells = cells.get_or_init(|| (0..Block::PORTS).map(|_| Cell::default()).collect());
        if let Some(cell) = cells.get(usize::from(offset)) {
            cell.write(inside);
        }
    }

    #[inline]
    fn cell(&self, kind: SpaceKind, block: Block, offset: u16) -> Option<&Cell> {
        self.blocks
            .get(place(kind, block))?
            .get()?
            .get(usize::from(offset))
    }
}

const fn place(kind: SpaceKind, block: Block) -> usize {
    kind.index() * Block::COUNT as usize + block.index() as usize
}

/// ```text
///  head  63 62 | 61      48 | 47  32 | 31         0
///        kind  |  version   |  port  | IPv4 address      high, low: IPv6 address
/// ```
#[derive(Debug, Default)]
struct Cell {
    head: AtomicU64,
    high: AtomicU64,
    low: AtomicU64,
}

const KIND_SHIFT: u32 = 62;
const EMPTY: u64 = 0;
const V4: u64 = 1;
const V6: u64 = 2;
/// The IPv6 address is being written.
const BUSY: u64 = 3;
const VERSION: u64 = 0x3fff << 48;
const ONE_VERSION: u64 = 1 << 48;

impl Cell {
    fn write(&self, inside: Option<Endpoint>) {
        let version = self.head.load(Ordering::Relaxed).wrapping_add(ONE_VERSION) & VERSION;
        let head = |kind: u64, port: u16, address: u32| {
            kind << KIND_SHIFT | version | u64::from(port) << 32 | u64::from(address)
        };
        match inside {
            None => self.head.store(head(EMPTY, 0, 0), Ordering::Release),
            Some(Endpoint {
                ip: IpAddr::V4(ip),
                port,
            }) => {
                self.head
                    .store(head(V4, port, ip.to_bits()), Ordering::Release);
            }
            Some(Endpoint {
                ip: IpAddr::V6(ip),
                port,
            }) => {
                let [high, low] = halves(ip);
                self.head.store(head(BUSY, 0, 0), Ordering::Relaxed);
                // No reader may see the new address together with the old head. Pairs with the fence
                // in `read_v6`.
                fence(Ordering::Release);
                self.high.store(high, Ordering::Relaxed);
                self.low.store(low, Ordering::Relaxed);
                self.head.store(head(V6, port, 0), Ordering::Release);
            }
        }
    }

    #[inline]
    fn read(&self) -> Option<Endpoint> {
        let head = self.head.load(Ordering::Acquire);
        match head >> KIND_SHIFT {
            V4 => Some(Endpoint::new(
                Ipv4Addr::from_bits(address_of(head)).into(),
                port_of(head),
            )),
            V6 | BUSY => self.read_v6(),
            _ => None,
        }
    }

    /// Tries a few times, then gives up: the writer needs nanoseconds unless its thread was suspended,
    /// and then the packet's sender will send again.
    fn read_v6(&self) -> Option<Endpoint> {
        const TRIES: usize = 64;
        for _ in 0..TRIES {
            let head = self.head.load(Ordering::Acquire);
            let high = self.high.load(Ordering::Relaxed);
            let low = self.low.load(Ordering::Relaxed);
            fence(Ordering::Acquire);
            if head >> KIND_SHIFT == V6 && self.head.load(Ordering::Relaxed) == head {
                let ip = Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(low));
                return Some(Endpoint::new(ip.into(), port_of(head)));
            }
            if head >> KIND_SHIFT == EMPTY {
                return None;
            }
            core::hint::spin_loop();
        }
        None
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the lower half, on purpose"
)]
const fn address_of(head: u64) -> u32 {
    head as u32
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the port's 16 bits, on purpose"
)]
const fn port_of(head: u64) -> u16 {
    (head >> 32) as u16
}

#[expect(clippy::cast_possible_truncation, reason = "two halves of 128 bits")]
const fn halves(ip: Ipv6Addr) -> [u64; 2] {
    let bits = ip.to_bits();
    [(bits >> 64) as u64, bits as u64]
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    fn v6(half: u64, port: u16) -> Endpoint {
        let ip = Ipv6Addr::from_bits(u128::from(half) << 64 | u128::from(half));
        Endpoint::new(ip.into(), port)
    }

    #[test]
    fn a_cell_holds_what_was_written_last() {
        let cell = Cell::default();
        let v4 = Endpoint::new([192, 0, 2, 7].into(), 40_000);
        for inside in [
            None,
            Some(v4),
            Some(v6(7, 65_535)),
            Some(v4),
            None,
            Some(v6(9, 0)),
        ] {
            cell.write(inside);
            assert_eq!(cell.read(), inside);
        }
    }

    /// Both halves of what a reader sees come from one write, while a writer changes them as fast as
    /// it can.
    #[test]
    fn readers_never_see_half_of_an_address() {
        let cell = Cell::default();
        let stop = AtomicBool::new(false);
        cell.write(Some(v6(1, 1)));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 0..200_000_u64 {
                    cell.write(Some(v6(round, (round & 0xffff) as u16)));
                }
                stop.store(true, Ordering::Release);
            });
            while !stop.load(Ordering::Acquire) {
                let Some(Endpoint {
                    ip: IpAddr::V6(ip),
                    port,
                }) = cell.read()
                else {
                    continue;
                };
                let [high, low] = halves(ip);
                assert_eq!((high, high & 0xffff), (low, u64::from(port)));
            }
        });
    }
}
