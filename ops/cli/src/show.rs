//! `tandem show`: ask once or again and again, print a page or an object.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use proto::ops::{
    ShowClusterRequest, ShowConfigRequest, ShowDropsRequest, ShowFibRequest, ShowHaDriftRequest,
    ShowHaLinksRequest, ShowHaRequest, ShowInterfacesRequest, ShowNeighborsRequest,
    ShowProcessorsRequest, ShowSessionsRequest, ShowVersionRequest, ShowVrrpRequest,
};

use crate::args::{ConfigArgs, HaView, SessionsArgs, ShowCommand};
use crate::client::Client;
use crate::failure::Failure;
use crate::stopwatch::Stopwatch;
use crate::view::{Look, View, heading};

/// Moves the cursor home and clears the screen, so that a watched page stays in its place.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// What a command prints, by stream.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Page {
    /// For standard output.
    pub out: String,
    /// For standard error: what surrounds text that must stay loadable.
    pub err: String,
}

/// Runs `tandem show …` and says how it went.
pub async fn run_show(command: ShowCommand) -> ExitCode {
    let shown = match command.options().watch {
        Some(seconds) => watch(&command, Duration::from_secs(u64::from(seconds))).await,
        None => show(&command).await.and_then(|page| print(&page)),
    };
    status(shown, command.options().json)
}

/// How a command ends that has printed what it had to say, or that tells now why it has not.
pub(crate) fn status(done: Result<(), Failure>, json: bool) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(json),
    }
}

/// Asks the node once and returns what to print.
pub async fn show(command: &ShowCommand) -> Result<Page, Failure> {
    /// One call, one reply, one page: the calls differ in their types alone.
    macro_rules! ask {
        ($call:ident, $request:expr) => {{
            let stopwatch = Stopwatch::start();
            let client = Client::connect(&command.options().socket).await?;
            let request = $request;
            let reply = client
                .ask(|mut node| async move { node.$call(request).await })
                .await?;
            page(&reply, command, &stopwatch)
        }};
    }
    match command {
        ShowCommand::Ha(args) => match &args.view {
            None => ask!(show_ha, ShowHaRequest {}),
            Some(HaView::Drift(_)) => ask!(show_ha_drift, ShowHaDriftRequest {}),
            Some(HaView::Links(_)) => ask!(show_ha_links, ShowHaLinksRequest {}),
        },
        ShowCommand::Vrrp(_) => ask!(show_vrrp, ShowVrrpRequest {}),
        ShowCommand::Interfaces(_) => ask!(show_interfaces, ShowInterfacesRequest {}),
        ShowCommand::Sessions(args) => ask!(show_sessions, sessions_request(args)),
        ShowCommand::Cluster(_) => ask!(show_cluster, ShowClusterRequest {}),
        ShowCommand::Fib(_) => ask!(show_fib, ShowFibRequest {}),
        ShowCommand::Drops(_) => ask!(show_drops, ShowDropsRequest {}),
        ShowCommand::Config(args) => ask!(show_config, config_request(args)),
        ShowCommand::Neighbors(_) => ask!(show_neighbors, ShowNeighborsRequest {}),
        ShowCommand::Processors(_) => ask!(show_processors, ShowProcessorsRequest {}),
        ShowCommand::Version(_) => ask!(show_version, ShowVersionRequest {}),
    }
}

/// Asks until interrupted. A node that does not answer is reported and asked again: whoever watches
/// a failover watches nodes die and return.
async fn watch(command: &ShowCommand, pause: Duration) -> Result<(), Failure> {
    let clears = !command.options().json && io::stdout().is_terminal();
    loop {
        match show(command).await {
            Ok(page) => {
                let start = if clears { CLEAR } else { "" };
                print(&Page {
                    out: format!("{start}{}", page.out),
                    err: page.err,
                })?;
            }
            Err(failure) => failure.say(command.options().json),
        }
        tokio::time::sleep(pause).await;
    }
}

fn page<V: View>(reply: &V, command: &ShowCommand, stopwatch: &Stopwatch) -> Result<Page, Failure> {
    if command.options().json {
        let out = serde_json::to_string(reply)? + "\n";
        return Ok(Page {
            out,
            err: String::new(),
        });
    }
    let look = Look {
        rows: command.options().rows,
        idle_reasons: matches!(command, ShowCommand::Drops(args) if args.all),
    };
    let top = heading(reply.stamp());
    let body = reply.body(look);
    let end = format!(
        "Completed in {:.2} seconds\n",
        stopwatch.elapsed().as_secs_f64()
    );
    Ok(if V::LOADABLE {
        Page {
            out: body,
            err: top + &reply.beside() + &end,
        }
    } else {
        Page {
            out: format!("{top}\n{body}{end}"),
            err: String::new(),
        }
    })
}

/// Writes a page to its streams.
pub(crate) fn print(page: &Page) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(page.out.as_bytes())?;
    out.flush()?;
    io::stderr().lock().write_all(page.err.as_bytes())?;
    Ok(())
}

fn config_request(args: &ConfigArgs) -> ShowConfigRequest {
    ShowConfigRequest {
        candidate: args.candidate.clone(),
    }
}

fn sessions_request(args: &SessionsArgs) -> ShowSessionsRequest {
    ShowSessionsRequest {
        limit: args.options.rows.limit(),
        service: args.service.clone(),
        tenant: args.tenant.clone(),
        protocol: args.protocol.map(|protocol| u32::from(protocol.0)),
        address: args.address.map(|address| address.to_string()),
        port: args.port.map(u32::from),
    }
}
