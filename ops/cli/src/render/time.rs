//! Wall time and spans for people. Always UTC: two nodes' answers must be comparable.

const DAY_MS: u64 = 86_400_000;

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// `Sat 2026-11-21 10:40:12 UTC`.
pub(crate) fn date_line(unix_ms: u64) -> String {
    // Day 0 of Unix time was a Thursday.
    let weekday = usize::try_from((unix_ms / DAY_MS + 3) % 7).unwrap_or_default();
    let weekday = WEEKDAYS.get(weekday).copied().unwrap_or_default();
    format!("{weekday} {} UTC", moment(unix_ms))
}

/// `2026-11-21 10:40:12`.
pub(crate) fn moment(unix_ms: u64) -> String {
    let (year, month, day) = civil(unix_ms / DAY_MS);
    let seconds = unix_ms % DAY_MS / 1_000;
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// Year, month and day of a day of Unix time, in the Gregorian calendar.
///
/// Years are counted from March, so that the leap day is a year's last day; 400 of them are always
/// 146 097 days.
const fn civil(day: u64) -> (u64, u64, u64) {
    /// Days from 0000-03-01 to 1970-01-01.
    const TO_UNIX: u64 = 719_468;
    let day = day + TO_UNIX;
    let (era, day) = (day / 146_097, day % 146_097);
    // The corrections take out the leap days that lie before `day` in the era.
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Months from March have 31 and 30 days by turns, but for a hitch that 153 days in five months hit.
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let (carry, month) = if month < 10 {
        (0, month + 3)
    } else {
        (1, month - 9)
    };
    (era * 400 + year + carry, month, date)
}

/// `1 days 1:01:01`.
pub(crate) fn uptime(ms: u64) -> String {
    let seconds = ms / 1_000;
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    format!(
        "{days} days {hours}:{:02}:{:02}",
        seconds / 60 % 60,
        seconds % 60
    )
}

/// A span with the unit that suits it: `12 ms`, `90.0 s`, `1 days 1:01:01`.
pub(crate) fn span(ms: u64) -> String {
    match ms {
        0..10_000 => format!("{ms} ms"),
        10_000..600_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        600_000.. => uptime(ms),
    }
}

/// Milliseconds from one moment to another, both digits of Unix nanoseconds: `30.125 ms`. `None`
/// when one of them is no number.
pub(crate) fn elapsed_ns(from: &str, to: &str) -> Option<String> {
    let (from, to): (u64, u64) = (from.parse().ok()?, to.parse().ok()?);
    // A frame may be forwarded before the thread that decided has noted its own time.
    let (sign, span) = if to < from {
        ("-", from - to)
    } else {
        ("", to - from)
    };
    Some(format!(
        "{sign}{}.{:03} ms",
        span / 1_000_000,
        span % 1_000_000 / 1_000
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_follow_the_calendar_across_leap_days_and_centuries() {
        for (unix_s, expected) in [
            (0, "Thu 1970-01-01 00:00:00 UTC"),
            (951_782_399, "Mon 2000-02-28 23:59:59 UTC"),
            (951_782_400, "Tue 2000-02-29 00:00:00 UTC"),
            (1_709_251_199, "Thu 2024-02-29 23:59:59 UTC"),
            (1_709_251_200, "Fri 2024-03-01 00:00:00 UTC"),
            (1_795_257_612, "Sat 2026-11-21 10:40:12 UTC"),
            (4_107_542_400, "Mon 2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(date_line(unix_s * 1_000), expected);
        }
    }

    #[test]
    fn spans_choose_their_unit() {
        let spans = [0, 9_999, 10_000, 599_999, 600_000].map(span);
        assert_eq!(
            spans,
            ["0 ms", "9999 ms", "10.0 s", "599.9 s", "0 days 0:10:00"]
        );
        assert_eq!(uptime(90_061_000), "1 days 1:01:01");
    }

    #[test]
    fn phases_are_milliseconds_to_the_microsecond() {
        assert_eq!(
            elapsed_ns("1000000", "31125000").as_deref(),
            Some("30.125 ms")
        );
        assert_eq!(
            elapsed_ns("31125000", "31120000").as_deref(),
            Some("-0.005 ms")
        );
        assert_eq!(elapsed_ns("", "1"), None);
    }
}
