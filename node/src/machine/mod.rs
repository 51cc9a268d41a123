//! What a machine is before it runs a node, and what it keeps for its next start.
//!
//! `tandem cluster init` and `join` make `node.toml` and the folder `identity` beside it; a running
//! member keeps the list of members in `node.toml` as the cluster has agreed on it.

mod init;
mod join;
mod node_toml;
mod seeds;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use cli::{ClusterCommand, MachineArgs, MembersQuestion};
use identity::{MemberKey, files};
use serde_json::{Value, json};

pub(crate) use seeds::keep_members;

/// What belongs to a cluster's certificates, beside node.toml.
const FOLDER: &str = "identity";
/// In it, the key of a machine that is about to join.
const KEY: &str = "newcomer.pem";

/// Nothing was made.
const FAILED: u8 = 1;

/// More than all files of a member need.
const ROOM: usize = 64 << 10;

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
            let what = format!("{error:#}");
            eprintln!("tandem: {what}");
            if json {
                println!("{}", json!({ "error": { "what": what, "exit": FAILED } }));
            }
            return ExitCode::from(FAILED);
        }
    }
    ExitCode::SUCCESS
}

/// Where a member's files lie.
struct Places {
    directory: PathBuf,
    node_toml: PathBuf,
    folder: PathBuf,
    /// From the root on: node.toml is read with paths that begin at its own folder.
    data_directory: PathBuf,
}

impl Places {
    /// As `machine` says; none of them may be there yet: what is there may be another cluster's.
    fn new(machine: &MachineArgs) -> anyhow::Result<Self> {
        let given = &machine.data_directory;
        let directory = machine.directory.clone();
        let places = Self {
            node_toml: directory.join("node.toml"),
            folder: directory.join(FOLDER),
            data_directory: std::path::absolute(given)
                .with_context(|| format!("{} is no path", given.display()))?,
            directory,
        };
        // A member's certificate beside the newcomer's key is a join that was cut short.
        let identity = Some(places.file("member.pem")).filter(|_| !places.file(KEY).exists());
        let mut taken = identity.into_iter().chain([places.node_toml.clone()]);
        if let Some(path) = taken.find(|path| path.exists()) {
            bail!(
                "{} exists: this machine is a member already; name another --directory, or move it away",
                path.display()
            );
        }
        let mut states = ["control", "removed"].into_iter();
        if let Some(state) = states.find(|state| places.data_directory.join(state).exists()) {
            bail!(
                "{}/{state} is of an earlier membership: name another --data-directory, or move that away",
                places.data_directory.display()
            );
        }
        files::make_folder(&places.folder)?;
        Ok(places)
    }

    /// The newcomer's key, kept until it is a member: whoever asks again has to have the same one.
    fn key(&self) -> anyhow::Result<MemberKey> {
        let path = self.file(KEY);
        if path.exists() {
            let kept = MemberKey::from_pem(&files::read(&path)?);
            return kept.with_context(|| {
                format!(
                    "{} is no key: move it away, and ask for a new token",
                    path.display()
                )
            });
        }
        let key = MemberKey::generate()?;
        self.secret(KEY, &key.to_pem())?;
        Ok(key)
    }

    /// Writes as much as there will be to write, and takes it away again.
    fn prove_room(&self) -> anyhow::Result<()> {
        for folder in [&self.directory, &self.folder] {
            let path = folder.join("room");
            let written = files::replace(&path, &" ".repeat(ROOM), files::Readers::Owner);
            // What a write that was cut short has left takes room, too.
            for left in [path.with_file_name("room.new"), path] {
                match std::fs::remove_file(&left) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(error)
                            .with_context(|| format!("cannot remove {}", left.display()));
                    }
                    Ok(()) | Err(_) => {}
                }
            }
            written
                .with_context(|| format!("{} kB are needed in {}", ROOM >> 10, folder.display()))?;
        }
        Ok(())
    }

    /// The newcomer is a member, and its key lies beside its certificate.
    fn forget_key(&self) -> anyhow::Result<()> {
        let path = self.file(KEY);
        std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))
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

/// Addresses at which this machine is to be reached, before anybody is asked.
fn check_addresses(machine: &MachineArgs) -> anyhow::Result<()> {
    for address in &machine.addresses {
        if let Err(why) = raft::check_address(*address) {
            bail!("--address {address} {why}: write what the other members connect to");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(directory: &std::path::Path) -> MachineArgs {
        MachineArgs {
            addresses: Vec::new(),
            ha_links: Vec::new(),
            directory: directory.to_owned(),
            data_directory: directory.join("data"),
            json: false,
        }
    }

    #[test]
    fn a_join_that_was_cut_short_goes_on_with_its_key() {
        let folder = std::env::temp_dir().join(format!("tandem-places-{}", std::process::id()));
        let machine = machine(&folder);
        let refused = |machine: &MachineArgs| Places::new(machine).err().unwrap().to_string();
        let places = Places::new(&machine).unwrap();
        let key = places.key().unwrap().to_pem();
        places.prove_room().unwrap();
        places.secret("member.pem", "as far as it came").unwrap();
        let again = Places::new(&machine).unwrap();
        assert_eq!(again.key().unwrap().to_pem(), key);

        again.forget_key().unwrap();
        assert!(refused(&machine).contains("a member already"));
        std::fs::remove_dir_all(&folder).unwrap();
        for state in ["control", "removed"] {
            files::make_folder(&machine.data_directory.join(state)).unwrap();
            assert!(refused(&machine).contains("an earlier membership"));
            std::fs::remove_dir_all(&folder).unwrap();
        }
    }

    #[test]
    fn a_data_directory_is_written_down_from_the_root_on() {
        let folder = std::env::temp_dir().join(format!("tandem-root-{}", std::process::id()));
        let machine = MachineArgs {
            data_directory: "a/var".into(),
            ..machine(&folder)
        };
        let places = Places::new(&machine).unwrap();
        let here = std::env::current_dir().unwrap();
        assert_eq!(places.data_directory, here.join("a/var"));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
