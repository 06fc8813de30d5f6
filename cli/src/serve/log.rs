//! Log lines on their way to standard output and standard error.
//!
//! Requests must not wait for whoever reads the log, so a thread of its own writes, and lines that
//! it cannot keep up with are dropped and counted.

use std::io::{self, BufWriter, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use goproxy_edge_host::log::{Line, Sink, Source};

/// Lines that may wait: a second's worth of a busy server.
const WAITING_LINES: usize = 64 << 10;

enum Message {
    Line { error: bool, text: String },
    End,
}

static WRITER: Mutex<Option<(SyncSender<Message>, JoinHandle<()>)>> = Mutex::new(None);

/// Starts the thread, and returns what hands lines to it.
pub fn start() -> io::Result<Sink> {
    let (sender, lines) = sync_channel(WAITING_LINES);
    let dropped = Arc::new(AtomicU64::new(0));
    let counter = dropped.clone();
    let thread = std::thread::Builder::new()
        .name("log".into())
        .spawn(move || write(&lines, &counter))?;
    if let Ok(mut writer) = WRITER.lock() {
        *writer = Some((sender.clone(), thread));
    }
    Ok(Arc::new(move |line: Line<'_>| {
        let text = match line.client {
            Some(client) => format!("{client} {}\n", line.text),
            None => format!("{}\n", line.text),
        };
        let message = Message::Line {
            error: line.source != Source::Stdout,
            text,
        };
        if sender.try_send(message).is_err() {
            dropped.fetch_add(1, Ordering::Relaxed);
        }
    }))
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

fn write(lines: &Receiver<Message>, dropped: &AtomicU64) {
    let mut out = BufWriter::with_capacity(64 << 10, io::stdout());
    loop {
        let message = match lines.try_recv() {
            Err(TryRecvError::Empty) => {
                // Nothing can be done about a log that nobody reads any more.
                let _ = out.flush();
                lines.recv().ok()
            }
            message => message.ok(),
        };
        let _ = match message {
            Some(Message::Line { error: false, text }) => out.write_all(text.as_bytes()),
            Some(Message::Line { error: true, text }) => io::stderr().write_all(text.as_bytes()),
            Some(Message::End) | None => {
                let _ = out.flush();
                return;
            }
        };
        let missing = dropped.swap(0, Ordering::Relaxed);
        if missing > 0 {
            let _ = writeln!(out, "{missing} log lines dropped");
        }
    }
}
