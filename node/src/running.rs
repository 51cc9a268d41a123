//! The configuration that is in force: found in the control group, or proposed to it first.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cli::text_of;
use config::text_file::ReadError;
use config::{Problem, Valid};
use raft::{Control, Health, ProposeError};
use raft_state::{ConfigRecord, ControlCommand, ControlLineage, ControlOutcome, ControlState};
use runtime::Clock;
use tokio::sync::watch;
use types::Revision;

/// Between two attempts to propose the first configuration while the cluster forms.
const PATIENCE: Duration = Duration::from_millis(200);

/// For reading the log behind the last snapshot, and for a leader to say how much of its end counts. Without
/// a leader the end may never count, and a node must not wait for that: it starts with what it knows.
const REPLAY: Duration = Duration::from_millis(500);
/// Between two looks at it. How far the log is read can be looked at and not waited for: it is a figure of the
/// consensus library's, beside what a leader's silence means now.
const LOOK: Duration = Duration::from_millis(5);

/// A committed configuration, checked.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    /// Its number.
    pub(crate) revision: Revision,
    /// As it was committed, and by whom.
    pub(crate) record: Arc<ConfigRecord>,
    /// The survivor's foundation that it was agreed on in; `None` before there was one. Numbers are
    /// compared within one foundation only: two survivors count on from the same.
    pub(crate) foundation: Option<ControlLineage>,
    /// As actors read it.
    pub(crate) valid: Arc<Valid>,
}

/// Why there is no configuration to run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigurationError {
    /// The first configuration's file cannot be read.
    #[error("cannot read the first configuration {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says, or what the file is not.
        #[source]
        source: ReadError,
    },
    /// Every problem at once; nothing of it is applied.
    #[error("{origin} is not valid:\n{list}")]
    Invalid {
        /// The file, or the committed revision.
        origin: String,
        /// The problems, one a line.
        list: String,
    },
    /// The control group cannot take it.
    #[error("the first configuration cannot be committed")]
    Propose(#[source] ProposeError),
    /// The control group refused it.
    #[error("the first configuration was refused: {0}")]
    Refused(ControlOutcome),
    /// The control group has ended.
    #[error("the control group has ended before there was a configuration")]
    Gone,
}

/// Checks the agreed text again: it was valid when it was committed, perhaps by a newer version. `None`
/// without one.
pub(crate) fn check(state: &ControlState) -> Option<Result<Running, ConfigurationError>> {
    let record = state.config()?;
    let origin = format!("committed configuration {}", record.revision);
    Some(parse(&record.text, origin).map(|valid| Running {
        revision: record.revision,
        record: Arc::new(record.clone()),
        foundation: foundation(state),
        valid: Arc::new(valid),
    }))
}

/// The last survivor's foundation of the control group.
fn foundation(state: &ControlState) -> Option<ControlLineage> {
    let survivals = state.survivals().iter();
    survivals.map(|survival| survival.lineage).max()
}

impl Running {
    /// Whether something else is agreed on than what runs. A node that has caught up takes over whatever the others
    /// agree on: it may have agreed with itself alone on something of the same number, or of a higher one. Before,
    /// `state` may be as old as the beginning of somebody's log.
    pub(crate) fn is_replaced_by(&self, state: &ControlState, has_caught_up: bool) -> bool {
        let Some(record) = state.config() else {
            return false;
        };
        if has_caught_up {
            *record != *self.record
        } else {
            self.shares_foundation(state) && record.revision > self.revision
        }
    }

    /// Whether what runs is `revision` in the history of `state`, or something later in it.
    pub(crate) fn has_come_to(&self, revision: Revision, state: &ControlState) -> bool {
        self.revision >= revision && state.history().get(self.revision) == Some(&*self.record)
    }

    /// Whether what runs was agreed on in the same foundation as `state`.
    pub(crate) fn shares_foundation(&self, state: &ControlState) -> bool {
        foundation(state) == self.foundation
    }
}

/// The committed configuration; on a cluster that has none yet, `first` is proposed. Waits for a
/// quorum only when there is nothing committed on this node's disk.
pub(crate) async fn obtain(
    control: &Control,
    first: Option<&Path>,
    clock: Clock,
) -> Result<Running, ConfigurationError> {
    let mut agreed = control.watch();
    let proposal = match first {
        Some(path) if agreed.borrow().config().is_none() => Some(read_first(path)?),
        Some(_) | None => None,
    };
    // Cancel safe: waiting takes nothing, and a proposal that was cancelled may be made again,
    // because it says that it is based on no configuration at all.
    let running = tokio::select! {
        found = committed(control, &mut agreed, clock) => found?,
        failed = propose(control, proposal, clock) => return Err(failed),
    };
    if let Some(path) = first {
        warn_of_another(path, &running);
    }
    Ok(running)
}

