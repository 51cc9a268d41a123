//! `show sessions`: one line for each direction.

use core::fmt::Write as _;

use proto::ops::{Flow, Session, SessionsReply};

use crate::args::Rows;
use crate::render::{Table, UNKNOWN, or_unknown, uptime};
use crate::view::{Look, View};

impl View for SessionsReply {
    /// The request was limited already, and it counts sessions, not lines.
    fn body(&self, _: Look) -> String {
        let lines = self.sessions.iter().flat_map(|session| {
            [
                line(session, "fwd", session.forward.as_ref()),
                line(session, "rev", session.reverse.as_ref()),
            ]
        });
        let titles = [
            "Session Id",
            "Dir",
            "Service",
            "Tenant",
            "Dev Name",
            "Proto",
            "Src IP",
            "Src Port",
            "Dest IP",
            "Dest Port",
            "NAT IP",
            "NAT Port",
            "State",
            "Timeout",
            "Uptime",
        ];
        let mut text = Table::with_rows(titles, lines).render(Rows::All);
        let (shown, matched, total) = (self.sessions.len(), self.matched, self.total);
        let _infallible = writeln!(
            text,
            "{shown} of {matched} matching sessions are shown, {total} are in the table"
        );
        text
    }
}

fn line(session: &Session, direction: &str, flow: Option<&Flow>) -> [String; 15] {
    let text = |value: fn(&Flow) -> String| flow.map_or_else(|| UNKNOWN.to_owned(), value);
    [
        session.id.clone(),
        direction.to_owned(),
        session.service.clone(),
        session.tenant.clone().unwrap_or_default(),
        text(|flow| flow.interface.clone()),
        session.protocol.clone(),
        text(|flow| flow.src_ip.clone()),
        text(|flow| flow.src_port.to_string()),
        text(|flow| flow.dst_ip.clone()),
        text(|flow| flow.dst_port.to_string()),
        text(|flow| or_unknown(flow.nat_ip.as_ref())),
        text(|flow| or_unknown(flow.nat_port)),
        session.state.clone(),
        format!("{} s", session.timeout_ms / 1_000),
        uptime(session.uptime_ms),
    ]
}
