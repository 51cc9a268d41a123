//! Session tables that differ for good are found and mended, and the pair says so.
//!
//! The differences are real ones: the active node loses its quorum while sessions begin, so many that
//! the queue to the cluster refuses some of them (`replication-queue` is tiny here). Packets go on
//! meanwhile. What was refused lives on its node alone until somebody looks.

use std::net::IpAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use integration::{Files, Pair, sockets, wait};
use lab::harness::{self, Case};
use lab::link::Cut;
use lab::sandbox::Sandbox;
use lab::topology::Side;
use lab::topology::pair_witness::SERVER;
use lab::traffic::EchoServer;
use serde_json::Value;

const TANDEM: &str = env!("CARGO_BIN_EXE_tandem");

const CASES: &[(&str, Case)] = &[
    (
        "what_an_active_node_could_not_tell_is_told_again",
        what_an_active_node_could_not_tell_is_told_again,
    ),
    (
        "what_only_a_standby_knows_is_removed",
        what_only_a_standby_knows_is_removed,
    ),
];

/// Ports of the server's echo.
const PORTS: [u16; 4] = [7, 1007, 2007, 3007];
/// For one answer, and how often it is asked for.
const ANSWER: Duration = Duration::from_millis(500);
const TRIES: usize = 20;
/// Changes that may wait for agreement: fewer than one burst brings.
const QUEUE: u32 = 400;
/// Changes that wait with the data plane and in the queue before the quorum returns: they come in bursts
/// larger than the queue, since only so many small batches may wait in between.
const WAITING: u64 = 1_200;
/// Clients that come between two looks at what waits.
const BURST: usize = 25;

fn main() -> ExitCode {
    harness::main(CASES)
}

fn what_an_active_node_could_not_tell_is_told_again(sandbox: &Sandbox) -> Result<()> {
    let (pair, active, _servers) = with_untold_sessions(sandbox)?;

    pair.network
        .restore(active, &pair.network.node(active).ha)?;

    let own = |row: &Row| row.node == active.name();
    wait::until_true("refused changes to be told again", || {
        let drift = Drift::of(&pair, active)?;
        let refused = drift.sum(active, "refused");
        let repairs = drift.repairs(active)?;
        ensure!(
            refused > 0 && repairs.number("told_again") > 0,
            "{refused} refused, {repairs:?}"
        );
        Ok(true)
    })?;
    everything_is_equal(&pair)?;
    let drift = Drift::of(&pair, active)?;
    let found = drift.repairs.iter().find(|row| own(row));
    let found = found.context("its row")?;
    ensure!(
        found.number("unknown") + found.number("newer") > 0,
        "{found:?}"
    );
    // Nothing is lost any more, but an operator should know that it nearly was.
    let verdict = pair.show(active, "ha")?;
    ensure!(
        checks(&verdict).any(|check| check == "refusals"),
        "{verdict}"
    );
    Ok(())
}

fn what_only_a_standby_knows_is_removed(sandbox: &Sandbox) -> Result<()> {
    let (pair, first, _servers) = with_untold_sessions(sandbox)?;
    let second = first.other();
    let node = pair.network.node(first);

    // The other node takes over without having heard of them.
    pair.network.cut(first, &node.lan, Cut::Carrier)?;
    pair.active(second)?;
    pair.network.restore(first, &node.lan)?;
    pair.network.restore(first, &node.ha)?;

    wait::until_true("what nobody else knows to be removed", || {
        let drift = Drift::of(&pair, first)?;
        let removed = drift.repairs(first)?.number("removed");
        let refused = drift.sum(first, "refused");
        ensure!(
            removed > 0,
            "{refused} refused, {removed} removed: {drift:?}"
        );
        Ok(true)
    })?;
    everything_is_equal(&pair)?;
    ensure!(pair.active(second).is_ok(), "the role has moved");
    Ok(())
}

