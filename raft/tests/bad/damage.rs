//! What can happen to bytes on their way.

use proptest::collection::vec;
use proptest::prelude::*;

/// Damage to one message, perhaps with a part of another.
#[derive(Clone, Debug)]
pub(crate) struct Damage {
    pub(crate) which: usize,
    pub(crate) other: usize,
    how: How,
}

#[derive(Clone, Debug)]
enum How {
    Flip(Vec<(prop::sample::Index, u8)>),
    Truncate(prop::sample::Index),
    Extend(Vec<u8>),
    Remove(prop::sample::Index, prop::sample::Index),
    Splice(prop::sample::Index, prop::sample::Index),
    Zero(prop::sample::Index, u8),
}

/// Damage to one of `count` messages.
pub(crate) fn damage(count: usize) -> impl Strategy<Value = Damage> {
    let at = any::<prop::sample::Index>;
    let how = prop_oneof![
        4 => vec((at(), 1..=u8::MAX), 1..4).prop_map(How::Flip),
        1 => at().prop_map(How::Truncate),
        1 => vec(any::<u8>(), 1..40).prop_map(How::Extend),
        1 => (at(), at()).prop_map(|(from, to)| How::Remove(from, to)),
        2 => (at(), at()).prop_map(|(here, there)| How::Splice(here, there)),
        1 => (at(), any::<u8>()).prop_map(|(from, len)| How::Zero(from, len)),
    ];
    (0..count, any::<usize>(), how).prop_map(|(which, other, how)| Damage { which, other, how })
}

impl Damage {
    pub(crate) fn done_to(&self, bytes: &[u8], other: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        match &self.how {
            How::Flip(places) => {
                for (at, bits) in places {
                    *at.get_mut(&mut bytes) ^= bits;
                }
            }
            How::Truncate(at) => bytes.truncate(at.index(bytes.len())),
            How::Extend(more) => bytes.extend(more),
            How::Remove(from, to) => {
                let ends = [from, to].map(|at| at.index(bytes.len()));
                let [from, to] = [ends[0].min(ends[1]), ends[0].max(ends[1])];
                bytes.drain(from..to);
            }
            How::Splice(here, there) => {
                bytes.truncate(here.index(bytes.len()));
                bytes.extend(&other[there.index(other.len())..]);
            }
            How::Zero(from, len) => {
                let from = from.index(bytes.len());
                let to = bytes.len().min(from + usize::from(*len));
                bytes[from..to].fill(0);
            }
        }
        bytes
    }
}
