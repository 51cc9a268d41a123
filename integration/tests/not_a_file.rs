//! Something else under the name of a file: neither a node that starts nor an operator's command waits for the
//! other end of a pipe or for the end of a device.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use integration::wait;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

const TANDEM: &str = env!("CARGO_BIN_EXE_tandem");

/// Where each of them takes a file.
const COMMANDS: &[&str] = &[
    "node --config FILE",
    "witness --config FILE",
    "node --config KEYED",
    "configure commit FILE --socket NOWHERE",
    "cluster init --cluster west --router branch --node a --address 198.18.0.1:7400 \
     --ha-link ha0=198.18.0.1:7401,198.18.0.2:7401 --directory ETC --data-directory DATA \
     --configuration FILE",
    "validate FILE",
];

#[test]
fn nobody_waits_for_a_pipe_or_reads_a_device() -> Result<()> {
    let folder = Folder::new()?;
    let pipe = folder.0.join("pipe");
    mkfifo(&pipe, Mode::S_IRWXU)?;
    for (file, what) in [(&*pipe, "a pipe"), (Path::new("/dev/zero"), "a device")] {
        folder.write_keyed(file)?;
        for command in COMMANDS {
            let told = folder.run(command, file)?;
            ensure!(
                told.contains(&format!("it is {what}, not a file")),
                "{command}: {told}"
            );
        }
    }
    ensure!(
        !folder.0.join("etc/node.toml").exists(),
        "a cluster was founded"
    );
    Ok(())
}

struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("tandem-not-a-file-{}", std::process::id()));
        std::fs::create_dir(&folder)?;
        Ok(Self(folder))
    }

    /// A node.toml that is right, but for the file of the heartbeats' key that it names.
    fn write_keyed(&self, key: &Path) -> Result<()> {
        let example = include_str!("../../proto/config/examples/node.toml");
        let data = self.0.join("data").display().to_string();
        let text = example.replace("/var/lib/tandem", &data).replace(
            "insecure-lab = true",
            &format!("heartbeat-key-file = \"{}\"", key.display()),
        );
        let tls = "\n[tls]\nca = \"ca.pem\"\ncertificate = \"a.pem\"\nkey = \"a.pem\"\n";
        std::fs::write(self.0.join("keyed.toml"), text + tls)?;
        Ok(())
    }

    /// What a command says that has failed in time.
    fn run(&self, command: &str, file: &Path) -> Result<String> {
        let place = |name: &str| self.0.join(name).display().to_string();
        let words = command.split_whitespace().map(|word| match word {
            "FILE" => file.display().to_string(),
            "KEYED" => place("keyed.toml"),
            "NOWHERE" => place("nowhere.sock"),
            "ETC" => place("etc"),
            "DATA" => place("data"),
            word => word.to_owned(),
        });
        let mut running = Command::new(TANDEM)
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let ended = wait::until(command, || Ok(running.try_wait()?));
        if ended.is_err() {
            running.kill()?;
        }
        let output = running.wait_with_output()?;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(!ended.with_context(|| told.clone())?.success(), "{command}");
        Ok(told)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // It is one of the system's temporary folders.
        let _left_behind = std::fs::remove_dir_all(&self.0);
    }
}
