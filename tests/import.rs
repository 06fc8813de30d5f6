//! `goproxy-edge import`: what it takes from a tree, what it leaves there, what it says.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::archive::{module_zip, noise, small_module};
use crate::support::front::Front;
use crate::support::go;
use crate::support::s3::{ObjectStore, setup_at};
use crate::support::server::{GITLAB_BASES, Server, Setup, TOKEN};
use crate::support::tls::Authority;
use crate::support::tree::{Tree, files};
use crate::support::{goproxy_edge, h1};

fn info(version: &str, time: &str) -> Vec<u8> {
    format!(r#"{{"Version":"{version}","Time":"{time}"}}"#).into_bytes()
}

/// Versions with a zip, and versions with a go.mod only.
fn count(files: &BTreeMap<String, Vec<u8>>) -> (usize, usize) {
    let zips = files.keys().filter(|name| name.ends_with(".zip")).count();
    let mods = files
        .keys()
        .filter_map(|name| name.strip_suffix(".mod"))
        .filter(|stem| !files.contains_key(&format!("{stem}.zip")))
        .count();
    (zips, mods)
}

#[test]
fn a_real_program_builds_from_an_imported_module_cache_alone() {
    let cache = go::real_module_cache();
    let tree = files(&cache.join("cache/download"));
    let (zips, mods) = count(&tree);
    assert!(zips >= 20, "{zips} is not tens");
    let server = Server::new();
    let cache = cache.to_str().unwrap();
    let first = server.command(&["import", cache]).expect_success();
    let imported = |line: &str, zips: usize, mods: usize, there: usize| {
        let start = format!(
            "{}: {zips} zips and {mods} go.mod files imported (",
            server.url()
        );
        let line = line.strip_prefix(&start).expect(line);
        let rest = line.split_once(')').expect(line).1;
        assert_eq!(rest, format!(", {there} already there, 0 refused\n"));
    };
    imported(&first, zips, mods, 0);

    // Every file is there, and says the same.
    for (name, content) in &tree {
        let answer = server.get(&format!("/{}", name.replace('!', "%21")));
        assert_eq!(answer.status, 200, "{name}: {answer}");
        if name.ends_with(".info") && tree.contains_key(&name.replace(".info", ".zip")) {
            let facts = |text: &[u8]| {
                let info: Value = serde_json::from_slice(text).expect(name);
                (
                    info["Version"].clone(),
                    info["Time"].clone(),
                    info["Origin"].clone(),
                )
            };
            assert_eq!(facts(&answer.body), facts(content), "{name}");
        } else if !name.ends_with(".info") {
            assert!(answer.body == *content, "{name} has other bytes");
        }
    }

    let second = server.command(&["import", cache]).expect_success();
    imported(&second, 0, 0, zips + mods);

    for base in ["", GITLAB_BASES[1]] {
        go::build_the_program(&format!("{}{base}", server.url()));
    }
}

#[test]
fn what_is_no_module_file_of_a_version_stays_in_the_tree() {
    let server = Server::new();
    let zip = small_module("example.com/m", "v1.0.0");
    let tree = Tree::new(&[
        (
            "example.com/m/@v/v1.0.0.info",
            &info("v1.0.0", "2020-01-02T03:04:05Z"),
        ),
        ("example.com/m/@v/v1.0.0.mod", b"module example.com/m\n"),
        ("example.com/m/@v/v1.0.0.zip", &zip),
        ("example.com/m/@v/v1.0.0.ziphash", b"h1:made-up"),
        ("example.com/m/@v/v1.0.0.lock", b""),
        ("example.com/m/@v/list", b"v1.0.0\nv9.9.9\n"),
        ("example.com/m/@v/list.lock", b""),
        ("example.com/m/@v/v1.1.0.partial", b""),
        ("example.com/m/@v/v1.1.0.zip123456789.tmp", &zip),
        ("example.com/m/@v/.v1.1.0.zip.tmp.42", &zip),
        (
            "example.com/m/@v/v1.2.0.info",
            &info("v1.2.0", "2020-01-02T03:04:05Z"),
        ),
        (
            "example.com/m/@v/master.info",
            &info("v1.0.0", "2020-01-02T03:04:05Z"),
        ),
        ("example.com/m/@v/master.mod", b"module example.com/m\n"),
        (
            "example.com/m/@v/v1.info",
            &info("v1.0.0", "2020-01-02T03:04:05Z"),
        ),
        ("example.com/m/@v/v1.mod", b"module example.com/m\n"),
        (
            "example.com/m/@latest",
            &info("v1.0.0", "2020-01-02T03:04:05Z"),
        ),
        (
            "example.com/Capital/@v/v1.0.0.mod",
            b"module example.com/Capital\n",
        ),
        ("nodot/@v/v1.0.0.mod", b"module nodot\n"),
        (
            "sumdb/sum.golang.org/lookup/example.com/m/@v/v3.0.0.mod",
            b"module example.com/m\n",
        ),
        ("cache/vcs/0123/info", b"x"),
        ("cache/lock", b""),
    ]);
    let printed = server.command(&["import", tree.name()]).expect_success();
    let size = indicatif_size(zip.len());
    assert_eq!(
        printed,
        format!(
            "{}: 1 zips and 0 go.mod files imported ({size}), 0 already there, 0 refused\n",
            server.url()
        )
    );
    assert_eq!(server.get("/example.com/m/@v/list").text(), "v1.0.0\n");
    assert_eq!(
        server.get("/example.com/m/@v/v1.0.0.info").text(),
        r#"{"Version":"v1.0.0","Time":"2020-01-02T03:04:05Z"}"#
    );
}

fn indicatif_size(bytes: usize) -> String {
    assert!(bytes < 1024);
    format!("{bytes} B")
}

#[test]
fn time_and_origin_are_those_of_the_info_file_and_a_missing_one_is_made_up_by_the_server() {
    let server = Server::new();
    let origin = r#"{"VCS":"git","URL":"https://example.com/m","Hash":"0123456789abcdef0123456789abcdef01234567","Ref":"refs/heads/a&b=c+d"}"#;
    let with_origin = format!(
        r#"{{"Version":"v1.0.0","Time":"2019-10-16T16:18:29.123456789Z","Origin":{origin}}}"#
    );
    let tree = Tree::new(&[
        ("example.com/m/@v/v1.0.0.info", with_origin.as_bytes()),
        (
            "example.com/m/@v/v1.0.0.zip",
            &small_module("example.com/m", "v1.0.0"),
        ),
        (
            "example.com/m/@v/v1.1.0.zip",
            &small_module("example.com/m", "v1.1.0"),
        ),
        ("example.com/m/@v/v1.2.0.info", b"{ half of"),
        (
            "example.com/m/@v/v1.2.0.zip",
            &small_module("example.com/m", "v1.2.0"),
        ),
        (
            "example.com/m/@v/v1.3.0.info",
            &info("v9.9.9", "2001-01-01T00:00:00Z"),
        ),
        (
            "example.com/m/@v/v1.3.0.zip",
            &small_module("example.com/m", "v1.3.0"),
        ),
        (
            "example.com/p/@v/v0.0.0-20200102030405-0123456789ab.zip",
            &small_module("example.com/p", "v0.0.0-20200102030405-0123456789ab"),
        ),
    ]);
    server.command(&["import", tree.name()]).expect_success();
    assert_eq!(
        server.get("/example.com/m/@v/v1.0.0.info").text(),
        with_origin
    );
    assert_eq!(
        server.get("/example.com/m/@v/a&b=c+d.info").text(),
        with_origin
    );
    for version in ["v1.1.0", "v1.2.0", "v1.3.0"] {
        let made: Value = serde_json::from_slice(
            &server
                .get(&format!("/example.com/m/@v/{version}.info"))
                .body,
        )
        .unwrap();
        assert_eq!(made["Version"], version);
        assert_ne!(made["Time"], "2001-01-01T00:00:00Z");
        assert_eq!(made["Origin"], Value::Null);
    }
    assert_eq!(
        server.get("/example.com/p/@latest").text(),
        r#"{"Version":"v0.0.0-20200102030405-0123456789ab","Time":"2020-01-02T03:04:05Z"}"#
    );
}

#[test]
fn a_go_mod_that_stands_alone_is_imported_and_not_listed() {
    let server = Server::new();
    let tree = Tree::new(&[
        (
            "example.com/!up/@v/v1.0.0.mod",
            b"module example.com/Up\n\ngo 1.20\n",
        ),
        (
            "example.com/!up/@v/v1.0.0.info",
            &info("v1.0.0", "2020-01-02T03:04:05Z"),
        ),
    ]);
    let line = |mods, bytes, there| {
        format!(
            "{}: 0 zips and {mods} go.mod files imported ({bytes} B), {there} already there, 0 refused\n",
            server.url()
        )
    };
    assert_eq!(
        server.command(&["import", tree.name()]).expect_success(),
        line(1, 31, 0)
    );
    assert_eq!(
        server.get("/example.com/%21up/@v/v1.0.0.mod").text(),
        "module example.com/Up\n\ngo 1.20\n"
    );
    assert_eq!(server.get("/example.com/%21up/@v/v1.0.0.zip").status, 404);
    assert_eq!(
        server.command(&["import", tree.name()]).expect_success(),
        line(0, 0, 1)
    );
}

#[test]
fn what_is_refused_is_named_with_the_servers_reason_and_the_rest_is_imported() {
    let server = Server::new();
    server.publish(
        "/example.com/taken/@v/v1.0.0.zip",
        small_module("example.com/taken", "v1.0.0"),
    );
    server.publish(
        "/example.com/gone/@v/v1.0.0.zip",
        small_module("example.com/gone", "v1.0.0"),
    );
    server.delete("/example.com/gone/@v/v1.0.0");
    let other = module_zip(
        "example.com/taken",
        "v1.0.0",
        &[
            ("go.mod", b"module example.com/taken\n"),
            ("other.go", b"package m\n"),
        ],
    );
    let tree = Tree::new(&[
        ("example.com/broken/@v/v1.0.0.zip", b"no zip"),
        (
            "example.com/gone/@v/v1.0.0.zip",
            &small_module("example.com/gone", "v1.0.0"),
        ),
        (
            "example.com/good/@v/v1.0.0.zip",
            &small_module("example.com/good", "v1.0.0"),
        ),
        (
            "example.com/stranger/@v/v1.0.0.mod",
            b"module example.com/stranger\n",
        ),
        ("example.com/taken/@v/v1.0.0.zip", &other),
    ]);
    let ran = server.command(&["import", tree.name(), "--jobs", "1"]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.stderr, "");
    let reason = |path: &str, body: &[u8]| {
        let text = server.put(path, body).text();
        text.lines()
            .map(|line| format!("    {line}\n"))
            .collect::<String>()
    };
    let size =
        small_module("example.com/good", "v1.0.0").len() + "module example.com/stranger\n".len();
    assert_eq!(
        ran.stdout,
        format!(
            "{}: 1 zips and 1 go.mod files imported ({size} B), 0 already there, 3 refused\n\
             refused example.com/broken@v1.0.0\n{}\
             refused example.com/gone@v1.0.0\n{}\
             refused example.com/taken@v1.0.0\n{}",
            server.url(),
            reason("/example.com/broken/@v/v1.0.0.zip", b"no zip"),
            reason(
                "/example.com/gone/@v/v1.0.0.zip",
                &small_module("example.com/gone", "v1.0.0")
            ),
            reason("/example.com/taken/@v/v1.0.0.zip", &other),
        )
    );
    assert_eq!(server.get("/example.com/good/@v/list").text(), "v1.0.0\n");
}

/// Two zips of a version, of one length, whose content differs at its start.
fn twins(module: &str, length: usize) -> [Vec<u8>; 2] {
    let twins = [1, 2].map(|first| {
        let mut noise = noise(length);
        noise[0] = first;
        let go_mod = format!("module {module}\n");
        let files: [(&str, &[u8]); 2] = [("noise", &noise), ("go.mod", go_mod.as_bytes())];
        module_zip(module, "v1.0.0", &files)
    });
    assert_eq!(twins[0].len(), twins[1].len());
    twins
}

/// How many files a server has been sent. For once: it waits for the line of a request of its own.
fn puts(server: &Server) -> usize {
    server.get("/example.com/last/@v/list");
    server.logged("/example.com/last/@v/list");
    let log = server.log();
    log.lines().filter(|line| line.contains(" PUT /")).count()
}

#[test]
fn other_content_of_the_same_length_is_refused_and_the_same_is_not_sent_again() {
    let (small, large) = (
        twins("example.com/small", 100),
        twins("example.com/large", 200_000),
    );
    let go_mods = ["1.20", "1.21"].map(|go| format!("module example.com/alone\n\ngo {go}\n"));
    let trees = [0, 1].map(|which| {
        Tree::new(&[
            ("example.com/alone/@v/v1.0.0.mod", go_mods[which].as_bytes()),
            ("example.com/large/@v/v1.0.0.zip", &large[which]),
            ("example.com/small/@v/v1.0.0.zip", &small[which]),
        ])
    });
    let folder = tempfile::tempdir().unwrap();
    let folder = format!("dir:{}", folder.path().display());
    for store in ["kv", folder.as_str()] {
        let server = Setup::new().set("store", store).start();
        let import = |tree: &Tree| server.command(&["import", tree.name(), "--jobs", "1"]);
        import(&trees[0]).expect_quiet();
        let summary = |there, refused| {
            format!(
                "{}: 0 zips and 0 go.mod files imported (0 B), {there} already there, {refused} refused\n",
                server.url()
            )
        };
        assert_eq!(import(&trees[0]).expect_quiet(), summary(3, 0));
        assert_eq!(puts(&server), 3, "{store}");

        let other = import(&trees[1]);
        let refused = |name: &str, path: &str, body: &[u8]| {
            let answer = server.put(path, body);
            assert_eq!(answer.status, 409, "{store}: {answer}");
            let lines = answer.text();
            let lines = lines.lines().map(|line| format!("    {line}\n"));
            format!("refused {name}\n{}", lines.collect::<String>())
        };
        let expected = [
            summary(0, 3),
            refused(
                "example.com/alone@v1.0.0 (go.mod)",
                "/example.com/alone/@v/v1.0.0.mod",
                go_mods[1].as_bytes(),
            ),
            refused(
                "example.com/large@v1.0.0",
                "/example.com/large/@v/v1.0.0.zip",
                &large[1],
            ),
            refused(
                "example.com/small@v1.0.0",
                "/example.com/small/@v/v1.0.0.zip",
                &small[1],
            ),
        ];
        assert_eq!(
            (other.code, other.stdout, other.stderr.as_str()),
            (Some(1), expected.concat(), ""),
            "{store}"
        );
    }
}

#[test]
fn a_zip_that_the_object_store_gives_out_is_compared_there_and_without_the_token() {
    let authority = Authority::new();
    let store = ObjectStore::new();
    let front = Front::new(&authority, store.address());
    let server = setup_at("replaced")
        .set(
            "s3_endpoint",
            format_args!("https://localhost:{}", front.port()),
        )
        .set("redirect_over", 100_000)
        .trust(authority.root())
        .start();
    let [zip, other] = twins("example.com/large", 200_000);
    let import = |zip: &[u8]| {
        let tree = Tree::new(&[("example.com/large/@v/v1.0.0.zip", zip)]);
        server.command_reading(Some(&authority), &["import", tree.name()], "")
    };
    import(&zip).expect_quiet();
    front.heads();
    let again = import(&zip).expect_quiet();
    assert!(again.ends_with(", 1 already there, 0 refused\n"), "{again}");
    assert_eq!(puts(&server), 1);
    let heads = front.heads();
    let ours = heads
        .iter()
        .filter(|head| head.contains("user-agent: goproxy-edge/"));
    let ours: Vec<_> = ours.collect();
    let path = "/modules/example.com/large/%40v/v1.0.0.zip?";
    assert_eq!(ours.len(), 2, "{heads:#?}");
    assert!(ours[0].starts_with(&format!("HEAD {path}")), "{}", ours[0]);
    assert!(ours[1].starts_with(&format!("GET {path}")), "{}", ours[1]);
    assert!(ours[1].contains("\r\nrange: bytes=-65536"), "{}", ours[1]);
    for head in ours {
        assert!(!head.contains("\r\nauthorization:"), "{head}");
    }

    let refused = import(&other);
    let conflict =
        "\n    conflict: example.com/large@v1.0.0: published already with other content: ";
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stdout.contains(conflict), "{}", refused.stdout);
}

