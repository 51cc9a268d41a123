//! Settings of the consensus library for each group.

use std::time::Duration;

use openraft::{Config, ConfigError, SnapshotPolicy};

use crate::group::GroupName;
use crate::local::Local;
use crate::plan::GroupTiming;

/// Numbers in which the groups differ.
struct Sizes {
    /// Entries in one message. A configuration may have 4 MiB and a batch half a megabyte, and the
    /// largest message has 64 MiB.
    in_message: u64,
    /// Entries between snapshots. The log is in memory, and a snapshot is a frozen clone: so they are
    /// frequent, and the log is short.
    between_snapshots: u64,
    /// Entries that stay behind a snapshot, for members that are only a little late.
    kept: u64,
}

/// The settings of `group`.
pub(crate) fn config_of(group: GroupName, local: &Local) -> Result<Config, ConfigError> {
    let (timing, sizes) = match group {
        GroupName::Control => (
            local.timing.control,
            Sizes {
                in_message: 12,
                between_snapshots: 1_000,
                kept: 200,
            },
        ),
        GroupName::State => (
            local.timing.state,
            Sizes {
                in_message: 64,
                between_snapshots: 2_000,
                kept: 500,
            },
        ),
    };
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
        // The state group's members never return, so there is nothing to restore.
        enable_leader_restore: match group {
            GroupName::Control => None,
            GroupName::State => Some(false),
        },
        max_payload_entries: sizes.in_message,
        api_batch_capacity: 4_096,
        snapshot_policy: SnapshotPolicy::LogsSinceLast(sizes.between_snapshots),
        max_in_snapshot_log_to_keep: sizes.kept,
        purge_batch_size: 64,
        // Above the distance between snapshots, or a snapshot would not help who lags.
        replication_lag_threshold: 2 * sizes.between_snapshots,
        install_snapshot_timeout: 30_000,
        backoff: "20ms 40ms ...200ms".to_owned(),
        ..Config::default()
    }
    .validate()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
