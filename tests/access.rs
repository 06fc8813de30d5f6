//! Who may write: tokens in every way they may arrive, what they are good for, and that none is ever shown.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::support::archive::small_module;
use crate::support::http::{Request, refusal};
use crate::support::server::{GITLAB_BASES, Server, Setup};
use crate::support::sha256_hex;

const URL: &str = "/example.com/m/@v/v1.0.0.zip";

/// A `tokens` setting: each with its name as its token.
fn tokens(entries: &[(&str, &str)]) -> String {
    let entries: Vec<String> = entries
        .iter()
        .map(|(name, rest)| {
            format!(
                r#"{{"name":"{name}","sha256":"{}",{rest}}}"#,
                sha256_hex(name)
            )
        })
        .collect();
    format!("[{}]", entries.join(","))
}

fn everywhere(scope: &str) -> String {
    format!(r#""scopes":["{scope}"],"projects":["*"]"#)
}

fn server() -> Server {
    let rows = [
        ("reader", everywhere("read_package_registry")),
        ("api-reader", everywhere("read_api")),
        ("writer", everywhere("write_package_registry")),
        ("api", everywhere("api")),
        ("admin", format!(r#"{},"admin":true"#, everywhere("api"))),
        (
            "writing-admin",
            format!(r#"{},"admin":true"#, everywhere("write_package_registry")),
        ),
        (
            "by-number",
            r#""scopes":["write_package_registry"],"projects":["1"]"#.to_owned(),
        ),
        (
            "by-path",
            r#""scopes":["write_package_registry"],"projects":["default/modules"]"#.to_owned(),
        ),
        (
            "elsewhere",
            r#""scopes":["write_package_registry"],"projects":["2","other/modules"]"#.to_owned(),
        ),
        (
            "nowhere",
            r#""scopes":["write_package_registry"],"projects":[]"#.to_owned(),
        ),
        (
            "expired",
            format!(r#"{},"expires_at":"2020-01-01""#, everywhere("api")),
        ),
        (
            "expired-time",
            format!(
                r#"{},"expires_at":"2020-01-01T00:00:00Z""#,
                everywhere("api")
            ),
        ),
        (
            "not-yet",
            format!(r#"{},"expires_at":"2999-12-31""#, everywhere("api")),
        ),
    ];
    let rows: Vec<_> = rows
        .iter()
        .map(|(name, rest)| (*name, rest.as_str()))
        .collect();
    Setup::new().tokens(Some(&tokens(&rows))).start()
}

fn put(url: &str) -> Request {
    Request::new("PUT", url).body(small_module("example.com/m", "v1.0.0"))
}

fn basic(user: &str, password: &str) -> String {
    format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{user}:{password}"))
    )
}

/// An error's whole answer; a 401 says how to log in.
fn refused(status: u16, text: &str) -> String {
    let challenge = if status == 401 {
        "www-authenticate: Basic realm=\"goproxy-edge\""
    } else {
        ""
    };
    refusal(status, "no-store", challenge, &format!("{text}\n"))
}

const NO_TOKEN: &str = "unauthorized: this takes a token: as the password of HTTP Basic, as `Authorization: Bearer`, \
    or as `Private-Token`, `Job-Token` or `Deploy-Token`";
const WRONG_TOKEN: &str = "unauthorized: the token presented is unknown, expired or malformed: check .netrc, the \
    address in GOPROXY, or the header that carries it";
const READER: &str = "forbidden: the token `reader`: it has no scope to publish: that takes `write_package_registry` or `api`";

#[test]
fn a_token_may_arrive_in_every_way_that_gitlab_and_go_send_one() {
    let server = server();
    let rows = [
        (
            "Basic with any user",
            "Authorization",
            basic("anybody", "writer"),
        ),
        ("Basic without a user", "Authorization", basic("", "writer")),
        (
            "basic in lower case",
            "authorization",
            basic("x", "writer").replace("Basic", "basic"),
        ),
        ("Bearer", "Authorization", "Bearer writer".to_owned()),
        ("Private-Token", "Private-Token", "writer".to_owned()),
        ("Job-Token", "Job-Token", "writer".to_owned()),
        ("Deploy-Token", "Deploy-Token", "writer".to_owned()),
    ];
    for (name, header, value) in rows {
        let answer = put(URL).header(header, value).send(server.address());
        assert!(matches!(answer.status, 200 | 201), "{name}: {answer}");
    }
    let rows = [
        (
            "Basic with the token as the user",
            "Authorization",
            basic("writer", ""),
        ),
        (
            "Basic that is no base64",
            "Authorization",
            "Basic %%%".to_owned(),
        ),
        (
            "another scheme",
            "Authorization",
            "Digest writer".to_owned(),
        ),
        ("Bearer of nothing", "Authorization", "Bearer ".to_owned()),
        (
            "a token with something behind",
            "Private-Token",
            "writer2".to_owned(),
        ),
        (
            "the hash in place of the token",
            "Private-Token",
            sha256_hex("writer"),
        ),
    ];
    for (name, header, value) in rows {
        let answer = put(URL).header(header, value).send(server.address());
        assert_eq!(answer.status, 401, "{name}: {answer}");
    }
}

#[test]
fn a_token_is_good_for_what_its_scopes_and_projects_say() {
    let server = server();
    // Who, what it may: publish, read, care for the store.
    let rows = [
        ("reader", 403, 200, 403),
        ("api-reader", 403, 200, 403),
        ("writer", 201, 200, 403),
        ("api", 201, 200, 403),
        ("admin", 201, 200, 200),
        ("writing-admin", 201, 200, 403),
        ("by-number", 201, 200, 403),
        ("by-path", 201, 200, 403),
        ("elsewhere", 403, 200, 403),
        ("nowhere", 403, 200, 403),
        ("expired", 401, 401, 401),
        ("expired-time", 401, 401, 401),
        ("not-yet", 201, 200, 403),
        ("unknown", 401, 401, 401),
    ];
    let seed = Request::new("PUT", "/example.com/read/@v/v1.0.0.zip")
        .body(small_module("example.com/read", "v1.0.0"));
    assert_eq!(seed.token("writer").send(server.address()).status, 201);
    for (number, (token, may_publish, may_read, may_repair)) in rows.into_iter().enumerate() {
        for (way, base) in [GITLAB_BASES[0], GITLAB_BASES[1], ""]
            .into_iter()
            .enumerate()
        {
            let version = format!("v1.{number}.{way}");
            let publish = Request::new("PUT", format!("{base}/example.com/m/@v/{version}.zip"))
                .body(small_module("example.com/m", &version))
                .token(token)
                .send(server.address());
            assert_eq!(
                publish.status, may_publish,
                "{token} publishes through {base:?}: {publish}"
            );
            let read = Request::new("GET", format!("{base}/example.com/read/@v/v1.0.0.mod"))
                .token(token)
                .send(server.address());
            assert_eq!(
                read.status, may_read,
                "{token} reads through {base:?}: {read}"
            );
        }
        let repair = Request::new("POST", "/-/admin/repair")
            .token(token)
            .send(server.address());
        assert_eq!(repair.status, may_repair, "{token} repairs: {repair}");
    }
}

#[test]
fn a_refusal_is_text_for_the_person_who_must_act() {
    let server = server();
    let rows = [
        ("no token", put(URL), 401, NO_TOKEN),
        ("a wrong token", put(URL).token("s3cret"), 401, WRONG_TOKEN),
        (
            "a wrong token where none is needed",
            Request::new("GET", URL).token("s3cret"),
            401,
            WRONG_TOKEN,
        ),
        (
            "a token that may only read",
            put(URL).token("reader"),
            403,
            READER,
        ),
        (
            "a token for another project",
            put(URL).token("elsewhere"),
            403,
            "forbidden: the token `elsewhere`: it is not for the project default/modules",
        ),
        (
            "an expired token",
            put(URL).token("expired"),
            401,
            WRONG_TOKEN,
        ),
        (
            "care of the store without a token",
            Request::new("POST", "/-/admin/repair"),
            401,
            NO_TOKEN,
        ),
        (
            "care of the store without the flag",
            Request::new("POST", "/-/admin/repair").token("api"),
            403,
            "forbidden: the token `api`: this takes the scope `api` and the administrator flag",
        ),
        (
            "a withdrawal without a token",
            Request::new("DELETE", "/example.com/m/@v/v1.0.0"),
            401,
            NO_TOKEN,
        ),
        (
            "a withdrawal by a reader",
            Request::new("DELETE", "/example.com/m/@v/v1.0.0").token("reader"),
            403,
            READER,
        ),
    ];
    let mut differences = String::new();
    for (name, request, status, text) in rows {
        let answer = request.send(server.address()).show();
        if answer != refused(status, text) {
            differences += &format!(
                "## {name}\nexpected {}\ngot {answer}\n",
                refused(status, text)
            );
        }
    }
    assert!(differences.is_empty(), "{differences}");
    assert!(!server.log().contains("s3cret"), "{}", server.log());
}

#[test]
fn without_tokens_nothing_can_be_published_and_the_setting_is_named() {
    let server = Setup::new().set("admin", "off").tokens(Some("[]")).start();
    let answer = put(URL).send(server.address());
    assert_eq!(
        answer.show(),
        refused(
            403,
            "forbidden: no tokens are configured, so nothing can be published: the operator sets `tokens`"
        )
    );
}
