//! A gateway on a bench: one or more shards without threads, interfaces without devices.
//!
//! LAN 192.0.2.0/24 (shared, no NAT) — gateway — WAN 203.0.113.0/24 (shared, source NAT), and a DMZ
//! 198.51.100.0/24 of this node alone whose link carries 1000 bytes.

pub(crate) mod frames;

use std::sync::Arc;
use std::time::Duration;

use fib::{FibBuilder, Origin, Route, Target};
use forwarding::counters::WorkerCounters;
use forwarding::outbox::{Full, Outbox, OwnedParcel, Parcel, Stage};
use forwarding::plan::{PortIndex, Topology};
use forwarding::port::Offload;
use forwarding::shard::{Moment, Shard};
use forwarding::shared::Shared;
use forwarding::steering::ShardIndex;
use forwarding::{InterfacePlan, NeighborMap, Outcome, Plan, PortKind};
use frames::Build;
use nat::{Block, Nat};
use session::policy::{
    DefaultTimeouts, PolicyInput, Route as ServiceRoute, Scope, ServiceInput, TransportEnforcement,
};
use types::{
    DropReason, Epoch, Giid, Instant, InterfaceAddress, MacAddr, Name, NeighborRecord, NodeId,
    SessionChange,
};

pub(crate) const LAN: PortIndex = PortIndex(0);
pub(crate) const WAN: PortIndex = PortIndex(1);
pub(crate) const DMZ: PortIndex = PortIndex(2);

pub(crate) const CLIENT_MAC: MacAddr = MacAddr([2, 0, 0, 0, 1, 9]);
pub(crate) const SERVER_MAC: MacAddr = MacAddr([2, 0, 0, 0, 2, 9]);
pub(crate) const DMZ_MAC: MacAddr = MacAddr([2, 0, 0, 0, 3, 9]);
pub(crate) const LAN_DEVICE: MacAddr = MacAddr([2, 0, 0, 0, 1, 1]);
pub(crate) const WAN_DEVICE: MacAddr = MacAddr([2, 0, 0, 0, 2, 1]);
pub(crate) const DMZ_DEVICE: MacAddr = MacAddr([2, 0, 0, 0, 3, 1]);
pub(crate) const LAN_VIRTUAL: MacAddr = MacAddr([0, 0, 0x5e, 0, 1, 10]);
pub(crate) const WAN_VIRTUAL: MacAddr = MacAddr([0, 0, 0x5e, 0, 1, 20]);
pub(crate) const LAN_VIRTUAL_V6: MacAddr = MacAddr([0, 0, 0x5e, 0, 2, 10]);
pub(crate) const WAN_VIRTUAL_V6: MacAddr = MacAddr([0, 0, 0x5e, 0, 2, 20]);

pub(crate) const CLIENT: &str = "192.0.2.9";
pub(crate) const GATEWAY: &str = "192.0.2.1";
pub(crate) const UTILITY: &str = "192.0.2.2";
pub(crate) const SERVER: &str = "203.0.113.9";
pub(crate) const EXTERNAL: &str = "203.0.113.1";
pub(crate) const DMZ_HOST: &str = "198.51.100.9";
pub(crate) const CLIENT_V6: &str = "2001:db8:1::9";
pub(crate) const GATEWAY_V6: &str = "2001:db8:1::1";
pub(crate) const DMZ_HOST_V6: &str = "2001:db8:3::9";

pub(crate) const EPOCH: Epoch = Epoch(0x101);

/// What a shard did.
#[derive(Default)]
pub(crate) struct FakeOut {
    pub sent: Vec<(PortIndex, Vec<u8>)>,
    pub told: Vec<neighbor::Event>,
    pub handed: Vec<(ShardIndex, OwnedParcel)>,
    pub first: Vec<Epoch>,
    pub offloads: Vec<Offload>,
    pub full: bool,
    pub now: Instant,
}

impl Outbox for FakeOut {
    fn transmit(&mut self, egress: PortIndex, frame: &[u8], offload: Offload) {
        self.sent.push((egress, frame.to_vec()));
        self.offloads.push(offload);
    }

    fn hand_over(&mut self, to: ShardIndex, parcel: &Parcel<'_>) -> Result<(), Full> {
        if self.full {
            return Err(Full);
        }
        let owned = OwnedParcel {
            ingress: parcel.ingress,
            frame: parcel.frame.to_vec(),
            offload: parcel.offload,
            stage: parcel.stage,
            queued_at: self.now,
        };
        self.handed.push((to, owned));
        Ok(())
    }

    fn tell_neighbors(&mut self, event: neighbor::Event) {
        self.told.push(event);
    }

    fn first_packet(&mut self, epoch: Epoch) {
        self.first.push(epoch);
    }
}

