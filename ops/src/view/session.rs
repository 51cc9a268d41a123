//! Sessions: which ones were asked for, and what is said about each.

use std::net::{AddrParseError, IpAddr};

use proto::ops::{Flow, Session, SessionsReply, ShowSessionsRequest};
use types::{Endpoint, FlowKey, Giid, Name, Protocol, SessionRecord, TcpState};

/// Most sessions in one reply, about 30 MB of it. A table of a million is for `total`, not for reading.
const LIMIT: usize = 100_000;

/// Which sessions an operator wants to see. Absent filters admit everything.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SessionFilter {
    /// Most sessions to list.
    pub limit: usize,
    /// Name of the service.
    pub service: Option<Name>,
    /// Name of the source tenant.
    pub tenant: Option<Name>,
    /// IP protocol.
    pub protocol: Option<Protocol>,
    /// An address that either direction carries.
    pub address: Option<IpAddr>,
    /// A port or ICMP identifier that either direction carries.
    pub port: Option<u16>,
}

/// Why a filter means nothing.
#[derive(Debug, thiserror::Error)]
pub enum InvalidFilter {
    /// Not an IPv4 or IPv6 address.
    #[error("address '{text}' is not an IPv4 or IPv6 address")]
    Address {
        /// What was given.
        text: String,
        /// What the parser said.
        #[source]
        cause: AddrParseError,
    },
    /// Beyond 65535.
    #[error("port {0} is not between 0 and 65535")]
    Port(u32),
    /// Beyond 255.
    #[error("protocol {0} is not between 0 and 255")]
    Protocol(u32),
}

impl TryFrom<ShowSessionsRequest> for SessionFilter {
    type Error = InvalidFilter;

    fn try_from(request: ShowSessionsRequest) -> Result<Self, InvalidFilter> {
        let address = |text: String| {
            text.parse()
                .map_err(|cause| InvalidFilter::Address { text, cause })
        };
        let port = |port| u16::try_from(port).map_err(|_| InvalidFilter::Port(port));
        let protocol = |number| {
            u8::try_from(number)
                .map(Protocol)
                .map_err(|_| InvalidFilter::Protocol(number))
        };
        Ok(Self {
            limit: match usize::try_from(request.limit) {
                Ok(0) | Err(_) => LIMIT,
                Ok(limit) => limit.min(LIMIT),
            },
            service: request.service.map(Name::from),
            tenant: request.tenant.map(Name::from),
            protocol: request.protocol.map(protocol).transpose()?,
            address: request.address.map(address).transpose()?,
            port: request.port.map(port).transpose()?,
        })
    }
}

impl SessionFilter {
    /// Whether it selects nothing, so that any `limit` records of the table are an answer.
    pub const fn admits_all(&self) -> bool {
        self.service.is_none()
            && self.tenant.is_none()
            && self.protocol.is_none()
            && self.address.is_none()
            && self.port.is_none()
    }

    /// Whether the operator wants to see this session.
    pub fn admits(&self, record: &SessionRecord) -> bool {
        let ends = [
            record.forward.src,
            record.forward.dst,
            record.reverse.src,
            record.reverse.dst,
        ];
        self.service
            .as_ref()
            .is_none_or(|service| record.service == *service)
            && self
                .tenant
                .as_ref()
                .is_none_or(|tenant| record.tenant.as_ref() == Some(tenant))
            && self
                .protocol
                .is_none_or(|protocol| record.forward.protocol == protocol)
            && self
                .address
                .is_none_or(|address| ends.iter().any(|end| end.ip == address))
            && self
                .port
                .is_none_or(|port| ends.iter().any(|end| end.port == port))
    }
}

