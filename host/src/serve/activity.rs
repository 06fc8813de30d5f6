//! What moves on a connection, and when: the one place that decides that somebody is too slow.
//!
//! Bytes are counted at the socket, below TLS and HTTP, so a transfer counts as moving however
//! little of it gets through.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::Limits;
use crate::engine::Clock;

/// The connection waits for its first request: a TLS handshake may be under way.
const FRESH: u8 = 0;
/// It waits for its next request.
const BETWEEN: u8 = 1;
/// Some of a request's head is there, not all.
const HEAD: u8 = 2;
/// A request is with the guest, and no answer yet.
const ASKED: u8 = 3;
/// The answer is on its way to the client.
const ANSWERING: u8 = 4;
/// It is closed. A guest may still be at work on its last request.
const CLOSED: u8 = 5;

/// What a connection is told from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Order {
    /// Nothing: go on.
    None,
    /// Finish the request under way, if there is one, and close.
    Finish,
    /// Close at once.
    Cut,
}

/// The state of one connection. All times are the clock's milliseconds.
#[derive(Debug)]
pub(crate) struct Activity {
    clock: Arc<Clock>,
    phase: AtomicU8,
    /// When the phase began.
    since: AtomicU64,
    /// When a byte moved last, put off by the time that guests have run since.
    moved: AtomicU64,
    order: AtomicU8,
    /// Wakes the connection's task.
    waker: Mutex<Option<Waker>>,
}

impl Activity {
    pub fn new(clock: Arc<Clock>) -> Self {
        let now = clock.now();
        Activity {
            clock,
            phase: AtomicU8::new(FRESH),
            since: AtomicU64::new(now),
            moved: AtomicU64::new(now),
            order: AtomicU8::new(Order::None as u8),
            waker: Mutex::new(None),
        }
    }

    /// Tells the connection something; an order is never taken back.
    pub fn tell(&self, order: Order) {
        self.order.fetch_max(order as u8, SeqCst);
        if let Some(waker) = &*self.waker() {
            waker.wake_by_ref();
        }
    }

    /// Wakes the connection's task where its guest has waited for too long, which that task sees to.
    pub fn rouse(&self, limits: &Limits) {
        let asked = self.phase.load(Relaxed) == ASKED;
        if asked
            && self.still_for() > limits.stalled_guest()
            && let Some(waker) = &*self.waker()
        {
            waker.wake_by_ref();
        }
    }

    /// Has [`Activity::tell`] and [`Activity::rouse`] wake this task, which then asks for its
    /// [`Activity::order`].
    pub fn wake(&self, task: &Waker) {
        *self.waker() = Some(task.clone());
    }

    fn waker(&self) -> MutexGuard<'_, Option<Waker>> {
        self.waker
            .lock()
            .unwrap_or_else(|broken| broken.into_inner())
    }

    pub fn order(&self) -> Order {
        match self.order.load(SeqCst) {
            order if order == Order::None as u8 => Order::None,
            order if order == Order::Finish as u8 => Order::Finish,
            _ => Order::Cut,
        }
    }

    pub fn now(&self) -> u64 {
        self.clock.now()
    }

    fn enter(&self, phase: u8) {
        self.since.store(self.clock.now(), Relaxed);
        self.phase.store(phase, Relaxed);
    }

    /// A request's head is complete.
    pub fn asked(&self) {
        self.moved.store(self.clock.now(), Relaxed);
        self.enter(ASKED);
    }

    /// An answer's head is there.
    pub fn answering(&self) {
        self.enter(ANSWERING);
    }

    /// The answer is complete, or given up.
    pub fn answered(&self) {
        self.enter(BETWEEN);
    }

    /// The connection is closed.
    pub fn closed(&self) {
        self.enter(CLOSED);
    }

    fn received(&self) {
        let now = self.clock.now();
        self.moved.store(now, Relaxed);
        if self.phase.load(Relaxed) == BETWEEN {
            self.enter(HEAD);
        }
    }

    /// A byte moved between the guest and another server, which is progress too.
    pub fn moved_beyond(&self) {
        self.moved.store(self.clock.now(), Relaxed);
    }

    fn sent(&self) {
        self.moved.store(self.clock.now(), Relaxed);
    }

    /// The guest ran for so long, in which nothing could move.
    pub fn guest_ran(&self, time: Duration) {
        let milliseconds = time.as_millis() as u64;
        if milliseconds > 0 {
            self.moved.fetch_add(milliseconds, Relaxed);
        }
    }

    /// How long nothing has moved that could have.
    pub fn still_for(&self) -> Duration {
        Duration::from_millis(self.clock.now().saturating_sub(self.moved.load(Relaxed)))
    }

    fn in_phase(&self) -> Duration {
        Duration::from_millis(self.clock.now().saturating_sub(self.since.load(Relaxed)))
    }

    /// How long the connection has waited for its next request, if it does. The end of the last answer
    /// may still be on its way to a slow client, and as long as it moves this is no waiting.
    pub fn idle_for(&self) -> Option<Duration> {
        let between = self.phase.load(Relaxed) == BETWEEN;
        between.then(|| self.in_phase().min(self.still_for()))
    }

    /// Whether the connection is to be cut. While the guest has not answered yet, that is for the
    /// one who drives the guest to decide: it can still say why.
    pub fn is_overdue(&self, limits: &Limits) -> bool {
        match self.phase.load(Relaxed) {
            FRESH | HEAD => self.in_phase() > limits.header_time,
            BETWEEN => self.idle_for() > Some(limits.keep_alive),
            ANSWERING => self.still_for() > limits.stalled_transfer,
            _ => false,
        }
    }
}

/// A socket that reports what moves through it.
pub(crate) struct Watched {
    pub socket: TcpStream,
    pub activity: Arc<Activity>,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.socket).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.activity.received();
        }
        result
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.note_sent(&result);
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.socket).poll_write_vectored(cx, pieces);
        self.note_sent(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

impl Watched {
    fn note_sent(&self, result: &Poll<io::Result<usize>>) {
        if matches!(result, Poll::Ready(Ok(bytes)) if *bytes > 0) {
            self.activity.sent();
        }
    }
}
