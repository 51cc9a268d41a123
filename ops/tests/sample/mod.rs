//! A node for tests: answers what the site of two nodes in the manual would answer.
//!
//! `ops/cli/tests` includes this file too, so that both sides of the socket speak of the same node.

mod members;

use ops::{Answer, Commit, GoOn, Header, Node, SessionFilter, Unanswered, view};
use proto::ops::{
    Candidate, ClusterReply, CommitConfigReply, ConfigCommit, ConfigReply, DriftRepairs,
    DropCandidateReply, DropsReply, FailedCheck, Failover, FibReply, HaDriftReply, HaLink,
    HaLinkDetail, HaLinksReply, HaPeer, HaReply, HaStorage, Interface, InterfacesReply, Leaders,
    LineageReply, NeighborsReply, Processor, ProcessorsReply, QuorumView, RaftGroup, RaftMember,
    ReplicationDirection, Route, SessionsReply, Survival, TableComparison, VersionReply,
    VirtualRouter, VrrpReply,
};
use types::{
    DropReason, Endpoint, Epoch, FlowKey, Giid, Hop, MacAddr, Name, NeighborRecord, NodeId,
    Protocol, SessionId, SessionRecord, TcpState,
};

/// Sat 2026-11-21 10:40:12.000 UTC.
pub(crate) const NOW_MS: u64 = 1_795_257_612_000;

/// The node.
pub(crate) struct Sample {
    /// What the cluster view says instead of answering.
    pub(crate) cluster: Option<Unanswered>,
    /// Sessions in its table, at most as many as there are ports.
    pub(crate) sessions: u16,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            cluster: None,
            sessions: 2,
        }
    }
}

impl Node for Sample {
    fn members_port(&self) -> Option<&dyn ops::MembersPort> {
        Some(self)
    }

    fn header(&self) -> Header {
        Header {
            node: "b".to_owned(),
            router: "branch".to_owned(),
            unix_ms: NOW_MS,
        }
    }