/// Sessions as a reply, oldest first.
///
/// `total` counts the whole table. `records` are all of it, or any `filter.limit` of them when the
/// filter [admits all](SessionFilter::admits_all). `name` gives an interface's operator name.
pub fn sessions(
    records: impl IntoIterator<Item = SessionRecord>,
    total: u64,
    filter: &SessionFilter,
    now_unix_ms: u64,
    name: impl Fn(Giid) -> String,
) -> SessionsReply {
    let mut records: Vec<_> = records
        .into_iter()
        .filter(|record| filter.admits(record))
        .collect();
    let found = u64::try_from(records.len()).unwrap_or(u64::MAX);
    let matched = if filter.admits_all() {
        total.max(found)
    } else {
        found
    };
    records.sort_unstable_by_key(|record| (record.opened_unix_ms, record.id));
    records.truncate(filter.limit);
    let sessions = records
        .iter()
        .map(|record| session(record, now_unix_ms, &name))
        .collect();
    SessionsReply {
        total: total.max(found),
        matched,
        sessions,
        ..SessionsReply::default()
    }
}

fn session(record: &SessionRecord, now_unix_ms: u64, name: &impl Fn(Giid) -> String) -> Session {
    let forward = flow(&record.forward, name(record.ingress), record.source_nat());
    let reverse = flow(&record.reverse, name(record.forward_hop.interface), None);
    Session {
        id: record.id.to_string(),
        service: record.service.to_string(),
        tenant: record.tenant.as_ref().map(Name::to_string),
        protocol: record.forward.protocol.to_string(),
        state: state(record).to_owned(),
        owner: u32::from(record.owner.0),
        epoch: record.epoch.to_string(),
        version: record.version,
        timeout_ms: u32::try_from(record.idle_timeout().as_millis()).unwrap_or(u32::MAX),
        uptime_ms: now_unix_ms.saturating_sub(record.opened_unix_ms),
        forward: Some(forward),
        reverse: Some(reverse),
    }
}

fn flow(key: &FlowKey, interface: String, nat: Option<Endpoint>) -> Flow {
    Flow {
        interface,
        src_ip: key.src.ip.to_string(),
        src_port: u32::from(key.src.port),
        dst_ip: key.dst.ip.to_string(),
        dst_port: u32::from(key.dst.port),
        nat_ip: nat.map(|end| end.ip.to_string()),
        nat_port: nat.map(|end| u32::from(end.port)),
    }
}

/// The TCP state in RFC 9293's words; for other protocols whether both sides have spoken.
const fn state(record: &SessionRecord) -> &'static str {
    match record.tcp {
        Some(TcpState::SynSent) => "syn-sent",
        Some(TcpState::SynReceived) => "syn-received",
        Some(TcpState::Established) => "established",
        Some(TcpState::FinWait(_)) => "fin-wait",
        Some(TcpState::Closing) => "closing",
        Some(TcpState::TimeWait) => "time-wait",
        Some(TcpState::Reset) => "reset",
        None if record.established => "established",
        None => "opening",
    }
}

#[cfg(test)]
mod tests {
    use types::{Epoch, Hop, NodeId, SessionId};

    use super::*;

    fn record(id: u128, src_port: u16) -> SessionRecord {
        let end = |ip: &str, port| Endpoint::new(ip.parse().unwrap(), port);
        let server = end("203.0.113.80", 443);
        let outside = end("198.51.100.1", 20_000 + src_port);
        SessionRecord {
            id: SessionId(id),
            owner: NodeId(1),
            epoch: Epoch(0x701),
            version: 3,
            forward: FlowKey {
                src: end("192.0.2.10", src_port),
                dst: server,
                protocol: Protocol::TCP,
            },
            reverse: FlowKey {
                src: server,
                dst: outside,
                protocol: Protocol::TCP,
            },
            ingress: Giid(1),
            forward_hop: Hop {
                interface: Giid(2),
                neighbor: "198.51.100.254".parse().unwrap(),
            },
            reverse_hop: Hop {
                interface: Giid(1),
                neighbor: "192.0.2.10".parse().unwrap(),
            },
            service: Name::from("web"),
            tenant: Some(Name::from("staff")),
            tcp: Some(TcpState::Established),
            established: true,
            initial_timeout_ms: 10_000,
            timeout_ms: 1_900_000,
            opened_unix_ms: 1_000 + u64::from(src_port),
        }
    }

