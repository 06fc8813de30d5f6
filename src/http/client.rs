//! HTTP as a client: what a room that must ask another server (an object store, an issuer of tokens)
//! needs of the host. The port is one function; in the component it is `wasi:http/outgoing-handler`, in
//! native tests a map of answers that can be told to fail.
//!
//! Nothing here follows a redirect or tries again: who asks knows what that would mean.

use std::fmt;
use std::io::Read;
use std::time::Duration;

use super::{Headers, Method, Source};

/// What is sent as a request's body. `Content-Length` is set from it by whoever sends it.
pub enum Payload<'a> {
    /// No body.
    Nothing,
    /// All the bytes.
    Bytes(&'a [u8]),
    /// As many bytes as the first field says, read as the server takes them.
    Stream(u64, &'a mut dyn Read),
}

/// A request to another server.
pub struct Outgoing<'a> {
    /// The method.
    pub method: Method,
    /// The absolute address, `http` or `https`, percent-encoded as it is to be sent. Its authority
    /// becomes `Host`, which no one can set.
    pub url: &'a str,
    /// The header fields, `Host` and `Content-Length` left out.
    pub headers: Vec<(&'a str, String)>,
    /// The body.
    pub body: Payload<'a>,
    /// How long to wait for the connection, for the head of the answer, and between two of its
    /// bytes.
    pub patience: Duration,
}

/// An address in the parts that a request is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address<'a> {
    /// Whether it is `https`.
    pub secure: bool,
    /// Host and, where it is not the scheme's own, port.
    pub authority: &'a str,
    /// Path and query; empty stands for `/`.
    pub path_with_query: &'a str,
}

impl<'a> Address<'a> {
    /// Takes an absolute address apart. `None` for one that is not `http` or `https`, has no host, has
    /// a user in front of it (a secret has no place in an address) or a fragment behind it.
    pub fn parse(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let secure = match scheme {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path_with_query) = rest.split_at_checked(end)?;
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        if authority.is_empty() || !authority.bytes().all(fits) {
            return None;
        }
        let printable = path_with_query.bytes().all(|byte| byte.is_ascii_graphic());
        (printable && !path_with_query.contains('#')).then_some(Address {
            secure,
            authority,
            path_with_query,
        })
    }
}

impl<'a> Outgoing<'a> {
    /// A request without body or header fields.
    pub fn new(method: Method, url: &'a str, patience: Duration) -> Self {
        Outgoing {
            method,
            url,
            headers: Vec::new(),
            body: Payload::Nothing,
            patience,
        }
    }
}

/// The header fields of an answer. Each is had from the host when it is asked for: of the dozen that an
/// object store sends a hit needs one.
pub trait AnswerFields {
    /// The first value of a field, if it is there and is UTF-8.
    fn get(&self, name: &str) -> Option<String>;
}

impl AnswerFields for Headers {
    fn get(&self, name: &str) -> Option<String> {
        Headers::get(self, name).map(str::to_owned)
    }
}

/// Another server's answer, its body not yet read.
pub struct Incoming {
    /// The status code.
    pub status: u16,
    /// The header fields.
    pub headers: Box<dyn AnswerFields>,
    /// `Content-Length` in bytes, where it is there and a number.
    pub length: Option<u64>,
    /// The body. One that ends before its `Content-Length` is an error of the source.
    pub body: Box<dyn Source>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unanswered {
    /// The host does not let the component reach that server.
    Denied,
    /// The address is none, or not one that can be asked.
    BadAddress,
    /// No connection, or it broke before there was an answer; why.
    Unreachable(String),
    /// The server's certificate is none that the host trusts, or TLS failed otherwise; why.
    Untrusted(String),
    /// Nothing came in time.
    TimedOut,
    /// What came is no HTTP; why.
    Nonsense(String),
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unanswered::Denied => f.write_str(
                "the host does not let this component reach it: its manifest must allow that (on Spin \
                 `allowed_outbound_hosts`, on wasmCloud `allowedHosts`)",
            ),
            Unanswered::BadAddress => f.write_str("its address is no http or https address"),
            Unanswered::Unreachable(why) => write!(f, "it can't be reached: {why}"),
            Unanswered::Untrusted(why) => write!(f, "TLS with it failed: {why}"),
            Unanswered::TimedOut => f.write_str("it did not answer in time"),
            Unanswered::Nonsense(why) => write!(f, "its answer is no HTTP: {why}"),
        }
    }
}

/// Asks other servers.
pub trait Client {
    /// Sends a request and waits for the head of the answer.
    ///
    /// # Errors
    /// Why there is none. The request may have been carried out nevertheless.
    fn send(&self, request: Outgoing<'_>) -> Result<Incoming, Unanswered>;

    /// Sends requests without bodies, all before it waits for the first answer where the host can do that.
    /// The answers are in the order of the requests.
    fn send_all(&self, requests: Vec<Outgoing<'_>>) -> Vec<Result<Incoming, Unanswered>> {
        let requests = requests.into_iter();
        requests.map(|request| self.send(request)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        for (url, secure, authority, path_with_query) in [
            ("https://s3.example.com", true, "s3.example.com", ""),
            (
                "http://127.0.0.1:9000/b/k?x=1",
                false,
                "127.0.0.1:9000",
                "/b/k?x=1",
            ),
            ("https://[::1]:9000/", true, "[::1]:9000", "/"),
            ("https://example.com?x", true, "example.com", "?x"),
        ] {
            let expected = Address {
                secure,
                authority,
                path_with_query,
            };
            assert_eq!(Address::parse(url), Some(expected), "{url}");
        }
    }

    #[test]
    fn what_is_no_address_that_can_be_asked_is_none() {
        for url in [
            "",
            "example.com/x",
            "ftp://example.com/",
            "HTTPS://example.com/",
            "https://",
            "https:///x",
            "https://user:secret@example.com/",
            "https://example.com/a b",
            "https://example.com/#x",
            "https://exa\nmple.com/",
        ] {
            assert_eq!(Address::parse(url), None, "{url}");
        }
    }
}
