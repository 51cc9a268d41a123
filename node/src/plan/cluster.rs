//! Who takes part in agreement.

use std::time::Duration;

use config::bootstrap::{Bootstrap, MemberKind, Security, StoreChoice};
use raft::{ClusterPlan, Issuing, Limits, Listen, Member, StoreKind, Timing, TlsFiles};

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
                issuing: authority_key.as_ref().map(|authority_key| Issuing {
                    authority_key: authority_key.clone(),
                    router: bootstrap.router.clone(),
                    heartbeat_key: heartbeat_key_file.clone(),
                }),
            }),
            Security::InsecureLab => None,
        },
        timing: Timing::default().across(Duration::from_millis(bootstrap.rtt_ms.into())),
        limits: limits(bootstrap),
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
