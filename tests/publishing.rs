//! Uploads that are taken: both forms of a body, both forms of the request, once and again, and withdrawal.

use crate::support::archive::{module_zip, small_module, zip};
use crate::support::git::Repository;
use crate::support::http::refusal;
use crate::support::server::{GITLAB_BASES, Server};
use crate::support::{h1, sha256_hex};

const URL: &str = "/example.com/m/@v/v1.0.0.zip";

/// A success's whole answer to a PUT.
fn accepted(status: u16, version: &str, time: &str, sums: &[String]) -> String {
    let sums: Vec<String> = sums.iter().map(|sum| format!("\"{sum}\"")).collect();
    let body = format!(
        r#"{{"Version":"{version}","Time":"{time}","GoSum":[{}]}}"#,
        sums.join(",")
    ) + "\n";
    format!(
        "{status}\ncache-control: no-store\ncontent-length: {}\ncontent-type: application/json\n\n{body}",
        body.len()
    )
}

/// The go.sum lines of a module zip of these files, the first of which is its go.mod.
fn sums(module: &str, version: &str, files: &[(&str, &[u8])]) -> [String; 2] {
    let named: Vec<_> = files
        .iter()
        .map(|(name, text)| (format!("{module}@{version}/{name}"), *text))
        .collect();
    let named: Vec<_> = named
        .iter()
        .map(|(name, text)| (name.as_str(), *text))
        .collect();
    let go_mod = files
        .iter()
        .find(|(name, _)| *name == "go.mod")
        .map_or_else(
            || format!("module {module}\n").into_bytes(),
            |(_, text)| text.to_vec(),
        );
    [
        format!("{module} {version} {}", h1(&named)),
        format!("{module} {version}/go.mod {}", h1(&[("go.mod", &go_mod)])),
    ]
}

const GO_MOD: (&str, &[u8]) = ("go.mod", b"module example.com/m\n");
const FILE: (&str, &[u8]) = ("m.go", b"package m\n");

#[test]
fn a_module_zip_is_stored_as_it_came_and_its_sums_are_answered() {
    let server = Server::new();
    let zip = module_zip("example.com/m", "v1.0.0", &[FILE, GO_MOD]);
    let url = format!("{URL}?time=2020-01-02T03:04:05Z");
    let expected = |status| {
        accepted(
            status,
            "v1.0.0",
            "2020-01-02T03:04:05Z",
            &sums("example.com/m", "v1.0.0", &[FILE, GO_MOD]),
        )
    };
    assert_eq!(server.put(&url, zip.clone()).show(), expected(201));
    assert!(server.get(URL).body == zip);
    // The same once more changes nothing, also through GitLab's base and from other bytes of the same content.
    assert_eq!(server.put(&url, zip.clone()).show(), expected(200));
    assert_eq!(
        server
            .put(&format!("{}{URL}", GITLAB_BASES[1]), zip.clone())
            .show(),
        expected(200)
    );
    let other_bytes = module_zip("example.com/m", "v1.0.0", &[GO_MOD, FILE]);
    assert_ne!(other_bytes, zip);
    assert_eq!(server.put(URL, other_bytes).show(), expected(200));
    assert!(server.get(URL).body == zip, "published bytes never change");
}

#[test]
fn other_content_is_a_conflict_and_changes_nothing() {
    let server = Server::new();
    let zip = module_zip("example.com/m", "v1.0.0", &[GO_MOD, FILE]);
    server.publish(URL, zip.clone());
    let other = module_zip(
        "example.com/m",
        "v1.0.0",
        &[GO_MOD, ("m.go", b"package other\n")],
    );
    let [sum, _] = sums("example.com/m", "v1.0.0", &[GO_MOD, FILE]);
    let text = format!(
        "conflict: example.com/m@v1.0.0: published already with other content: the zip that stands is {}\n",
        sum.rsplit(' ').next().expect("a hash")
    );
    assert_eq!(
        server.put(URL, other).show(),
        refusal(409, "no-store", "", &text)
    );
    assert!(server.get(URL).body == zip);
}

