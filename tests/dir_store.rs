//! `store=dir:`: a module cache served as it is, and written to in the same form.

use std::path::Path;

use crate::support::archive::small_module;
use crate::support::go::{self, Go};
use crate::support::server::{GITLAB_BASES, Server, Setup};
use crate::support::tree::{Tree, files};

fn serve(folder: &Path) -> Server {
    Setup::new()
        .set("store", format_args!("dir:{}", folder.display()))
        .start()
}

#[test]
fn a_real_program_builds_from_a_module_cache_that_is_served_as_it_is() {
    let download = go::real_module_cache().join("cache/download");
    let server = serve(&download);
    for (name, content) in files(&download) {
        let answer = server.get(&format!("/{}", name.replace('!', "%21")));
        assert_eq!(answer.status, 200, "{name}: {answer}");
        assert!(answer.body == content, "{name} has other bytes");
    }
    for base in ["", GITLAB_BASES[0]] {
        let go = Go::at(&format!("{}{base}", server.url())).env("GOFLAGS", "-modcacherw");
        let read = |name: &str| std::fs::read_to_string(go::program().join(name)).unwrap();
        let sums = read("go.sum");
        let program = go.program(&[
            ("main.go", &read("main.go")),
            ("go.mod", &read("go.mod")),
            ("go.sum", &sums),
        ]);
        go.run(&program, &["build", "-o", "program", "./..."])
            .expect_success();
        assert_eq!(
            std::fs::read_to_string(program.join("go.sum")).unwrap(),
            sums,
            "through {base:?}"
        );
    }
}

#[test]
fn a_list_is_computed_and_never_read_from_the_tree() {
    let tree = Tree::new(&[
        ("example.com/m/@v/list", b"v9.9.9\n"),
        ("example.com/m/@latest", b"{\"Version\":\"v9.9.9\"}"),
        (
            "example.com/m/@v/v1.10.0.zip",
            &small_module("example.com/m", "v1.10.0"),
        ),
        ("example.com/m/@v/v1.10.0.mod", b"module example.com/m\n"),
        (
            "example.com/m/@v/v1.2.0.zip",
            &small_module("example.com/m", "v1.2.0"),
        ),
        ("example.com/m/@v/v1.2.0.mod", b"module example.com/m\n"),
        (
            "example.com/m/@v/v1.2.0-!r!c.1.zip",
            &small_module("example.com/m", "v1.2.0-RC.1"),
        ),
        (
            "example.com/m/@v/v1.2.0-!r!c.1.mod",
            b"module example.com/m\n",
        ),
        ("example.com/m/@v/v1.3.0.mod", b"module example.com/m\n"),
        (
            "example.com/m/@v/v1.4.0.info",
            b"{\"Version\":\"v1.4.0\",\"Time\":\"2020-01-02T03:04:05Z\"}",
        ),
        (
            "example.com/m/@v/v0.0.0-20200102030405-0123456789ab.zip",
            &small_module("example.com/m", "v0.0.0-20200102030405-0123456789ab"),
        ),
        (
            "example.com/m/@v/v0.0.0-20200102030405-0123456789ab.mod",
            b"module example.com/m\n",
        ),
        (
            "example.com/m/@v/master.info",
            b"{\"Version\":\"v1.2.0\",\"Time\":\"2020-01-02T03:04:05Z\"}",
        ),
        ("example.com/m/@v/v1.5.0.zip123.tmp", b""),
        (
            "example.com/m/v2/@v/v2.0.0.zip",
            &small_module("example.com/m/v2", "v2.0.0"),
        ),
        (
            "example.com/m/v2/@v/v2.0.0.mod",
            b"module example.com/m/v2\n",
        ),
        (
            "example.com/m-other/@v/v1.0.0.zip",
            &small_module("example.com/m-other", "v1.0.0"),
        ),
        (
            "example.com/m-other/@v/v1.0.0.mod",
            b"module example.com/m-other\n",
        ),
        (
            "example.com/pseudo/@v/v0.0.0-20200102030405-0123456789ab.zip",
            &small_module("example.com/pseudo", "v0.0.0-20200102030405-0123456789ab"),
        ),
        (
            "example.com/pseudo/@v/v0.0.0-20200102030405-0123456789ab.mod",
            b"module example.com/pseudo\n",
        ),
    ]);
    let server = serve(tree.path());
    assert_eq!(
        server.get("/example.com/m/@v/list").text(),
        "v1.2.0-RC.1\nv1.2.0\nv1.10.0\n"
    );
    assert_eq!(server.get("/example.com/m/v2/@v/list").text(), "v2.0.0\n");
    assert_eq!(
        server.get("/example.com/m-other/@v/list").text(),
        "v1.0.0\n"
    );
    let only_pseudo = server.get("/example.com/pseudo/@v/list");
    assert_eq!((only_pseudo.status, only_pseudo.text().as_str()), (200, ""));
    assert_eq!(server.get("/example.com/absent/@v/list").status, 404);
    let latest: serde_json::Value =
        serde_json::from_slice(&server.get("/example.com/m/@latest").body).unwrap();
    assert_eq!(latest["Version"], "v1.10.0");
    // A go.mod and an .info that stand alone are served by themselves.
    assert_eq!(
        server.get("/example.com/m/@v/v1.3.0.mod").text(),
        "module example.com/m\n"
    );
    assert_eq!(server.get("/example.com/m/@v/v1.3.0.zip").status, 404);
    assert_eq!(
        server.get("/example.com/m/@v/v1.4.0.info").text(),
        "{\"Version\":\"v1.4.0\",\"Time\":\"2020-01-02T03:04:05Z\"}"
    );
    // A missing .info is made of what is known.
    assert_eq!(
        server
            .get("/example.com/m/@v/v0.0.0-20200102030405-0123456789ab.info")
            .text(),
        r#"{"Version":"v0.0.0-20200102030405-0123456789ab","Time":"2020-01-02T03:04:05Z"}"#
    );
}

