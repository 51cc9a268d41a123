//! A whole data plane that runs, and what a test waits for there.

use std::time::Duration;

use forwarding::{Event, Handle, start_on};
use runtime::{Clock, Mailbox, Subsystem};
use types::{EpochGate, Giid, NeighborRecord, NodeId, SessionChange, SessionRecord};

use super::fake_devices::FakeDevices;
use crate::support::frames::Build;
use crate::support::{
    CLIENT, CLIENT_MAC, EXTERNAL, LAN_VIRTUAL, SERVER, SERVER_MAC, WAN_VIRTUAL, from_client,
    from_server, plan, source_port,
};

/// A running data plane.
pub(crate) struct Node {
    pub(crate) devices: FakeDevices,
    pub(crate) handle: Handle,
    pub(crate) gate: EpochGate,
    pub(crate) clock: Clock,
    pub(crate) events: Mailbox<Event>,
    subsystem: Subsystem,
}

impl Node {
    pub(crate) fn start(node: NodeId, workers: usize) -> Self {
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

    pub(crate) async fn know_everybody(&self) {
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
    pub(crate) async fn until(&self, what: &str, mut condition: impl FnMut() -> bool) {
        let deadline = self.clock.now() + Duration::from_secs(5);
        while !condition() {
            assert!(self.clock.now() < deadline, "{what}: not within 5 s");
            tokio::task::yield_now().await;
        }
    }

    /// Waits for the next frame that leaves by `device`.
    pub(crate) async fn next_frame(&self, device: &str) -> Vec<u8> {
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
    pub(crate) async fn established(&mut self, count: usize) -> Vec<SessionRecord> {
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

    pub(crate) async fn stop(self) {
        self.subsystem.stop(Duration::from_secs(5)).await;
    }
}

/// A question and its answer through the node; the external port.
pub(crate) async fn talk(node: &Node, client_port: u16) -> u16 {
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
