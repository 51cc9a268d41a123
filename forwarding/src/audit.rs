//! Comparing the processors' tables with what the cluster agreed on, from outside and in pieces small
//! enough that no packet waits for them.
//!
//! Commands reach a worker in order: a digest that is asked for after an installation holds it.

use session::table::{Held, Repair, Repaired};
use tokio::sync::oneshot;
use types::{Digest, ShardSet};

use crate::handle::{Handle, Stopped};
use crate::shard::Shard;
use crate::steering::{Arrival, ShardIndex};
use crate::worker::Command;

/// Places that are looked at for one listing: some fifty microseconds of a worker's time.
const PLACES: u32 = 1024;
/// Repairs in one command.
const REPAIRS: usize = 512;

/// What the processors' tables sum up to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TableReport {
    /// Of the sessions that the cluster has been told.
    pub digest: Digest,
    /// Changes that wait to be handed over to the cluster.
    pub waiting: u64,
    /// Ends of sessions that were given up because nobody took them for too long.
    pub lost_removals: u64,
}

/// A [`TableReport`] that the workers were asked for.
#[derive(Debug)]
pub struct Asked(Vec<oneshot::Receiver<TableReport>>);

impl Asked {
    /// Waits until every worker has come to the question.
    pub async fn answer(self) -> Result<TableReport, Stopped> {
        let mut whole = TableReport::default();
        for answer in self.0 {
            // Without a bound: a worker's turn never waits, and a thread that ends drops the question.
            let part = answer.await.map_err(|_| Stopped)?;
            whole.digest.join(&part.digest);
            whole.waiting += part.waiting;
            whole.lost_removals += part.lost_removals;
        }
        Ok(whole)
    }
}

/// What became of repairs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RepairCounts {
    /// Agreed sessions that are in the table now.
    pub installed: u64,
    /// Sessions that nobody but this node knew, removed.
    pub removed: u64,
    /// Sessions that the cluster will be told again.
    pub told_again: u64,
    /// Ends of sessions that the cluster will be told again.
    pub ended_again: u64,
    /// Agreed sessions that did not fit.
    pub full: u64,
}

impl RepairCounts {
    /// Counts one more.
    pub const fn count(&mut self, repaired: Repaired) {
        match repaired {
            Repaired::Outdated => {}
            Repaired::Added(_) | Repaired::Replaced(_) => self.installed += 1,
            Repaired::Removed => self.removed += 1,
            Repaired::ToldAgain => self.told_again += 1,
            Repaired::EndedAgain => self.ended_again += 1,
            Repaired::Full => self.full += 1,
        }
    }

    /// Adds what was counted elsewhere.
    pub const fn join(&mut self, other: Self) {
        self.installed += other.installed;
        self.removed += other.removed;
        self.told_again += other.told_again;
        self.ended_again += other.ended_again;
        self.full += other.full;
    }
}

impl Handle {
    /// Asks every processor for its digest, behind everything that it has been sent so far.
    pub async fn ask_digest(&self) -> Result<Asked, Stopped> {
        let mut answers = Vec::new();
        for worker in &self.0.workers {
            let (reply, answer) = oneshot::channel();
            worker.send(Command::Digest { reply }).await?;
            answers.push(answer);
        }
        Ok(Asked(answers))
    }

    /// Lists the sessions of some shards that the cluster has been told and that have nothing new to
    /// tell. The processors go on with their packets in between, so it is no picture of one moment.
    pub async fn held(&self, shards: &ShardSet) -> Result<Vec<Held>, Stopped> {
        let mut held = Vec::new();
        for worker in &self.0.workers {
            let mut from = Some(0);
            while let Some(place) = from {
                let (reply, answer) = oneshot::channel();
                let shards = shards.clone();
                let command = Command::List {
                    shards,
                    from: place,
                    reply,
                };
                worker.send(command).await?;
                let (listed, next) = answer.await.map_err(|_| Stopped)?;
                held.extend(listed);
                from = next;
            }
        }
        Ok(held)
    }

    /// Mends differences, each unless its session has changed since; waits until that is done.
    pub async fn repair(&self, repairs: Vec<Repair>) -> Result<RepairCounts, Stopped> {
        let mut by_shard = vec![Vec::new(); self.0.workers.len()];
        for repair in repairs {
            match &repair {
                Repair {
                    held: None,
                    agreed: Some(record),
                    ..
                } => {
                    let steering = &self.0.shared.steering;
                    let ShardIndex(owner) = steering.shard(&record.forward, Arrival::Inside);
                    if let Some(batch) = by_shard.get_mut(owner) {
                        batch.push(repair);
                    }
                }
                // The processor that has the session knows it.
                Repair { .. } => {
                    for batch in &mut by_shard {
                        batch.push(repair.clone());
                    }
                }
            }
        }
        let mut answers = Vec::new();
        for (worker, batch) in self.0.workers.iter().zip(by_shard) {
            for chunk in batch.chunks(REPAIRS) {
                let (reply, answer) = oneshot::channel();
                let repairs = chunk.to_vec();
                worker.send(Command::Repair { repairs, reply }).await?;
                answers.push(answer);
            }
        }
        let mut counts = RepairCounts::default();
        for answer in answers {
            counts.join(answer.await.map_err(|_| Stopped)?);
        }
        Ok(counts)
    }
}

impl Shard {
    /// What this shard's table sums up to.
    pub fn report(&self) -> TableReport {
        let table = &self.state.table;
        TableReport {
            digest: table.digest().clone(),
            waiting: (table.pending_changes() + self.state.unsent.len()) as u64,
            lost_removals: table.lost_removals(),
        }
    }

    /// A piece of a listing, and where the next one begins.
    pub fn held(&self, shards: &ShardSet, from: u32) -> (Vec<Held>, Option<u32>) {
        let mut held = Vec::new();
        let next = self.state.table.held(shards, from, PLACES, &mut held);
        (held, next)
    }

    /// Mends differences, with their NAT mappings.
    pub fn repair(&mut self, repairs: &[Repair]) -> RepairCounts {
        let now = self.env.now;
        let mut counts = RepairCounts::default();
        for repair in repairs {
            let repaired = self.state.table.repair(repair, now, &mut self.state.gone);
            counts.count(repaired);
            self.env.shared.release(&mut self.state.gone, now);
            let added = match repaired {
                Repaired::Added(slot) => self.state.table.get(slot),
                Repaired::Outdated
                | Repaired::Replaced(_)
                | Repaired::Removed
                | Repaired::ToldAgain
                | Repaired::EndedAgain
                | Repaired::Full => None,
            };
            let record = added.map(session::Session::record);
            if let Some(record) = record
                && let Some(outside) = record.source_nat()
            {
                let (protocol, inside) = (record.forward.protocol, record.forward.src);
                let mut nat = self.env.shared.nat.lock();
                let reserved = nat.reserve(protocol, inside, outside, now);
                if let nat::Reserved::Conflict { holder } = reserved {
                    tracing::warn!(%inside, %outside, %holder, "two inside endpoints claim one port");
                }
            }
        }
        self.count_sessions();
        counts
    }
}