#[test]
fn a_wrong_token_ends_the_import_at_once_and_is_not_shown() {
    let server = Server::new();
    let tree = Tree::new(&[(
        "example.com/m/@v/v1.0.0.zip",
        &small_module("example.com/m", "v1.0.0"),
    )]);
    let ran = server.command(&["import", tree.name(), "--token", "s3cret"]);
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.stdout, "");
    assert!(
        ran.stderr.ends_with(&format!(
            "{} does not take the token from --token\n",
            server.url()
        )),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
    assert!(!server.log().contains("s3cret"), "{}", server.log());
    assert!(!server.log().contains(TOKEN), "{}", server.log());
}

#[test]
fn without_any_set_up_the_token_of_the_first_start_is_found() {
    for base in ["", "/go"] {
        the_token_of_the_first_start_is_found(base);
    }
}

#[track_caller]
fn the_token_of_the_first_start_is_found(base: &str) {
    let server = Setup::new().tokens(None).set("base_path", base).start();
    let tree = Tree::new(&[(
        "example.com/m/@v/v1.0.0.zip",
        &small_module("example.com/m", "v1.0.0"),
    )]);
    let home = tempfile::tempdir().unwrap();
    let mut command = crate::support::goproxy_edge(home.path());
    command
        .args(["import", tree.name(), "--data"])
        .arg(server.data());
    let printed = crate::support::run(&mut command).expect_success();
    let size = small_module("example.com/m", "v1.0.0").len();
    assert_eq!(
        printed,
        format!(
            "{}{base}: 1 zips and 0 go.mod files imported ({size} B), 0 already there, 0 refused\n",
            server.url()
        )
    );

    // Not for another server, though: that is asked without a token.
    let other = Server::new();
    let mut command = crate::support::goproxy_edge(home.path());
    command
        .args(["import", tree.name(), "--to", &other.url(), "--data"])
        .arg(server.data());
    let ran = crate::support::run(&mut command);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("wants a token"), "{}", ran.stderr);
}