#[test]
fn a_git_archive_becomes_the_module_zip_that_go_would_make() {
    let mut repository = Repository::with(
        &[
            ("go.mod", "module example.com/m\n"),
            ("m.go", "package m\n"),
            ("nested/go.mod", "module example.com/m/nested\n"),
            ("nested/n.go", "package nested\n"),
            ("vendor/example.com/x/x.go", "package x\n"),
            ("sub/s.go", "package sub\n"),
        ],
        &[],
    );
    std::os::unix::fs::symlink("m.go", repository.path().join("link.go")).unwrap();
    let hash = repository.commit(&[]);
    repository.tag("v1.0.0");
    let files: [(&str, &[u8]); 3] = [
        ("go.mod", b"module example.com/m\n"),
        ("m.go", b"package m\n"),
        ("sub/s.go", b"package sub\n"),
    ];
    let rows: [(&str, &[&str], &str); 4] = [
        ("as git prints it", &["v1.0.0"], "?"),
        (
            "with a top folder, which holds the go.mod",
            &["--prefix=m-1.0.0/", "v1.0.0"],
            "?",
        ),
        (
            "with a top folder that is to be stripped",
            &["--prefix=prefix/", "v1.0.0"],
            "?strip=1&",
        ),
        ("with a ref", &["v1.0.0"], "?ref=refs/tags/v1.0.0&"),
    ];
    for (name, arguments, query) in rows {
        let server = Server::new();
        let answer = server.put(
            &format!("{URL}{}", query.trim_end_matches(['?', '&'])),
            repository.archive(arguments),
        );
        // Two commits were made: the second, a minute after the first, is the tag's.
        let expected = accepted(
            201,
            "v1.0.0",
            "2023-11-14T22:14:20Z",
            &sums("example.com/m", "v1.0.0", &files),
        );
        assert_eq!(answer.show(), expected, "{name}");
        let reference = if query.contains("ref=") {
            r#","Ref":"refs/tags/v1.0.0""#
        } else {
            ""
        };
        assert_eq!(
            server.get("/example.com/m/@v/v1.0.0.info").text(),
            format!(
                r#"{{"Version":"v1.0.0","Time":"2023-11-14T22:14:20Z","Origin":{{"VCS":"git","Hash":"{hash}"{reference}}}}}"#
            ),
            "{name}"
        );
        let stored = server.get(URL).body;
        let mut stored = ::zip::ZipArchive::new(std::io::Cursor::new(stored)).expect("a zip");
        let names: Vec<String> = (0..stored.len())
            .map(|at| stored.by_index(at).unwrap().name().unwrap().into_owned())
            .collect();
        assert_eq!(
            names,
            files.map(|(name, _)| format!("example.com/m@v1.0.0/{name}")),
            "{name}"
        );
    }
}

#[test]
fn a_module_in_a_folder_of_a_larger_repository_gets_the_repositorys_licence() {
    let repository = Repository::with(
        &[
            ("LICENSE", "the licence\n"),
            ("go.mod", "module example.com/m\n"),
            ("sub/go.mod", "module example.com/m/sub\n"),
            ("sub/s.go", "package sub\n"),
        ],
        &["sub/v1.0.0"],
    );
    let files: [(&str, &[u8]); 3] = [
        ("LICENSE", b"the licence\n"),
        ("go.mod", b"module example.com/m/sub\n"),
        ("s.go", b"package sub\n"),
    ];
    for (query, arguments) in [
        ("?subdir=sub", &["sub/v1.0.0"][..]),
        ("?subdir=sub&strip=1", &["--prefix=top/", "sub/v1.0.0"]),
    ] {
        let server = Server::new();
        let answer = server.put(
            &format!("/example.com/m/sub/@v/v1.0.0.zip{query}"),
            repository.archive(arguments),
        );
        let expected = accepted(
            201,
            "v1.0.0",
            "2023-11-14T22:13:20Z",
            &sums("example.com/m/sub", "v1.0.0", &files),
        );
        assert_eq!(answer.show(), expected, "{query}");
    }
}

