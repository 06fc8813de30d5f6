//! The real `go` command against the running component, through the plain base and through GitLab's.

use std::path::Path;

use crate::support::archive::{module_zip, noise, small_module, zip};
use crate::support::git::Repository;
use crate::support::go::Go;
use crate::support::server::{GITLAB_BASES, Server, Setup, TOKEN};
use crate::support::tls::Authority;

/// The ways to one and the same project.
const BASES: [&str; 3] = ["", GITLAB_BASES[0], GITLAB_BASES[1]];

/// A server with a module of every kind, each as a `git archive` where it can be one.
struct Fixture {
    server: Server,
    /// The pseudo-version of example.com/greet's branch `next`.
    next: String,
}

fn greet(path: &str, greeting: &str) -> [(String, String); 2] {
    [
        ("go.mod".to_owned(), format!("module {path}\n\ngo 1.20\n")),
        (
            "greet.go".to_owned(),
            format!("package greet\n\nfunc Hello() string {{ return {greeting:?} }}\n"),
        ),
    ]
}

fn commit(repository: &mut Repository, files: &[(String, String)]) -> String {
    let files: Vec<_> = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    repository.commit(&files)
}

impl Fixture {
    fn new() -> Self {
        let server = Server::new();
        let next = Self::publish_greet(&server);
        let publish = |path: &str, version: &str, query: &str, archive: Vec<u8>| {
            server.publish(&format!("/{path}/@v/{version}.zip{query}"), archive);
        };
        let named = |name: &str, path: &str, package: &str| {
            let repository = Repository::with(
                &[
                    ("go.mod", format!("module {path}\n").as_str()),
                    (
                        "m.go",
                        &format!("package {package}\n\nconst Name = {name:?}\n"),
                    ),
                ],
                &["tagged"],
            );
            repository.archive(&["tagged"])
        };
        publish(
            "example.com/!upper/!case",
            "v1.0.0-!r!c.1",
            "",
            named("upper case", "example.com/Upper/Case", "shout"),
        );
        publish(
            "gopkg.in/words.v1",
            "v1.0.0",
            "",
            named("gopkg.in", "gopkg.in/words.v1", "words"),
        );
        publish(
            "example.com/pseudo",
            "v0.0.0-20231114221320-0123456789ab",
            "",
            named("pseudo-version", "example.com/pseudo", "pseudo"),
        );
        let without_go_mod = |name: &str, package: &str| {
            zip(
                "top/",
                &[(
                    "m.go",
                    format!("package {package}\n\nconst Name = {name:?}\n").as_bytes(),
                )],
            )
        };
        publish(
            "example.com/nomod",
            "v1.0.0",
            "?strip=1",
            without_go_mod("without go.mod", "nomod"),
        );
        publish(
            "example.com/old",
            "v1.0.0",
            "?strip=1",
            without_go_mod("v1", "old"),
        );
        publish(
            "example.com/old",
            "v3.1.0+incompatible",
            "?strip=1",
            without_go_mod("+incompatible", "old"),
        );
        Self { server, next }
    }

    /// Publishes example.com/greet: v1.0.0, v1.1.0, v1.2.0-rc.1, a commit of branch `next`, and v2 in a folder.
    fn publish_greet(server: &Server) -> String {
        let mut repository = Repository::new();
        let mut release = |tag: &str, greeting: &str| {
            commit(&mut repository, &greet("example.com/greet", greeting));
            repository.tag(tag);
            let url = format!("/example.com/greet/@v/{tag}.zip?ref=refs/tags/{tag}");
            server.publish(&url, repository.archive(&[tag]));
        };
        release("v1.0.0", "hello");
        release("v1.1.0", "good day");
        release("v1.2.0-rc.1", "good evening");
        let hash = commit(&mut repository, &greet("example.com/greet", "good night"));
        // The fourth commit: three minutes after 2023-11-14T22:13:20Z.
        let next = format!("v1.2.0-rc.1.0.20231114221620-{}", &hash[..12]);
        server.publish(
            &format!("/example.com/greet/@v/{next}.zip?ref=refs/heads/next"),
            repository.archive(&["--prefix=greet/", "HEAD"]),
        );
        repository.write("v2/go.mod", "module example.com/greet/v2\n\ngo 1.20\n");
        repository.write(
            "v2/greet.go",
            "package greet\n\nfunc Hello() string { return \"good day, v2\" }\n",
        );
        repository.commit(&[]);
        server.publish(
            "/example.com/greet/v2/@v/v2.0.0.zip?strip=1&subdir=v2",
            repository.archive(&["--prefix=greet/", "HEAD"]),
        );
        next
    }

