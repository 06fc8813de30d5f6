//! The two bodies of a request, each with the rules that hyper and Wasmtime do not have: a request
//! body that stalls or is too large fails, and an answer whose guest failed breaks off.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep};
use wasmtime_wasi_http::Error;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use super::activity::Activity;
use super::exchange::Exchange;

/// A request's body as the guest gets it.
pub(crate) struct RequestBody {
    incoming: Incoming,
    activity: Arc<Activity>,
    stall: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    room: u64,
    limit: u64,
}

impl RequestBody {
    pub fn new(incoming: Incoming, activity: Arc<Activity>, stall: Duration, limit: u64) -> Self {
        RequestBody {
            incoming,
            activity,
            stall,
            timer: None,
            room: limit,
            limit,
        }
    }

    /// Ready when nothing has moved for the allowed time.
    fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let rest = self.stall.saturating_sub(self.activity.still_for());
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(rest)));
            ready!(timer.as_mut().poll(cx));
            self.timer = None;
            if self.activity.still_for() >= self.stall {
                return Poll::Ready(());
            }
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) else {
            ready!(self.poll_stalled(cx));
            return Poll::Ready(Some(Err(Error::ConnectionReadTimeout)));
        };
        self.timer = None;
        let Some(frame) = frame else {
            return Poll::Ready(None);
        };
        let frame = frame.map_err(Error::from)?;
        let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
        match self.room.checked_sub(bytes) {
            Some(room) => self.room = room,
            None => return Poll::Ready(Some(Err(Error::HttpRequestBodySize(Some(self.limit))))),
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// The body of an answer.
pub(super) enum ResponseBody {
    /// The host's own words.
    Text {
        text: Option<Bytes>,
        activity: Arc<Activity>,
    },
    /// The guest's.
    Guest {
        body: HyperOutgoingBody,
        exchange: Arc<Exchange>,
    },
}

impl ResponseBody {
    /// One line.
    pub fn text(line: &str, activity: Arc<Activity>) -> Self {
        ResponseBody::Text {
            text: Some(Bytes::from(format!("{line}\n"))),
            activity,
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match &mut *self {
            ResponseBody::Text { text, .. } => {
                Poll::Ready(text.take().map(|text| Ok(Frame::data(text))))
            }
            ResponseBody::Guest { body, exchange } => {
                let frame = ready!(Pin::new(body).poll_frame(cx));
                if frame.is_none() && exchange.is_broken() {
                    // Wasmtime ends the body of a guest that died as if it were complete.
                    return Poll::Ready(Some(Err(Error::HttpResponseIncomplete)));
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, ResponseBody::Text { text: None, .. })
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            ResponseBody::Text { text, .. } => {
                SizeHint::with_exact(text.as_ref().map_or(0, Bytes::len) as u64)
            }
            ResponseBody::Guest { body, .. } => body.size_hint(),
        }
    }
}

impl Drop for ResponseBody {
    /// hyper drops a body when it has all of it, or when the client is gone.
    fn drop(&mut self) {
        match self {
            ResponseBody::Text { activity, .. } => activity.answered(),
            ResponseBody::Guest { exchange, .. } => {
                exchange.client_left();
                exchange.origin.activity.answered();
            }
        }
    }
}
