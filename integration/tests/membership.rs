//! A cluster as docs/operate/cluster.md builds it: founded, joined, replaced and taken apart by the commands of
//! an operator, with certificates on every connection.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};

use anyhow::{Context as _, Result, ensure};
use integration::{Files, Pair, wait};
use lab::cluster::Member;
use lab::harness::{self, Case};
use lab::observe::{HaView, Observer};
use lab::sandbox::Sandbox;
use lab::topology::Side;
use nix::mount::{MsFlags, mount, umount};
use serde_json::Value;

const TANDEM: &str = env!("CARGO_BIN_EXE_tandem");

const CASES: &[(&str, Case)] = &[(
    "a_cluster_is_built_changed_and_taken_apart_as_the_manual_says",
    a_cluster_is_built_changed_and_taken_apart_as_the_manual_says,
)];

const A: Member = Member::Node(Side::A);
const B: Member = Member::Node(Side::B);
const W: Member = Member::Witness;

/// Exit statuses of the commands, and of a machine that was removed.
const REFUSED: i32 = 1;
const NEEDS_FORCE: i32 = 5;
const REMOVED: i32 = 8;

fn main() -> ExitCode {
    harness::main(CASES)
}

fn a_cluster_is_built_changed_and_taken_apart_as_the_manual_says(sandbox: &Sandbox) -> Result<()> {
    let mut site = Site::prepare(sandbox)?;
    site.init()?;
    site.pair.start(A)?;
    site.voters(A, &["a"])?;
    site.second_node_joins()?;
    // Nobody has to be started again for that.
    site.protected(A)?;
    site.protected(B)?;
    site.decides("freeze")?;
    site.witness_joins(A)?;
    site.decides("witness")?;
    site.leads(B)?;

    let removed = site.ask(B, &["remove", "w"])?;
    ensure!(removed.status.success(), "{removed:?}");
    site.was_removed(W, "by uid 0 on b")?;
    site.voters(B, &["a", "b"])?;
    site.decides("freeze")?;
    // Led by a node that was not there when the cluster was founded.
    site.wipe(W)?;
    site.witness_joins(A)?;

    site.first_node_is_replaced()?;
    site.active_node_is_removed()
}

/// Two nodes and a witness whose files the product makes.
struct Site {
    pair: Pair,
}

impl Site {
    fn prepare(sandbox: &Sandbox) -> Result<Self> {
        let site = Self {
            pair: Pair::prepare(sandbox, TANDEM, Files::default())?,
        };
        for member in Member::ALL {
            fs::remove_file(site.pair.home(member).join("node.toml"))?;
        }
        Ok(site)
    }

    fn init(&self) -> Result<()> {
        let configuration = self.pair.home(A).join("site.conf");
        let configuration = configuration.to_string_lossy();
        let found = |node: &str| {
            let mut arguments = vec!["init", "--cluster", "west", "--router", "pair"];
            arguments.extend(["--node", node, "--address", "198.18.0.1:7400"]);
            arguments.extend([
                "--ha-link",
                link(Side::A),
                "--configuration",
                &configuration,
            ]);
            self.on(A, &arguments)
        };
        let refused = found("c")?;
        ensure!(refused.status.code() == Some(REFUSED), "{refused:?}");
        ensure!(error_of(&refused)?.contains("node c"), "{refused:?}");
        let founded = found("a")?;
        ensure!(founded.status.success(), "{founded:?}");
        Ok(())
    }

    /// What is refused costs no token.
    fn second_node_joins(&mut self) -> Result<()> {
        let token = self.token(A, &["token"])?;
        let join = |site: &Self, name: &str, address: &str| {
            let mut arguments = vec!["join", "--token", &token, "--node", name];
            arguments.extend(["--address", address, "--ha-link", link(Side::B)]);
            site.on(B, &arguments)
        };
        for (name, address, why) in [
            ("bb", "198.18.0.2:7400", "has no node bb, it has a, b"),
            ("b", "0.0.0.0:7400", "none that others can reach"),
            (
                "b",
                "198.18.0.1:7400",
                "is reached at 198.18.0.1:7400 already",
            ),
        ] {
            let refused = join(self, name, address)?;
            ensure!(refused.status.code() == Some(REFUSED), "{refused:?}");
            ensure!(error_of(&refused)?.contains(why), "{refused:?}");
        }
        let full = self.joins_on_a_full_disk(&token)?;
        ensure!(error_of(&full)?.contains("64 kB are needed"), "{full:?}");
        self.voters(A, &["a"])?;
        let joined = join(self, "b", "198.18.0.2:7400")?;
        ensure!(joined.status.success(), "{joined:?}");
        self.pair.start(B)?;
        self.voters(A, &["a", "b"])?;
        self.voters(B, &["a", "b"])
    }

