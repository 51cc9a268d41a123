//! A sum over records that two nodes compare to prove that they hold the same.
//!
//! Each record is hashed alone and the hashes are added: so the sum follows every single change without
//! looking at the rest, and does not depend on the order in which records came. It guards against
//! mistakes, not against an attacker: peers are authenticated elsewhere.

use core::fmt;
use core::ops::{AddAssign, SubAssign};

use serde::{Deserialize, Serialize};

/// Sum of the hashes of a set of records.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq, Serialize, Deserialize)]
pub struct Checksum(pub u64);

/// Shown in sixteen digits, for two people on the telephone.
impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl AddAssign for Checksum {
    fn add_assign(&mut self, rhs: Self) {
        self.0 = self.0.wrapping_add(rhs.0);
    }
}

impl SubAssign for Checksum {
    fn sub_assign(&mut self, rhs: Self) {
        self.0 = self.0.wrapping_sub(rhs.0);
    }
}

impl Checksum {
    /// The hash of one record, the same on every machine and in every version that encodes it alike.
    ///
    /// It takes the record's encoding, because `core::hash` promises no stability between compilers.
    pub fn of<T: Serialize>(record: &T) -> Self {
        postcard::serialize_with_flavor(record, Hasher::default()).unwrap_or_default()
    }

    /// The hash of a record that is bytes already, under its key.
    pub fn of_bytes(key: u128, bytes: &[u8]) -> Self {
        let mut hasher = Hasher::default();
        let (words, rest) = bytes.as_chunks();
        let [high, low] = [key >> 64, key & u128::from(u64::MAX)]
            .map(|half| u64::try_from(half).unwrap_or_default());
        hasher.word(high);
        hasher.word(low);
        for word in words {
            hasher.word(u64::from_le_bytes(*word));
        }
        for byte in rest {
            hasher.byte(*byte);
        }
        hasher.sum()
    }
}

/// Eight bytes at a time: multiply, rotate; at the end Murmur3's finaliser, so that sums of similar
/// records do not cancel out. Every constant is odd and arbitrary.
#[derive(Default)]
struct Hasher {
    state: u64,
    pending: u64,
    len: u64,
}

impl Hasher {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

    /// Eight bytes at once; only where a multiple of eight came before.
    const fn word(&mut self, word: u64) {
        self.pending = word;
        self.len += 8;
        self.mix();
    }

    fn byte(&mut self, byte: u8) {
        self.pending |= u64::from(byte) << (8 * (self.len % 8));
        self.len += 1;
        if self.len.is_multiple_of(8) {
            self.mix();
        }
    }

    fn sum(mut self) -> Checksum {
        self.mix();
        let mut hash = self.state ^ self.len;
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        Checksum(hash ^ (hash >> 33))
    }

    const fn mix(&mut self) {
        self.state = (self.state ^ self.pending)
            .wrapping_mul(Self::MULTIPLIER)
            .rotate_left(29);
        self.pending = 0;
    }
}

impl postcard::ser_flavors::Flavor for Hasher {
    type Output = Checksum;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.byte(byte);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<Checksum> {
        Ok(self.sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_stay_what_they_are() {
        // A change here means that nodes of two versions never agree: it needs a new snapshot version.
        assert_eq!(Checksum::of(&(1_u8, "a")), Checksum::of(&(1_u8, "a")));
        assert_eq!(Checksum::of(&()).0, 0);
        assert_eq!(Checksum::of(&7_u8).to_string(), "3025cc2a243252cc");
        assert_ne!(Checksum::of(&[0_u8; 7]), Checksum::of(&[0_u8; 8]));
    }

    #[test]
    fn key_and_every_byte_count() {
        let bytes: Vec<u8> = (0..37).collect();
        let sum = Checksum::of_bytes(1 << 70 | 5, &bytes);
        assert_ne!(Checksum::of_bytes(5, &bytes), sum);
        assert_ne!(Checksum::of_bytes(1 << 70, &bytes), sum);
        for place in 0..bytes.len() {
            let mut other = bytes.clone();
            other[place] ^= 1;
            assert_ne!(Checksum::of_bytes(1 << 70 | 5, &other), sum);
        }
    }

    #[test]
    fn order_does_not_matter_and_removing_undoes_adding() {
        let mut sum = Checksum::default();
        sum += Checksum::of(&1_u8);
        sum += Checksum::of(&2_u8);
        let mut other = Checksum::default();
        other += Checksum::of(&2_u8);
        other += Checksum::of(&1_u8);
        assert_eq!(sum, other);
        sum -= Checksum::of(&2_u8);
        assert_eq!(sum, Checksum::of(&1_u8));
    }
}
