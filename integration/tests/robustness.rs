//! What must not lose a configuration: kills at any moment, torn stores, a full disk.

mod support;

use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use integration::sockets::bytes;
use integration::{Disk, Files, Pair, wait};
use lab::cluster::Member;
use lab::harness::{self, Case};
use lab::sandbox::Sandbox;
use lab::topology::Side;
use lab::topology::pair_witness::SERVER;
use serde_json::Value;
use support::Load;

const TANDEM: &str = env!("CARGO_BIN_EXE_tandem");

const CASES: &[(&str, Case)] = &[
    (
        "kills_while_the_cluster_forms_leave_one_configuration",
        kills_while_the_cluster_forms_leave_one_configuration,
    ),
    (
        "kills_at_any_moment_under_traffic_lose_no_configuration",
        kills_at_any_moment_under_traffic_lose_no_configuration,
    ),
    (
        "a_torn_store_is_named_put_aside_and_filled_again_by_the_others",
        a_torn_store_is_named_put_aside_and_filled_again_by_the_others,
    ),
    (
        "a_full_disk_is_named_and_the_peer_goes_on",
        a_full_disk_is_named_and_the_peer_goes_on,
    ),
    (
        "an_active_node_outlives_its_full_disk",
        an_active_node_outlives_its_full_disk,
    ),
];

fn main() -> ExitCode {
    harness::main(CASES)
}