#[test]
fn a_tree_without_modules_and_a_server_that_is_not_there_are_errors_that_say_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let import = |arguments: &[&str]| {
        crate::support::run(
            crate::support::goproxy_edge(home.path())
                .arg("import")
                .args(arguments),
        )
    };
    let empty = Tree::new(&[]);
    let full = Tree::new(&[("example.com/m/@v/v1.0.0.mod", b"module example.com/m\n")]);
    let rows = [
        (
            vec![empty.name(), "--to", "http://127.0.0.1:9"],
            1,
            format!("error: {} holds no module: look for the folder with `cache/download` in it, `go env GOMODCACHE` names it\n", empty.name()),
        ),
        (
            vec!["/nonexistent", "--to", "http://127.0.0.1:9"],
            1,
            format!("error: cannot read /nonexistent: {}\n", std::fs::read_dir("/nonexistent").unwrap_err()),
        ),
        (
            vec![full.name(), "--to", "http://127.0.0.1:9"],
            1,
            format!(
                "error: cannot reach http://127.0.0.1:9: {}; is it running? `goproxy-edge serve` starts one, --to names another\n",
                std::net::TcpStream::connect("127.0.0.1:9").unwrap_err()
            ),
        ),
        (
            vec![full.name()],
            1,
            "error: no server: name one with --to, or start one here with `goproxy-edge serve`\n".to_owned(),
        ),
        (
            vec![full.name(), "--to", "ftp://127.0.0.1"],
            2,
            "error: the address for --to: give it as http://host:port or https://host/path\n".to_owned(),
        ),
        (
            vec![full.name(), "--to", "https://user:s3cret@127.0.0.1"],
            2,
            "error: the address for --to: it holds a credential; give that in GOPROXY_EDGE_TOKEN or in .netrc instead\n".to_owned(),
        ),
    ];
    for (arguments, code, stderr) in rows {
        let ran = import(&arguments);
        assert_eq!(
            (ran.code, ran.stdout.as_str(), ran.stderr),
            (Some(code), "", stderr),
            "{arguments:?}"
        );
    }
}

