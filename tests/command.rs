//! The command's other subcommands: `publish`, `repair`, `token new`, and how it speaks of wrong usage.

use serde_json::Value;

use crate::support::archive::small_module;
use crate::support::git::Repository;
use crate::support::go::Go;
use crate::support::http::Request;
use crate::support::server::{Server, Setup};
use crate::support::{Ran, goproxy_edge, run, sha256_hex};

fn publish(server: &Server, repository: &Repository, arguments: &[&str]) -> Ran {
    publish_folder(server, repository, "", arguments)
}

fn publish_folder(
    server: &Server,
    repository: &Repository,
    folder: &str,
    arguments: &[&str],
) -> Ran {
    let folder = repository.path().join(folder);
    server.command(&[&["publish", folder.to_str().expect("UTF-8")], arguments].concat())
}

/// What go.sum holds of a module when the `go` command reads the repository itself.
fn sums_by_go(repository: &Repository, module: &str, versions: &[&str]) -> String {
    let go = Go::at("direct").env("GOVCS", "*:all");
    let (host_path, _) = module
        .split_once(".git")
        .expect("a path that names its repository");
    std::fs::write(
        go.home().join(".gitconfig"),
        format!(
            "[url \"file://{}\"]\n\tinsteadOf = https://{host_path}\n",
            repository.path().display()
        ),
    )
    .unwrap();
    let mut sums = String::new();
    for version in versions {
        let printed = go
            .anywhere(&["mod", "download", "-json", &format!("{module}@{version}")])
            .expect_success();
        let json: Value = serde_json::from_str(&printed).unwrap();
        let (version, sum, go_mod) = (&json["Version"], &json["Sum"], &json["GoModSum"]);
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        sums += &format!(
            "{module} {0} {1}\n{module} {0}/go.mod {2}\n",
            text(version),
            text(sum),
            text(go_mod)
        );
    }
    sums
}