#[test]
fn a_module_without_go_mod_gets_one() {
    let server = Server::new();
    let archive = zip("top/", &[FILE]);
    let answer = server.put(
        "/example.com/old/@v/v2.0.0+incompatible.zip?strip=1&time=2020-01-02T03:04:05Z",
        archive,
    );
    let expected = accepted(
        201,
        "v2.0.0+incompatible",
        "2020-01-02T03:04:05Z",
        &sums("example.com/old", "v2.0.0+incompatible", &[FILE]),
    );
    assert_eq!(answer.show(), expected);
    assert_eq!(
        server
            .get("/example.com/old/@v/v2.0.0+incompatible.mod")
            .text(),
        "module example.com/old\n"
    );
    assert_eq!(
        server
            .get("/example.com/old/@v/v2.0.0%2Bincompatible.mod")
            .text(),
        "module example.com/old\n"
    );
}

#[test]
fn a_fork_made_for_replace_may_keep_its_own_module_line() {
    let server = Server::new();
    let go_mod: (&str, &[u8]) = ("go.mod", b"module example.com/original\n");
    let answer = server.put(
        &format!("{URL}?time=2020-01-02T03:04:05Z"),
        module_zip("example.com/m", "v1.0.0", &[go_mod, FILE]),
    );
    let expected = accepted(
        201,
        "v1.0.0",
        "2020-01-02T03:04:05Z",
        &sums("example.com/m", "v1.0.0", &[go_mod, FILE]),
    );
    assert_eq!(answer.show(), expected);
    let alone = server.put("/example.com/n/@v/v1.0.0.mod", go_mod.1);
    assert_eq!(alone.status, 201, "{alone}");
}

#[test]
fn giteas_form_takes_path_and_version_from_the_zip() {
    let server = Server::new();
    let go_mod: (&str, &[u8]) = ("go.mod", b"module example.com/Up/v2\n");
    let expected = |status| {
        accepted(
            status,
            "v2.1.0",
            "2020-01-02T03:04:05Z",
            &sums("example.com/Up/v2", "v2.1.0", &[go_mod]),
        )
    };
    let zip = module_zip("example.com/Up/v2", "v2.1.0", &[go_mod]);
    assert_eq!(
        server
            .put("/upload?time=2020-01-02T03:04:05Z", zip.clone())
            .show(),
        expected(201)
    );
    assert_eq!(
        server
            .put(&format!("{}/upload", GITLAB_BASES[0]), zip.clone())
            .show(),
        expected(200)
    );
    assert!(server.get("/example.com/%21up/v2/@v/v2.1.0.zip").body == zip);
}

#[test]
fn a_go_mod_alone_is_served_and_never_listed_and_a_later_zip_must_agree_with_it() {
    let server = Server::new();
    let url = "/example.com/m/@v/v1.0.0.mod";
    let [_, sum] = sums("example.com/m", "v1.0.0", &[GO_MOD, FILE]);
    let body = format!("{{\"Version\":\"v1.0.0\",\"GoSum\":[\"{sum}\"]}}\n");
    let expected = |status: u16| {
        format!(
            "{status}\ncache-control: no-store\ncontent-length: {}\ncontent-type: application/json\n\n{body}",
            body.len()
        )
    };
    assert_eq!(server.put(url, GO_MOD.1).show(), expected(201));
    assert_eq!(server.put(url, GO_MOD.1).show(), expected(200));
    assert_eq!(
        server.put(url, "module example.com/m\n\ngo 1.20\n").status,
        409
    );
    assert_eq!(server.get(url).text(), "module example.com/m\n");
    assert_eq!(server.get("/example.com/m/@v/list").status, 404);
    assert_eq!(server.get(URL).status, 404);
    let disagreeing = module_zip(
        "example.com/m",
        "v1.0.0",
        &[("go.mod", b"module example.com/m\n\ngo 1.20\n"), FILE],
    );
    assert_eq!(server.put(URL, disagreeing).status, 409);
    server.publish(URL, module_zip("example.com/m", "v1.0.0", &[GO_MOD, FILE]));
    assert_eq!(server.get("/example.com/m/@v/list").text(), "v1.0.0\n");
    assert_eq!(server.put(url, GO_MOD.1).status, 200);
}

