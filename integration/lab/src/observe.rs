//! What the laboratory sees of a node: the operator's own `tandem show … --json`, read tolerantly.
//!
//! The one place that knows the names in those objects. Absent numbers are zero, absent words empty;
//! 64-bit moments come as strings of digits.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// Asks one node.
#[derive(Debug)]
pub struct Observer {
    program: PathBuf,
    socket: PathBuf,
}

/// Why a node did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// The client could not be run.
    #[error("cannot run the operator's client")]
    Run(#[source] io::Error),
    /// The client failed: the node does not answer (yet).
    #[error("the node does not answer: {0}")]
    Silent(String),
    /// Its last line is not an object.
    #[error("the answer's last line is not JSON: {line}")]
    NotJson {
        /// The line.
        line: String,
    },
}

/// `show ha`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct HaView {
    /// The node's role.
    pub role: String,
    /// The highest epoch it knows.
    pub epoch: String,
    /// Whether it could take over, or go on, with every session.
    pub ready: bool,
    /// Why not.
    pub reasons: Vec<String>,
    /// Names of the checks of the pair that fail.
    pub failed: Vec<String>,
    /// Sessions programmed in its processors.
    pub sessions: u64,
    /// Its takeovers, oldest first.
    pub failovers: Vec<Film>,
}

impl HaView {
    /// Whether the node is the active one.
    pub fn is_active(&self) -> bool {
        self.role == "active"
    }

    /// Whether any member may fail now and the others still agree: both nodes and the witness, if there
    /// is one, are heard and have their votes. A node is ready to take over sooner than that.
    pub fn is_whole(&self) -> bool {
        const MEMBERS: [&str; 4] = ["quorum", "peer", "standby", "witness"];
        let failed = |check: &&str| self.failed.iter().any(|name| name == check);
        self.ready && !MEMBERS.iter().any(failed)
    }
}

/// One takeover; moments in nanoseconds of Unix time, `None` when they have not come.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Film {
    /// The epoch it claimed.
    pub epoch: String,
    /// Why.
    pub cause: String,
    /// The loss was noticed.
    pub detected: Option<u64>,
    /// The takeover was decided.
    pub decided: Option<u64>,
    /// The session processors were told.
    pub programmed: Option<u64>,
    /// The first announcement had left.
    pub announced: Option<u64>,
    /// The first packet was forwarded.
    pub first_packet: Option<u64>,
    /// Sessions that stood ready.
    pub sessions: u64,
}

impl Observer {
    /// Will run `program` against `socket`.
    pub fn new(program: &Path, socket: &Path) -> Self {
        Self {
            program: program.to_owned(),
            socket: socket.to_owned(),
        }
    }

    /// `show ha`.
    pub fn ha(&self) -> Result<HaView, ObserveError> {
        Ok(ha_view(&self.show("ha")?))
    }

    /// The object behind any `show` view; a view may have two words.
    pub fn show(&self, view: &str) -> Result<Value, ObserveError> {
        let output = Command::new(&self.program)
            .arg("show")
            .args(view.split(' '))
            .args(["--json", "--socket"])
            .arg(&self.socket)
            .stdin(Stdio::null())
            .output()
            .map_err(ObserveError::Run)?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr);
            return Err(ObserveError::Silent(why.trim().to_owned()));
        }
        last_object(&output.stdout)
    }
}

/// The object on the last line of what the program printed.
pub(crate) fn last_object(printed: &[u8]) -> Result<Value, ObserveError> {
    let text = String::from_utf8_lossy(printed);
    let line = text.lines().next_back().unwrap_or_default();
    serde_json::from_str(line).map_err(|_| ObserveError::NotJson {
        line: line.to_owned(),
    })
}

fn ha_view(object: &Value) -> HaView {
    HaView {
        role: word(object, "role"),
        epoch: word(object, "epoch"),
        ready: object
            .get("ready")
            .and_then(Value::as_bool)
            .unwrap_or(false),
        reasons: list(object, "reasons")
            .filter_map(|reason| reason.as_str().map(str::to_owned))
            .collect(),
        failed: list(object, "checks")
            .map(|check| word(check, "name"))
            .collect(),
        sessions: number(object, "sessions").unwrap_or(0),
        failovers: list(object, "failovers").map(film).collect(),
    }
}

fn film(object: &Value) -> Film {
    Film {
        epoch: word(object, "epoch"),
        cause: word(object, "cause"),
        detected: number(object, "detected_unix_ns"),
        decided: number(object, "decided_unix_ns"),
        programmed: number(object, "programmed_unix_ns"),
        announced: number(object, "announced_unix_ns"),
        first_packet: number(object, "first_packet_unix_ns"),
        sessions: number(object, "sessions").unwrap_or(0),
    }
}

fn word(object: &Value, name: &str) -> String {
    object
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn number(object: &Value, name: &str) -> Option<u64> {
    let value = object.get(name)?;
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn list<'a>(object: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    object
        .get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_from_strings_and_what_has_not_happened_is_absent() {
        let object = serde_json::json!({
            "node": "b", "role": "active", "epoch": "3.2", "ready": false,
            "reasons": ["the peer is not heard"], "sessions": 204,
            "checks": [{ "name": "witness", "verdict": "degraded" }],
            "failovers": [{
                "epoch": "3.2", "cause": "peer silent", "detected_unix_ns": "1763720000000000001",
                "decided_unix_ns": 5, "first_packet_unix_ns": null, "sessions": 203,
            }],
        });

        let view = ha_view(&object);

        assert!(view.is_active());
        assert_eq!(view.reasons, ["the peer is not heard"]);
        assert_eq!(view.sessions, 204);
        assert_eq!(view.failed, ["witness"]);
        let film = view.failovers.first().unwrap();
        assert_eq!(film.detected, Some(1_763_720_000_000_000_001));
        assert_eq!(
            (film.decided, film.announced, film.first_packet),
            (Some(5), None, None)
        );
    }

    #[test]
    fn a_ready_node_is_not_whole_before_every_member_has_its_vote() {
        let view = |failed: &[&str]| HaView {
            ready: true,
            failed: failed.iter().map(|&name| name.into()).collect(),
            ..HaView::default()
        };

        assert!(view(&[]).is_whole() && view(&["storage"]).is_whole());
        for check in ["quorum", "peer", "standby", "witness"] {
            assert!(!view(&["storage", check]).is_whole(), "{check}");
        }
        let unready = HaView {
            ready: false,
            ..view(&[])
        };
        assert!(!unready.is_whole());
    }
}
