//! The command's other subcommands: `publish`, `repair`, `token new`, and how it speaks of wrong usage.

use serde_json::Value;

use crate::support::archive::small_module;
use crate::support::front::Front;
use crate::support::git::Repository;
use crate::support::go::Go;
use crate::support::http::Request;
use crate::support::server::{Server, Setup, TOKEN};
use crate::support::tls::Authority;
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

/// A `go` command that reads the repository itself, as that of this module.
fn go_at(repository: &Repository, module: &str) -> Go {
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
    go
}

/// What go.sum holds of a module when the `go` command reads the repository itself.
fn sums_by_go(repository: &Repository, module: &str, versions: &[&str]) -> String {
    let go = go_at(repository, module);
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
        format!(
            "error: {baseless} comes after v1.7.0, but there is no tag v1.7.0 here; without it, HEAD is {version}\n"
        )
    );
    publish(&server, &repository, &["--version", &version]).expect_success();
    let go = Go::at(&server.url());
    let chosen = go
        .anywhere(&["list", "-m", "-f", "{{.Version}}", "example.com/m@main"])
        .expect_success();
    assert_eq!(chosen, format!("{version}\n"));
}

#[test]
fn a_pseudo_version_that_go_refuses_is_refused_with_its_reason() {
    let mut repository = Repository::with(&[("go.mod", "module example.com/m.git\n")], &["v1.0.0"]);
    let hash = repository.commit(&[("m.go", "package m\n")]);
    let suffix = format!("20231114221420-{}", &hash[..12]);
    let server = Server::new();
    let refused = |version: &str, reason: &str, stderr: &str| {
        let named = format!("example.com/m.git@{version}");
        // A new one each time, for it keeps what it has seen of tags.
        let go = go_at(&repository, "example.com/m.git");
        let by_go = go.anywhere(&["mod", "download", &named]);
        assert_eq!(by_go.code, Some(1), "{version}");
        assert!(by_go.stderr.contains(reason), "{}", by_go.stderr);
        let ran = publish(&server, &repository, &["--version", version]);
        assert_eq!(
            (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
            (Some(1), "", stderr),
            "{version}"
        );
    };
    let right = format!("v1.0.1-0.{suffix}");
    for (base, reason) in [
        (
            "v1.5.0-0.",
            "version before v1.5.0 would have negative patch number",
        ),
        (
            "v1.0.0-",
            "major version without preceding tag must be v0, not v1",
        ),
    ] {
        let version = format!("{base}{suffix}");
        let stderr =
            format!("error: pseudo-version \"{version}\" invalid: {reason}; HEAD is {right}\n");
        refused(&version, reason, &stderr);
    }
    // What it takes: after the highest tag, and as if there were none.
    for version in [&right, &format!("v0.0.0-{suffix}")] {
        let ran = publish(&server, &repository, &["--version", version]);
        let sums = sums_by_go(&repository, "example.com/m.git", &[version]);
        let first = format!(
            "published example.com/m.git@{version} at {} from commit {hash}\n",
            server.url()
        );
        assert_eq!(ran.expect_quiet(), first + &sums);
    }
    repository.tag("v1.2.0");
    let version = format!("v1.2.1-0.{suffix}");
    let stderr = format!(
        "error: {version} comes after v1.2.0, but HEAD is v1.2.0 itself, by tag v1.2.0: publish that\n"
    );
    refused(&version, "is already canonical", &stderr);
    repository.git(&["checkout", "--quiet", "--detach", "HEAD~1"]);
    let hash = repository.git(&["rev-parse", "HEAD"]);
    let suffix = format!("20231114221320-{}", &hash[..12]);
    let version = format!("v1.2.1-0.{suffix}");
    let stderr = format!(
        "error: {version} comes after v1.2.0, but HEAD does not come after tag v1.2.0; HEAD is v1.0.0\n"
    );
    refused(
        &version,
        "is not a descendent of preceding tag (v1.2.0)",
        &stderr,
    );
}

#[test]
fn the_folder_for_a_major_version_is_taken_where_go_takes_it_and_for_no_other_module() {
    struct Row {
        name: &'static str,
        files: &'static [(&'static str, &'static str)],
        arguments: &'static [&'static str],
        /// The module and its version, or the error about commit HASH.
        expected: Result<(&'static str, &'static str), &'static str>,
    }
    let rows = [
        Row {
            name: "v1 is a folder as any other",
            files: &[
                ("go.mod", "module example.com/m.git\n"),
                ("v1/go.mod", "module example.com/other.git\n"),
            ],
            arguments: &["--version", "v1.0.0"],
            expected: Ok(("example.com/m.git", "v1.0.0")),
        },
        Row {
            name: "and so is v0",
            files: &[
                ("go.mod", "module example.com/m.git\n"),
                ("v0/go.mod", "module example.com/other.git\n"),
            ],
            arguments: &["--version", "v0.1.0"],
            expected: Ok(("example.com/m.git", "v0.1.0")),
        },
        Row {
            name: "in a folder, of which the root knows nothing",
            files: &[("v2/go.mod", "module example.com/m.git/v2\n")],
            arguments: &["--version", "v2.0.0"],
            expected: Ok(("example.com/m.git/v2", "v2.0.0")),
        },
        Row {
            name: "at the root, which no folder contradicts",
            files: &[
                ("go.mod", "module example.com/m.git/v2\n"),
                ("v2/v2.go", "package v2\n"),
            ],
            arguments: &["--version", "v2.0.0"],
            expected: Ok(("example.com/m.git/v2", "v2.0.0")),
        },
        Row {
            name: "in both",
            files: &[
                ("go.mod", "module example.com/m.git/v2\n"),
                ("v2/go.mod", "module example.com/m.git/v2\n"),
            ],
            arguments: &["--version", "v2.0.0"],
            expected: Err(
                "go.mod and v2/go.mod both have …/v2 module paths in commit HASH, so `go` takes neither for \
                 v2.0.0: leave the one that is meant, and move the tag or make a new one",
            ),
        },
        Row {
            name: "in a folder with the go.mod of a part of the root",
            files: &[
                ("go.mod", "module example.com/m.git/v2\n"),
                ("v2/go.mod", "module example.com/m.git/v2/part\n"),
            ],
            arguments: &["--version", "v2.0.0"],
            expected: Err(
                "v2/go.mod in commit HASH declares example.com/m.git/v2/part, where `go` looks for a module whose \
                 path ends in /v2: correct its module line, or give the folder another name",
            ),
        },
        Row {
            name: "in a folder that is another module's",
            files: &[
                ("go.mod", "module example.com/m.git\n"),
                ("v2/go.mod", "module example.com/tool.git/v2\n"),
            ],
            arguments: &["--version", "v2.0.0"],
            expected: Err(
                "v2/go.mod in commit HASH declares example.com/tool.git/v2, but v2.0.0 is a version of \
                 example.com/m.git/v2 by go.mod, which declares example.com/m.git: correct the one that is wrong, \
                 or name the module with --module",
            ),
        },
        Row {
            name: "in a folder that is another module's, which is meant",
            files: &[
                ("go.mod", "module example.com/m.git\n"),
                ("v2/go.mod", "module example.com/tool.git/v2\n"),
            ],
            arguments: &["--version", "v2.0.0", "--module", "example.com/tool.git/v2"],
            expected: Ok(("example.com/tool.git/v2", "v2.0.0")),
        },
        Row {
            name: "a folder beside a root without go.mod, which is meant",
            files: &[("v2/go.mod", "module example.com/m.git/v2\n")],
            arguments: &["--version", "v2.0.0", "--module", "example.com/m.git"],
            expected: Err(
                "--module names example.com/m.git, but v2/go.mod in commit HASH declares example.com/m.git/v2",
            ),
        },
        Row {
            name: "a folder beside a root without go.mod, which is named for sure",
            files: &[("v2/go.mod", "module example.com/m.git/v2\n")],
            arguments: &[
                "--version",
                "v2.0.0+incompatible",
                "--module",
                "example.com/m.git",
            ],
            expected: Ok(("example.com/m.git", "v2.0.0+incompatible")),
        },
        Row {
            name: "no go.mod at all",
            files: &[],
            arguments: &["--version", "v2.0.0", "--module", "example.com/m.git/v2"],
            expected: Err(
                "commit HASH has no go.mod, without which `go` knows no example.com/m.git/v2: add one, \
                 or publish it as example.com/m.git with --module example.com/m.git",
            ),
        },
        Row {
            name: "no go.mod and a v1 that is marked as a later one",
            files: &[],
            arguments: &[
                "--version",
                "v1.0.0+incompatible",
                "--module",
                "example.com/m.git",
            ],
            expected: Err(
                "v1.0.0+incompatible is no version of example.com/m.git to `go`, which knows +incompatible from v2 \
                 on, of modules whose path has no major version: publish v1.0.0",
            ),
        },
        Row {
            name: "no go.mod and a mark beside a path that has its major version",
            files: &[],
            arguments: &[
                "--version",
                "v2.0.0+incompatible",
                "--module",
                "gopkg.in/m.v2",
            ],
            expected: Err(
                "v2.0.0+incompatible is no version of gopkg.in/m.v2 to `go`, which knows +incompatible from v2 \
                 on, of modules whose path has no major version: publish v2.0.0",
            ),
        },
    ];
    let server = Server::new();
    for row in rows {
        let name = row.name;
        let mut repository = Repository::with(row.files, &[]);
        let hash = repository.commit(&[("m.go", "package m\n")]);
        for tag in ["v0.1.0", "v1.0.0", "v2.0.0"] {
            repository.tag(tag);
        }
        let ran = publish(
            &server,
            &repository,
            &[&["--dry-run"], row.arguments].concat(),
        );
        match row.expected {
            Ok((module, version)) => {
                assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{name}");
                let first = format!(
                    "would publish {module}@{version} at {} from commit {hash}\n",
                    server.url()
                );
                let sums = sums_by_go(&repository, module, &[version]);
                let lines = ran.stdout.strip_prefix(&first).unwrap_or(&ran.stdout);
                let (_, lines) = lines.split_once('\n').expect("lines");
                assert_eq!(lines, sums, "{name}");
            }
            Err(error) => {
                let stderr = format!("error: {}\n", error.replace("HASH", &hash));
                assert_eq!(
                    (ran.code, ran.stdout.as_str(), ran.stderr),
                    (Some(1), "", stderr),
                    "{name}"
                );
            }
        }
    }
}

