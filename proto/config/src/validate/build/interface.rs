//! Ports, virtual routers, addresses.

use core::time::Duration;

use types::{Giid, InterfaceAddress, Vrid};

use super::authority::each;
use crate::candidate::Block;
use crate::problem::Problem;
use crate::schema::authority::NAME;
use crate::schema::interface::{
    ADDRESS, ADVERTISEMENT_INTERVAL, GATEWAY, GLOBAL_ID, INTERFACE_NAME, INTERFACE_TENANT,
    IP_ADDRESS, MTU, NEIGHBORHOOD, NETWORK_INTERFACE, NETWORK_TYPE, PREEMPT, PREFIX_LENGTH,
    PRIORITY, SHARED_PHYS_ADDRESS, SOURCE_NAT, UTILITY_IP_ADDRESS, VRID,
};
use crate::valid::{Address, DeviceInterface, NetworkInterface, Vrrp};
use crate::validate::view;

pub(super) fn device(device: &view::Device<'_>) -> Result<DeviceInterface, Problem> {
    let block = device.block;
    Ok(DeviceInterface {
        name: block.get(&NAME)?,
        interface_name: block.get(&INTERFACE_NAME)?,
        shared_phys_address: block.find(&SHARED_PHYS_ADDRESS)?,
        vrrp: device.vrrp.map(vrrp).transpose()?,
        network_interfaces: each(block.blocks(&NETWORK_INTERFACE), network_interface)?,
    })
}

fn vrrp(block: &Block) -> Result<Vrrp, Problem> {
    Ok(Vrrp {
        vrid: Vrid::new(block.get(&VRID)?).ok_or_else(|| block.missing(&VRID))?,
        priority: block.get(&PRIORITY)?,
        interval: Duration::from_millis(block.get(&ADVERTISEMENT_INTERVAL)?),
        preempt: block.get(&PREEMPT)?,
    })
}

fn network_interface(block: &Block) -> Result<NetworkInterface, Problem> {
    Ok(NetworkInterface {
        name: block.get(&NAME)?,
        giid: Giid(block.get(&GLOBAL_ID)?),
        kind: block.get(&NETWORK_TYPE)?,
        mtu: block.get(&MTU)?,
        tenant: block.find(&INTERFACE_TENANT)?,
        neighborhoods: each(block.blocks(&NEIGHBORHOOD), |block| block.get(&NAME))?,
        source_nat: block.get(&SOURCE_NAT)?,
        addresses: each(block.blocks(&ADDRESS), address)?,
    })
}

fn address(block: &Block) -> Result<Address, Problem> {
    Ok(Address {
        interface: InterfaceAddress {
            ip: block.get(&IP_ADDRESS)?,
            prefix_len: block.get(&PREFIX_LENGTH)?,
            utility: block.find(&UTILITY_IP_ADDRESS)?,
        },
        gateway: block.find(&GATEWAY)?,
    })
}
