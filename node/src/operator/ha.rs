//! `show ha`.

use std::time::Duration;

use ::ha::Failover;
use ::ha::verdict::{Check, Failed};
use ::vrrp::{GroupStatus, LinkStatus};
use proto::ops::{FailedCheck, HaLink, HaPeer, HaReply, HaStorage, Leaders};
use raft::{GroupStatus as RaftStatus, Health};
use types::Epoch;

use super::Desk;

impl Desk {
    pub(super) fn answer_ha(&self) -> HaReply {
        let verdict = self.verdict.borrow().clone();
        let redundancy = self.redundancy.as_ref().map(::vrrp::Handle::status);
        let recorded = self.cluster.control.state().highest_epoch();
        let epoch = redundancy
            .as_ref()
            .map_or(recorded, |status| status.epoch.max(recorded));
        let reasons = verdict.assessment.reasons.iter();
        HaReply {
            role: verdict.assessment.role.to_string(),
            epoch: epoch.to_string(),
            ready: verdict.assessment.ready,
            reasons: reasons.map(ToString::to_string).collect(),
            peer: self.peer(redundancy.as_deref()),
            leaders: Some(Leaders {
                control: self.leader(&self.cluster.control.status()),
                state: self.leader(&self.cluster.state.status()),
            }),
            config_revision: self.running.borrow().revision.0,
            sessions: verdict.programmed.sessions,
            sessions_checksum: format!("{:016x}", verdict.programmed.checksum),
            sessions_agreed: Some(verdict.agreed.sessions),
            sessions_agreed_checksum: Some(format!("{:016x}", verdict.agreed.checksum)),
            session_lag_ms: millis(verdict.lag),
            links: redundancy
                .iter()
                .flat_map(|status| &status.links)
                .map(link)
                .collect(),
            failovers: self
                .films
                .borrow()
                .films()
                .map(|film| self.film(film))
                .collect(),
            verdict: verdict.judgement.verdict.to_string(),
            checks: self.checks(verdict.judgement.failed),
            storage: self.storage(),
            ..HaReply::default()
        }
    }

    /// The failed checks. What to do about a lack of a quorum is said in the words of `show cluster`.
    fn checks(&self, failed: Vec<Failed>) -> Vec<FailedCheck> {
        // A group that has ended here is another matter, with a next step of its own.
        let cluster = &self.cluster;
        let health = [
            cluster.control.status().health,
            cluster.state.status().health,
        ];
        let ended = health
            .iter()
            .any(|health| matches!(health, Health::Stopped(_)));
        let way_on = self.way_on_without_quorum().filter(|_| !ended);
        let with_way_on = |failed: Failed| match (failed.check, &way_on) {
            (Check::Quorum, Some(way_on)) => Failed {
                next_step: way_on.clone(),
                ..failed
            },
            (_, Some(_) | None) => failed,
        };
        failed.into_iter().map(with_way_on).map(check).collect()
    }

    fn storage(&self) -> Option<HaStorage> {
        let health = self.cluster.control.storage();
        let room = health.room?;
        let waiting = health.full.map(|full| self.clock.now() - full.since);
        Some(HaStorage {
            free_bytes: room.free,
            total_bytes: room.total,
            needed_bytes: room.needed,
            waiting_ms: waiting.map(millis),
        })
    }

    fn leader(&self, status: &RaftStatus) -> Option<String> {
        status.leader.map(|leader| self.site.name(leader))
    }

    fn peer(&self, status: Option<&GroupStatus>) -> Option<HaPeer> {
        let peer = self.site.peer()?;
        let heard = status.and_then(|status| status.peer);
        let control = self.cluster.control.status();
        let state = self.cluster.state.status();
        let heard_ago = [&control, &state]
            .into_iter()
            .filter_map(|status| status.member(peer.id)?.heard_ago)
            .min();
        Some(HaPeer {
            name: peer.name.to_string(),
            role: heard.map(|peer| peer.state.to_string()),
            epoch: heard.map(|peer| peer.epoch.to_string()),
            last_heard_ms: heard_ago.map(millis),
        })
    }

    fn film(&self, film: &Failover) -> proto::ops::Failover {
        let Failover {
            epoch,
            cause,
            last_heard,
            detected,
            decided,
            programmed,
            ..
        } = film;
        let text = |epoch: &Epoch| epoch.to_string();
        proto::ops::Failover {
            epoch: text(epoch),
            cause: cause.clone(),
            last_heard_unix_ns: last_heard.map(|at| self.unix_string(at)),
            detected_unix_ns: self.unix_string(*detected),
            decided_unix_ns: self.unix_string(*decided),
            programmed_unix_ns: self.unix_string(*programmed),
            announced_unix_ns: film.announced.map(|at| self.unix_string(at)),
            first_packet_unix_ns: film.first_packet.map(|at| self.unix_string(at)),
            sessions: film.sessions,
        }
    }
}

fn check(failed: Failed) -> FailedCheck {
    FailedCheck {
        name: failed.check.as_str().to_owned(),
        verdict: failed.verdict.to_string(),
        found: failed.found,
        next_step: failed.next_step,
    }
}

fn link(link: &LinkStatus) -> HaLink {
    HaLink {
        name: link.name.to_string(),
        local: link.local.to_string(),
        remote: link.remote.to_string(),
        up: link.up,
        rtt_us: link
            .rtt
            .map(|rtt| u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX)),
        loss_percent: Some(link.loss() * 100.0),
        sent: link.sent,
        received: link.received,
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
