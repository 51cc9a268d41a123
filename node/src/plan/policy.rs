//! Tenants, services, access policies and service-routes, compiled for one node.

use std::time::Duration;

use config::valid::{
    AccessPolicy, Authority, Delivery, Node, Permission, Router, Scope, Service, SessionTypes,
    SourceNat, Tenant, TenantMember, Timeouts, Transport, TransportProtocol,
    TransportStateEnforcement,
};
use session::policy as to;
use types::{Name, Protocol};

/// Everything that decides about first packets on `node`.
pub(super) fn compile(authority: &Authority, router: &Router, node: &Node) -> session::Policy {
    let services = authority.services.iter();
    session::Policy::new(to::PolicyInput {
        services: services
            .map(|service| self::service(service, router, &node.name))
            .collect(),
        tenants: authority
            .tenants
            .iter()
            .map(|tenant| self::tenant(tenant, node))
            .collect(),
        session_types: session_types(&authority.session_types),
        default_timeouts: default_timeouts(&authority.session_types),
    })
}

fn tenant(from: &Tenant, node: &Node) -> to::TenantInput {
    to::TenantInput {
        name: from.name.clone(),
        members: from
            .members
            .iter()
            .flat_map(|member| members(member, node))
            .collect(),
    }
}

/// A member speaks of a neighborhood; the policy wants to know which interfaces are in it.
fn members(from: &TenantMember, node: &Node) -> Vec<to::MemberInput> {
    let devices = node.device_interfaces.iter();
    devices
        .flat_map(|device| &device.network_interfaces)
        .filter(|interface| interface.neighborhoods.contains(&from.neighborhood))
        .flat_map(|interface| {
            from.prefixes.iter().map(|prefix| to::MemberInput {
                interface: Some(interface.giid),
                prefix: *prefix,
            })
        })
        .collect()
}

fn service(from: &Service, router: &Router, node: &Name) -> to::ServiceInput {
    to::ServiceInput {
        name: from.name.clone(),
        scope: match from.scope {
            Scope::Private => to::Scope::Private,
            Scope::Public => to::Scope::Public,
        },
        prefixes: from.addresses.clone(),
        transports: from.transports.iter().flat_map(transports).collect(),
        access: from.access.iter().map(access).collect(),
        source_nat: match from.source_nat {
            SourceNat::NetworkInterface => true,
            SourceNat::Disabled => false,
        },
        route: route(from, router, node),
        enforcement: match from.transport_state_enforcement {
            TransportStateEnforcement::Reset => to::TransportEnforcement::Reset,
            TransportStateEnforcement::Block => to::TransportEnforcement::Block,
            TransportStateEnforcement::Allow => to::TransportEnforcement::Allow,
        },
    }
}

/// The first service-route of the service; none at all means that it is not delivered here.
fn route(service: &Service, router: &Router, node: &Name) -> to::Route {
    match router
        .service_routes
        .iter()
        .find(|route| route.service == service.name)
        .map(|route| &route.delivery)
    {
        None => to::Route::Hops(Vec::new()),
        Some(Delivery::LearnedRoutes) => to::Route::Learned,
        Some(Delivery::NextHops(hops)) => to::Route::Hops(
            hops.iter()
                .filter(|hop| hop.via.node == *node)
                .map(|hop| to::NextHop {
                    interface: hop.via.giid,
                    gateway_v4: hop.gateway_v4,
                    gateway_v6: hop.gateway_v6,
                })
                .collect(),
        ),
    }
}

fn access(from: &AccessPolicy) -> to::AccessRule {
    to::AccessRule {
        tenant: from.source.tenant.clone(),
        prefix: from.source.prefix,
        allow: match from.permission {
            Permission::Allow => true,
            Permission::Deny => false,
        },
    }
}

/// One entry of the tree has a protocol with several ranges; one of the policy has one range.
fn transports(from: &Transport) -> Vec<to::Transport> {
    let protocol = match from.protocol {
        TransportProtocol::Tcp => Protocol::TCP,
        TransportProtocol::Udp => Protocol::UDP,
        TransportProtocol::Icmp => Protocol::ICMP,
    };
    if from.ports.is_empty() {
        return vec![to::Transport::all_ports(protocol)];
    }
    from.ports
        .iter()
        .map(|range| to::Transport {
            protocol,
            ports: range.first..=range.last,
        })
        .collect()
}

fn session_types(from: &SessionTypes) -> Vec<to::SessionTypeInput> {
    from.overrides
        .iter()
        .map(|kind| to::SessionTypeInput {
            name: kind.name.clone(),
            transports: kind.transports.iter().flat_map(transports).collect(),
            timeouts: timeouts(kind.timeouts),
        })
        .collect()
}

fn default_timeouts(from: &SessionTypes) -> to::DefaultTimeouts {
    to::DefaultTimeouts {
        tcp: timeouts(from.tcp),
        udp: timeouts(from.udp),
        icmp: timeouts(from.icmp),
    }
}

fn timeouts(from: Timeouts) -> to::Timeouts {
    to::Timeouts {
        initial_ms: millis(from.initial),
        established_ms: millis(from.idle),
    }
}

/// Seven weeks is as good as for ever.
fn millis(from: Duration) -> u32 {
    u32::try_from(from.as_millis()).unwrap_or(u32::MAX)
}
