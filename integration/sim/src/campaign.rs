//! Many seeds, on all processors.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use serde::Serialize;

use crate::seeds::Seeds;
use crate::topology::Topology;
use crate::trace::Trace;
use crate::world::{Run, Violation, run};

/// What is to be tried.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// The seeds, for each topology.
    pub seeds: Seeds,
    /// Which clusters.
    pub topologies: Vec<Topology>,
    /// How many runs at a time.
    pub threads: usize,
}

/// What came of one topology.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Tally {
    /// Runs that came to their end.
    pub seeds: u64,
    /// Runs in which something did not hold.
    pub violations: u64,
    /// How long they were in the world's time, all together.
    pub simulated_ms: u64,
    /// The longest that everything took to be well after the last fault.
    pub longest_recovery_ms: u64,
    /// Requests that were answered.
    pub answers: u64,
}

/// A run that must not have happened, and how to see it again.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// Of which cluster.
    pub topology: &'static str,
    /// The run.
    pub seed: u64,
    /// What did not hold.
    pub violation: Violation,
}

/// What came of everything.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// By topology.
    pub topologies: BTreeMap<&'static str, Tally>,
    /// The runs in which something did not hold, by seed.
    pub failures: Vec<Failure>,
}

impl Report {
    fn add(&mut self, topology: Topology, seed: u64, run: Run) {
        let tally = self.topologies.entry(topology.name()).or_default();
        tally.seeds += 1;
        tally.simulated_ms += run.simulated.0;
        tally.longest_recovery_ms = tally.longest_recovery_ms.max(run.recovered_in.0);
        tally.answers += run.answers;
        if let Err(violation) = run.outcome {
            tally.violations += 1;
            self.failures.push(Failure {
                topology: topology.name(),
                seed,
                violation,
            });
        }
    }
}

impl Campaign {
    /// Runs everything; `progress` hears of each run that is over. With `stop_at_first`, a run in which
    /// something does not hold is the last one.
    pub fn run(&self, stop_at_first: StopAt, progress: impl Fn() + Sync) -> Report {
        let next = AtomicU64::new(0);
        let stop = AtomicBool::new(false);
        let report = Mutex::new(Report::default());
        let kinds = u64::try_from(self.topologies.len()).unwrap_or(u64::MAX);
        let work = || {
            while !stop.load(Ordering::Relaxed) {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let (Some(earlier), Some(kind)) =
                    (number.checked_div(kinds), number.checked_rem(kinds))
                else {
                    return;
                };
                let topology = usize::try_from(kind)
                    .ok()
                    .and_then(|kind| self.topologies.get(kind));
                let (Some(topology), Some(seed)) = (topology, self.seeds.after(earlier)) else {
                    return;
                };
                let run = run(*topology, seed, Trace::default());
                if run.outcome.is_err() && stop_at_first == StopAt::FirstViolation {
                    stop.store(true, Ordering::Relaxed);
                }
                report.lock().add(*topology, seed, run);
                progress();
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..self.threads {
                scope.spawn(work);
            }
        });
        let mut report = report.into_inner();
        report
            .failures
            .sort_by_key(|failure| (failure.seed, failure.topology));
        report
    }
}

/// When a campaign ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StopAt {
    /// With its last seed.
    LastSeed,
    /// With the first run in which something does not hold.
    FirstViolation,
}