fn kills_while_the_cluster_forms_leave_one_configuration(sandbox: &Sandbox) -> Result<()> {
    let mut pair = Pair::prepare(sandbox, TANDEM, Files::default())?;
    for member in Member::ALL {
        pair.start(member)?;
    }
    for kill in plan(11, 6) {
        kill.strike(&mut pair)?;
    }
    pair.ready()?;
    let (revision, text) = configuration(&pair, Side::A)?;
    ensure!(
        revision == 1,
        "the first configuration is number {revision}"
    );
    ensure!(configuration(&pair, Side::B)? == (revision, text.clone()));
    // The text is the file's own, whole.
    let file = pair.home(Member::Node(Side::A)).join("site.conf");
    let words = |text: &str| {
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let proposed = std::fs::read_to_string(file)?;
    ensure!(words(&text) == words(&proposed), "{text}");
    Ok(())
}

fn kills_at_any_moment_under_traffic_lose_no_configuration(sandbox: &Sandbox) -> Result<()> {
    let (mut pair, active) = Pair::start_all(sandbox, TANDEM, Files::default())?;
    let before = configuration(&pair, active)?;
    let load = Load::start(&pair, 20)?;
    for kill in plan(23, 10) {
        kill.strike(&mut pair)?;
    }
    pair.ready()?;
    for side in Side::BOTH {
        let after = configuration(&pair, side)?;
        ensure!(
            after == before,
            "{} has {after:?}, not {before:?}",
            side.name()
        );
    }
    load.udp_answers_again()
}

/// A kill of one member, so long after the one before, and its new start at once.
struct Kill {
    after: Duration,
    victim: Member,
}

impl Kill {
    fn strike(&self, pair: &mut Pair) -> Result<()> {
        let held = wait::throughout(self.after, || pair.check_running());
        held.with_context(|| format!("before the kill of {}", self.victim.name()))?;
        pair.kill(self.victim)?;
        pair.start(self.victim)
    }
}

/// So many kills: moments within half a second, victims in no order.
fn plan(seed: u8, kills: usize) -> Vec<Kill> {
    let dice = bytes(seed, 2 * kills);
    let (moments, victims) = dice.split_at(kills);
    let pairs = moments.iter().zip(victims);
    pairs
        .map(|(moment, victim)| Kill {
            after: Duration::from_millis(2 * u64::from(*moment)),
            victim: match victim % 5 {
                0 | 1 => Member::Node(Side::A),
                2 | 3 => Member::Node(Side::B),
                _ => Member::Witness,
            },
        })
        .collect()
}

/// Number and text of the configuration that a node runs.
fn configuration(pair: &Pair, side: Side) -> Result<(u64, String)> {
    let reply = pair.show(side, "config")?;
    let revision = reply.get("revision").and_then(Value::as_u64);
    let text = reply.get("text").and_then(Value::as_str);
    let revision = revision.context("a configuration has a number")?;
    Ok((revision, text.context("and a text")?.to_owned()))
}

fn a_torn_store_is_named_put_aside_and_filled_again_by_the_others(sandbox: &Sandbox) -> Result<()> {
    /// What happens to the bytes of a file.
    type Tear = fn(&mut Vec<u8>);
    /// sled's data.
    const DATA: &str = "db";
    /// Files whose names end so, and what happens to them.
    const TEARS: [(&str, &str, Tear); 4] = [
        ("flipped data", DATA, |bytes| flip(bytes)),
        ("data without its tail", DATA, |bytes| bytes.truncate(3_000)),
        ("all cut in half", "", |bytes| {
            bytes.truncate(bytes.len() / 2);
        }),
        ("all flipped", "", |bytes| flip(bytes)),
    ];
    let (mut pair, active) = Pair::start_all(sandbox, TANDEM, Files::default())?;
    let before = configuration(&pair, active)?;
    let load = Load::start(&pair, 10)?;
    let torn = active.other();
    let data = pair.home(Member::Node(torn)).join("data");
    for (times, (how, name, tear)) in (1..).zip(TEARS) {
        pair.copied(load.sessions())?;
        pair.kill(Member::Node(torn))?;
        for file in files(&data.join("control"))? {
            if file.to_string_lossy().ends_with(name) {
                let mut bytes = std::fs::read(&file)?;
                tear(&mut bytes);
                std::fs::write(&file, bytes)?;
            }
        }
        pair.start(Member::Node(torn))?;
        let still = pair.ready().with_context(|| format!("store: {how}"))?;
        ensure!(still == active, "{how}: the role moved");
        ensure!(configuration(&pair, torn)? == before, "{how}");
        let words = pair.last_words(Member::Node(torn), 1_000);
        let named = words.matches("is damaged: ").count();
        ensure!(named == times, "{how}: {words}");
        let aside = std::fs::read_dir(&data)?.filter_map(Result::ok);
        let aside = aside.filter(|entry| entry.file_name().to_string_lossy().contains("damaged"));
        let aside = aside.count();
        ensure!(aside == times, "{how}: {aside} folders are kept");
    }
    load.everything_goes_on()?;
    load.stop_unharmed()
}

fn flip(bytes: &mut [u8]) {
    bytes.iter_mut().step_by(61).for_each(|byte| *byte = !*byte);
}

/// All files below a folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

fn a_full_disk_is_named_and_the_peer_goes_on(sandbox: &Sandbox) -> Result<()> {
    let (mut pair, disks) = pair_on_small_disks(sandbox, Files::default())?;
    let active = pair.ready()?;
    let full = Member::Node(active.other());
    let disk = disk_of(&disks, active.other())?;
    let mut load = Load::start(&pair, 10)?;
    pair.copied(load.sessions())?;

    // The next agreement is a claim for ports: enough clients force it.
    disk.fill()?;
    crowd(&pair)?;
    says_that_its_disk_is_full(&pair, active.other(), disk)?;
    let words = pair.last_words(full, 1_000);
    ensure!(words.contains("\"standby-not-ready\""), "{words}");
    wait::until_true("the other node names it as well", || {
        let ha = pair.show(active, "ha")?;
        let checks = ha.get("checks").and_then(Value::as_array);
        let mut names = checks.into_iter().flatten();
        Ok(names.any(|check| check.get("name").and_then(Value::as_str) == Some("storage")))
    })?;
    // Nothing has ended: with room it goes on, and nobody has to restart it.
    wait::throughout(Duration::from_secs(3), || pair.check_running())?;
    disk.empty()?;
    ensure!(pair.ready()? == active, "the role has moved");
    told_once(&pair, full)?;

    // It starts on a full disk as often as need be, takes the sessions over, and names the disk again.
    for _ in 0..3 {
        disk.fill()?;
        pair.kill(full)?;
        pair.start(full)?;
        pair.copied(load.sessions())?;
        says_that_its_disk_is_full(&pair, active.other(), disk)?;
        let words = pair.last_words(full, 1_000);
        let reserve = disk.path.join("reserve");
        let named = format!("path={}", reserve.display());
        ensure!(
            words.contains("\"storage-reserve\"") && words.contains(&named),
            "{words}"
        );
    }

    load.everything_goes_on()?;
    load.open(&pair, 5)?;
    disk.empty()?;
    ensure!(pair.ready()? == active, "the role has moved");
    pair.copied(load.sessions())?;
    load.stop_unharmed()
}

/// Both lines of a node's log about its full disk, each once.
fn told_once(pair: &Pair, member: Member) -> Result<()> {
    let words = pair.last_words(member, 10_000);
    for event in ["storage-full", "storage-has-room"] {
        let told = words.matches(&format!("\"{event}\"")).count();
        ensure!(told == 1, "{event} was told {told} times: {words}");
    }
    Ok(())
}

/// Packets never wait for a quorum: who cannot write its vote any more forwards all the same, and takes
/// part again as soon as it can. With either library.
fn an_active_node_outlives_its_full_disk(sandbox: &Sandbox) -> Result<()> {
    for store in ["sled", "redb"] {
        let edit = move |name: &str, text: &str| match name {
            "node.toml" => format!("store = \"{store}\"\n{text}"),
            _ => text.to_owned(),
        };
        let files = Files {
            edit: &edit,
            ..Files::default()
        };
        outlives_its_full_disk(sandbox, files).with_context(|| format!("on {store}"))?;
    }
    Ok(())
}

fn outlives_its_full_disk(sandbox: &Sandbox, files: Files<'_>) -> Result<()> {
    let (mut pair, disks) = pair_on_small_disks(sandbox, files)?;
    let gone = pair.ready()?;
    let survivor = gone.other();
    let disk = disk_of(&disks, survivor)?;
    let mut load = Load::start(&pair, 10)?;
    pair.copied(load.sessions())?;

    disk.fill()?;
    pair.fail(gone)?;
    pair.active(survivor)?;
    // The control group needs the survivor's vote, which cannot be written.
    says_that_its_disk_is_full(&pair, survivor, disk)?;
    ensure!(pair.ha(survivor)?.is_active());
    load.everything_goes_on()?;
    load.open(&pair, 5)?;
    ensure!(free_bytes(&pair, survivor)? == 0, "the disk is full");

    // With room it votes for itself, leads, and commits that it is active: it was not started anew.
    let before = pair.process_id(Member::Node(survivor))?;
    disk.empty()?;
    wait::until_true("the survivor leads the control group", || {
        let leads = pair.show(survivor, "ha")?;
        let leader = leads.pointer("/leaders/control").and_then(Value::as_str);
        Ok(leader == Some(survivor.name()))
    })?;
    wait::until_true("it has written its role down", || {
        let ha = pair.ha(survivor)?;
        let lacks_room = ha.reasons.iter().any(|reason| reason.contains("no room"));
        Ok(!lacks_room && free_bytes(&pair, survivor)? > 0)
    })?;
    ensure!(pair.process_id(Member::Node(survivor))? == before);
    pair.check_running()?;
    load.everything_goes_on()?;
    load.stop_unharmed()
}

/// A pair whose nodes have a small disk each; everybody is started.
fn pair_on_small_disks(sandbox: &Sandbox, files: Files<'_>) -> Result<(Pair, Vec<Disk>)> {
    let mut pair = Pair::prepare(sandbox, TANDEM, files)?;
    let homes = Side::BOTH.map(|side| pair.home(Member::Node(side)).join("data"));
    let disks = homes.iter().map(|path| Disk::mount(path));
    let disks: Vec<_> = disks.collect::<Result<_>>()?;
    for member in Member::ALL {
        pair.start(member)?;
    }
    Ok((pair, disks))
}

fn disk_of(disks: &[Disk], side: Side) -> Result<&Disk> {
    let disk = disks.get(usize::from(side.number()) - 1);
    disk.context("each node has a disk")
}

/// What `show ha` says is free on a node's disk.
fn free_bytes(pair: &Pair, side: Side) -> Result<u64> {
    let ha = pair.show(side, "ha")?;
    let free = ha.pointer("/storage/free_bytes").and_then(Value::as_u64);
    free.context("a node says how much room it has")
}

fn says_that_its_disk_is_full(pair: &Pair, side: Side, disk: &Disk) -> Result<()> {
    let path = disk.path.join("control");
    let named = format!("no room for the store {}", path.display());
    wait::until_true("the node names its full disk", || {
        let ha = pair.ha(side)?;
        Ok(!ha.ready && ha.reasons.iter().any(|reason| reason.contains(&named)))
    })
}

/// More clients than a node has ports for without asking (eight blocks of 512): each new
/// socket is another client.
fn crowd(pair: &Pair) -> Result<()> {
    let discard = SocketAddr::from((SERVER, 9));
    pair.network.client.run(|| -> Result<()> {
        for _ in 0..4_500 {
            UdpSocket::bind("0.0.0.0:0")?.send_to(b"hello", discard)?;
        }
        Ok(())
    })?
}
