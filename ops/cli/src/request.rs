//! `tandem request`: tell a node to do something, and say what it did.

use std::process::ExitCode;

use proto::ops::{DropCandidateRequest, SurviveClusterRequest, ThawClusterRequest};

use crate::args::{ClusterRequest, RequestCommand, Rows};
use crate::client::Client;
use crate::failure::Failure;
use crate::show::{Page, print, status};
use crate::view::{Look, View, heading};

/// Runs `tandem request …` and says how it went.
pub async fn run_request(command: RequestCommand) -> ExitCode {
    let done = request(&command).await.and_then(|page| print(&page));
    status(done, command.options().json)
}

/// Tells the node and returns what to print.
pub async fn request(command: &RequestCommand) -> Result<Page, Failure> {
    /// One call, one reply, one page: the calls differ in their types alone.
    macro_rules! tell {
        ($call:ident, $request:expr) => {{
            let client = Client::connect(&command.options().socket).await?;
            let request = $request;
            let reply = client
                .ask(|mut node| async move { node.$call(request).await })
                .await?;
            page(&reply, command)
        }};
    }
    let RequestCommand::Cluster(order) = command;
    match order {
        ClusterRequest::Survive(args) => {
            tell!(survive_cluster, SurviveClusterRequest { force: args.force })
        }
        ClusterRequest::Thaw(_) => tell!(thaw_cluster, ThawClusterRequest {}),
        ClusterRequest::DropCandidate(args) => tell!(
            drop_candidate,
            DropCandidateRequest {
                name: args.name.clone()
            }
        ),
    }
}

fn page<V: View>(reply: &V, command: &RequestCommand) -> Result<Page, Failure> {
    let out = if command.options().json {
        serde_json::to_string(reply)? + "\n"
    } else {
        let look = Look {
            rows: Rows::All,
            idle_reasons: false,
        };
        format!("{}\n{}", heading(reply.stamp()), reply.body(look))
    };
    Ok(Page {
        out,
        err: String::new(),
    })
}