    fn go(&self, base: &str) -> Go {
        Go::at(&format!("{}{base}", self.server.url()))
    }
}

const PROGRAM: &str = r#"package main

import (
	"fmt"

	shout "example.com/Upper/Case"
	"example.com/greet"
	greet2 "example.com/greet/v2"
	"example.com/nomod"
	"example.com/old"
	"example.com/pseudo"
	"gopkg.in/words.v1"
)

func main() {
	fmt.Println(greet.Hello(), greet2.Hello(), shout.Name, nomod.Name, old.Name, pseudo.Name, words.Name)
}
"#;

const PROGRAM_MOD: &str = "module example.com/program

go 1.20

require (
	example.com/Upper/Case v1.0.0-RC.1
	example.com/greet v1.1.0
	example.com/greet/v2 v2.0.0
	example.com/nomod v1.0.0
	example.com/old v3.1.0+incompatible
	example.com/pseudo v0.0.0-20231114221320-0123456789ab
	gopkg.in/words.v1 v1.0.0
)
";

#[test]
fn a_program_that_needs_a_module_of_every_kind_builds() {
    let fixture = Fixture::new();
    let mut sums = Vec::new();
    for base in BASES {
        let go = fixture.go(base);
        let program = go.program(&[("main.go", PROGRAM), ("go.mod", PROGRAM_MOD)]);
        go.run(&program, &["build", "-o", "program"])
            .expect_success();
        let ran = crate::support::run(&mut std::process::Command::new(program.join("program")));
        assert_eq!(
            ran.expect_success(),
            "good day good day, v2 upper case without go.mod +incompatible pseudo-version gopkg.in\n",
            "through {base:?}"
        );
        assert_eq!(
            std::fs::read_to_string(program.join("go.mod")).unwrap(),
            PROGRAM_MOD,
            "through {base:?}"
        );
        sums.push(std::fs::read_to_string(program.join("go.sum")).unwrap());
        go.run(&program, &["mod", "verify"]).expect_success();
    }
    assert_eq!(sums[0].lines().count(), 14, "{}", sums[0]);
    assert_eq!(sums[1], sums[0]);
    assert_eq!(sums[2], sums[0]);
}

#[test]
fn a_download_has_the_checksums_that_publishing_answered() {
    let server = Server::new();
    let answer = server.put(
        "/example.com/m/@v/v1.0.0.zip",
        small_module("example.com/m", "v1.0.0"),
    );
    let published: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    for base in BASES {
        let go = Go::at(&format!("{}{base}", server.url()));
        let printed = go
            .anywhere(&["mod", "download", "-json", "example.com/m@v1.0.0"])
            .expect_success();
        let downloaded: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
        let line = |what: &str, sum: &str| {
            format!(
                "example.com/m v1.0.0{what} {}",
                downloaded[sum].as_str().unwrap()
            )
        };
        assert_eq!(
            published["GoSum"],
            serde_json::json!([line("", "Sum"), line("/go.mod", "GoModSum")]),
            "through {base:?}"
        );
    }
}

#[test]
fn list_names_the_tagged_versions_and_no_pseudo_version() {
    let fixture = Fixture::new();
    for base in BASES {
        let go = fixture.go(base);
        let list = |module: &str| {
            go.anywhere(&["list", "-m", "-versions", module])
                .expect_success()
        };
        assert_eq!(
            list("example.com/greet@latest"),
            "example.com/greet v1.0.0 v1.1.0 v1.2.0-rc.1\n",
            "through {base:?}"
        );
        assert_eq!(
            list("example.com/greet/v2@latest"),
            "example.com/greet/v2 v2.0.0\n"
        );
        assert_eq!(
            list("example.com/Upper/Case@latest"),
            "example.com/Upper/Case v1.0.0-RC.1\n"
        );
        assert_eq!(
            list("example.com/old@latest"),
            "example.com/old v1.0.0 v3.1.0+incompatible\n"
        );
        assert_eq!(list("example.com/pseudo@latest"), "example.com/pseudo\n");
    }
}

