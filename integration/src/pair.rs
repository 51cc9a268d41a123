//! Two nodes and a witness as running processes of the program under test.
//!
//! Like the demonstration's cluster, with what only tests do: members that are asked to stop, that are
//! paused, that have other files than usual.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use lab::cluster::Member;
use lab::host::Host;
use lab::observe::{HaView, Observer};
use lab::process::Process;
use lab::sandbox::Sandbox;
use lab::topology::files::{self, SiteOptions};
use lab::topology::{Arbiter, PairWitness, Side};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::wait;

/// How the files of this pair differ from the laboratory's usual ones.
#[derive(Clone, Copy)]
pub struct Files<'a> {
    /// Interval of VRRP advertisements.
    ///
    /// The product's shortest is 10 ms. A debug build among other programs on two cores is held up
    /// for longer than the 30 ms after which a silent node is replaced, and no test here is about
    /// speed, so the default is 50 ms.
    pub advertisement_ms: u16,
    /// Who decides when the nodes have lost each other.
    pub arbiter: Arbiter,
    /// Changes a file of a member: its name, its text.
    pub edit: &'a dyn Fn(&str, &str) -> String,
}

impl Default for Files<'_> {
    fn default() -> Self {
        Self {
            advertisement_ms: 50,
            arbiter: Arbiter::Witness,
            edit: &|_, text| text.to_owned(),
        }
    }
}

/// The network and its processes. Dropped, they are gone.
#[derive(Debug)]
pub struct Pair {
    members: Vec<(Member, Process)>,
    /// The network, for tests that cut it.
    pub network: PairWitness,
    program: PathBuf,
    directory: PathBuf,
}

impl Pair {
    /// Builds the network and writes all files; starts nothing.
    pub fn prepare(sandbox: &Sandbox, program: &str, options: Files<'_>) -> Result<Self> {
        // Cases of one run share the sandbox's directory, and must not share their data.
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let pair = Self {
            members: Vec::new(),
            network: PairWitness::build()?,
            program: PathBuf::from(program),
            directory: sandbox.directory().join(number.to_string()),
        };
        let site = SiteOptions {
            advertisement_ms: options.advertisement_ms,
            arbiter: options.arbiter,
            ..SiteOptions::default()
        };
        for member in options.arbiter.members() {
            let home = pair.home(*member);
            std::fs::create_dir_all(&home)?;
            for file in files::files(*member, &home, site) {
                let text = (options.edit)(file.name, &file.text);
                std::fs::write(home.join(file.name), text)?;
            }
        }
        Ok(pair)
    }

    /// Builds everything, starts all members and waits until they are ready; gives the active one.
    pub fn start_all(sandbox: &Sandbox, program: &str, options: Files<'_>) -> Result<(Self, Side)> {
        let mut pair = Self::prepare(sandbox, program, options)?;
        for member in options.arbiter.members() {
            pair.start(*member)?;
        }
        let active = pair.ready()?;
        Ok((pair, active))
    }

    /// A member's directory.
    pub fn home(&self, member: Member) -> PathBuf {
        self.directory.join(member.name())
    }

    /// Where a node answers operators.
    pub fn socket(&self, side: Side) -> PathBuf {
        self.home(Member::Node(side)).join("tandem.sock")
    }

    /// A member's host.
    pub fn host(&self, member: Member) -> &Host {
        match member {
            Member::Node(side) => &self.network.node(side).host,
            Member::Witness => &self.network.witness,
        }
    }

    /// Starts a member; its links are as they are.
    pub fn start(&mut self, member: Member) -> Result<()> {
        let home = self.home(member);
        let mut command = Command::new(&self.program);
        let word = match member {
            Member::Node(_) => "node",
            Member::Witness => "witness",
        };
        command
            .arg(word)
            .arg("--config")
            .arg(home.join("node.toml"));
        let log = home.join("log");
        let process = Process::start(self.host(member), member.name(), command, &log)?;
        self.members.push((member, process));
        Ok(())
    }

    /// Takes a node away as a power cut does: SIGKILL and all its links at once.
    pub fn fail(&mut self, side: Side) -> Result<()> {
        let mut process = self.take(Member::Node(side))?;
        process.strike()?;
        self.network.unplug(side)?;
        Ok(process.kill()?)
    }

    /// Kills a member's process and leaves its links alone.
    pub fn kill(&mut self, member: Member) -> Result<()> {
        Ok(self.take(member)?.kill()?)
    }

    /// Asks a member to stop, as an init system does, and waits until it has.
    pub fn terminate(&mut self, member: Member) -> Result<ExitStatus> {
        self.signal(member, Signal::SIGTERM)?;
        self.wait_for_end(member)
    }

    /// Waits until a member has ended by itself.
    pub fn wait_for_end(&mut self, member: Member) -> Result<ExitStatus> {
        let mut process = self.take(member)?;
        wait::until(&format!("the end of {}", member.name()), || {
            Ok(process.ended()?)
        })
    }