#[test]
fn clones_without_files_or_without_history_publish_what_whole_ones_do() {
    let mut repository = Repository::with(
        &[
            (
                ".gitattributes",
                "ignored export-ignore\n*.crlf text eol=crlf\n",
            ),
            ("go.mod", "module example.com/m.git\n"),
            ("ignored", "not ignored by go\n"),
            ("LICENSE", "the licence\n"),
            ("sub/go.mod", "module example.com/m.git/sub\n"),
            ("sub/[1]/deep.go", "package deep\n"),
            ("sub/lines.crlf", "one\ntwo\n"),
            ("sub/kept", "by a later .gitattributes not\n"),
            ("far/away/file", "of no module's but the top's\n"),
        ],
        &["v1.0.0", "sub/v1.0.0"],
    );
    let hash = repository.commit(&[
        ("go.mod", "module example.com/m.git\n\ngo 1.20\n"),
        ("ignored", "changed\n"),
        ("LICENSE", "changed\n"),
        ("sub/go.mod", "module example.com/m.git/sub\n\ngo 1.20\n"),
        ("sub/[1]/deep.go", "package changed\n"),
        (".gitattributes", "*.crlf -text\nkept export-ignore\n"),
        ("far/away/file", "changed\n"),
    ]);
    repository.git(&["config", "uploadpack.allowFilter", "true"]);
    repository.git(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
    let home = tempfile::tempdir().unwrap();
    let clone = |name: &str, arguments: &[&str]| {
        let folder = home.path().join(name);
        let from = format!("file://{}", repository.path().display());
        let to = [from.as_str(), folder.to_str().expect("UTF-8")];
        repository.git(&[&["clone", "--quiet"], arguments, &to].concat());
        folder
    };
    let rows: [(&str, &[&str]); 4] = [
        ("files", &["--filter=blob:none", "--no-checkout"]),
        ("folders", &["--filter=tree:0", "--no-checkout"]),
        ("history", &["--depth=1", "--branch=v1.0.0"]),
        (
            "both",
            &[
                "--filter=blob:none",
                "--no-checkout",
                "--depth=1",
                "--branch=v1.0.0",
            ],
        ),
    ];
    for (name, arguments) in rows {
        let folder = clone(name, arguments);
        let server = Server::new();
        let run_git = |arguments: &[&str]| {
            let at = ["-C", folder.to_str().expect("UTF-8")];
            repository.git(&[&at, arguments].concat());
        };
        // A clone of one tag's commit has that tag alone.
        run_git(&["tag", "--force", "sub/v1.0.0", "v1.0.0"]);
        for (subdir, module) in [("", "example.com/m.git"), ("sub", "example.com/m.git/sub")] {
            let at = folder.join(subdir);
            let arguments = [
                "publish",
                at.to_str().expect("UTF-8"),
                "--version",
                "v1.0.0",
            ];
            let sums = sums_by_go(&repository, module, &["v1.0.0"]);
            assert_eq!(
                server.command(&arguments).expect_success(),
                format!(
                    "published {module}@v1.0.0 at {} from commit {}\n{sums}",
                    server.url(),
                    repository.git(&["rev-parse", "v1.0.0"])
                ),
                "without {name}"
            );
        }
    }
    let server = Server::new();
    let shallow = clone("shallow", &["--depth=1"]);
    let suffix = format!("20231114221420-{}", &hash[..12]);
    let version = format!("v1.0.1-0.{suffix}");
    let folder = shallow.to_str().expect("UTF-8");
    let refused = server.command(&["publish", folder, "--version", &version]);
    assert_eq!(
        refused.stderr,
        format!(
            "error: {version} comes after v1.0.0, but there is no tag v1.0.0 here; this clone is shallow, and \
             `git fetch --unshallow --tags` brings the rest; without it, HEAD is v0.0.0-{suffix}\n"
        )
    );
    let lost = clone("lost", &["--filter=blob:none", "--no-checkout"]);
    let folder = lost.to_str().expect("UTF-8");
    let nowhere = format!("file://{}", home.path().join("nowhere").display());
    repository.git(&["-C", folder, "config", "remote.origin.url", &nowhere]);
    let refused = server.command(&["publish", folder, "--version", "v1.0.0"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""));
    // And not that there is no go.mod.
    let start = "error: git cat-file: ";
    assert!(refused.stderr.starts_with(start), "{}", refused.stderr);
}

#[test]
fn a_tags_own_commit_says_whose_tag_it_is_and_not_head() {
    let mut repository = Repository::with(
        &[
            ("go.mod", "module example.com/m\n"),
            ("m.go", "package m\n"),
            ("old/go.mod", "module example.com/m/old\n"),
            ("old/o.go", "package old\n"),
            ("young/y.go", "package young\n"),
        ],
        &["v0.8.0", "v0.9.0", "old/v1.0.0", "young/v0.8.0"],
    );
    let first = repository.git(&["rev-parse", "HEAD"]);
    std::fs::remove_dir_all(repository.path().join("old")).unwrap();
    let second = repository.commit(&[("young/go.mod", "module example.com/m/young\n")]);
    repository.tag("v1.0.0");
    let server = Server::new();
    let taken = [
        ("old", "v1.0.0", "example.com/m/old", &first),
        ("young", "v0.9.0", "example.com/m", &first),
        ("", "v1.0.0", "example.com/m", &second),
    ];
    for (folder, version, module, commit) in taken {
        let ran = publish_folder(&server, &repository, folder, &["--version", version]);
        let line = format!(
            "published {module}@{version} at {} from commit {commit}",
            server.url()
        );
        assert_eq!(ran.stdout.lines().next(), Some(line.as_str()), "{folder}");
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{folder}");
    }
    let refused: [(&str, &[&str], String); 6] = [
        (
            "typo",
            &["--version", "v1.0.0"],
            format!(
                "tag v1.0.0 is there, but its commit {second} has no folder typo: \
                 give a folder of the module as it was then"
            ),
        ),
        (
            "typo",
            &["--version", "v7.0.0"],
            "HEAD has no folder typo, and there is no tag typo/v7.0.0 here: give another folder, \
             or fetch the tag with `git fetch --tags`"
                .to_owned(),
        ),
        (
            "typo/deeper",
            &[],
            "HEAD has no folder typo/deeper: commit it, or name a version that had it with --version"
                .to_owned(),
        ),
        (
            "old",
            &["--version", "v0.9.0"],
            "there is no tag old/v0.9.0 here, and v0.9.0 is another module's: \
             make it with `git tag old/v0.9.0`, or fetch it with `git fetch --tags`"
                .to_owned(),
        ),
        (
            "young",
            &["--version", "v1.0.0"],
            "there is no tag young/v1.0.0 here, and v1.0.0 is another module's: \
             make it with `git tag young/v1.0.0`, or fetch it with `git fetch --tags`"
                .to_owned(),
        ),
        (
            "young",
            &["--version", "v0.8.0"],
            format!(
                "tag young/v0.8.0 is there, but in its commit {first} young is part of a module whose tag would be \
                 v0.8.0: make that, or tag a commit in which young is a module of its own"
            ),
        ),
    ];
    for (folder, arguments, error) in refused {
        let ran = publish_folder(&server, &repository, folder, arguments);
        assert_eq!(
            (ran.code, ran.stdout.as_str(), ran.stderr),
            (Some(1), "", format!("error: {error}\n")),
            "{folder} {arguments:?}"
        );
    }
}

#[test]
fn at_a_top_without_a_module_the_tags_of_folders_are_named() {
    let repository = Repository::with(
        &[
            ("README", "modules are below\n"),
            ("sub/go.mod", "module example.com/m/sub\n"),
            ("other/v3/go.mod", "module example.com/m/other/v3\n"),
            ("release/notes", "none\n"),
        ],
        &["sub/v1.0.0", "other/v3.0.0", "release/v1.0.0"],
    );
    let hash = repository.git(&["rev-parse", "HEAD"]);
    let server = Server::new();
    let named = "\nHEAD has tag other/v3.0.0: to publish that, give the folder other/v3\
                 \nHEAD has tag sub/v1.0.0: to publish that, give the folder sub\n";
    let rows: [(&[&str], String); 2] = [
        (
            &[],
            format!(
                "error: HEAD has no version tag such as v1.2.3: tag it, name a tag's version with --version, \
                 or give HEAD's pseudo-version there (v0.0.0-20231114221320-{})",
                &hash[..12]
            ),
        ),
        (
            &["--version", "v1.0.0"],
            "error: there is no tag v1.0.0 here: make it with `git tag v1.0.0`, or fetch it with `git fetch --tags`"
                .to_owned(),
        ),
    ];
    for (arguments, error) in rows {
        let ran = publish(&server, &repository, arguments);
        assert_eq!(
            (ran.code, ran.stdout.as_str(), ran.stderr),
            (Some(1), "", error + named),
            "{arguments:?}"
        );
    }
    let rows: [(&str, &[&str], &str); 3] = [
        ("sub", &[], "published example.com/m/sub@v1.0.0 at "),
        (
            "other/v3",
            &[],
            "published example.com/m/other/v3@v3.0.0 at ",
        ),
        (
            "other",
            &["--version", "v3.0.0"],
            "already there, with the same content: example.com/m/other/v3@v3.0.0 at ",
        ),
    ];
    for (folder, arguments, start) in rows {
        let ran = publish_folder(&server, &repository, folder, arguments).expect_quiet();
        assert!(ran.starts_with(start), "{ran}");
    }
}

#[test]
fn nobodys_configuration_of_git_changes_what_is_published() {
    let repository = Repository::with(
        &[
            ("go.mod", "module example.com/m\n"),
            ("sub/go.mod", "module example.com/m/sub\n"),
        ],
        &["v1.0.0", "v1.1.0", "sub/v1.0.0", "other"],
    );
    for (name, value) in [
        ("column.ui", "always"),
        ("column.tag", "always"),
        ("color.ui", "always"),
        ("tag.sort", "-version:refname"),
        ("log.showSignature", "true"),
        ("log.decorate", "full"),
        ("status.branch", "true"),
        ("status.short", "true"),
        ("core.quotePath", "true"),
        ("diff.external", "false"),
    ] {
        repository.git(&["config", name, value]);
    }
    let server = Server::new();
    let rows = [
        (
            "",
            "example.com/m@v1.1.0",
            "note: HEAD is v1.0.0 too; publishing v1.1.0, --version v1.0.0 publishes the other\n",
        ),
        ("sub", "example.com/m/sub@v1.0.0", ""),
    ];
    for (folder, published, note) in rows {
        let ran = publish_folder(&server, &repository, folder, &[]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), note), "{folder}");
        let start = format!("published {published} at ");
        assert!(ran.stdout.starts_with(&start), "{}", ran.stdout);
    }
}

