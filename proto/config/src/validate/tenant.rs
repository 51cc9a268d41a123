//! Tenants: who belongs to them, and where their traffic arrives.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use super::view;
use super::view::Router;
use crate::candidate::Block;
use crate::findings::Findings;
use crate::schema::authority::{MEMBER_ADDRESS, MEMBER_NEIGHBORHOOD, TENANT, TENANT_MEMBER};
use crate::schema::interface::{INTERFACE_TENANT, NEIGHBORHOOD};

pub(super) fn check(authority: &Block, routers: &[Router<'_>], findings: &mut Findings) {
    let tenants: BTreeSet<&str> = authority.blocks(&TENANT).map(Block::key).collect();
    let members = || {
        authority
            .blocks(&TENANT)
            .flat_map(|tenant| tenant.blocks(&TENANT_MEMBER))
    };
    let wanted: BTreeSet<&str> = members().map(Block::key).collect();
    let interfaces = || routers.iter().flat_map(Router::interfaces);
    let offered: BTreeSet<&str> = interfaces()
        .flat_map(|interface| interface.block.blocks(&NEIGHBORHOOD))
        .map(Block::key)
        .collect();

    for member in members().filter(|member| !offered.contains(member.key())) {
        findings.error(member.blame(
            &MEMBER_NEIGHBORHOOD,
            "no network-interface is in this neighborhood, so the member covers nobody",
            "add neighborhood to the network-interfaces that it is about",
        ));
    }
    check_claims(authority, findings);
    for interface in interfaces() {
        check_interface(interface, &tenants, &wanted, findings);
    }
}

/// One sender belongs to one tenant: no prefix of a neighborhood may be in two of them.
fn check_claims(authority: &Block, findings: &mut Findings) {
    let mut claims: BTreeMap<(&str, IpNet), &str> = BTreeMap::new();
    for tenant in authority.blocks(&TENANT) {
        for member in tenant.blocks(&TENANT_MEMBER) {
            for prefix in member.all::<IpNet>(&MEMBER_ADDRESS).unwrap_or_default() {
                let first = *claims.entry((member.key(), prefix)).or_insert(tenant.key());
                if first != tenant.key() {
                    findings.error(member.complain(
                        format!("{prefix} is a member of tenant {first} already"),
                        "take it out of one of the two tenants",
                    ));
                }
            }
        }
    }
}

fn check_interface(
    interface: &view::Interface<'_>,
    tenants: &BTreeSet<&str>,
    wanted: &BTreeSet<&str>,
    findings: &mut Findings,
) {
    let tenant = interface.block.words(&INTERFACE_TENANT).next();
    if let Some(tenant) = tenant
        && !tenants.contains(tenant.text.as_str())
    {
        findings.error_with(|| {
            let known = tenants.iter().copied();
            interface.block.unknown(&INTERFACE_TENANT, "tenant", known)
        });
    }
    for neighborhood in interface.block.blocks(&NEIGHBORHOOD) {
        if tenant.is_some() {
            findings.warning(neighborhood.complain(
                "it has no effect: the network-interface names its tenant itself",
                "take away the neighborhood or the tenant",
            ));
        } else if !wanted.contains(neighborhood.key()) {
            findings.warning(neighborhood.complain(
                "it has no effect: no tenant has a member in this neighborhood",
                "add a member to a tenant, or take the neighborhood away",
            ));
        }
    }
}
