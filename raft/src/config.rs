//! Settings of the consensus library for each group.

use std::time::Duration;

use openraft::{Config, ConfigError, SnapshotPolicy};

use crate::group::GroupName;
use crate::local::Local;
use crate::plan::GroupTiming;

/// The settings of `group`.
pub(crate) fn config_of(group: GroupName, local: &Local) -> Result<Config, ConfigError> {
    let timing = local.timing.of(group);
    let log = local.limits.log;
    #[cfg(not(feature = "mutants"))]
    let restore = false;
    #[cfg(feature = "mutants")]
    let restore = crate::mutants::is(crate::mutants::Mutant::LeaderRestored);
    let GroupTiming {
        heartbeat,
        election_min,
        election_max,
    } = timing;
    Config {
        cluster_name: local.cluster_id.clone(),
        heartbeat_interval: millis(heartbeat),
        election_timeout_min: millis(election_min),
        election_timeout_max: millis(election_max),
        heartbeat_min_interval: Some(0),
        enable_pre_vote: Some(true),
        // A leader that comes back may have lost entries that it had sent already: going on in the same
        // term, it would put others in their place. It has to be elected again.
        enable_leader_restore: Some(restore),
        max_payload_entries: in_message(group),
        api_batch_capacity: 4_096,
        snapshot_policy: SnapshotPolicy::LogsSinceLast(log),
        // For members that are only a little late.
        max_in_snapshot_log_to_keep: log / 4,
        purge_batch_size: (log / 16).max(1),
        // Above the distance between snapshots, or a snapshot would not help who lags.
        replication_lag_threshold: 2 * log,
        install_snapshot_timeout: 30_000,
        // A store that was put back and cannot be told from the newest one (see `store::recovery`) lacks entries
        // that it had acknowledged. They are sent again; else its leader would stop, or leave it out for good.
        allow_log_reversion: Some(true),
        backoff: "20ms 40ms ...200ms".to_owned(),
        ..Config::default()
    }
    .validate()
}

/// Entries in one message: a configuration may have 4 MiB and a batch half a megabyte, and the largest
/// message has 64 MiB.
pub(crate) const fn in_message(group: GroupName) -> u64 {
    match group {
        GroupName::Control => 12,
        GroupName::State => 64,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