    /// Its key still finds room there, and what comes with the answer does not.
    fn joins_on_a_full_disk(&self, token: &str) -> Result<Output> {
        let path = self.pair.home(B).join("small");
        fs::create_dir(&path)?;
        let kind = Some("tmpfs");
        mount(kind, &path, kind, MsFlags::empty(), Some("size=32k"))?;
        let mut arguments = vec!["join", "--token", token, "--node", "b"];
        arguments.extend(["--address", "198.18.0.2:7400", "--ha-link", link(Side::B)]);
        let output = self.on_disk(B, &path, &arguments);
        umount(&path)?;
        output
    }

    fn witness_joins(&mut self, inviter: Member) -> Result<()> {
        let token = self.token(inviter, &["token", "--kind", "witness"])?;
        let mut arguments = vec!["join", "--token", &token, "--node", "w"];
        arguments.extend(["--address", "198.18.0.3:7400"]);
        let joined = self.on(W, &arguments)?;
        ensure!(joined.status.success(), "{joined:?}");
        self.pair.start(W)?;
        self.everybody_votes()
    }

    /// Kills the other node, and starts it again when the witness has elected this one.
    fn leads(&mut self, leader: Member) -> Result<()> {
        let other = if leader == A { B } else { A };
        self.pair.kill(other)?;
        wait::until_true(&format!("{} to lead", leader.name()), || {
            Ok(self.leader(leader)?.as_deref() == Some(leader.name()))
        })?;
        self.pair.start(other)?;
        self.everybody_votes()?;
        ensure!(self.leader(leader)?.as_deref() == Some(leader.name()));
        Ok(())
    }

    fn first_node_is_replaced(&mut self) -> Result<()> {
        self.pair.kill(A)?;
        self.wipe(A)?;
        let token = self.token(B, &["replace", "a"])?;
        let mut arguments = vec!["join", "--token", &token, "--address", "198.18.0.1:7400"];
        arguments.extend(["--ha-link", link(Side::A)]);
        let joined = self.on(A, &arguments)?;
        ensure!(joined.status.success(), "{joined:?}");
        self.pair.start(A)?;
        self.everybody_votes()?;
        self.protected(A)?;
        self.protected(B)
    }

    /// Its role goes to the other node, which counts it no more.
    fn active_node_is_removed(&mut self) -> Result<()> {
        let (active, other) = if self.ha(A)?.is_active() {
            (A, B)
        } else {
            (B, A)
        };
        let refused = self.ask(other, &["remove", active.name()])?;
        ensure!(refused.status.code() == Some(NEEDS_FORCE), "{refused:?}");
        let removed = self.ask(other, &["remove", active.name(), "--force"])?;
        ensure!(removed.status.success(), "{removed:?}");
        self.was_removed(active, &format!("by uid 0 on {}", other.name()))?;
        wait::until_true("the other node to be active", || {
            Ok(self.ha(other)?.is_active())
        })?;
        self.voters(other, &[other.name(), "w"])?;
        let shown = self.show(other, "ha")?.to_string();
        let name = format!("\"{}\"", active.name());
        ensure!(
            !shown.contains(&name),
            "the removed node is counted: {shown}"
        );
        // Nor does it start again.
        self.pair.start(active)?;
        ensure!(self.pair.wait_for_end(active)?.code() == Some(REMOVED));
        Ok(())
    }

    /// Waits for the end of a machine that was removed, and looks at its last words.
    fn was_removed(&mut self, member: Member, by: &str) -> Result<()> {
        let end = self.pair.wait_for_end(member)?;
        let words = self.pair.last_words(member, 5);
        ensure!(end.code() == Some(REMOVED), "{end}: {words}");
        ensure!(
            words.contains(by) && words.contains("tandem cluster join"),
            "{words}"
        );
        Ok(())
    }

    fn everybody_votes(&self) -> Result<()> {
        self.voters(A, &["a", "b", "w"])?;
        self.voters(B, &["a", "b", "w"])
    }

