//! A configuration that has passed every rule: typed, complete, with all defaults resolved.
//!
//! Only [`Candidate::validate`](crate::Candidate::validate) makes a [`Valid`], so nobody downstream
//! checks again. The structs in here are for reading: fields are public, literals are not possible
//! outside this crate.

mod authority;
mod interface;
mod router;

use crate::problem::Problem;

pub use authority::{
    AccessPolicy, Authority, Permission, PortRange, Scope, Service, ServicePolicy, SessionType,
    SessionTypes, Source, SourceNat, Tenant, TenantMember, Timeouts, Transport, TransportProtocol,
    TransportStateEnforcement,
};
pub use interface::{Address, DeviceInterface, InterfaceKind, NetworkInterface, Vrrp};
pub use router::{
    Delivery, Member, NextHop, Node, NodeInterface, RedundancyGroup, Router, ServiceRoute,
    SessionProcessors, StaticRoute, StaticTarget,
};

/// The whole tree, checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Valid {
    pub(crate) authority: Authority,
    pub(crate) routers: Vec<Router>,
    pub(crate) warnings: Vec<Problem>,
}

impl Valid {
    /// What all routers share.
    pub const fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Every router of the authority, in the order it was typed.
    pub fn routers(&self) -> &[Router] {
        &self.routers
    }

    /// The router that `node.toml` names.
    pub fn router(&self, name: &str) -> Option<&Router> {
        self.routers
            .iter()
            .find(|router| router.name.as_str() == name)
    }

    /// What is allowed but probably not meant; never an error.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }
}
