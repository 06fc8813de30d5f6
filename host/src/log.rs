//! Where lines go: what the guest prints, and what the host has to say about its requests.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// A longer line is cut here, so that a guest that prints no line ends costs no memory.
const LINE_BYTES: usize = 8 << 10;

/// Who wrote a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The guest, on its standard output: one line a request, unless its log is off.
    Stdout,
    /// The guest, on its standard error.
    Stderr,
    /// The host: a guest that failed or was cut off, a connection that could not be accepted, an
    /// address that has presented too many wrong credentials.
    Host,
}

/// One line for the embedder's log, without its line end.
#[derive(Debug)]
pub struct Line<'a> {
    pub source: Source,
    /// The address at the other end of the connection whose request this is about. It comes from
    /// the connection, never from a header.
    pub client: Option<IpAddr>,
    pub text: &'a str,
}

/// Takes the lines. It is called while requests are answered, so it must not wait.
pub type Sink = Arc<dyn Fn(Line<'_>) + Send + Sync>;

/// The standard output or error of one instance: collects what it prints into lines.
#[derive(Clone)]
pub(crate) struct GuestOutput {
    source: Source,
    sink: Sink,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    line: Vec<u8>,
    client: Option<IpAddr>,
}

impl GuestOutput {
    pub fn new(source: Source, sink: Sink) -> Self {
        GuestOutput {
            source,
            sink,
            state: Arc::default(),
        }
    }

    /// From here on, lines are about a request of this client.
    pub fn begin(&self, client: Option<IpAddr>) {
        let mut state = self.lock();
        self.end_line(&mut state);
        state.client = client;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(|broken| broken.into_inner())
    }

    fn print(&self, bytes: &[u8]) {
        let mut state = self.lock();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match piece.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (piece, false),
            };
            let room = LINE_BYTES.saturating_sub(state.line.len());
            state.line.extend_from_slice(&text[..text.len().min(room)]);
            if ends {
                self.end_line(&mut state);
            }
        }
    }

    fn end_line(&self, state: &mut State) {
        if !state.line.is_empty() {
            let text = String::from_utf8_lossy(&state.line);
            (self.sink)(Line {
                source: self.source,
                client: state.client,
                text: &text,
            });
            state.line.clear();
        }
    }
}

impl IsTerminal for GuestOutput {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestOutput {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // WASI 0.3 asks for this one; the host links none of it.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for GuestOutput {
    async fn ready(&mut self) {}
}

impl OutputStream for GuestOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.print(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 << 10)
    }
}
