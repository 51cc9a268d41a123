//! Who may open a session to what, and what the session is like.
//!
//! Compiled once from the configuration, then only read: [`Policy::classify`] allocates nothing.
//!
//! ```text
//!  source, interface ─► tenant ─┐
//!  destination ─► prefixes, most specific first ─► transport ─► service ─► access ─► verdict
//! ```

mod access;
mod input;
mod services;
mod tenants;

use std::net::IpAddr;

use types::{DropReason, FlowKey, Giid, Name, Protocol};

pub use input::{
    AccessRule, DefaultTimeouts, MemberInput, NextHop, PolicyInput, Route, Scope, ServiceInput,
    SessionTypeInput, TenantInput, Timeouts, Transport, TransportEnforcement,
};

use services::{Service, Services};
use tenants::Tenants;

/// Where a first packet came in.
#[derive(Clone, Copy, Debug)]
pub struct Ingress<'a> {
    /// The network-interface.
    pub interface: Giid,
    /// The tenant that the interface names; `None` leaves it to the tenants' members.
    pub tenant: Option<&'a Name>,
}

/// What a first packet's session is to be like.
#[derive(Clone, Copy, Debug)]
pub struct Verdict<'a> {
    /// The service that was asked for.
    pub service: &'a Name,
    /// Who asked; `None` is the global tenant.
    pub tenant: Option<&'a Name>,
    /// Whether the service allows translation; the egress interface says whether it is done.
    pub source_nat: bool,
    /// How the session leaves.
    pub route: &'a Route,
    /// How long it lives without a packet.
    pub timeouts: Timeouts,
    /// What to do when the packet is TCP in mid-flow.
    pub enforcement: TransportEnforcement,
}

/// Everything that decides about first packets, compiled.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    services: Services,
    tenants: Tenants,
    session_types: Vec<SessionTypeInput>,
    defaults: DefaultTimeouts,
}

impl Policy {
    /// Compiles the configuration.
    pub fn new(input: PolicyInput) -> Self {
        Self {
            services: Services::new(input.services),
            tenants: Tenants::new(&input.tenants),
            session_types: input.session_types,
            defaults: input.default_timeouts,
        }
    }

    /// Decides about the first packet of a session, from the key it arrived with.
    ///
    /// The most specific prefix with a service for the packet's transport wins, also when that service
    /// then refuses the tenant: a refusal never falls back to a wider service.
    pub fn classify<'a>(
        &'a self,
        ingress: &Ingress<'a>,
        key: &FlowKey,
    ) -> Result<Verdict<'a>, DropReason> {
        let service = self
            .services
            .find(key.dst.ip, key.protocol, key.dst.port)
            .ok_or(DropReason::NoService)?;
        let tenant = self.tenant(ingress, key.src.ip);
        if !service.access.admits(tenant, key.src.ip) {
            return Err(DropReason::AccessDenied);
        }
        Ok(self.verdict(service, tenant, key))
    }

    /// The tenant of a sender: the interface's, else the one whose members hold it most specifically.
    pub fn tenant<'a>(&'a self, ingress: &Ingress<'a>, source: IpAddr) -> Option<&'a Name> {
        ingress
            .tenant
            .or_else(|| self.tenants.find(ingress.interface, source))
    }

    fn verdict<'a>(
        &'a self,
        service: &'a Service,
        tenant: Option<&'a Name>,
        key: &FlowKey,
    ) -> Verdict<'a> {
        Verdict {
            service: &service.name,
            tenant,
            source_nat: service.source_nat,
            route: &service.route,
            timeouts: self.timeouts(key.protocol, key.dst.port),
            enforcement: service.enforcement,
        }
    }

    /// The narrowest session-type that covers the transport, else the protocol's own timeouts.
    fn timeouts(&self, protocol: Protocol, port: u16) -> Timeouts {
        let by_type = self
            .session_types
            .iter()
            .flat_map(|kind| {
                kind.transports
                    .iter()
                    .map(move |transport| (transport, kind))
            })
            .filter(|(transport, _)| transport.covers(protocol, port))
            .min_by_key(|(transport, _)| transport.width())
            .map(|(_, kind)| kind.timeouts);
        by_type.unwrap_or(match protocol {
            Protocol::TCP => self.defaults.tcp,
            Protocol::UDP => self.defaults.udp,
            Protocol(_) => self.defaults.icmp,
        })
    }
}

#[cfg(test)]
mod tests;
