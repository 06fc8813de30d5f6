//! Each limit holds, against a guest or a client that does what it should not.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use goproxy_edge_host::Limits;
use goproxy_edge_host::log::Source;

use crate::server::{Answer, Client, Server};

const SHORT: Duration = Duration::from_millis(400);

fn server(change: impl FnOnce(&mut Limits)) -> Server {
    Server::start_with(|config| change(&mut config.limits))
}

/// That something took about this long: not shorter, and not much longer.
fn assert_about(took: Duration, expected: Duration) {
    assert!(
        took + Duration::from_millis(60) >= expected && took < expected * 3,
        "{took:?}, not {expected:?}"
    );
}

#[test]
fn a_guest_that_never_ends_is_cut_off_and_others_are_answered_meanwhile() {
    let server = server(|limits| limits.guest_time = SHORT);
    let started = Instant::now();
    let mut spinning: Vec<_> = (0..6).map(|_| server.connect()).collect();
    for client in &mut spinning {
        client.send("GET /spin HTTP/1.1\r\nhost: test\r\n\r\n");
    }
    std::thread::sleep(SHORT / 4);
    let asked = Instant::now();
    assert_eq!(server.get("/count").said(), (200, "0"));
    assert!(asked.elapsed() < SHORT * 2, "{:?}", asked.elapsed());
    for client in &mut spinning {
        let text = "timed out: the request took too much time to work out\n";
        assert_eq!(client.answer().said(), (504, text));
    }
    assert!(started.elapsed() >= SHORT);
    assert_eq!(server.get("/count").said().0, 200);
}

#[test]
fn a_guest_that_never_ends_in_its_body_breaks_the_connection() {
    let server = server(|limits| limits.guest_time = SHORT);
    let started = Instant::now();
    let answer = server.get("/spin-in-body");
    assert_eq!(
        (answer.status, answer.body.as_str(), answer.whole),
        (200, "ten bytes\n", false)
    );
    assert_about(started.elapsed(), SHORT);
    assert_eq!(server.get("/count").said(), (200, "0"));
}

#[test]
fn a_guest_that_waits_for_too_long_is_cut_off() {
    let server = server(|limits| limits.stalled_transfer = SHORT);
    let started = Instant::now();
    assert_eq!(
        server.get("/wait/60000").said(),
        (504, "timed out: nothing happened for too long\n")
    );
    assert_about(started.elapsed(), SHORT);
    assert_eq!(server.get("/wait/100").said(), (200, "waited"));
}

#[test]
fn a_guest_that_waits_for_too_long_is_cut_off_where_no_connection_waits_with_it() {
    let mut server = server(|limits| limits.stalled_transfer = SHORT);
    let started = Instant::now();
    // Where guests go that take long turns.
    assert_eq!(
        server.get("/toil/60000").said(),
        (504, "timed out: nothing happened for too long\n")
    );
    assert_about(started.elapsed(), SHORT);
    assert_eq!(server.get("/toil/100").said(), (200, "toiled"));
    // After its answer, and after its client.
    assert_eq!(server.get("/print-after/60000").said(), (200, "answered"));
    let mut client = server.connect();
    client.send("GET /wait/60000 HTTP/1.1\r\nhost: test\r\n\r\n");
    std::thread::sleep(Duration::from_millis(50));
    drop(client);
    // Each holds a place for as long as it is there.
    let started = Instant::now();
    server.stop();
    assert!(started.elapsed() < SHORT * 4, "{:?}", started.elapsed());
    let cut = "cut off: the guest waited for too long";
    let lines = server.log().into_iter().filter(|line| line.2 == cut);
    assert_eq!(lines.count(), 3);
}

#[test]
fn waiting_is_not_counted_as_the_guest_running() {
    let server = server(|limits| limits.guest_time = Duration::from_millis(100));
    assert_eq!(server.get("/wait/300").said(), (200, "waited"));
}

