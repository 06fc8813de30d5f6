//! Projects and tokens that are changed while the server runs: what a client meets before and afterwards, in each
//! store, and what stands in the log.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::projects::download;
use crate::support::archive::small_module;
use crate::support::http::{Answer, Request};
use crate::support::s3::ObjectStore;
use crate::support::server::{Server, Setup, TOKEN};
use crate::support::sha256_hex;
use crate::support::tls::Authority;

/// Asks as the administrator.
#[track_caller]
fn admin(server: &Server, method: &str, below: &str, body: &Value) -> (u16, Value) {
    let mut request = Request::new(method, format!("/-/admin/{below}")).token(TOKEN);
    if !body.is_null() {
        request = request.body(body.to_string());
    }
    let answer = request.send(server.address());
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer}");
    let told = serde_json::from_slice(&answer.body).unwrap_or_else(|_| json!(answer.text()));
    (answer.status, told)
}

#[track_caller]
fn change(server: &Server, method: &str, below: &str, body: Value, status: u16, outcome: &str) {
    let expected = (status, json!({"outcome": outcome}));
    assert_eq!(
        admin(server, method, below, &body),
        expected,
        "{method} {below}"
    );
}

fn project(id: u32, visibility: &str) -> Value {
    json!({"id": id, "path": format!("team/p{id}"), "modules": [format!("example.com/p{id}")], "visibility": visibility})
}

fn token(name: &str, secret: &str, projects: &[&str]) -> Value {
    let scopes = ["write_package_registry"];
    json!({"name": name, "sha256": sha256_hex(secret), "scopes": scopes, "projects": projects})
}

fn get(server: &Server, target: &str, token: Option<&str>) -> Answer {
    let request = Request::new("GET", target);
    let request = match token {
        Some(token) => request.header("Private-Token", token),
        None => request,
    };
    request.send(server.address())
}

fn list(server: &Server, what: &str) -> Value {
    let (status, told) = admin(server, "GET", what, &Value::Null);
    assert_eq!((status, &told["cursor"]), (200, &Value::Null), "{told}");
    told[what].clone()
}

/// From an empty store to an empty list again.
fn everything_is_changed_while_the_server_runs(setup: Setup) {
    let server = setup.set("admin", "on").set("log", "off").start();
    for module in ["example.com/p7", "example.com/P8"] {
        let target = format!("/{}/@v/v1.0.0.zip", module.replace('P', "!p"));
        server.publish(&target, small_module(module, "v1.0.0"));
    }
    let target = "/example.com/p7/@v/v1.0.0.mod";
    assert_eq!(server.get(target).status, 200);
    change(
        &server,
        "PUT",
        "projects",
        project(7, "private"),
        201,
        "created",
    );
    change(
        &server,
        "PUT",
        "projects",
        project(7, "private"),
        200,
        "unchanged",
    );
    let eight =
        json!({"id": 8, "path": "Team/P.8", "modules": ["example.com/P8", "example.com/p7/sub"]});
    change(&server, "PUT", "projects", eight, 201, "created");
    change(
        &server,
        "PUT",
        "tokens",
        token("ci", "one", &["7"]),
        201,
        "created",
    );
    change(
        &server,
        "PUT",
        "tokens",
        token("é \"ü\"", "two", &["team"]),
        201,
        "created",
    );
    let statuses = |server: &Server, target: &str| {
        [None, Some("one"), Some("two"), Some("three")]
            .map(|token| get(server, target, token).status)
    };
    let gitlab = |name: &str| format!("/api/v4/projects/{name}/packages/go{target}");
    assert_eq!(statuses(&server, target), [401, 200, 200, 401]);
    assert_eq!(statuses(&server, &gitlab("7")), [401, 200, 200, 401]);
    assert_eq!(
        statuses(&server, &gitlab("team%2Fp7")),
        [401, 200, 200, 401]
    );
    assert_eq!(statuses(&server, &gitlab("8")), [401, 404, 404, 401]);
    assert_eq!(
        statuses(&server, "/example.com/!p8/@v/list"),
        [401, 403, 403, 401]
    );
    assert_eq!(
        statuses(&server, "/example.com/p7/sub/x/@v/list"),
        [401, 403, 403, 401]
    );
    let put = Request::new("PUT", "/example.com/p7/@v/v1.1.0.zip")
        .header("Deploy-Token", "one")
        .body(small_module("example.com/p7", "v1.1.0"))
        .send(server.address());
    assert_eq!(put.status, 201, "{put}");

    change(
        &server,
        "POST",
        "projects/Team%2FP.8/disable",
        Value::Null,
        200,
        "changed",
    );
    change(
        &server,
        "PUT",
        "tokens",
        token("ci", "three", &["7"]),
        200,
        "changed",
    );
    let server = server.restart();
    assert_eq!(statuses(&server, target), [401, 401, 200, 200]);
    assert_eq!(
        statuses(&server, "/example.com/!p8/@v/list"),
        [401, 401, 403, 403]
    );
    let repaired = admin(&server, "POST", "repair", &Value::Null);
    assert_eq!((repaired.0, &repaired.1["removed"]), (200, &json!(0)));
    let projects = json!([
        {"id": 1, "path": "default/modules", "modules": [], "visibility": "public", "enabled": true, "source": "configuration"},
        {"id": 7, "path": "team/p7", "modules": ["example.com/p7"], "visibility": "private", "enabled": true, "source": "store"},
        {"id": 8, "path": "Team/P.8", "modules": ["example.com/P8", "example.com/p7/sub"], "visibility": "private", "enabled": false, "source": "store"},
    ]);
    assert_eq!(list(&server, "projects"), projects);
    let told = list(&server, "tokens");
    let names: Vec<&Value> = told
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| &it["name"])
        .collect();
    assert_eq!((names[0], names.len()), (&json!("tests"), 3), "{told}");
    assert!(!told.to_string().contains(&sha256_hex("two")), "{told}");

    change(&server, "DELETE", "tokens/ci", Value::Null, 200, "removed");
    change(&server, "DELETE", "tokens/ci", Value::Null, 200, "absent");
    change(
        &server,
        "DELETE",
        "tokens/%C3%A9%20%22%C3%BC%22",
        Value::Null,
        200,
        "removed",
    );
    assert_eq!(statuses(&server, target), [401; 4]);
    change(
        &server,
        "DELETE",
        "projects/Team%2FP.8",
        Value::Null,
        200,
        "removed",
    );
    change(&server, "DELETE", "projects/7", Value::Null, 200, "removed");
    assert_eq!(statuses(&server, target), [200, 401, 401, 401]);
    assert_eq!(list(&server, "projects").as_array().map(Vec::len), Some(1));
    assert_eq!(list(&server, "tokens").as_array().map(Vec::len), Some(1));

    // Of the second start: the log of the first went with it.
    let expected = [
        "token ci revoked",
        r#"token "é \"ü\"" revoked"#,
        "project 8 Team/P.8 removed",
        "project 7 team/p7 removed",
    ];
    assert_eq!(audit(&server, expected.len()), expected);
    let log = server.log();
    for secret in ["one", "three", TOKEN] {
        assert!(!log.contains(&sha256_hex(secret)), "{log}");
    }
    assert!(!log.contains("GET"), "`log` is off: {log}");
}

