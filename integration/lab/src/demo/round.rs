//! One failure: kill the active node, watch the other one, bring the dead one back.

use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;

use super::stage::Stage;
use crate::load::Load;
use crate::observe::Film;
use crate::progress::Progress;
use crate::topology::Side;
use crate::traffic::timeline::milliseconds;
use crate::traffic::{PingReport, ProbeReport, TcpReport};

/// Calm before a failure: the window that shows what the machine loses without one.
const CALM: Duration = Duration::from_millis(500);
/// What happened in one failure.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Round {
    #[serde(rename = "round")]
    pub(super) number: u8,
    /// The node that was killed.
    pub(super) killed: &'static str,
    /// The node that took over.
    pub(super) survivor: &'static str,
    pub(super) tcp: TcpReport,
    /// Connections that exchanged a block after the failure.
    pub(super) tcp_proven: u64,
    pub(super) udp: ProbeReport,
    pub(super) ping_v4: PingReport,
    pub(super) ping_v6: PingReport,
    /// Whether the UDP session and both pings were answered after the failure.
    pub(super) answered: [bool; 3],
    pub(super) sessions: Sessions,
    pub(super) phases_ms: Phases,
    /// Why the survivor took over, in its own words.
    pub(super) cause: String,
    /// How long the dead node took from its start to "ready", when it was brought back.
    pub(super) return_ms: Option<f64>,
}

/// Sessions in the nodes' tables.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Sessions {
    /// On the active node before the failure.
    pub(super) active_before: u64,
    /// On the standby before the failure.
    pub(super) standby_before: u64,
    /// On the survivor after it.
    pub(super) after: u64,
}

/// Times of the survivor's phases since the failure; `None` when a phase was not reported.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Phases {
    pub(super) detect: Option<f64>,
    pub(super) decide: Option<f64>,
    pub(super) program: Option<f64>,
    pub(super) announce: Option<f64>,
    pub(super) first_packet: Option<f64>,
}

/// Kills the active node and watches what becomes of the traffic.
pub(super) fn play(
    stage: &mut Stage,
    traffic: &Load,
    number: u8,
    progress: &Progress,
) -> anyhow::Result<Round> {
    let active = stage.wait_until_ready(progress)?;
    let [a, b] = stage.wait_for_copies(active, traffic.sessions(), progress)?;
    let (before, copies) = match active {
        Side::A => (a, b),
        Side::B => (b, a),
    };
    std::thread::sleep(CALM);
    traffic.tcp.forget_stalls();
    progress.step(&format!(
        "round {number}: node {} is active; SIGKILL and all its links cut",
        active.name()
    ));
    let failed_at = stage.cluster.fail(active)?;
    traffic.tcp.demand_proof();
    let clock = stage.clock;
    let tcp = traffic.watch(clock, progress, || Ok(stage.cluster.check_running()?))?;
    let survivor = active.other();
    let view = stage.ha(survivor).context("the survivor does not answer")?;
    let film = latest(&view.failovers, &copies.failovers);
    let [(udp, udp_lives), (ping_v4, v4_lives), (ping_v6, v6_lives)] = traffic.since(failed_at);
    Ok(Round {
        number,
        killed: active.name(),
        survivor: survivor.name(),
        tcp,
        tcp_proven: traffic.tcp.proven(),
        udp,
        ping_v4,
        ping_v6,
        answered: [udp_lives, v4_lives, v6_lives],
        sessions: Sessions {
            active_before: before.sessions,
            standby_before: copies.sessions,
            after: view.sessions,
        },
        phases_ms: film
            .map(|film| Phases::since(failed_at, film))
            .unwrap_or_default(),
        cause: film.map(|film| film.cause.clone()).unwrap_or_default(),
        return_ms: None,
    })
}

/// Brings the node back that the last round killed, and waits until it says that it is ready.
pub(super) fn bring_back(
    stage: &mut Stage,
    rounds: &mut [Round],
    progress: &Progress,
) -> anyhow::Result<()> {
    let Some(round) = rounds.last_mut() else {
        return Ok(());
    };
    let dead = if round.killed == Side::A.name() {
        Side::A
    } else {
        Side::B
    };
    progress.step(&format!(
        "node {} comes back: links up, process started",
        dead.name()
    ));
    let begun = stage.clock.now();
    stage.cluster.revive(dead)?;
    stage.wait_until_ready(progress)?;
    let took = stage.clock.now().saturating_since(begun);
    round.return_ms = Some(milliseconds(
        u64::try_from(took.as_nanos()).unwrap_or(u64::MAX),
    ));
    progress.step(&format!(
        "node {} is ready after {:.1} s",
        dead.name(),
        took.as_secs_f64()
    ));
    Ok(())
}

/// The film that was not there before.
fn latest<'a>(films: &'a [Film], before: &[Film]) -> Option<&'a Film> {
    let newest = films.last()?;
    (before.last() != Some(newest)).then_some(newest)
}

impl Phases {
    fn since(failed_at: u64, film: &Film) -> Self {
        // A phase of before the failure would be a wrong film; it shows as zero.
        let since = |moment: Option<u64>| Some(milliseconds(moment?.saturating_sub(failed_at)));
        Self {
            detect: since(film.detected),
            decide: since(film.decided),
            program: since(film.programmed),
            announce: since(film.announced),
            first_packet: since(film.first_packet),
        }
    }

    /// The phases in their order, with the words that describe them.
    pub(super) fn in_order(&self) -> [(&'static str, Option<f64>); 5] {
        [
            ("loss detected", self.detect),
            ("takeover decided, new epoch", self.decide),
            ("session processors told", self.program),
            ("first packet forwarded", self.first_packet),
            ("addresses announced (ARP, ND)", self.announce),
        ]
    }
}