#[test]
fn gitlabs_base_is_an_address_to_import_to() {
    let server = Server::new();
    let zip = small_module("example.com/m", "v1.0.0");
    let tree = Tree::new(&[("example.com/m/@v/v1.0.0.zip", &zip)]);
    for base in GITLAB_BASES {
        server
            .command_at(base, &["import", tree.name()])
            .expect_success();
        assert!(
            server
                .get(&format!("{base}/example.com/m/@v/v1.0.0.zip"))
                .body
                == zip
        );
    }
    let elsewhere = server.command_at("/api/v4/projects/2/packages/go", &["import", tree.name()]);
    assert_eq!(elsewhere.code, Some(1));
    assert!(
        elsewhere
            .stdout
            .ends_with("\n    not found: there is no project \"2\" here\n"),
        "{}{}",
        elsewhere.stdout,
        elsewhere.stderr
    );
}

#[test]
fn a_zip_that_is_not_what_stands_beside_it_is_refused_and_not_sent() {
    let server = Server::new();
    let hash = |module: &str| {
        let (go_mod, name) = (format!("module {module}\n"), format!("{module}@v1.0.0/"));
        h1(&[
            (&format!("{name}go.mod"), go_mod.as_bytes()),
            (
                &format!("{name}m.go"),
                b"package m\n\nconst Version = \"\"\n",
            ),
        ])
    };
    let other = h1(&[("other", b"")]);
    let mend = "delete the files of this version and have `go mod download` fetch them anew, then import again";
    let by_hash = |module: &str| {
        format!(
            "its hash is {}, but v1.0.0.ziphash beside it has {other}: {mend}",
            hash(module)
        )
    };
    let by_mod = || format!("v1.0.0.mod beside it differs from its go.mod: {mend}");
    let (right, padded) = (
        hash("example.com/d"),
        format!("{}\n", hash("example.com/e")),
    );
    // Module, .ziphash, .mod, and why it is refused.
    type Beside<'a> = Option<&'a str>;
    let rows: [(&str, Beside<'_>, Beside<'_>, Option<String>); 10] = [
        ("example.com/a", None, None, None),
        ("example.com/b", Some(""), None, None),
        ("example.com/c", Some("h1:made-up"), None, None),
        (
            "example.com/d",
            Some(&right),
            Some("module example.com/d\n"),
            None,
        ),
        ("example.com/e", Some(&padded), None, None),
        (
            "example.com/f",
            Some(&other),
            None,
            Some(by_hash("example.com/f")),
        ),
        (
            "example.com/g",
            Some(&other),
            Some("module example.com/x\n"),
            Some(by_hash("example.com/g")),
        ),
        (
            "example.com/h",
            None,
            Some("module example.com/h\n\ngo 1.20\n"),
            Some(by_mod()),
        ),
        ("example.com/i", None, Some(""), Some(by_mod())),
        (
            "example.com/j",
            Some("\0\0\0\0"),
            Some("module example.com/j\n"),
            None,
        ),
    ];
    let tree = Tree::new(&[]);
    let mut refusals = String::new();
    // However many they are, they say nothing of the others.
    for number in 10..40 {
        let module = format!("example.com/{number}");
        tree.write(
            &format!("{module}/@v/v1.0.0.zip"),
            small_module(&module, "v1.0.0"),
        );
        tree.write(&format!("{module}/@v/v1.0.0.mod"), "");
        refusals += &format!("refused {module}@v1.0.0\n    {}\n", by_mod());
    }
    for (module, ziphash, go_mod, why) in &rows {
        let write = |extension: &str, content: &[u8]| {
            tree.write(&format!("{module}/@v/v1.0.0.{extension}"), content);
        };
        write("zip", &small_module(module, "v1.0.0"));
        if let Some(ziphash) = ziphash {
            write("ziphash", ziphash.as_bytes());
        }
        if let Some(go_mod) = go_mod {
            write("mod", go_mod.as_bytes());
        }
        if let Some(why) = why {
            refusals += &format!("refused {module}@v1.0.0\n    {why}\n");
        }
    }
    // What has no go.mod has the one that `go` makes up.
    let bare = module_zip("example.com/k", "v1.0.0", &[("k.go", b"package k\n")]);
    tree.write("example.com/k/@v/v1.0.0.zip", &bare);
    tree.write("example.com/k/@v/v1.0.0.mod", "module example.com/k\n");

    let ran = server.command(&["import", tree.name(), "--jobs", "1"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), ""));
    let fine = rows.iter().filter(|(_, _, _, why)| why.is_none());
    let sizes = fine.map(|(module, ..)| small_module(module, "v1.0.0").len());
    let size = sizes.sum::<usize>() + bare.len();
    let size = indicatif_kib(size);
    assert_eq!(
        ran.stdout,
        format!(
            "{}: 7 zips and 0 go.mod files imported ({size}), 0 already there, 34 refused\n{refusals}",
            server.url()
        )
    );
    for (module, _, _, why) in rows {
        let status = if why.is_some() { 404 } else { 200 };
        let answer = server.get(&format!("/{module}/@v/v1.0.0.info"));
        assert_eq!(answer.status, status, "{module}: {answer}");
    }
}

