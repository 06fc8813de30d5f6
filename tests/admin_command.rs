//! `goproxy-edge project` and `goproxy-edge token` against a running server: what each does and prints, and that doing
//! it twice is fine.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::archive::small_module;
use crate::support::http::{Answer, Request};
use crate::support::server::{Server, Setup, TOKEN};
use crate::support::{goproxy_edge, run, sha256_hex};

const LIST: &str = "/example.com/lib/@v/list";
const ZIP: &str = "/example.com/lib/@v/v1.0.0.zip";

/// A server with no project of its own, so that the store says everything.
fn setup() -> Setup {
    Setup::new().set("projects", "[]")
}

/// The token that `token add` printed, alone.
#[track_caller]
fn added(server: &Server, did: &str, arguments: &[&str]) -> String {
    let ran = server.command(&[&["token", "add"], arguments].concat());
    let said = format!("token {} {did}: {}\n", arguments[0], server.url());
    assert_eq!((ran.code, ran.stderr), (Some(0), said));
    let token = ran.stdout.strip_suffix('\n').expect("a line").to_owned();
    assert!(
        token.len() == 53
            && token.starts_with("gpe_")
            && token.bytes().all(|byte| byte.is_ascii_graphic()),
        "one token and nothing else"
    );
    token
}

fn get(server: &Server, target: &str, token: &str) -> Answer {
    Request::new("GET", target)
        .header("Private-Token", token)
        .send(server.address())
}

fn put(server: &Server, target: &str, token: &str) -> u16 {
    let request = Request::new("PUT", target).header("Private-Token", token);
    let module = small_module("example.com/lib", "v1.0.0");
    request.body(module).send(server.address()).status
}