/// What administrators changed, by the log, once so many changes are in it.
fn audit(server: &Server, count: usize) -> Vec<String> {
    let begun = Instant::now();
    loop {
        let log = server.log();
        // Behind the address of the client.
        let lines = log.lines().filter_map(|line| line.split_once(" audit "));
        let lines = lines.filter(|(_, line)| !line.ends_with(" begun"));
        let words = lines.map(|(_, line)| line.split_once("Z tests ").map_or(line, |it| it.1));
        let lines: Vec<String> = words.map(str::to_owned).collect();
        if lines.len() >= count || begun.elapsed() > Duration::from_secs(10) {
            return lines;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn projects_and_tokens_are_changed_in_the_key_value_store_while_the_server_runs() {
    everything_is_changed_while_the_server_runs(Setup::new());
}

#[test]
fn projects_and_tokens_are_changed_in_a_folder_while_the_server_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = format!("dir:{}", folder.path().display());
    everything_is_changed_while_the_server_runs(Setup::new().set("store", store));
}

#[test]
fn projects_and_tokens_are_changed_in_an_object_store_while_the_server_runs() {
    let store = ObjectStore::new();
    everything_is_changed_while_the_server_runs(store.setup());
}

#[test]
fn go_is_let_in_by_what_was_added_and_kept_out_by_what_was_disabled_and_revoked() {
    let authority = Authority::new();
    let module = "example.com/p7";
    let server = Server::new();
    server.publish(
        "/example.com/p7/@v/v1.0.0.zip",
        small_module(module, "v1.0.0"),
    );
    change(
        &server,
        "PUT",
        "projects",
        project(7, "private"),
        201,
        "created",
    );
    change(
        &server,
        "PUT",
        "tokens",
        token("dev", "one", &["team"]),
        201,
        "created",
    );
    // `go` sends credentials over https only.
    let secure = |server: Server| {
        server.restart_as(|setup| setup.tls(authority.certificate(), authority.key()))
    };
    let plain = |server: Server| server.restart_as(Setup::plain);
    let fetch = |server: &Server| {
        let port = server.address().rsplit(':').next().expect("a port");
        let netrc = format!("machine localhost:{port} login any password one\n");
        let proxy = format!("https://localhost:{port}");
        download(&authority, &proxy, &netrc, module)
    };
    let server = secure(server);
    assert_eq!(fetch(&server), Ok(()));
    let server = plain(server);
    change(
        &server,
        "POST",
        "projects/7/disable",
        Value::Null,
        200,
        "changed",
    );
    let server = secure(server);
    let refused = fetch(&server).unwrap_err();
    assert!(refused.contains("403 Forbidden"), "{refused}");
    let server = plain(server);
    change(
        &server,
        "POST",
        "projects/7/enable",
        Value::Null,
        200,
        "changed",
    );
    change(&server, "DELETE", "tokens/dev", Value::Null, 200, "removed");
    let refused = fetch(&secure(server)).unwrap_err();
    assert!(refused.contains("401 Unauthorized"), "{refused}");
}

#[test]
fn where_it_is_off_nothing_is_changed_and_the_setting_is_named() {
    let server = Setup::new().set("admin", "off").start();
    let (status, told) = admin(&server, "PUT", "projects", &project(7, "private"));
    let text = "forbidden: projects and tokens are not kept in the store: the setting `admin` is off, and the operator turns it on\n";
    assert_eq!((status, told), (403, json!(text)));
    assert!(!server.log().contains("audit"), "{}", server.log());
}
