//! Who may use a service.

use std::cmp::Reverse;
use std::net::IpAddr;

use types::Name;

use super::input::{AccessRule, Scope};
use super::tenants::{covers, depth};

/// A service's access rules, the most specific first, and what holds when none of them fits.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    rules: Vec<AccessRule>,
    otherwise: bool,
}

impl Access {
    /// Sorts the rules: longer prefix first, then the deeper tenant, then refusal before permission, so
    /// that the first rule that fits decides.
    pub(crate) fn new(mut rules: Vec<AccessRule>, scope: Scope) -> Self {
        rules.sort_by_key(|rule| {
            let prefix = rule.prefix.map_or(0, |net| u16::from(net.prefix_len()) + 1);
            let tenant = rule.tenant.as_ref().map_or(0, depth);
            (Reverse(prefix), Reverse(tenant), rule.allow)
        });
        Self {
            rules,
            otherwise: match scope {
                Scope::Public => true,
                Scope::Private => false,
            },
        }
    }

    pub(crate) fn admits(&self, tenant: Option<&Name>, source: IpAddr) -> bool {
        self.rules
            .iter()
            .find(|rule| fits(rule, tenant, source))
            .map_or(self.otherwise, |rule| rule.allow)
    }
}

fn fits(rule: &AccessRule, tenant: Option<&Name>, source: IpAddr) -> bool {
    let tenant_fits = match (&rule.tenant, tenant) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(wanted), Some(tenant)) => covers(wanted, tenant),
    };
    tenant_fits && rule.prefix.is_none_or(|net| net.contains(&source))
}
