//! Tenants, services, policies, session-types.

use core::time::Duration;

use crate::candidate::Block;
use crate::problem::Problem;
use crate::schema::authority::{
    ACCESS_POLICY, AUTHORITY_NAME, END_PORT, INITIAL_TIMEOUT, MEMBER_ADDRESS, MEMBER_NEIGHBORHOOD,
    NAME, PERMISSION, PORT_RANGE, PROTOCOL, SCOPE, SERVICE, SERVICE_ADDRESS, SERVICE_ENABLED,
    SERVICE_POLICY, SERVICE_POLICY_REF, SERVICE_SOURCE_NAT, SESSION_TYPE, SOURCE, START_PORT,
    TENANT, TENANT_MEMBER, TENANT_NAME, TIMEOUT, TRANSPORT, TRANSPORT_STATE_ENFORCEMENT,
};
use crate::schema::{ICMP_TIMEOUTS, ProtocolTimeouts, TCP_TIMEOUTS, UDP_TIMEOUTS};
use crate::valid::{
    AccessPolicy, Authority, PortRange, Service, ServicePolicy, SessionType, SessionTypes, Tenant,
    TenantMember, Timeouts, Transport, TransportStateEnforcement,
};
use crate::value::Value;

pub(super) fn authority(block: &Block) -> Result<Authority, Problem> {
    let policies = each(block.blocks(&SERVICE_POLICY), policy)?;
    let mut services = Vec::new();
    for service in block.blocks(&SERVICE) {
        if service.get(&SERVICE_ENABLED)? {
            services.push(self::service(service, &policies)?);
        }
    }
    Ok(Authority {
        name: block.get(&AUTHORITY_NAME)?,
        tenants: each(block.blocks(&TENANT), tenant)?,
        services,
        session_types: SessionTypes {
            tcp: protocol_timeouts(&TCP_TIMEOUTS),
            udp: protocol_timeouts(&UDP_TIMEOUTS),
            icmp: protocol_timeouts(&ICMP_TIMEOUTS),
            overrides: each(block.blocks(&SESSION_TYPE), session_type)?,
        },
        service_policies: policies,
    })
}

/// Builds every block, or stops at the first that cannot be built.
pub(super) fn each<'a, T>(
    blocks: impl Iterator<Item = &'a Block>,
    build: impl Fn(&'a Block) -> Result<T, Problem>,
) -> Result<Vec<T>, Problem> {
    blocks.map(build).collect()
}

fn tenant(block: &Block) -> Result<Tenant, Problem> {
    let member = |member: &Block| {
        Ok(TenantMember {
            neighborhood: member.get(&MEMBER_NEIGHBORHOOD)?,
            prefixes: member.all(&MEMBER_ADDRESS)?,
        })
    };
    Ok(Tenant {
        name: block.get(&TENANT_NAME)?,
        members: each(block.blocks(&TENANT_MEMBER), member)?,
    })
}

fn policy(block: &Block) -> Result<ServicePolicy, Problem> {
    Ok(ServicePolicy {
        name: block.get(&NAME)?,
        transport_state_enforcement: block.get(&TRANSPORT_STATE_ENFORCEMENT)?,
    })
}

fn service(block: &Block, policies: &[ServicePolicy]) -> Result<Service, Problem> {
    let access = |access: &Block| {
        Ok(AccessPolicy {
            source: access.get(&SOURCE)?,
            permission: access.get(&PERMISSION)?,
        })
    };
    let policy: Option<types::Name> = block.find(&SERVICE_POLICY_REF)?;
    let enforcement = match &policy {
        Some(name) => policies
            .iter()
            .find(|policy| policy.name == *name)
            .map(|policy| policy.transport_state_enforcement),
        None => default_enforcement(),
    };
    Ok(Service {
        name: block.get(&NAME)?,
        scope: block.get(&SCOPE)?,
        addresses: block.all(&SERVICE_ADDRESS)?,
        transports: each(block.blocks(&TRANSPORT), transport)?,
        access: each(block.blocks(&ACCESS_POLICY), access)?,
        source_nat: block.get(&SERVICE_SOURCE_NAT)?,
        transport_state_enforcement: enforcement
            .ok_or_else(|| block.missing(&SERVICE_POLICY_REF))?,
        policy,
    })
}

/// What a service-policy says that nobody changed.
fn default_enforcement() -> Option<TransportStateEnforcement> {
    Value::read(TRANSPORT_STATE_ENFORCEMENT.default_value()?)
}

fn transport(block: &Block) -> Result<Transport, Problem> {
    let range = |range: &Block| {
        let first = range.get(&START_PORT)?;
        let last = range.find(&END_PORT)?.unwrap_or(first);
        Ok(PortRange { first, last })
    };
    Ok(Transport {
        protocol: block.get(&PROTOCOL)?,
        ports: each(block.blocks(&PORT_RANGE), range)?,
    })
}

fn session_type(block: &Block) -> Result<SessionType, Problem> {
    Ok(SessionType {
        name: block.get(&NAME)?,
        timeouts: Timeouts {
            idle: Duration::from_millis(block.get(&TIMEOUT)?),
            initial: Duration::from_millis(block.get(&INITIAL_TIMEOUT)?),
        },
        transports: each(block.blocks(&TRANSPORT), transport)?,
    })
}

const fn protocol_timeouts(of: &ProtocolTimeouts) -> Timeouts {
    Timeouts {
        idle: Duration::from_millis(of.timeout_ms),
        initial: Duration::from_millis(of.initial_timeout_ms),
    }
}