#[test]
fn a_published_tag_has_the_checksums_that_go_computes_from_the_repository() {
    let mut repository = Repository::with(
        &[
            (
                ".gitattributes",
                "*.txt export-subst\nignored export-ignore\n*.crlf eol=crlf\n",
            ),
            ("go.mod", "module example.com/m.git\n\ngo 1.20\n"),
            ("m.go", "package m\n"),
            ("subst.txt", "$Format:%H$\n"),
            ("ignored", "not ignored by go\n"),
            ("lines.crlf", "one\ntwo\n"),
            ("LICENSE", "the licence\n"),
            ("vendor/example.com/x/x.go", "package x\n"),
            ("vendor/modules.txt", "# example.com/x v1.0.0\n"),
            ("nested/go.mod", "module example.com/m.git/nested\n"),
            ("nested/n.go", "package nested\n"),
            ("nested/ignored", "not ignored by go\n"),
            ("v2/go.mod", "module example.com/m.git/v2\n"),
            ("v2/m.go", "package m\n"),
            ("v2/LICENSE", "its own licence\n"),
            ("Ünï/cödé.txt", "names\n"),
        ],
        &[],
    );
    std::os::unix::fs::symlink("m.go", repository.path().join("link.go")).unwrap();
    let hash = repository.commit(&[]);
    for tag in ["v1.0.0", "nested/v0.1.0", "v2.0.0"] {
        repository.tag(tag);
    }
    let server = Server::new();
    let rows = [
        ("the root", "", "example.com/m.git", "v1.0.0"),
        (
            "a sub-folder, without LICENSE of its own",
            "nested",
            "example.com/m.git/nested",
            "v0.1.0",
        ),
        (
            "a folder for a major version",
            "v2",
            "example.com/m.git/v2",
            "v2.0.0",
        ),
    ];
    for (name, folder, module, version) in rows {
        let ran = publish_folder(&server, &repository, folder, &["--version", version]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{name}");
        let sums = sums_by_go(&repository, module, &[version]);
        assert_eq!(
            ran.stdout,
            format!(
                "published {module}@{version} at {} from commit {hash}\n{sums}",
                server.url()
            ),
            "{name}"
        );
        let again = publish_folder(&server, &repository, folder, &["--version", version]);
        assert_eq!(again.code, Some(0), "{name}: {}", again.stderr);
        assert_eq!(
            again.stdout,
            format!(
                "already there, with the same content: {module}@{version} at {} from commit {hash}\n{sums}",
                server.url()
            ),
            "{name}"
        );
    }
    // The publisher's repository is as it was.
    assert_eq!(repository.git(&["status", "--porcelain"]), "");
    assert!(!repository.path().join(".git/info/attributes").exists());
}

#[test]
fn a_module_without_go_mod_has_the_checksums_that_go_computes_too() {
    let mut repository = Repository::with(&[("m.go", "package m\n")], &["v1.0.0"]);
    repository.commit(&[("m.go", "package m // second\n")]);
    repository.tag("v3.0.0");
    let server = Server::new();
    let module = "example.com/old.git";
    for (version, published) in [("v1.0.0", "v1.0.0"), ("v3.0.0", "v3.0.0+incompatible")] {
        let ran = publish(
            &server,
            &repository,
            &["--module", module, "--version", version],
        );
        let sums = sums_by_go(&repository, module, &[published]);
        let hash = repository.git(&["rev-parse", version]);
        assert_eq!(
            (ran.code, ran.stdout),
            (
                Some(0),
                format!(
                    "published {module}@{published} at {} from commit {hash}\n{sums}",
                    server.url()
                )
            ),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn time_and_origin_are_the_commits_and_the_remote_loses_its_credentials() {
    let repository = Repository::with(
        &[
            ("sub/go.mod", "module example.com/m/sub\n"),
            ("sub/m.go", "package sub\n"),
        ],
        &["sub/v1.0.0"],
    );
    repository.git(&[
        "remote",
        "add",
        "origin",
        "https://user:s3cret@git.example.com/m",
    ]);
    let server = Server::new();
    let ran = publish_folder(&server, &repository, "sub", &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let hash = repository.git(&["rev-parse", "HEAD"]);
    let info: Value =
        serde_json::from_slice(&server.get("/example.com/m/sub/@v/v1.0.0.info").body).unwrap();
    assert_eq!(
        info,
        serde_json::json!({
            "Version": "v1.0.0",
            "Time": "2023-11-14T22:13:20Z",
            "Origin": {
                "VCS": "git",
                "URL": "https://git.example.com/m",
                "Subdir": "sub",
                "Hash": hash,
                "Ref": "refs/tags/sub/v1.0.0",
            }
        })
    );
    assert!(!server.log().contains("s3cret"));
}

#[test]
fn a_pseudo_version_of_head_can_be_published_and_is_found_by_its_branch() {
    let mut repository = Repository::with(
        &[
            ("go.mod", "module example.com/m\n"),
            ("m.go", "package m\n"),
        ],
        &["v1.0.0"],
    );
    let hash = repository.commit(&[("m.go", "package m // next\n")]);
    let version = format!("v1.0.1-0.20231114221420-{}", &hash[..12]);
    let server = Server::new();
    let wrong = publish(
        &server,
        &repository,
        &["--version", "v1.0.1-0.20200101000000-abcdefabcdef"],
    );
    assert_eq!(wrong.code, Some(1));
    assert_eq!(
        wrong.stderr,
        format!(
            "error: v1.0.1-0.20200101000000-abcdefabcdef is not HEAD's, which would be {version}\n"
        )
    );
    let baseless = format!("v1.7.1-0.20231114221420-{}", &hash[..12]);
    let wrong = publish(&server, &repository, &["--version", &baseless]);
    assert_eq!(
        wrong.stderr,
        format!("error: {baseless} comes after v1.7.0, but there is no tag v1.7.0 here\n")
    );
    publish(&server, &repository, &["--version", &version]).expect_success();
    let go = Go::at(&server.url());
    let chosen = go
        .anywhere(&["list", "-m", "-f", "{{.Version}}", "example.com/m@main"])
        .expect_success();
    assert_eq!(chosen, format!("{version}\n"));
}

#[test]
fn the_tag_is_published_and_not_what_lies_around_it() {
    let repository = Repository::with(
        &[
            ("go.mod", "module example.com/m\n"),
            ("m.go", "package m\n"),
        ],
        &["v1.0.0"],
    );
    repository.write("m.go", "package changed\n");
    repository.write("go.mod", "module example.com/changed\n");
    let server = Server::new();
    let ran = publish(&server, &repository, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(
        ran.stderr,
        "note: there are uncommitted changes; they are not part of v1.0.0\n"
    );
    assert_eq!(
        server.get("/example.com/m/@v/v1.0.0.mod").text(),
        "module example.com/m\n"
    );
}

#[test]
fn a_tag_that_was_moved_is_a_conflict_that_says_what_to_do() {
    let mut repository = Repository::with(
        &[
            ("go.mod", "module example.com/m\n"),
            ("m.go", "package m\n"),
        ],
        &["v1.0.0"],
    );
    let server = Server::new();
    publish(&server, &repository, &[]).expect_success();
    repository.commit(&[("m.go", "package m // other\n")]);
    repository.git(&["tag", "--force", "v1.0.0"]);
    let ran = publish(&server, &repository, &[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    assert!(
        ran.stderr.ends_with("\nA version that is out stays as it is, in everybody's go.sum: give the change a new tag.\n"),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_cannot_be_published_is_explained() {
    let mut repository = Repository::with(
        &[
            ("go.mod", "module example.com/m\n"),
            ("m.go", "package m\n"),
            ("bare/b.go", "package bare\n"),
        ],
        &["v0.9.0"],
    );
    let hash = repository.commit(&[]);
    let nowhere = tempfile::tempdir().unwrap();
    let server = Server::new();
    let rows: [(&str, &[&str], i32, String); 5] = [
        (
            "no tag at HEAD",
            &[],
            1,
            format!(
                "error: HEAD has no version tag such as v1.2.3: tag it, name a tag's version with --version, \
                 or give HEAD's pseudo-version there (v0.0.0-20231114221420-{})\n",
                &hash[..12]
            ),
        ),
        (
            "a tag that is not there",
            &["--version", "v1.0.0"],
            1,
            "error: there is no tag v1.0.0 here: make it with `git tag v1.0.0`, or fetch it with `git fetch --tags`\n".to_owned(),
        ),
        (
            "another module",
            &["--version", "v0.9.0", "--module", "example.com/n"],
            1,
            format!("error: --module names example.com/n, but go.mod in commit {} declares example.com/m\n", repository.git(&["rev-parse", "v0.9.0"])),
        ),
        (
            "a version that is none",
            &["--version", "v1.0"],
            2,
            "error: invalid value 'v1.0' for '--version <VERSION>': version \"v1.0\" is not canonical (should be \"v1.0.0\")\n\nFor more information, try '--help'.\n".to_owned(),
        ),
        (
            "a module path that is none",
            &["--module", "nodot"],
            2,
            "error: invalid value 'nodot' for '--module <PATH>': malformed module path \"nodot\": missing dot in first path element\n\nFor more information, try '--help'.\n".to_owned(),
        ),
    ];
    for (name, arguments, code, stderr) in rows {
        let ran = publish(&server, &repository, arguments);
        assert_eq!(
            (ran.code, ran.stdout.as_str(), ran.stderr),
            (Some(code), "", stderr),
            "{name}"
        );
    }
    let ran = server.command(&["publish", nowhere.path().to_str().unwrap()]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stderr
            .starts_with("error: git rev-parse: fatal: not a git repository"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_token_is_two_lines_and_its_entry_lets_it_in() {
    let home = tempfile::tempdir().unwrap();
    let make = |arguments: &[&str]| {
        run(goproxy_edge(home.path())
            .args(["token", "new"])
            .args(arguments))
    };
    let printed = make(&["ci", "--expires-in", "never"]).expect_success();
    let (token, entry) = printed.trim_end().split_once('\n').expect("two lines");
    assert_eq!(
        entry,
        format!(
            r#"{{"name":"ci","sha256":"{}","scopes":["write_package_registry"],"projects":["*"]}}"#,
            sha256_hex(token)
        )
    );
    let server = Setup::new().tokens(Some(&format!("[{entry}]"))).start();
    let put = Request::new("PUT", "/example.com/m/@v/v1.0.0.zip")
        .body(small_module("example.com/m", "v1.0.0"));
    let answer = put.token(token).send(server.address());
    assert_eq!(answer.status, 201, "{answer}");
    let repair = server.command(&["repair", "--token", token]);
    assert_eq!(repair.code, Some(1), "{}", repair.stdout);
    assert!(!repair.stderr.contains(token), "{}", repair.stderr);

    let limited = make(&[
        "--scope",
        "api",
        "--project",
        "1",
        "--project",
        "a/b",
        "--admin",
        "--expires-in",
        "12h",
    ]);
    let limited: Value =
        serde_json::from_str(limited.expect_success().lines().nth(1).expect("two lines")).unwrap();
    assert_eq!(limited["scopes"], serde_json::json!(["api"]));
    assert_eq!(limited["projects"], serde_json::json!(["1", "a/b"]));
    assert_eq!(limited["admin"], true);
    assert!(
        limited["expires_at"]
            .as_str()
            .is_some_and(|time| time.ends_with('Z')),
        "{limited}"
    );
    assert_eq!(make(&["--expires-in", "soon"]).code, Some(2));
    assert_eq!(make(&["--scope", "root"]).code, Some(2));
}

#[test]
fn the_help_for_a_new_token_says_where_its_entry_goes() {
    let home = tempfile::tempdir().unwrap();
    let help = run(goproxy_edge(home.path()).args(["token", "new", "--help"])).expect_quiet();
    // Wherever its lines are broken.
    let words: Vec<_> = help.split_whitespace().collect();
    let place = "it goes into the list `[ … ]` that its setting `tokens` is";
    assert!(words.join(" ").contains(place), "{help}");
}

#[test]
fn repair_of_a_sound_store_changes_nothing_and_says_so() {
    let server = Server::new();
    for version in ["v1.0.0", "v1.1.0"] {
        server.publish(
            &format!("/example.com/m/@v/{version}.zip"),
            small_module("example.com/m", version),
        );
    }
    server.publish(
        "/example.com/n/@v/v1.0.0.zip",
        small_module("example.com/n", "v1.0.0"),
    );
    assert_eq!(
        server.command(&["repair"]).expect_success(),
        format!(
            "{}: 2 modules with 3 versions checked, 0 index entries mended, 0 leftovers removed, 0 problems\n",
            server.url()
        )
    );
    assert_eq!(
        server.get("/example.com/m/@v/list").text(),
        "v1.0.0\nv1.1.0\n"
    );
}

#[test]
fn wrong_usage_is_exit_status_2() {
    let home = tempfile::tempdir().unwrap();
    for arguments in [
        &["nonsense"][..],
        &[],
        &["import"],
        &["token"],
        &[
            "project",
            "add",
            "a/b",
            "--id",
            "0",
            "--module",
            "example.com/a",
        ],
        &["project", "add", "a/b", "--id", "1"],
        &["project", "remove", ""],
        &["token", "add", "ci", "--existing", "secret"],
        &["serve", "--set", "nonsense=1"],
        &["serve", "--addr", "x"],
    ] {
        let ran = run(goproxy_edge(home.path()).args(arguments));
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (Some(2), ""),
            "{arguments:?}: {}",
            ran.stderr
        );
    }
    let help = run(goproxy_edge(home.path()).arg("--help")).expect_success();
    for subcommand in ["serve", "import", "publish", "repair", "project", "token"] {
        assert!(help.contains(&format!("\n  {subcommand} ")), "{help}");
    }
}

#[test]
fn a_setting_that_is_misspelt_is_named_without_its_value() {
    let home = tempfile::tempdir().unwrap();
    for (setting, start) in [
        (
            "s3_secret_keyy=hunter2",
            "error: --set: there is no setting \"s3_secret_keyy\"; there are store, ",
        ),
        (
            "s3_secret_key:hunter2=",
            "error: --set: there is no setting of this name; there are store, ",
        ),
        ("hunter2", "error: --set: it has the form NAME=VALUE\n"),
    ] {
        let ran = run(goproxy_edge(home.path()).args(["serve", "--set", setting]));
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
        assert!(ran.stderr.starts_with(start), "{}", ran.stderr);
        assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
    }
}

/// Standard output that cannot be written to: Linux has a disk that is always full.
#[cfg(target_os = "linux")]
mod unwritable {
    use std::fs::File;
    use std::io;
    use std::process::Stdio;

    use crate::support::archive::small_module;
    use crate::support::git::Repository;
    use crate::support::server::{Server, TOKEN};
    use crate::support::tree::Tree;
    use crate::support::{goproxy_edge, run};

    fn full() -> Stdio {
        let file = File::options().write(true).open("/dev/full");
        file.expect("/dev/full").into()
    }

    /// A pipe whose reader has gone.
    fn closed() -> Stdio {
        let (_, writer) = io::pipe().expect("a pipe");
        writer.into()
    }

    const ENOSPC: i32 = 28;
    const EPIPE: i32 = 32;

    /// How an error begins when standard output fails in this way.
    fn cannot_write(number: i32) -> String {
        let error = io::Error::from_raw_os_error(number);
        format!("error: cannot write to standard output: {error}")
    }

    #[test]
    fn a_new_token_that_cannot_be_printed_is_an_error_that_says_it_is_lost() {
        let home = tempfile::tempdir().unwrap();
        for (stdout, number) in [(full(), ENOSPC), (closed(), EPIPE)] {
            let ran = run(goproxy_edge(home.path())
                .args(["token", "new"])
                .stdout(stdout));
            let stderr = cannot_write(number) + "; the token is lost, so make another\n";
            assert_eq!((ran.code, ran.stderr), (Some(1), stderr));
        }
        // Both of them on one full disk, as where a log has them.
        let mut command = goproxy_edge(home.path());
        command.args(["token", "new"]).stdout(full()).stderr(full());
        assert_eq!(run(&mut command).code, Some(1));
    }

    #[test]
    fn a_full_disk_is_an_error_and_a_reader_that_has_gone_is_none() {
        let server = Server::new();
        let repository = Repository::with(
            &[
                ("go.mod", "module example.com/m\n"),
                ("m.go", "package m\n"),
            ],
            &["v1.0.0"],
        );
        let folder = repository.path().to_str().expect("UTF-8");
        let tree = Tree::new(&[(
            "example.com/n/@v/v1.0.0.zip",
            &small_module("example.com/n", "v1.0.0"),
        )]);
        let commands: [&[&str]; 10] = [
            &["publish", folder],
            &["import", tree.name()],
            &["repair"],
            &[
                "project",
                "add",
                "a/b",
                "--id",
                "7",
                "--module",
                "example.com/b",
            ],
            &["project", "list"],
            &["project", "list", "--json"],
            &["project", "disable", "a/b"],
            &["project", "remove", "a/b"],
            &["token", "list"],
            &["token", "revoke", "none"],
        ];
        let full_disk = cannot_write(ENOSPC) + "\n";
        for arguments in commands {
            let home = tempfile::tempdir().unwrap();
            let printing_to = |stdout: Stdio| {
                let mut command = goproxy_edge(home.path());
                command.env("GOPROXY_EDGE_TOKEN", TOKEN).args(arguments);
                let ran = run(command.args(["--to", &server.url()]).stdout(stdout));
                (ran.code, ran.stderr)
            };
            assert_eq!(
                printing_to(full()),
                (Some(1), full_disk.clone()),
                "{arguments:?}"
            );
            assert_eq!(
                printing_to(closed()),
                (Some(0), String::new()),
                "{arguments:?}"
            );
        }
    }
}
