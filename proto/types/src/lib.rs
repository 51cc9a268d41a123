//! The words everybody uses: values without behaviour beyond their own validity.
//!
//! Nothing here opens a socket, reads a clock or knows a protocol's bytes. What two crates must
//! agree on stands here once: time, identities, addresses, flow keys, session records, drop reasons.

pub mod digest;
pub mod drop_reason;
pub mod edition;
pub mod flow_key;
pub mod id;
pub mod limit;
pub mod member;
pub mod neighbor;
pub mod net;
pub mod role;
pub mod session;
pub mod time;

pub use digest::{DIGEST_SHARDS, Digest, ShardDigest, ShardSet};
pub use drop_reason::{DropCounters, DropReason};
pub use edition::{Edition, NoEdition};
pub use flow_key::{Endpoint, FlowKey, Protocol};
pub use id::{Epoch, Giid, Name, NodeId, Revision, SessionId, Vrid};
pub use limit::MAX_CONFIGURATION_BYTES;
pub use member::{Fingerprint, MemberKind};
pub use neighbor::NeighborRecord;
pub use net::{InterfaceAddress, MacAddr};
pub use role::{Coverage, EpochGate, PeerState};
pub use session::{Direction, Hop, IdleTimeouts, SessionChange, SessionRecord, TcpState};
pub use time::Instant;
