//! The whole data plane on fake devices: real threads, real queues, no host.

mod fake_devices;
mod node;

use forwarding::{Event, InterfaceRole, ReconfigureError};
use session::Repair;
use types::{
    DIGEST_SHARDS, Digest, Epoch, MacAddr, NodeId, SessionChange, SessionRecord, ShardSet,
};

use crate::support::frames::{Build, arp};
use crate::support::{
    CLIENT, CLIENT_MAC, EPOCH, EXTERNAL, GATEWAY, LAN_VIRTUAL, SERVER, SERVER_MAC, WAN_VIRTUAL,
    from_client, from_server, plan,
};
use node::{Node, talk};

#[tokio::test]
async fn sessions_pass_whatever_the_number_of_workers() {
    for workers in [1, 3] {
        let node = Node::start(NodeId(1), workers);
        node.know_everybody().await;
        node.gate.open(EPOCH);
        for client_port in 20_000..20_020 {
            talk(&node, client_port).await;
        }
        assert_eq!(node.handle.sessions(100).await.len(), 20);
        assert_eq!(node.handle.sessions(5).await.len(), 5);
        let processors = node.handle.processors();
        assert_eq!(processors.len(), workers);
        assert_eq!(processors[0].thread, "SessionProc-00");
        assert_eq!(node.handle.counts().opened, 20);
        assert!(node.handle.counts().forwarded >= 40);
        node.stop().await;
    }
}

#[tokio::test]
async fn what_one_node_reports_lets_the_other_go_on() {
    let mut first = Node::start(NodeId(1), 2);
    first.know_everybody().await;
    first.gate.open(EPOCH);
    let external = talk(&first, 40_000).await;
    let records = first.established(1).await;
    assert_eq!(records[0].source_nat().unwrap().port, external);

    let mut second = Node::start(NodeId(2), 3);
    second.know_everybody().await;
    let changes = records.into_iter().map(SessionChange::Put).collect();
    second.handle.install(changes).await.unwrap();
    second
        .until("the session is programmed", || {
            second.handle.counts().sessions == 1
        })
        .await;

    let epoch = Epoch(0x202);
    second.gate.open(epoch);
    let answer = from_server().udp(53, external, b"late answer");
    assert!(second.devices.wire("fake-wan").send(answer));
    let expected = Build::new(LAN_VIRTUAL, CLIENT_MAC, SERVER, CLIENT).ttl(63);
    assert_eq!(
        second.next_frame("fake-lan").await,
        expected.udp(53, 40_000, b"late answer")
    );
    let reported = second.events.next().await;
    assert!(
        matches!(reported, Some(Event::FirstPacket { epoch: of, .. }) if of == epoch),
        "{reported:?}"
    );
    first.stop().await;
    second.stop().await;
}

#[tokio::test]
async fn an_unknown_neighbour_is_asked_for_and_its_answer_lets_the_packet_go() {
    let node = Node::start(NodeId(1), 1);
    node.gate.open(EPOCH);
    let question = from_client(SERVER).udp(40_000, 53, b"question");
    assert!(node.devices.wire("fake-lan").send(question));
    // The address has no utility beside it: the active node asks as the virtual router.
    let asked = node.next_frame("fake-wan").await;
    let expected = arp(
        1,
        MacAddr::BROADCAST,
        (WAN_VIRTUAL, EXTERNAL),
        (MacAddr::ZERO, SERVER),
    );
    assert_eq!(asked, expected);

    let reply = arp(
        2,
        WAN_VIRTUAL,
        (SERVER_MAC, SERVER),
        (WAN_VIRTUAL, EXTERNAL),
    );
    assert!(node.devices.wire("fake-wan").send(reply));
    let left = node.next_frame("fake-wan").await;
    assert_eq!(&left[..6], &SERVER_MAC.0);
    assert_eq!(&left[42..], b"question");
    node.stop().await;
}

#[tokio::test]
async fn a_new_plan_comes_into_force_without_losing_sessions() {
    let node = Node::start(NodeId(1), 2);
    node.know_everybody().await;
    node.gate.open(EPOCH);
    talk(&node, 40_000).await;

    let mut without_dmz = plan(NodeId(1), 2);
    without_dmz.interfaces.pop();
    without_dmz.interfaces.reverse();
    node.handle.reconfigure(without_dmz).await.unwrap();
    let names: Vec<_> = node
        .handle
        .interfaces()
        .iter()
        .map(|status| status.name.to_string())
        .collect();
    assert_eq!(names, ["wan", "lan"]);
    talk(&node, 40_000).await;
    assert_eq!(node.handle.counts().opened, 1, "the session went on");

    let more_workers = plan(NodeId(1), 5);
    assert!(matches!(
        node.handle.reconfigure(more_workers).await,
        Err(ReconfigureError::Workers {
            running: 2,
            wanted: 5
        })
    ));
    let mut absent = plan(NodeId(1), 2);
    absent.interfaces[0].device = "gone".to_owned();
    let error = node.handle.reconfigure(absent).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "network-interface 'lan' cannot be brought up"
    );
    talk(&node, 40_001).await;
    node.stop().await;
}

