//! Connections: accepts them, watches them, and hands each of their requests to an `exchange`.

mod activity;
pub(crate) mod attempts;
pub(crate) mod body;
mod driver;
mod exchange;
mod head;
mod host_field;
mod tls;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::Poll;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
// Not Wasmtime's: that one writes one piece at a time, so that hyper copies all of them into one.
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use crate::Shared;
use crate::log::{Line, Source};
pub(crate) use activity::Activity;
use activity::{Order, Watched};
use exchange::Origin;
pub use tls::Tls;

/// Pause after a failure to accept that the next attempt would meet too: no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often a connection without a place looks for one that waits. Long enough for that one to close,
/// so that one place costs one connection.
const ROOM_PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections until `shutdown` is ready, then waits for what is under way.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    listener: TcpListener,
    tls: Option<Tls>,
    shutdown: impl Future<Output = ()>,
) {
    let connections = shared.limits.connections;
    let places = Arc::new(Semaphore::new(connections));
    let register = Arc::new(Register::default());
    let sweeper = tokio::spawn(sweep(shared.clone(), register.clone()));
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = accept(&listener, &places, &register) => accepted,
        };
        match accepted {
            Ok((socket, address, place)) => {
                let activity = Arc::new(Activity::new(shared.clock.clone()));
                register.add(&activity);
                let origin = Origin {
                    shared: shared.clone(),
                    client: address.ip().to_canonical(),
                    secure: tls.is_some(),
                    activity,
                };
                let tls = tls.clone();
                tokio::spawn(async move {
                    let activity = origin.activity.clone();
                    connect(Arc::new(origin), tls, socket).await;
                    activity.closed();
                    drop(place);
                });
            }
            Err(error) => {
                let text = format!("cannot accept a connection: {error}");
                (shared.log)(Line {
                    source: Source::Host,
                    client: None,
                    text: &text,
                });
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    register.for_each(|activity| activity.tell(Order::Finish));
    // Both only fail when nobody is there any more, which is what they wait for.
    let _ = places.acquire_many(connections as u32).await;
    // Guests may go on after their answers.
    let _ = shared
        .places
        .acquire_many(shared.limits.concurrent_requests)
        .await;
    sweeper.abort();
}

/// Accepts a connection and gives it a place. Where none is free, one that waits for its next request
/// has to close for it; if none waits, the new one does, and those behind it in the listener's queue.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    register: &Register,
) -> std::io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let (socket, address) = listener.accept().await?;
    if let Ok(place) = places.clone().try_acquire_owned() {
        return Ok((socket, address, place));
    }
    loop {
        register.make_room();
        if let Ok(place) = timeout(ROOM_PAUSE, places.clone().acquire_owned()).await {
            let place = place.map_err(std::io::Error::other)?;
            return Ok((socket, address, place));
        }
    }
}

/// All connections, for those who have something to tell them.
#[derive(Default)]
struct Register(Mutex<Vec<Weak<Activity>>>);

impl Register {
    fn add(&self, activity: &Arc<Activity>) {
        self.lock().push(Arc::downgrade(activity));
    }

    /// Looks at all that are there, and forgets the others.
    fn for_each(&self, look: impl Fn(&Activity)) {
        self.lock().retain(|activity| {
            let activity = activity.upgrade();
            if let Some(activity) = &activity {
                look(activity);
            }
            activity.is_some()
        });
    }

    /// Tells the connection that has waited longest for its next request to close.
    fn make_room(&self) {
        let connections = self.lock();
        let longest = connections
            .iter()
            .filter_map(Weak::upgrade)
            .filter(|activity| activity.order() == Order::None)
            .filter_map(|activity| Some((activity.idle_for()?, activity)))
            .max_by_key(|(idle, _)| *idle);
        if let Some((_, activity)) = longest {
            activity.tell(Order::Finish);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Activity>>> {
        self.0.lock().unwrap_or_else(|broken| broken.into_inner())
    }
}

/// Cuts the connections that are overdue, and wakes those whose guest has waited for too long. One task for
/// all of them: timers of their own would cost each request a few microseconds.
async fn sweep(shared: Arc<Shared>, register: Arc<Register>) {
    loop {
        sleep(shared.limits.check_interval()).await;
        register.for_each(|activity| {
            if activity.is_overdue(&shared.limits) {
                activity.tell(Order::Cut);
            }
            activity.rouse(&shared.limits);
        });
    }
}

async fn connect(origin: Arc<Origin>, tls: Option<Tls>, socket: TcpStream) {
    // Answers go out as they are written; without it, small ones wait for the client's next packet.
    let _ = socket.set_nodelay(true);
    let socket = Watched {
        socket,
        activity: origin.activity.clone(),
    };
    let Some(Tls(acceptor)) = tls else {
        return speak(origin, socket).await;
    };
    let activity = &origin.activity;
    let told = std::future::poll_fn(|cx| {
        activity.wake(cx.waker());
        if activity.order() == Order::None {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    });
    let stream = tokio::select! {
        stream = acceptor.accept(socket) => stream,
        () = told => return,
    };
    // A handshake that fails is the client's affair.
    if let Ok(stream) = stream {
        speak(origin, stream).await;
    }
}

async fn speak(origin: Arc<Origin>, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
    let activity = origin.activity.clone();
    let service = service_fn(move |request| {
        let answer = exchange::answer(origin.clone(), request);
        async { Ok::<_, Infallible>(answer.await) }
    });
    let connection = http1::Builder::new()
        // The sweeper sees to it, without a timer a request.
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let mut order = Order::None;
    let mut known = false;
    std::future::poll_fn(|cx| {
        if !known {
            // The task's own: nothing stands between it and this, so it stays the same.
            activity.wake(cx.waker());
            known = true;
        }
        let ordered = activity.order();
        if ordered == Order::Cut {
            return Poll::Ready(());
        }
        if ordered != order {
            connection.as_mut().graceful_shutdown();
            order = ordered;
        }
        // An error is the client's going away, or ours after a broken body.
        connection.as_mut().poll(cx).map(drop)
    })
    .await;
}