/// A node's shards and the world around them.
pub(crate) struct Bench {
    pub shards: Vec<Shard>,
    pub shared: Arc<Shared>,
    pub counters: Vec<Arc<WorkerCounters>>,
    pub out: FakeOut,
    pub now: Instant,
    pub epoch: Option<Epoch>,
}

impl Bench {
    /// An active node with one shard that knows its neighbours.
    pub(crate) fn active() -> Self {
        let mut bench = Self::standby();
        bench.open(EPOCH);
        bench
    }

    /// The same before its gate opens.
    pub(crate) fn standby() -> Self {
        Self::with(plan(NodeId(1), 1))
    }

    pub(crate) fn with(plan: Plan) -> Self {
        let topology = Arc::new(Topology::new(plan, &[LAN_DEVICE, WAN_DEVICE, DMZ_DEVICE]));
        let plan = &topology.plan;
        let addresses: Vec<_> = topology.translated_addresses().collect();
        let mut nat = Nat::new(nat::Settings::with_seed(plan.seed), &addresses);
        // A block of each node, so that two benches act as two nodes.
        nat.grant(
            EXTERNAL.parse().unwrap(),
            Block::new(u16::from(plan.node.0)).unwrap(),
        );
        let shared = Arc::new(Shared::new(nat, plan.seed, plan.workers));
        let counters: Vec<Arc<WorkerCounters>> =
            (0..plan.workers).map(|_| Arc::default()).collect();
        let shards = counters.iter().enumerate().map(|(index, counters)| {
            Shard::new(
                ShardIndex(index),
                Arc::clone(&shared),
                Arc::clone(&topology),
                Arc::clone(counters),
            )
        });
        let mut bench = Self {
            shards: shards.collect(),
            shared: Arc::clone(&shared),
            counters,
            out: FakeOut::default(),
            now: Instant::START + Duration::from_secs(1),
            epoch: None,
        };
        bench.know(&[
            (1, CLIENT, CLIENT_MAC),
            (1, CLIENT_V6, CLIENT_MAC),
            (2, SERVER, SERVER_MAC),
            (3, DMZ_HOST, DMZ_MAC),
            (3, DMZ_HOST_V6, DMZ_MAC),
        ]);
        bench.begin();
        bench
    }

    /// Publishes these neighbours, and no others.
    pub(crate) fn know(&mut self, known: &[(u16, &str, MacAddr)]) {
        let records = known.iter().map(|(giid, ip, mac)| NeighborRecord {
            interface: Giid(*giid),
            ip: ip.parse().unwrap(),
            mac: *mac,
        });
        let map = NeighborMap::new(records, &NeighborMap::default());
        self.shared.neighbors.store(Arc::new(map));
    }

    pub(crate) fn open(&mut self, epoch: Epoch) {
        self.epoch = Some(epoch);
        self.begin();
    }

    pub(crate) fn close(&mut self) {
        self.epoch = None;
        self.begin();
    }

    pub(crate) fn advance(&mut self, time: Duration) {
        self.now += time;
        self.begin();
    }

    pub(crate) fn begin(&mut self) {
        let moment = Moment {
            now: self.now,
            unix_ms: 1_700_000_000_000,
            epoch: self.epoch,
        };
        self.out.now = self.now;
        for shard in &mut self.shards {
            shard.begin(moment, &mut self.out);
        }
    }

    /// A frame arrives at the first shard; what came of it, wherever it was decided.
    pub(crate) fn receive(
        &mut self,
        port: PortIndex,
        frame: Vec<u8>,
    ) -> Result<Outcome, DropReason> {
        self.receive_at(0, port, frame, Offload::None)
    }

    /// A frame arrives at shard number `at`; hand-overs are delivered until none is left.
    pub(crate) fn receive_at(
        &mut self,
        at: usize,
        port: PortIndex,
        mut frame: Vec<u8>,
        offload: Offload,
    ) -> Result<Outcome, DropReason> {
        let parcel = Parcel {
            ingress: port,
            frame: &mut frame,
            offload,
            stage: Stage::Arrived,
        };
        let mut result = self.shards[at].process(parcel, &mut self.out);
        while let Some((ShardIndex(to), mut parcel)) = self.out.handed.pop() {
            result = self.shards[to].process_handed_over(&mut parcel, &mut self.out);
        }
        result
    }

    /// What was sent since the last call.
    pub(crate) fn sent(&mut self) -> Vec<(PortIndex, Vec<u8>)> {
        std::mem::take(&mut self.out.sent)
    }

