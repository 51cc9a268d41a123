//! Services and session-types: who is let in, and that no two of them claim the same packets.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use crate::candidate::Block;
use crate::findings::Findings;
use crate::schema::authority::{
    ACCESS_POLICY, END_PORT, PERMISSION, PORT_RANGE, PROTOCOL, SCOPE, SERVICE, SERVICE_ADDRESS,
    SERVICE_ENABLED, SERVICE_POLICY, SERVICE_POLICY_REF, SESSION_TYPE, SOURCE, START_PORT, TENANT,
    TRANSPORT,
};
use crate::valid::{Permission, Scope, Source, TransportProtocol};

pub(super) fn check(authority: &Block, findings: &mut Findings) {
    let tenants: BTreeSet<&str> = authority.blocks(&TENANT).map(Block::key).collect();
    let policies: BTreeSet<&str> = authority.blocks(&SERVICE_POLICY).map(Block::key).collect();
    for service in authority.blocks(&SERVICE) {
        check_transports(service, findings);
        check_access(service, &tenants, findings);
        let policy = service.words(&SERVICE_POLICY_REF).next();
        if policy.is_some_and(|policy| !policies.contains(policy.text.as_str())) {
            findings.error_with(|| {
                let known = policies.iter().copied();
                service.unknown(&SERVICE_POLICY_REF, "service-policy", known)
            });
        }
    }
    let named: BTreeSet<&str> = authority
        .blocks(&SERVICE)
        .flat_map(|service| service.words(&SERVICE_POLICY_REF))
        .map(|name| name.text.as_str())
        .collect();
    for policy in authority.blocks(&SERVICE_POLICY) {
        if !named.contains(policy.key()) {
            findings.warning(policy.complain(
                "it has no effect: no service names it",
                "name it in a service, or take it away",
            ));
        }
    }
    check_service_claims(authority, findings);
    for kind in authority.blocks(&SESSION_TYPE) {
        check_transports(kind, findings);
        if kind.block(&TRANSPORT).is_none() {
            findings.error(kind.complain(
                "it has no transport, so it covers nothing",
                "add a transport such as tcp, with or without port-range",
            ));
        }
    }
    check_type_claims(authority, findings);
}

fn check_transports(block: &Block, findings: &mut Findings) {
    for transport in block.blocks(&TRANSPORT) {
        let icmp = transport.peek(&PROTOCOL) == Some(TransportProtocol::Icmp);
        for range in transport.blocks(&PORT_RANGE) {
            if icmp {
                findings.error(range.complain("ICMP has no ports", "take the port-range away"));
            }
            let first: Option<u16> = range.peek(&START_PORT);
            let last: Option<u16> = range.peek(&END_PORT);
            if first.zip(last).is_some_and(|(first, last)| last < first) {
                findings.error(range.blame(
                    &END_PORT,
                    "the range ends before it starts",
                    "type an end-port that is not below start-port",
                ));
            }
        }
    }
}

fn check_access(service: &Block, tenants: &BTreeSet<&str>, findings: &mut Findings) {
    let mut somebody = false;
    let mut sources: BTreeMap<(Option<types::Name>, Option<IpNet>), &str> = BTreeMap::new();
    for access in service.blocks(&ACCESS_POLICY) {
        somebody |= access.peek(&PERMISSION) == Some(Permission::Allow);
        let Some(source) = access.peek::<Source>(&SOURCE) else {
            continue;
        };
        if let Some(tenant) = &source.tenant
            && !tenants.contains(tenant.as_str())
        {
            findings.error_with(|| access.unknown(&SOURCE, "tenant", tenants.iter().copied()));
        }
        if let Some(first) = sources.insert((source.tenant, source.prefix), access.key()) {
            findings.error(access.blame(
                &SOURCE,
                format!("the access-policy {first} is about the same source"),
                "keep one of the two",
            ));
        }
    }
    let private = service.peek(&SCOPE) == Some(Scope::Private);
    if private && !somebody && service.peek(&SERVICE_ENABLED) == Some(true) {
        findings.warning(service.complain(
            "it is private and no access-policy allows anybody: nobody can use it",
            "add an access-policy with a tenant, or set scope public",
        ));
    }
}

/// A protocol with its first and last port.
type Claim = (TransportProtocol, u16, u16);

/// What the transports of a block cover; `None` is all traffic.
fn claims(block: &Block) -> Vec<Option<Claim>> {
    let mut claims = Vec::new();
    for transport in block.blocks(&TRANSPORT) {
        let Some(protocol) = transport.peek(&PROTOCOL) else {
            continue;
        };
        if transport.block(&PORT_RANGE).is_none() {
            claims.push(Some((protocol, 0, u16::MAX)));
        }
        for range in transport.blocks(&PORT_RANGE) {
            if let Some(first) = range.peek(&START_PORT) {
                let last = range.peek(&END_PORT).unwrap_or(first);
                claims.push(Some((protocol, first, last)));
            }
        }
    }
    if block.block(&TRANSPORT).is_none() {
        claims.push(None);
    }
    claims
}

/// Of services on one prefix the narrower range wins; with the same range one would never be used.
fn check_service_claims(authority: &Block, findings: &mut Findings) {
    let mut taken: BTreeMap<(IpNet, Option<Claim>), &str> = BTreeMap::new();
    let enabled = |service: &&Block| service.peek(&SERVICE_ENABLED) == Some(true);
    for service in authority.blocks(&SERVICE).filter(enabled) {
        let prefixes: BTreeSet<IpNet> = service
            .words(&SERVICE_ADDRESS)
            .filter_map(|word| crate::text::prefix(&word.text))
            .collect();
        let all = claims(service);
        for prefix in prefixes {
            let other = all.iter().find_map(|claim| {
                let first = *taken.entry((prefix, *claim)).or_insert(service.key());
                (first != service.key()).then_some(first)
            });
            if let Some(other) = other {
                findings.error(service.complain(
                    format!("service {other} offers {prefix} for the same transport already"),
                    "merge the two, or give one of them other addresses or ports",
                ));
            }
        }
    }
}

fn check_type_claims(authority: &Block, findings: &mut Findings) {
    let mut taken: BTreeMap<Claim, &str> = BTreeMap::new();
    for kind in authority.blocks(&SESSION_TYPE) {
        for claim in claims(kind).into_iter().flatten() {
            let first = *taken.entry(claim).or_insert(kind.key());
            if first != kind.key() {
                findings.error(kind.complain(
                    format!("session-type {first} covers the same ports already"),
                    "take the transport out of one of the two",
                ));
            }
        }
    }
}