/// A pair whose active node has no quorum and more sessions than it can tell of. The heartbeats' own
/// link is whole, so nobody moves.
fn with_untold_sessions(sandbox: &Sandbox) -> Result<(Pair, Side, Vec<EchoServer>)> {
    let edit = |name: &str, text: &str| {
        if name == "node.toml" && !text.contains("node = \"witness\"") {
            let key = format!("insecure-lab = true\nreplication-queue = {QUEUE}\n");
            text.replacen("insecure-lab = true\n", &key, 1)
        } else {
            text.to_owned()
        }
    };
    let files = Files {
        edit: &edit,
        ..Files::default()
    };
    let (mut pair, active) = Pair::start_all(sandbox, TANDEM, files)?;
    let mut servers = Vec::new();
    for port in PORTS {
        servers.push(EchoServer::start(&pair.network.server, port)?);
    }
    wait::until_true("both nodes to have verified their tables", || {
        let [a, b] = Side::BOTH.map(|side| verdict(&pair, side));
        let (a, b) = (a?, b?);
        ensure!(a == "protected" && b == "protected", "a: {a}, b: {b}");
        Ok(true)
    })?;

    let node = pair.network.node(active);
    pair.network.cut(active, &node.ha, Cut::Silent)?;
    wait::until_true("the active node to have no quorum", || {
        Ok(verdict(&pair, active)? == "no-quorum")
    })?;
    open_until_they_wait(&pair, active)?;
    pair.check_running()?;
    let view = pair.ha(active)?;
    ensure!(view.is_active(), "the active node is {}", view.role);
    Ok((pair, active, servers))
}

/// The figure is a second old, so some thousand sessions more are opened than must wait.
fn open_until_they_wait(pair: &Pair, active: Side) -> Result<()> {
    wait::until_true("changes to wait", || {
        for _ in 0..BURST {
            echo(pair)?;
        }
        let pending = Drift::of(pair, active)?.sum(active, "pending");
        ensure!(pending >= WAITING, "{pending} wait");
        Ok(true)
    })
}

/// Sessions of their own: a datagram to each of the server's ports and back. They share a mapping, since
/// a node without a quorum gets no more ports to translate to.
fn echo(pair: &Pair) -> Result<()> {
    let any = IpAddr::from([0; 4]);
    let socket = sockets::udp(&pair.network.client, any)?;
    socket.set_read_timeout(Some(ANSWER))?;
    for port in PORTS {
        let answered = (0..TRIES).any(|_| {
            let sent = socket.send_to(b"0123456789abcdef", (SERVER, port));
            sent.is_ok() && sockets::receive(&socket).is_ok()
        });
        ensure!(answered, "the server does not answer at port {port}");
    }
    Ok(())
}

/// Every comparison on both nodes, also with the other one's table, is equal in every shard.
fn everything_is_equal(pair: &Pair) -> Result<()> {
    wait::until_true("all tables to be equal", || {
        for side in Side::BOTH {
            let drift = Drift::of(pair, side)?;
            ensure!(drift.comparisons.len() == 3, "{drift:?}");
            for row in &drift.comparisons {
                let equal = row.number("equal") == 1024 && row.number("sessions_differing") == 0;
                ensure!(equal, "{}: {row:?}", side.name());
            }
        }
        Ok(true)
    })?;
    pair.copied(1)?;
    Ok(())
}

fn verdict(pair: &Pair, side: Side) -> Result<String> {
    let reply = pair.show(side, "ha")?;
    let word = reply.get("verdict").and_then(Value::as_str);
    Ok(word.context("a verdict")?.to_owned())
}

fn checks(reply: &Value) -> impl Iterator<Item = &str> {
    let checks = reply.get("checks").and_then(Value::as_array);
    checks
        .into_iter()
        .flatten()
        .filter_map(|check| check.get("name")?.as_str())
}

/// `show ha drift`.
#[derive(Debug)]
struct Drift {
    comparisons: Vec<Row>,
    directions: Vec<Row>,
    repairs: Vec<Row>,
}

/// One row of it: the node, and the object.
#[derive(Clone, Debug)]
struct Row {
    node: String,
    object: Value,
}

impl Row {
    fn number(&self, name: &str) -> u64 {
        self.object.get(name).and_then(Value::as_u64).unwrap_or(0)
    }
}

impl Drift {
    fn of(pair: &Pair, side: Side) -> Result<Self> {
        let reply = pair.show(side, "ha drift")?;
        let rows = |list: &str, name: &str| {
            let rows = reply.get(list).and_then(Value::as_array);
            let rows = rows.into_iter().flatten().map(|object| Row {
                node: object
                    .get(name)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned(),
                object: object.clone(),
            });
            rows.collect::<Vec<_>>()
        };
        Ok(Self {
            comparisons: rows("comparisons", "by"),
            directions: rows("directions", "node"),
            repairs: rows("repairs", "node"),
        })
    }

    /// A figure of both ways from and to one node.
    fn sum(&self, side: Side, name: &str) -> u64 {
        let own = self.directions.iter().filter(|row| row.node == side.name());
        own.map(|row| row.number(name)).sum()
    }

    fn repairs(&self, side: Side) -> Result<Row> {
        let row = self.repairs.iter().find(|row| row.node == side.name());
        row.cloned().context("no repairs are shown")
    }
}
