//! A token bucket for ICMP errors, so that nobody makes us send more than the network can want
//! (RFC 4443 §2.4 (f), RFC 1812 §4.3.2.8).

use std::time::Duration;

use types::Instant;

/// A bucket that fills with time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limiter {
    interval: Duration,
    burst: u32,
    tokens: u32,
    filled_at: Instant,
}

impl Limiter {
    /// One token each `interval`, and at most `burst` saved up.
    pub(crate) const fn new(interval: Duration, burst: u32) -> Self {
        Self {
            interval,
            burst,
            tokens: burst,
            filled_at: Instant::START,
        }
    }

    /// Takes a token if there is one.
    pub(crate) fn allows(&mut self, now: Instant) -> bool {
        let interval = self.interval.as_nanos().max(1);
        let earned = now.saturating_since(self.filled_at).as_nanos() / interval;
        let missing = u128::from(self.burst - self.tokens);
        if earned >= missing {
            self.tokens = self.burst;
            self.filled_at = now;
        } else {
            let earned = u32::try_from(earned).unwrap_or(0);
            self.tokens += earned;
            // Keeps the fraction of a token that has been earned since.
            self.filled_at += self.interval * earned;
        }
        let allowed = self.tokens > 0;
        self.tokens = self.tokens.saturating_sub(1);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_one_for_each_interval() {
        let ms = |n: u64| Instant::START + Duration::from_millis(n);
        let mut limiter = Limiter::new(Duration::from_millis(10), 3);
        let allowed = |limiter: &mut Limiter, at| (0..9).filter(|_| limiter.allows(at)).count();

        assert_eq!(allowed(&mut limiter, ms(1000)), 3);
        assert_eq!(allowed(&mut limiter, ms(1009)), 0);
        assert_eq!(allowed(&mut limiter, ms(1010)), 1);
        assert_eq!(allowed(&mut limiter, ms(1035)), 2);
        assert_eq!(allowed(&mut limiter, ms(1040)), 1);
        assert_eq!(allowed(&mut limiter, ms(9000)), 3);
    }
}
