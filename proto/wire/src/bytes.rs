//! Fields at an offset, without panics: `None` means that the bytes end too early.
//!
//! On fixed-size arrays and constant offsets the bounds checks vanish in the optimiser, so parsers
//! may read field by field.

/// The `N` bytes at `at`.
#[inline]
pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// The byte at `at`.
#[inline]
pub(crate) fn byte(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).copied()
}

/// The 16-bit number at `at`.
#[inline]
pub(crate) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_be_bytes)
}

/// The 32-bit number at `at`.
#[inline]
pub(crate) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_be_bytes)
}

/// Puts `value` at `at`, or changes nothing when there is no room.
#[inline]
pub(crate) fn put<const N: usize>(bytes: &mut [u8], at: usize, value: [u8; N]) -> Option<()> {
    *bytes.get_mut(at..)?.first_chunk_mut()? = value;
    Some(())
}

/// Puts a 16-bit number at `at`, or changes nothing when there is no room.
#[inline]
pub(crate) fn put16(bytes: &mut [u8], at: usize, value: u16) -> Option<()> {
    put(bytes, at, value.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_beyond_the_end_are_neither_read_nor_written() {
        let mut bytes = [1, 2, 3];
        assert_eq!(be16(&bytes, 1), Some(0x0203));
        assert_eq!(be16(&bytes, 2), None);
        assert_eq!(be16(&bytes, usize::MAX), None);
        assert_eq!(put16(&mut bytes, 2, 9), None);
        assert_eq!(put16(&mut bytes, 1, 0x0908), Some(()));
        assert_eq!(bytes, [1, 9, 8]);
    }
}