#[test]
fn a_guest_that_wants_too_much_memory_fails_alone() {
    let server = server(|limits| limits.instance_memory = 16 << 20);
    let mut client = server.connect();
    assert_eq!(client.get("/grow/8").said(), (200, "8388608"));
    let text = "internal error: the proxy failed on this request\n";
    assert_eq!(client.get("/grow/32").said(), (500, text));
    assert_eq!(client.get("/grow/8").said(), (200, "8388608"));
}

#[test]
fn an_instance_that_grew_large_is_not_used_again() {
    let server = server(|limits| limits.kept_instance_memory = 16 << 20);
    assert_eq!(server.get("/count").said(), (200, "0"));
    assert_eq!(server.get("/grow/8").said(), (200, "8388608"));
    assert_eq!(server.get("/count").said(), (200, "1"));
    assert_eq!(server.get("/grow/32").said(), (200, "33554432"));
    assert_eq!(server.get("/count").said(), (200, "0"));
}

#[test]
fn a_client_that_sends_its_head_too_slowly_is_cut_off() {
    let server = server(|limits| limits.header_time = SHORT);
    let silent = server.connect().closed_after();
    assert_about(silent.0, SHORT);
    assert_eq!(silent.1, "");

    let mut client = server.connect();
    assert_eq!(client.get("/count").said(), (200, "0"));
    let started = Instant::now();
    client.send("GET /count HTTP/1.1\r\n");
    while client.socket.write_all(b"x-more: 1\r\n").is_ok() {
        assert!(started.elapsed() < SHORT * 3, "{:?}", started.elapsed());
        std::thread::sleep(SHORT / 8);
    }
    assert_about(started.elapsed(), SHORT);
}

#[test]
fn a_connection_without_a_further_request_is_closed() {
    let server = server(|limits| limits.keep_alive = SHORT);
    let mut client = server.connect();
    assert_eq!(client.get("/count").said(), (200, "0"));
    std::thread::sleep(SHORT / 2);
    assert_eq!(client.get("/count").said(), (200, "1"));
    let (took, text) = client.closed_after();
    assert_about(took, SHORT);
    assert_eq!(text, "");
}

#[test]
fn a_guest_is_told_when_its_client_stops_sending_and_can_still_answer() {
    let server = server(|limits| limits.stalled_transfer = SHORT);
    let mut client = server.connect();
    client.send("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 100\r\n\r\nsome of it");
    let started = Instant::now();
    let answer = client.answer();
    assert_about(started.elapsed(), SHORT);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, "failed: connection read timeout");
}

#[test]
fn a_client_that_sends_slowly_may_take_as_long_as_it_takes() {
    let server = server(|limits| limits.stalled_transfer = SHORT);
    let mut client = server.connect();
    client.send("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 10\r\n\r\n");
    let started = Instant::now();
    for _ in 0..10 {
        std::thread::sleep(SHORT / 3);
        client.send("x");
    }
    assert!(started.elapsed() > SHORT * 3);
    assert_eq!(client.answer().said(), (200, "10 bytes"));
}

#[test]
fn a_guest_is_told_when_its_client_goes_away() {
    let server = Server::start();
    let mut client = server.connect();
    client.send("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 100\r\n\r\nsome of it");
    std::thread::sleep(Duration::from_millis(100));
    drop(client);
    server.wait_for_log("body: failed: ");
}

#[test]
fn a_client_that_stops_reading_is_cut_off_and_the_guest_told() {
    let server = server(|limits| limits.stalled_transfer = SHORT);
    let mut client = server.connect();
    client.send("GET /stream/64 HTTP/1.1\r\nhost: test\r\n\r\n");
    let started = Instant::now();
    server.wait_for_log("stream: ");
    assert_about(started.elapsed(), SHORT);
    let mut received = Vec::new();
    assert!(client.socket.read_to_end(&mut received).is_err() || received.len() < 64 << 20);
    assert_eq!(server.get("/count").said().0, 200);
}

