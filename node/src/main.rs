//! `tandem`: the process. Chooses what to be and puts the parts together.
//!
//! ```text
//! main ─ args ─┬─ node ──── wiring: raft, forwarding, vrrp, ops and the bridges between them
//!              ├─ witness ─ raft alone
//!              ├─ demo, lab ─ the laboratory drives this same binary from outside
//!              ├─ cluster ── machine: become a member; the rest asks a running node
//!              └─ show, request, configure, validate ─ the operator's client
//! ```

mod anchors;
mod args;
mod coverage;
mod drift;
mod film;
mod health;
mod heartbeat_key;
mod lifetime;
mod machine;
mod notice;
mod operator;
mod plan;
mod programming;
mod reconcile;
mod removed;
mod replicate;
mod running;
mod site;
mod survivor;
mod takeover;
mod threads;
mod trace;
mod wiring;
mod witness;

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use config::bootstrap::{self, Bootstrap};
use config::text_file::MAX_BOOTSTRAP_BYTES;
use tracing_subscriber::EnvFilter;

use args::{Arguments, Command};

/// Log lines that are worth reading while nothing is wrong; `TANDEM_LOG` overrides it.
const DEFAULT_LOG: &str = "info,openraft=off,h2=off,hyper=off,tonic=off,tower=off,sled=warn";

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Node(args) => process(&args.config, Kind::Node),
        Command::Witness(args) => process(&args.config, Kind::Witness),
        // The laboratory enters namespaces of its own, which the kernel allows only to a process
        // that has no other thread yet.
        Command::Demo(args) => lab::demo::run(&args),
        Command::Lab(command) => lab::bench::run(&command),
        Command::Show(command) => client(cli::run_show(command)),
        Command::Request(command) => client(cli::run_request(command)),
        Command::Configure(command) => client(cli::run_configure(command)),
        Command::Cluster(command) => machine::run(command),
        Command::Validate(args) => cli::run_validate(&args),
    }
}

/// What a long-lived process is.
#[derive(Clone, Copy)]
enum Kind {
    Node,
    Witness,
}

fn process(file: &Path, kind: Kind) -> ExitCode {
    let filter =
        EnvFilter::try_from_env("TANDEM_LOG").unwrap_or_else(|_| EnvFilter::new(DEFAULT_LOG));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    match run(file, kind) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            match error.downcast_ref::<removed::Removed>() {
                Some(_) => ExitCode::from(removed::EXIT),
                None => ExitCode::FAILURE,
            }
        }
    }
}

fn run(file: &Path, kind: Kind) -> anyhow::Result<()> {
    let bootstrap = read_bootstrap(file)?;
    removed::check(&bootstrap.data_directory)?;
    // Two providers in one process would panic at the first handshake; this one is chosen here.
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        anyhow::bail!("another TLS provider was installed before ours");
    }
    // A witness has hardly anything to do beside agreement, which has a thread of its own.
    let mut builder = match kind {
        Kind::Node => tokio::runtime::Builder::new_multi_thread(),
        Kind::Witness => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = builder
        .worker_threads(2)
        .thread_name("tandem")
        .enable_all()
        .build()
        .context("no threads")?;
    runtime.block_on(async {
        match kind {
            Kind::Node => wiring::run(&bootstrap, file).await,
            Kind::Witness => witness::run(&bootstrap, file).await,
        }
    })
}

fn read_bootstrap(file: &Path) -> anyhow::Result<Bootstrap> {
    let text = cli::text_of(file, MAX_BOOTSTRAP_BYTES)
        .with_context(|| format!("cannot read {}; name another with --config", file.display()))?;
    let bootstrap = bootstrap::read(&text).map_err(|problems| {
        let list: Vec<_> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{} is not valid:\n{}", file.display(), list.join("\n"))
    })?;
    let directory = file.parent().unwrap_or(Path::new("."));
    Ok(bootstrap.rooted_in(directory))
}

fn client(work: impl Future<Output = ExitCode>) -> ExitCode {
    client_runtime(async { Ok(work.await) }).unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn client_runtime<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no runtime for the client")?
        .block_on(work)
}
