//! The running configuration is one register with compare-and-set: some order of the commits explains
//! every answer, and each commit takes its effect between question and answer.
//!
//! Every success says which revision it made, and a refusal which one it has met, so that the order is
//! known and only the moments are to be found. Taking the earliest possible moment for each operation,
//! one after the other, finds them if they exist: no search is needed as for registers in general.

use std::collections::BTreeMap;

use raft_state::{ControlCommand, ControlOutcome};

use super::{Invariant, Observation};
use crate::clock::Millis;
use crate::workload::{RequestId, Told};

/// One operation whose effect is known.
#[derive(Clone, Copy, Debug)]
struct Operation {
    request: RequestId,
    asked: Millis,
    answered: Millis,
}

/// All operations, by the revision that they made or met.
#[derive(Debug, Default)]
pub(super) struct Linearizable {
    made: BTreeMap<u64, Operation>,
    met: BTreeMap<u64, Vec<Operation>>,
}

impl Linearizable {
    /// Finds a moment for each operation.
    fn explain(&self) -> Result<(), String> {
        let last = self.made.keys().chain(self.met.keys()).max();
        let mut now = Millis(0);
        for revision in 0..=last.copied().unwrap_or_default() {
            // A revision that nobody was told about was made at any moment.
            now = match self.made.get(&revision) {
                Some(operation) => moment(now, *operation)?,
                None => now,
            };
            let mut latest = now;
            for operation in self.met.get(&revision).into_iter().flatten() {
                latest = latest.max(moment(now, *operation)?);
            }
            now = latest;
        }
        Ok(())
    }
}

fn moment(earliest: Millis, operation: Operation) -> Result<Millis, String> {
    let moment = earliest.max(operation.asked);
    if moment <= operation.answered {
        return Ok(moment);
    }
    Err(format!(
        "request {} was answered at {}, and its effect is later than {earliest}",
        operation.request, operation.answered
    ))
}

impl Invariant for Linearizable {
    fn name(&self) -> &'static str {
        "linearizable"
    }

    fn see(&mut self, observation: &Observation<'_>) -> Result<(), String> {
        let (request, told, at) = match observation {
            Observation::Told { request, told, at } => (request, told, at),
            Observation::Ended(_) => return self.explain(),
            Observation::Applied { .. }
            | Observation::Asked(_)
            | Observation::Carried { .. }
            | Observation::Aged(_)
            | Observation::Stopped { .. } => return Ok(()),
        };
        let (ControlCommand::SetConfig { base, .. }, Told::Outcome(outcome)) =
            (&request.command, told)
        else {
            return Ok(());
        };
        let operation = Operation {
            request: request.id,
            asked: request.at,
            answered: *at,
        };
        if let ControlOutcome::ConfigSet { revision } = outcome {
            if revision.0 != base.0 + 1 {
                return Err(format!(
                    "request {} was based on {base} and made {revision}",
                    request.id
                ));
            }
            if let Some(other) = self.made.insert(revision.0, operation) {
                let (one, other) = (other.request, request.id);
                return Err(format!("requests {one} and {other} both made {revision}"));
            }
        }
        if let ControlOutcome::ConfigStale { current } = outcome {
            if current == base {
                return Err(format!("request {} met its own base", request.id));
            }
            self.met.entry(current.0).or_default().push(operation);
        }
        Ok(())
    }
}
