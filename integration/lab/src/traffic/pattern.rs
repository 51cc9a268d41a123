//! The bytes of a block: different for each connection and each turn, so that no mix-up on the way
//! can look right.

/// The longest block.
pub const LONGEST: usize = 256;

/// The shortest block.
const SHORTEST: usize = 64;

/// Writes the block that `connection` sends in its turn number `sequence` into `buffer` and gives
/// the part that holds it, 64 to 256 bytes.
pub fn block(connection: u32, sequence: u32, buffer: &mut [u8; LONGEST]) -> &[u8] {
    let mut state = (u64::from(connection) << 32) | u64::from(sequence);
    let span = u64::try_from(LONGEST - SHORTEST + 1).unwrap_or(1);
    let length = SHORTEST + usize::try_from(next(&mut state) % span).unwrap_or(0);
    for chunk in buffer.chunks_mut(8) {
        for (to, from) in chunk.iter_mut().zip(next(&mut state).to_le_bytes()) {
            *to = from;
        }
    }
    buffer.get(..length).unwrap_or_default()
}

/// The `SplitMix64` generator: each state gives another number.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_differ_by_connection_and_by_turn_and_keep_their_size() {
        let (mut one, mut two, mut three) = ([0; LONGEST], [0; LONGEST], [0; LONGEST]);
        let blocks = [
            block(1, 1, &mut one),
            block(2, 1, &mut two),
            block(1, 2, &mut three),
        ];
        assert!(
            blocks
                .iter()
                .all(|block| (SHORTEST..=LONGEST).contains(&block.len()))
        );
        assert_ne!(blocks[0][..SHORTEST], blocks[1][..SHORTEST]);
        assert_ne!(blocks[0][..SHORTEST], blocks[2][..SHORTEST]);
    }
}