    /// The id of a member's process.
    pub fn process_id(&self, member: Member) -> Result<u32> {
        let process = self.members.iter().find(|(name, _)| *name == member);
        let (_, process) = process.with_context(|| format!("{} runs", member.name()))?;
        Ok(process.id())
    }

    /// Sends a signal to a member's process.
    pub fn signal(&self, member: Member, signal: Signal) -> Result<()> {
        let id = Pid::from_raw(i32::try_from(self.process_id(member)?)?);
        kill(id, signal).with_context(|| format!("{signal} to {}", member.name()))
    }

    /// The last lines that a member printed.
    pub fn last_words(&self, member: Member, lines: usize) -> String {
        let log = self.home(member).join("log");
        let text = std::fs::read(log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let all: Vec<_> = text.lines().collect();
        let last = all.get(all.len().saturating_sub(lines)..);
        last.unwrap_or_default().join("\n")
    }

    /// Fails when a member has ended that nobody ended.
    pub fn check_running(&mut self) -> Result<()> {
        for (member, process) in &mut self.members {
            if let Some(status) = process.ended()? {
                let words = process.last_words(20);
                bail!("{} ended by itself ({status}):\n{words}", member.name());
            }
        }
        Ok(())
    }

    /// Waits until one node is active, the other stands by, and any member may fail.
    pub fn ready(&mut self) -> Result<Side> {
        let mut told = String::new();
        let ready = wait::until("both nodes to be ready", || {
            self.check_running()?;
            let [a, b] = Side::BOTH.map(|side| self.ha(side));
            told = format!("a: {a:?}\nb: {b:?}");
            let (a, b) = (a?, b?);
            let active = match (a.is_active(), b.is_active()) {
                (true, false) => Side::A,
                (false, true) => Side::B,
                (true, true) | (false, false) => return Ok(None),
            };
            Ok((a.is_whole() && b.is_whole()).then_some(active))
        });
        ready.with_context(|| {
            let words = Side::BOTH.map(|side| self.last_words(Member::Node(side), 15));
            format!("{told}\nlog of a:\n{}\nlog of b:\n{}", words[0], words[1])
        })
    }

    /// Waits until a node alone says that it is active.
    pub fn active(&self, side: Side) -> Result<HaView> {
        wait::until(&format!("node {} to be active", side.name()), || {
            let view = self.ha(side)?;
            Ok(view.is_active().then_some(view))
        })
    }

    /// Waits until both nodes have programmed the same sessions, at least so many.
    pub fn copied(&self, sessions: u64) -> Result<u64> {
        wait::until(&format!("{sessions} sessions on both nodes"), || {
            let [a, b] = Side::BOTH.map(|side| self.show(side, "ha"));
            let (a, b) = (a?, b?);
            let proof = |object: &Value| {
                let sum = object.get("sessions_checksum")?.as_str()?.to_owned();
                Some((object.get("sessions")?.as_u64()?, sum))
            };
            let (a, b) = (proof(&a), proof(&b));
            let count = a.as_ref().map_or(0, |(count, _)| *count);
            ensure!(a == b && count >= sessions, "a has {a:?}, b has {b:?}");
            Ok(Some(count))
        })
    }

    /// `show ha` of a node.
    pub fn ha(&self, side: Side) -> Result<HaView> {
        Ok(Observer::new(&self.program, &self.socket(side)).ha()?)
    }

    /// The object behind any `show` view of a node.
    pub fn show(&self, side: Side, view: &str) -> Result<Value> {
        Ok(Observer::new(&self.program, &self.socket(side)).show(view)?)
    }

    /// Packets that a node has dropped for a reason.
    pub fn dropped(&self, side: Side, reason: &str) -> Result<u64> {
        let reply = self.show(side, "drops")?;
        let drops = reply.get("drops").and_then(Value::as_array);
        let drop = drops
            .into_iter()
            .flatten()
            .find(|drop| drop.get("reason").and_then(Value::as_str) == Some(reason));
        Ok(drop
            .and_then(|drop| drop.get("count")?.as_u64())
            .unwrap_or(0))
    }

    /// The operator's client with `arguments`.
    pub fn client(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments);
        command
    }

    /// Holds for `span` that every member runs and that `side` stays active.
    pub fn nobody_moves(&mut self, side: Side, span: Duration) -> Result<()> {
        wait::throughout(span, || {
            self.check_running()?;
            let (active, other) = (self.ha(side)?, self.ha(side.other())?);
            ensure!(
                active.is_active(),
                "node {} is {}",
                side.name(),
                active.role
            );
            ensure!(!other.is_active(), "both nodes are active");
            Ok(())
        })
    }

    fn take(&mut self, member: Member) -> Result<Process> {
        let position = self.members.iter().position(|(name, _)| *name == member);
        let position = position.with_context(|| format!("{} does not run", member.name()))?;
        Ok(self.members.swap_remove(position).1)
    }

    /// The directory of all members.
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}
