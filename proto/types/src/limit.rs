//! Numbers that more than one crate keeps to.

/// Longest configuration text, in bytes: it must fit into one message between members. What checks a
/// file says so before a cluster has to.
pub const MAX_CONFIGURATION_BYTES: usize = 4 << 20;
