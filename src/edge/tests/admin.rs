//! Projects and tokens over HTTP: each request, its whole answer, and the line that it leaves in the log.

use super::*;

/// SHA-256 of "one" and of "two".
pub(super) const ONE: &str = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";
const TWO: &str = "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3";
const NOW: &str = "2023-11-14T22:13:20Z";
const LIB: &str = r#"{"id":7,"path":"team/lib","modules":["example.com/lib"]}"#;

/// A host where administration is on and `projects` is this.
pub(super) fn host(projects: &str) -> TestHost {
    TestHost::new().set("admin", "on").set("projects", projects)
}

impl TestHost {
    /// Asks as the administrator.
    pub(super) fn administer(&self, method: Method, below: &str, body: &str) -> Told {
        let target = format!("/-/admin/{below}");
        let token = [("private-token", "secret")];
        self.ask(method, &target, &token, body.as_bytes())
    }

    /// Keeps a project or a token, which must be new.
    #[track_caller]
    pub(super) fn add(&self, what: &str, body: &str) {
        let told = self.administer(Method::Put, what, body);
        let expected = (201, "{\"outcome\":\"created\"}\n");
        assert_eq!((told.status, told.body.as_str()), expected, "{body}");
    }

    pub(super) fn status(&self, target: &str, secret: Option<&str>) -> u16 {
        let headers: Vec<_> = secret
            .map(|secret| ("private-token", secret))
            .into_iter()
            .collect();
        self.ask(Method::Get, target, &headers, b"").status
    }

    /// The lines of what came of changes, each of which was announced.
    pub(super) fn take_audit(&self) -> Vec<String> {
        let mut begun = None;
        let mut ends = Vec::new();
        for line in self.audit.take() {
            match line.strip_suffix(" begun") {
                Some(what) => assert_eq!(begun.replace(what.to_owned()), None),
                None => {
                    let what = line.strip_suffix(" failed midway: run it again");
                    let what = what.unwrap_or(&line).to_owned();
                    assert_eq!(begun.take(), Some(what));
                    ends.push(line);
                }
            }
        }
        assert_eq!(begun, None);
        ends
    }
}

