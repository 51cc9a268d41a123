//! `tandem`: the process. Chooses what to be and puts the parts together.
//!
//! ```text
//! main ─ args ─┬─ node ──── wiring: raft, forwarding, vrrp, ops and the bridges between them
//!              ├─ witness ─ raft alone
//!              ├─ demo, lab ─ the laboratory drives this same binary from outside
//!              └─ show, validate ─ the operator's client
//! ```

mod args;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let _arguments = args::Arguments::parse();
    ExitCode::SUCCESS
}
