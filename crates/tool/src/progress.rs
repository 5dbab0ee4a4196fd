//! Progress of long work, on a terminal only.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

/// Whether progress is shown.
#[derive(Clone, Copy)]
pub struct Progress {
    shown: bool,
}

impl Progress {
    /// Shown when standard error is a terminal, unless it is not wanted.
    pub fn new(wanted: bool) -> Progress {
        Progress { shown: wanted && std::io::stderr().is_terminal() }
    }

    /// Never shown.
    pub fn hidden() -> Progress {
        Progress { shown: false }
    }

    /// A stretch of work of so many steps; it is over when the result goes.
    pub fn stage(&self, name: &'static str, steps: u64) -> Stage {
        if !self.shown {
            return Stage { bar: None };
        }
        // The first drawing waits, so that short work shows nothing.
        let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr_with_hz(10));
        let style = ProgressStyle::with_template("{msg:24} {bar:40} {percent:>3} %  {elapsed}");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        bar.set_message(name);
        bar.enable_steady_tick(Duration::from_millis(200));
        Stage { bar: Some(bar) }
    }
}

/// See [`Progress::stage`].
pub struct Stage {
    bar: Option<ProgressBar>,
}

impl Stage {
    pub fn set(&self, step: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(step);
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
