//! Projects as a team that moves over from GitLab meets them: the curl calls of GitLab's page, and the real `go`
//! command over https, with its credentials where GitLab's users have them.

use serde_json::json;

use crate::support::archive::small_module;
use crate::support::go::Go;
use crate::support::http::{Answer, Request};
use crate::support::server::{Server, Setup};
use crate::support::sha256_hex;
use crate::support::tls::Authority;
use crate::support::tree::Tree;

const VARY: &str = "Authorization, Private-Token, Job-Token, Deploy-Token";

fn token(name: &str, scope: &str, projects: &[&str]) -> serde_json::Value {
    json!({"name": name, "sha256": sha256_hex(name), "scopes": [scope], "projects": projects})
}

/// Two private projects, with a module in each, and tokens for one or both.
fn setup(tree: &Tree) -> Setup {
    for module in ["example.com/one", "example.com/two"] {
        tree.write(
            &format!("{module}/@v/v1.0.0.zip"),
            small_module(module, "v1.0.0"),
        );
        tree.write(
            &format!("{module}/@v/v1.0.0.mod"),
            format!("module {module}\n"),
        );
        let info = r#"{"Version":"v1.0.0","Time":"2026-01-02T03:04:05Z"}"#;
        tree.write(&format!("{module}/@v/v1.0.0.info"), info);
    }
    let projects = json!([
        {"id": 1, "path": "team/one", "modules": ["example.com/one"]},
        {"id": 2, "path": "team/two", "modules": ["example.com/two"]},
    ]);
    let tokens = json!([
        token("one", "read_package_registry", &["1"]),
        token("both", "read_api", &["team"]),
        token("writer", "write_package_registry", &["team/one"]),
    ]);
    Setup::new()
        .set("store", format_args!("dir:{}", tree.name()))
        .set("projects", projects)
        .tokens(Some(&tokens.to_string()))
}

fn get(server: &Server, target: &str, token: &str) -> Answer {
    Request::new("GET", target)
        .header("Private-Token", token)
        .send(server.address())
}

#[test]
fn the_calls_of_gitlabs_page_are_answered_as_it_shows_them() {
    let tree = Tree::new(&[]);
    let server = setup(&tree).start();
    let info = r#"{"Version":"v1.0.0","Time":"2026-01-02T03:04:05Z"}"#;
    for id in ["1", "team%2Fone"] {
        let base = format!("/api/v4/projects/{id}/packages/go/example.com/one/@v");
        for (file, kind, body) in [
            ("list", "text/plain; charset=utf-8", "v1.0.0\n"),
            ("1.0.0.info", "application/json", info),
            ("v1.0.0.info", "application/json", info),
            (
                "v1.0.0.mod",
                "text/plain; charset=utf-8",
                "module example.com/one\n",
            ),
        ] {
            let answer = get(&server, &format!("{base}/{file}"), "one");
            let found = (answer.status, answer.header("content-type"), answer.text());
            assert_eq!(found, (200, Some(kind), body.to_owned()), "{id} {file}");
            let cache = answer.header("cache-control").unwrap_or_default();
            assert!(cache.starts_with("private"), "{id} {file}: {answer}");
            assert_eq!(answer.header("vary"), Some(VARY), "{id} {file}");
        }
        let zip = get(&server, &format!("{base}/v1.0.0.zip"), "one");
        assert_eq!(zip.body, small_module("example.com/one", "v1.0.0"));
        let none = get(&server, &format!("{base}/v9.9.9.info"), "one");
        assert_eq!(none.status, 404, "{none}");
    }
    let below = "/api/v4/projects/1/packages/go/example.com/one/nothing/@v/list";
    let empty = get(&server, below, "one");
    assert_eq!((empty.status, empty.text()), (200, String::new()));
}

#[test]
fn a_private_project_is_not_told_from_one_that_is_not_there() {
    let tree = Tree::new(&[]);
    let server = setup(&tree).start();
    let show = |id: &str, token: Option<&str>| {
        let target = format!("/api/v4/projects/{id}/packages/go/example.com/two/@v/list");
        let answer = match token {
            Some(token) => get(&server, &target, token),
            None => server.get(&target),
        };
        answer.show().replace(&format!("{id:?}"), "\"the id\"")
    };
    for (token, status) in [
        (None, "401"),
        (Some("one"), "404"),
        (Some("unknown"), "401"),
    ] {
        let hidden = show("2", token);
        assert!(hidden.starts_with(status), "{hidden}");
        assert_eq!(hidden, show("3", token));
    }
    for (token, status) in [("one", 403), ("both", 200), ("gpe_0", 401)] {
        let answer = get(&server, "/example.com/two/@v/list", token);
        assert_eq!(answer.status, status, "{token}: {answer}");
    }
    assert_eq!(server.get("/example.com/two/@v/list").status, 401);
    assert_eq!(server.get("/example.org/public/@v/list").status, 404);
}