    /// The one frame that was sent since the last call.
    pub(crate) fn only_sent(&mut self) -> (PortIndex, Vec<u8>) {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:02x?}");
        sent.remove(0)
    }

    pub(crate) fn drops(&self, reason: DropReason) -> u64 {
        let counters = self.counters.iter();
        counters.map(|counters| counters.drops.get(reason)).sum()
    }

    pub(crate) fn sessions(&self) -> usize {
        self.shards.iter().map(|shard| shard.table().len()).sum()
    }

    /// Everything the shards would tell the cluster now.
    pub(crate) fn changes(&mut self) -> Vec<SessionChange> {
        let mut all = Vec::new();
        for shard in &mut self.shards {
            while shard.is_dirty() {
                shard.replicate(|changes| {
                    all.extend(changes);
                    Ok(())
                });
            }
        }
        all
    }
}

/// A packet of the client to the gateway.
pub(crate) fn from_client(dst: &str) -> Build {
    Build::new(CLIENT_MAC, LAN_VIRTUAL, CLIENT, dst)
}

/// A packet of the server to the translated address.
pub(crate) fn from_server() -> Build {
    Build::new(SERVER_MAC, WAN_VIRTUAL, SERVER, EXTERNAL)
}

/// The source port of a UDP or TCP frame over IPv4.
pub(crate) fn source_port(frame: &[u8]) -> u16 {
    u16::from_be_bytes([frame[34], frame[35]])
}

/// A plan of the bench's node with this many shards.
pub(crate) fn plan(node: NodeId, workers: usize) -> Plan {
    plan_with(node, workers, TransportEnforcement::Reset)
}

pub(crate) fn plan_with(node: NodeId, workers: usize, enforcement: TransportEnforcement) -> Plan {
    Plan {
        node,
        seed: 7,
        workers,
        port: PortKind::Raw,
        interfaces: interfaces(),
        policy: Arc::new(policy(enforcement)),
        fib: Arc::new(routes()),
        max_sessions: 1000,
    }
}

fn interfaces() -> Vec<InterfacePlan> {
    let address = |ip: &str, prefix_len, utility: Option<&str>| InterfaceAddress {
        ip: ip.parse().unwrap(),
        prefix_len,
        utility: utility.map(|text| text.parse().unwrap()),
    };
    vec![
        InterfacePlan {
            giid: Giid(1),
            name: Name::from("lan"),
            device: "fake-lan".to_owned(),
            shared: true,
            virtual_mac_v4: Some(LAN_VIRTUAL),
            virtual_mac_v6: Some(LAN_VIRTUAL_V6),
            addresses: vec![
                address(GATEWAY, 24, Some(UTILITY)),
                address(GATEWAY_V6, 64, None),
            ],
            ..InterfacePlan::default()
        },
        InterfacePlan {
            giid: Giid(2),
            name: Name::from("wan"),
            device: "fake-wan".to_owned(),
            shared: true,
            virtual_mac_v4: Some(WAN_VIRTUAL),
            virtual_mac_v6: Some(WAN_VIRTUAL_V6),
            addresses: vec![address(EXTERNAL, 24, None)],
            source_nat: true,
            ..InterfacePlan::default()
        },
        InterfacePlan {
            giid: Giid(3),
            name: Name::from("dmz"),
            device: "fake-dmz".to_owned(),
            addresses: vec![
                address("198.51.100.1", 24, None),
                address("2001:db8:3::1", 64, None),
            ],
            mtu: 1000,
            ..InterfacePlan::default()
        },
    ]
}

fn policy(enforcement: TransportEnforcement) -> session::Policy {
    let service = |name: &str, prefix: &str, scope| ServiceInput {
        name: Name::from(name),
        scope,
        prefixes: vec![prefix.parse().unwrap()],
        transports: Vec::new(),
        access: Vec::new(),
        source_nat: true,
        route: ServiceRoute::Learned,
        enforcement,
    };
    session::Policy::new(PolicyInput {
        services: vec![
            service("outside", "203.0.113.0/24", Scope::Public),
            service("dmz", "198.51.100.0/24", Scope::Public),
            service("dmz-v6", "2001:db8:3::/64", Scope::Public),
            service("nowhere", "198.18.0.0/16", Scope::Public),
            service("secret", "198.51.100.66/32", Scope::Private),
        ],
        tenants: Vec::new(),
        session_types: Vec::new(),
        default_timeouts: DefaultTimeouts::default(),
    })
}

fn routes() -> fib::Fib {
    let mut builder = FibBuilder::new();
    for (prefix, giid) in [
        ("192.0.2.0/24", 1),
        ("203.0.113.0/24", 2),
        ("198.51.100.0/24", 3),
        ("2001:db8:1::/64", 1),
        ("2001:db8:3::/64", 3),
    ] {
        builder.offer(Route {
            prefix: prefix.parse().unwrap(),
            target: Target::Hop {
                interface: Giid(giid),
                gateway: None,
            },
            origin: Origin::Connected,
            distance: 0,
        });
    }
    builder.build()
}
