//! Why the data plane does not come up: the words for the operator, with the cause behind.

use std::io;

use crate::device::DeviceError;

/// Why the data plane did not come up, or did not take a new plan.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A plan needs a session processor.
    #[error("the plan has no session processor")]
    NoWorkers,
    /// A device cannot be used.
    #[error("network-interface '{interface}' cannot be brought up")]
    Device {
        /// The operators' name.
        interface: String,
        /// Why not.
        #[source]
        cause: DeviceError,
    },
    /// A packet socket could not be opened.
    #[error("no packet socket on network device '{device}'")]
    Port {
        /// The device.
        device: String,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// The system gave no thread or descriptor.
    #[error("a session processor could not be started")]
    Thread(#[source] io::Error),
}