/// The lines of the log that tell of so many changes, without their times.
fn audit(server: &Server, count: usize) -> Vec<String> {
    let begun = Instant::now();
    loop {
        let log = server.log();
        // In front of it stands who asked.
        let lines = log.lines().filter_map(|line| line.split_once("audit "));
        let lines = lines.filter(|(_, line)| !line.ends_with(" begun"));
        let lines = lines.map(|(_, line)| {
            let (time, what) = line.split_once(' ').expect("a time");
            let form = time.len() == "2006-01-02T15:04:05Z".len() && time.ends_with('Z');
            assert!(form, "{line}");
            what.to_owned()
        });
        let lines: Vec<String> = lines.collect();
        // The log comes by another way than the answer.
        if lines.len() >= count || begun.elapsed() > Duration::from_secs(10) {
            return lines;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_project_and_its_token_come_work_and_go_without_a_restart() {
    let server = setup().start();
    let url = server.url();
    let project = |verb: &str| {
        server
            .command(&["project", verb, "group/lib"])
            .expect_quiet()
    };
    let add = [
        "project",
        "add",
        "group/lib",
        "--id",
        "7",
        "--module",
        "example.com/lib",
    ];
    let line = |what: &str, did: &str| format!("{what} {did}: {url}\n");
    assert_eq!(
        server.command(&add).expect_quiet(),
        line("project 7 group/lib", "added")
    );
    assert_eq!(
        server.command(&add).expect_quiet(),
        line("project 7 group/lib", "is there already, just so")
    );
    let token = added(
        &server,
        "added",
        &["ci", "--project", "group/lib", "--expires-in", "never"],
    );

    assert_eq!(server.get(LIST).status, 401);
    assert_eq!(put(&server, ZIP, &token), 201);
    assert_eq!(
        put(&server, "/example.com/other/@v/v1.0.0.zip", &token),
        404
    );
    assert_eq!(get(&server, LIST, &token).text(), "v1.0.0\n");
    assert_eq!(
        server.command(&["project", "list"]).expect_quiet(),
        "ID  PATH       VISIBILITY  STATE    SOURCE  MODULES\n\
         7   group/lib  private     enabled  store   example.com/lib\n"
    );

    assert_eq!(project("disable"), line("project group/lib", "disabled"));
    assert_eq!(
        project("disable"),
        line("project group/lib", "was disabled already")
    );
    assert_eq!(get(&server, LIST, &token).status, 403);
    assert_eq!(project("enable"), line("project group/lib", "enabled"));
    assert_eq!(
        project("enable"),
        line("project group/lib", "was enabled already")
    );
    assert_eq!(get(&server, LIST, &token).status, 200);

    let revoke = || server.command(&["token", "revoke", "ci"]).expect_quiet();
    assert_eq!(revoke(), line("token ci", "revoked"));
    assert_eq!(revoke(), line("token ci", "is not there"));
    assert_eq!(get(&server, LIST, &token).status, 401);

    assert_eq!(project("remove"), line("project group/lib", "removed"));
    assert_eq!(project("remove"), line("project group/lib", "is not there"));
    assert_eq!(server.get(LIST).status, 404);
    let open = [
        &add[..],
        &["--module", "example.org/x", "--visibility", "public"],
    ]
    .concat();
    assert_eq!(
        server.command(&open).expect_quiet(),
        line("project 7 group/lib", "added")
    );
    assert_eq!(
        server.get(LIST).text(),
        "v1.0.0\n",
        "what was published has stayed"
    );
    let closed = [&add[..], &["--disabled"]].concat();
    assert_eq!(
        server.command(&closed).expect_quiet(),
        line("project 7 group/lib", "changed")
    );
    assert_eq!(server.get(LIST).status, 401);

    assert_eq!(
        audit(&server, 8),
        [
            "tests project 7 group/lib added (private, 1 prefix)",
            "tests token ci added (write_package_registry for group/lib)",
            "tests project 7 group/lib disabled (private, disabled, 1 prefix)",
            "tests project 7 group/lib enabled (private, 1 prefix)",
            "tests token ci revoked",
            "tests project 7 group/lib removed",
            "tests project 7 group/lib added (public, 2 prefixes)",
            "tests project 7 group/lib changed (private, disabled, 1 prefix)",
        ]
    );
    for secret in [&token, TOKEN, &sha256_hex(&token)] {
        assert!(!server.log().contains(secret));
    }
}

#[test]
fn a_token_that_is_added_again_keeps_its_secret_but_where_another_is_asked_for() {
    let server = Server::new();
    let first = added(&server, "added", &["ci", "--expires-in", "never"]);
    let kept = std::fs::read(server.data().join("store.redb")).unwrap();
    let holds = |text: &str| kept.windows(text.len()).any(|part| part == text.as_bytes());
    let is_kept = [
        holds(&sha256_hex(&first)),
        holds(&first),
        holds(&first[4..]),
    ];
    assert_eq!(is_kept, [true, false, false], "its hash and no more");
    assert_eq!(get(&server, LIST, &first).status, 404);
    for (arguments, did) in [
        (&["--expires-in", "never"][..], "is there already, just so"),
        (&["--scope", "read_api"], "changed"),
        (&["--scope", "api"], "changed"),
    ] {
        let ran = server.command(&[&["token", "add", "ci"], arguments].concat());
        let said = format!(
            "token ci {did}; its secret stays, and is not shown again (--replace makes another): {}\n",
            server.url()
        );
        assert_eq!(
            (ran.code, ran.stdout, ran.stderr),
            (Some(0), String::new(), said)
        );
        let status = put(&server, "/example.com/lib/@v/v1.0.0.zip", &first);
        let only_reads = arguments.contains(&"read_api");
        assert_eq!(status == 403, only_reads, "{arguments:?}: {status}");
    }
    assert_eq!(get(&server, LIST, &first).status, 200);
    let replaced = "replaced, and the one before it stopped working";
    let second = added(&server, replaced, &["ci", "--replace"]);
    assert_eq!(get(&server, LIST, &first).status, 401);
    assert_eq!(get(&server, LIST, &second).status, 200);
    let admin = added(&server, "added", &["ops", "--admin", "--expires-in", "1h"]);
    let home = tempfile::tempdir().unwrap();
    let listed = run(goproxy_edge(home.path())
        .env("GOPROXY_EDGE_TOKEN", &admin)
        .args(["token", "list", "--json", "--to", &server.url()]));
    let listed: Value = serde_json::from_str(&listed.expect_quiet()).unwrap();
    let names: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|token| &token["name"])
        .collect();
    assert_eq!(names.len(), 3, "{listed}");
    assert_eq!(names[0], "tests");
    let ops = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|token| token["name"] == "ops")
        .unwrap();
    assert_eq!(
        (&ops["scopes"], &ops["admin"], &ops["source"]),
        (&json!(["api"]), &json!(true), &json!("store"))
    );
}

#[test]
fn a_list_says_where_each_stands_and_what_the_configuration_hides() {
    let server = setup().start();
    let add = |id: &str, path: &str, more: &[&str]| {
        let module = format!("{}.example.com", path.replace('/', "-"));
        let arguments = ["project", "add", path, "--id", id, "--module", &module];
        server
            .command(&[&arguments[..], more].concat())
            .expect_quiet();
    };
    add("7", "group/lib", &["--visibility", "internal"]);
    add(
        "123",
        "group/long-name",
        &["--module", "example.net/x", "--disabled"],
    );
    for (name, more) in [("reader", "read_api"), ("ci", "write_package_registry")] {
        added(
            &server,
            "added",
            &[
                name,
                "--scope",
                more,
                "--project",
                "group",
                "--project",
                "9",
                "--expires-in",
                "never",
            ],
        );
    }
    let table = |what: &str| {
        let ran = server.command(&[what, "list"]);
        let mut lines: Vec<String> = ran.stdout.lines().map(str::to_owned).collect();
        // The order in the store is nobody's affair.
        lines[1..].sort();
        (ran.code, lines, ran.stderr)
    };
    assert_eq!(
        table("project"),
        (
            Some(0),
            vec![
                "ID   PATH             VISIBILITY  STATE     SOURCE  MODULES".to_owned(),
                "123  group/long-name  private     disabled  store   group-long-name.example.com, example.net/x".to_owned(),
                "7    group/lib        internal    enabled   store   group-lib.example.com".to_owned(),
            ],
            String::new()
        )
    );
    assert_eq!(
        table("token"),
        (
            Some(0),
            vec![
                "NAME    SCOPES                  PROJECTS  EXPIRES  ADMIN  SOURCE".to_owned(),
                "ci      write_package_registry  group, 9  never    no     store".to_owned(),
                "reader  read_api                group, 9  never    no     store".to_owned(),
                "tests   api                     *         never    yes    configuration"
                    .to_owned(),
            ],
            String::new()
        )
    );
    let projects: Value = serde_json::from_str(
        &server
            .command(&["project", "list", "--json"])
            .expect_quiet(),
    )
    .unwrap();
    let lib = json!({"id": 7, "path": "group/lib", "modules": ["group-lib.example.com"], "visibility": "internal",
        "enabled": true, "source": "store"});
    assert!(projects.as_array().unwrap().contains(&lib), "{projects}");

    let server = server.restart_as(|_| Setup::new().set(
        "projects",
        json!([{"id": 7, "path": "configured/one", "modules": ["example.com/one", "example.net/x"], "visibility": "public"}]),
    ));
    let ran = server.command(&["project", "list"]);
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (
            Some(0),
            "note: what is hidden opens nothing: the configuration has the same id, path, name, hash or prefixes, and wins\n"
        )
    );
    let mut lines: Vec<_> = ran.stdout.lines().collect();
    lines[2..].sort();
    assert_eq!(
        lines,
        [
            "ID   PATH             VISIBILITY  STATE     SOURCE                        MODULES",
            "7    configured/one   public      enabled   configuration                 example.com/one, example.net/x",
            "123  group/long-name  private     disabled  store (example.net/x hidden)  group-long-name.example.com, example.net/x",
            "7    group/lib        internal    enabled   store (hidden)                group-lib.example.com",
        ]
    );
    let refused = server.command(&["token", "revoke", "tests"]);
    assert_eq!(
        (refused.code, refused.stdout.as_str(), refused.stderr),
        (
            Some(1),
            "",
            format!(
                "error: {}: conflict: it is of the token `tests` of the configuration, which wins: it is changed in the setting `tokens`\n",
                server.url()
            )
        )
    );
}

