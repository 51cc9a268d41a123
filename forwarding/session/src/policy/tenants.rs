//! Finds the tenant of a sender by its address, and knows who is whose child.

use std::net::IpAddr;

use ipnet::IpNet;
use prefix_trie::joint::map::JointPrefixMap;
use types::{Giid, Name};

use super::input::TenantInput;

/// Member prefixes of all tenants.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tenants {
    members: JointPrefixMap<IpNet, Vec<Member>>,
}

#[derive(Clone, Debug)]
struct Member {
    interface: Option<Giid>,
    tenant: Name,
}

impl Tenants {
    pub(crate) fn new(tenants: &[TenantInput]) -> Self {
        let mut members: JointPrefixMap<IpNet, Vec<Member>> = JointPrefixMap::new();
        for tenant in tenants {
            for member in &tenant.members {
                members
                    .entry(member.prefix.trunc())
                    .or_default()
                    .push(Member {
                        interface: member.interface,
                        tenant: tenant.name.clone(),
                    });
            }
        }
        Self { members }
    }

    /// The tenant whose members hold `source` most specifically, as seen on `interface`. A member that
    /// names the interface stands before one of the same prefix that does not.
    pub(crate) fn find(&self, interface: Giid, source: IpAddr) -> Option<&Name> {
        self.members
            .cover(&IpNet::from(source))
            .filter_map(|(_, members)| {
                let on = |wanted| members.iter().find(|member| member.interface == wanted);
                on(Some(interface)).or_else(|| on(None))
            })
            .last()
            .map(|member| &member.tenant)
    }
}

/// How many levels of `tenant` the name `ancestor` covers: `None` when it is no ancestor (or the tenant
/// itself). `corp` covers `staff.corp` and `lab.staff.corp`, but not `xcorp`.
pub(crate) fn covers(ancestor: &Name, tenant: &Name) -> bool {
    let (ancestor, tenant) = (ancestor.as_str(), tenant.as_str());
    match tenant.strip_suffix(ancestor) {
        Some("") => true,
        Some(rest) => rest.ends_with('.'),
        None => false,
    }
}

/// Number of levels in a tenant's name; more of them are more specific.
pub(crate) fn depth(tenant: &Name) -> usize {
    tenant.as_str().split('.').count()
}