#[test]
fn a_published_module_is_written_as_go_reads_a_file_tree() {
    let tree = Tree::new(&[]);
    let server = serve(tree.path());
    let zip = small_module("example.com/Up", "v1.0.0");
    server.publish(
        "/example.com/%21up/@v/v1.0.0.zip?time=2020-01-02T03:04:05Z",
        zip.clone(),
    );
    let written = files(tree.path());
    let expected = [
        (
            "example.com/!up/@v/v1.0.0.info",
            br#"{"Version":"v1.0.0","Time":"2020-01-02T03:04:05Z"}"#.to_vec(),
        ),
        (
            "example.com/!up/@v/v1.0.0.mod",
            b"module example.com/Up\n".to_vec(),
        ),
        ("example.com/!up/@v/v1.0.0.zip", zip),
    ];
    assert_eq!(
        written,
        expected
            .map(|(name, content)| (name.to_owned(), content))
            .into()
    );
    drop(server);
    let go = Go::at(&format!("file://{}", tree.name()));
    go.anywhere(&["mod", "download", "example.com/Up@v1.0.0"])
        .expect_success();
}

#[test]
fn a_refused_upload_leaves_nothing_in_the_folder() {
    let tree = Tree::new(&[]);
    let server = serve(tree.path());
    let answer = server.put(
        "/example.com/m/@v/v1.0.0.zip",
        small_module("example.com/other", "v1.0.0"),
    );
    assert_eq!(answer.status, 422, "{answer}");
    let left: Vec<_> = walk(tree.path());
    assert_eq!(left, Vec::<String>::new());
}

/// All files below a folder.
fn walk(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        if entry.path().is_dir() {
            found.extend(walk(&entry.path()));
        } else {
            found.push(entry.path().display().to_string());
        }
    }
    found
}

#[test]
fn a_published_module_survives_a_crash() {
    let tree = Tree::new(&[]);
    let mut server = serve(tree.path());
    server.publish(
        "/example.com/m/@v/v1.0.0.zip",
        small_module("example.com/m", "v1.0.0"),
    );
    server.kill();
    let server = server.restart();
    assert_eq!(server.get("/example.com/m/@v/list").text(), "v1.0.0\n");
    assert!(
        server.get("/example.com/m/@v/v1.0.0.zip").body == small_module("example.com/m", "v1.0.0")
    );
}

#[test]
fn what_another_program_puts_into_the_folder_is_served() {
    let tree = Tree::new(&[]);
    let server = serve(tree.path());
    assert_eq!(server.get("/example.com/m/@v/list").status, 404);
    tree.write("example.com/m/@v/v1.0.0.mod", "module example.com/m\n");
    tree.write(
        "example.com/m/@v/v1.0.0.zip",
        small_module("example.com/m", "v1.0.0"),
    );
    assert_eq!(server.get("/example.com/m/@v/list").text(), "v1.0.0\n");
}
