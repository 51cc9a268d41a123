//! Finds the service of a destination.
//!
//! Each prefix carries one flat list of candidates: its own services and those of every wider prefix,
//! in the order in which they are to be tried. So a lookup is one longest match and one walk.

use std::net::IpAddr;

use ipnet::IpNet;
use prefix_trie::joint::map::JointPrefixMap;
use types::{Name, Protocol};

use super::access::Access;
use super::input::{Route, ServiceInput, Transport, TransportEnforcement};

#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) name: Name,
    pub(crate) access: Access,
    pub(crate) source_nat: bool,
    pub(crate) route: Route,
    pub(crate) enforcement: TransportEnforcement,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Services {
    services: Vec<Service>,
    prefixes: JointPrefixMap<IpNet, Vec<Candidate>>,
}

/// A service offered for one transport; `None` is all of them.
#[derive(Clone, Debug)]
struct Candidate {
    transport: Option<Transport>,
    service: usize,
}

impl Services {
    pub(crate) fn new(mut inputs: Vec<ServiceInput>) -> Self {
        // Name order makes the answer independent of the configuration's order among equals.
        inputs.sort_by(|a, b| a.name.cmp(&b.name));
        let own = own_candidates(&inputs);
        let mut prefixes = JointPrefixMap::new();
        for (prefix, _) in &own {
            // `cover` goes from wide to narrow; the narrow ones are tried first.
            let mut lists: Vec<_> = own.cover(&prefix).map(|(_, list)| list).collect();
            lists.reverse();
            prefixes.insert(prefix, lists.into_iter().flatten().cloned().collect());
        }
        let services = inputs.into_iter().map(compile).collect();
        Self { services, prefixes }
    }

    pub(crate) fn find(
        &self,
        destination: IpAddr,
        protocol: Protocol,
        port: u16,
    ) -> Option<&Service> {
        let (_, candidates) = self.prefixes.get_lpm(&IpNet::from(destination))?;
        let found = candidates.iter().find(|candidate| {
            let transport = candidate.transport.as_ref();
            transport.is_none_or(|transport| transport.covers(protocol, port))
        })?;
        self.services.get(found.service)
    }
}

/// The candidates of each prefix itself: narrow port ranges first, services for all transports last.
fn own_candidates(inputs: &[ServiceInput]) -> JointPrefixMap<IpNet, Vec<Candidate>> {
    let mut own: JointPrefixMap<IpNet, Vec<Candidate>> = JointPrefixMap::new();
    for (service, input) in inputs.iter().enumerate() {
        for prefix in &input.prefixes {
            let list = own.entry(prefix.trunc()).or_default();
            if input.transports.is_empty() {
                list.push(Candidate {
                    transport: None,
                    service,
                });
            }
            list.extend(input.transports.iter().map(|transport| Candidate {
                transport: Some(transport.clone()),
                service,
            }));
        }
    }
    for list in own.iter_mut().map(|(_, list)| list) {
        list.sort_by_key(|candidate| {
            let transport = candidate.transport.as_ref();
            (transport.is_none(), transport.map_or(0, Transport::width))
        });
    }
    own
}

fn compile(input: ServiceInput) -> Service {
    Service {
        name: input.name,
        access: Access::new(input.access, input.scope),
        source_nat: input.source_nat,
        route: input.route,
        enforcement: input.enforcement,
    }
}
