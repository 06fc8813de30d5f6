//! `kill -9` of the server in the middle of an import, and the same import again.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::archive::{module_zip, noise};
use crate::support::server::{Server, TOKEN};
use crate::support::tree::{Tree, files};

/// Modules with several versions each, some of many chunks: enough to be caught in the middle.
fn tree() -> Tree {
    let tree = Tree::new(&[]);
    let noise = noise(2 << 20);
    for module in 0..25 {
        for version in 0..6 {
            let size = if version == 5 { 1 << 20 } else { 40 << 10 };
            let noise = &noise[module * 4096..][..size];
            let path = format!("example.com/m{module}");
            let version = format!("v1.{version}.0");
            let go_mod = format!("module {path}\n");
            let zip = module_zip(
                &path,
                &version,
                &[
                    ("go.mod", go_mod.as_bytes()),
                    ("m.go", b"package m\n"),
                    ("noise", noise),
                ],
            );
            tree.write(&format!("{path}/@v/{version}.zip"), zip);
            tree.write(&format!("{path}/@v/{version}.mod"), go_mod);
            tree.write(
                &format!("{path}/@v/{version}.info"),
                format!(r#"{{"Version":"{version}","Time":"2020-01-02T03:04:05Z"}}"#),
            );
        }
    }
    tree
}

fn import(server: &Server, tree: &Path) -> Child {
    let mut command = crate::support::goproxy_edge(tree);
    command
        .env("GOPROXY_EDGE_TOKEN", TOKEN)
        .arg("import")
        .arg(tree)
        .args(["--to", &server.url()]);
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts")
}

/// Waits until this many uploads have been answered, by the server's log.
fn wait_for_uploads(server: &Server, count: usize) {
    let begun = Instant::now();
    while server.log().matches("PUT ").count() < count {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "too slow:\n{}",
            server.log()
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn assert_complete(server: &Server, files: &BTreeMap<String, Vec<u8>>) {
    for (name, content) in files {
        let answer = server.get(&format!("/{name}"));
        assert_eq!(answer.status, 200, "{name}: {answer}");
        assert!(answer.body == *content, "{name} has other bytes");
    }
    for module in 0..25 {
        let list = server.get(&format!("/example.com/m{module}/@v/list"));
        assert_eq!(
            list.text(),
            "v1.0.0\nv1.1.0\nv1.2.0\nv1.3.0\nv1.4.0\nv1.5.0\n",
            "example.com/m{module}"
        );
    }
}

#[test]
fn an_import_that_a_crash_cut_short_is_complete_after_the_same_import_again() {
    let tree = tree();
    let files = files(tree.path());
    let mut server = Server::new();
    for uploads in [10, 60] {
        let mut cut_short = import(&server, tree.path());
        wait_for_uploads(&server, uploads);
        server.kill();
        cut_short.kill().expect("it waits for the server");
        cut_short.wait().expect("it ends");
        server = server.restart();
        // What is visible is whole.
        for name in files.keys().filter(|name| name.ends_with(".zip")) {
            let answer = server.get(&format!("/{name}"));
            assert!(
                answer.status == 404 || answer.body == files[name],
                "{name}: {}",
                answer.status
            );
        }
    }
    let printed = import(&server, tree.path())
        .wait_with_output()
        .expect("it ends");
    let printed = String::from_utf8_lossy(&printed.stdout).into_owned();
    assert!(
        printed.ends_with(" already there, 0 refused\n"),
        "{printed}"
    );
    assert_complete(&server, &files);
    let again = server.command(&["import", tree.name()]).expect_success();
    assert_eq!(
        again,
        format!(
            "{}: 0 zips and 0 go.mod files imported (0 B), 150 already there, 0 refused\n",
            server.url()
        )
    );
}

#[test]
fn an_import_waits_for_a_server_that_comes_back() {
    let tree = tree();
    let mut server = Server::new();
    let import = import(&server, tree.path());
    wait_for_uploads(&server, 30);
    server.kill();
    let server = server.restart();
    let output = import.wait_with_output().expect("it ends");
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert_eq!(output.status.code(), Some(0), "{stdout}{stderr}");
    assert_complete(&server, &files(tree.path()));
}

#[test]
fn what_was_answered_is_there_after_a_crash() {
    let mut server = Server::new();
    for version in 0..20 {
        let version = format!("v1.{version}.0");
        let zip = crate::support::archive::small_module("example.com/m", &version);
        server.publish(&format!("/example.com/m/@v/{version}.zip"), zip);
    }
    server.kill();
    let server = server.restart();
    let expected: String = (0..20).map(|version| format!("v1.{version}.0\n")).collect();
    assert_eq!(server.get("/example.com/m/@v/list").text(), expected);
}
