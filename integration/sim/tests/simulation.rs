//! Runs repeat, and some of each topology find nothing wrong.

use sim::campaign::{Campaign, StopAt};
use sim::{Seeds, Topology, Trace};

/// How many seeds of each topology the gate wants, if more than a quick test tries.
const MORE: &str = "TANDEM_SIM_SEEDS";

#[test]
fn a_seed_is_one_history_down_to_the_byte() {
    for topology in Topology::ALL {
        let history = |seed| {
            let run = sim::run(topology, seed, Trace::kept());
            (run.simulated, run.trace.into_text())
        };
        let first = history(11);
        assert_eq!(history(11), first, "{topology}");
        assert_ne!(history(12), first, "{topology}");
        assert!(first.1.lines().count() > 1_000, "{topology}");
    }
}

#[test]
fn keeping_the_history_does_not_change_it() {
    let kept = sim::run(Topology::Pair, 13, Trace::kept());
    let not_kept = sim::run(Topology::Pair, 13, Trace::default());
    assert_eq!(
        (kept.simulated, kept.recovered_in, kept.answers),
        (not_kept.simulated, not_kept.recovered_in, not_kept.answers)
    );
}

#[test]
fn everything_holds_in_some_runs() {
    let more = std::env::var(MORE)
        .ok()
        .and_then(|seeds| seeds.parse().ok());
    let seeds = more.unwrap_or(10);
    let campaign = Campaign {
        seeds: Seeds::starting_at(1, seeds).unwrap(),
        topologies: Topology::ALL.to_vec(),
        threads: 2,
    };
    let report = campaign.run(StopAt::LastSeed, || {});
    assert!(report.failures.is_empty(), "{:#?}", report.failures);
    for tally in report.topologies.values() {
        assert_eq!(tally.seeds, seeds);
        assert!(tally.answers > 30 * seeds);
    }
}

/// What the simulation has found once stays found: each of these seeds has shown a bug.
#[test]
fn seeds_that_have_shown_a_bug_show_none_any_more() {
    let found = [
        // A node whose control group had ended kept a processor busy for ever.
        (Topology::PairWitness, 101),
        // A learner without a quorum's leader kept everybody from founding the group anew.
        (Topology::Pair, 100),
        // A commit that was made was called stale, because its second try found it so.
        (Topology::PairWitness, 207),
        // A leader went on in its term after it had lost entries that others had.
        (Topology::Pair, 212),
        // A batch that leader and witness had agreed on died with the leader.
        (Topology::PairWitness, 1_186),
        (Topology::PairWitness, 3_059),
        // The same, while the next batch was on its way and reached the next generation first.
        (Topology::PairWitness, 128),
        // The witness alone had an entry whose leader had lost it, and never voted again.
        (Topology::PairWitness, 675),
        // A survivor took entries for agreed on that the other lineage never had.
        (Topology::PairSurvivor, 20_298),
        // Candidates that a lineage kept for one that had lost were lost with it.
        (Topology::PairSurvivor, 22_989),
        // Two generations of the state group had the same number.
        (Topology::PairSurvivor, 20_352),
        // A member that led before it was taken in for good asked the others for ever.
        (Topology::Pair, 21_667),
        (Topology::Pair, 22_144),
    ];
    for (topology, seed) in found {
        let run = sim::run_plain(topology, seed, Trace::default());
        assert_eq!(run.outcome, Ok(()), "{topology}, seed {seed}");
    }
    let found_with_traps = [
        // The witness was told of entries that, beside the leader, only a learner had.
        (Topology::PairWitness, 108_397),
    ];
    for (topology, seed) in found_with_traps {
        let run = sim::run(topology, seed, Trace::default());
        assert_eq!(run.outcome, Ok(()), "{topology}, seed {seed}");
    }
}
