//! Intervals of RFC 9568 §6.1, in nanoseconds: whole centiseconds would make the skew of fast
//! timers zero and lose the order of the Backups.

use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::advert::Priority;

/// `Advertisement_Interval`: 1 to 4095 centiseconds (RFC 9568 §5.2.7).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct AdvertInterval(u16);

impl AdvertInterval {
    /// The RFC's default, one second.
    pub const DEFAULT: Self = Self(100);

    /// An interval as the wire carries it; `None` for 0 and for more than twelve bits.
    pub const fn from_centiseconds(value: u16) -> Option<Self> {
        match value {
            1..=4095 => Some(Self(value)),
            0 | 4096.. => None,
        }
    }

    /// An interval as an operator writes it.
    pub fn from_duration(value: Duration) -> Result<Self, InvalidInterval> {
        let invalid = InvalidInterval(value);
        if !value.as_nanos().is_multiple_of(10_000_000) {
            return Err(invalid);
        }
        u16::try_from(value.as_millis() / 10)
            .ok()
            .and_then(Self::from_centiseconds)
            .ok_or(invalid)
    }

    /// The number on the wire.
    pub const fn centiseconds(self) -> u16 {
        self.0
    }

    /// The interval as time.
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0 as u64 * 10)
    }

    /// `Skew_Time`: the better a Backup, the shorter (RFC 9568 §6.1).
    pub fn skew_time(self, priority: Priority) -> Duration {
        self.duration() * (256 - u32::from(priority.get())) / 256
    }

    /// `Active_Down_Interval`: after this silence the Active router is considered gone.
    pub fn active_down_interval(self, priority: Priority) -> Duration {
        self.duration() * 3 + self.skew_time(priority)
    }
}

impl fmt::Display for AdvertInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.duration())
    }
}

/// Not an interval that an ADVERTISEMENT can carry.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("advertisement interval {0:?} is not a multiple of 10 ms between 10 ms and 40.95 s")]
pub struct InvalidInterval(pub Duration);

#[cfg(test)]
mod tests {
    use super::*;

    fn priority(value: u8) -> Priority {
        Priority::configured(value).unwrap()
    }

    #[test]
    fn skew_and_down_interval_follow_the_formulas_to_the_microsecond() {
        for (weight, centiseconds, skew_us, down_us) in [
            (200, 100, 218_750, 3_218_750),
            (100, 100, 609_375, 3_609_375),
            (1, 100, 996_093, 3_996_093),
            (200, 10, 21_875, 321_875),
            (200, 1, 2_187, 32_187),
            (254, 1, 78, 30_078),
        ] {
            let interval = AdvertInterval::from_centiseconds(centiseconds).unwrap();
            let skew = interval.skew_time(priority(weight));
            let down = interval.active_down_interval(priority(weight));
            assert_eq!((skew.as_micros(), down.as_micros()), (skew_us, down_us));
        }
    }

    #[test]
    fn only_what_the_wire_can_carry_is_an_interval() {
        for bad_ms in [0, 5, 15, 40_960, 1_000_000_000] {
            let bad = Duration::from_millis(bad_ms);
            assert_eq!(
                AdvertInterval::from_duration(bad),
                Err(InvalidInterval(bad))
            );
        }
        assert!(AdvertInterval::from_duration(Duration::from_micros(10_001)).is_err());
        let longest = AdvertInterval::from_duration(Duration::from_millis(40_950));
        assert_eq!(longest.map(AdvertInterval::centiseconds), Ok(4095));
    }
}
