//! Progress of work that takes more than a second: a bar on a terminal, a line now and then elsewhere.

use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output;

/// Work that is quicker than this needs no bar.
const QUICK: Duration = Duration::from_secs(1);
/// Between two lines in a log.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// Counts work done, in bytes or in things. Shared by threads.
pub struct Progress {
    bar: ProgressBar,
    what: What,
    verb: &'static str,
    terminal: bool,
    begun: Instant,
    last_line: Mutex<Option<Instant>>,
}

#[derive(Clone, Copy)]
pub enum What {
    Bytes,
    Things(&'static str),
}

impl Progress {
    pub fn new(verb: &'static str, total: u64, what: What) -> Self {
        let template = match what {
            What::Bytes => "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
            What::Things(_) => "{msg} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}",
        };
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden())
            .with_message(verb);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self {
            bar,
            what,
            verb,
            terminal: std::io::stderr().is_terminal(),
            begun: Instant::now(),
            last_line: Mutex::new(None),
        }
    }

    pub fn advance(&self) {
        self.bar.inc(1);
        self.show();
    }

    pub fn set(&self, done: u64) {
        self.bar.set_position(done);
        self.show();
    }

    fn show(&self) {
        if self.begun.elapsed() < QUICK {
            return;
        }
        let Ok(mut last_line) = self.last_line.lock() else {
            return;
        };
        if self.terminal {
            if last_line.is_none() {
                self.bar.set_draw_target(ProgressDrawTarget::stderr());
                *last_line = Some(self.begun);
            }
        } else if last_line.unwrap_or(self.begun).elapsed() >= BETWEEN_LINES {
            *last_line = Some(Instant::now());
            let (done, total) = (self.bar.position(), self.bar.length().unwrap_or(0));
            match self.what {
                What::Bytes => output::note(format_args!(
                    "{}: {} of {}",
                    self.verb,
                    HumanBytes(done),
                    HumanBytes(total)
                )),
                What::Things(things) => {
                    output::note(format_args!("{}: {done} of {total} {things}", self.verb));
                }
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
