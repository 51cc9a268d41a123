//! The longer answers of the sample node.

use proto::ops::{
    Candidate, ClusterReply, ConfigCommit, DriftRepairs, FailedCheck, Failover, HaDriftReply,
    HaLink, HaPeer, HaReply, HaStorage, Leaders, QuorumView, RaftGroup, RaftMember,
    ReplicationDirection, Survival, TableComparison,
};
use types::{
    Endpoint, Epoch, FlowKey, Giid, Hop, Name, NodeId, Protocol, SessionId, SessionRecord, TcpState,
};

use super::NOW_MS;

pub(super) fn commit_of(revision: u64) -> ConfigCommit {
    ConfigCommit {
        revision,
        author: "uid 1000".to_owned(),
        at_unix_ms: NOW_MS - 60_000,
        text_checksum: "00c0ffee00c0ffee".to_owned(),
    }
}

pub(super) fn ha() -> HaReply {
    let at = |offset_us: u64| ((NOW_MS - 90_000) * 1_000_000 + offset_us * 1_000).to_string();
    HaReply {
        role: "active".to_owned(),
        epoch: "8.2".to_owned(),
        ready: false,
        reasons: vec!["the peer is silent on every HA link".to_owned()],
        peer: Some(HaPeer {
            name: "a".to_owned(),
            role: Some("active".to_owned()),
            epoch: Some("7.1".to_owned()),
            last_heard_ms: Some(90_030),
        }),
        leaders: Some(Leaders {
            control: Some("b".to_owned()),
            state: None,
        }),
        config_revision: 3,
        sessions: 200,
        sessions_checksum: "9f3a6c0d11e2b47c".to_owned(),
        sessions_agreed: Some(198),
        sessions_agreed_checksum: Some("03d1c0ffee00aa55".to_owned()),
        session_lag_ms: 0,
        storage: Some(HaStorage {
            free_bytes: 12 << 20,
            total_bytes: 40 << 20,
            needed_bytes: 16 << 20,
            waiting_ms: Some(2_500),
        }),
        links: vec![HaLink {
            name: "ha0".to_owned(),
            local: "198.18.0.2:7300".to_owned(),
            remote: "198.18.0.1:7300".to_owned(),
            up: false,
            rtt_us: Some(112),
            loss_percent: Some(100.0),
            sent: 9100,
            received: 120,
        }],
        failovers: vec![Failover {
            epoch: "8.2".to_owned(),
            cause: "peer silent".to_owned(),
            last_heard_unix_ns: Some(at(0)),
            detected_unix_ns: at(30_125),
            decided_unix_ns: at(30_140),
            programmed_unix_ns: at(30_151),
            announced_unix_ns: Some(at(30_400)),
            first_packet_unix_ns: None,
            sessions: 200,
        }],
        verdict: "unprotected".to_owned(),
        checks: vec![FailedCheck {
            name: "peer".to_owned(),
            verdict: "unprotected".to_owned(),
            found: "node a is silent on every HA link".to_owned(),
            next_step: "see whether node a runs, then the HA links".to_owned(),
        }],
        ..HaReply::default()
    }
}

pub(super) fn drift() -> HaDriftReply {
    let comparison =
        |by: &str, tables: &str, sessions_differing, verified_unix_ms| TableComparison {
            by: by.to_owned(),
            tables: tables.to_owned(),
            shards: 1024,
            equal: 1021,
            moving: 2,
            different: 1,
            sessions_differing,
            verified_unix_ms,
        };
    let direction = |node: &str, way: &str, lag_ms| ReplicationDirection {
        node: node.to_owned(),
        way: way.to_owned(),
        lag_ms,
        lag_p99_ms: 12,
        lag_worst_ms: 1_840,
        pending: 7,
        refused: 3,
        resyncs: 1,
    };
    HaDriftReply {
        comparisons: vec![
            comparison("b", "programmed with agreed", Some(2), Some(NOW_MS - 4_000)),
            comparison("b", "programmed on a with agreed here", None, None),
        ],
        directions: vec![
            direction("b", "to-cluster", 6),
            direction("b", "from-cluster", 1),
        ],
        repairs: vec![DriftRepairs {
            node: "b".to_owned(),
            missing: 1,
            older: 2,
            newer: 3,
            unknown: 4,
            installed: 5,
            removed: 6,
            told_again: 7,
            ended_again: 8,
            full: 9,
        }],
        ..HaDriftReply::default()
    }
}

pub(super) fn cluster() -> ClusterReply {
    let member = |id, name: &str, kind: &str, last_heard_ms, matched_index| RaftMember {
        id,
        name: name.to_owned(),
        kind: kind.to_owned(),
        vote: "voter".to_owned(),
        last_heard_ms,
        matched_index,
    };
    let control = RaftGroup {
        name: "control".to_owned(),
        leader: Some("b".to_owned()),
        term: 4,
        last_log_index: Some(120),
        applied_index: Some(120),
        generation: Some(2),
        founder: Some("b".to_owned()),
        members: vec![
            member(1, "a", "node", Some(90_030), Some(110)),
            member(2, "b", "node", None, Some(120)),
            member(3, "w", "witness", Some(12), Some(120)),
        ],
    };
    let state = RaftGroup {
        name: "state".to_owned(),
        term: 2,
        ..RaftGroup::default()
    };
    ClusterReply {
        groups: vec![control, state],
        quorum: Some(QuorumView {
            without_quorum: "survive".to_owned(),
            state: "waiting".to_owned(),
            reasons: vec!["the peer is heard on ha0".to_owned()],
        }),
        survivals: vec![Survival {
            generation: 2,
            founder: "b".to_owned(),
            reason: "evidence".to_owned(),
            by: "policy".to_owned(),
            at_unix_ms: NOW_MS - 90_000,
            revision: 3,
        }],
        candidates: vec![Candidate {
            name: "a-r4".to_owned(),
            revision: 4,
            author: "root".to_owned(),
            at_unix_ms: NOW_MS - 95_000,
            held_by: "a".to_owned(),
            lineage: "1.1".to_owned(),
            text_bytes: "1234".to_owned(),
        }],
        ..ClusterReply::default()
    }
}

pub(super) fn interface(giid: Giid) -> String {
    if giid == Giid(1) { "lan" } else { "wan" }.to_owned()
}

pub(super) fn session(id: u128, port: u16) -> SessionRecord {
    let client = Endpoint::new([192, 0, 2, 10].into(), port.wrapping_add(40_000));
    let server = Endpoint::new([203, 0, 113, 80].into(), 443);
    let outside = Endpoint::new([198, 51, 100, 1].into(), port.wrapping_add(20_000));
    SessionRecord {
        id: SessionId(id),
        owner: NodeId(2),
        epoch: Epoch(0x802),
        version: 1,
        forward: FlowKey {
            src: client,
            dst: server,
            protocol: Protocol::TCP,
        },
        reverse: FlowKey {
            src: server,
            dst: outside,
            protocol: Protocol::TCP,
        },
        ingress: Giid(1),
        forward_hop: Hop {
            interface: Giid(2),
            neighbor: [198, 51, 100, 254].into(),
        },
        reverse_hop: Hop {
            interface: Giid(1),
            neighbor: [192, 0, 2, 10].into(),
        },
        service: Name::from("web"),
        tenant: Some(Name::from("staff")),
        tcp: Some(TcpState::Established),
        established: true,
        initial_timeout_ms: 10_000,
        timeout_ms: 1_900_000,
        opened_unix_ms: NOW_MS - 90_061_000,
    }
}
