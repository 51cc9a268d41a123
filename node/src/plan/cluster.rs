//! Who takes part in agreement.

use std::time::Duration;

use config::bootstrap::{Bootstrap, MemberKind, Security, StoreChoice};
use raft::{
    Applicant, ClusterPlan, GroupTiming, Issuing, Limits, Listen, Member, Pace, StoreKind, Timing,
    TlsFiles,
};

/// The cluster as `node.toml` describes it.
pub(crate) fn compile(bootstrap: &Bootstrap) -> ClusterPlan {
    ClusterPlan {
        cluster_id: bootstrap.cluster.to_string(),
        me: bootstrap.local,
        members: bootstrap.members.iter().map(member).collect(),
        listen: Listen::Addresses(
            bootstrap
                .local_member()
                .map(|local| local.addresses.clone())
                .unwrap_or_default(),
        ),
        data_dir: bootstrap.data_directory.clone(),
        store: match bootstrap.store {
            StoreChoice::Sled => StoreKind::Sled,
            StoreChoice::Redb => StoreKind::Redb,
        },
        tls: match &bootstrap.security {
            Security::Tls {
                ca,
                certificate,
                key,
                authority_key,
                heartbeat_key_file,
            } => Some(TlsFiles {
                ca: ca.clone(),
                cert: certificate.clone(),
                key: key.clone(),
                edition: bootstrap.edition,
                issuing: authority_key.as_ref().map(|authority_key| Issuing {
                    authority_key: authority_key.clone(),
                    router: bootstrap.router.clone(),
                    heartbeat_key: heartbeat_key_file.clone(),
                    pace: pace(bootstrap),
                    has_place,
                }),
            }),
            Security::InsecureLab => None,
        },
        timing: timing(bootstrap).across(Duration::from_millis(bootstrap.rtt_ms.into())),
        limits: limits(bootstrap),
    }
}

fn pace(bootstrap: &Bootstrap) -> Pace {
    let millis = |timeout: Duration| u32::try_from(timeout.as_millis()).unwrap_or_default();
    Pace {
        rtt_ms: bootstrap.rtt_ms,
        election_timeout_ms: bootstrap.election_timeout.map_or(0, millis),
    }
}

/// A newcomer that the configuration does not name could vote, and then not run.
fn has_place(applicant: &Applicant<'_>) -> Result<(), String> {
    let Applicant { name, router, .. } = applicant;
    let Some(text) = applicant.configuration else {
        return Err(
            "the cluster has no configuration yet: see what the first node's log says of it"
                .to_owned(),
        );
    };
    let valid = config::check(text)
        .map_err(|_| "the configuration in force cannot be read by this version".to_owned())?;
    let nodes = valid.router(router).map(|router| &router.nodes);
    let nodes: Vec<_> = nodes
        .into_iter()
        .flatten()
        .map(|node| node.name.as_str())
        .collect();
    match applicant.kind {
        raft::MemberKind::Node if !nodes.contains(name) => Err(format!(
            "router {router} has no node {name}, it has {}: join as one of them, or have {name} committed first",
            nodes.join(", ")
        )),
        raft::MemberKind::Witness if nodes.contains(name) => Err(format!(
            "{name} is a node of router {router}: give the witness a name of its own"
        )),
        raft::MemberKind::Node | raft::MemberKind::Witness => Ok(()),
    }
}

/// A leader is missed when it has been silent for twice the timeout, and others stand for election after one
/// or two more of it. It is heard at least twice in each, and the shorter the heartbeat, the less time it
/// leaves for a connection to be made: so it is not made shorter than needed.
fn timing(bootstrap: &Bootstrap) -> Timing {
    let own = Timing::default();
    let control = |timeout: Duration| GroupTiming {
        heartbeat: own.control.heartbeat.min(timeout / 2),
        election_min: timeout,
        election_max: timeout * 2,
    };
    Timing {
        control: bootstrap.election_timeout.map_or(own.control, control),
        ..own
    }
}

fn limits(bootstrap: &Bootstrap) -> Limits {
    let own = Limits::default();
    Limits {
        pending: bootstrap
            .replication_queue
            .and_then(|queue| usize::try_from(queue).ok())
            .unwrap_or(own.pending),
        ..own
    }
}

fn member(from: &config::bootstrap::Member) -> Member {
    Member {
        id: from.id,
        name: from.name.clone(),
        kind: match from.kind {
            MemberKind::Node => raft::MemberKind::Node,
            MemberKind::Witness => raft::MemberKind::Witness,
        },
        addresses: from.addresses.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITNESS: &str = "\
cluster = \"west\"
router = \"pair\"
node = \"w\"
insecure-lab = true
data-directory = \"/var/lib/tandem\"
[[member]]
id = 3
name = \"w\"
kind = \"witness\"
addresses = [\"198.18.0.3:7400\"]
";

    #[test]
    fn the_election_timeout_moves_the_control_group_s_timers_alone() {
        let timing = |key: &str| {
            let text = format!("{key}\n{WITNESS}");
            timing(&config::bootstrap::read(&text).unwrap())
        };
        let own = Timing::default();
        assert_eq!(timing(""), own);
        // What the product chooses itself can be said, too.
        assert_eq!(timing("election-timeout-ms = 400"), own);
        let quick = timing("election-timeout-ms = 150");
        let ms = Duration::from_millis;
        assert_eq!(
            (
                quick.control.heartbeat,
                quick.control.election_min,
                quick.control.election_max
            ),
            (ms(75), ms(150), ms(300))
        );
        assert_eq!(quick.state, own.state);
    }
}
