//! Whether two tables of the same sessions are equal, and what is different when they are not.
//!
//! ```text
//! each second: digests of both tables, of one moment ─► Monitor::look ─► shards to be listed
//! listed: compare ─► Suspects ─► those that are the same at a later moment are drift, and mended
//! ```
//!
//! Tables under load differ at any moment by what is on its way. On standby a digest is exact: nothing
//! changes there but by the log, and both are taken at the same place of it. The active table runs ahead
//! of agreement, and the other node's figures are of another moment: there, only what stays counts.

use core::time::Duration;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use types::{DIGEST_SHARDS, Digest, Epoch, Instant, SessionId, ShardDigest};

/// Looks in a row at which a shard must differ before its sessions are listed, where differences are
/// normal for a moment.
const PATIENCE: u8 = 3;
/// Shards that are listed at once: a quarter of a million sessions at a million of them.
const AT_ONCE: usize = 256;

/// Place of a word about a session; the higher one is true.
pub type Rank = (Epoch, u32);

/// How much two moments have in common.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Precision {
    /// Both digests are of the same moment, and nothing can be on its way.
    Exact,
    /// Changes are on their way from one table to the other.
    InMotion,
}

/// How equal two tables are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Equality {
    /// Shards that are equal.
    pub equal: u32,
    /// Shards that differ by what may be on its way.
    pub moving: u32,
    /// Shards that differ although nothing moves.
    pub different: u32,
    /// How long ago, at this look, the shard that waits longest was last found equal; `None` while one
    /// never was.
    pub verified_ago: Option<Duration>,
}

impl Equality {
    /// Whether something is known to be different.
    pub const fn is_different(&self) -> bool {
        self.different > 0
    }
}

/// Follows two tables from look to look.
#[derive(Clone, Debug)]
pub struct Monitor {
    shards: Vec<Watched>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Watched {
    here: ShardDigest,
    there: ShardDigest,
    /// Looks in a row at which it differed.
    differs: u8,
    /// Of these, those at which nothing had changed on either side.
    still: u8,
    verified_at: Option<Instant>,
}

impl Default for Monitor {
    fn default() -> Self {
        Self {
            shards: vec![Watched::default(); DIGEST_SHARDS],
        }
    }
}

impl Monitor {
    /// Compares once more.
    pub fn look(
        &mut self,
        here: &Digest,
        there: &Digest,
        precision: Precision,
        now: Instant,
    ) -> Equality {
        let mut equality = Equality::default();
        let mut verified_at = Some(now);
        let pairs = here.shards().zip(there.shards());
        for (shard, (here, there)) in self.shards.iter_mut().zip(pairs) {
            let still = (shard.here, shard.there) == (here, there);
            (shard.here, shard.there) = (here, there);
            if here == there {
                (shard.differs, shard.still) = (0, 0);
                shard.verified_at = Some(now);
                equality.equal += 1;
            } else {
                shard.differs = shard.differs.saturating_add(1);
                shard.still = if still {
                    shard.still.saturating_add(1)
                } else {
                    0
                };
                match precision {
                    Precision::InMotion if shard.still < PATIENCE => equality.moving += 1,
                    Precision::InMotion | Precision::Exact => equality.different += 1,
                }
            }
            verified_at = verified_at.min(shard.verified_at);
        }
        equality.verified_ago = verified_at.map(|at| now.saturating_since(at));
        equality
    }

    /// Shards whose sessions are to be listed, those that have differed longest first.
    pub fn to_list(&self, precision: Precision) -> Vec<usize> {
        let least = match precision {
            Precision::Exact => 1,
            Precision::InMotion => PATIENCE,
        };
        let mut shards: Vec<_> = self
            .shards
            .iter()
            .enumerate()
            .filter(|(_, shard)| shard.differs >= least)
            .map(|(number, shard)| (shard.verified_at, number))
            .collect();
        shards.sort_unstable();
        shards.truncate(AT_ONCE);
        shards.into_iter().map(|(_, number)| number).collect()
    }

    /// A listing of this shard at `at` has shown nothing but what was on its way.
    pub fn verified(&mut self, shard: usize, at: Instant) {
        if let Some(shard) = self.shards.get_mut(shard) {
            shard.verified_at = shard.verified_at.max(Some(at));
            (shard.differs, shard.still) = (0, 0);
        }
    }
}

/// A session that two tables hold differently.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Suspect {
    /// The session.
    pub id: SessionId,
    /// What the processors hold; `None` for nothing.
    pub held: Option<Rank>,
    /// What is agreed on; `None` for nothing.
    pub agreed: Option<Rank>,
}

/// How a session differs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Difference {
    /// Agreed on, and not held.
    Missing,
    /// Held in an older form than the agreed one.
    Older,
    /// Held in a newer form than the agreed one.
    Newer,
    /// Held, and not agreed on.
    Unknown,
}

impl Suspect {
    /// How it differs; `None` when it does not.
    pub fn difference(&self) -> Option<Difference> {
        match (self.held, self.agreed) {
            (None, Some(_)) => Some(Difference::Missing),
            (Some(_), None) => Some(Difference::Unknown),
            (Some(held), Some(agreed)) if held < agreed => Some(Difference::Older),
            (Some(held), Some(agreed)) if held > agreed => Some(Difference::Newer),
            (None, None) | (Some(_), Some(_)) => None,
        }
    }
}

/// Sessions by how they differ, since the node's start.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// Agreed on, and not held.
    pub missing: u64,
    /// Held in an older form.
    pub older: u64,
    /// Held in a newer form.
    pub newer: u64,
    /// Held, and not agreed on.
    pub unknown: u64,
}

impl Found {
    /// Counts one more.
    pub const fn count(&mut self, difference: Difference) {
        match difference {
            Difference::Missing => self.missing += 1,
            Difference::Older => self.older += 1,
            Difference::Newer => self.newer += 1,
            Difference::Unknown => self.unknown += 1,
        }
    }

    /// All of them.
    pub const fn sum(&self) -> u64 {
        self.missing + self.older + self.newer + self.unknown
    }
}

/// What differs between the sessions that are held and those that are agreed on, by id.
pub fn compare(
    held: impl IntoIterator<Item = (SessionId, Rank)>,
    agreed: impl IntoIterator<Item = (SessionId, Rank)>,
) -> Vec<Suspect> {
    let mut sessions: BTreeMap<SessionId, (Option<Rank>, Option<Rank>)> = BTreeMap::new();
    for (id, rank) in held {
        sessions.entry(id).or_default().0 = Some(rank);
    }
    for (id, rank) in agreed {
        sessions.entry(id).or_default().1 = Some(rank);
    }
    sessions
        .into_iter()
        .map(|(id, (held, agreed))| Suspect { id, held, agreed })
        .filter(|suspect| suspect.difference().is_some())
        .collect()
}

/// Whether a suspicion of `since` may be judged at `now`: whatever was on its way at that time has
/// arrived. `oldest` is how long the oldest change under way has been waiting.
pub fn is_settled(since: Instant, now: Instant, oldest: Duration, precision: Precision) -> bool {
    /// Longer than changes take from a processor to the proposer.
    const QUIET: Duration = Duration::from_secs(2);
    match precision {
        Precision::Exact => true,
        Precision::InMotion => {
            let waited = now.saturating_since(since);
            waited >= QUIET && oldest < waited
        }
    }
}

#[cfg(test)]
mod tests;
