//! `show ha`: the verdict, why it is not better, the links, the films.

use core::fmt::Write as _;

use proto::ops::{FailedCheck, Failover, HaLink, HaPeer, HaReply, HaStorage, Leaders};

use crate::args::Rows;
use crate::render::{Table, UNKNOWN, elapsed_ns, moment, or_unknown, size, span};
use crate::view::{Look, View};

impl View for HaReply {
    fn body(&self, look: Look) -> String {
        let mut text = verdict(self);
        text.push_str(&nodes(self));
        if !self.reasons.is_empty() {
            text.push_str("\nThis node is not ready because\n");
            for (number, reason) in (1..).zip(&self.reasons) {
                let _infallible = writeln!(text, " {number}. {reason}");
            }
        }
        text.push_str("\nSessions\n");
        text.push_str(&sessions(self));
        if let Some(storage) = &self.storage {
            text.push_str("\nDisk of the store\n");
            text.push_str(&disk(storage));
        }
        if !self.links.is_empty() {
            text.push_str("\nHA links\n");
            text.push_str(&links(&self.links, look.rows));
        }
        if !self.failovers.is_empty() {
            text.push_str("\nTakeovers by this node, phases since the other one was last heard\n");
            text.push_str(&failovers(&self.failovers, look.rows));
        }
        text
    }
}

/// The word first: who reads no further has read the most important.
fn verdict(reply: &HaReply) -> String {
    let mut text = format!("The pair is {}\n", reply.verdict);
    for (number, check) in (1..).zip(&reply.checks) {
        let FailedCheck {
            name,
            found,
            next_step,
            ..
        } = check;
        let _infallible = writeln!(text, " {number}. {name}: {found}\n    next: {next_step}");
    }
    text.push('\n');
    text
}

fn nodes(reply: &HaReply) -> String {
    let mut table = Table::new([
        "Router",
        "Node",
        "Role state",
        "Epoch",
        "Leader of",
        "Config index",
        "Session lag",
        "Last heard",
        "Last failover",
        "Ready",
    ]);
    table.push([
        reply.router.clone(),
        reply.node.clone(),
        reply.role.clone(),
        reply.epoch.clone(),
        leader_of(reply.leaders.as_ref(), &reply.node),
        reply.config_revision.to_string(),
        span(reply.session_lag_ms),
        UNKNOWN.to_owned(),
        or_unknown(
            reply
                .failovers
                .last()
                .and_then(|film| wall_time(&film.decided_unix_ns)),
        ),
        if reply.ready { "yes" } else { "no" }.to_owned(),
    ]);
    if let Some(peer) = &reply.peer {
        table.push(peer_row(reply, peer));
    }
    table.render(Rows::All)
}

/// What only the peer itself knows stays open: ask it at its own socket.
fn peer_row(reply: &HaReply, peer: &HaPeer) -> [String; 10] {
    [
        reply.router.clone(),
        peer.name.clone(),
        or_unknown(peer.role.as_ref()),
        or_unknown(peer.epoch.as_ref()),
        leader_of(reply.leaders.as_ref(), &peer.name),
        UNKNOWN.to_owned(),
        UNKNOWN.to_owned(),
        peer.last_heard_ms.map_or_else(|| "never".to_owned(), span),
        UNKNOWN.to_owned(),
        UNKNOWN.to_owned(),
    ]
}

fn leader_of(leaders: Option<&Leaders>, node: &str) -> String {
    let Some(leaders) = leaders else {
        return UNKNOWN.to_owned();
    };
    let leads = |leader: &Option<String>| leader.as_deref() == Some(node);
    match (leads(&leaders.control), leads(&leaders.state)) {
        (true, true) => "control, state".to_owned(),
        (true, false) => "control".to_owned(),
        (false, true) => "state".to_owned(),
        (false, false) => UNKNOWN.to_owned(),
    }
}

fn sessions(reply: &HaReply) -> String {
    let mut table = Table::new(["Table", "Sessions", "Checksum"]);
    table.push([
        "programmed here".to_owned(),
        reply.sessions.to_string(),
        reply.sessions_checksum.clone(),
    ]);
    if let Some(agreed) = reply.sessions_agreed {
        let checksum = or_unknown(reply.sessions_agreed_checksum.as_ref());
        table.push(["agreed by cluster".to_owned(), agreed.to_string(), checksum]);
    }
    table.render(Rows::All)
}

fn disk(storage: &HaStorage) -> String {
    let mut table = Table::new(["Free", "In all", "Needed to write", "A write waits"]);
    table.push([
        size(storage.free_bytes),
        size(storage.total_bytes),
        size(storage.needed_bytes),
        or_unknown(storage.waiting_ms.map(span)),
    ]);
    table.render(Rows::All)
}

fn links(links: &[HaLink], rows: Rows) -> String {
    let row = |link: &HaLink| {
        [
            link.name.clone(),
            link.local.clone(),
            link.remote.clone(),
            if link.up { "up" } else { "down" }.to_owned(),
            or_unknown(link.rtt_us.map(|rtt| format!("{rtt} us"))),
            or_unknown(link.loss_percent.map(|loss| format!("{loss:.1} %"))),
            link.sent.to_string(),
            link.received.to_string(),
        ]
    };
    let titles = [
        "Link", "Local", "Remote", "State", "RTT", "Loss", "Sent", "Received",
    ];
    Table::with_rows(titles, links.iter().map(row)).render(rows)
}

/// Newest first: the last one is what people come for.
fn failovers(films: &[Failover], rows: Rows) -> String {
    let row = |film: &Failover| {
        let start = film
            .last_heard_unix_ns
            .as_ref()
            .unwrap_or(&film.detected_unix_ns);
        let since = |at: &str| or_unknown(elapsed_ns(start, at));
        let perhaps = |at: &Option<String>| at.as_deref().map_or(UNKNOWN.to_owned(), since);
        [
            film.epoch.clone(),
            or_unknown(wall_time(&film.decided_unix_ns)),
            film.cause.clone(),
            since(&film.detected_unix_ns),
            since(&film.decided_unix_ns),
            since(&film.programmed_unix_ns),
            perhaps(&film.announced_unix_ns),
            perhaps(&film.first_packet_unix_ns),
            film.sessions.to_string(),
        ]
    };
    let titles = [
        "Epoch",
        "Time",
        "Cause",
        "Detected",
        "Decided",
        "Programmed",
        "Announced",
        "First packet",
        "Sessions",
    ];
    Table::with_rows(titles, films.iter().rev().map(row)).render(rows)
}

fn wall_time(unix_ns: &str) -> Option<String> {
    unix_ns
        .parse::<u64>()
        .ok()
        .map(|nanos| moment(nanos / 1_000_000))
}
