//! What somebody may say who is no member yet: read and judged before anybody is asked to agree.
//!
//! Whoever reaches the port can ask to join, so nothing of it is believed, kept or repeated before it was
//! looked at. Each rule has a name in [`Unwelcome`]; what is repeated is cut and escaped, because it ends
//! up in logs and on terminals.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use identity::{Label, LabelError, Request, Secret, fingerprint};
use proto::raft::JoinRequest;
use raft_state::Newcomer;
use types::Fingerprint;

use crate::network::Failure;
use crate::version::{self, TooOld};

/// A member has one address for each HA link.
const ADDRESSES: usize = 4;
/// No address is longer in text: eight groups, a scope, a port.
const ADDRESS_CHARACTERS: usize = 80;
/// A name is one label of a DNS name.
const NAME_CHARACTERS: usize = 63;
/// "1.2.3-rc.4+build" and some.
const SOFTWARE_CHARACTERS: usize = 64;
/// Of what a stranger said, so much is repeated to it and to the log.
const REPEATED_CHARACTERS: usize = 40;

/// Why a question to be taken in is not passed on.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Unwelcome {
    #[error("this is cluster {ours}, and the token is of cluster {theirs}")]
    OtherCluster { ours: String, theirs: Quoted },
    #[error(transparent)]
    TooOld(#[from] TooOld),
    #[error("the name has {0} characters; it may have 1 to {NAME_CHARACTERS}")]
    LongName(usize),
    #[error(transparent)]
    Name(#[from] LabelError),
    #[error("the secret has {0} bytes, which no token's has")]
    Secret(usize),
    #[error("a member has one to four addresses, not {0}")]
    Addresses(usize),
    #[error("{0} is no address and port")]
    NotAnAddress(Quoted),
    #[error("nobody can be reached at {0}: it {1}")]
    NoPlace(SocketAddr, &'static str),
    #[error("{0} is named twice")]
    Twice(SocketAddr),
    #[error("{0} is no version of software")]
    Software(Quoted),
}

impl From<Unwelcome> for Failure {
    fn from(unwelcome: Unwelcome) -> Self {
        let reason = unwelcome.to_string();
        match unwelcome {
            Unwelcome::OtherCluster { .. }
            | Unwelcome::TooOld(_)
            | Unwelcome::LongName(_)
            | Unwelcome::Name(_) => Self::Refused(reason),
            Unwelcome::Secret(_)
            | Unwelcome::Addresses(_)
            | Unwelcome::NotAnAddress(_)
            | Unwelcome::NoPlace(..)
            | Unwelcome::Twice(_)
            | Unwelcome::Software(_) => Self::Invalid(reason),
        }
    }
}

/// The beginning of a stranger's text, in one line of printable characters.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct Quoted(String);

impl Quoted {
    fn new(text: &str) -> Self {
        let mut characters = text.chars();
        let begin: String = characters.by_ref().take(REPEATED_CHARACTERS).collect();
        let more = if characters.next().is_some() {
            "…"
        } else {
            ""
        };
        Self(format!("{begin:?}{more}"))
    }
}

impl fmt::Display for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A question to be taken in of which everything can be what it says it is.
#[derive(Debug)]
pub(crate) struct Stranger {
    /// Hash of the token's secret.
    pub(crate) token: Fingerprint,
    pub(crate) name: Label,
    pub(crate) newcomer: Newcomer,
    /// For a certificate; whether it was made by the key's owner is the authority's to check.
    pub(crate) request: Request,
    pub(crate) software: String,
}

impl Stranger {
    /// Reads a `question` to a member of `cluster`.
    pub(crate) fn read(cluster: &str, question: JoinRequest) -> Result<Self, Unwelcome> {
        if question.cluster_id != cluster {
            return Err(Unwelcome::OtherCluster {
                ours: cluster.to_owned(),
                theirs: Quoted::new(&question.cluster_id),
            });
        }
        version::check(question.protocol)?;
        if question.name.len() > NAME_CHARACTERS {
            return Err(Unwelcome::LongName(question.name.len()));
        }
        let name = Label::new(&question.name)?;
        let secret =
            Secret::from_bytes(&question.secret).ok_or(Unwelcome::Secret(question.secret.len()))?;
        let addresses = addresses(&question.addresses)?;
        let printable = |text: &str| text.chars().all(|character| character.is_ascii_graphic());
        if question.software.len() > SOFTWARE_CHARACTERS || !printable(&question.software) {
            return Err(Unwelcome::Software(Quoted::new(&question.software)));
        }
        let request = Request {
            public_key: question.public_key.to_vec(),
            signature: question.signature.to_vec(),
        };
        Ok(Self {
            token: secret.hash(),
            newcomer: Newcomer {
                name: name.to_name(),
                key: fingerprint(&request.public_key),
                addresses,
            },
            name,
            request,
            software: question.software,
        })
    }
}

fn addresses(texts: &[String]) -> Result<Vec<SocketAddr>, Unwelcome> {
    if !(1..=ADDRESSES).contains(&texts.len()) {
        return Err(Unwelcome::Addresses(texts.len()));
    }
    let mut known = BTreeSet::new();
    texts
        .iter()
        .map(|text| {
            let parsed = (text.len() <= ADDRESS_CHARACTERS).then(|| text.parse::<SocketAddr>());
            let address = parsed
                .and_then(Result::ok)
                .ok_or_else(|| Unwelcome::NotAnAddress(Quoted::new(text)))?;
            check_address(address).map_err(|why| Unwelcome::NoPlace(address, why))?;
            if !known.insert(address) {
                return Err(Unwelcome::Twice(address));
            }
            Ok(address)
        })
        .collect()
}

/// What is wrong with an address where a member is to be reached.
pub fn check_address(address: SocketAddr) -> Result<(), &'static str> {
    let ip = address.ip().to_canonical();
    if address.port() == 0 {
        Err("has port 0, on which nobody is reached")
    } else if ip.is_unspecified() {
        Err("is every address of a machine and none that others can reach")
    } else if ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
        Err("is of many machines")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn honest() -> JoinRequest {
        JoinRequest {
            cluster_id: "west".to_owned(),
            protocol: version::PROTOCOL,
            software: version::SOFTWARE.to_owned(),
            secret: vec![7; 20].into(),
            name: "b".to_owned(),
            addresses: vec!["192.0.2.1:4000".to_owned(), "[2001:db8::1]:4000".to_owned()],
            public_key: vec![4; 65].into(),
            signature: vec![1; 70].into(),
        }
    }

    fn said(change: impl FnOnce(&mut JoinRequest)) -> Failure {
        let mut question = honest();
        change(&mut question);
        Stranger::read("west", question).unwrap_err().into()
    }

    #[test]
    fn an_honest_question_is_read_as_it_was_meant() {
        let stranger = Stranger::read("west", honest()).unwrap();
        assert_eq!(stranger.name.as_str(), "b");
        assert_eq!(stranger.newcomer.addresses.len(), 2);
        assert_eq!(stranger.newcomer.key, fingerprint(&[4; 65]));
    }

    #[test]
    fn each_absurdity_has_a_name() {
        let places = |texts: &[&str]| {
            let texts: Vec<_> = texts.iter().map(|text| (*text).to_owned()).collect();
            said(|question| question.addresses = texts)
        };
        let cases = [
            (
                said(|q| q.cluster_id = "east".to_owned()),
                "cluster \"east\"",
            ),
            (said(|q| q.protocol = 0), "protocol 0"),
            (said(|q| q.name = "a".repeat(16_000)), "16000 characters"),
            (said(|q| q.name = "A".to_owned()), "'A'"),
            (said(|q| q.name.clear()), "0 characters"),
            (said(|q| q.secret = vec![7; 19].into()), "19 bytes"),
            (said(|q| q.software = "x".repeat(65)), "no version"),
            (said(|q| q.software = "\u{1b}[2J".to_owned()), "no version"),
            (places(&[]), "not 0"),
            (places(&["192.0.2.1:1"; 5]), "not 5"),
            (places(&["192.0.2.1"]), "no address and port"),
            (places(&["192.0.2.1:1", "192.0.2.1:1"]), "named twice"),
            (places(&["0.0.0.0:1"]), "nobody can be reached"),
            (places(&["192.0.2.1:0"]), "nobody can be reached"),
            (places(&["224.0.0.18:1"]), "nobody can be reached"),
            (places(&["255.255.255.255:1"]), "nobody can be reached"),
            (places(&["[::]:1"]), "nobody can be reached"),
            (places(&["[::ffff:0.0.0.0]:1"]), "nobody can be reached"),
            (places(&["[ff02::1]:1"]), "nobody can be reached"),
        ];
        for (failure, reason) in cases {
            assert!(failure.to_string().contains(reason), "{failure}: {reason}");
        }
    }

    #[test]
    fn what_a_stranger_said_is_repeated_in_one_short_line() {
        let long = "line\r\n\u{1b}[31m".repeat(1_000);
        for failure in [
            said(|question| question.cluster_id.clone_from(&long)),
            said(|question| question.name.clone_from(&long)),
            said(|question| question.software.clone_from(&long)),
            said(|question| question.addresses = vec![long.clone()]),
        ] {
            let text = failure.to_string();
            assert!(text.len() < 400, "{} bytes", text.len());
            assert!(!text.contains(char::is_control), "{text:?}");
        }
    }
}