#[test]
fn a_client_that_reads_slowly_may_take_as_long_as_it_takes() {
    let server = server(|limits| limits.stalled_transfer = SHORT);
    let mut client = server.connect();
    client.send("GET /stream/16 HTTP/1.1\r\nhost: test\r\n\r\n");
    let started = Instant::now();
    let mut buffer = vec![0; 1 << 20];
    let mut received = 0;
    // Loopback holds megabytes in its buffers, so a read lets the server write again only now and then.
    while received < 16 << 20 {
        std::thread::sleep(SHORT / 4);
        let mut some = 0;
        while some < buffer.len() && received < 16 << 20 {
            let read = client.socket.read(&mut buffer[some..]).unwrap();
            assert!(read > 0, "cut off after {received} bytes");
            some += read;
            received += read;
        }
    }
    assert!(started.elapsed() > SHORT * 3);
}

#[test]
fn requests_over_the_number_allowed_at_once_wait_and_then_get_503() {
    let server = server(|limits| {
        limits.concurrent_requests = 1;
        limits.queue_time = SHORT;
    });
    let ask = |milliseconds: u32| {
        let mut client = server.connect();
        client.send(&format!(
            "GET /wait/{milliseconds} HTTP/1.1\r\nhost: test\r\n\r\n"
        ));
        std::thread::sleep(Duration::from_millis(30));
        client
    };
    let (mut first, mut second) = (ask(150), ask(1200));
    assert_eq!(first.answer().said(), (200, "waited"));
    let mut third = ask(0);
    let answer = third.answer();
    assert_eq!(
        answer.said(),
        (503, "unavailable: too many requests at once, try again\n")
    );
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(second.answer().said(), (200, "waited"));
    assert_eq!(third.get("/wait/0").said(), (200, "waited"));
}

#[test]
fn connections_over_the_allowed_number_wait_as_long_as_all_others_are_at_work() {
    let server = server(|limits| limits.connections = 1);
    let mut first = server.connect();
    first.send("GET /wait/1000 HTTP/1.1\r\nhost: test\r\n\r\n");
    std::thread::sleep(SHORT / 4);
    let mut second = server.connect();
    second.send("GET /count HTTP/1.1\r\nhost: test\r\n\r\n");
    second.socket.set_read_timeout(Some(SHORT)).unwrap();
    assert_eq!(second.answer().status, 0);
    assert_eq!(first.answer().said(), (200, "waited"));
    second.socket.set_read_timeout(Some(SHORT * 10)).unwrap();
    assert_eq!(second.answer().said(), (200, "0"));
}

#[test]
fn a_client_that_goes_away_makes_room_for_one_that_waits() {
    let server = server(|limits| limits.connections = 1);
    let mut first = server.connect();
    first.send("GET /stream/64 HTTP/1.1\r\nhost: test\r\n\r\n");
    std::thread::sleep(SHORT / 4);
    let mut second = server.connect();
    second.send("GET /count HTTP/1.1\r\nhost: test\r\n\r\n");
    second.socket.set_read_timeout(Some(SHORT)).unwrap();
    assert_eq!(second.answer().status, 0);
    drop(first);
    second.socket.set_read_timeout(Some(SHORT * 10)).unwrap();
    assert_eq!(second.answer().said().0, 200);
}

#[test]
fn the_connection_that_has_waited_longest_makes_room_for_a_new_one() {
    let server = server(|limits| limits.connections = 3);
    let mut working = server.connect();
    working.send("GET /wait/2000 HTTP/1.1\r\nhost: test\r\n\r\n");
    std::thread::sleep(SHORT / 4);
    let mut longest = server.connect();
    assert_eq!(longest.get("/count").said().0, 200);
    std::thread::sleep(SHORT / 4);
    let mut other = server.connect();
    assert_eq!(other.get("/count").said().0, 200);
    let started = Instant::now();
    let mut new = server.connect();
    assert_eq!(new.get("/count").said().0, 200);
    let (_, text) = longest.closed_after();
    assert!(started.elapsed() < SHORT, "{:?}", started.elapsed());
    assert_eq!(text, "");
    assert_eq!(other.get("/count").said().0, 200);
    assert_eq!(new.get("/count").said().0, 200);
    assert_eq!(working.answer().said(), (200, "waited"));
}

