//! The head of a guest's answer. It tells whether an attempt to log in has failed, so it is waited for
//! even when nobody is there any more to get it: else who hangs up soon enough could guess without an end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::StatusCode;
use tokio::sync::oneshot;

use super::attempts::Presented;
use super::exchange::Origin;
use crate::instance::{Answer, Head};

/// A head that may still come. If this is dropped before it has, and its request presented a
/// credential, a task of its own waits for it.
pub(super) struct Awaited<'a> {
    origin: &'a Arc<Origin>,
    presented: Option<Presented>,
    /// None when it has come, or never will.
    coming: Option<oneshot::Receiver<Head>>,
}

impl<'a> Awaited<'a> {
    /// Where the guest sends its head, and who waits for it.
    pub fn new(origin: &'a Arc<Origin>, presented: Option<Presented>) -> (Answer, Self) {
        let (answer, coming) = oneshot::channel();
        let awaited = Awaited {
            origin,
            presented,
            coming: Some(coming),
        };
        (answer, awaited)
    }

    /// The head, when it has come. If there will be none this is never ready, and the guest's end
    /// tells why.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Head> {
        let Some(coming) = &mut self.coming else {
            return Poll::Pending;
        };
        let head = ready!(Pin::new(coming).poll(cx));
        self.coming = None;
        let Ok(head) = head else {
            return Poll::Pending;
        };
        if let Some(presented) = self.presented {
            judge(self.origin, presented, &head);
        }
        Poll::Ready(head)
    }
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        // Without a runtime everything ends, and nobody guesses any more.
        if let Some(presented) = self.presented
            && let Some(coming) = self.coming.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let origin = self.origin.clone();
            runtime.spawn(async move {
                if let Ok(head) = coming.await {
                    judge(&origin, presented, &head);
                }
            });
        }
    }
}

fn judge(origin: &Origin, presented: Presented, head: &Head) {
    if let Ok(response) = head
        && response.status() == StatusCode::UNAUTHORIZED
    {
        origin.note_failed_login(presented);
    }
}