    fn filter(request: ShowSessionsRequest) -> SessionFilter {
        SessionFilter::try_from(request).unwrap()
    }

    fn name(giid: Giid) -> String {
        if giid == Giid(1) { "lan" } else { "wan" }.to_owned()
    }

    #[test]
    fn a_session_shows_both_directions_as_they_arrive_and_its_translation_once() {
        let everything = filter(ShowSessionsRequest::default());
        let reply = sessions([record(1, 5000)], 1, &everything, 66_000, name);
        let [session] = reply.sessions.as_slice() else {
            panic!("{reply:?}")
        };
        assert_eq!(session.uptime_ms, 60_000);
        assert_eq!(
            (session.epoch.as_str(), session.state.as_str()),
            ("7.1", "established")
        );
        let (forward, reverse) = (
            session.forward.as_ref().unwrap(),
            session.reverse.as_ref().unwrap(),
        );
        assert_eq!(
            (forward.interface.as_str(), reverse.interface.as_str()),
            ("lan", "wan")
        );
        assert_eq!(forward.nat_ip.as_deref(), Some("198.51.100.1"));
        assert_eq!((forward.nat_port, reverse.nat_port), (Some(25_000), None));
        assert_eq!(reverse.dst_port, 25_000);
    }

    #[test]
    fn each_filter_must_agree_and_translated_ends_count_too() {
        let given = record(1, 5000);
        let admitted = |request| filter(request).admits(&given);
        let request = ShowSessionsRequest::default;
        assert!(admitted(request()));
        for (address, port, expected) in [
            ("192.0.2.10", 5000, true),
            ("198.51.100.1", 25_000, true),
            ("192.0.2.11", 5000, false),
            ("192.0.2.10", 5001, false),
        ] {
            let asked = ShowSessionsRequest {
                address: Some(address.to_owned()),
                port: Some(port),
                ..request()
            };
            assert_eq!(admitted(asked), expected, "{address} {port}");
        }
        assert!(!admitted(ShowSessionsRequest {
            service: Some("dns".to_owned()),
            ..request()
        }));
        assert!(!admitted(ShowSessionsRequest {
            tenant: Some("guest".to_owned()),
            ..request()
        }));
        assert!(!admitted(ShowSessionsRequest {
            protocol: Some(17),
            ..request()
        }));
    }

    #[test]
    fn the_oldest_come_first_and_the_limit_hides_no_count() {
        let asked = filter(ShowSessionsRequest {
            limit: 2,
            service: Some("web".to_owned()),
            ..ShowSessionsRequest::default()
        });
        let reply = sessions(
            [record(1, 30), record(2, 10), record(3, 20)],
            9,
            &asked,
            5_000,
            name,
        );
        let ports: Vec<_> = reply
            .sessions
            .iter()
            .map(|line| line.forward.as_ref().unwrap().src_port)
            .collect();
        assert_eq!(ports, [10, 20]);
        assert_eq!((reply.total, reply.matched), (9, 3));
    }

    #[test]
    fn a_filter_that_means_nothing_is_refused_by_name() {
        let refused = |request: ShowSessionsRequest| {
            SessionFilter::try_from(request).unwrap_err().to_string()
        };
        let request = ShowSessionsRequest::default;
        assert_eq!(
            refused(ShowSessionsRequest {
                address: Some("192.0.2".to_owned()),
                ..request()
            }),
            "address '192.0.2' is not an IPv4 or IPv6 address"
        );
        assert_eq!(
            refused(ShowSessionsRequest {
                port: Some(70_000),
                ..request()
            }),
            "port 70000 is not between 0 and 65535"
        );
        assert_eq!(
            refused(ShowSessionsRequest {
                protocol: Some(256),
                ..request()
            }),
            "protocol 256 is not between 0 and 255"
        );
    }
}
