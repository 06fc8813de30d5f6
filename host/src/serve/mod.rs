//! Connections: accepts them, watches them, and hands each of their requests to an `exchange`.

mod activity;
pub(crate) mod body;
mod exchange;
mod tls;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::sleep;
use wasmtime_wasi_http::io::TokioIo;

use crate::log::{Line, Source};
use crate::{Error, Shared};
use activity::{Activity, Watched};
pub use tls::Tls;

/// Pause after a failure to accept that the next attempt would meet too: no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections until `shutdown` is ready, then waits for what is under way.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    listener: TcpListener,
    tls: Option<Tls>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    let connections = shared.limits.connections;
    let places = Arc::new(Semaphore::new(connections));
    let (stop, stopping) = watch::channel(false);
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = accept(&listener, &places) => accepted,
        };
        match accepted {
            Ok((socket, address, place)) => {
                let connection = Connection {
                    shared: shared.clone(),
                    tls: tls.clone(),
                    stopping: stopping.clone(),
                    address,
                };
                tokio::spawn(async move {
                    connection.serve(socket).await;
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
    // Both only fail when nobody is there any more, which is what they wait for.
    let _ = stop.send(true);
    let _ = places.acquire_many(connections as u32).await;
    // Guests may go on after their answers.
    let _ = shared
        .places
        .acquire_many(shared.limits.concurrent_requests)
        .await;
    Ok(())
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = places
        .clone()
        .acquire_owned()
        .await
        .map_err(std::io::Error::other)?;
    let (socket, address) = listener.accept().await?;
    Ok((socket, address, place))
}

struct Connection {
    shared: Arc<Shared>,
    tls: Option<Tls>,
    stopping: watch::Receiver<bool>,
    address: SocketAddr,
}

impl Connection {
    async fn serve(self, socket: TcpStream) {
        // Answers go out as they are written; without it, small ones wait for the client's next packet.
        let _ = socket.set_nodelay(true);
        let activity = Arc::new(Activity::new(self.shared.clock.clone()));
        let socket = Watched {
            socket,
            activity: activity.clone(),
        };
        let watchdog = watch_over(self.shared.clone(), activity.clone());
        let tls = self.tls.clone();
        let serving = async move {
            match tls {
                None => self.speak(socket, activity).await,
                // A handshake that fails is the client's affair.
                Some(Tls(acceptor)) => {
                    if let Ok(stream) = acceptor.accept(socket).await {
                        self.speak(stream, activity).await;
                    }
                }
            }
        };
        tokio::select! {
            () = serving => {}
            () = watchdog => {}
        }
    }

    async fn speak(
        mut self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        activity: Arc<Activity>,
    ) {
        let origin = exchange::Origin {
            client: self.address.ip().to_canonical(),
            secure: self.tls.is_some(),
            activity,
        };
        let shared = self.shared;
        let service = service_fn(move |request| {
            let answer = exchange::answer(shared.clone(), origin.clone(), request);
            async { Ok::<_, Infallible>(answer.await) }
        });
        let connection = http1::Builder::new()
            // The watchdog sees to it, without a timer a request.
            .header_read_timeout(None)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        tokio::select! {
            // An error is the client's going away, or ours after a broken body.
            _ = &mut connection => return,
            _ = self.stopping.wait_for(|stopping| *stopping) => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

/// Ready when the connection is to be cut.
async fn watch_over(shared: Arc<Shared>, activity: Arc<Activity>) {
    let interval = shared.limits.check_interval();
    while !activity.is_overdue(&shared.limits) {
        sleep(interval).await;
    }
}