#[test]
fn a_list_is_followed_to_its_last_page() {
    let server = Server::new();
    // One more than a page has.
    let names: Vec<String> = (0..1001)
        .map(|number| format!("token{number:04}"))
        .collect();
    std::thread::scope(|scope| {
        for some in names.chunks(126) {
            let server = &server;
            scope.spawn(move || {
                for name in some {
                    let token = json!({"name": name, "sha256": sha256_hex(name), "scopes": ["read_api"], "projects": ["*"]});
                    let answer = server.put("/-/admin/tokens", token.to_string());
                    assert_eq!(answer.status, 201, "{answer}");
                }
            });
        }
    });
    let listed: Vec<Value> =
        serde_json::from_str(&server.command(&["token", "list", "--json"]).expect_quiet()).unwrap();
    let mut found: Vec<_> = listed
        .iter()
        .map(|token| token["name"].as_str().unwrap())
        .collect();
    found.sort_unstable();
    let mut expected: Vec<_> = names.iter().map(String::as_str).collect();
    expected.insert(0, "tests");
    assert_eq!(found, expected);
}

#[test]
fn a_refusal_is_the_servers_sentence_and_no_token_is_printed() {
    let tokens = |admin: bool| {
        json!([{"name": "tests", "sha256": sha256_hex(TOKEN), "scopes": ["api"], "projects": ["*"], "admin": admin}])
            .to_string()
    };
    let off = Setup::new().set("admin", "off").start();
    let plain = Setup::new().tokens(Some(&tokens(false))).start();
    let other = json!([{"name": "other", "sha256": sha256_hex("other"), "scopes": ["api"], "projects": ["*"]}]);
    let wrong = Setup::new().tokens(Some(&other.to_string())).start();
    let verbs: [&[&str]; 8] = [
        &[
            "project",
            "add",
            "a/b",
            "--id",
            "7",
            "--module",
            "example.com/m",
        ],
        &["project", "list"],
        &["project", "remove", "a/b"],
        &["project", "enable", "7"],
        &["project", "disable", "7"],
        &["token", "add", "ci"],
        &["token", "list", "--json"],
        &["token", "revoke", "ci"],
    ];
    let rows = [
        (
            &off,
            "forbidden: projects and tokens are not kept in the store: the setting `admin` is off, and the operator turns it on",
            "",
        ),
        (
            &plain,
            "forbidden: the token `tests`: this takes the scope `api` and the administrator flag",
            "",
        ),
        (
            &wrong,
            "unauthorized: the token presented is unknown, expired or malformed: check .netrc, the address in GOPROXY, or the header that carries it",
            " does not take the token from GOPROXY_EDGE_TOKEN",
        ),
    ];
    for (server, reason, more) in rows {
        let url = server.url();
        let stderr = match more {
            "" => format!("error: {url}: {reason}\n"),
            more => format!("error: {reason}: {url}{more}\n"),
        };
        for arguments in verbs {
            let ran = server.command(arguments);
            let found = (ran.code, ran.stdout.as_str(), ran.stderr);
            assert_eq!(found, (Some(1), "", stderr.clone()), "{arguments:?}");
        }
        assert_eq!(audit(server, 0), [""; 0]);
    }
    let server = Server::new();
    let ran = server.command(&["project", "enable", "a/b"]);
    let none = format!(
        "error: {}: not found: there is no project \"a/b\" in the store\n",
        server.url()
    );
    assert_eq!((ran.code, ran.stderr), (Some(1), none));
    let ran = server.command(&[
        "project",
        "add",
        "a//b",
        "--id",
        "7",
        "--module",
        "example.com/m",
    ]);
    let wrong = "bad request: the project: `path` is not a full path such as `group/project`, of letters, digits and -._";
    assert_eq!(
        (ran.code, ran.stderr),
        (Some(1), format!("error: {}: {wrong}\n", server.url()))
    );
}