#[test]
fn a_withdrawn_version_is_gone_from_lists_but_its_go_mod_stays() {
    let server = Server::new();
    server.publish(URL, small_module("example.com/m", "v1.0.0"));
    server.publish(
        "/example.com/m/@v/v1.1.0.zip",
        small_module("example.com/m", "v1.1.0"),
    );
    let withdrawn = server.delete("/example.com/m/@v/v1.1.0");
    assert_eq!(withdrawn.show(), "204\n\n");
    let gone = refusal(
        410,
        "no-store",
        "",
        "withdrawn: example.com/m@v1.1.0: withdrawn by its publisher\n",
    );
    for path in [
        "/example.com/m/@v/v1.1.0.zip",
        "/example.com/m/@v/v1.1.0.info",
    ] {
        assert_eq!(server.get(path).show(), gone, "{path}");
        assert_eq!(server.head(path).status, 410, "{path}");
    }
    assert_eq!(
        server.get("/example.com/m/@v/v1.1.0.mod").text(),
        "module example.com/m\n"
    );
    assert_eq!(server.get("/example.com/m/@v/list").text(), "v1.0.0\n");
    assert!(
        server
            .get("/example.com/m/@latest")
            .text()
            .contains(r#""Version":"v1.0.0""#)
    );
    assert_eq!(
        server
            .put(
                "/example.com/m/@v/v1.1.0.zip",
                small_module("example.com/m", "v1.1.0")
            )
            .show(),
        gone
    );
    // Once more is fine; what never was is not there.
    assert_eq!(server.delete("/example.com/m/@v/v1.1.0").status, 204);
    assert_eq!(server.delete("/example.com/m/@v/v1.9.0").status, 404);
}

#[test]
fn two_writers_at_once_end_with_one_whole_version() {
    let server = Server::new();
    for round in 0..5 {
        let version = format!("v1.{round}.0");
        let url = format!("/example.com/m/@v/{version}.zip");
        let contents: Vec<Vec<u8>> = (0..4)
            .map(|writer| {
                let text = format!("package m // {writer}\n").repeat(20_000);
                module_zip(
                    "example.com/m",
                    &version,
                    &[GO_MOD, ("m.go", text.as_bytes())],
                )
            })
            .collect();
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let uploads: Vec<_> = contents
                .iter()
                .map(|zip| scope.spawn(|| server.put(&url, zip.clone()).status))
                .collect();
            uploads
                .into_iter()
                .map(|upload| upload.join().expect("an answer"))
                .collect()
        });
        let winners: Vec<usize> = (0..4).filter(|writer| statuses[*writer] == 201).collect();
        assert_eq!(winners.len(), 1, "{statuses:?}");
        assert!(
            statuses.iter().all(|status| matches!(status, 201 | 409)),
            "{statuses:?}"
        );
        assert_eq!(
            sha256_hex(server.get(&url).body),
            sha256_hex(&contents[winners[0]]),
            "{statuses:?}"
        );
    }
    assert_eq!(
        server.get("/example.com/m/@v/list").text(),
        "v1.0.0\nv1.1.0\nv1.2.0\nv1.3.0\nv1.4.0\n"
    );
}

#[test]
fn many_writers_to_one_module_lose_no_version() {
    let server = Server::new();
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let server = &server;
            scope.spawn(move || {
                for patch in 0..5 {
                    let version = format!("v1.{writer}.{patch}");
                    server.publish(
                        &format!("/example.com/m/@v/{version}.zip"),
                        small_module("example.com/m", &version),
                    );
                }
            });
        }
    });
    let expected: String = (0..8)
        .flat_map(|minor| (0..5).map(move |patch| format!("v1.{minor}.{patch}\n")))
        .collect();
    // Under load a writer may be slower than the others waited for, and write an older list back. The
    // next read of what it left out mends that.
    for version in expected.lines() {
        let info = server.get(&format!("/example.com/m/@v/{version}.info"));
        assert_eq!(info.status, 200, "{version}: {info}");
    }
    let started = std::time::Instant::now();
    while server.get("/example.com/m/@v/list").text() != expected {
        let waited = started.elapsed();
        assert!(
            waited < std::time::Duration::from_secs(10),
            "a version stays unlisted"
        );
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