fn indicatif_kib(bytes: usize) -> String {
    assert!((1 << 10..1 << 20).contains(&bytes));
    format!("{:.2} KiB", bytes as f64 / 1024.0)
}

#[cfg(unix)]
#[test]
fn linked_folders_are_followed_and_a_link_to_a_folder_around_it_has_no_end_to_find() {
    use std::os::unix::fs::symlink;
    let server = Server::new();
    let elsewhere = Tree::new(&[
        (
            "disk/m/@v/v1.0.0.zip",
            &small_module("example.com/m", "v1.0.0"),
        ),
        ("versions/v1.0.0.mod", b"module example.org/n\n"),
    ]);
    let tree = Tree::new(&[("example.org/n/README", b"")]);
    let link = |from: &std::path::Path, to: &str| symlink(from, tree.path().join(to)).unwrap();
    link(&elsewhere.path().join("disk"), "example.com");
    link(&elsewhere.path().join("versions"), "example.org/n/@v");
    link(tree.path(), "example.org/around");
    link(&tree.path().join("nowhere"), "example.org/dangling");
    // From the other disk back to where we came from, and to itself.
    link(tree.path(), "example.com/m/back");
    link(&elsewhere.path().join("disk"), "example.com/itself");
    let size = small_module("example.com/m", "v1.0.0").len() + "module example.org/n\n".len();
    assert_eq!(
        server.command(&["import", tree.name()]).expect_quiet(),
        format!(
            "{}: 1 zips and 1 go.mod files imported ({size} B), 0 already there, 0 refused\n",
            server.url()
        )
    );
}

