//! Waiting for a condition with a deadline, and never for a time.

use std::time::Duration;

use anyhow::{Result, bail};
use nix::time::{ClockId, clock_gettime};

/// Between two looks: short beside everything that is waited for, long beside a look's own cost.
const LOOK: Duration = Duration::from_millis(5);

/// What anything here may take on a machine that is busy with something else.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Looks until `found` finds something; fails with `what` and the last look's words.
///
/// A look that fails is not an end: what is waited for is often that failures stop.
pub fn until<T>(what: &str, mut found: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let begun = now();
    loop {
        let seen = match found() {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => String::from("not yet"),
            Err(error) => format!("{error:#}"),
        };
        if now().saturating_sub(begun) > PATIENCE {
            bail!("still waiting after {PATIENCE:?} for {what}: {seen}");
        }
        std::thread::sleep(LOOK);
    }
}

/// Looks until `condition` holds.
pub fn until_true(what: &str, mut condition: impl FnMut() -> Result<bool>) -> Result<()> {
    until(what, || Ok(condition()?.then_some(())))
}

/// Looks for as long as `span` and fails as soon as `holds` does: for things that must not happen.
pub fn throughout(span: Duration, mut holds: impl FnMut() -> Result<()>) -> Result<()> {
    let begun = now();
    while now().saturating_sub(begun) < span {
        holds()?;
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// Time since the machine's start; a machine without that clock has no deadlines.
fn now() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from)
}
