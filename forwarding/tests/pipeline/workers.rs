//! The whole data plane on fake devices: real threads, real queues, no host.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use forwarding::port::{FakeWire, Fanout, Port};
use forwarding::ports::Devices;
use forwarding::{
    Device, DeviceError, Event, Handle, InterfacePlan, InterfaceRole, LinkState, PortKind,
    ReconfigureError, start_on,
};
use runtime::{Clock, Mailbox, Subsystem};
use session::Repair;
use types::{
    DIGEST_SHARDS, Digest, Epoch, EpochGate, Giid, MacAddr, NeighborRecord, NodeId, SessionChange,
    SessionRecord, ShardSet,
};

use crate::support::frames::{Build, arp};
use crate::support::{
    CLIENT, CLIENT_MAC, DMZ_DEVICE, EPOCH, EXTERNAL, GATEWAY, LAN_DEVICE, LAN_VIRTUAL, SERVER,
    SERVER_MAC, WAN_DEVICE, WAN_VIRTUAL, from_client, from_server, plan, source_port,
};

/// Devices whose other ends the test holds. Workers of one device share its wire, as a fan-out
/// group shares a socket: each frame goes to whoever takes it.
#[derive(Clone)]
struct FakeDevices {
    wires: Arc<Vec<(&'static str, MacAddr, FakeWire)>>,
}

impl FakeDevices {
    fn new() -> Self {
        let wire = |name, mac| (name, mac, FakeWire::new().unwrap());
        Self {
            wires: Arc::new(vec![
                wire("fake-lan", LAN_DEVICE),
                wire("fake-wan", WAN_DEVICE),
                wire("fake-dmz", DMZ_DEVICE),
            ]),
        }
    }

    fn wire(&self, device: &str) -> &FakeWire {
        let mut wires = self.wires.iter();
        &wires.find(|(name, _, _)| *name == device).unwrap().2
    }
}

impl Devices for FakeDevices {
    fn prepare(&self, plan: &InterfacePlan) -> Result<Device, DeviceError> {
        let found = self
            .wires
            .iter()
            .zip(1..)
            .find(|((name, _, _), _)| *name == plan.device);
        found
            .map(|((_, mac, _), ifindex)| Device { ifindex, mac: *mac })
            .ok_or_else(|| DeviceError::Missing {
                device: plan.device.clone(),
            })
    }

    fn open(
        &self,
        plan: &InterfacePlan,
        _device: Device,
        _kind: PortKind,
        _fanout: Option<Fanout>,
    ) -> io::Result<Box<dyn Port>> {
        Ok(Box::new(self.wire(&plan.device).port()))
    }

    fn open_sender(&self, plan: &InterfacePlan, _device: Device) -> io::Result<Box<dyn Port>> {
        Ok(Box::new(self.wire(&plan.device).port()))
    }

    fn link_state(&self, _plan: &InterfacePlan) -> LinkState {
        LinkState {
            admin_up: true,
            oper_up: true,
        }
    }
}

/// A running data plane.
struct Node {
    devices: FakeDevices,
    handle: Handle,
    gate: EpochGate,
    clock: Clock,
    events: Mailbox<Event>,
    subsystem: Subsystem,
}

impl Node {
    fn start(node: NodeId, workers: usize) -> Self {
        let devices = FakeDevices::new();
        let gate = EpochGate::closed();
        let clock = Clock::start();
        let (outlet, events) = runtime::mailbox::mailbox(1024);
        let mut subsystem = Subsystem::default();
        let handle = start_on(
            Box::new(devices.clone()),
            plan(node, workers),
            gate.clone(),
            clock,
            outlet,
            &mut subsystem,
        )
        .unwrap();
        handle.grant(EXTERNAL.parse().unwrap(), &[u16::from(node.0)]);
        Self {
            devices,
            handle,
            gate,
            clock,
            events,
            subsystem,
        }
    }

    async fn know_everybody(&self) {
        let record = |giid, ip: &str, mac| NeighborRecord {
            interface: Giid(giid),
            ip: ip.parse().unwrap(),
            mac,
        };
        let records = vec![record(1, CLIENT, CLIENT_MAC), record(2, SERVER, SERVER_MAC)];
        self.handle.learn(records).await.unwrap();
        self.until("neighbours are known", || {
            self.handle.neighbors().len() == 2
        })
        .await;
    }

    /// Waits for a condition, five seconds at most.
    async fn until(&self, what: &str, mut condition: impl FnMut() -> bool) {
        let deadline = self.clock.now() + Duration::from_secs(5);
        while !condition() {
            assert!(self.clock.now() < deadline, "{what}: not within 5 s");
            tokio::task::yield_now().await;
        }
    }

    /// Waits for the next frame that leaves by `device`.
    async fn next_frame(&self, device: &str) -> Vec<u8> {
        let mut frames = Vec::new();
        let wire = self.devices.wire(device);
        self.until("a frame", || {
            frames = wire.take();
            !frames.is_empty()
        })
        .await;
        assert_eq!(frames.len(), 1, "{frames:02x?}");
        frames.remove(0)
    }

    /// Waits until the data plane has reported these sessions as established.
    async fn established(&mut self, count: usize) -> Vec<SessionRecord> {
        let deadline = self.clock.now() + Duration::from_secs(5);
        let mut records = std::collections::BTreeMap::new();
        while records.len() < count {
            assert!(self.clock.now() < deadline, "{records:?}");
            if let Some(Event::Sessions(changes)) = self.events.try_next() {
                for change in changes {
                    if let SessionChange::Put(record) = change
                        && record.established
                    {
                        records.insert(record.id, record);
                    }
                }
            }
            tokio::task::yield_now().await;
        }
        records.into_values().collect()
    }

    async fn stop(self) {
        self.subsystem.stop(Duration::from_secs(5)).await;
    }
}

/// A question and its answer through the node; the external port.
async fn talk(node: &Node, client_port: u16) -> u16 {
    let question = from_client(SERVER).udp(client_port, 53, b"question");
    assert!(node.devices.wire("fake-lan").send(question));
    let left = node.next_frame("fake-wan").await;
    let external = source_port(&left);
    let expected = Build::new(WAN_VIRTUAL, SERVER_MAC, EXTERNAL, SERVER).ttl(63);
    assert_eq!(left, expected.udp(external, 53, b"question"));

    let answer = from_server().udp(53, external, b"answer");
    assert!(node.devices.wire("fake-wan").send(answer));
    let expected = Build::new(LAN_VIRTUAL, CLIENT_MAC, SERVER, CLIENT).ttl(63);
    assert_eq!(
        node.next_frame("fake-lan").await,
        expected.udp(53, client_port, b"answer")
    );
    external
}

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