#[test]
fn a_dry_run_says_what_would_be_sent_and_sends_nothing() {
    let server = Server::new();
    server.publish(
        "/example.com/there/@v/v1.0.0.zip",
        small_module("example.com/there", "v1.0.0"),
    );
    let zip = small_module("example.com/m", "v1.0.0");
    let tree = Tree::new(&[
        (
            "example.com/alone/@v/v1.0.0.mod",
            b"module example.com/alone\n",
        ),
        (
            "example.com/changed/@v/v1.0.0.mod",
            b"module example.com/x\n",
        ),
        (
            "example.com/changed/@v/v1.0.0.zip",
            &small_module("example.com/changed", "v1.0.0"),
        ),
        ("example.com/m/@v/v1.0.0.zip", &zip),
        (
            "example.com/there/@v/v1.0.0.zip",
            &small_module("example.com/there", "v1.0.0"),
        ),
    ]);
    let size = zip.len() + "module example.com/alone\n".len();
    let ran = server.command(&["import", tree.name(), "--dry-run"]);
    assert_eq!(
        (ran.code, ran.stdout, ran.stderr.as_str()),
        (
            Some(1),
            format!(
                "{}: 1 zips and 1 go.mod files would be sent ({size} B), 1 already there, 1 refused\n\
                 would send example.com/alone@v1.0.0 (go.mod)\n\
                 would send example.com/m@v1.0.0\n\
                 refused example.com/changed@v1.0.0\n    \
                 v1.0.0.mod beside it differs from its go.mod: delete the files of this version and have \
                 `go mod download` fetch them anew, then import again\n",
                server.url()
            ),
            ""
        )
    );
    assert_eq!(puts(&server), 1, "the one of the test itself");
    assert_eq!(server.get("/example.com/m/@v/v1.0.0.info").status, 404);
    let wrong = server.command(&["import", tree.name(), "--dry-run", "--token", "s3cret"]);
    assert_eq!((wrong.code, wrong.stdout.as_str()), (Some(1), ""));
}

