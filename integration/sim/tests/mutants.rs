//! Each mistake that somebody could make is caught within 500 seeds, in one topology or another.
//!
//! To be run with `cargo test --release -p sim --features mutants --test mutants`.

#![expect(
    clippy::panic,
    reason = "a mutant that gets away is a failure of the test"
)]

use raft::seam::{Mutant, choose};
use sim::{Topology, Trace};

/// How many seeds are tried.
const SEEDS: u64 = 500;

fn caught(mutant: Mutant) {
    for seed in 1..=SEEDS {
        for topology in Topology::ALL {
            choose(Some(mutant));
            let run = sim::run(topology, seed, Trace::default());
            choose(None);
            if let Err(violation) = run.outcome {
                println!("{mutant:?}: seed {seed} of {topology}: {violation}");
                return;
            }
        }
    }
    panic!("{mutant:?} was not caught within {SEEDS} seeds");
}

#[test]
fn entries_that_are_acknowledged_before_they_are_on_the_disk_are_caught() {
    caught(Mutant::AppendBeforeSync);
}

#[test]
fn votes_that_are_given_before_they_are_on_the_disk_are_caught() {
    caught(Mutant::VoteBeforeSync);
}

#[test]
fn a_witness_that_is_told_first_is_caught() {
    caught(Mutant::WitnessToldFirst);
}

#[test]
fn a_node_that_returns_as_the_member_it_was_is_caught() {
    caught(Mutant::OldMemberId);
}

#[test]
fn two_founders_are_caught() {
    caught(Mutant::TwoFounders);
}

#[test]
fn a_claim_that_is_granted_twice_is_caught() {
    caught(Mutant::ClaimIgnoresHeld);
}

#[test]
fn a_role_under_an_older_epoch_is_caught() {
    caught(Mutant::EpochUnchecked);
}

#[test]
fn a_configuration_on_the_wrong_base_is_caught() {
    caught(Mutant::BaseUnchecked);
}

#[test]
fn an_unknown_outcome_that_is_called_failed_is_caught() {
    caught(Mutant::UnknownAsFailed);
}

#[test]
fn content_that_is_sent_to_the_witness_is_caught() {
    caught(Mutant::ToldWitness);
}

#[test]
fn a_leader_that_goes_on_in_its_term_after_a_restart_is_caught() {
    caught(Mutant::LeaderRestored);
}

#[test]
fn an_answered_batch_that_is_forgotten_is_caught() {
    caught(Mutant::AnsweredForgotten);
}

#[test]
fn commits_of_a_lineage_that_lost_and_are_forgotten_are_caught() {
    caught(Mutant::AsideForgotten);
}

#[test]
fn an_older_disk_that_is_believed_is_caught() {
    caught(Mutant::OlderDiskBelieved);
}
