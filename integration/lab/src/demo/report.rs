//! The film for people and the object for machines.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::DemoArgs;
use super::round::Round;
use crate::load::Ended;
use crate::traffic::ProbeReport;

/// Everything that was found out.
#[derive(Debug)]
pub(super) struct DemoReport {
    wanted: u64,
    rounds: Vec<Round>,
    ended: Ended,
}

impl DemoReport {
    pub(super) fn new(args: &DemoArgs, rounds: Vec<Round>, ended: Ended) -> Self {
        Self {
            wanted: u64::from(args.connections),
            rounds,
            ended,
        }
    }

    /// Whether every session survived with the right bytes.
    pub(super) fn is_clean(&self) -> bool {
        self.failures().is_empty()
    }

    /// What went wrong, one sentence each.
    fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        let tcp = &self.ended.tcp;
        if tcp.opened < self.wanted {
            failures.push(format!(
                "{} of {} TCP connections never opened",
                tcp.refused, self.wanted
            ));
        }
        if tcp.alive < tcp.opened {
            let deaths: Vec<_> = self
                .ended
                .deaths
                .iter()
                .map(|(why, count)| format!("{count} {why}"))
                .collect();
            let dead = tcp.opened - tcp.alive;
            failures.push(format!(
                "{dead} TCP connections died ({})",
                deaths.join("; ")
            ));
        }
        if tcp.corrupt + self.ended.udp_corrupt > 0 {
            failures.push(format!(
                "wrong bytes: {} TCP blocks, {} UDP datagrams",
                tcp.corrupt, self.ended.udp_corrupt
            ));
        }
        if self.ended.udp_duplicates > 0 {
            failures.push(format!(
                "{} UDP datagrams arrived twice: two nodes forwarded at once",
                self.ended.udp_duplicates
            ));
        }
        for round in &self.rounds {
            let names = ["the UDP session", "the IPv4 ping", "the IPv6 ping"];
            for (name, answered) in names.into_iter().zip(round.answered) {
                if !answered {
                    failures.push(format!(
                        "{name} was not answered after round {}",
                        round.number
                    ));
                }
            }
            if round.tcp_proven < round.tcp.alive {
                let silent = round.tcp.alive - round.tcp_proven;
                failures.push(format!(
                    "{silent} TCP connections stood still after round {}",
                    round.number
                ));
            }
        }
        failures
    }

    /// The end of the film.
    pub(super) fn verdict(&self) -> String {
        let tcp = &self.ended.tcp;
        let failures = self.failures();
        let mut text = format!(
            "\nTCP   {} of {} connections alive, {} blocks exchanged, {} corrupt\n\
             UDP   {} probes sent, {} lost, longest gap {:.1} ms\n",
            tcp.alive,
            self.wanted,
            tcp.exchanged,
            tcp.corrupt,
            self.ended.udp.sent,
            self.ended.udp.lost,
            self.ended.udp.longest_gap_ms,
        );
        if failures.is_empty() {
            let times = if self.rounds.len() == 1 {
                "once"
            } else {
                "each time"
            };
            let _infallible = write!(
                text,
                "\nThe active router died {times}, and no session noticed."
            );
        }
        for failure in failures {
            let _infallible = write!(text, "\nFAILED: {failure}");
        }
        text
    }

    /// The contract for machines.
    pub(super) fn object(&self) -> Value {
        let first = self.rounds.first();
        let (tcp, udp) = (&self.ended.tcp, &self.ended.udp);
        json!({
            "tcp": { "opened": tcp.opened, "alive": tcp.alive, "corrupt": tcp.corrupt,
                     "exchanged": tcp.exchanged },
            "udp": { "sent": udp.sent, "lost": udp.lost, "longest_gap_ms": udp.longest_gap_ms,
                     "corrupt": self.ended.udp_corrupt, "duplicates": self.ended.udp_duplicates },
            "sessions": { "before": first.map_or(0, |round| round.sessions.active_before),
                          "after": self.rounds.last().map_or(0, |round| round.sessions.after) },
            "phases_ms": first.map(|round| round.phases_ms),
            "rounds": self.rounds,
            "failures": self.failures(),
        })
    }
}

impl Round {
    /// The round as a film for people.
    pub(super) fn film(&self) -> String {
        let mut text = String::new();
        let mut line = |what: &str, said: &str| {
            // Writing to a string cannot fail.
            let _infallible = writeln!(text, "         {what:<32} {said}");
        };
        line(&format!("node {} dies", self.killed), "0.0 ms");
        let mut phases = self.phases_ms.in_order();
        phases.sort_by(|(_, one), (_, other)| {
            one.partial_cmp(other).unwrap_or(std::cmp::Ordering::Equal)
        });
        for (name, at) in phases {
            let at = at.map_or_else(|| "not reported".to_owned(), |at| format!("{at:.1} ms"));
            line(&format!("node {}: {name}", self.survivor), &at);
        }
        if !self.cause.is_empty() {
            line("cause", &self.cause);
        }
        line("UDP probe, 1 kHz", &probe(&self.udp));
        line("ping IPv4, 50 Hz", &probe(&self.ping_v4));
        line("ping IPv6, 50 Hz", &probe(&self.ping_v6));
        line(
            "TCP",
            &format!(
                "{} of {} alive, {} corrupt, longest stall {} ms",
                self.tcp.alive, self.tcp.opened, self.tcp.corrupt, self.tcp.longest_stall_ms
            ),
        );
        let sessions = &self.sessions;
        line(
            "sessions",
            &format!(
                "{} on node {} and {} on node {} before, {} on node {} after",
                sessions.active_before,
                self.killed,
                sessions.standby_before,
                self.survivor,
                sessions.after,
                self.survivor
            ),
        );
        text.trim_end().to_owned()
    }
}

fn probe(report: &ProbeReport) -> String {
    format!(
        "{} lost, longest gap {:.1} ms",
        report.lost, report.longest_gap_ms
    )
}
