//! Real traffic between hosts: checked TCP connections, a fast UDP probe, pings.
//!
//! Each source owns a thread inside its host's namespace and lends out numbers while it runs.

pub mod echo;
pub mod pattern;
pub mod ping;
pub mod tcp;
pub mod timeline;
pub mod udp_probe;

pub use echo::EchoServer;
pub use ping::{Ping, PingReport};
pub use tcp::{TcpOptions, TcpReport, TcpTraffic};
pub use timeline::{ProbeReport, Timeline};
pub use udp_probe::UdpProbe;

use std::io;

use nix::time::{ClockId, clock_gettime};

use crate::host::HostError;
use crate::netns::NamespaceError;

/// Why traffic could not be started or ended badly.
#[derive(Debug, thiserror::Error)]
pub enum TrafficError {
    /// No thread inside the host.
    #[error("cannot start traffic")]
    Host(#[from] HostError),
    /// The thread could not enter the host.
    #[error("traffic never reached its host")]
    Namespace(#[from] NamespaceError),
    /// A socket or a runtime could not be made.
    #[error("traffic has no {what}")]
    Socket {
        /// What is missing.
        what: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The thread panicked.
    #[error("the thread of {0} panicked")]
    Panicked(&'static str),
}

/// Now in nanoseconds of Unix time, on the clock of the kernel's packet timestamps.
pub fn unix_nanos() -> u64 {
    // The only error is a clock that does not exist, and every kernel has this one.
    clock_gettime(ClockId::CLOCK_REALTIME).map_or(0, nanos)
}

/// A time of day in nanoseconds; nothing before 1970 is ever measured.
fn nanos(time: nix::sys::time::TimeSpec) -> u64 {
    let seconds = u64::try_from(time.tv_sec()).unwrap_or(0);
    seconds * 1_000_000_000 + u64::try_from(time.tv_nsec()).unwrap_or(0)
}

fn socket_error(what: &'static str) -> impl FnOnce(io::Error) -> TrafficError {
    move |source| TrafficError::Socket { what, source }
}