#[tokio::test]
async fn operators_see_interfaces_drops_and_routes() {
    let node = Node::start(NodeId(1), 1);
    node.know_everybody().await;
    let dropped = from_client(SERVER).udp(40_000, 53, b"question");
    let length = dropped.len() as u64;
    assert!(node.devices.wire("fake-lan").send(dropped));
    node.until("the drop is counted", || node.handle.counts().dropped == 1)
        .await;
    let standby = node
        .handle
        .drops()
        .into_iter()
        .find(|drop| drop.count > 0)
        .unwrap();
    assert_eq!(standby.reason, types::DropReason::Standby);

    node.gate.open(EPOCH);
    assert!(
        node.devices
            .wire("fake-lan")
            .send(from_client(GATEWAY).echo(true, 1, b"x"))
    );
    node.next_frame("fake-lan").await;
    node.until("the answer is counted", || {
        node.handle.interfaces()[0].traffic.tx_packets == 1
    })
    .await;
    let interfaces = node.handle.interfaces();
    let lan = &interfaces[0];
    assert_eq!(lan.role, InterfaceRole::Active);
    assert_eq!(interfaces[2].role, InterfaceRole::Unshared);
    assert_eq!(lan.virtual_mac, Some(LAN_VIRTUAL));
    assert_eq!((lan.traffic.rx_packets, lan.traffic.rx_drops), (2, 1));
    assert!(lan.traffic.rx_bytes > length);
    assert_eq!(node.handle.fib().len(), 5);
    let accepted = node.devices.wire("fake-lan").accepted();
    assert!(accepted.contains(&LAN_VIRTUAL), "{accepted:?}");
    node.stop().await;
}

/// The digest of what the processors hold, the listing of it and repairs go over every worker.
#[tokio::test]
async fn what_the_processors_hold_is_summed_up_listed_and_mended() {
    let mut first = Node::start(NodeId(1), 2);
    first.know_everybody().await;
    first.gate.open(EPOCH);
    for client_port in 20_000..20_008 {
        talk(&first, client_port).await;
    }
    let records = first.established(8).await;
    let agreed: Digest = records.iter().collect();

    let second = Node::start(NodeId(2), 3);
    let digest = async || {
        let asked = second.handle.ask_digest().await.unwrap();
        asked.answer().await.unwrap().digest
    };
    let changes = records.iter().cloned().map(SessionChange::Put).collect();
    second.handle.install(changes).await.unwrap();
    assert_eq!(digest().await, agreed, "asked behind the installation");

    // One that nobody knows any more, one that is here in an older form, one that is missing.
    let rank = SessionRecord::rank;
    let newer = SessionRecord {
        version: records[1].version + 1,
        ..records[1].clone()
    };
    let missing = SessionChange::Remove {
        id: records[2].id,
        epoch: EPOCH,
        version: u32::MAX,
    };
    second.handle.install(vec![missing]).await.unwrap();
    let all: ShardSet = (0..DIGEST_SHARDS).collect();
    let held = second.handle.held(&all).await.unwrap();
    assert_eq!(held.len(), 7);
    assert!(held.iter().any(|held| held.rank == rank(&records[1])));

    let repair = |record: &SessionRecord, held, agreed: Option<&SessionRecord>| Repair {
        id: record.id,
        held,
        agreed: agreed.cloned(),
    };
    let repairs = vec![
        repair(&records[0], Some(rank(&records[0])), None),
        repair(&records[1], Some(rank(&records[1])), Some(&newer)),
        repair(&records[2], None, Some(&records[2])),
        // Outdated: it is held.
        repair(&records[3], None, Some(&records[3])),
    ];
    let counts = second.handle.repair(repairs).await.unwrap();
    assert_eq!((counts.removed, counts.installed), (1, 2));
    let expected: Digest = records[2..].iter().chain([&newer]).collect();
    assert_eq!(digest().await, expected);
    first.stop().await;
    second.stop().await;
}
