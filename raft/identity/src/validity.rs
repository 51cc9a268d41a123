//! From when until when a certificate is valid, read out of its DER.
//!
//! The only two fields that no library here tells: certificates are checked by rustls, which says
//! "expired" but not when. RFC 5280 §4.1 fixes the way to them.

use std::time::Duration;

/// When a certificate is valid, in seconds of Unix time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Validity {
    /// Not before.
    pub from: u64,
    /// Not after.
    pub until: u64,
}

impl Validity {
    /// When to replace the certificate: at two thirds of its life, so that a third of it is left for
    /// all that may be in the way.
    pub const fn renew_at(self) -> u64 {
        let life = self.until.saturating_sub(self.from);
        self.from.saturating_add(life / 3 * 2)
    }

    /// What is left of it at `now`; zero when it has ended.
    pub const fn left(self, now: u64) -> Duration {
        Duration::from_secs(self.until.saturating_sub(now))
    }

    /// Out of a whole certificate.
    pub(crate) fn read(certificate: &[u8]) -> Option<Self> {
        let (SEQUENCE, certificate, _) = element(certificate)? else {
            return None;
        };
        let (SEQUENCE, mut fields, _) = element(certificate)? else {
            return None;
        };
        if let (VERSION, _, rest) = element(fields)? {
            fields = rest;
        }
        // Serial number, signature algorithm, issuer.
        for _ in 0..3 {
            fields = element(fields)?.2;
        }
        let (SEQUENCE, dates, _) = element(fields)? else {
            return None;
        };
        let (tag, from, rest) = element(dates)?;
        let from = seconds(tag, from)?;
        let (tag, until, _) = element(rest)?;
        Some(Self {
            from,
            until: seconds(tag, until)?,
        })
    }
}

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The first element of `bytes`: its tag, its content, what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = if *first < 0x80 {
        (usize::from(*first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if digits.is_empty() || digits.len() > 4 {
            return None;
        }
        let length = digits
            .iter()
            .fold(0_usize, |sum, digit| sum << 8 | usize::from(*digit));
        (length, rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// Seconds of Unix time of a date in one of the two forms (RFC 5280 §4.1.2.5), both in UTC.
fn seconds(tag: u8, text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: u64 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let pair = |place: usize| rest.get(place..place + 2)?.parse::<u64>().ok();
    if rest.len() != 10 {
        return None;
    }
    let days = days_since_1970(year, pair(0)?, pair(2)?)?;
    Some(((days * 24 + pair(4)?) * 60 + pair(6)?) * 60 + pair(8)?)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1970..10_000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years begin in March here, so that the leap day is a year's last.
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let leap_days = year / 4 - year / 100 + year / 400;
    let days = year * 365 + leap_days + (month * 306 + 5) / 10 + day - 1;
    // Days before 1970-01-01 in the same count; in January of 1970 the year is 1969.
    days.checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates_in_both_forms_are_seconds_of_unix_time() {
        for (tag, text, expected) in [
            (UTC_TIME, "700101000000Z", Some(0)),
            (UTC_TIME, "700301000001Z", Some(59 * 86_400 + 1)),
            (UTC_TIME, "240229235959Z", Some(1_709_251_199)),
            (UTC_TIME, "491231235959Z", Some(2_524_607_999)),
            (GENERALIZED_TIME, "20500101000000Z", Some(2_524_608_000)),
            (UTC_TIME, "261121133000Z", Some(1_795_267_800)),
            (UTC_TIME, "261321133000Z", None),
            (UTC_TIME, "2611211330Z", None),
            (UTC_TIME, "26112113300Z0", None),
            (GENERALIZED_TIME, "19691231235959Z", None),
            (0x16, "700101000000Z", None),
        ] {
            assert_eq!(seconds(tag, text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn a_certificate_is_renewed_at_two_thirds_of_its_life() {
        let validity = Validity {
            from: 1_000,
            until: 1_300,
        };
        assert_eq!(validity.renew_at(), 1_200);
        assert_eq!(validity.left(1_290), Duration::from_secs(10));
        assert_eq!(validity.left(9_999), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_fall(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _any_answer_will_do = Validity::read(&bytes);
        }
    }
}
