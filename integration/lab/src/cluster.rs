//! Two nodes and a witness as running processes of this program, in the pair's network.
//!
//! Each member has a directory: its `node.toml` and whatever else its files name, its data, its log,
//! and the socket `tandem.sock` where it answers operators.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::host::HostError;
use crate::observe::{HaView, ObserveError, Observer};
use crate::operator::Operator;
use crate::process::{Process, ProcessError};
use crate::topology::{PairWitness, Side};
use crate::traffic::unix_nanos;

/// A process of the cluster.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Member {
    /// A node.
    Node(Side),
    /// The witness.
    Witness,
}

impl Member {
    /// All three; the witness first, since it votes.
    pub const ALL: [Self; 3] = [Self::Witness, Self::Node(Side::A), Self::Node(Side::B)];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Node(side) => side.name(),
            Self::Witness => "witness",
        }
    }

    /// Its subcommand of the program.
    const fn command(self) -> &'static str {
        match self {
            Self::Node(_) => "node",
            Self::Witness => "witness",
        }
    }
}

/// A file of a member: its name in the member's directory, and its text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MemberFile {
    /// The name.
    pub name: &'static str,
    /// The text.
    pub text: String,
}

/// Why the cluster did not do as it was told.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// A member's files could not be written.
    #[error("cannot write {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A process could not be started or ended.
    #[error("a member's process failed")]
    Process(#[from] ProcessError),
    /// A link could not be cut or restored.
    #[error("a member's links failed")]
    Host(#[from] HostError),
    /// A member is not running although nobody killed it.
    #[error("{member} ended by itself ({status}); its last words:\n{words}")]
    Ended {
        /// Which one.
        member: &'static str,
        /// How.
        status: String,
        /// The end of its log.
        words: String,
    },
}

/// The network and its processes.
#[derive(Debug)]
pub struct Cluster {
    network: PairWitness,
    program: PathBuf,
    directory: PathBuf,
    members: Vec<(Member, Process)>,
}

impl Cluster {
    /// Writes the files of all members below `directory`; starts nothing yet.
    pub fn prepare(
        network: PairWitness,
        program: &Path,
        directory: &Path,
        files: impl Fn(Member, &Path) -> Vec<MemberFile>,
    ) -> Result<Self, ClusterError> {
        for member in Member::ALL {
            let home = directory.join(member.name());
            write(&home, |home| fs::create_dir_all(home))?;
            for file in files(member, &home) {
                write(&home.join(file.name), |path| fs::write(path, &file.text))?;
            }
        }
        Ok(Self {
            network,
            program: program.to_owned(),
            directory: directory.to_owned(),
            members: Vec::new(),
        })
    }

    /// The network.
    pub fn network(&self) -> &PairWitness {
        &self.network
    }

    /// A member's directory.
    pub fn home(&self, member: Member) -> PathBuf {
        self.directory.join(member.name())
    }

    /// Where a member answers operators.
    pub fn socket(&self, member: Member) -> PathBuf {
        self.home(member).join("tandem.sock")
    }

    /// Starts a member; its links are as they are.
    pub fn start(&mut self, member: Member) -> Result<(), ClusterError> {
        let home = self.home(member);
        let mut command = Command::new(&self.program);
        command
            .arg(member.command())
            .arg("--config")
            .arg(home.join("node.toml"));
        let host = match member {
            Member::Node(side) => &self.network.node(side).host,
            Member::Witness => &self.network.witness,
        };
        let process = Process::start(host, member.name(), command, &home.join("log"))?;
        self.members.push((member, process));
        Ok(())
    }

    /// Takes a node away as a power cut does: SIGKILL, and all its links at once. Gives the moment
    /// in nanoseconds of Unix time.
    pub fn fail(&mut self, side: Side) -> Result<u64, ClusterError> {
        let mut killed = self.take(Member::Node(side));
        let at = unix_nanos();
        if let Some(process) = &mut killed {
            process.strike()?;
        }
        self.network.unplug(side)?;
        if let Some(mut process) = killed {
            process.kill()?;
        }
        Ok(at)
    }

    /// Kills a member's process and leaves its links alone.
    pub fn kill(&mut self, member: Member) -> Result<u64, ClusterError> {
        let at = unix_nanos();
        if let Some(mut process) = self.take(member) {
            process.kill()?;
        }
        Ok(at)
    }

    /// Brings a failed node back: links up, process started again.
    pub fn revive(&mut self, side: Side) -> Result<(), ClusterError> {
        self.network.plug_in(side)?;
        self.start(Member::Node(side))
    }

    /// Fails when a member has ended that nobody killed.
    pub fn check_running(&mut self) -> Result<(), ClusterError> {
        for (member, process) in &mut self.members {
            if let Some(status) = process.ended()? {
                return Err(ClusterError::Ended {
                    member: member.name(),
                    status: status.to_string(),
                    words: process.last_words(20),
                });
            }
        }
        Ok(())
    }

    /// Asks a node about its readiness, as an operator would.
    pub fn ha(&self, side: Side) -> Result<HaView, ObserveError> {
        Observer::new(&self.program, &self.socket(Member::Node(side))).ha()
    }

    /// An operator at a node's socket.
    pub fn operator(&self, side: Side) -> Operator {
        Operator::new(&self.program, &self.socket(Member::Node(side)))
    }

    fn take(&mut self, member: Member) -> Option<Process> {
        let position = self.members.iter().position(|(name, _)| *name == member)?;
        Some(self.members.swap_remove(position).1)
    }
}

fn write(path: &Path, action: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), ClusterError> {
    action(path).map_err(|source| ClusterError::File {
        path: path.to_owned(),
        source,
    })
}