    fn ha(&self) -> Answer<'_, HaReply> {
        Box::pin(async { Ok(ha()) })
    }

    fn ha_drift(&self) -> Answer<'_, HaDriftReply> {
        Box::pin(async { Ok(drift()) })
    }

    fn ha_links(&self) -> Answer<'_, HaLinksReply> {
        let links = vec![HaLinkDetail {
            name: "ha0".to_owned(),
            local: "198.18.0.2:7300".to_owned(),
            remote: "198.18.0.1:7300".to_owned(),
            state: "one-way".to_owned(),
            rtt_us: Some(112),
            loss_percent: 1.25,
            sent: 9100,
            send_errors: 2,
            heard: 8900,
            lost: 113,
            undecoded: 4,
        }];
        Box::pin(async {
            Ok(HaLinksReply {
                links,
                ..HaLinksReply::default()
            })
        })
    }

    fn vrrp(&self) -> Answer<'_, VrrpReply> {
        let virtual_routers = vec![VirtualRouter {
            interface: "lan".to_owned(),
            vrid: 10,
            family: "ipv4".to_owned(),
            state: "active".to_owned(),
            priority_configured: 100,
            priority_effective: 90,
            interval_ms: 10,
            active_router: Some("192.0.2.3".to_owned()),
            transitions: 2,
            last_change_unix_ms: Some(NOW_MS - 90_000),
            adverts_sent: 9000,
            adverts_received: 120,
            adverts_invalid: 1,
            garps_sent: 5,
        }];
        Box::pin(async {
            Ok(VrrpReply {
                virtual_routers,
                ..VrrpReply::default()
            })
        })
    }

    fn interfaces(&self) -> Answer<'_, InterfacesReply> {
        let interfaces = vec![Interface {
            name: "lan".to_owned(),
            device: "eth1".to_owned(),
            giid: 1,
            admin: "up".to_owned(),
            oper: "up".to_owned(),
            redundancy: "vrrp-active".to_owned(),
            mac: "00:00:5e:00:01:0a".to_owned(),
            addresses: vec!["192.0.2.1/24".to_owned(), "2001:db8:1::1/64".to_owned()],
            port: "raw".to_owned(),
            rx_packets: 1000,
            rx_bytes: "64000".to_owned(),
            tx_packets: 990,
            tx_bytes: "63360".to_owned(),
            drops: 10,
        }];
        Box::pin(async {
            Ok(InterfacesReply {
                interfaces,
                ..InterfacesReply::default()
            })
        })
    }

    fn sessions(&self, filter: SessionFilter) -> Answer<'_, SessionsReply> {
        let records = (1..=self.sessions).map(|number| session(u128::from(number), number));
        let total = u64::from(self.sessions);
        Box::pin(async move { Ok(view::sessions(records, total, &filter, NOW_MS, interface)) })
    }

    fn cluster(&self) -> Answer<'_, ClusterReply> {
        let answer = match &self.cluster {
            Some(broken) => Err(broken.clone()),
            None => Ok(cluster()),
        };
        Box::pin(async { answer })
    }

    fn fib(&self) -> Answer<'_, FibReply> {
        let route =
            |prefix: &str, via: &str, interface: Option<&str>, origin: &str, distance| Route {
                prefix: prefix.to_owned(),
                via: via.to_owned(),
                interface: interface.map(str::to_owned),
                origin: origin.to_owned(),
                distance,
            };
        let routes = vec![
            route("0.0.0.0/0", "198.51.100.254", Some("wan"), "static", 1),
            route("192.0.2.0/24", "connected", Some("lan"), "connected", 0),
            route("203.0.113.128/25", "blackhole", None, "static", 5),
        ];
        Box::pin(async {
            Ok(FibReply {
                routes,
                ..FibReply::default()
            })
        })
    }

    fn drops(&self) -> Answer<'_, DropsReply> {
        let counts = [(DropReason::Standby, 0), (DropReason::NoRoute, 12)];
        Box::pin(async move { Ok(view::drops(counts)) })
    }

    fn config(&self, candidate: Option<String>) -> Answer<'_, ConfigReply> {
        let (revision, name) = match candidate.as_deref() {
            None => (3, "lab"),
            Some("a-r4") => (4, "lost"),
            Some(_) => {
                let missing = "candidate of this name";
                return Box::pin(async move { Err(Unanswered::NotYet { missing }) });
            }
        };
        let text = format!("config\n    authority\n        name {name}\n");
        Box::pin(async move {
            Ok(ConfigReply {
                revision,
                text,
                author: "uid 1000".to_owned(),
                at_unix_ms: Some(NOW_MS - 60_000),
                committed_revision: 3,
                ..ConfigReply::default()
            })
        })
    }

    /// What became of a commit depends on its base alone: there are 3, and nobody commits but uids.
    fn commit(&self, commit: Commit, by: String) -> Answer<'_, CommitConfigReply> {
        let base = commit.base.map_or(3, |base| base.0);
        let reply = CommitConfigReply {
            base,
            ..CommitConfigReply::default()
        };
        let answer = match base {
            3 if by.starts_with("uid ") => Ok(CommitConfigReply {
                outcome: "committed".to_owned(),
                revision: 4,
                in_force: commit.text.contains("vrid  10"),
                after_restart: vec!["VRRP is another".to_owned()],
                ..reply
            }),
            99 => Err(Unanswered::OutcomeUnknown {
                reason: "the control group did not answer within 5s".to_owned(),
            }),
            98 => Err(Unanswered::Refused {
                reason: "the control group takes nothing; nothing was changed".to_owned(),
            }),
            _ => Ok(CommitConfigReply {
                outcome: "stale".to_owned(),
                revision: 3,
                since: (2..=3)
                    .filter(|revision| *revision > base)
                    .map(commit_of)
                    .collect(),
                ..reply
            }),
        };
        Box::pin(async { answer })
    }

    fn go_on(&self, order: GoOn, by: String) -> Answer<'_, LineageReply> {
        let answer = match order {
            GoOn::SurviveForced if by.starts_with("uid ") => Ok(LineageReply {
                generation: 3,
                founder: "b".to_owned(),
                config_revision: 3,
                ..LineageReply::default()
            }),
            GoOn::SurviveForced | GoOn::Thaw => Err(Unanswered::Refused {
                reason: "this node has not frozen".to_owned(),
            }),
            GoOn::Survive => Err(Unanswered::NeedsForce {
                reason: "the peer is heard on ha0".to_owned(),
            }),
        };
        Box::pin(async { answer })
    }

    fn drop_candidate(&self, name: String) -> Answer<'_, DropCandidateReply> {
        Box::pin(async {
            Ok(DropCandidateReply {
                name,
                ..DropCandidateReply::default()
            })
        })
    }

    fn neighbors(&self) -> Answer<'_, NeighborsReply> {
        let record = NeighborRecord {
            interface: Giid(2),
            ip: [198, 51, 100, 254].into(),
            mac: MacAddr([2, 0, 0, 0, 0, 0xfe]),
        };
        Box::pin(async move { Ok(view::neighbors([record], interface)) })
    }

    fn processors(&self) -> Answer<'_, ProcessorsReply> {
        let processor = |thread: &str, sessions, utilization_percent| Processor {
            thread: thread.to_owned(),
            sessions,
            packets: 500,
            forwarded: 101,
            handed_over: 6,
            queue_depth: 2,
            utilization_percent,
        };
        let processors = vec![
            processor("SessionProc-00", 101, Some(12.5)),
            processor("SessionProc-01", 99, None),
        ];
        Box::pin(async {
            Ok(ProcessorsReply {
                processors,
                ..ProcessorsReply::default()
            })
        })
    }

    fn version(&self) -> Answer<'_, VersionReply> {
        let reply = VersionReply {
            version: "0.1.0".to_owned(),
            uptime_ms: 93_784_000,
            ..VersionReply::default()
        };
        Box::pin(async { Ok(reply) })
    }
}

fn commit_of(revision: u64) -> ConfigCommit {
    ConfigCommit {
        revision,
        author: "uid 1000".to_owned(),
        at_unix_ms: NOW_MS - 60_000,
        text_checksum: "00c0ffee00c0ffee".to_owned(),
    }
}

fn ha() -> HaReply {
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

fn drift() -> HaDriftReply {
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

fn cluster() -> ClusterReply {
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

fn interface(giid: Giid) -> String {
    if giid == Giid(1) { "lan" } else { "wan" }.to_owned()
}

fn session(id: u128, port: u16) -> SessionRecord {
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