#[test]
fn a_body_that_is_too_large_is_refused_or_cut_short() {
    let server = server(|limits| limits.request_body = 10);
    assert_eq!(server.post("/echo", "0123456789").said(), (200, "10 bytes"));
    let answer = server.post("/echo", "0123456789a");
    assert_eq!(
        answer.said(),
        (
            413,
            "too large: this server takes bodies of up to 10 bytes\n"
        )
    );
    assert_eq!(answer.header("connection"), Some("close"));

    let mut client = server.connect();
    client.send("POST /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n");
    client.send("b\r\n0123456789a\r\n0\r\n\r\n");
    let answer = client.answer();
    let text = "failed: HTTP request body size exceeds limit: 10 bytes";
    assert_eq!(answer.said(), (200, text));
}

/// An attempt to log in where the one token is `right`.
fn log_in(client: &mut Client, token: &str) -> Answer {
    client.send(&format!(
        "GET /login/right HTTP/1.1\r\nhost: test\r\nprivate-token: {token}\r\n\r\n"
    ));
    client.answer()
}

#[test]
fn an_address_that_presents_too_many_wrong_tokens_has_to_wait() {
    let server = server(|limits| {
        limits.failed_logins = 2;
        limits.failed_logins_time = SHORT * 2;
    });
    let mut client = server.connect();
    // The same one again is no other guess.
    for wrong in ["first", "first", "first", "second"] {
        assert_eq!(log_in(&mut client, wrong).status, 401, "{wrong}");
    }
    let refused = log_in(&mut client, "right");
    let text = "too many requests: this address has presented too many tokens that are not valid\n";
    assert_eq!(refused.said(), (429, text));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(server.get("/count").said(), (200, "0"));
    // As long as it was told to.
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(log_in(&mut client, "right").said(), (200, "in"));
}

#[test]
fn a_wrong_token_counts_even_if_its_client_hangs_up_before_the_answer() {
    let server = server(|limits| limits.failed_logins = 2);
    for wrong in ["first", "second"] {
        let mut client = server.connect();
        client.send(&format!(
            "GET /refuse-login/300 HTTP/1.1\r\nhost: test\r\nprivate-token: {wrong}\r\n\r\n"
        ));
        std::thread::sleep(SHORT / 4);
        drop(client);
    }
    server.wait_for_log("this address has presented 2 tokens that are not valid");
    assert_eq!(log_in(&mut server.connect(), "right").status, 429);
}

#[test]
fn a_client_that_hangs_up_without_a_wrong_token_counts_for_nothing() {
    let server = server(|limits| limits.failed_logins = 1);
    let (right, no_token) = ("private-token: right", "x-token: wrong");
    for (path, header) in [("wait", right), ("refuse-login", no_token)] {
        let mut client = server.connect();
        client.send(&format!(
            "GET /{path}/200 HTTP/1.1\r\nhost: test\r\n{header}\r\n\r\n"
        ));
        std::thread::sleep(SHORT / 4);
        drop(client);
    }
    std::thread::sleep(SHORT);
    assert_eq!(log_in(&mut server.connect(), "right").said(), (200, "in"));
}

#[test]
fn an_address_that_has_to_wait_is_logged_once() {
    let server = server(|limits| limits.failed_logins = 2);
    let mut client = server.connect();
    for (token, status) in [
        ("first", 401),
        ("second", 401),
        ("third", 429),
        ("right", 429),
    ] {
        assert_eq!(log_in(&mut client, token).status, status, "{token}");
    }
    let text =
        "this address has presented 2 tokens that are not valid: answered 429 for 60 seconds";
    let client = Some("127.0.0.1".to_owned());
    assert_eq!(server.log(), [(Source::Host, client, text.to_owned())]);
}
