//! Who takes part in agreement.

use config::bootstrap::{Bootstrap, MemberKind, Security};
use raft::{ClusterPlan, GroupTiming, Issuing, Limits, Listen, Member, Timing, TlsFiles};

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
                issuing: authority_key.as_ref().map(|authority_key| Issuing {
                    authority_key: authority_key.clone(),
                    router: bootstrap.router.clone(),
                    heartbeat_key: heartbeat_key_file.clone(),
                }),
            }),
            Security::InsecureLab => None,
        },
        timing: timing(bootstrap),
        limits: limits(bootstrap),
    }
}

/// Others stand for election after the timeout at the earliest, and after twice as long at the latest; a
/// leader is heard four times before that.
fn timing(bootstrap: &Bootstrap) -> Timing {
    let own = Timing::default();
    Timing {
        control: bootstrap
            .election_timeout
            .map_or(own.control, |timeout| GroupTiming {
                heartbeat: timeout / 4,
                election_min: timeout,
                election_max: timeout * 2,
            }),
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
