//! `tandem cluster …`, as far as a running node is asked.

use std::process::ExitCode;

use proto::ops::members_client::MembersClient;
use proto::ops::{InviteRequest, RemoveRequest, ReplaceRequest, RotateRequest, ShowMembersRequest};

use crate::args::{MembersOptions, RemoveArgs, ReplaceArgs, Rows, TokenArgs};
use crate::client::Client;
use crate::failure::Failure;
use crate::show::{Page, print, status};
use crate::view::{Look, View, heading};

/// What a running node is asked about members.
#[derive(Clone, Debug)]
pub enum MembersQuestion {
    /// `tandem cluster token`.
    Token(TokenArgs),
    /// `tandem cluster remove`.
    Remove(RemoveArgs),
    /// `tandem cluster replace`.
    Replace(ReplaceArgs),
    /// `tandem cluster rotate`.
    Rotate(MembersOptions),
    /// `tandem cluster status`.
    Status(MembersOptions),
}

impl MembersQuestion {
    const fn options(&self) -> &MembersOptions {
        match self {
            Self::Token(args) => &args.options,
            Self::Remove(args) => &args.options,
            Self::Replace(args) => &args.options,
            Self::Rotate(options) | Self::Status(options) => options,
        }
    }
}

/// Asks, and says how it went.
pub async fn run_members(question: MembersQuestion) -> ExitCode {
    let done = members(&question).await.and_then(|page| print(&page));
    status(done, question.options().json)
}

/// Asks, and returns what to print.
pub async fn members(question: &MembersQuestion) -> Result<Page, Failure> {
    /// One call, one reply, one page: the calls differ in their types alone.
    macro_rules! ask {
        ($call:ident, $request:expr) => {{
            let client = Client::connect(&question.options().socket).await?;
            let request = $request;
            let reply = client
                .ask_on(|channel| async move { MembersClient::new(channel).$call(request).await })
                .await?;
            page(&reply, question.options())
        }};
    }
    match question {
        MembersQuestion::Token(args) => ask!(
            invite,
            InviteRequest {
                kind: args.kind.word().to_owned(),
                life_s: args.life.0.as_secs(),
            }
        ),
        MembersQuestion::Remove(args) => ask!(
            remove,
            RemoveRequest {
                name: args.name.clone(),
                force: args.force,
            }
        ),
        MembersQuestion::Replace(args) => ask!(
            replace,
            ReplaceRequest {
                name: args.name.clone(),
                life_s: args.life.0.as_secs(),
            }
        ),
        MembersQuestion::Rotate(_) => ask!(rotate, RotateRequest {}),
        MembersQuestion::Status(_) => ask!(show_members, ShowMembersRequest {}),
    }
}

fn page<V: View>(reply: &V, options: &MembersOptions) -> Result<Page, Failure> {
    let out = if options.json {
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
