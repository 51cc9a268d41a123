//! The parts of `node.toml`: members, HA links, security.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use types::{Edition, Name, NodeId};

use super::file::{File, Given, Table};
use super::{HaLink, Member, MemberKind, Security};
use crate::keyword::{self, Keyword};
use crate::schema::{Fault, Kind};

/// Most addresses of a member, and most HA links.
const MAX_LINKS: usize = 4;

/// A name that must be there.
pub(super) fn name(
    table: &mut Table<'_>,
    file: &mut File<'_>,
    key: &'static str,
) -> Option<Given<Name>> {
    let Some(given) = table.text(file, key) else {
        table.missing_unless_given(file, key, &format!("write {key} = \"…\""));
        return None;
    };
    match Kind::Name.check(given.value) {
        Ok(()) => Some(given.map(Name::from)),
        Err(fault) => {
            file.object(&given, fault);
            None
        }
    }
}

/// One of a few words.
pub(super) fn choice<K: Keyword>(
    table: &mut Table<'_>,
    file: &mut File<'_>,
    key: &'static str,
) -> Option<K> {
    let given = table.text(file, key)?;
    if let Err(fault) = Kind::Choice(keyword::words::<K>).check(given.value) {
        file.object(&given, fault);
    }
    keyword::value(given.value)
}

/// A path as it is written.
pub(super) fn path(
    table: &mut Table<'_>,
    file: &mut File<'_>,
    key: &'static str,
) -> Option<Given<PathBuf>> {
    let given = table.text(file, key)?;
    if given.value.is_empty() {
        let fault = Fault::new("it is empty", "write a path");
        file.object(&given, fault);
        return None;
    }
    Some(given.map(PathBuf::from))
}

fn endpoint(file: &mut File<'_>, given: &Given<&str>) -> Option<SocketAddr> {
    let next_step = "write address and port, such as 198.18.0.1:7400 or [2001:db8::1]:7400";
    let reason = match given.value.parse::<SocketAddr>() {
        Err(_) => "it is not an address with a port",
        Ok(address) if address.port() == 0 => "port 0 is nobody's",
        Ok(address) if address.ip().is_unspecified() => "others cannot send to this address",
        Ok(address) if address.ip().is_multicast() => "it is a multicast address",
        Ok(address) => return Some(address),
    };
    file.object(given, Fault::new(reason, next_step));
    None
}

/// Where in the cluster's log the members were agreed on; `tandem` writes it.
pub(super) fn edition(root: &mut Table<'_>, file: &mut File<'_>) -> Option<Edition> {
    let mut table = root.table(file, "membership")?;
    let given = table.text(file, "edition");
    table.finish(file);
    let given = given?;
    let edition = given.value.parse().ok();
    if edition.is_none() {
        let fault = Fault::new(
            "it is not an edition",
            "leave it as `tandem` wrote it, or take the table [membership] away",
        );
        file.object(&given, fault);
    }
    edition
}

pub(super) fn member(mut table: Table<'_>, file: &mut File<'_>) -> Option<Given<Member>> {
    let id = table.byte(file, "id");
    if id.is_none() {
        table.missing_unless_given(file, "id", "write id = and a number from 1 to 255");
    }
    let id = id.filter(|id| {
        if id.value == 0 {
            let fault = Fault::new("0 is nobody's number", "write a number from 1 to 255");
            file.object(id, fault);
        }
        id.value != 0
    });
    let name = name(&mut table, file, "name");
    let kind: Option<MemberKind> = choice(&mut table, file, "kind");
    if kind.is_none() {
        table.missing_unless_given(file, "kind", "write kind = \"node\" or \"witness\"");
    }
    let texts = table.texts(file, "addresses");
    let addresses: Vec<_> = texts
        .iter()
        .filter_map(|text| endpoint(file, text))
        .collect();
    if texts.is_empty() {
        table.missing_unless_given(file, "addresses", "write addresses = [\"198.18.0.1:7400\"]");
    }
    if let Some(extra) = texts.get(MAX_LINKS) {
        let reason = format!("a member has {MAX_LINKS} addresses at most");
        file.object(extra, Fault::new(reason, "keep the best ones"));
    }
    let member = id.zip(name).zip(kind).map(|((id, name), kind)| Member {
        id: NodeId(id.value),
        name: name.value,
        kind,
        addresses,
    });
    let given = member.map(|member| table.given(member));
    table.finish(file);
    given
}

