//! Requests of the guest to other servers: which it may ask, over connections that are kept.
//!
//! As on Spin nothing is allowed that is not named, redirects are not followed, and connections are
//! kept for the next request. Certificates are checked against the machine's own roots
//! (`SSL_CERT_FILE` names others).

use std::error::Error as StdError;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::Notify;
use tokio::time::{Sleep, sleep, timeout};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore, crypto::ring};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use crate::allowed::Allowed;
use crate::log::{Line, Sink, Source};
use crate::serve::Activity;

/// What Wasmtime takes for a request on its way.
pub(crate) type Sending<T> = Box<dyn Future<Output = Result<T, Error>> + Send>;

/// For a guest that sets no time-out of its own.
const PATIENCE: Duration = Duration::from_secs(30);
/// Shorter than what servers keep a connection for, so that few requests meet a closed one.
const IDLE: Duration = Duration::from_secs(20);
const IDLE_A_HOST: usize = 64;

type Connections = legacy::Client<HttpsConnector<HttpConnector>, WasiBody>;

/// The way to other servers. Clones share the connections.
#[derive(Clone)]
pub(crate) struct Client {
    allowed: Arc<[Allowed]>,
    /// Made at the first request: reading the machine's certificates takes some milliseconds.
    connections: Arc<OnceLock<Connections>>,
    log: Sink,
}

impl Client {
    pub fn new(allowed: &[String], log: Sink) -> Result<Self, crate::Error> {
        let allowed: Result<Vec<_>, _> =
            allowed.iter().map(|entry| Allowed::parse(entry)).collect();
        Ok(Client {
            allowed: allowed?.into(),
            connections: Arc::default(),
            log,
        })
    }

    /// Sends a request. Bytes that move count as progress of `activity`.
    pub fn send(
        &self,
        mut request: http::Request<WasiBody>,
        options: RequestOptions,
        activity: Option<Arc<Activity>>,
    ) -> Sending<(http::Response<WasiBody>, Sending<()>)> {
        if !self.allowed.iter().any(|entry| entry.covers(request.uri())) {
            return Box::new(async { Err(Error::HttpRequestDenied) });
        }
        let connections = self
            .connections
            .get_or_init(|| connections(&self.log))
            .clone();
        // Longer than a server may take to look at what it got, or bytes on the way would be cut.
        let first = options.connect_timeout.unwrap_or(PATIENCE)
            + options.first_byte_timeout.unwrap_or(PATIENCE);
        let between = options.between_bytes_timeout.unwrap_or(PATIENCE);
        // With an absolute address the request line is in the form that proxies get, and hyper's
        // client makes the plain one of it.
        *request.version_mut() = http::Version::HTTP_11;
        let mut moved = None;
        if !request.body().is_end_stream() {
            let (sent, progress) = (activity.clone(), Arc::new(Notify::new()));
            moved = Some(progress.clone());
            request = request.map(|body| {
                let body = body.map_frame(move |frame| {
                    progress.notify_one();
                    if let Some(activity) = &sent {
                        activity.moved_beyond();
                    }
                    frame
                });
                body.boxed_unsync()
            });
        }
        Box::new(async move {
            let mut answer = std::pin::pin!(connections.request(request));
            let late = || Error::ConnectionReadTimeout;
            let answer = match moved {
                None => timeout(first, answer).await.map_err(|_| late())?,
                // As long as the body moves, the server is not late.
                Some(moved) => loop {
                    tokio::select! {
                        biased;
                        answer = &mut answer => break answer,
                        moved = timeout(first, moved.notified()) => moved.map_err(|_| late())?,
                    }
                },
            };
            let answer = answer.map_err(failed)?;
            let answer = answer.map(|incoming| {
                let body = Answered {
                    incoming,
                    between,
                    timer: None,
                    activity,
                };
                body.boxed_unsync()
            });
            // The connection is driven by the pool.
            Ok((answer, Box::new(async { Ok(()) }) as Sending<()>))
        })
    }
}

fn connections(log: &Sink) -> Connections {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    // What can't be read is not trusted: else only the server that needs it would tell, and not why.
    if let Some(error) = found.errors.first() {
        log(Line {
            source: Source::Host,
            client: None,
            text: &format!(
                "not all of the certificates that are trusted can be read: {error}; {} are there",
                roots.len()
            ),
        });
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has the protocol versions that rustls has")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    let https = HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_or_http()
        .enable_http1()
        .wrap_connector(http);
    legacy::Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(IDLE_A_HOST)
        .pool_timer(TokioTimer::new())
        .build(https)
}

/// The body of an answer, which fails when it stalls.
struct Answered {
    incoming: Incoming,
    between: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    activity: Option<Arc<Activity>>,
}

impl Body for Answered {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) {
            self.timer = None;
            if let Some(activity) = &self.activity {
                activity.moved_beyond();
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Error::from)));
        }
        let between = self.between;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(between)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// What `wasi:http` calls a failure, so that the guest can tell the operator what to mend.
fn failed(error: legacy::Error) -> Error {
    let connecting = error.is_connect();
    let mut cause: Option<&(dyn StdError + 'static)> = Some(&error);
    while let Some(one) = cause {
        if let Some(tls) = tls_error(one) {
            return match tls {
                rustls::Error::InvalidCertificate(_) => Error::TlsCertificateError,
                _ => Error::TlsProtocolError,
            };
        }
        if let Some(io) = one.downcast_ref::<io::Error>()
            && io.kind() == io::ErrorKind::ConnectionRefused
        {
            return Error::ConnectionRefused;
        }
        if let Some(hyper) = one.downcast_ref::<hyper::Error>() {
            return match hyper {
                it if it.is_timeout() => Error::ConnectionReadTimeout,
                it if it.is_parse() => Error::HttpProtocolError,
                _ => Error::ConnectionTerminated,
            };
        }
        cause = one.source();
    }
    if !connecting {
        return Error::ConnectionTerminated;
    }
    let text = error.source().map(ToString::to_string).unwrap_or_default();
    if text.contains("dns") {
        return Error::DnsError {
            rcode: None,
            info_code: None,
        };
    }
    Error::DestinationUnavailable
}

/// rustls puts its errors into errors of the connection, and hyper-rustls those into others.
fn tls_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    if let Some(tls) = error.downcast_ref() {
        return Some(tls);
    }
    // The source of such an error is what is below the one that it holds.
    tls_error(error.downcast_ref::<io::Error>()?.get_ref()?)
}