fn token(name: &str, hash: &str, more: &str) -> String {
    format!(r#"{{"name":"{name}","sha256":"{hash}","scopes":["api"],"projects":["*"]{more}}}"#)
}

/// What a request comes to: status, body without its line end, and lines in the log.
#[track_caller]
fn check(host: &TestHost, method: Method, below: &str, body: &str, expected: (u16, &str, &str)) {
    let told = host.administer(method.clone(), below, body);
    let audit = host.take_audit();
    let (status, text, line) = expected;
    let at = format!("{} {below} {body}", method.as_str());
    assert_eq!((told.status, told.body.trim_end()), (status, text), "{at}");
    assert_eq!(told.header("cache-control"), Some("no-store"), "{at}");
    let json = Some("application/json").filter(|_| status < 300);
    let kind = json.unwrap_or("text/plain; charset=utf-8");
    assert_eq!(told.header("content-type"), Some(kind), "{at}");
    let line = Some(format!("audit {NOW} ci {line}")).filter(|_| !line.is_empty());
    assert_eq!(audit, Vec::from_iter(line), "{at}");
}

const CREATED: &str = r#"{"outcome":"created"}"#;
const CHANGED: &str = r#"{"outcome":"changed"}"#;
const UNCHANGED: &str = r#"{"outcome":"unchanged"}"#;
const REMOVED: &str = r#"{"outcome":"removed"}"#;
const ABSENT: &str = r#"{"outcome":"absent"}"#;

/// Nothing stays behind but the generation and, where there were projects, the one that is nobody's.
fn assert_all_is_gone(host: &TestHost) {
    let values = host.map.values.borrow();
    let left: Vec<&str> = values.keys().map(String::as_str).collect();
    let known = |key: &&str| key.ends_with("generation") || key.ends_with("nobodys");
    assert!(left.iter().all(known), "{left:?}");
}

#[test]
fn each_change_of_a_project_is_told_and_leaves_a_line_and_the_same_again_none() {
    let host = host("[]");
    let open = LIB.replace("}", r#","visibility":"public"}"#);
    let none = "not found: there is no project \"9\" in the store";
    for (method, below, body, expected) in [
        (
            Method::Put,
            "projects",
            LIB,
            (201, CREATED, "project 7 team/lib added (private, 1 prefix)"),
        ),
        (Method::Put, "projects", LIB, (200, UNCHANGED, "")),
        (
            Method::Put,
            "projects",
            &*open,
            (
                200,
                CHANGED,
                "project 7 team/lib changed (public, 1 prefix)",
            ),
        ),
        (Method::Post, "projects/7/enable", "", (200, UNCHANGED, "")),
        (
            Method::Post,
            "projects/7/disable",
            "",
            (
                200,
                CHANGED,
                "project 7 team/lib disabled (public, disabled, 1 prefix)",
            ),
        ),
        (
            Method::Post,
            "projects/team%2Flib/disable",
            "",
            (200, UNCHANGED, ""),
        ),
        (
            Method::Post,
            "projects/team%2Flib/enable",
            "",
            (
                200,
                CHANGED,
                "project 7 team/lib enabled (public, 1 prefix)",
            ),
        ),
        (Method::Put, "projects", &*open, (200, UNCHANGED, "")),
        (Method::Post, "projects/9/enable", "", (404, none, "")),
        (
            Method::Delete,
            "projects/team%2Fother",
            "",
            (200, ABSENT, ""),
        ),
        (Method::Delete, "projects/nonsense!", "", (200, ABSENT, "")),
        (
            Method::Delete,
            "projects/team%2Flib",
            "",
            (200, REMOVED, "project 7 team/lib removed"),
        ),
        (Method::Delete, "projects/team%2Flib", "", (200, ABSENT, "")),
        (
            Method::Put,
            "projects",
            LIB,
            (201, CREATED, "project 7 team/lib added (private, 1 prefix)"),
        ),
        (
            Method::Delete,
            "projects/7",
            "",
            (200, REMOVED, "project 7 team/lib removed"),
        ),
        (Method::Delete, "projects/7", "", (200, ABSENT, "")),
    ] {
        check(&host, method, below, body, expected);
    }
    assert_all_is_gone(&host);
}

#[test]
fn each_change_of_a_token_is_told_and_leaves_a_line_without_its_hash() {
    let host = host("[]");
    let (one, two) = (token("a b", ONE, ""), token("a b", TWO, ""));
    let admin = token("a b", TWO, r#","admin":true"#);
    for (method, below, body, expected) in [
        (
            Method::Put,
            "tokens",
            &*one,
            (201, CREATED, r#"token "a b" added (api for *)"#),
        ),
        (Method::Put, "tokens", &*one, (200, UNCHANGED, "")),
        (
            Method::Put,
            "tokens",
            &*two,
            (200, CHANGED, r#"token "a b" changed (api for *)"#),
        ),
        (
            Method::Put,
            "tokens",
            &*admin,
            (
                200,
                CHANGED,
                r#"token "a b" changed (administrator, api for *)"#,
            ),
        ),
        (Method::Put, "tokens", &*admin, (200, UNCHANGED, "")),
        (Method::Delete, "tokens/other", "", (200, ABSENT, "")),
        (
            Method::Delete,
            "tokens/a%20b",
            "",
            (200, REMOVED, r#"token "a b" revoked"#),
        ),
        (Method::Delete, "tokens/a%20b", "", (200, ABSENT, "")),
    ] {
        check(&host, method, below, body, expected);
    }
    assert_all_is_gone(&host);
}

#[test]
fn the_log_is_told_of_changes_even_where_it_is_off() {
    let host = host("[]").set("log", "off");
    host.add("projects", LIB);
    assert_eq!(
        host.take_audit(),
        [format!(
            "audit {NOW} ci project 7 team/lib added (private, 1 prefix)"
        )]
    );
}

#[test]
fn what_is_another_projects_or_tokens_is_refused_with_whose_it_is() {
    let host = host(r#"[{"id":3,"path":"conf/one","modules":["example.com/conf"]}]"#);
    host.add("projects", LIB);
    host.add("tokens", &token("kept", ONE, ""));
    host.take_audit();
    let configured = |what: &str| {
        format!(
            "conflict: {what}it is of the project 3 (conf/one) of the configuration, which wins: it is changed in the setting `projects`"
        )
    };
    let token_of = |what: &str| {
        format!(
            "conflict: {what}it is of the token `ci` of the configuration, which wins: it is changed in the setting `tokens`"
        )
    };
    let project = |id: u32, path: &str, prefix: &str| {
        format!(r#"{{"id":{id},"path":"{path}","modules":["a.example.com","{prefix}"]}}"#)
    };
    for (method, below, body, text) in [
        (
            Method::Put,
            "projects",
            project(3, "x/y", "x.y"),
            configured("the id 3: "),
        ),
        (
            Method::Put,
            "projects",
            project(8, "conf/one", "x.y"),
            configured("the path conf/one: "),
        ),
        (
            Method::Put,
            "projects",
            project(8, "x/y", "example.com/conf"),
            configured("the prefix example.com/conf: "),
        ),
        (
            Method::Put,
            "projects",
            project(8, "team/lib", "x.y"),
            "conflict: the path team/lib: it is of the project 7 (team/lib)".to_owned(),
        ),
        (
            Method::Put,
            "projects",
            project(8, "x/y", "example.com/lib"),
            "conflict: the prefix example.com/lib: it is of the project 7 (team/lib)".to_owned(),
        ),
        (Method::Delete, "projects/3", String::new(), configured("")),
        (
            Method::Delete,
            "projects/conf%2Fone",
            String::new(),
            configured(""),
        ),
        (
            Method::Post,
            "projects/3/enable",
            String::new(),
            configured(""),
        ),
        (
            Method::Post,
            "projects/conf%2Fone/disable",
            String::new(),
            configured(""),
        ),
        (Method::Put, "tokens", token("ci", TWO, ""), token_of("")),
        (
            Method::Put,
            "tokens",
            token("new", SECRET, ""),
            token_of("its secret: "),
        ),
        (
            Method::Put,
            "tokens",
            token("new", ONE, ""),
            "conflict: its secret is kept as that of the token `kept`".to_owned(),
        ),
        (Method::Delete, "tokens/ci", String::new(), token_of("")),
    ] {
        let before = host.map.values.borrow().clone();
        check(&host, method, below, &body, (409, &text, ""));
        assert_eq!(*host.map.values.borrow(), before, "{body}");
    }
    let implied = TestHost::new().set("admin", "on");
    let text = "conflict: the id 1: it is of the project 1 (default/modules) that is there as long as the setting `projects` is not set";
    let body = project(1, "x/y", "x.y");
    check(&implied, Method::Put, "projects", &body, (409, text, ""));
}

#[test]
fn what_can_not_be_understood_is_refused_and_says_why() {
    let host = host("[]");
    let deep = format!(
        r#"{{"id":1,"path":"a/b","modules":["a.b{}"]}}"#,
        "/c".repeat(24)
    );
    let long = format!(
        r#"{{"id":1,"path":"a/b","modules":["a.b/{}"]}}"#,
        "c".repeat(252)
    );
    let limits =
        "bad request: a module path prefix in the store has at most 255 bytes and 24 elements";
    let hash_text = "bad request: the token `x`: `sha256` is not 64 lower-case hex digits";
    let large = " ".repeat((64 << 10) + 1);
    let name = "n".repeat(256);
    for (method, below, body, status, text) in [
        (
            Method::Put,
            "projects",
            "",
            400,
            "bad request: the body is not JSON (line 1, column 0)",
        ),
        (
            Method::Put,
            "projects",
            "[]",
            400,
            "bad request: the project: it is not a JSON object",
        ),
        (
            Method::Put,
            "projects",
            r#"{"id":1,"path":"a/b","modules":["a.b"],"owner":"x"}"#,
            400,
            "bad request: the project: it has an unknown field: `id`, `path`, `modules`, `visibility` and `enabled` are known",
        ),
        (
            Method::Put,
            "projects",
            r#"{"id":1,"path":"a/b"}"#,
            400,
            "bad request: a project in the store names at least one module path prefix in `modules`: what no other owns belongs to a project of the configuration, or to none",
        ),
        (
            Method::Put,
            "projects",
            r#"{"id":1,"path":"a/b","modules":["a.b","c.d","a.b"]}"#,
            400,
            "bad request: `modules` names a.b twice",
        ),
        (Method::Put, "projects", &*deep, 400, limits),
        (Method::Put, "projects", &*long, 400, limits),
        (
            Method::Put,
            "projects",
            &*large,
            413,
            "too large: the body has more than 65536 bytes",
        ),
        (
            Method::Put,
            "tokens",
            "1",
            400,
            "bad request: the token is not a JSON object",
        ),
        (
            Method::Put,
            "tokens",
            "{\"name\":\"a\\nb\"}",
            400,
            "bad request: the token has no `name`, or one that is `.` or `..` or has control or invisible characters",
        ),
        (
            Method::Put,
            "tokens",
            r#"{"name":"x","sha256":"hunter2","scopes":["api"],"projects":[]}"#,
            400,
            hash_text,
        ),
        (
            Method::Put,
            "tokens",
            &*token(&name, ONE, ""),
            400,
            "bad request: a name has at most 255 bytes, a token 32768",
        ),
        (
            Method::Put,
            "projects?cursor=1",
            LIB,
            400,
            "bad request: the one parameter is `cursor`, and only a list has it",
        ),
        (
            Method::Get,
            "projects?page=1",
            "",
            400,
            "bad request: the one parameter is `cursor`, and only a list has it",
        ),
        (
            Method::Post,
            "projects/7/forget",
            "",
            404,
            "not found: projects have `enable` and `disable` behind their name, and nothing else; a slash in a name is written %2F",
        ),
        (
            Method::Delete,
            "projects/team/lib",
            "",
            404,
            "not found: projects have `enable` and `disable` behind their name, and nothing else; a slash in a name is written %2F",
        ),
    ] {
        check(&host, method, below, body, (status, text, ""));
    }
    for (method, below, allow) in [
        (Method::Post, "projects", "GET, HEAD, PUT"),
        (Method::Delete, "tokens", "GET, HEAD, PUT"),
        (Method::Get, "projects/7", "DELETE"),
        (Method::Put, "tokens/x", "DELETE"),
        (Method::Get, "projects/7/enable", "POST"),
    ] {
        let told = host.administer(method, below, "");
        assert_eq!(
            (told.status, told.header("allow")),
            (405, Some(allow)),
            "{below}"
        );
    }
    assert_eq!(host.map.values.borrow().len(), 0);
    assert_eq!(host.take_audit(), [""; 0]);
}

/// All verbs, with a body that is right where one is needed.
fn verbs() -> Vec<(Method, &'static str, String)> {
    vec![
        (Method::Get, "projects", String::new()),
        (Method::Head, "projects", String::new()),
        (Method::Put, "projects", LIB.to_owned()),
        (Method::Delete, "projects/7", String::new()),
        (Method::Post, "projects/7/enable", String::new()),
        (Method::Post, "projects/7/disable", String::new()),
        (Method::Get, "tokens", String::new()),
        (Method::Put, "tokens", token("x", ONE, "")),
        (Method::Delete, "tokens/x", String::new()),
    ]
}

#[test]
fn who_is_no_administrator_changes_nothing_and_nobody_does_where_it_is_off() {
    let writer = token("writer", ONE, "");
    let reader = token("reader", TWO, r#","admin":true"#).replace("\"api\"", "\"read_api\"");
    let host = host("[]");
    host.add("tokens", &writer);
    host.add("tokens", &reader);
    let off = TestHost::new().set("projects", "[]");
    let right = "this takes the scope `api` and the administrator flag";
    let before = host.map.values.borrow().clone();
    for (method, below, body) in verbs() {
        let target = format!("/-/admin/{below}");
        for (headers, status, text) in [
            (vec![], 401, "unauthorized: this takes a token".to_owned()),
            (
                vec![("private-token", "none")],
                401,
                "unauthorized: the token presented".to_owned(),
            ),
            (
                vec![("private-token", "one")],
                403,
                format!("forbidden: the token `writer`: {right}"),
            ),
            (
                vec![("private-token", "two")],
                403,
                format!("forbidden: the token `reader`: {right}"),
            ),
        ] {
            let told = host.ask(method.clone(), &target, &headers, body.as_bytes());
            assert_eq!(told.status, status, "{target}");
            assert!(
                told.body.starts_with(&text) || method == Method::Head,
                "{told:?}"
            );
            assert_eq!(told.header("cache-control"), Some("no-store"));
        }
        let told = off.administer(method.clone(), below, &body);
        let text = "forbidden: projects and tokens are not kept in the store: the setting `admin` is off, and the operator turns it on\n";
        let text = if method == Method::Head { "" } else { text };
        assert_eq!((told.status, told.body.as_str()), (403, text), "{target}");
        // Nor where a token is missing besides.
        assert_eq!(off.ask(method, &target, &[], body.as_bytes()).status, 401);
    }
    assert_eq!(*host.map.values.borrow(), before);
    assert_eq!(off.map.values.borrow().len(), 0);
    assert_eq!((host.take_audit().len(), off.take_audit().len()), (2, 0));
}

#[test]
fn a_wrong_token_is_told_before_what_is_wrong_with_the_request() {
    let host = host("[]");
    for (target, status) in [
        ("/-/admin/foo", 404),
        ("/-/admin/repair", 405),
        ("/-/admin/projects/7/rename", 404),
        ("/nonsense", 404),
    ] {
        assert_eq!(host.status(target, None), status, "{target}");
        assert_eq!(host.status(target, Some("none")), 401, "{target}");
    }
}

#[test]
fn a_token_of_the_store_administers_until_it_is_revoked() {
    let host = host("[]");
    host.add("tokens", &token("ops", ONE, r#","admin":true"#));
    host.take_audit();
    let as_ops = |method: Method, below: &str, body: &str| {
        let target = format!("/-/admin/{below}");
        host.ask(
            method,
            &target,
            &[("private-token", "one")],
            body.as_bytes(),
        )
    };
    assert_eq!(as_ops(Method::Put, "projects", LIB).status, 201);
    assert_eq!(
        host.take_audit(),
        [format!(
            "audit {NOW} ops project 7 team/lib added (private, 1 prefix)"
        )]
    );
    assert_eq!(as_ops(Method::Delete, "tokens/ops", "").status, 200);
    assert_eq!(
        host.take_audit(),
        [format!("audit {NOW} ops token ops revoked")]
    );
    assert_eq!(as_ops(Method::Get, "projects", "").status, 401);
}

#[test]
fn a_name_that_could_be_taken_for_more_words_of_a_line_is_in_quotes() {
    let host = host("[]");
    let name = r"ops token x added";
    host.add("tokens", &token(name, ONE, r#","admin":true"#));
    let key = [("private-token", "one")];
    let told = host.ask(Method::Put, "/-/admin/projects", &key, LIB.as_bytes());
    assert_eq!(told.status, 201);
    let lines = host.take_audit();
    let expected = [
        format!("audit {NOW} ci token \"{name}\" added (administrator, api for *)"),
        format!("audit {NOW} \"{name}\" project 7 team/lib added (private, 1 prefix)"),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn lists_have_the_configuration_first_and_say_what_it_hides() {
    let host = host("[]");
    host.add("projects", LIB);
    host.add(
        "projects",
        r#"{"id":10,"path":"team/ten","modules":["x.y/a","x.y/b"],"visibility":"internal","enabled":false}"#,
    );
    host.add(
        "projects",
        r#"{"id":8,"path":"team/eight","modules":["x.y/c"]}"#,
    );
    host.add(
        "tokens",
        &token("kept", ONE, r#","expires_at":"2030-01-02""#),
    );
    host.add("tokens", &token("other", TWO, r#","admin":true"#));
    let list = |host: &TestHost, what: &str| {
        let told = host.administer(Method::Get, what, "");
        assert_eq!(
            (told.status, told.header("cache-control")),
            (200, Some("no-store"))
        );
        let head = host.administer(Method::Head, what, "");
        assert_eq!((head.length, head.body.as_str()), (told.length, ""));
        told.body
    };
    let seven = r#"{"id":7,"path":"team/lib","modules":["example.com/lib"],"visibility":"private","enabled":true,"source":"store""#;
    let eight = r#"{"id":8,"path":"team/eight","modules":["x.y/c"],"visibility":"private","enabled":true,"source":"store""#;
    let ten = r#"{"id":10,"path":"team/ten","modules":["x.y/a","x.y/b"],"visibility":"internal","enabled":false,"source":"store""#;
    let projects = format!("{{\"projects\":[{ten}}},{seven}}},{eight}}}],\"cursor\":null}}\n");
    assert_eq!(list(&host, "projects"), projects);

    // A configuration that has the id of one, the path of another, and one prefix of two.
    let configured = r#"[{"id":7,"path":"conf/a","modules":["x.y/a"]},{"id":9,"path":"team/eight","visibility":"public","modules":[]}]"#;
    let tokens = format!(
        r#"[{{"name":"ci","sha256":"{SECRET}","scopes":["api"],"projects":["1"],"admin":true}},{}]"#,
        token("kept", &SECRET.replace('2', "3"), "")
    );
    let host = host.set("projects", configured).set("tokens", &tokens);
    let own = r#"{"id":7,"path":"conf/a","modules":["x.y/a"],"visibility":"private","enabled":true,"source":"configuration"},{"id":9,"path":"team/eight","modules":[],"visibility":"public","enabled":true,"source":"configuration"}"#;
    let projects = format!(
        "{{\"projects\":[{own},{ten},\"hidden_modules\":[\"x.y/a\"]}},{seven},\"hidden\":true}},{eight},\"hidden\":true}}],\"cursor\":null}}\n"
    );
    assert_eq!(list(&host, "projects"), projects);

    let told = list(&host, "tokens");
    let entry = |name: &str, more: &str| {
        format!(
            r#"{{"name":"{name}","scopes":["api"],"projects":["{}"],{more}}}"#,
            if name == "ci" { "1" } else { "*" }
        )
    };
    let ci = entry(
        "ci",
        r#""expires_at":null,"admin":true,"source":"configuration""#,
    );
    let own = entry(
        "kept",
        r#""expires_at":null,"admin":false,"source":"configuration""#,
    );
    let kept = entry(
        "kept",
        r#""expires_at":"2030-01-03T00:00:00Z","admin":false,"source":"store","hidden":true"#,
    );
    let other = entry(
        "other",
        r#""expires_at":null,"admin":true,"source":"store""#,
    );
    // The order of those in the store is that of their hashes.
    assert!(
        [[&kept, &other], [&other, &kept]]
            .iter()
            .any(|[first, second]| {
                told == format!("{{\"tokens\":[{ci},{own},{first},{second}],\"cursor\":null}}\n")
            }),
        "{told}"
    );
}

#[test]
fn a_list_names_what_can_not_be_read_and_has_the_rest() {
    let host = host("[]");
    host.add("projects", LIB);
    let eight = r#"{"id":8,"path":"team/eight","modules":["x.y/c"]}"#;
    host.add("projects", eight);
    host.add("tokens", &token("kept", ONE, ""));
    let whole = host.administer(Method::Get, "projects", "").body;
    for (key, value) in host.map.values.borrow_mut().iter_mut() {
        if key.contains("=2Fid=2F8") || key.contains("token=2Fname") {
            *value = b"{".to_vec();
        }
    }
    let projects = host.administer(Method::Get, "projects", "");
    assert_eq!(projects.status, 200);
    assert!(projects.body.contains("team/lib"), "{}", projects.body);
    let unreadable = r#""unreadable":["admin/project/id/8"],"cursor":null}"#;
    assert!(
        projects.body.trim_end().ends_with(unreadable),
        "{}",
        projects.body
    );
    let tokens = host.administer(Method::Get, "tokens", "");
    assert_eq!(tokens.status, 200);
    let unreadable = r#""unreadable":["admin/token/name/"#;
    assert!(tokens.body.contains(unreadable), "{}", tokens.body);
    assert_eq!(host.administer(Method::Put, "projects", eight).status, 200);
    assert_eq!(host.administer(Method::Get, "projects", "").body, whole);
}

#[test]
fn a_hidden_project_can_be_removed_and_then_the_configurations_is_met() {
    let host = host("[]");
    host.add("projects", LIB);
    let host = host.set(
        "projects",
        r#"[{"id":7,"path":"conf/a","modules":["x.y/a"]}]"#,
    );
    host.take_audit();
    check(
        &host,
        Method::Delete,
        "projects/7",
        "",
        (200, REMOVED, "project 7 team/lib removed"),
    );
    let text = "conflict: it is of the project 7 (conf/a) of the configuration, which wins: it is changed in the setting `projects`";
    check(&host, Method::Delete, "projects/7", "", (409, text, ""));
    assert_all_is_gone(&host);
}

#[test]
fn a_change_that_fails_in_the_middle_leaves_a_line_and_the_same_again_ends_it() {
    let put = |host: &TestHost, body: &str| host.administer(Method::Put, "projects", body);
    let two = LIB.replace("\"]", r#"","x.y"]"#);
    let mut midway = 0;
    for step in 0.. {
        let host = host("[]");
        host.add("projects", LIB);
        host.take_audit();
        let faults = Faults::at(step, crate::store::testing::Fault::Fails);
        host.map.faults.replace(Some(faults));
        let told = put(&host, &two);
        let struck = host.map.faults.take().is_some_and(|faults| faults.struck());
        let audit = host.take_audit();
        if !struck {
            assert_eq!(told.status, 200);
            break;
        }
        let changed = "project 7 team/lib changed (private, 2 prefixes)";
        let line = format!("audit {NOW} ci {changed} failed midway: run it again");
        assert_eq!(told.status, 503, "{told:?}");
        if !audit.is_empty() {
            midway += 1;
            assert_eq!(audit, [line], "step {step}");
            assert!(told.body.contains("run it again"), "{told:?}");
        }
        let again = put(&host, &two);
        assert_eq!(again.status, 200, "step {step}");
        assert_eq!(host.status("/x.y/m/@v/list", None), 401, "step {step}");
        assert_eq!(
            put(&host, &two).body,
            "{\"outcome\":\"unchanged\"}\n",
            "step {step}"
        );
    }
    // Five writes, a look before four of them, one whether all stand, and the new generation.
    assert_eq!(midway, 11);
}
