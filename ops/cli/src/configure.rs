//! `tandem configure commit`: check the file here, hand it to the cluster, say what became of it.

use std::process::ExitCode;

use proto::Stamped as _;
use proto::ops::{CommitConfigReply, CommitConfigRequest};
use serde_json::{Value, json};
use types::MAX_CONFIGURATION_BYTES;

use crate::args::{CommitArgs, ConfigureCommand, Rows};
use crate::client::Client;
use crate::failure::{EXIT_COMMAND, EXIT_STALE, Failure};
use crate::regular_file::text_of;
use crate::show::{Page, print};
use crate::validate;
use crate::view::{Look, View, heading};

/// What became of a commit, and what to print about it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Committed {
    /// The process's exit status.
    pub exit: u8,
    /// What to print.
    pub page: Page,
}

/// Runs `tandem configure …` and says how it went.
pub async fn run_configure(command: ConfigureCommand) -> ExitCode {
    let done = configure(&command).await.and_then(|committed| {
        print(&committed.page)?;
        Ok(ExitCode::from(committed.exit))
    });
    done.unwrap_or_else(|failure| failure.report(command.options().json))
}

/// Does it and returns what to print.
pub async fn configure(command: &ConfigureCommand) -> Result<Committed, Failure> {
    let ConfigureCommand::Commit(args) = command;
    let text = match read(args)? {
        Read::Valid(text) => text,
        Read::Invalid(refused) => return Ok(refused),
    };
    let request = CommitConfigRequest {
        text: text.text,
        base: args.base,
    };
    let socket = &args.options.socket;
    let client = Client::connect(socket).await?;
    let asked = client.change(|mut node| async move { node.commit_config(request).await });
    let reply = asked.await.map_err(|failure| failure.of_a_change(socket))?;
    if reply.outcome == STALE {
        return stale(&reply, args);
    }
    let out = if args.options.json {
        serde_json::to_string(&reply)? + "\n"
    } else {
        let look = Look {
            rows: Rows::All,
            idle_reasons: false,
        };
        let chosen = chosen_base(&reply, args);
        format!("{}\n{}{chosen}", heading(reply.stamp()), reply.body(look))
    };
    Ok(Committed {
        exit: 0,
        page: Page {
            out,
            err: text.warnings,
        },
    })
}

/// The word of the API for a commit that came too late.
const STALE: &str = "stale";

/// A file that may be sent, with the doubts about it.
struct Text {
    text: String,
    warnings: String,
}

enum Read {
    Valid(Text),
    Invalid(Committed),
}

fn read(args: &CommitArgs) -> Result<Read, Failure> {
    let file = &args.file;
    let text = text_of(file, MAX_CONFIGURATION_BYTES).map_err(|cause| Failure::Unreadable {
        path: file.clone(),
        cause,
    })?;
    let (valid, problems) = config::examine(&text);
    if valid.is_some() {
        let doubts = problems.warnings() > 0 && !args.options.json;
        let warnings = doubts.then(|| validate::people(file, true, &problems));
        return Ok(Read::Valid(Text {
            text,
            warnings: warnings.unwrap_or_default(),
        }));
    }
    let what = format!(
        "{} is not valid, and nothing was sent: mend it and commit again",
        file.display()
    );
    let page = if args.options.json {
        let report = serde_json::to_value(validate::json(file, false, &problems))?;
        beside_error(&what, EXIT_COMMAND, report)
    } else {
        Page {
            out: String::new(),
            err: format!(
                "{}\ntandem: {what}\n",
                validate::people(file, false, &problems)
            ),
        }
    };
    Ok(Read::Invalid(Committed {
        exit: EXIT_COMMAND,
        page,
    }))
}

/// Who gave no base has to hear which one it was.
fn chosen_base(reply: &CommitConfigReply, args: &CommitArgs) -> String {
    if args.base.is_some() {
        return String::new();
    }
    format!(
        "No --base was given: it is based on {}, the newest that node {} knew of when it was asked.\n",
        reply.base, reply.node
    )
}

fn stale(reply: &CommitConfigReply, args: &CommitArgs) -> Result<Committed, Failure> {
    let what = format!(
        "{} is not committed, and nothing was changed: it is based on {}, and the cluster has {}. Merge \
         what has been committed since (`tandem show config`), then commit with --base {}",
        args.file.display(),
        reply.base,
        reply.revision,
        reply.revision
    );
    let page = if args.options.json {
        beside_error(&what, EXIT_STALE, serde_json::to_value(reply)?)
    } else {
        let look = Look {
            rows: Rows::All,
            idle_reasons: false,
        };
        Page {
            out: String::new(),
            err: format!("tandem: {what}\n{}", reply.body(look)),
        }
    };
    Ok(Committed {
        exit: EXIT_STALE,
        page,
    })
}

/// The object of a failure, and beside it what a program needs to go on.
fn beside_error(what: &str, exit: u8, mut object: Value) -> Page {
    if let Some(fields) = object.as_object_mut() {
        let error = json!({ "what": what, "exit": exit });
        fields.insert("error".to_owned(), error);
    }
    Page {
        out: format!("{object}\n"),
        err: format!("tandem: {what}\n"),
    }
}
