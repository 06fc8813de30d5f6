//! One request: lets it in, gives it to an instance, and sees to it that the client gets an answer
//! whatever the guest does. How long the guest may run is the `driver`'s affair.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;

use super::activity::Activity;
use super::attempts::Presented;
use super::body::{RequestBody, ResponseBody};
use super::driver::{Driver, End};
use super::head::Awaited;
use super::host_field;
use crate::Shared;
use crate::instance::Answer;
use crate::log::{Line, Source};

/// Where requests come from, and who answers them: one of these a connection.
pub(super) struct Origin {
    pub shared: Arc<Shared>,
    pub client: IpAddr,
    pub secure: bool,
    pub activity: Arc<Activity>,
}

impl Origin {
    pub fn log(&self, text: &str) {
        (self.shared.log)(Line {
            source: Source::Host,
            client: Some(self.client),
            text,
        });
    }

    /// Counts a credential that was presented in vain.
    pub fn note_failed_login(&self, presented: Presented) {
        let (attempts, limits) = (&self.shared.attempts, &self.shared.limits);
        let now = self.activity.now();
        if let Some(wait) = attempts.note(self.client, presented, now, limits) {
            self.log(&format!(
                "this address has presented {} tokens that are not valid: answered 429 for {} seconds",
                limits.failed_logins,
                wait.as_millis().div_ceil(1000)
            ));
        }
    }
}

/// What those who work on one request know of each other.
pub(super) struct Exchange {
    pub origin: Arc<Origin>,
    /// The guest failed, so a body that seems to end has not.
    broken: AtomicBool,
    /// When the client got its answer, or went away; 0 before that.
    left: AtomicU64,
}

impl Exchange {
    fn new(origin: Arc<Origin>) -> Self {
        Exchange {
            origin,
            broken: AtomicBool::new(false),
            left: AtomicU64::new(0),
        }
    }

    pub fn break_off(&self) {
        self.broken.store(true, Ordering::Release);
    }

    pub fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }

    /// The client has its answer or is gone: what the guest still does is for itself alone.
    pub fn client_left(&self) {
        self.left
            .store(self.origin.activity.now().max(1), Ordering::Release);
    }

    /// How long the guest has waited, with no byte moving for its client.
    pub fn still_for(&self) -> Duration {
        match self.left.load(Ordering::Acquire) {
            0 => self.origin.activity.still_for(),
            left => Duration::from_millis(self.origin.activity.now().saturating_sub(left)),
        }
    }
}

/// Answers one request. Dropping this, which is what hyper does when the client goes away, lets the
/// guest go on alone, so that it can put away what it has begun.
pub(super) async fn answer(
    origin: Arc<Origin>,
    request: Request<Incoming>,
) -> Response<ResponseBody> {
    origin.activity.asked();
    let presented = origin.shared.attempts.presented(request.headers());
    let response = match admit(&origin, request, presented.is_some()).await {
        Ok((request, permit)) => run(&origin, request, permit, presented).await,
        Err(refusal) => refusal,
    };
    origin.activity.answering();
    response
}

/// Refuses what the guest need not see, and waits for a free place.
async fn admit(
    origin: &Origin,
    request: Request<Incoming>,
    has_credential: bool,
) -> Result<(Request<RequestBody>, OwnedSemaphorePermit), Response<ResponseBody>> {
    let limits = &origin.shared.limits;
    let refuse = |status, text: &str| refusal(status, text, origin);
    if let Some(complaint) = host_field::complaint(&request) {
        return Err(refuse(StatusCode::BAD_REQUEST, complaint));
    }
    if has_credential && let Some(refusal) = refuse_guessing(origin) {
        return Err(refusal);
    }
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > limits.request_body) {
        let text = format!(
            "too large: this server takes bodies of up to {} bytes",
            limits.request_body
        );
        let mut refusal = refuse(StatusCode::PAYLOAD_TOO_LARGE, &text);
        refusal
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
        return Err(refusal);
    }
    let places = &origin.shared.places;
    let permit = match places.clone().try_acquire_owned() {
        Ok(permit) => Some(permit),
        Err(_) => timeout(limits.queue_time, places.clone().acquire_owned())
            .await
            .ok()
            .and_then(Result::ok),
    };
    let Some(permit) = permit else {
        let mut refusal = refuse(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable: too many requests at once, try again",
        );
        refusal
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        return Err(refusal);
    };
    let (mut parts, incoming) = request.into_parts();
    forget_claims(&mut parts.headers);
    let body = RequestBody::new(
        incoming,
        origin.activity.clone(),
        limits.stalled_transfer,
        limits.request_body,
    );
    Ok((Request::from_parts(parts, body), permit))
}

