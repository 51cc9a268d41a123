//! Changes to a namespace's devices, addresses and routes, by netlink.
//!
//! A list of changes is one visit: one thread, one netlink socket. That is what makes cutting all
//! links of a node a matter of a millisecond.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use ipnet::IpNet;
use rtnetlink::packet_route::link::{InfoBridge, InfoData, InfoVeth};
use rtnetlink::{
    Handle, LinkBridge, LinkBridgePort, LinkMessageBuilder, LinkUnspec, LinkVeth,
    RouteMessageBuilder,
};
use types::MacAddr;

/// One change inside a namespace; devices are named as they are there.
#[derive(Clone, Debug)]
pub enum Change<'a> {
    /// Sets a device up.
    Up(&'a str),
    /// Sets a device down; the other end of a veth pair loses its carrier.
    Down(&'a str),
    /// Gives a device another MAC address.
    Mac(&'a str, MacAddr),
    /// Deletes a device, and a veth's other end with it.
    Delete(&'a str),
    /// Makes a device a port of a bridge.
    Join {
        /// The device.
        device: &'a str,
        /// The bridge.
        bridge: &'a str,
        /// What it gets of frames for nobody in particular.
        unknown: Unknown,
    },
    /// Takes a device out of its bridge: its carrier stays, its frames end there.
    Leave(&'a str),
    /// Adds an address with its prefix.
    Address(&'a str, IpNet),
    /// Adds a route through a gateway.
    Route {
        /// Where to.
        to: IpNet,
        /// The gateway, of the same family.
        via: IpAddr,
    },
    /// Makes a bridge that floods what it does not know and has no ideas of its own.
    Bridge(&'a str),
    /// Makes a veth pair, one end here and one in another namespace.
    Veth {
        /// The end here.
        here: VethEnd<'a>,
        /// The other end.
        there: VethEnd<'a>,
        /// The other end's namespace.
        namespace: BorrowedFd<'a>,
    },
}

/// What a bridge does at a port with unicast frames for an address that it has not seen anywhere.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unknown {
    /// Sends them out there as well.
    Flood,
    /// Keeps them from it.
    Block,
}

/// One end of a veth pair.
#[derive(Clone, Copy, Debug)]
pub struct VethEnd<'a> {
    /// Its name.
    pub device: &'a str,
    /// Its interface index, when it matters.
    pub index: Option<u32>,
    /// Its address; the kernel's random one without.
    pub mac: Option<MacAddr>,
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// No netlink socket.
    #[error("no netlink socket")]
    Socket(#[source] io::Error),
    /// The socket closed early.
    #[error("the netlink socket closed before the answer came")]
    Closed,
    /// There is no such device.
    #[error("there is no device {device}")]
    NoDevice {
        /// Its name.
        device: String,
    },
    /// The gateway is of the other family.
    #[error("the gateway {via} is of another family than {to}")]
    Families {
        /// The route's prefix.
        to: IpNet,
        /// The gateway.
        via: IpAddr,
    },
    /// The kernel said no.
    #[error("the kernel refused {change}")]
    Refused {
        /// What was asked.
        change: String,
        /// Its answer.
        #[source]
        source: Box<rtnetlink::Error>,
    },
}

/// Applies `changes` in the namespace of the calling thread.
pub(super) fn apply(changes: &[Change<'_>]) -> Result<(), ChangeError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(ChangeError::Socket)?;
    runtime.block_on(async {
        let (connection, handle, _) = rtnetlink::new_connection().map_err(ChangeError::Socket)?;
        let work = async {
            for change in changes {
                perform(&handle, change).await?;
            }
            Ok(())
        };
        // Cancel safe: whichever ends first ends the visit, and the other has no further use.
        tokio::select! {
            outcome = work => outcome,
            () = connection => Err(ChangeError::Closed),
        }
    })
}

async fn perform(handle: &Handle, change: &Change<'_>) -> Result<(), ChangeError> {
    let set = |message: LinkMessageBuilder<LinkUnspec>| {
        asked(change, handle.link().set(message.build()).execute())
    };
    let add = |message| asked(change, handle.link().add(message).execute());
    match change {
        Change::Up(device) => set(LinkUnspec::new_with_index(index(device)?).up()).await,
        Change::Down(device) => set(LinkUnspec::new_with_index(index(device)?).down()).await,
        Change::Mac(device, mac) => {
            set(LinkUnspec::new_with_index(index(device)?).address(mac.0.to_vec())).await
        }
        Change::Delete(device) => asked(change, handle.link().del(index(device)?).execute()).await,
        Change::Join {
            device,
            bridge,
            unknown,
        } => {
            let port = index(device)?;
            set(LinkUnspec::new_with_index(port).controller(index(bridge)?)).await?;
            let flood = *unknown == Unknown::Flood;
            let message = LinkBridgePort::new(port).flood(flood).build();
            asked(change, handle.link().set_port(message).execute()).await
        }
        Change::Leave(device) => {
            set(LinkUnspec::new_with_index(index(device)?).nocontroller()).await
        }
        Change::Address(device, address) => {
            let (addr, length) = (address.addr(), address.prefix_len());
            let request = handle.address().add(index(device)?, addr, length);
            asked(change, request.execute()).await
        }
        Change::Route { to, via } => add_route(handle, change, *to, *via).await,
        Change::Bridge(name) => {
            // Snooping without a querier would forget groups, and VRRP's among them.
            let quiet = InfoData::Bridge(vec![InfoBridge::MulticastSnooping(false)]);
            add(LinkBridge::new(name).set_info_data(quiet).build()).await
        }
        Change::Veth {
            here,
            there,
            namespace,
        } => {
            let peer = described(LinkMessageBuilder::<LinkUnspec>::new(), there)
                .setns_by_fd(namespace.as_raw_fd());
            let pair = InfoData::Veth(InfoVeth::Peer(peer.build()));
            let near = LinkMessageBuilder::<LinkVeth>::new_with_info_kind(
                rtnetlink::packet_route::link::InfoKind::Veth,
            );
            add(described(near, here).set_info_data(pair).build()).await
        }
    }
}

fn described<T>(message: LinkMessageBuilder<T>, end: &VethEnd<'_>) -> LinkMessageBuilder<T> {
    let named = message.name(end.device);
    let numbered = match end.index {
        Some(index) => named.index(index),
        None => named,
    };
    match end.mac {
        Some(mac) => numbered.address(mac.0.to_vec()),
        None => numbered,
    }
}

async fn add_route(
    handle: &Handle,
    change: &Change<'_>,
    to: IpNet,
    via: IpAddr,
) -> Result<(), ChangeError> {
    let message = match (to, via) {
        (IpNet::V4(to), IpAddr::V4(via)) => RouteMessageBuilder::<std::net::Ipv4Addr>::new()
            .destination_prefix(to.network(), to.prefix_len())
            .gateway(via)
            .build(),
        (IpNet::V6(to), IpAddr::V6(via)) => RouteMessageBuilder::<std::net::Ipv6Addr>::new()
            .destination_prefix(to.network(), to.prefix_len())
            .gateway(via)
            .build(),
        (IpNet::V4(_), IpAddr::V6(_)) | (IpNet::V6(_), IpAddr::V4(_)) => {
            return Err(ChangeError::Families { to, via });
        }
    };
    asked(change, handle.route().add(message).execute()).await
}

async fn asked(
    change: &Change<'_>,
    request: impl Future<Output = Result<(), rtnetlink::Error>>,
) -> Result<(), ChangeError> {
    request.await.map_err(|source| ChangeError::Refused {
        change: format!("{change:?}"),
        source: Box::new(source),
    })
}

fn index(device: &str) -> Result<u32, ChangeError> {
    nix::net::if_::if_nametoindex(device).map_err(|_| ChangeError::NoDevice {
        device: device.to_owned(),
    })
}