pub(super) fn ha_link(mut table: Table<'_>, file: &mut File<'_>) -> Option<Given<HaLink>> {
    let name = name(&mut table, file, "name");
    let mut end = |table: &mut Table<'_>, key| {
        let text = table.text(file, key);
        if text.is_none() {
            table.missing_unless_given(file, key, &format!("write {key} = \"198.18.0.1:7401\""));
        }
        text.and_then(|text| endpoint(file, &text))
    };
    let local = end(&mut table, "local");
    let remote = end(&mut table, "remote");
    let device = table.text(file, "device");
    if let Some(device) = &device
        && let Err(fault) = Kind::Device.check(device.value)
    {
        file.object(device, fault);
    }
    let link = name
        .zip(local)
        .zip(remote)
        .map(|((name, local), remote)| HaLink {
            name: name.value,
            local,
            remote,
            device: device.map(|device| device.value.to_owned()),
        });
    let link = link.map(|link| table.given(link)).filter(|given| {
        let link = &given.value;
        let at_odds = link.local.is_ipv4() != link.remote.is_ipv4();
        if at_odds || link.local == link.remote {
            let fault = Fault::new(
                "local and remote are not two ends of one link",
                "write two different addresses of the same IP version",
            );
            file.object(&given.clone().map(|link| link.name), fault);
        }
        !at_odds
    });
    table.finish(file);
    link
}

/// At most so many links.
pub(super) fn check_link_count(links: &[Given<HaLink>], file: &mut File<'_>) {
    if let Some(extra) = links.get(MAX_LINKS) {
        let fault = Fault::new(
            format!("two nodes have {MAX_LINKS} HA links at most"),
            "keep the most independent ones",
        );
        file.object(&extra.clone().map(|link| link.name), fault);
    }
}

/// How many session changes may wait. Fewer than a hundred are one burst of packets, and ten million
/// are some gigabytes.
pub(super) fn replication_queue(root: &mut Table<'_>, file: &mut File<'_>) -> Option<u32> {
    let given = root.integer(file, "replication-queue")?;
    if !(100..=10_000_000).contains(&given.value) {
        let fault = Fault::new(
            "it is outside 100–10000000",
            "write a number from 100 to 10000000, or take it away for 200000",
        );
        file.object(&given, fault);
        return None;
    }
    u32::try_from(given.value).ok()
}

/// How far the farthest member is. Half a second is a satellite's way, and an election beyond it takes
/// longer than an operator waits.
pub(super) fn rtt_ms(root: &mut Table<'_>, file: &mut File<'_>) -> Option<u32> {
    let given = root.integer(file, "rtt-ms")?;
    if !(0..=500).contains(&given.value) {
        let fault = Fault::new(
            "it is outside 0–500",
            "write how many milliseconds the farthest member takes to answer, the same on all members",
        );
        file.object(&given, fault);
        return None;
    }
    u32::try_from(given.value).ok()
}

/// The measure of all patience with a leader, in milliseconds.
pub(super) fn election_timeout(root: &mut Table<'_>, file: &mut File<'_>) -> Option<Duration> {
    let given = root.integer(file, "election-timeout-ms")?;
    if !(100..=10_000).contains(&given.value) {
        let fault = Fault::new(
            "it is outside 100–10000",
            "write a number from 100 to 10000, the same for every member, or take it away for 400",
        );
        file.object(&given, fault);
        return None;
    }
    u64::try_from(given.value).ok().map(Duration::from_millis)
}

/// Either TLS or nothing at all, and that in so many words.
pub(super) fn security(root: &mut Table<'_>, file: &mut File<'_>) -> Option<Security> {
    let lab = root.flag(file, "insecure-lab").filter(|lab| lab.value);
    let heartbeat_key = path(root, file, "heartbeat-key-file");
    let tls = root.table(file, "tls");
    match (tls, lab) {
        (Some(mut tls), lab) => {
            if let Some(lab) = lab {
                let fault = Fault::new("there is a [tls] table as well", "keep one of the two");
                file.object(&lab, fault);
            }
            let mut needed = |key| {
                let path = path(&mut tls, file, key);
                if path.is_none() {
                    tls.missing_unless_given(file, key, &format!("write {key} = \"FILE.pem\""));
                }
                path.map(|path| path.value)
            };
            let (ca, certificate, key) = (needed("ca"), needed("certificate"), needed("key"));
            let authority_key = path(&mut tls, file, "authority-key");
            tls.finish(file);
            Some(Security::Tls {
                ca: ca?,
                certificate: certificate?,
                key: key?,
                authority_key: authority_key.map(|path| path.value),
                heartbeat_key_file: heartbeat_key.map(|path| path.value),
            })
        }
        (None, Some(_)) => {
            if let Some(key) = heartbeat_key {
                let fault = Fault::new(
                    "it has no effect with insecure-lab",
                    "take one of the two away",
                );
                file.object(&key.map(|path| path.display().to_string()), fault);
            }
            Some(Security::InsecureLab)
        }
        (None, None) => {
            root.missing_unless_given(
                file,
                "tls",
                "add [tls] with ca, certificate and key, or insecure-lab = true in a lab",
            );
            None
        }
    }
}
