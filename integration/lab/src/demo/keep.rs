//! `--keep`: the lab stays up, and somebody may look around.

use std::fs::{self, File};
use std::path::Path;

use anyhow::Context as _;
use nix::mount::{MsFlags, mount};

use super::stage::Stage;
use crate::cluster::Member;
use crate::host::Host;
use crate::sandbox::{NETNS, Sandbox};
use crate::topology::Side;

/// Prints how to look around and waits for Ctrl-C.
pub(super) fn stay(stage: &Stage, sandbox: &Sandbox) -> anyhow::Result<()> {
    let folder = sandbox.directory().join(NETNS);
    fs::create_dir_all(&folder)?;
    let hosts = stage.cluster.network().hosts();
    for host in hosts {
        publish(host, &folder.join(host.name()))?;
    }
    let names: Vec<_> = hosts.iter().map(|host| host.name()).collect();
    println!(
        "\nThe lab stays up until Ctrl-C. Hosts: {}.",
        names.join(", ")
    );
    println!("A shell inside one of them, from another terminal:");
    println!("  {}", sandbox.way_in(&folder.join("client")));
    println!("The nodes as their operators see them:");
    for side in Side::BOTH {
        let socket = stage.cluster.socket(Member::Node(side));
        println!(
            "  {} show ha --socket {}",
            sandbox.program().display(),
            socket.display()
        );
    }
    println!("Their logs and files: {}", sandbox.directory().display());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime
        .block_on(tokio::signal::ctrl_c())
        .context("cannot wait for Ctrl-C")
}

/// Gives a namespace a name in the file system, as `ip netns` would.
fn publish(host: &Host, file: &Path) -> anyhow::Result<()> {
    File::create(file)?;
    let namespace = host.netns().path();
    mount(
        Some(&namespace),
        file,
        None::<&str>,
        MsFlags::MS_BIND,
        None::<&str>,
    )
    .with_context(|| format!("cannot name the namespace of {}", host.name()))
}