#[test]
fn queries_choose_what_go_would_choose_from_the_repository() {
    let fixture = Fixture::new();
    let rows = [
        (
            "the highest release, not the pre-release above it",
            "example.com/greet@latest",
            "v1.1.0",
        ),
        ("a major version", "example.com/greet@v1", "v1.1.0"),
        ("a minor version", "example.com/greet@v1.0", "v1.0.0"),
        ("less than", "example.com/greet@<v1.1.0", "v1.0.0"),
        ("upgrade", "example.com/greet@upgrade", "v1.1.0"),
        (
            "an exact version",
            "example.com/greet@v1.2.0-rc.1",
            "v1.2.0-rc.1",
        ),
        ("a branch", "example.com/greet@next", fixture.next.as_str()),
        (
            "v2 of a module in a folder",
            "example.com/greet/v2@latest",
            "v2.0.0",
        ),
        (
            "only a pre-release",
            "example.com/Upper/Case@latest",
            "v1.0.0-RC.1",
        ),
        (
            "no go.mod, so +incompatible counts",
            "example.com/old@latest",
            "v3.1.0+incompatible",
        ),
        (
            "a prefix that is +incompatible",
            "example.com/old@v3",
            "v3.1.0+incompatible",
        ),
        (
            "only a pseudo-version",
            "example.com/pseudo@latest",
            "v0.0.0-20231114221320-0123456789ab",
        ),
        ("gopkg.in", "gopkg.in/words.v1@v1", "v1.0.0"),
    ];
    for base in BASES {
        let go = fixture.go(base);
        for (name, query, expected) in rows {
            let program = go.program(&[("go.mod", "module example.com/program\n\ngo 1.20\n")]);
            go.run(&program, &["get", query]).expect_success();
            let module = query.split('@').next().unwrap();
            let chosen = go
                .run(&program, &["list", "-m", "-f", "{{.Version}}", module])
                .expect_success();
            assert_eq!(
                chosen,
                format!("{expected}\n"),
                "{name}: {query} through {base:?}"
            );
        }
    }
}

#[test]
fn a_commit_hash_finds_the_version_that_was_made_of_it() {
    let fixture = Fixture::new();
    let hash = fixture.next.rsplit('-').next().unwrap();
    let go = fixture.go("");
    for digits in [7, 12] {
        let query = format!("example.com/greet@{}", &hash[..digits]);
        let chosen = go
            .anywhere(&["list", "-m", "-f", "{{.Version}}", &query])
            .expect_success();
        assert_eq!(chosen, format!("{}\n", fixture.next), "{query}");
    }
}

#[test]
fn a_module_of_more_than_30_mb_arrives_whole() {
    // What does not repeat does not shrink.
    let noise = noise(31 << 20);
    let archive = module_zip(
        "example.com/big",
        "v1.0.0",
        &[
            ("go.mod", b"module example.com/big\n"),
            ("big.go", b"package big\n"),
            ("testdata/noise", &noise),
        ],
    );
    assert!(archive.len() > 30 << 20, "{}", archive.len());
    let server = Server::new();
    server.publish("/example.com/big/@v/v1.0.0.zip", archive.clone());
    for base in BASES {
        let go = Go::at(&format!("{}{base}", server.url()));
        go.anywhere(&["mod", "download", "example.com/big@v1.0.0"])
            .expect_success();
        let arrived =
            std::fs::read(go.downloads().join("example.com/big/@v/v1.0.0.zip")).expect("a zip");
        assert!(
            arrived == archive,
            "{} bytes arrived of {} through {base:?}",
            arrived.len(),
            archive.len()
        );
    }
}

#[test]
fn a_private_module_arrives_over_https_with_a_netrc() {
    let authority = Authority::new();
    let server = Setup::new()
        .tls(authority.certificate(), authority.key())
        .start();
    let port = server.address().rsplit(':').next().unwrap();
    let files = tempfile::tempdir().unwrap();
    let module = files.path().join("m.zip");
    std::fs::write(&module, small_module("example.com/private", "v1.0.0")).unwrap();
    let tree = files.path().join("tree/example.com/private/@v");
    std::fs::create_dir_all(&tree).unwrap();
    std::fs::rename(&module, tree.join("v1.0.0.zip")).unwrap();
    let to = format!("https://localhost:{port}");
    let imported = import_with_netrc(&authority, &files.path().join("tree"), &to, TOKEN);
    assert_eq!(
        imported.code,
        Some(0),
        "{}{}",
        imported.stdout,
        imported.stderr
    );
    for base in BASES {
        let go = |password: &str| {
            let go = Go::at(&format!("{to}{base}"))
                .env("GOSUMDB", "sum.golang.org")
                .env("GONOSUMDB", "example.com/*")
                .env("GONOPROXY", "none")
                .env("SSL_CERT_FILE", authority.root().display());
            std::fs::write(
                go.home().join(".netrc"),
                format!("machine localhost:{port} login any password {password}\n"),
            )
            .unwrap();
            go
        };
        go(TOKEN)
            .anywhere(&["mod", "download", "example.com/private@v1.0.0"])
            .expect_success();
        // That a wrong password is refused shows that go sends it.
        let refused = go("wrong").anywhere(&["mod", "download", "example.com/private@v1.0.0"]);
        assert_eq!(refused.code, Some(1));
        assert!(
            refused.stderr.contains("401 Unauthorized"),
            "through {base:?}: {}",
            refused.stderr
        );
    }
}

