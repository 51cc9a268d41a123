//! Bugs on purpose, one of which a simulation may switch on for its thread: what it does not catch
//! then, it would not catch if somebody made the mistake. Compiled with the feature `mutants` only.

use std::cell::Cell;

/// A mistake that somebody could make.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mutant {
    /// Entries are acknowledged before they are on the disk.
    AppendBeforeSync,
    /// A vote is given before it is on the disk.
    VoteBeforeSync,
    /// A node that returns with an empty log takes part as the member that it was.
    OldMemberId,
    /// Every node founds a generation of the state group, whoever was to do it.
    TwoFounders,
    /// A claim of port blocks is granted although an earlier one was.
    ClaimIgnoresHeld,
    /// A role is taken whatever epoch it was claimed under.
    EpochUnchecked,
    /// A configuration replaces one that it was not based on.
    BaseUnchecked,
    /// A proposal without an answer is called failed.
    UnknownAsFailed,
    /// The witness is sent what is agreed on.
    ToldWitness,
    /// A leader that comes back goes on in its term, without what it had not yet on its disk.
    LeaderRestored,
    /// The witness hears of an entry at once, whoever else has it.
    WitnessToldFirst,
    /// What was answered for is forgotten before it was applied here.
    AnsweredForgotten,
    /// Whoever has an older disk goes on as if nobody had gone on without it.
    OlderDiskBelieved,
    /// Who gives way forgets what only it has.
    AsideForgotten,
}

thread_local! {
    static CHOSEN: Cell<Option<Mutant>> = const { Cell::new(None) };
}

/// From now on members on this thread make that mistake, or none.
pub fn choose(mutant: Option<Mutant>) {
    CHOSEN.set(mutant);
}

/// Whether members on this thread make that mistake.
pub(crate) fn is(mutant: Mutant) -> bool {
    CHOSEN.get() == Some(mutant)
}
