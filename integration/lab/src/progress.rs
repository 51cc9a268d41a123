//! Live progress: a moving line on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use runtime::Clock;

/// Says what is going on.
#[derive(Debug)]
pub(crate) struct Progress {
    clock: Clock,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(crate) fn new(clock: Clock) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            // The template is a literal; a wrong one would show the default spinner.
            if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed:>3} {msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { clock, bar }
    }

    /// A new step: a line of its own, with the time since the start.
    pub(crate) fn step(&self, text: &str) {
        let elapsed = self.clock.now().saturating_since(types::Instant::START);
        self.note(&format!("{:5.1} s  {text}", elapsed.as_secs_f64()));
        self.detail(text);
    }

    /// How far the step is; only where a line can be overwritten.
    pub(crate) fn detail(&self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(text.to_owned());
        }
    }

    /// A lasting line.
    pub(crate) fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| println!("{text}")),
            None => println!("{text}"),
        }
    }

    /// Takes the moving line away.
    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
