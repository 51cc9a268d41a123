//! How the ports of one external address are shared between the nodes that translate to it.
//!
//! Ports 1024 to 65535 make 126 blocks of 512; a node allocates only from blocks that are its own, so
//! two nodes never give the same port to two sessions, whatever either of them has not heard yet.
//! The first sixteen belong to the pair without asking anybody: a node that has no quorum can open
//! sessions. The rest is granted by the control group, to each node those of its own
//! parity first.

use types::NodeId;

/// The first port of block 0; the ports below belong to services.
pub const FIRST_PORT: u16 = 1024;
/// Ports in a block.
pub const PORTS: u16 = 512;
/// Blocks of an address.
pub const COUNT: u16 = 126;
/// Blocks that need no grant: even ones are the lower node's of a pair, odd ones the higher's.
pub const PREASSIGNED: u16 = 16;

/// The block that `port` is in; `None` below [`FIRST_PORT`].
pub const fn of_port(port: u16) -> Option<u16> {
    match port.checked_sub(FIRST_PORT) {
        Some(offset) => Some(offset / PORTS),
        None => None,
    }
}

/// First and last port of `block`; `None` for a block that does not exist.
pub const fn ports(block: u16) -> Option<(u16, u16)> {
    if block >= COUNT {
        return None;
    }
    let first = FIRST_PORT + block * PORTS;
    Some((first, first + (PORTS - 1)))
}

/// The blocks that `node` owns without a grant, given all nodes that forward.
///
/// A node alone owns all sixteen; of more than two nodes, those after the second own none.
pub fn preassigned(node: NodeId, nodes: &[NodeId]) -> Vec<u16> {
    let mut sorted = nodes.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    match sorted.iter().position(|id| *id == node) {
        Some(0) if sorted.len() == 1 => (0..PREASSIGNED).collect(),
        Some(place @ 0..=1) => (0..PREASSIGNED)
            .filter(|block| usize::from(block % 2) == place)
            .collect(),
        Some(2..) | None => Vec::new(),
    }
}

/// The blocks that can be granted, in the order in which `node` gets them: those of its own parity
/// first. Nodes that went on apart, each granting blocks to itself, meet only when a half is used up.
pub(crate) fn in_order_for(node: NodeId) -> impl Iterator<Item = u16> {
    let own = u16::from(node.0 % 2);
    let half = move |parity| (PREASSIGNED..COUNT).filter(move |block| block % 2 == parity);
    half(own).chain(half(1 - own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_the_ports_from_1024_to_the_last_without_a_gap() {
        assert_eq!(ports(0), Some((1024, 1535)));
        assert_eq!(ports(COUNT - 1), Some((65024, 65535)));
        assert_eq!(ports(COUNT), None);
        assert_eq!(of_port(1023), None);
        assert_eq!(of_port(1535), Some(0));
        assert_eq!(of_port(1536), Some(1));
        assert_eq!(of_port(u16::MAX), Some(COUNT - 1));
    }

    #[test]
    fn a_node_gets_its_own_half_first_and_every_block_once() {
        let blocks: Vec<u16> = in_order_for(NodeId(1)).collect();
        assert_eq!(blocks[..3], [17, 19, 21]);
        assert_eq!(blocks[55..58], [16, 18, 20]);
        assert_eq!(
            in_order_for(NodeId(2)).take(2).collect::<Vec<_>>(),
            [16, 18]
        );
        let mut all = blocks;
        all.sort_unstable();
        assert!(all.into_iter().eq(PREASSIGNED..COUNT));
    }

    #[test]
    fn a_pair_shares_the_first_blocks_by_parity() {
        let pair = [NodeId(7), NodeId(2)];
        assert_eq!(preassigned(NodeId(2), &pair), [0, 2, 4, 6, 8, 10, 12, 14]);
        assert_eq!(preassigned(NodeId(7), &pair), [1, 3, 5, 7, 9, 11, 13, 15]);
        assert_eq!(preassigned(NodeId(9), &pair), []);
        assert_eq!(preassigned(NodeId(2), &[NodeId(2)]).len(), 16);
    }
}
