//! What a guest gets, and what a client gets whatever the guest does.

use std::io::Write as _;

use goproxy_edge_host::log::Source;
use goproxy_edge_host::{Host, HostConfig, Preopen};

use crate::server::{Folder, Server, config};

const FAILED: (u16, &str) = (500, "internal error: the proxy failed on this request\n");

#[test]
fn an_instance_answers_one_request_after_the_other() {
    let server = Server::start();
    let mut client = server.connect();
    assert_eq!(client.get("/count").said(), (200, "0"));
    assert_eq!(client.get("/count").said(), (200, "1"));
    assert_eq!(server.get("/count").said(), (200, "2"));
}

#[test]
fn a_guest_that_fails_is_a_500_and_its_instance_is_not_used_again() {
    for failure in ["/trap", "/exit"] {
        let server = Server::start();
        let mut client = server.connect();
        assert_eq!(client.get("/count").said(), (200, "0"));
        let answer = client.get(failure);
        assert_eq!(answer.said(), FAILED);
        assert_eq!(
            answer.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(client.get("/count").said(), (200, "0"));
        server.wait_for_log(&format!("GET {failure}: the guest failed"));
    }
}

#[test]
fn a_guest_that_gives_no_answer_is_a_500() {
    let server = Server::start();
    assert_eq!(server.get("/silent").said(), FAILED);
    let (status, text) = (500, "internal error: the proxy gave up on its answer");
    let answer = server.get("/refuse");
    assert_eq!(answer.status, status);
    assert!(answer.whole && answer.body.starts_with(text), "{answer:?}");
}

#[test]
fn an_instance_that_kept_a_request_is_not_used_again() {
    let server = Server::start();
    assert_eq!(server.get("/count").said(), (200, "0"));
    assert_eq!(server.get("/keep-request").said(), (200, "kept"));
    assert_eq!(server.get("/count").said(), (200, "0"));
}

#[test]
fn a_body_whose_guest_fails_never_looks_complete() {
    let server = Server::start();
    for path in ["/trap-in-body", "/trap-in-body/100", "/return-in-body"] {
        let answer = server.get(path);
        assert_eq!(
            (answer.status, answer.body.as_str(), answer.whole),
            (200, "ten bytes\n", false),
            "{path}"
        );
    }
    assert_eq!(server.get("/count").said(), (200, "0"));
}

#[test]
fn a_guest_has_the_given_settings_and_environment_and_no_others() {
    let server = Server::start_with(|config| {
        config.settings.insert("store".into(), "kv".into());
        config.environment.push(("GIVEN".into(), "yes".into()));
    });
    assert_eq!(server.get("/config").said(), (200, r#"[("store", "kv")]"#));
    assert_eq!(server.get("/config/store").said(), (200, r#"Some("kv")"#));
    assert_eq!(server.get("/config/log").said(), (200, "None"));
    assert_eq!(
        server.get("/environment").said(),
        (200, r#"[("GIVEN", "yes")]"#)
    );
}

#[test]
fn a_client_cannot_speak_for_the_host() {
    let server = Server::start();
    let mut client = server.connect();
    for (header, seen) in [("spin-client-addr", ""), ("x-forwarded-for", "10.0.0.1")] {
        client.send(&format!(
            "GET /header/{header} HTTP/1.1\r\nhost: test\r\n{header}: 10.0.0.1\r\n\r\n"
        ));
        assert_eq!(client.answer().said(), (200, seen), "{header}");
    }
}

#[test]
fn a_request_without_one_proper_host_is_a_400_and_costs_no_instance() {
    let server = Server::start();
    let mut client = server.connect();
    assert_eq!(client.get("/count").said(), (200, "0"));
    let none = "bad request: it has no Host header\n";
    let two = "bad request: it has more than one Host header\n";
    let wrong = "bad request: its Host header is no host and port\n";
    let rows: [(&str, &[u8], &str); 6] = [
        ("none", b"", none),
        ("two", b"host: test\r\nhost: other\r\n", two),
        (
            "two that are the same",
            b"host: test\r\nhost: test\r\n",
            two,
        ),
        ("empty", b"host:\r\n", wrong),
        ("with a space", b"host: a b\r\n", wrong),
        ("not ASCII", b"host: \xff\r\n", wrong),
    ];
    for (row, fields, text) in rows {
        client.send("GET /count HTTP/1.1\r\n");
        client.socket.write_all(fields).unwrap();
        client.send("\r\n");
        assert_eq!(client.answer().said(), (400, text), "{row}");
    }
    assert_eq!(client.get("/count").said(), (200, "1"));
}

#[test]
fn a_target_that_names_a_host_needs_no_host_header() {
    let server = Server::start();
    let mut client = server.connect();
    for (field, count) in [("", "0"), ("host:\r\n", "1"), ("host: test\r\n", "2")] {
        client.send(&format!("GET http://test/count HTTP/1.1\r\n{field}\r\n"));
        assert_eq!(client.answer().said(), (200, count), "{field:?}");
    }
}

#[test]
fn what_a_guest_prints_is_logged_by_line_with_the_address_of_the_client() {
    let server = Server::start();
    assert_eq!(server.get("/print/a").said(), (200, "printed"));
    let client = Some("127.0.0.1".to_owned());
    let expected = [
        (Source::Stdout, client.clone(), "out a".to_owned()),
        (Source::Stderr, client, "err a".to_owned()),
    ];
    assert_eq!(server.log(), expected);
}

#[test]
fn a_guest_may_go_on_after_its_answer_even_when_the_server_stops() {
    let mut server = Server::start();
    assert_eq!(server.get("/print-after/300").said(), (200, "answered"));
    assert_eq!(server.log(), []);
    server.stop();
    assert_eq!(server.log().last().unwrap().2, "done after the answer");
}

#[test]
fn a_server_that_stops_finishes_the_requests_under_way() {
    let mut server = Server::start();
    let mut idle = server.connect();
    assert_eq!(idle.get("/count").said(), (200, "0"));
    let mut client = server.connect();
    client.send("GET /wait/300 HTTP/1.1\r\nhost: test\r\n\r\n");
    std::thread::sleep(std::time::Duration::from_millis(100));
    server.tell_to_stop();
    assert_eq!(client.answer().said(), (200, "waited"));
    assert_eq!(idle.closed_after().1, "");
    server.stop();
}

#[test]
fn a_guest_may_use_the_given_folders_as_far_as_granted() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path().join("ours")).unwrap();
    let (outside, ours) = (folder.path().to_owned(), folder.path().join("ours"));
    std::fs::write(outside.join("secret"), "no").unwrap();
    std::fs::write(ours.join("file"), "was here\n").unwrap();
    let serve = |writable| {
        let preopen = Preopen {
            host: ours.clone(),
            guest: "/ours".into(),
            writable,
        };
        Server::start_with(|config| config.preopens.push(preopen))
    };
    let read_only = serve(false);
    assert_eq!(
        read_only.get("/file//ours/file").said(),
        (200, r#"false Some("was here\n")"#)
    );
    let writable = serve(true);
    assert_eq!(
        writable.get("/file//ours/file").said(),
        (200, r#"true Some("was here\nline\n")"#)
    );
    assert_eq!(
        writable.get("/file//ours/../secret").said(),
        (200, "false None")
    );
    assert_eq!(writable.get("/file//secret").said(), (200, "false None"));
}

#[test]
fn a_folder_that_is_not_there_is_told_at_the_start() {
    let folder = Folder::new();
    let mut config = config(&folder.path().join("store.redb"));
    config.preopens.push(Preopen {
        host: "/nowhere".into(),
        guest: "/nowhere".into(),
        writable: true,
    });
    let error = Host::new(config).err().unwrap().to_string();
    assert!(
        error.starts_with("cannot open the folder /nowhere: No such file"),
        "{error}"
    );
}

#[test]
fn what_is_no_component_is_told_at_the_start() {
    let folder = Folder::new();
    let config = HostConfig::new(b"not wasm".to_vec(), folder.path().join("store.redb"));
    let error = Host::new(config).err().unwrap().to_string();
    assert!(error.starts_with("cannot load the component: "), "{error}");
}
