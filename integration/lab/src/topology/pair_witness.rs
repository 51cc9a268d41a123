//! Two nodes and a witness between a client and a server: the shape of every failover.
//!
//! ```text
//!             lan 192.0.2.0/24                    wan 203.0.113.0/24
//!             2001:db8:1::/64                     2001:db8:2::/64
//!  client ────────┬──── lan0 [ node a ] wan0 ────────┬──────── server
//!   .100          │      ha0 │      │ ha1            │           .10
//!                 │          │      │ 198.18.1.0/30  │
//!  gateway .1     │      ha0 │      │ ha1            │      NAT address .1
//!                 └──── lan0 [ node b ] wan0 ────────┘
//!                            │ 198.18.0.0/24
//!                        [ witness ]
//! ```
//! The nodes' `lan0` and `wan0` have no address and no IPv6: the kernel has nothing to answer there.
//! IPv6 is routed without translation, so the server has a route back to the LAN.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use types::MacAddr;

use crate::host::{Change, Host, HostError, Unknown};
use crate::link::{Cut, Plug, Port, Switch, Wire};
use crate::traffic::unix_nanos;

/// The LAN's virtual address: the client's gateway.
pub const LAN_GATEWAY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// The LAN's virtual address: the client's gateway.
pub const LAN_GATEWAY_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1);
/// The WAN's virtual address: what servers see of the clients.
pub const WAN_ADDRESS: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
/// The WAN's virtual address: the server's way back.
pub const WAN_ADDRESS_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, 1);
/// The client.
pub const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 100);
/// The client.
pub const CLIENT_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 0x100);
/// The server.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);
/// The server.
pub const SERVER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, 0x10);
/// The witness on the HA network.
pub const WITNESS: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 3);

/// One of the two nodes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// Node a.
    A,
    /// Node b.
    B,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// The node's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// Its number among the members, from 1.
    pub const fn number(self) -> u8 {
        match self {
            Self::A => 1,
            Self::B => 2,
        }
    }

    /// Its own address on the LAN, beside the virtual one.
    pub const fn lan(self) -> Ipv4Addr {
        Ipv4Addr::new(192, 0, 2, 1 + self.number())
    }

    /// Its own address on the WAN, beside the virtual one.
    pub const fn wan(self) -> Ipv4Addr {
        Ipv4Addr::new(203, 0, 113, 1 + self.number())
    }

    /// Its address on the HA network, which the witness shares.
    pub const fn ha0(self) -> Ipv4Addr {
        Ipv4Addr::new(198, 18, 0, self.number())
    }

    /// Its address on the direct HA link.
    pub const fn ha1(self) -> Ipv4Addr {
        Ipv4Addr::new(198, 18, 1, self.number())
    }
}

/// A node's host and its links to the switch.
#[derive(Debug)]
pub struct NodeHost {
    /// The namespace.
    pub host: Host,
    /// `lan0`.
    pub lan: Port,
    /// `wan0`.
    pub wan: Port,
    /// `ha0`.
    pub ha: Port,
}

/// The whole network.
#[derive(Debug)]
pub struct PairWitness {
    /// Bridges `lan`, `wan` and `ha`.
    pub switch: Switch,
    /// The client, with `lan0`.
    pub client: Host,
    /// The server, with `wan0`.
    pub server: Host,
    /// The witness, with `ha0`.
    pub witness: Host,
    a: NodeHost,
    b: NodeHost,
    direct: Option<Wire>,
    /// What the switch does with frames for unknown addresses at the routers' ports.
    unknown: Unknown,
}

impl PairWitness {
    /// Builds it: all links up, no process running.
    pub fn build() -> Result<Self, HostError> {
        Self::build_with(Unknown::Block)
    }

    /// The same with switches that treat frames for unknown addresses on the routers' ports like this.
    pub fn build_with(unknown: Unknown) -> Result<Self, HostError> {
        let switch = Switch::new("switch")?;
        for bridge in ["lan", "wan", "ha"] {
            switch.bridge(bridge)?;
        }
        let client = end_host(
            &switch,
            "client",
            ("lan", "lan0"),
            client_addresses(),
            client_routes(),
        )?;
        let server = end_host(
            &switch,
            "server",
            ("wan", "wan0"),
            server_addresses(),
            server_routes(),
        )?;
        let witness = Host::new("witness")?;
        switch.connect(&witness, Plug::new("ha", "ha0"))?;
        witness.apply(&[Change::Address("ha0", net(WITNESS, 24))])?;
        let a = node_host(&switch, Side::A, unknown)?;
        let b = node_host(&switch, Side::B, unknown)?;
        let direct = Wire::between(&a.host, &b.host, "ha1")?;
        for (side, node) in [(Side::A, &a), (Side::B, &b)] {
            node.host
                .apply(&[Change::Address("ha1", net(side.ha1(), 30))])?;
        }
        Ok(Self {
            switch,
            client,
            server,
            witness,
            a,
            b,
            direct: Some(direct),
            unknown,
        })
    }

    /// A node's host.
    pub fn node(&self, side: Side) -> &NodeHost {
        match side {
            Side::A => &self.a,
            Side::B => &self.b,
        }
    }

    /// Every host, for somebody who wants to look around.
    pub fn hosts(&self) -> [&Host; 6] {
        let [a, b] = Side::BOTH.map(|side| &self.node(side).host);
        [
            &self.client,
            &self.server,
            a,
            b,
            &self.witness,
            self.switch.host(),
        ]
    }

