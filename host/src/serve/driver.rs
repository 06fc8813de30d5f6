//! Guests at work: where one runs, for how long, and what becomes of it when its client goes away.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::{Sleep, sleep};

use super::exchange::Exchange;

/// A guest that runs for longer than this without a pause is moved to the workshop. A request for a
/// small answer takes a hundredth of it.
const LONG_TURN: Duration = Duration::from_millis(5);

/// How a guest's work on a request ended.
#[derive(Debug)]
pub(super) enum End {
    Returned,
    Failed,
    /// It ran for too long.
    Overrun,
    /// It waited for too long.
    Stalled,
}

/// All of a guest's work on one request.
type Guest = Pin<Box<dyn Future<Output = End> + Send>>;

/// Runs a guest within its limits. If it is dropped before the guest has ended, the guest goes on
/// in a task of its own, within the same limits.
pub(super) struct Driver {
    place: Place,
    exchange: Arc<Exchange>,
    ran: Duration,
    /// Whether the sweeper wakes whoever polls this when the guest has waited for long. (A timer for each
    /// request that has to wait took 2 µs of it.)
    is_watched: bool,
    timer: Option<Pin<Box<Sleep>>>,
}

/// Where a guest runs.
enum Place {
    /// Among the connections, in turns with them: a guest that seldom runs for long.
    Here(Guest),
    /// On the threads for guests that do.
    Workshop(Guest),
    /// In a task in the workshop, which tells its end.
    Away(oneshot::Receiver<End>),
    Ended,
}

impl Driver {
    /// For the task of the connection that the request came over.
    pub fn new(guest: Guest, exchange: Arc<Exchange>) -> Self {
        Driver {
            place: Place::Here(guest),
            exchange,
            ran: Duration::ZERO,
            is_watched: true,
            timer: None,
        }
    }

    /// Lets the guest run until it waits for something, and tells how it ended when it has.
    pub fn poll_guest(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let (guest, here) = match &mut self.place {
            Place::Here(guest) => (guest, true),
            Place::Workshop(guest) => (guest, false),
            Place::Away(end) => {
                return Pin::new(end).poll(cx).map(|end| end.unwrap_or(End::Failed));
            }
            Place::Ended => return Poll::Ready(End::Returned),
        };
        let started = Instant::now();
        let result = guest.as_mut().poll(cx);
        let took = started.elapsed();
        self.ran += took;
        let origin = &self.exchange.origin;
        origin.activity.guest_ran(took);
        if let Poll::Ready(end) = result {
            self.place = Place::Ended;
            return Poll::Ready(end);
        }
        if self.ran > origin.shared.limits.guest_time {
            return Poll::Ready(self.cut(End::Overrun));
        }
        if here && took > LONG_TURN {
            self.move_to_workshop();
            return self.poll_guest(cx);
        }
        ready!(self.poll_stalled(cx));
        Poll::Ready(self.cut(End::Stalled))
    }

    /// A guest that takes long turns would have every connection wait for them.
    fn move_to_workshop(&mut self) {
        if let Place::Here(guest) = std::mem::replace(&mut self.place, Place::Ended) {
            let (end, ended) = oneshot::channel();
            let mut rest = self.rest(Place::Workshop(guest));
            self.exchange.origin.shared.workshop.spawn(async move {
                // Whoever waits for it may be gone.
                let _ = end.send(std::future::poll_fn(|cx| rest.poll_guest(cx)).await);
            });
            self.place = Place::Away(ended);
        }
    }

    /// What is left, for a task of its own.
    fn rest(&self, place: Place) -> Driver {
        Driver {
            place,
            exchange: self.exchange.clone(),
            ran: self.ran,
            is_watched: false,
            timer: None,
        }
    }

    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let limits = &self.exchange.origin.shared.limits;
        loop {
            if self.exchange.still_for() > limits.stalled_guest() {
                return Poll::Ready(());
            }
            if self.is_watched {
                return Poll::Pending;
            }
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(sleep(limits.check_interval())));
            ready!(timer.as_mut().poll(cx));
            self.timer = None;
        }
    }

    /// Ends the guest, and with it its instance, where it stands.
    fn cut(&mut self, end: End) -> End {
        self.exchange.break_off();
        self.place = Place::Ended;
        self.exchange.origin.log(match end {
            End::Overrun => "cut off: the guest ran for too long",
            _ => "cut off: the guest waited for too long",
        });
        end
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // In the workshop a driver is dropped only when its guest has ended, or everything ends;
        // and everything ends as well when there is no runtime.
        if let Place::Here(guest) = std::mem::replace(&mut self.place, Place::Ended)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let mut rest = self.rest(Place::Here(guest));
            runtime.spawn(async move { std::future::poll_fn(|cx| rest.poll_guest(cx)).await });
        }
    }
}
