//! What this node's data plane is to do.

use std::net::IpAddr;
use std::sync::Arc;

use config::bootstrap::PortChoice;
use config::valid::{
    Authority, DeviceInterface, NetworkInterface, Node, Router, SessionProcessors,
};
use forwarding::{InterfacePlan, Plan, PortKind};
use routing::Unresolved;
use types::{InterfaceAddress, NodeId};

use super::{policy, routes};

/// Sessions that a node holds at most; at some 300 bytes each this is half a gigabyte.
const MAX_SESSIONS: usize = 1 << 20;
/// `automatic` never starts more session processors than this (ssr-model section 5.1).
const MAX_AUTOMATIC: usize = 16;
/// Cores that `automatic` leaves to the heartbeat thread, consensus and the operators.
const SPARED_CORES: usize = 2;

/// Facts about the process that no configuration has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process {
    /// This node among the members.
    pub(crate) node: NodeId,
    /// Differs between starts.
    pub(crate) seed: u64,
    /// Cores of the machine.
    pub(crate) cores: usize,
    /// What carries the frames.
    pub(crate) port: PortChoice,
}

/// The plan, and the static routes that are not in its FIB.
pub(crate) fn compile(
    process: Process,
    authority: &Authority,
    router: &Router,
    node: &Node,
) -> (Plan, Vec<Unresolved>) {
    let computed = routes::compile(router, node);
    let plan = Plan {
        node: process.node,
        seed: process.seed,
        workers: workers(node.session_processors, process.cores),
        port: match process.port {
            PortChoice::Raw => PortKind::Raw,
            PortChoice::Pnet => PortKind::Pnet,
        },
        interfaces: node.device_interfaces.iter().flat_map(interfaces).collect(),
        policy: Arc::new(policy::compile(authority, router, node)),
        fib: Arc::new(computed.fib),
        max_sessions: MAX_SESSIONS,
    };
    (plan, computed.unresolved)
}

fn workers(configured: SessionProcessors, cores: usize) -> usize {
    match configured {
        SessionProcessors::Automatic => cores.saturating_sub(SPARED_CORES).clamp(1, MAX_AUTOMATIC),
        SessionProcessors::Manual(count) => usize::from(count),
    }
}

fn interfaces(device: &DeviceInterface) -> impl Iterator<Item = InterfacePlan> + '_ {
    device
        .network_interfaces
        .iter()
        .map(|network| interface(device, network))
}

fn interface(device: &DeviceInterface, network: &NetworkInterface) -> InterfacePlan {
    InterfacePlan {
        giid: network.giid,
        name: network.name.clone(),
        device: device.interface_name.clone(),
        shared: device.is_shared(),
        virtual_mac_v4: device.virtual_mac_v4(),
        virtual_mac_v6: device.virtual_mac_v6(),
        addresses: addresses(device, network),
        mtu: network.mtu,
        tenant: network.tenant.clone(),
        source_nat: network.source_nat,
    }
}

/// The configured addresses and, last, the link-local address that the virtual router announces for
/// itself (RFC 9568 §5.2.9): who learnt it must get an answer when it asks.
fn addresses(device: &DeviceInterface, network: &NetworkInterface) -> Vec<InterfaceAddress> {
    let configured = network.addresses.iter().map(|address| address.interface);
    let mut addresses: Vec<_> = configured.collect();
    let (mut has_v6, mut has_link_local) = (false, false);
    for address in &addresses {
        if let IpAddr::V6(ip) = address.ip {
            has_v6 = true;
            has_link_local |= ip.is_unicast_link_local();
        }
    }
    if let Some(vrrp) = device.vrrp.filter(|_| has_v6 && !has_link_local) {
        let ip = IpAddr::V6(vrrp::virtual_link_local(vrrp.vrid));
        addresses.push(InterfaceAddress {
            ip,
            prefix_len: 64,
            utility: None,
        });
    }
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn automatic_spares_two_cores_and_runs_at_least_one_processor() {
        let automatic = |cores| workers(SessionProcessors::Automatic, cores);
        assert_eq!([1, 2, 3, 8, 64].map(automatic), [1, 1, 1, 6, 16]);
        assert_eq!(workers(SessionProcessors::Manual(3), 2), 3);
    }
}
