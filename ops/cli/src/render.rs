//! How things look: tables between rules, moments, spans and sizes.

mod size;
mod table;
mod time;

pub(crate) use size::size;
pub(crate) use table::Table;
pub(crate) use time::{date_line, elapsed_ns, moment, span, uptime};

/// What stands in a cell whose value is not known.
pub(crate) const UNKNOWN: &str = "--";

/// The value, or the mark for a value that is not known.
pub(crate) fn or_unknown(value: Option<impl ToString>) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), |value| value.to_string())
}