#[test]
fn an_administrators_token_without_the_scope_api_is_refused_before_anything_is_asked() {
    let home = tempfile::tempdir().unwrap();
    for arguments in [
        &["new", "ops", "--scope", "read_api", "--admin"][..],
        &[
            "add",
            "ops",
            "--admin",
            "--scope",
            "write_package_registry",
            "--to",
            "http://127.0.0.1:9",
        ],
        &["add", "ops", "--admin", "--scope", "read_api", "--existing"],
    ] {
        let ran = run(goproxy_edge(home.path()).arg("token").args(arguments));
        assert_eq!(
            (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
            (
                Some(2),
                "",
                "error: --admin takes the scope `api`: add --scope api, or leave out --scope, or --admin\n"
            ),
            "{arguments:?}"
        );
    }
}

#[test]
fn repair_of_a_folder_claims_no_more_than_it_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("dir:{}", folder.path().display());
    let server = Setup::new().set("store", store).start();
    server.publish(ZIP, small_module("example.com/lib", "v1.0.0"));
    assert_eq!(
        server.command(&["repair"]).expect_quiet(),
        format!(
            "{}: no index to check, 0 leftovers removed, 0 problems\n",
            server.url()
        )
    );
    assert_eq!(server.get(LIST).status, 200);
}
