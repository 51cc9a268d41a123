//! Failures of the active node, one at a time, under traffic that notices everything.
//!
//! Each case has a pair of its own. The nodes are debug builds on a machine that does other things, so
//! they advertise every 50 ms (see `integration::Files`): what counts here is what survives, not when.

mod support;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, ensure};
use integration::{Files, Pair, wait};
use lab::cluster::Member;
use lab::harness::{self, Case};
use lab::link::Cut;
use lab::observe::HaView;
use lab::sandbox::Sandbox;
use lab::topology::Side;
use lab::topology::pair_witness::{LAN_GATEWAY, WAN_ADDRESS};
use support::Load;

const TANDEM: &str = env!("CARGO_BIN_EXE_tandem");

const CASES: &[(&str, Case)] = &[
    (
        "no_session_dies_with_a_node_nor_with_its_peer_after_its_return",
        no_session_dies_with_a_node_nor_with_its_peer_after_its_return,
    ),
    (
        "a_lost_lan_link_moves_everything_at_once",
        a_lost_lan_link_moves_everything_at_once,
    ),
    (
        "a_dead_daemon_with_living_links_resets_no_connection",
        a_dead_daemon_with_living_links_resets_no_connection,
    ),
    ("a_planned_stop_hands_over", a_planned_stop_hands_over),
    (
        "nobody_moves_when_the_nodes_lose_sight_of_each_other_beside_the_lan",
        nobody_moves_when_the_nodes_lose_sight_of_each_other_beside_the_lan,
    ),
];

fn main() -> ExitCode {
    harness::main(CASES)
}

/// Connections of each case.
const CONNECTIONS: u32 = 50;

/// Causes of a takeover that the former active node asked for: by heartbeat, or by advertisement of
/// priority zero, whichever is read first.
const GAVE_WAY: [&str; 2] = ["the peer gave way", "the active router resigned"];

/// Why a node took over last, in its own words.
fn cause(view: &HaView) -> &str {
    let film = view.failovers.last();
    film.map_or("no takeover", |film| film.cause.as_str())
}

/// A pair that is ready, its active node, and traffic of which both nodes know every session.
fn under_load(sandbox: &Sandbox) -> Result<(Pair, Side, Load)> {
    let (pair, active) = Pair::start_all(sandbox, TANDEM, Files::default())?;
    let load = Load::start(&pair, CONNECTIONS)?;
    pair.copied(load.sessions())?;
    Ok((pair, active, load))
}

fn no_session_dies_with_a_node_nor_with_its_peer_after_its_return(sandbox: &Sandbox) -> Result<()> {
    let (mut pair, first, mut load) = under_load(sandbox)?;
    let second = first.other();

    pair.fail(first)?;
    pair.active(second)?;
    load.everything_goes_on()?;
    let sessions = pair.ha(second)?.sessions;
    ensure!(sessions >= load.sessions(), "{sessions} sessions are left");

    // What only the survivor has seen must reach the node that was away.
    load.open(&pair, 10)?;
    pair.network.plug_in(first)?;
    pair.start(Member::Node(first))?;
    let active = pair.ready()?;
    ensure!(active == second, "the returned node took the role back");
    pair.copied(load.sessions())?;

    pair.fail(second)?;
    pair.active(first)?;
    load.everything_goes_on()?;
    load.stop_unharmed()
}

fn a_lost_lan_link_moves_everything_at_once(sandbox: &Sandbox) -> Result<()> {
    let (mut pair, active, load) = under_load(sandbox)?;
    let node = pair.network.node(active);

    pair.network.cut(active, &node.lan, Cut::Carrier)?;

    let view = pair.active(active.other())?;
    load.everything_goes_on()?;
    pair.check_running()?;
    ensure!(!pair.ha(active)?.is_active(), "both nodes are active");
    // The node itself saw it and let go: nobody had to miss its advertisements.
    ensure!(
        GAVE_WAY.contains(&cause(&view)),
        "the cause was: {}",
        cause(&view)
    );
    load.stop_unharmed()
}

fn a_dead_daemon_with_living_links_resets_no_connection(sandbox: &Sandbox) -> Result<()> {
    let (mut pair, active, load) = under_load(sandbox)?;

    // Its kernel stays on both networks with all the frames of the connections in its sight.
    pair.kill(Member::Node(active))?;

    pair.active(active.other())?;
    load.everything_goes_on()?;
    for address in [LAN_GATEWAY, WAN_ADDRESS] {
        let kernel = &pair.network.node(active).host;
        ensure!(
            !kernel.has_address(address.into())?,
            "{address} is the kernel's"
        );
    }
    load.stop_unharmed()
}

fn a_planned_stop_hands_over(sandbox: &Sandbox) -> Result<()> {
    let (mut pair, active, load) = under_load(sandbox)?;

    let status = pair.terminate(Member::Node(active))?;

    ensure!(status.success(), "{status}");
    let view = pair.active(active.other())?;
    load.everything_goes_on()?;
    ensure!(
        GAVE_WAY.contains(&cause(&view)),
        "the cause was: {}",
        cause(&view)
    );
    load.stop_unharmed()
}

fn nobody_moves_when_the_nodes_lose_sight_of_each_other_beside_the_lan(
    sandbox: &Sandbox,
) -> Result<()> {
    let (mut pair, active, load) = under_load(sandbox)?;
    let epoch = pair.ha(active)?.epoch;

    let standby = pair.network.node(active.other());
    pair.network.cut(active.other(), &standby.ha, Cut::Silent)?;
    standby.host.apply(&[lab::host::Change::Down("ha1")])?;
    wait::until_true("both HA links to be down", || {
        let reply = pair.show(active, "ha")?;
        let links = reply.get("links").and_then(|links| links.as_array());
        let up = |link: &serde_json::Value| link.get("up").and_then(serde_json::Value::as_bool);
        Ok(links.is_some_and(|links| links.iter().all(|link| up(link) == Some(false))))
    })?;
    pair.nobody_moves(active, Duration::from_secs(1))?;

    load.everything_goes_on()?;
    ensure!(pair.ha(active)?.epoch == epoch, "the epoch has moved");
    load.stop_unharmed()
}
