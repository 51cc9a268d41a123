//! Handing over what a lineage that lost has left here: nothing is forgotten before the winner has it.

use std::time::Duration;

use raft_state::{ControlOutcome, ControlState, candidates_of};

use crate::group::ControlGroup;
use crate::propose::Proposer;
use crate::seat::Running;
use crate::store::Aside;

/// Between two attempts while somebody is missing.
const RETRY: Duration = Duration::from_millis(200);
/// Between two attempts while there is no room: an operator has to make some.
const NO_ROOM: Duration = Duration::from_secs(5);

/// What became of an attempt.
pub(super) enum HandedOver {
    /// The winner has everything.
    All,
    /// The winner has no room for all of it.
    NoRoom,
}

/// Returns when `running` is a voter and has applied everything that made it one.
pub(super) async fn caught_up(running: &Running<ControlGroup>) {
    while !running.has_caught_up() {
        tokio::time::sleep(RETRY).await;
    }
}

/// Proposes everything that the winner may not have, until there is an answer to each.
pub(super) async fn hand_over(
    control: &Proposer<ControlGroup>,
    aside: &[Aside],
    winner: &ControlState,
) -> HandedOver {
    #[cfg(feature = "mutants")]
    if crate::mutants::is(crate::mutants::Mutant::AsideForgotten) {
        return HandedOver::All;
    }
    let me = &control.local.me;
    let mut room = true;
    for (lineage, lost) in aside
        .iter()
        .filter_map(|aside| Some((aside.lineage, aside.state()?)))
    {
        for command in candidates_of(&lost, (me.id, &me.name, lineage), winner) {
            loop {
                match control.propose(&command).await {
                    Ok(ControlOutcome::CandidatesFull { count, bytes }) => {
                        tracing::error!(
                            count,
                            bytes,
                            "no room for a configuration of a lineage that lost: it stays on this \
                             node until candidates are dropped"
                        );
                        room = false;
                    }
                    Ok(outcome) => tracing::warn!(%outcome, %lineage, "a lineage that lost"),
                    Err(error) => {
                        tracing::debug!(%error, "candidates wait");
                        tokio::time::sleep(RETRY).await;
                        continue;
                    }
                }
                break;
            }
        }
    }
    if room {
        HandedOver::All
    } else {
        tokio::time::sleep(NO_ROOM).await;
        HandedOver::NoRoom
    }
}
