//! What a machine is before it runs a node, and what it keeps for its next start.
//!
//! `tandem cluster init` and `join` make `node.toml` and the folder `identity` beside it; a running
//! member keeps the list of members in `node.toml` as the cluster has agreed on it.

mod init;
mod join;
mod node_toml;
mod seeds;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use cli::{ClusterCommand, MembersQuestion};
use identity::files;
use serde_json::Value;

pub(crate) use seeds::keep_members;

/// What belongs to a cluster's certificates, beside node.toml.
const FOLDER: &str = "identity";

/// Runs `tandem cluster …`.
pub(crate) fn run(command: ClusterCommand) -> ExitCode {
    let asked = match command {
        ClusterCommand::Init(args) => return report(init::run(&args), args.machine.json),
        ClusterCommand::Join(args) => {
            return report(crate::client_runtime(join::run(&args)), args.machine.json);
        }
        ClusterCommand::Token(args) => MembersQuestion::Token(args),
        ClusterCommand::Remove(args) => MembersQuestion::Remove(args),
        ClusterCommand::Replace(args) => MembersQuestion::Replace(args),
        ClusterCommand::Rotate(options) => MembersQuestion::Rotate(options),
        ClusterCommand::Status(options) => MembersQuestion::Status(options),
    };
    crate::client(cli::run_members(asked))
}

/// What was made, for people and for programs.
struct Made {
    text: String,
    object: Value,
}

fn report(made: anyhow::Result<Made>, json: bool) -> ExitCode {
    match made {
        Ok(made) if json => println!("{}", made.object),
        Ok(made) => print!("{}", made.text),
        Err(error) => {
            eprintln!("tandem: {error:#}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Where a member's files lie.
struct Places {
    node_toml: PathBuf,
    folder: PathBuf,
}

impl Places {
    /// In `directory`, where none of them may be yet: what is there may be another cluster's.
    fn new(directory: &Path) -> anyhow::Result<Self> {
        let places = Self {
            node_toml: directory.join("node.toml"),
            folder: directory.join(FOLDER),
        };
        let identity = places.file("member.pem");
        for path in [&places.node_toml, &identity] {
            if path.exists() {
                bail!(
                    "{} exists: this machine is a member already; name another --directory, or move \
                     it away",
                    path.display()
                );
            }
        }
        files::make_folder(&places.folder)?;
        Ok(places)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn secret(&self, name: &str, content: &str) -> anyhow::Result<()> {
        let path = self.file(name);
        files::replace(&path, content, files::Readers::Owner)
            .with_context(|| format!("{} cannot be kept", path.display()))
    }

    fn open(&self, name: &str, content: &str) -> anyhow::Result<()> {
        let path = self.file(name);
        files::replace(&path, content, files::Readers::Everybody)
            .with_context(|| format!("{} cannot be kept", path.display()))
    }
}
