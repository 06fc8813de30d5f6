//! The key-value store as a guest sees it, which is as Spin's, and as a crash leaves it.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use goproxy_edge_host::Host;

use crate::server::{Folder, Server, config};

fn run(server: &Server, script: &str) -> String {
    let answer = server.post("/store/default", script);
    assert_eq!(answer.said().0, 200);
    answer.body
}

#[test]
fn a_value_is_what_was_set_last() {
    let server = Server::start();
    let said = run(
        &server,
        "get a\nexists a\nset a 1\nset a 2\nget a\nexists a\ndelete a\ndelete a\nget a",
    );
    let expected = "Ok(None)\nOk(false)\nOk(())\nOk(())\nOk(Some(\"2\"))\nOk(true)\nOk(())\nOk(())\nOk(None)\n";
    assert_eq!(said, expected);
}

#[test]
fn a_request_sees_what_another_has_written() {
    let server = Server::start();
    run(&server, "set a 1");
    assert_eq!(run(&server, "get a"), "Ok(Some(\"1\"))\n");
}

#[test]
fn batches_leave_out_what_is_not_there() {
    let server = Server::start();
    assert_eq!(
        run(&server, "set-many c a b\nget-many c x a c"),
        "Ok(())\nOk([(\"a\", Some(\"a\")), (\"c\", Some(\"c\"))])\n"
    );
    assert_eq!(
        run(&server, "delete-many a x c\nget-many a b c"),
        "Ok(())\nOk([(\"b\", Some(\"b\"))])\n"
    );
    assert_eq!(run(&server, "get-many"), "Ok([])\n");
}

#[test]
fn all_keys_come_on_one_page_and_a_cursor_is_an_error() {
    let server = Server::start();
    assert_eq!(run(&server, "list"), "Ok(([], None))\n");
    assert_eq!(
        run(&server, "set b 1\nset a 1\nlist"),
        "Ok(())\nOk(())\nOk(([\"a\", \"b\"], None))\n"
    );
    assert_eq!(
        run(&server, "list-from a"),
        "Err(Error::Other(\"list_keys: cursor not supported\"))\n"
    );
}

#[test]
fn any_text_is_a_key() {
    let server = Server::start();
    let key = format!("/!@+..%2F=\u{fc}{}", "k".repeat(1000));
    assert_eq!(
        run(&server, &format!("set {key} 1\nget {key}")),
        "Ok(())\nOk(Some(\"1\"))\n"
    );
    assert_eq!(
        run(&server, "set  empty\nget "),
        "Ok(())\nOk(Some(\"empty\"))\n"
    );
}

#[test]
fn only_granted_stores_open_and_each_is_its_own() {
    let server = Server::start_with(|config| config.store_labels.push("other".into()));
    assert_eq!(
        server.post("/store/missing", "get a").said(),
        (200, "Error::AccessDenied")
    );
    assert_eq!(
        server.post("/store/", "get a").said(),
        (200, "Error::AccessDenied")
    );
    assert_eq!(
        server.post("/store/other", "set a 1\nget a").said(),
        (200, "Ok(())\nOk(Some(\"1\"))\n")
    );
    assert_eq!(run(&server, "get a"), "Ok(None)\n");
}

#[test]
fn a_large_value_is_kept_whole() {
    let server = Server::start();
    assert_eq!(
        run(&server, "set-big a 20000000\nsize a"),
        "Ok(())\nOk(Some(20000000))\n"
    );
}

#[test]
fn a_store_in_use_and_a_damaged_one_are_told_apart() {
    let folder = Folder::new();
    let store = folder.path().join("store.redb");
    let open = || {
        Host::new(config(&store))
            .err()
            .map(|error| error.to_string())
    };
    let first = Host::new(config(&store)).unwrap();
    let in_use = open().unwrap();
    assert!(
        in_use.contains("store.redb is in use by another process; stop the other server"),
        "{in_use}"
    );
    drop(first);

    std::fs::write(&store, "x".repeat(100_000)).unwrap();
    let damaged = open().unwrap();
    assert!(
        damaged.contains("store.redb is damaged or is not a goproxy-edge store"),
        "{damaged}"
    );
    assert_eq!(
        std::fs::read(&store).unwrap(),
        [b'x'; 100_000],
        "it must stay as it was"
    );

    std::fs::remove_file(&store).unwrap();
    std::fs::create_dir(&store).unwrap();
    let folder = open().unwrap();
    assert!(folder.starts_with("cannot open the store "), "{folder}");
}

#[test]
fn a_folder_that_cannot_be_made_is_told() {
    let folder = Folder::new();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let error = Host::new(config(&folder.path().join("file/data/store.redb")))
        .err()
        .unwrap()
        .to_string();
    assert!(error.starts_with("cannot make the folder "), "{error}");
}

/// The server that the next test kills. Does nothing unless that one starts it.
#[test]
#[ignore = "the test of a killed server runs it in a process of its own"]
fn a_server_to_be_killed() {
    let Ok(store) = std::env::var("STORE_OF_A_SERVER_TO_BE_KILLED") else {
        return;
    };
    let server = Server::start_with(|config| config.store = store.into());
    for number in 0.. {
        assert_eq!(
            run(
                &server,
                &format!("set key-{number} value\nset-big big-{number} 100000")
            ),
            "Ok(())\nOk(())\n"
        );
        println!("\nwritten {number}");
    }
}

#[test]
fn what_was_written_outlives_a_kill_and_opens_at_once() {
    let folder = Folder::new();
    let store = folder.path().join("store.redb");
    for _ in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "store::a_server_to_be_killed",
                "--ignored",
                "--nocapture",
            ])
            .env("STORE_OF_A_SERVER_TO_BE_KILLED", &store)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut last = None;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            if let Some(number) = line.unwrap().strip_prefix("written ") {
                last = Some(number.parse::<u32>().unwrap());
            }
            if last == Some(40) {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let last = last.unwrap();
        assert!(last >= 40);
        let server = Server::start_with(|config| config.store = store.clone());
        for number in 0..=last {
            let said = run(&server, &format!("get key-{number}\nsize big-{number}"));
            assert_eq!(said, "Ok(Some(\"value\"))\nOk(Some(100000))\n", "{number}");
        }
    }
}
