//! `show processors`: what each session processor holds and does.

use core::fmt::Write as _;

use proto::ops::{Processor, ProcessorsReply};

use crate::render::{Table, or_unknown};
use crate::view::{Look, View};

impl View for ProcessorsReply {
    fn body(&self, look: Look) -> String {
        let row = |processor: &Processor| {
            [
                self.node.clone(),
                processor.thread.clone(),
                or_unknown(processor.utilization_percent.map(percent)),
                processor.sessions.to_string(),
                processor.packets.to_string(),
                processor.forwarded.to_string(),
                processor.handed_over.to_string(),
                processor.queue_depth.to_string(),
            ]
        };
        let titles = [
            "Node",
            "Thread",
            "Utilization",
            "Sessions",
            "Packets",
            "Forwarded",
            "Handed over",
            "Queue",
        ];
        let mut text = Table::with_rows(titles, self.processors.iter().map(row)).render(look.rows);
        if let Some(average) = average(&self.processors) {
            let _infallible = writeln!(text, "Average utilization {}", percent(average));
        }
        text
    }
}

/// `None` when no processor knows its own utilization.
fn average(processors: &[Processor]) -> Option<f64> {
    let known = || {
        processors
            .iter()
            .filter_map(|processor| processor.utilization_percent)
    };
    let count = u32::try_from(known().count())
        .ok()
        .filter(|count| *count > 0)?;
    Some(known().sum::<f64>() / f64::from(count))
}

fn percent(value: f64) -> String {
    format!("{value:.1} %")
}