/// `goproxy-edge import` with nothing but a .netrc to let it in.
fn import_with_netrc(
    authority: &Authority,
    tree: &Path,
    to: &str,
    password: &str,
) -> crate::support::Ran {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(
        home.path().join(".netrc"),
        format!("machine localhost login any password {password}\n"),
    )
    .unwrap();
    let mut command = crate::support::goproxy_edge(home.path());
    command
        .env("SSL_CERT_FILE", authority.root())
        .arg("import")
        .arg(tree)
        .args(["--to", to]);
    crate::support::run(&mut command)
}

#[test]
fn go_asks_the_next_proxy_for_what_is_not_here() {
    let (first, second) = (Server::new(), Server::new());
    second.publish(
        "/example.com/m/@v/v1.0.0.zip",
        small_module("example.com/m", "v1.0.0"),
    );
    let go = Go::at(&format!("{},{}", first.url(), second.url()));
    go.anywhere(&["mod", "download", "example.com/m@v1.0.0"])
        .expect_success();
    let list = go
        .anywhere(&["list", "-m", "-versions", "example.com/m@latest"])
        .expect_success();
    assert_eq!(list, "example.com/m v1.0.0\n");
}

#[test]
fn go_shows_the_reason_for_what_is_not_there() {
    let server = Server::new();
    server.publish(
        "/example.com/m/@v/v1.0.0.zip",
        small_module("example.com/m", "v1.0.0"),
    );
    let go = Go::at(&server.url());
    let rows = [
        (
            "example.com/m@v1.2.3",
            "not found: example.com/m@v1.2.3: no such version",
        ),
        (
            "example.com/absent@v1.0.0",
            "not found: example.com/absent@v1.0.0: no such version",
        ),
    ];
    for (module, reason) in rows {
        let ran = go.anywhere(&["mod", "download", module]);
        assert_eq!(ran.code, Some(1));
        assert!(ran.stderr.contains("404 Not Found"), "{}", ran.stderr);
        assert!(
            ran.stderr.contains(&format!("server response: {reason}")),
            "{module}: {}",
            ran.stderr
        );
    }
}

#[test]
fn a_withdrawn_version_fails_with_the_reason_but_a_graph_that_names_it_loads() {
    let server = Server::new();
    server.publish(
        "/example.com/base/@v/v1.0.0.zip",
        small_module("example.com/base", "v1.0.0"),
    );
    server.publish(
        "/example.com/base/@v/v1.1.0.zip",
        small_module("example.com/base", "v1.1.0"),
    );
    let answer = server.delete("/example.com/base/@v/v1.0.0");
    assert!((200..300).contains(&answer.status), "{answer}");
    let go = Go::at(&server.url());
    let ran = go.anywhere(&["mod", "download", "example.com/base@v1.0.0"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("410 Gone"), "{}", ran.stderr);
    let list = go
        .anywhere(&["list", "-m", "-versions", "example.com/base@latest"])
        .expect_success();
    assert_eq!(list, "example.com/base v1.1.0\n");
    // example.com/user wants v1.0.0, the program v1.1.0: go reads the go.mod of both, and the zip of one.
    let user = module_zip(
        "example.com/user",
        "v1.0.0",
        &[
            (
                "go.mod",
                b"module example.com/user\n\nrequire example.com/base v1.0.0\n",
            ),
            (
                "user.go",
                b"package user\n\nimport _ \"example.com/base\"\n",
            ),
        ],
    );
    server.publish("/example.com/user/@v/v1.0.0.zip", user);
    let program = go.program(&[
        ("go.mod", "module example.com/program\n\nrequire (\n\texample.com/base v1.1.0\n\texample.com/user v1.0.0\n)\n"),
        ("main.go", "package main\n\nimport _ \"example.com/user\"\n\nfunc main() {}\n"),
    ]);
    go.run(&program, &["build", "-o", "program"])
        .expect_success();
}