/// The file is proposed once, to a cluster that has no configuration. Whoever edits it later and starts
/// the node again must hear that nothing came of it.
fn warn_of_another(path: &Path, running: &Running) {
    // The node needs the file no more: that it has gone is nobody's mistake.
    let Ok(text) = text_of(path, types::MAX_CONFIGURATION_BYTES) else {
        return;
    };
    if means_the_same(&text, &running.record.text) {
        return;
    }
    tracing::warn!(
        file = %path.display(),
        revision = %running.revision,
        "the file that 'configuration' in node.toml names is not the configuration in force: it counts \
         only for a cluster that has none. Compare it with 'tandem show config', then make the file \
         the same or take the line out of node.toml"
    );
}

/// Layout and comments do not count, and of two texts that cannot be read neither is the other.
fn means_the_same(text: &str, committed: &str) -> bool {
    match (config::parse(text), config::parse(committed)) {
        (Ok(text), Ok(committed)) => text == committed,
        (Err(_), _) | (_, Err(_)) => text == committed,
    }
}

async fn committed(
    control: &Control,
    agreed: &mut watch::Receiver<Arc<ControlState>>,
    clock: Clock,
) -> Result<Running, ConfigurationError> {
    agreed
        .wait_for(|state| state.config().is_some())
        .await
        .map_err(|_| ConfigurationError::Gone)?;
    replayed(control, clock).await;
    let state = Arc::clone(&agreed.borrow());
    check(&state).unwrap_or(Err(ConfigurationError::Gone))
}

/// Waits until this node has applied what is on its disk. What it finds first is as old as its last snapshot:
/// a node that began with that would run a configuration that was replaced long ago, if only for a moment.
async fn replayed(control: &Control, clock: Clock) {
    let deadline = clock.now() + REPLAY;
    while clock.now() < deadline {
        let status = control.status();
        let through = match status.health {
            Health::Starting => false,
            Health::Ok | Health::NoQuorum => status.applied >= status.last_log,
            Health::Stopped(_) => true,
        };
        if through {
            return;
        }
        clock.wait_until(Some(clock.now() + LOOK)).await;
    }
}

