//! Log lines on their way to standard output and standard error.
//!
//! Requests must not wait for whoever reads the log, so a thread of its own writes, and lines that
//! it cannot keep up with are dropped and counted. Not those that tell who changed what: they are few, and
//! wait apart, as many again.

use std::io::{self, BufWriter, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel,
};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use goproxy_edge_host::log::{Line, Sink, Source};

/// Lines that may wait: a second's worth of a busy server.
const WAITING_LINES: usize = 64 << 10;

/// Whether a line is about a change by an administrator: a time follows, where in that of a request with
/// such a method it is a path.
fn is_audit(line: &str) -> bool {
    let rest = line.strip_prefix("audit ");
    rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}

/// How long the writer rests before it looks whether there are lines that found no room.
const REST: Duration = Duration::from_secs(1);

enum Message {
    Line { error: bool, text: String },
    End,
}

/// The lines that the writer has not taken yet.
#[derive(Default)]
struct Waiting {
    /// How many found no room.
    dropped: AtomicU64,
    /// Those that are not dropped where there is no room.
    audit: Mutex<Vec<String>>,
}

impl Waiting {
    /// Hands a line to the writer, if there is room.
    fn put(&self, sender: &SyncSender<Message>, line: &Line<'_>) {
        let text = match line.client {
            Some(client) => format!("{client} {}\n", line.text),
            None => format!("{}\n", line.text),
        };
        let message = Message::Line {
            error: line.source != Source::Stdout,
            text,
        };
        let Err(full) = sender.try_send(message) else {
            return;
        };
        let (TrySendError::Full(message) | TrySendError::Disconnected(message)) = full;
        match message {
            Message::Line { text, .. }
                if is_audit(line.text) && self.audit().len() < WAITING_LINES =>
            {
                self.audit().push(text);
            }
            _ => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// What the writer is to write besides what it got.
    fn take(&self) -> String {
        let mut text: String = std::mem::take(&mut *self.audit()).concat();
        let missing = self.dropped.swap(0, Ordering::Relaxed);
        if missing > 0 {
            text += &format!("{missing} log lines dropped\n");
        }
        text
    }

    fn audit(&self) -> MutexGuard<'_, Vec<String>> {
        self.audit
            .lock()
            .unwrap_or_else(|broken| broken.into_inner())
    }
}

static WRITER: Mutex<Option<(SyncSender<Message>, JoinHandle<()>)>> = Mutex::new(None);

/// Starts the thread, and returns what hands lines to it.
pub fn start() -> io::Result<Sink> {
    let (sender, lines) = sync_channel(WAITING_LINES);
    let waiting = Arc::new(Waiting::default());
    let others = waiting.clone();
    let thread = std::thread::Builder::new()
        .name("log".into())
        .spawn(move || write(&lines, &others))?;
    if let Ok(mut writer) = WRITER.lock() {
        *writer = Some((sender.clone(), thread));
    }
    Ok(Arc::new(move |line: Line<'_>| waiting.put(&sender, &line)))
}

/// Waits until every line is written.
pub fn finish() {
    let writer = WRITER.lock().ok().and_then(|mut writer| writer.take());
    if let Some((sender, thread)) = writer
        && sender.send(Message::End).is_ok()
    {
        let _ = thread.join();
    }
}

fn write(lines: &Receiver<Message>, waiting: &Waiting) {
    let mut out = BufWriter::with_capacity(64 << 10, io::stdout());
    // What found no room comes behind all that had found some, or a change would be told before it began:
    // when nothing waits, or when as many lines have been written as can wait.
    let (mut behind, mut written) = (String::new(), 0);
    loop {
        if written == WAITING_LINES {
            let _ = out.write_all(behind.as_bytes());
            (behind, written) = (waiting.take(), 0);
        }
        written += 1;
        let message = match lines.try_recv() {
            Err(TryRecvError::Empty) => {
                behind += &waiting.take();
                let _ = out.write_all(behind.as_bytes());
                (behind, written) = (String::new(), 0);
                // Nothing can be done about a log that nobody reads any more.
                let _ = out.flush();
                match lines.recv_timeout(REST) {
                    Err(RecvTimeoutError::Timeout) => continue,
                    message => message.ok(),
                }
            }
            message => message.ok(),
        };
        let _ = match message {
            Some(Message::Line { error: false, text }) => out.write_all(text.as_bytes()),
            Some(Message::Line { error: true, text }) => io::stderr().write_all(text.as_bytes()),
            Some(Message::End) | None => {
                behind += &waiting.take();
                let _ = out.write_all(behind.as_bytes());
                let _ = out.flush();
                return;
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_there_is_no_room_lines_are_counted_and_those_of_changes_kept() {
        let (sender, lines) = sync_channel(1);
        let waiting = Waiting::default();
        let put = |text| {
            let line = Line {
                source: Source::Stdout,
                client: None,
                text,
            };
            waiting.put(&sender, &line);
        };
        for text in [
            "GET one",
            "GET two",
            "audit 2026 ops one",
            "audit 2026 ops two",
            // A request with such a method.
            "audit /2026 405",
        ] {
            put(text);
        }
        let first = lines.try_recv();
        assert!(matches!(first, Ok(Message::Line { text, .. }) if text == "GET one\n"));
        let missing = "audit 2026 ops one\naudit 2026 ops two\n2 log lines dropped\n";
        assert_eq!(waiting.take(), missing);
        assert_eq!(waiting.take(), "");
    }
}