#[test]
fn publishing_takes_a_token_of_the_modules_own_project() {
    let tree = Tree::new(&[]);
    let server = setup(&tree).start();
    for (base, module, token, status) in [
        ("", "example.com/one", "writer", 201),
        (
            "/api/v4/projects/1/packages/go",
            "example.com/one/sub",
            "writer",
            201,
        ),
        (
            "/api/v4/projects/1/packages/go",
            "example.com/two",
            "writer",
            404,
        ),
        ("", "example.com/two", "writer", 403),
        ("", "example.com/one", "both", 403),
        (
            "/api/v4/projects/2/packages/go",
            "example.com/two",
            "both",
            403,
        ),
        ("", "example.org/other", "writer", 404),
    ] {
        let target = format!("{base}/{module}/@v/v1.1.0.zip");
        let answer = Request::new("PUT", &target)
            .header("Deploy-Token", token)
            .body(small_module(module, "v1.1.0"))
            .send(server.address());
        assert_eq!(answer.status, status, "{token} {target}: {answer}");
    }
}

/// `go mod download` of one version through a list of proxies.
pub fn download(
    authority: &Authority,
    proxies: &str,
    netrc: &str,
    module: &str,
) -> Result<(), String> {
    let go = Go::at(proxies)
        .env("GONOSUMDB", "*")
        .env("GONOPROXY", "none")
        .env("SSL_CERT_FILE", authority.root().display());
    std::fs::write(go.home().join(".netrc"), netrc).expect("a file");
    let ran = go.anywhere(&["mod", "download", &format!("{module}@v1.0.0")]);
    match ran.code {
        Some(0) => Ok(()),
        _ => Err(ran.stderr),
    }
}

#[test]
fn go_takes_two_private_projects_and_a_public_proxy_from_one_list() {
    let authority = Authority::new();
    let tree = Tree::new(&[]);
    let server = setup(&tree)
        .tls(authority.certificate(), authority.key())
        .start();
    let public = Server::new();
    public.publish(
        "/example.org/public/@v/v1.0.0.zip",
        small_module("example.org/public", "v1.0.0"),
    );
    let port = server.address().rsplit(':').next().expect("a port");
    let list = |credential: &str| {
        let base = format!("https://{credential}localhost:{port}/api/v4/projects");
        format!(
            "{base}/1/packages/go,{base}/team%2Ftwo/packages/go,{}",
            public.url()
        )
    };
    let modules = ["example.com/one", "example.com/two", "example.org/public"];
    let netrc = |token: &str| format!("machine localhost:{port} login any password {token}\n");
    let plain = format!("https://localhost:{port},{}", public.url());
    for module in modules {
        // A 404 lets it go on to the next one.
        let ways = [
            (list(""), netrc("both")),
            (list("any:both@"), String::new()),
            (plain.clone(), netrc("both")),
        ];
        for (proxies, netrc) in ways {
            assert_eq!(
                download(&authority, &proxies, &netrc, module),
                Ok(()),
                "{module} {proxies}"
            );
        }
        // A 401 stops it, so that no name of a private module goes on.
        let stopped = download(&authority, &list(""), "", module).unwrap_err();
        assert!(stopped.contains("401 Unauthorized"), "{module}: {stopped}");
    }
    assert_eq!(
        download(&authority, &plain, "", "example.org/public"),
        Ok(())
    );
    for _ in 0..2 {
        let stopped = download(&authority, &plain, &netrc("old"), "example.com/one").unwrap_err();
        assert!(stopped.contains("401 Unauthorized"), "{stopped}");
    }
    assert_eq!(
        download(&authority, &plain, &netrc("one"), "example.com/one"),
        Ok(())
    );
    let refused = download(&authority, &plain, &netrc("one"), "example.com/two").unwrap_err();
    assert!(refused.contains("403 Forbidden"), "{refused}");
}

#[test]
fn guessing_is_stopped_for_a_while_and_nobody_without_a_token_is() {
    let server = Server::new();
    let guess = |number: usize| get(&server, "/example.com/m/@v/list", &format!("guess{number}"));
    // One token again and again is one guess.
    for number in (0..40).map(|_| 0).chain(1..30) {
        assert_eq!(guess(number).status, 401);
    }
    let stopped = guess(30);
    assert_eq!(stopped.status, 429, "{stopped}");
    assert!(stopped.header("retry-after").is_some(), "{stopped}");
    assert_eq!(server.get("/example.com/m/@v/list").status, 404);
}