    /// Pulls all plugs of a node: what others see is lost carriers and silence.
    pub fn unplug(&self, side: Side) -> Result<u64, HostError> {
        let NodeHost { host, lan, wan, ha } = self.node(side);
        self.switch.cut_carriers([lan, wan, ha])?;
        let at = unix_nanos();
        if let Some(direct) = &self.direct {
            direct.cut(host)?;
        }
        Ok(at)
    }

    /// Puts all plugs of a node back.
    pub fn plug_in(&self, side: Side) -> Result<(), HostError> {
        let NodeHost { host, lan, wan, ha } = self.node(side);
        if let Some(direct) = &self.direct {
            direct.restore(host)?;
        }
        for port in [ha, lan, wan] {
            self.switch.restore(host, port)?;
        }
        Ok(())
    }

    /// Puts a fresh machine in a node's place: kernel state (addresses, connections) of the old one
    /// is gone, as after a power cut. The direct HA link goes with the old one and does not return.
    pub fn replace_node(&mut self, side: Side) -> Result<(), HostError> {
        let direct = self.direct.take();
        let old = &self.node(side).host;
        old.apply(&["lan0", "wan0", "ha0"].map(Change::Delete))?;
        if direct.is_some() {
            old.apply(&[Change::Delete("ha1")])?;
        }
        let fresh = node_host(&self.switch, side, self.unknown)?;
        match side {
            Side::A => self.a = fresh,
            Side::B => self.b = fresh,
        }
        Ok(())
    }

    /// Cuts one link of a node to the switch.
    pub fn cut(&self, side: Side, port: &Port, cut: Cut) -> Result<(), HostError> {
        self.switch.cut(&self.node(side).host, port, cut)
    }

    /// Cuts both HA links at a node's end, without a word on the one that has a switch.
    pub fn cut_ha(&self, side: Side) -> Result<(), HostError> {
        let NodeHost { host, ha, .. } = self.node(side);
        self.switch.cut(host, ha, Cut::Silent)?;
        self.direct.iter().try_for_each(|direct| direct.cut(host))
    }

    /// Undoes [`PairWitness::cut_ha`].
    pub fn restore_ha(&self, side: Side) -> Result<(), HostError> {
        let NodeHost { host, ha, .. } = self.node(side);
        self.switch.restore(host, ha)?;
        self.direct
            .iter()
            .try_for_each(|direct| direct.restore(host))
    }

    /// Undoes [`PairWitness::cut`].
    pub fn restore(&self, side: Side, port: &Port) -> Result<(), HostError> {
        self.switch.restore(&self.node(side).host, port)
    }
}

fn node_host(switch: &Switch, side: Side, unknown: Unknown) -> Result<NodeHost, HostError> {
    let host = Host::new(side.name())?;
    // Before the devices exist: they never get a link-local address.
    host.set("ipv6.conf.default.disable_ipv6", "1")?;
    let connect = |network: u8, bridge: &str, device: &str, unknown: Unknown| {
        let mac = Some(MacAddr([0x02, 0, 0, 0, network, side.number()]));
        switch.connect(
            &host,
            Plug {
                bridge,
                device,
                mac,
                unknown,
            },
        )
    };
    // After an active router's port has gone, a flooding switch would hand its frames to the
    // standby. A kernel router forwards them although it is none (against RFC 9568 §6.4.2), and the
    // outage that is to be measured would be hidden by accident.
    let lan = connect(1, "lan", "lan0", unknown)?;
    let wan = connect(2, "wan", "wan0", unknown)?;
    let ha = connect(3, "ha", "ha0", Unknown::Flood)?;
    host.apply(&[Change::Address("ha0", net(side.ha0(), 24))])?;
    Ok(NodeHost { host, lan, wan, ha })
}

fn end_host(
    switch: &Switch,
    name: &str,
    (bridge, device): (&str, &str),
    addresses: [IpNet; 2],
    routes: Vec<(IpNet, IpAddr)>,
) -> Result<Host, HostError> {
    let host = Host::new(name)?;
    switch.connect(&host, Plug::new(bridge, device))?;
    host.apply(&addresses.map(|address| Change::Address(device, address)))?;
    let routes: Vec<_> = routes
        .into_iter()
        .map(|(to, via)| Change::Route { to, via })
        .collect();
    host.apply(&routes)?;
    Ok(host)
}

fn client_addresses() -> [IpNet; 2] {
    [net(CLIENT, 24), net(CLIENT_V6, 64)]
}

fn client_routes() -> Vec<(IpNet, IpAddr)> {
    vec![
        (everywhere(), LAN_GATEWAY.into()),
        (net(Ipv6Addr::UNSPECIFIED, 0), LAN_GATEWAY_V6.into()),
    ]
}

fn server_addresses() -> [IpNet; 2] {
    [net(SERVER, 24), net(SERVER_V6, 64)]
}

/// No IPv4 route: a translated packet is answered on the link, an untranslated one must not be.
fn server_routes() -> Vec<(IpNet, IpAddr)> {
    vec![(net(CLIENT_V6, 64), WAN_ADDRESS_V6.into())]
}

/// Everywhere: the default route's prefix.
pub(super) fn everywhere() -> IpNet {
    net(Ipv4Addr::UNSPECIFIED, 0)
}

/// The prefixes are literals of this file, all shorter than their family's longest; a longer one
/// would become a host address.
pub(super) fn net(address: impl Into<IpAddr>, length: u8) -> IpNet {
    let address = address.into();
    IpNet::new(address, length).unwrap_or_else(|_| address.into())
}
