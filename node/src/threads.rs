//! How busy the session processors are, as the kernel counts it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use types::Instant;

/// Share of one core, by thread name.
pub(crate) type Utilization = BTreeMap<String, f64>;

/// Processor time that threads have used, looked at from time to time.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    last: Option<(Instant, BTreeMap<String, Duration>)>,
}

impl Meter {
    /// Utilization in percent since the last call; empty the first time.
    pub(crate) fn sample(&mut self, now: Instant) -> Utilization {
        let used = session_processors(Path::new("/proc/self/task"));
        let Some((then, before)) = self.last.replace((now, used.clone())) else {
            return Utilization::new();
        };
        let elapsed = (now - then).as_secs_f64();
        if elapsed <= 0.0 {
            return Utilization::new();
        }
        used.into_iter()
            .filter_map(|(thread, time)| {
                let spent = time.checked_sub(*before.get(&thread)?)?;
                Some((thread, spent.as_secs_f64() / elapsed * 100.0))
            })
            .collect()
    }
}

/// A thread that ends while it is looked at is left out.
fn session_processors(tasks: &Path) -> BTreeMap<String, Duration> {
    let entries = std::fs::read_dir(tasks).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let name = std::fs::read_to_string(entry.path().join("comm")).ok()?;
            let name = name.trim().to_owned();
            // `schedstat` begins with the time on a processor in nanoseconds (proc(5)).
            let stat = std::fs::read_to_string(entry.path().join("schedstat")).ok()?;
            let nanos = stat.split(' ').next()?.parse().ok()?;
            name.starts_with("SessionProc")
                .then_some((name, Duration::from_nanos(nanos)))
        })
        .collect()
}
