//! What operators may ask of this node: the port of `ops`, filled with what the parts say.
//!
//! Everything but `order` and `configure` only looks. Every answer is made from snapshots, so that no question can hold
//! up the node.

mod cluster;
mod configure;
mod drift;
mod ha;
mod interfaces;
mod links;
mod members;
mod order;
mod quorum;
mod vrrp;

use std::sync::Arc;

use ::ha::Timeline;
use config::Valid;
use ops::ports::Answer;
use ops::{Commit, GoOn, Header, SessionFilter};
use proto::ops::{
    ClusterReply, CommitConfigReply, ConfigReply, DropCandidateReply, DropsReply, FibReply,
    HaDriftReply, HaLinksReply, HaReply, InterfacesReply, LineageReply, NeighborsReply, Processor,
    ProcessorsReply, Route, SessionsReply, VersionReply, VrrpReply,
};
use raft::Cluster;
use runtime::Clock;
use tokio::sync::watch;
use types::Giid;

use crate::drift::DriftStatus;
use crate::health::Verdict;
use crate::running::Running;
use crate::site::Site;
use crate::survivor;
use crate::threads::Utilization;

/// Where operators' questions are answered.
pub(crate) struct Desk {
    pub(crate) site: Site,
    pub(crate) clock: Clock,
    pub(crate) cluster: Cluster,
    pub(crate) data_plane: forwarding::Handle,
    pub(crate) redundancy: Option<::vrrp::Handle>,
    pub(crate) running: watch::Receiver<Running>,
    /// What the parts that cannot change while they run were made from.
    pub(crate) started_with: Arc<Valid>,
    pub(crate) verdict: watch::Receiver<Verdict>,
    pub(crate) drift: watch::Receiver<DriftStatus>,
    pub(crate) films: watch::Receiver<Timeline>,
    pub(crate) utilization: watch::Receiver<Utilization>,
    /// Empty while the router has one node.
    pub(crate) survivor: watch::Receiver<Option<survivor::View>>,
}

impl Desk {
    /// The operators' name of an interface; its number when the plan in force has none.
    fn interface_name(&self, giid: Giid) -> String {
        let interfaces = self.data_plane.interfaces();
        let found = interfaces.iter().find(|interface| interface.giid == giid);
        found.map_or_else(
            || format!("giid {giid}"),
            |interface| interface.name.to_string(),
        )
    }

    fn unix_string(&self, at: types::Instant) -> String {
        self.clock.unix_nanos(at).to_string()
    }

    async fn answer_sessions(&self, filter: SessionFilter) -> SessionsReply {
        let wanted = if filter.admits_all() {
            filter.limit
        } else {
            usize::MAX
        };
        let records = self.data_plane.sessions(wanted).await;
        let total = self.data_plane.counts().sessions;
        let now = self.clock.unix_millis();
        let interfaces = self.data_plane.interfaces();
        ops::view::sessions(records, total, &filter, now, |giid| {
            let found = interfaces.iter().find(|interface| interface.giid == giid);
            found.map_or_else(
                || format!("giid {giid}"),
                |interface| interface.name.to_string(),
            )
        })
    }

    fn answer_fib(&self) -> FibReply {
        let routes = self.data_plane.fib();
        FibReply {
            routes: routes.iter().map(|route| self.route(route)).collect(),
            ..FibReply::default()
        }
    }

    fn route(&self, route: &fib::Route) -> Route {
        let (via, interface) = match route.target {
            fib::Target::Hop { interface, gateway } => (
                gateway.map_or_else(|| "connected".to_owned(), |gateway| gateway.to_string()),
                Some(self.interface_name(interface)),
            ),
            fib::Target::Blackhole => ("blackhole".to_owned(), None),
        };
        Route {
            prefix: route.prefix.to_string(),
            via,
            interface,
            origin: match route.origin {
                fib::Origin::Connected => "connected",
                fib::Origin::Static => "static",
            }
            .to_owned(),
            distance: u32::from(route.distance),
        }
    }

    fn answer_processors(&self) -> ProcessorsReply {
        let processors = self.data_plane.processors();
        let utilization = self.utilization.borrow();
        ProcessorsReply {
            processors: processors
                .into_iter()
                .map(|processor| Processor {
                    thread: processor.thread.to_owned(),
                    utilization_percent: utilization.get(processor.thread).copied(),
                    sessions: processor.sessions,
                    packets: processor.packets,
                    forwarded: processor.forwarded,
                    handed_over: processor.handed_over,
                    queue_depth: u64::try_from(processor.queue_depth).unwrap_or(u64::MAX),
                })
                .collect(),
            ..ProcessorsReply::default()
        }
    }
}

impl ops::Node for Desk {
    fn members_port(&self) -> Option<&dyn ops::MembersPort> {
        Some(self)
    }

    fn header(&self) -> Header {
        Header {
            node: self.site.node.clone(),
            router: self.site.router.clone(),
            unix_ms: self.clock.unix_millis(),
        }
    }

    fn ha(&self) -> Answer<'_, HaReply> {
        Box::pin(async { Ok(self.answer_ha()) })
    }

    fn ha_drift(&self) -> Answer<'_, HaDriftReply> {
        Box::pin(async { Ok(self.answer_drift()) })
    }

    fn ha_links(&self) -> Answer<'_, HaLinksReply> {
        Box::pin(async { Ok(self.answer_links()) })
    }

    fn vrrp(&self) -> Answer<'_, VrrpReply> {
        Box::pin(async { Ok(self.answer_vrrp()) })
    }

    fn interfaces(&self) -> Answer<'_, InterfacesReply> {
        Box::pin(async { Ok(self.answer_interfaces()) })
    }

    fn sessions(&self, filter: SessionFilter) -> Answer<'_, SessionsReply> {
        Box::pin(async { Ok(self.answer_sessions(filter).await) })
    }

    fn cluster(&self) -> Answer<'_, ClusterReply> {
        Box::pin(async { Ok(self.answer_cluster()) })
    }

    fn fib(&self) -> Answer<'_, FibReply> {
        Box::pin(async { Ok(self.answer_fib()) })
    }

    fn drops(&self) -> Answer<'_, DropsReply> {
        let drops = self.data_plane.drops();
        Box::pin(async {
            Ok(ops::view::drops(
                drops.into_iter().map(|drop| (drop.reason, drop.count)),
            ))
        })
    }

    fn config(&self, candidate: Option<String>) -> Answer<'_, ConfigReply> {
        Box::pin(async move { self.answer_config(candidate.as_deref()) })
    }

    fn commit(&self, commit: Commit, by: String) -> Answer<'_, CommitConfigReply> {
        Box::pin(self.commit_config(commit, by))
    }

    fn go_on(&self, order: GoOn, by: String) -> Answer<'_, LineageReply> {
        Box::pin(self.go_on_alone(order, by))
    }

    fn drop_candidate(&self, name: String) -> Answer<'_, DropCandidateReply> {
        Box::pin(self.forget(name))
    }

    fn neighbors(&self) -> Answer<'_, NeighborsReply> {
        Box::pin(async {
            let records = self.data_plane.neighbors();
            Ok(ops::view::neighbors(records, |giid| {
                self.interface_name(giid)
            }))
        })
    }

    fn processors(&self) -> Answer<'_, ProcessorsReply> {
        Box::pin(async { Ok(self.answer_processors()) })
    }

    fn version(&self) -> Answer<'_, VersionReply> {
        Box::pin(async {
            Ok(VersionReply {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                uptime_ms: self.clock.now().as_nanos() / 1_000_000,
                ..VersionReply::default()
            })
        })
    }
}