/// The answer to somebody who has presented too many credentials in vain.
fn refuse_guessing(origin: &Origin) -> Option<Response<ResponseBody>> {
    let (shared, now) = (&origin.shared, origin.activity.now());
    let wait = shared.attempts.wait(origin.client, now, &shared.limits)?;
    let text = "too many requests: this address has presented too many tokens that are not valid";
    let mut refusal = refusal(StatusCode::TOO_MANY_REQUESTS, text, origin);
    let seconds = HeaderValue::from(wait.as_secs() + 1);
    refusal.headers_mut().insert(header::RETRY_AFTER, seconds);
    Some(refusal)
}

/// Spin tells a component things in `spin-` headers, such as the client's address. Here only a
/// client could have sent them, so the guest must not see them.
fn forget_claims(headers: &mut HeaderMap) {
    let claims: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("spin-"))
        .cloned()
        .collect();
    for name in claims {
        headers.remove(name);
    }
}

async fn run(
    origin: &Arc<Origin>,
    request: Request<RequestBody>,
    permit: OwnedSemaphorePermit,
    presented: Option<Presented>,
) -> Response<ResponseBody> {
    let exchange = Arc::new(Exchange::new(origin.clone()));
    let (answer, mut awaited) = Awaited::new(origin, presented);
    let guest = guest(request, answer, exchange.clone(), permit);
    let mut driver = Driver::new(Box::pin(guest), exchange.clone());
    // The guest runs right here: a task of its own for each request halved the requests per second.
    let mut end = None;
    let head = std::future::poll_fn(|cx| {
        if end.is_none()
            && let Poll::Ready(ended) = driver.poll_guest(cx)
        {
            end = Some(ended);
        }
        match awaited.poll(cx) {
            Poll::Ready(head) => Poll::Ready(Some(head)),
            Poll::Pending if end.is_some() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await;
    match head {
        // What is left of the guest's work goes on beside its answer's way to the client: the
        // driver's drop sees to that.
        Some(Ok(response)) => response.map(|body| ResponseBody::Guest { body, exchange }),
        Some(Err(code)) => {
            let text = format!("internal error: the proxy gave up on its answer: {code:?}");
            refusal(StatusCode::INTERNAL_SERVER_ERROR, &text, origin)
        }
        None => {
            let (status, text) = match end {
                Some(End::Overrun) => (
                    StatusCode::GATEWAY_TIMEOUT,
                    "timed out: the request took too much time to work out",
                ),
                Some(End::Stalled) => (
                    StatusCode::GATEWAY_TIMEOUT,
                    "timed out: nothing happened for too long",
                ),
                _ => (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "internal error: the proxy failed on this request",
                ),
            };
            refusal(status, text, origin)
        }
    }
}

/// All of a guest's work on one request, until it returns.
async fn guest(
    request: Request<RequestBody>,
    answer: Answer,
    exchange: Arc<Exchange>,
    permit: OwnedSemaphorePermit,
) -> End {
    let origin = &exchange.origin;
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let scheme = if origin.secure {
        Scheme::Https
    } else {
        Scheme::Http
    };
    let result = async {
        let mut instance = origin.shared.pool.take().await?;
        let result = instance
            .answer(
                scheme,
                request,
                origin.client,
                origin.activity.clone(),
                answer,
            )
            .await;
        match &result {
            Ok(()) => origin.shared.pool.put_back(instance),
            // Before the instance, and with it the sending end of the body, is dropped.
            Err(_) => exchange.break_off(),
        }
        result
    }
    .await;
    drop(permit);
    match result {
        Ok(()) => End::Returned,
        Err(error) => {
            origin.log(&format!(
                "{method} {}: the guest failed: {error:#}",
                uri.path()
            ));
            End::Failed
        }
    }
}

fn refusal(status: StatusCode, text: &str, origin: &Origin) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::text(text, origin.activity.clone()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
