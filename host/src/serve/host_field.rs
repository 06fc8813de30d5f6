//! The Host field of a request, by RFC 9112, section 3.2: one, and a proper one. A server in front might
//! go by the other of two, and Wasmtime gives up on a request whose host is no text.

use http::uri::Authority;
use http::{HeaderValue, Request, header};

/// What is wrong with the Host field, if something is. A target with a host of its own, as proxies
/// get it, needs no field, and may have an empty one.
pub(super) fn complaint<B>(request: &Request<B>) -> Option<&'static str> {
    let in_target = request.uri().authority().is_some();
    let mut fields = request.headers().get_all(header::HOST).iter();
    match (fields.next(), fields.next()) {
        (None, _) if in_target => None,
        (None, _) => Some("bad request: it has no Host header"),
        (Some(_), Some(_)) => Some("bad request: it has more than one Host header"),
        (Some(host), None) if names_host(host) || (in_target && host.is_empty()) => None,
        (Some(_), None) => Some("bad request: its Host header is no host and port"),
    }
}

/// Whether this is a host, perhaps with a port. Unlike the authority of an address it has no user.
fn names_host(field: &HeaderValue) -> bool {
    let Ok(authority) = Authority::try_from(field.as_bytes()) else {
        return false;
    };
    if authority.as_str().contains('@') {
        return false;
    }
    let host = authority.host();
    let is_port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let rest = authority.as_str().strip_prefix(host);
    !host.is_empty()
        && rest.is_some_and(|rest| rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint_of(target: &str, fields: &[&[u8]]) -> Option<&'static str> {
        let mut request = Request::builder().uri(target).body(()).unwrap();
        for field in fields {
            let field = HeaderValue::from_bytes(field).unwrap();
            request.headers_mut().append(header::HOST, field);
        }
        complaint(&request)
    }

    #[test]
    fn a_host_is_a_name_or_an_address_with_or_without_a_port() {
        let hosts = [
            "localhost",
            "proxy.example.com:8080",
            "proxy.example.com:",
            "a_b-c.example",
            "192.0.2.1:1",
            "[2001:db8::1]",
            "[::1]:3000",
        ];
        for host in hosts {
            assert_eq!(complaint_of("/", &[host.as_bytes()]), None, "{host}");
        }
    }

    #[test]
    fn what_is_no_host_is_told() {
        let others: [&[u8]; 13] = [
            b"",
            b"a b",
            b"a, b",
            b"\xff",
            "\u{fc}.example".as_bytes(),
            b"a/b",
            b"a?b",
            b"http://a",
            b"user@a",
            b"a:b",
            b"a:1:2",
            b":80",
            b"[::1]a",
        ];
        for other in others {
            let expected = Some("bad request: its Host header is no host and port");
            let shown = String::from_utf8_lossy(other);
            assert_eq!(complaint_of("/", &[other]), expected, "{shown}");
        }
    }

    #[test]
    fn there_is_one_host_header_unless_the_target_names_a_host() {
        let none = Some("bad request: it has no Host header");
        let two = Some("bad request: it has more than one Host header");
        assert_eq!(complaint_of("/", &[]), none);
        assert_eq!(complaint_of("/", &[b"a", b"a"]), two);
        assert_eq!(complaint_of("http://a/", &[]), None);
        assert_eq!(complaint_of("http://a/", &[b""]), None);
        assert_eq!(complaint_of("http://a/", &[b"a"]), None);
        assert_eq!(complaint_of("http://a/", &[b"a", b"b"]), two);
        let wrong = Some("bad request: its Host header is no host and port");
        assert_eq!(complaint_of("http://a/", &[b"a b"]), wrong);
    }
}