fn read_first(path: &Path) -> Result<String, ConfigurationError> {
    let read = text_of(path, types::MAX_CONFIGURATION_BYTES);
    let text = read.map_err(|source| ConfigurationError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    for warning in parse(&text, path.display().to_string())?.warnings() {
        tracing::warn!(%warning, file = %path.display(), "configuration");
    }
    Ok(text)
}

fn parse(text: &str, origin: String) -> Result<Valid, ConfigurationError> {
    let invalid = |problems: Vec<Problem>| {
        let list: Vec<_> = problems.iter().map(ToString::to_string).collect();
        ConfigurationError::Invalid {
            origin,
            list: list.join("\n"),
        }
    };
    match config::check(text) {
        Ok(valid) => Ok(valid),
        Err(problems) => Err(invalid(problems)),
    }
}

/// Ends only when it is hopeless; success shows in the committed state.
async fn propose(control: &Control, text: Option<String>, clock: Clock) -> ConfigurationError {
    let Some(text) = text else {
        return std::future::pending().await;
    };
    let command = ControlCommand::SetConfig {
        base: Revision::default(),
        text,
        author: "first start".to_owned(),
        at_unix_ms: clock.unix_millis(),
    };
    loop {
        match control.propose(command.clone()).await {
            // Ours, or the peer's that was quicker: either is committed.
            Ok(ControlOutcome::ConfigSet { .. } | ControlOutcome::ConfigStale { .. }) => {
                return std::future::pending().await;
            }
            Ok(refused) => return ConfigurationError::Refused(refused),
            Err(error) if error.is_retryable() => {
                tracing::info!(%error, "the first configuration waits for a quorum");
                clock.wait_until(Some(clock.now() + PATIENCE)).await;
            }
            Err(error) => return ConfigurationError::Propose(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use raft_state::{Incarnation, Survival, SurvivalReason};
    use types::NodeId;

    use super::*;

    /// What `founder` has agreed on with itself: so many configurations, each of them its own.
    fn alone(founder: u8, commits: u64) -> ControlState {
        let mut state = ControlState::default();
        let lineage = ControlLineage {
            generation: 2,
            life: Incarnation(9),
            founder: NodeId(founder),
        };
        state.apply(&ControlCommand::Survived(Survival {
            lineage,
            reason: SurvivalReason::Evidence,
            by: "policy".to_owned(),
            at_unix_ms: 0,
            revision: Revision::default(),
        }));
        for base in 0..commits {
            state.apply(&ControlCommand::SetConfig {
                base: Revision(base),
                text: include_str!("../../proto/config/examples/site.conf").to_owned(),
                author: format!("node {founder}"),
                at_unix_ms: 0,
            });
        }
        state
    }

    fn runs(state: &ControlState) -> Running {
        check(state).unwrap().unwrap()
    }

    #[test]
    fn until_a_node_has_caught_up_only_a_higher_number_of_its_foundation_counts() {
        let running = runs(&alone(1, 2));
        assert!(running.is_replaced_by(&alone(1, 3), false));
        assert!(!running.is_replaced_by(&alone(1, 2), false));
        assert!(
            !running.is_replaced_by(&alone(1, 1), false),
            "an older state"
        );
        assert!(
            !running.is_replaced_by(&alone(2, 3), false),
            "another survivor's"
        );
    }

    #[test]
    fn then_whatever_the_others_agree_on_does() {
        let running = runs(&alone(1, 4));
        let elsewhere = |commits| {
            let mut state = alone(1, 0);
            for base in 0..commits {
                state.apply(&ControlCommand::SetConfig {
                    base: Revision(base),
                    text: include_str!("../../proto/config/examples/site.conf").to_owned(),
                    author: "the other node".to_owned(),
                    at_unix_ms: 0,
                });
            }
            state
        };
        for commits in 1..6 {
            assert!(
                running.is_replaced_by(&elsewhere(commits), true),
                "{commits}"
            );
            assert!(!running.has_come_to(Revision(1), &elsewhere(commits)));
        }
        assert!(!running.is_replaced_by(&alone(1, 4), true));
        for (revision, has_come) in [(3, true), (4, true), (5, false)] {
            assert_eq!(
                running.has_come_to(Revision(revision), &alone(1, 5)),
                has_come
            );
        }
    }

    #[test]
    fn another_survivors_configuration_replaces_this_ones_whatever_its_number() {
        let running = runs(&alone(1, 2));
        for commits in 1..4 {
            assert!(
                running.is_replaced_by(&alone(2, commits), true),
                "{commits}"
            );
        }
        assert!(!running.is_replaced_by(&alone(2, 0), true), "it has none");
        let mut joined = alone(1, 2);
        let lineage = ControlLineage {
            generation: 3,
            life: Incarnation(9),
            founder: NodeId(2),
        };
        let survival = alone(2, 0).survivals().iter().next().cloned().unwrap();
        joined.apply(&ControlCommand::Survived(Survival {
            lineage,
            ..survival
        }));
        assert!(!running.is_replaced_by(&joined, true), "it is the same one");
    }

    #[test]
    fn a_file_is_another_configuration_when_it_means_something_else() {
        let committed = "config\n    authority\n        name  site\n    exit\nexit\n";
        assert!(means_the_same(
            "# our site\nconfig authority name site",
            committed
        ));
        assert!(!means_the_same("config authority name other", committed));
        assert!(!means_the_same("config authority nmae site", committed));
    }

    #[test]
    fn a_first_configuration_that_is_no_file_is_not_waited_for() {
        let name = format!("tandem-first-{}", std::process::id());
        let pipe = std::env::temp_dir().join(name);
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let (told, answer) = std::sync::mpsc::sync_channel(1);
        let asked = pipe.clone();
        std::thread::spawn(move || told.send(read_first(&asked)));
        let answer = answer.recv_timeout(Duration::from_secs(10));
        std::fs::remove_file(&pipe).unwrap();
        let refused = answer.unwrap().unwrap_err();
        assert!(
            matches!(
                &refused,
                ConfigurationError::Unreadable {
                    source: ReadError::NotAFile("a pipe"),
                    ..
                }
            ),
            "{refused}"
        );
    }
}
