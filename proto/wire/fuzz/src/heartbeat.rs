//! Heartbeats of the pair, unsigned and signed: what is read can be written and read again.

use std::time::Duration;

use super::shared::take;
use types::{Epoch, NodeId, PeerState};
use wire::heartbeat::{Codec, Datagram, VERSION};

/// The version, node, state, priority and interval stand before the cluster's number.
const BEFORE_CLUSTER: usize = 8;

/// One input.
pub fn run(data: &[u8]) {
    let mut data = data;
    let Some([choice]) = take(&mut data) else {
        return;
    };
    let open = Codec::new("cluster", "group", None);
    let signed = Codec::new("cluster", "group", Some([choice; 32]));
    let _refused = open.decode(data);
    // A fuzzer cannot guess a signature: no input at all may pass as signed.
    assert!(signed.decode(data).is_err());

    // The version and the cluster's number, or nothing behind them would be reached.
    let mut bytes = data.to_vec();
    let mut sample = Vec::new();
    open.encode(&example(), &mut sample);
    if let (Some(version), Some(sample)) = (
        bytes.first_mut(),
        sample.get(BEFORE_CLUSTER..BEFORE_CLUSTER + 8),
    ) {
        *version = VERSION;
        if let Some(cluster) = bytes.get_mut(BEFORE_CLUSTER..BEFORE_CLUSTER + 8) {
            cluster.copy_from_slice(sample);
        }
    }
    if let Ok(heard) = open.decode(&bytes) {
        let mut again = Vec::new();
        signed.encode(&heard, &mut again);
        assert_eq!(signed.decode(&again).as_ref(), Ok(&heard));
        open.encode(&heard, &mut again);
        assert_eq!(open.decode(&again), Ok(heard));
    }
}

/// Only its cluster's number is used.
fn example() -> Datagram {
    Datagram {
        node: NodeId(1),
        state: PeerState::Backup,
        priority: 100,
        epoch: Epoch(1),
        interval: Duration::from_millis(1),
        boot: 1,
        sequence: 1,
        sent_at: 1,
        echo: None,
        sources: Vec::new(),
    }
}