    /// Waits until `member` knows these, and nobody else, as voters of both groups, and a leader.
    fn voters(&self, member: Member, names: &[&str]) -> Result<()> {
        let what = format!("{names:?} to vote, as {} sees it", member.name());
        let waited = wait::until_true(&what, || {
            let status = self.status(member)?;
            let members = status.get("members").and_then(Value::as_array);
            let members: Vec<_> = members.into_iter().flatten().collect();
            let word =
                |of: &Value, key: &str| of.get(key).and_then(Value::as_str).map(str::to_owned);
            let known: Vec<_> = members.iter().filter_map(|of| word(of, "name")).collect();
            let vote = |of: &&Value| {
                ["control", "state"]
                    .iter()
                    .all(|group| word(of, group).as_deref() == Some("voter"))
            };
            ensure!(known == names, "{status}");
            ensure!(members.iter().all(vote), "{status}");
            Ok(self.leader(member)?.is_some())
        });
        waited.with_context(|| {
            let words = Member::ALL.map(|member| self.pair.last_words(member, 15));
            format!("w:\n{}\na:\n{}\nb:\n{}", words[0], words[1], words[2])
        })
    }

    fn protected(&self, member: Member) -> Result<()> {
        wait::until_true("the pair to be protected", || {
            let ha = self.show(member, "ha")?;
            let verdict = ha.get("verdict").and_then(Value::as_str);
            ensure!(verdict == Some("protected"), "{ha}");
            Ok(true)
        })
    }

    /// Who decides without a quorum is known on both nodes, whenever they were started.
    fn decides(&self, who: &str) -> Result<()> {
        for node in [A, B] {
            wait::until_true(&format!("{who} to decide on {}", node.name()), || {
                let cluster = self.show(node, "cluster")?;
                let decides = cluster.pointer("/quorum/without_quorum");
                ensure!(decides.and_then(Value::as_str) == Some(who), "{cluster}");
                Ok(true)
            })?;
        }
        Ok(())
    }

    fn leader(&self, member: Member) -> Result<Option<String>> {
        let ha = self.show(member, "ha")?;
        let leader = ha.pointer("/leaders/control").and_then(Value::as_str);
        Ok(leader.map(str::to_owned))
    }

    fn token(&self, member: Member, question: &[&str]) -> Result<String> {
        let output = self.ask(member, question)?;
        ensure!(output.status.success(), "{output:?}");
        let reply: Value = serde_json::from_slice(&output.stdout)?;
        let token = reply.get("token").and_then(Value::as_str);
        Ok(token.context("there is a token")?.to_owned())
    }

    fn status(&self, member: Member) -> Result<Value> {
        let output = self.ask(member, &["status"])?;
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Asks a running node something about members.
    fn ask(&self, member: Member, question: &[&str]) -> Result<Output> {
        let mut command = self.pair.client(&["cluster"]);
        command.args(question).arg("--json");
        command.arg("--socket").arg(self.socket(member));
        Ok(command.output()?)
    }

    /// Makes a machine a member, there.
    fn on(&self, member: Member, arguments: &[&str]) -> Result<Output> {
        self.on_disk(member, &self.pair.home(member), arguments)
    }

    fn on_disk(&self, member: Member, home: &Path, arguments: &[&str]) -> Result<Output> {
        let mut command = Command::new(TANDEM);
        command.arg("cluster").args(arguments).arg("--json");
        command.arg("--directory").arg(home);
        command.arg("--data-directory").arg(home.join("data"));
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = self.pair.host(member).spawn(command)?;
        Ok(child.wait_with_output()?)
    }

    /// Leaves of a machine what a new one has.
    fn wipe(&self, member: Member) -> Result<()> {
        let home = self.pair.home(member);
        fs::remove_file(home.join("node.toml"))?;
        fs::remove_dir_all(home.join("identity"))?;
        Ok(fs::remove_dir_all(home.join("data"))?)
    }

    fn socket(&self, member: Member) -> PathBuf {
        self.pair.home(member).join("data/tandem.sock")
    }

    fn observer(&self, member: Member) -> Observer {
        Observer::new(TANDEM.as_ref(), &self.socket(member))
    }

    fn ha(&self, member: Member) -> Result<HaView> {
        Ok(self.observer(member).ha()?)
    }

    fn show(&self, member: Member, view: &str) -> Result<Value> {
        Ok(self.observer(member).show(view)?)
    }
}

/// A node's end of the HA link, and the other's.
const fn link(side: Side) -> &'static str {
    match side {
        Side::A => "ha0=198.18.0.1:7401,198.18.0.2:7401",
        Side::B => "ha0=198.18.0.2:7401,198.18.0.1:7401",
    }
}

/// What a refused command tells programs.
fn error_of(output: &Output) -> Result<String> {
    let reply: Value = serde_json::from_slice(&output.stdout)?;
    let what = reply.pointer("/error/what").and_then(Value::as_str);
    Ok(what.context("an error has words")?.to_owned())
}
