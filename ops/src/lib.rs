//! People and programs looking in: the operators' API of one node, over a Unix socket.
//!
//! ```text
//! tandem show … ──gRPC── tandem.sock ──► server ──► ports::Node (filled by `node`)
//! ```
//!
//! This crate owns the socket and its connections. It knows nothing itself: every answer comes
//! through the port [`ports::Node`], and [`view`] turns what other crates keep into replies.

mod door;
mod members;
pub mod ports;
mod server;
mod socket;
pub mod view;

pub use members::{MembersPort, Removal};
pub use ports::{Answer, Commit, GoOn, Header, Node, Unanswered};
pub use server::serve;
pub use socket::ServeError;
pub use view::SessionFilter;