#[test]
fn a_lower_version_is_not_published_in_the_place_of_one_that_fails() {
    let repository = Repository::with(
        &[
            ("go.mod", "module example.com/m\n"),
            ("v2/go.mod", "module example.com/other/v2\n"),
        ],
        &["v1.5.0", "v2.0.0"],
    );
    let server = Server::new();
    let ran = publish_folder(&server, &repository, "", &[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    let start = "error: HEAD is v2.0.0 too, which can't be published: ";
    let end = "; --version v1.5.0 publishes that one\n";
    assert!(
        ran.stderr.starts_with(start) && ran.stderr.ends_with(end),
        "{}",
        ran.stderr
    );
    let ran = publish_folder(&server, &repository, "", &["--version", "v1.5.0"]);
    let start = "published example.com/m@v1.5.0 at ";
    assert!(ran.stdout.starts_with(start), "{}", ran.stdout);
}

/// A text that takes about as many bytes when it is packed.
fn unpackable(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    std::iter::repeat_with(step)
        .take(length.div_ceil(8))
        .flat_map(u64::to_le_bytes)
        .collect()
}

#[test]
fn a_server_without_an_object_store_is_sent_the_zip_that_was_packed_for_one() {
    let mut repository = Repository::new();
    repository.write("sub/noise", unpackable(9 << 20));
    repository.commit(&[("sub/go.mod", "module example.com/m/sub\n")]);
    repository.tag("sub/v1.0.0");
    let server = Server::new();
    let authority = Authority::new();
    let front = Front::new(&authority, server.address());
    let home = tempfile::tempdir().unwrap();
    let ran = run(goproxy_edge(home.path())
        .env("SSL_CERT_FILE", authority.root())
        .env("GOPROXY_EDGE_TOKEN", TOKEN)
        .arg("publish")
        .arg(repository.path().join("sub"))
        .args(["--to", &format!("https://localhost:{}", front.port())]))
    .expect_success();
    assert!(
        ran.starts_with("published example.com/m/sub@v1.0.0 at "),
        "{ran}"
    );
    let heads = front.heads();
    let methods: Vec<_> = heads
        .iter()
        .filter_map(|head| head.split(' ').next())
        .collect();
    assert_eq!(methods, ["POST", "PUT"], "{heads:#?}");
    let zip = server.get("/example.com/m/sub/@v/v1.0.0.zip");
    let put = heads[1].to_ascii_lowercase();
    let start = "put /example.com/m/sub/@v/v1.0.0.zip?ref=refs%2ftags%2fsub%2fv1.0.0&time=";
    assert!(put.starts_with(start), "{put}");
    // It is kept as it came, so it was no source archive.
    let length = format!("\r\ncontent-length: {}", zip.body.len());
    assert!(put.contains(&length), "{length}: {put}");
}

#[test]
fn a_dry_run_says_what_would_be_published_and_sends_nothing() {
    let mut repository = Repository::with(
        &[
            ("go.mod", "module example.com/m\n"),
            ("m.go", "package m\n"),
            ("nested/go.mod", "module example.com/m/nested\n"),
        ],
        &["v1.0.0"],
    );
    let hash = repository.git(&["rev-parse", "HEAD"]);
    let server = Server::new();
    let published = publish(&server, &repository, &[]).expect_quiet();
    let (_, sums) = published.split_once('\n').expect("lines");
    let home = tempfile::tempdir().unwrap();
    let dry_run = |repository: &Repository| {
        run(goproxy_edge(home.path())
            .args(["publish", "--dry-run"])
            .arg(repository.path())
            // Nobody is there to be sent anything.
            .args(["--to", "http://127.0.0.1:1"]))
    };
    let printed = dry_run(&repository).expect_quiet();
    let (first, rest) = printed.split_once('\n').expect("lines");
    let (second, rest) = rest.split_once('\n').expect("lines");
    assert_eq!(
        first,
        format!("would publish example.com/m@v1.0.0 at http://127.0.0.1:1 from commit {hash}")
    );
    let counted = second
        .strip_prefix("files: 2, of 31 bytes; zip: ")
        .and_then(|rest| rest.strip_suffix(" bytes"));
    assert!(
        counted.is_some_and(|bytes| bytes.parse::<u64>().is_ok()),
        "{second}"
    );
    assert_eq!(rest, sums);
    repository.commit(&[("M.go", "package m\n")]);
    repository.tag("v1.1.0");
    let ran = dry_run(&repository);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    let start = "error: example.com/m@v1.1.0 cannot be published:\n";
    assert!(ran.stderr.starts_with(start), "{}", ran.stderr);
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
