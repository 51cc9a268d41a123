//! What every shell needs from the operating system and nobody should write twice: the clock, tasks
//! and threads that somebody watches, queues with a bound and a counter.

pub mod clock;
pub mod mailbox;
pub mod subsystem;

pub use clock::Clock;
pub use mailbox::{Mailbox, Outlet};
pub use subsystem::{Shutdown, Subsystem, SubsystemEnd};
