//! What went wrong, and the one table that says with which status it is answered.
//!
//! A status tells the client who must act, and the `go` command what to do next: 404 and 410 send it
//! to its next proxy, anything else stops it. It prints the first lines of a text/plain body, so the
//! text is a sentence for a Go developer.

use std::fmt;

use super::{Body, Response};

/// The kind of a failure: whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request can't be understood. 400.
    Malformed,
    /// It is not here; it may be elsewhere. 404.
    NotFound,
    /// It was here and has been withdrawn. 410.
    Withdrawn,
    /// There is no credential, or a wrong one. 401.
    Unauthorized,
    /// The credential is good and does not give this right. 403.
    Forbidden,
    /// The resource has no such method; the field is its `Allow`. 405.
    MethodNotAllowed(&'static str),
    /// Other content is there. 409.
    Conflict,
    /// The body is larger than the setting allows. 413.
    TooLarge,
    /// The bytes asked for are past the end; the field is the size in bytes. 416.
    RangeNotSatisfiable(u64),
    /// The request or its content breaks a rule of Go's or of ours. 422.
    Invalid,
    /// A bug or a setting that the operator must mend. 500.
    Internal,
    /// The store can't be reached or refuses. 503.
    Unavailable,
    /// The store did not answer in time. 504.
    TimedOut,
    /// Who alone can judge the credential, or tell the settings, does not answer. 503.
    NoVerdict,
}

impl Kind {
    /// The status code and the words that open the text.
    pub fn status(self) -> (u16, &'static str) {
        match self {
            Kind::Malformed => (400, "bad request"),
            Kind::NotFound => (404, "not found"),
            Kind::Withdrawn => (410, "withdrawn"),
            Kind::Unauthorized => (401, "unauthorized"),
            Kind::Forbidden => (403, "forbidden"),
            Kind::MethodNotAllowed(_) => (405, "method not allowed"),
            Kind::Conflict => (409, "conflict"),
            Kind::TooLarge => (413, "too large"),
            Kind::RangeNotSatisfiable(_) => (416, "range not satisfiable"),
            Kind::Invalid => (422, "invalid"),
            Kind::Internal => (500, "internal error"),
            Kind::Unavailable => (503, "store unavailable"),
            Kind::TimedOut => (504, "store timed out"),
            Kind::NoVerdict => (503, "unavailable"),
        }
    }

    /// Whether it is the operator's turn, and not the client's.
    pub fn is_operators(self) -> bool {
        self.status().0 >= 500
    }
}

/// A request that gets no success: its kind, and a sentence without any secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Whose turn it is.
    pub kind: Kind,
    /// What happened and what to do; a line for each problem where there are several.
    pub text: String,
}

impl Failure {
    /// A failure with its sentence.
    pub fn new(kind: Kind, text: impl Into<String>) -> Self {
        Failure {
            kind,
            text: text.into(),
        }
    }

    /// The answer. `not_found_max_age` is how many seconds a shared cache may keep a 404; `None`
    /// where the answer depends on who asks.
    pub fn response(&self, not_found_max_age: Option<u64>) -> Response {
        let (status, _) = self.kind.status();
        let body = Body::Bytes(format!("{self}\n").into_bytes());
        let cache = match (self.kind, not_found_max_age) {
            (Kind::NotFound, Some(seconds)) => format!("public, max-age={seconds}"),
            _ => "no-store".to_owned(),
        };
        let response = Response::new(status, "text/plain; charset=utf-8", body)
            .with("cache-control", cache)
            .with("x-content-type-options", "nosniff");
        match self.kind {
            Kind::Unauthorized => response.with("www-authenticate", "Basic realm=\"goproxy-edge\""),
            Kind::MethodNotAllowed(allow) => response.with("allow", allow),
            Kind::RangeNotSatisfiable(size) => {
                response.with("content-range", format!("bytes */{size}"))
            }
            Kind::Unavailable => response.with("retry-after", "5"),
            // An issuer is asked once a minute.
            Kind::NoVerdict => response.with("retry-after", "60"),
            _ => response,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (_, words) = self.kind.status();
        write!(f, "{words}: {}", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(kind: Kind) -> (u16, Vec<(&'static str, String)>, String) {
        let response = Failure::new(kind, "example.com/m@v1.2.3: why").response(Some(60));
        let Body::Bytes(body) = response.body else {
            panic!("an error has its text at hand");
        };
        assert_eq!(response.length, Some(body.len() as u64));
        let text = String::from_utf8(body).unwrap();
        (response.status, response.headers, text)
    }

    #[test]
    fn every_kind_has_its_status_words_and_headers() {
        let plain = "text/plain; charset=utf-8";
        for (kind, status, words, cache, extra) in [
            (Kind::Malformed, 400, "bad request", "no-store", None),
            (Kind::NotFound, 404, "not found", "public, max-age=60", None),
            (Kind::Withdrawn, 410, "withdrawn", "no-store", None),
            (
                Kind::Unauthorized,
                401,
                "unauthorized",
                "no-store",
                Some(("www-authenticate", "Basic realm=\"goproxy-edge\"")),
            ),
            (Kind::Forbidden, 403, "forbidden", "no-store", None),
            (
                Kind::MethodNotAllowed("GET, HEAD"),
                405,
                "method not allowed",
                "no-store",
                Some(("allow", "GET, HEAD")),
            ),
            (Kind::Conflict, 409, "conflict", "no-store", None),
            (Kind::TooLarge, 413, "too large", "no-store", None),
            (
                Kind::RangeNotSatisfiable(7),
                416,
                "range not satisfiable",
                "no-store",
                Some(("content-range", "bytes */7")),
            ),
            (Kind::Invalid, 422, "invalid", "no-store", None),
            (Kind::Internal, 500, "internal error", "no-store", None),
            (
                Kind::Unavailable,
                503,
                "store unavailable",
                "no-store",
                Some(("retry-after", "5")),
            ),
            (Kind::TimedOut, 504, "store timed out", "no-store", None),
            (
                Kind::NoVerdict,
                503,
                "unavailable",
                "no-store",
                Some(("retry-after", "60")),
            ),
        ] {
            let mut headers = vec![
                ("content-type", plain.to_owned()),
                ("cache-control", cache.to_owned()),
                ("x-content-type-options", "nosniff".to_owned()),
            ];
            headers.extend(extra.map(|(name, value)| (name, value.to_owned())));
            let text = format!("{words}: example.com/m@v1.2.3: why\n");
            assert_eq!(answer(kind), (status, headers, text), "{kind:?}");
        }
    }

    #[test]
    fn a_404_that_depends_on_who_asks_is_kept_by_no_cache() {
        let response = Failure::new(Kind::NotFound, "x").response(None);
        assert!(
            response
                .headers
                .contains(&("cache-control", "no-store".to_owned()))
        );
    }
}
