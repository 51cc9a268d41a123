//! A node for tests: answers what the site of two nodes in the manual would answer.
//!
//! `ops/cli/tests` includes this file too, so that both sides of the socket speak of the same node.

mod members;
mod pages;

use ops::{Answer, Commit, GoOn, Header, Node, SessionFilter, Unanswered, view};
use proto::ops::{
    ClusterReply, CommitConfigReply, ConfigReply, DropCandidateReply, DropsReply, FibReply,
    HaDriftReply, HaLinkDetail, HaLinksReply, HaReply, Interface, InterfacesReply, LineageReply,
    NeighborsReply, Processor, ProcessorsReply, Route, SessionsReply, VersionReply, VirtualRouter,
    VrrpReply,
};
use types::{DropReason, Giid, MacAddr, NeighborRecord};

use pages::{cluster, commit_of, drift, ha, interface, session};

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
