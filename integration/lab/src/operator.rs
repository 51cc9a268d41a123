//! An operator at one node's socket, as the laboratory needs one: reads the configuration, commits another,
//! asks who leads. Everything by the program's own commands and their `--json`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::observe::{ObserveError, Observer, last_object};

/// Exit statuses of `tandem configure commit`.
const COMMITTED: i32 = 0;
const STALE: i32 = 6;
const UNKNOWN: i32 = 7;

/// Speaks to one node.
#[derive(Debug)]
pub struct Operator {
    program: PathBuf,
    socket: PathBuf,
}

/// A configuration that a node runs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Shown {
    /// Its number.
    pub revision: u64,
    /// The whole text.
    pub text: String,
}

/// What became of a commit.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Told {
    /// It runs under this number; here as well, if the node says so.
    Committed {
        /// The number.
        revision: u64,
        /// Whether the node itself runs it, or a later one.
        in_force: bool,
    },
    /// Nothing was changed: others were quicker.
    Stale {
        /// The newest revision.
        revision: u64,
        /// Revisions after the base, and the checksums of their texts.
        since: Vec<(u64, u64)>,
    },
    /// Nobody knows.
    Unknown,
    /// Surely not done, for the reason given.
    NotDone(String),
}

/// Who leads the control group, as a node sees it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Leadership {
    /// The leader's name, if one is heard.
    pub leader: Option<String>,
    /// Counts the elections.
    pub term: u64,
}

impl Operator {
    /// Will run `program` against `socket`.
    pub fn new(program: &Path, socket: &Path) -> Self {
        Self {
            program: program.to_owned(),
            socket: socket.to_owned(),
        }
    }

    /// `show config`.
    pub fn config(&self) -> Result<Shown, ObserveError> {
        let object = self.observer().show("config")?;
        let revision = object.get("revision").and_then(Value::as_u64);
        let text = object.get("text").and_then(Value::as_str);
        match (revision, text) {
            (Some(revision), Some(text)) => Ok(Shown {
                revision,
                text: text.to_owned(),
            }),
            (None, _) | (_, None) => Err(ObserveError::NotJson {
                line: object.to_string(),
            }),
        }
    }

    /// `show cluster`, as far as the control group is meant.
    pub fn leadership(&self) -> Result<Leadership, ObserveError> {
        Ok(leadership(&self.observer().show("cluster")?))
    }

    /// `configure commit` of a file, based on `base`.
    pub fn commit(&self, file: &Path, base: u64) -> Result<Told, ObserveError> {
        let output = Command::new(&self.program)
            .args(["configure", "commit"])
            .arg(file)
            .args(["--base", &base.to_string(), "--json", "--socket"])
            .arg(&self.socket)
            .stdin(Stdio::null())
            .output()
            .map_err(ObserveError::Run)?;
        match output.status.code() {
            // Somebody killed the client: what it had sent is on its way.
            None => Ok(Told::Unknown),
            Some(exit) => told(exit, &last_object(&output.stdout)?),
        }
    }

    fn observer(&self) -> Observer {
        Observer::new(&self.program, &self.socket)
    }
}

fn leadership(object: &Value) -> Leadership {
    let groups = object.get("groups").and_then(Value::as_array);
    let control = groups
        .into_iter()
        .flatten()
        .find(|group| group.get("name").and_then(Value::as_str) == Some("control"));
    let Some(control) = control else {
        return Leadership::default();
    };
    Leadership {
        leader: control
            .get("leader")
            .and_then(Value::as_str)
            .map(str::to_owned),
        term: control.get("term").and_then(Value::as_u64).unwrap_or(0),
    }
}

fn told(exit: i32, object: &Value) -> Result<Told, ObserveError> {
    let revision = object.get("revision").and_then(Value::as_u64);
    match (exit, revision) {
        (COMMITTED, Some(revision)) => Ok(Told::Committed {
            revision,
            in_force: object.get("in_force") == Some(&Value::from(true)),
        }),
        (STALE, Some(revision)) => Ok(Told::Stale {
            revision,
            since: since(object),
        }),
        (UNKNOWN, _) => Ok(Told::Unknown),
        (COMMITTED | STALE, None) => Err(ObserveError::NotJson {
            line: object.to_string(),
        }),
        (_, _) => Ok(Told::NotDone(
            object
                .pointer("/error/what")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
        )),
    }
}

fn since(object: &Value) -> Vec<(u64, u64)> {
    let commits = object.get("since").and_then(Value::as_array);
    commits
        .into_iter()
        .flatten()
        .filter_map(|commit| {
            let checksum = commit.get("text_checksum")?.as_str()?;
            let checksum = u64::from_str_radix(checksum, 16).ok()?;
            Some((commit.get("revision")?.as_u64()?, checksum))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_exit_status_says_what_became_of_a_commit() {
        let committed = json!({ "outcome": "committed", "revision": 4, "in_force": true });
        let told = |exit, object: &Value| told(exit, object).unwrap();
        assert_eq!(
            told(0, &committed),
            Told::Committed {
                revision: 4,
                in_force: true
            }
        );
        let stale = json!({
            "error": { "what": "stale", "exit": 6 }, "revision": 9,
            "since": [{ "revision": 9, "text_checksum": "00000000000000ff" }],
        });
        assert_eq!(
            told(6, &stale),
            Told::Stale {
                revision: 9,
                since: vec![(9, 255)]
            }
        );
        let error = json!({ "error": { "what": "no leader", "exit": 1 } });
        assert_eq!(told(1, &error), Told::NotDone("no leader".to_owned()));
        assert_eq!(told(7, &error), Told::Unknown);
    }

    #[test]
    fn an_acknowledgement_without_a_number_is_no_answer() {
        assert!(told(0, &json!({})).is_err());
    }

    #[test]
    fn the_control_groups_leader_is_meant() {
        let object = json!({ "groups": [
            { "name": "state", "leader": "b", "term": 9 },
            { "name": "control", "leader": "a", "term": 3 },
        ]});
        let seen = leadership(&object);
        assert_eq!((seen.leader.as_deref(), seen.term), (Some("a"), 3));
        assert_eq!(leadership(&json!({})), Leadership::default());
    }
}
