//! Whose word counts on an HA link, over real sockets.

use std::net::{SocketAddr, UdpSocket};

use types::{Epoch, PeerState};
use wire::vrrp::ChecksumForm;

use super::*;
use crate::plan::LinkPlan;

const HEARTBEAT: Duration = Duration::from_millis(10);

/// The end of one HA link in this test's hands, and ours.
fn link() -> (UdpSocket, HaLinks) {
    let far = UdpSocket::bind("127.0.0.1:0").unwrap();
    far.set_nonblocking(true).unwrap();
    let plan = GroupPlan {
        node: NodeId(1),
        group: "lan".into(),
        priority: 100,
        preempt: false,
        interval: HEARTBEAT,
        members: Vec::new(),
        peer_sources: Vec::new(),
        peer: None,
        links: vec![LinkPlan {
            name: "ha0".into(),
            local: SocketAddr::from(([127, 0, 0, 1], 0)),
            remote: far.local_addr().unwrap(),
            device: None,
        }],
        heartbeat_interval: Some(HEARTBEAT),
        heartbeat_key: None,
        cluster: "west".to_owned(),
        initial_epoch: Epoch::default(),
        start_hold: Duration::ZERO,
        checksum: ChecksumForm::PseudoHeader,
    };
    let links = HaLinks::open(&plan, 1).unwrap();
    (far, links)
}

fn claim(node: u8) -> PeerClaim {
    PeerClaim {
        node: NodeId(node),
        state: PeerState::Backup,
        epoch: Epoch::default(),
        priority: Priority::received(100),
        hears_us: false,
    }
}

/// Whether a heartbeat has come, and from where.
fn heard(far: &UdpSocket) -> Option<SocketAddr> {
    let mut buffer = [0; 256];
    far.recv_from(&mut buffer).ok().map(|(_, from)| from)
}

/// Heartbeats of a run of `node`, and whether the newest of them was for the machine.
fn says(far: &UdpSocket, links: &mut HaLinks, (node, boot): (u8, u64), to: SocketAddr) -> bool {
    let claim = claim(node);
    let datagram = Datagram {
        node: claim.node,
        state: claim.state,
        priority: claim.priority.get(),
        epoch: claim.epoch,
        interval: HEARTBEAT,
        boot,
        sequence: 1,
        sent_at: 1,
        echo: None,
        sources: Vec::new(),
    };
    let mut bytes = Vec::new();
    links.codec.encode(&datagram, &mut bytes);
    far.send_to(&bytes, to).unwrap();
    let next = links.next(0, &mut [0; 1024], Instant::from_nanos(1));
    matches!(next, Next::Fresh(fresh) if fresh.claim.node == claim.node)
}

#[test]
fn heartbeats_go_to_the_other_node_while_there_is_one() {
    let (far, mut links) = link();
    let send = |links: &mut HaLinks| links.send(claim(1), Vec::new(), Instant::from_nanos(1));
    send(&mut links);
    assert_eq!(heard(&far), None);
    assert!(!links.send_due(Instant::from_nanos(1)));
    assert_eq!(links.next_deadline(), None);

    links.expect_peer(Some(NodeId(2)));
    assert!(links.send_due(Instant::from_nanos(1)));
    send(&mut links);
    assert!(heard(&far).is_some());

    links.expect_peer(None);
    send(&mut links);
    assert_eq!(heard(&far), None);
}

#[test]
fn the_newcomer_s_word_counts_and_no_more_that_of_who_was_there_before() {
    let (far, mut links) = link();
    links.expect_peer(Some(NodeId(2)));
    links.send(claim(1), Vec::new(), Instant::from_nanos(1));
    let us = heard(&far).unwrap();
    assert!(says(&far, &mut links, (2, 100), us));
    assert!(!says(&far, &mut links, (3, 101), us));
    // It was removed and has not heard that yet: whoever forwards is heard.
    links.expect_peer(None);
    assert!(says(&far, &mut links, (2, 102), us));

    // Its clock is behind.
    links.expect_peer(Some(NodeId(3)));
    assert!(says(&far, &mut links, (3, 50), us));
    assert!(!says(&far, &mut links, (2, 103), us));
    assert_eq!(links.status().first().map(|link| link.refused), Some(2));
}
