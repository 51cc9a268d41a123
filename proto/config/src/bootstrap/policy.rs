//! `[ha]` of `node.toml`: what the cluster does without a quorum.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use super::file::{File, Given, Table};
use super::{HaLink, Member, WithoutQuorum, part};
use crate::keyword::Keyword;
use crate::schema::{Fault, Kind};

/// Unless the file says otherwise: longer than the slowest takeover and any reload of a switch port.
const HOLD_TIME: Duration = Duration::from_secs(3);
/// An election may take that long; a shorter silence proves nothing.
const SHORTEST_HOLD: Duration = Duration::from_secs(2);
const LONGEST_HOLD: Duration = Duration::from_hours(1);
/// Each is asked every second.
const MAX_ANCHORS: usize = 8;

/// The words of `without-quorum`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Choice {
    Freeze,
    Survive,
}

impl Keyword for Choice {
    const WORDS: &'static [(&'static str, Self)] =
        &[("freeze", Self::Freeze), ("survive", Self::Survive)];
}

/// Reads the table, which may be absent. It may stand beside a witness, who comes and goes while members run: as
/// long as there is one, it decides.
pub(super) fn without_quorum(
    root: &mut Table<'_>,
    members: &[Given<Member>],
    links: &[Given<HaLink>],
    file: &mut File<'_>,
) -> WithoutQuorum {
    let Some(mut table) = root.table(file, "ha") else {
        return WithoutQuorum::Freeze;
    };
    let choice: Option<Choice> = part::choice(&mut table, file, "without-quorum");
    let hold_time = table.text(file, "hold-time");
    let hold = hold_time.as_ref().and_then(|text| duration(text, file));
    let texts = table.texts(file, "anchors");
    let anchors = anchors(&texts, members, links, file);
    let wanted = match choice {
        None | Some(Choice::Freeze) => WithoutQuorum::Freeze,
        Some(Choice::Survive) => {
            if texts.is_empty() {
                let next_step = "write anchors = [\"192.0.2.254\"]: neighbours that answer to ping";
                table.missing_unless_given(file, "anchors", next_step);
            }
            WithoutQuorum::Survive {
                hold_time: hold.unwrap_or(HOLD_TIME),
                anchors,
            }
        }
    };
    if choice != Some(Choice::Survive) {
        let why = "it has no effect without without-quorum = \"survive\"";
        useless(&table, "hold-time", why, file);
        useless(&table, "anchors", why, file);
    }
    table.finish(file);
    wanted
}

fn useless(table: &Table<'_>, key: &str, why: &str, file: &mut File<'_>) {
    if table.has(key) {
        let at = table.place_of(file, key);
        let fault = Fault::new(why, "take it away");
        file.report(at, &table.path_of(key), None, fault);
    }
}

fn duration(given: &Given<&str>, file: &mut File<'_>) -> Option<Duration> {
    let next_step = "write a time from 2s to 1h, such as \"3s\"";
    match parse_duration(given.value) {
        Some(duration) if (SHORTEST_HOLD..=LONGEST_HOLD).contains(&duration) => Some(duration),
        Some(_) => {
            file.object(given, Fault::new("it is outside 2s–1h", next_step));
            None
        }
        None => {
            let fault = Fault::new("it is not a number with s, m or h behind it", next_step);
            file.object(given, fault);
            None
        }
    }
}

fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => return None,
    };
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = number.parse().ok().filter(|_| digits)?;
    Some(Duration::from_secs(number.saturating_mul(seconds)))
}

/// Neighbours that are neither of the two nodes: if one answers, this node is not the one cut off.
fn anchors(
    texts: &[Given<&str>],
    members: &[Given<Member>],
    links: &[Given<HaLink>],
    file: &mut File<'_>,
) -> Vec<IpAddr> {
    let of_members = members.iter().flat_map(|member| &member.value.addresses);
    let of_links = links
        .iter()
        .flat_map(|link| [&link.value.local, &link.value.remote]);
    let ours: BTreeSet<_> = of_members
        .chain(of_links)
        .map(std::net::SocketAddr::ip)
        .collect();
    let mut anchors = Vec::new();
    for text in texts {
        let fault = match text.value.parse::<IpAddr>() {
            Err(_) => Kind::Address.check(text.value).err(),
            Ok(address) => objection(address, &ours, &anchors).or_else(|| {
                anchors.push(address);
                None
            }),
        };
        if let Some(fault) = fault {
            file.object(text, fault);
        }
    }
    if let Some(extra) = texts.get(MAX_ANCHORS) {
        let reason = format!("{MAX_ANCHORS} anchors are enough");
        file.object(extra, Fault::new(reason, "keep the most independent ones"));
    }
    anchors
}

fn objection(address: IpAddr, ours: &BTreeSet<IpAddr>, known: &[IpAddr]) -> Option<Fault> {
    let reason = if ours.contains(&address) {
        "it is a member of the cluster, which proves nothing about the network"
    } else if address.is_unspecified() || address.is_multicast() || address.is_loopback() {
        "it is no neighbour's address"
    } else if known.contains(&address) {
        "this address stands here twice"
    } else {
        return None;
    };
    Some(Fault::new(
        reason,
        "write the address of a gateway or a server that answers to ping",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        assert_eq!(parse_duration("3s"), Some(Duration::from_secs(3)));
        assert_eq!(parse_duration("2m"), Some(Duration::from_mins(2)));
        assert_eq!(parse_duration("1h"), Some(Duration::from_hours(1)));
        for wrong in ["", "s", "3", "+3s", "3 s", "3ms", "3d", "ä", "3ß"] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
    }
}