#[cfg(unix)]
#[test]
fn an_import_that_is_interrupted_says_what_was_done_and_refused_so_far() {
    use std::process::{Command, Stdio};
    use std::time::Duration;
    let authority = Authority::new();
    let server = Server::new();
    let front = Front::new(&authority, server.address());
    let (sender, reached) = std::sync::mpsc::channel();
    front.before("/example.com/later/", move || {
        let _ = sender.send(());
        // Longer than the import lives.
        std::thread::sleep(Duration::from_secs(120));
    });
    let good = small_module("example.com/good", "v1.0.0");
    let tree = Tree::new(&[
        ("example.com/broken/@v/v1.0.0.zip", b"no zip"),
        ("example.com/good/@v/v1.0.0.zip", &good),
        (
            "example.com/later/@v/v1.0.0.mod",
            b"module example.com/later\n",
        ),
    ]);
    let home = tempfile::tempdir().unwrap();
    let to = format!("https://localhost:{}", front.port());
    let child = goproxy_edge(home.path())
        .env("GOPROXY_EDGE_TOKEN", TOKEN)
        .env("SSL_CERT_FILE", authority.root())
        .args(["import", tree.name(), "--jobs", "1", "--to", &to])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    reached
        .recv_timeout(Duration::from_secs(60))
        .expect("it comes to the last one");
    let kill = format!("kill -INT {}", child.id());
    let sent = Command::new("sh").args(["-c", &kill]).status();
    assert!(sent.expect("a shell").success());
    let output = child.wait_with_output().expect("it ends");
    let reason = server.put("/example.com/broken/@v/v1.0.0.zip", b"no zip");
    let reason = reason.text();
    let lines = reason.lines().map(|line| format!("    {line}\n"));
    let expected = format!(
        "{to}: 1 zips and 0 go.mod files imported ({} B), 0 already there, 1 refused\n\
         refused example.com/broken@v1.0.0\n{}",
        good.len(),
        lines.collect::<String>()
    );
    let found = (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    );
    let said = "stopped before the end: started again, it skips what is there already\n";
    assert_eq!(found, (Some(1), expected, said.to_owned()));
}
