//! Who gets what: every combination of visibility, switch, kind of token, scope, base, endpoint and
//! method against the rules, which stand here as two tables and nothing else; with projects and tokens
//! in the settings, and in the store.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::*;

/// Reads: where, a project's state, then what comes to who has no token, a token for another project,
/// and one for this project. `ok` is what the endpoint says by itself.
const READS: &str = "
    plain    public    ok  ok  ok
    plain    internal  401 ok  ok
    plain    private   401 403 ok
    plain    disabled  401 403 403
    gitlab   public    ok  ok  ok
    gitlab   internal  401 ok  ok
    gitlab   private   401 404 ok
    gitlab   disabled  401 404 404
    foreign  public    404 404 404
    foreign  internal  401 404 404
    foreign  private   401 404 404
    foreign  disabled  401 404 404
    absent   any       401 404 404
    unowned  any       404 404 404";

/// Writes: the same with a token that only reads, and one that publishes, for another project and for
/// this one.
const WRITES: &str = "
    plain    public    401 403 403 403 ok
    plain    internal  401 403 403 403 ok
    plain    private   401 403 403 403 ok
    plain    disabled  401 403 403 403 403
    gitlab   public    401 403 403 403 ok
    gitlab   internal  401 403 403 403 ok
    gitlab   private   401 404 404 403 ok
    gitlab   disabled  401 404 404 404 404
    foreign  public    401 403 403 403 404
    foreign  internal  401 403 403 403 404
    foreign  private   401 404 404 403 404
    foreign  disabled  401 404 404 404 404
    absent   any       401 404 404 404 404
    unowned  any       401 404 404 404 404";

/// Where a request goes: the row of the tables, the base, and a module that is there and one that is not.
const PLACES: [(&str, &str, &str, &str); 6] = [
    ("plain", "", "example.com/lib/m", "example.com/lib/none"),
    (
        "gitlab",
        "/api/v4/projects/7/packages/go",
        "example.com/lib/m",
        "example.com/lib/none",
    ),
    (
        "gitlab",
        "/api/v4/projects/team%2Fsub%2Flib/packages/go",
        "example.com/lib/m",
        "example.com/lib/none",
    ),
    (
        "foreign",
        "/api/v4/projects/7/packages/go",
        "example.com/other/m",
        "example.org/none",
    ),
    (
        "absent",
        "/api/v4/projects/9/packages/go",
        "example.com/lib/m",
        "example.com/lib/none",
    ),
    ("unowned", "", "example.org/m", "example.org/none"),
];

const SCOPES: [&str; 4] = [
    "read_api",
    "read_package_registry",
    "api",
    "write_package_registry",
];

/// A kind of token: how it arrives, the projects that it is for, and whether that is this one.
const TOKENS: [(&str, &str, &str, bool); 10] = [
    ("personal", "private-token", r#"["*"]"#, true),
    ("project", "authorization", r#"["7"]"#, true),
    ("by path", "private-token", r#"["team/sub/lib"]"#, true),
    ("group", "private-token", r#"["team"]"#, true),
    ("sub-group", "authorization", r#"["team/sub"]"#, true),
    ("deploy", "deploy-token", r#"["8","7"]"#, true),
    ("job", "job-token", r#"["team/sub/lib"]"#, true),
    ("another project", "deploy-token", r#"["8"]"#, false),
    (
        "alike",
        "private-token",
        r#"["te","team/sub/li","70"]"#,
        false,
    ),
    ("none at all", "authorization", "[]", false),
];

/// Endpoints below a module, the methods they take, and what they say of a module that is there and of
/// one that is not, to whom they let in.
const ENDPOINTS: [(&str, &str, u16, u16); 12] = [
    ("@v/list", "GET", 200, 404),
    ("@latest", "GET", 200, 404),
    ("@v/v1.0.0.info", "GET", 200, 404),
    ("@v/main.info", "GET", 200, 404),
    ("@v/v1.0.0.mod", "GET", 200, 404),
    ("@v/v1.0.0.zip", "GET", 200, 404),
    ("@v/v1.0.0.zip", "HEAD", 200, 404),
    ("@v/v1.0.0.zip", "PUT", 422, 422),
    ("@v/v1.0.0.mod", "PUT", 422, 422),
    ("@v/v1.0.0", "DELETE", 204, 404),
    ("upload", "PUT", 422, 422),
    ("@v/v1.0.0.zip", "POST", 405, 405),
];

struct Row {
    place: (&'static str, &'static str, &'static str, &'static str),
    /// `public`, `internal`, `private` or `disabled`.
    state: &'static str,
    endpoint: (&'static str, &'static str, u16, u16),
    is_there: bool,
    /// Whether the token is for the project, whether it publishes; none without a token.
    token: Option<(bool, bool)>,
}

impl Row {
    fn expected(&self) -> u16 {
        let (file, method, there, absent) = self.endpoint;
        let (place, ..) = self.place;
        let own = if self.is_there { there } else { absent };
        if method == "POST" {
            return own;
        }
        let reads = matches!(method, "GET" | "HEAD");
        let column = match (reads, self.token) {
            (_, None) => 0,
            (true, Some((holds, _))) => 1 + usize::from(holds),
            (false, Some((holds, publishes))) => {
                1 + 2 * usize::from(holds) + usize::from(publishes)
            }
        };
        // What the zip holds is not known before the scope is asked for.
        if place == "unowned" && file == "upload" && self.token.is_some_and(|(_, writes)| !writes) {
            return 403;
        }
        match cell(
            if reads { READS } else { WRITES },
            place,
            self.state,
            column,
        ) {
            "ok" if place == "gitlab" && file == "@v/list" => 200,
            "ok" => own,
            status => status.parse().unwrap(),
        }
    }

    fn target(&self) -> String {
        let (_, base, there, absent) = self.place;
        match self.endpoint.0 {
            "upload" => format!("{base}/upload"),
            file if self.is_there => format!("{base}/{there}/{file}"),
            file => format!("{base}/{absent}/{file}"),
        }
    }

    /// For `upload`, no more of a zip than tells its module.
    fn body(&self) -> Vec<u8> {
        let (_, _, there, absent) = self.place;
        let module = if self.is_there { there } else { absent };
        let name = format!("{module}@v1.0.0/go.mod");
        let mut zip = b"PK\x03\x04".to_vec();
        zip.extend([0; 22]);
        zip.extend((name.len() as u16).to_le_bytes());
        zip.extend([0; 2]);
        zip.extend(name.into_bytes());
        match self.endpoint.0 {
            "upload" => zip,
            _ => Vec::new(),
        }
    }
}

fn cell(table: &'static str, place: &str, state: &str, column: usize) -> &'static str {
    let mut lines = table.lines().map(|line| line.split_whitespace());
    lines
        .find_map(|mut words| {
            let fits =
                words.next() == Some(place) && [Some("any"), Some(state)].contains(&words.next());
            fits.then(|| words.nth(column).unwrap())
        })
        .unwrap()
}

fn sha256(secret: &str) -> String {
    crate::hex::encode(&Sha256::digest(secret))
}

/// Where projects and tokens are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Settings,
    /// There too, and the store is looked into besides.
    #[cfg(feature = "admin")]
    SettingsBesideStore,
    #[cfg(feature = "admin")]
    Store,
}

impl Source {
    const ALL: &[Source] = &[
        Source::Settings,
        #[cfg(feature = "admin")]
        Source::SettingsBesideStore,
        #[cfg(feature = "admin")]
        Source::Store,
    ];
}

fn all_tokens() -> Vec<String> {
    let mut entries = Vec::new();
    for (kind, _, projects, _) in TOKENS {
        for scope in SCOPES {
            let hash = sha256(&format!("{kind} {scope}"));
            // Names in the store are one's own, and refusals show them.
            let mark = scope
                .strip_prefix("read_api")
                .map_or(format!(" {scope}"), str::to_owned);
            entries.push(format!(
                r#"{{"name":"{kind}{mark}","sha256":"{hash}","scopes":["{scope}"],"projects":{projects}}}"#
            ));
        }
    }
    let hash = sha256("expired");
    entries.push(format!(
        r#"{{"name":"old","sha256":"{hash}","scopes":["api"],"projects":["*"],"expires_at":"2020-01-01"}}"#
    ));
    entries
}

fn projects(state: &str) -> [String; 2] {
    let (visibility, enabled) = match state {
        "disabled" => ("public", false),
        visibility => (visibility, true),
    };
    [
        format!(
            r#"{{"id":7,"path":"team/sub/lib","modules":["example.com/lib"],"visibility":"{visibility}","enabled":{enabled}}}"#
        ),
        r#"{"id":8,"path":"other/lib","modules":["example.com/other"],"visibility":"public"}"#
            .to_owned(),
    ]
}

/// A host with a project in this state, and modules published before there were projects.
fn host(state: &str, source: Source) -> TestHost {
    let host = TestHost::new();
    for module in ["example.com/lib/m", "example.com/other/m"] {
        let zip = module_zip(&version(module, "v1.0.0"), b"text");
        let told = host.put(&format!("/{module}/@v/v1.0.0.zip?ref=main"), &zip);
        assert_eq!(told.status, 201, "{told:?}");
    }
    let setting = |name: &str, value: String| (name.to_owned(), value);
    let in_settings = vec![
        setting("tokens", format!("[{}]", all_tokens().join(","))),
        setting("projects", format!("[{}]", projects(state).join(","))),
    ];
    match source {
        Source::Settings => TestHost {
            settings: in_settings,
            ..host
        },
        #[cfg(feature = "admin")]
        Source::SettingsBesideStore => {
            let settings = in_settings;
            TestHost { settings, ..host }.set("admin", "on")
        }
        #[cfg(feature = "admin")]
        Source::Store => {
            let host = host.set("admin", "on").set("projects", "[]");
            for token in all_tokens() {
                host.add("tokens", &token);
            }
            for project in projects(state) {
                host.add("projects", &project);
            }
            host
        }
    }
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        _ => Method::Post,
    }
}

fn present(header: &'static str, secret: &str) -> (&'static str, String) {
    match header {
        "authorization" => (header, format!("Bearer {secret}")),
        _ => (header, secret.to_owned()),
    }
}

/// Asks without leaving a trace in the store.
fn ask(host: &TestHost, row: &Row, credential: Option<(&str, &str)>) -> Told {
    let headers: Vec<_> = credential.into_iter().collect();
    let before = host.map.values.borrow().clone();
    let told = host.ask(method(row.endpoint.1), &row.target(), &headers, &row.body());
    host.map.values.replace(before);
    told
}

fn every_row(state: &'static str) -> Vec<Row> {
    let mut rows = Vec::new();
    for place in PLACES {
        for endpoint in ENDPOINTS {
            for is_there in [true, false] {
                rows.push(Row {
                    place,
                    state,
                    endpoint,
                    // Nothing was ever published where nobody owns the path.
                    is_there: is_there && place.0 != "unowned",
                    token: None,
                });
            }
        }
    }
    rows
}

/// What differs from the rules, a line each.
#[derive(Default)]
struct Report {
    count: usize,
    differences: String,
}

impl Report {
    fn check(&mut self, row: &Row, who: &str, expected: u16, told: &Told) {
        self.count += 1;
        if told.status != expected {
            let (place, ..) = row.place;
            let _ = writeln!(
                self.differences,
                "{:9} {place:8} {:6} {:60} {who:40} {expected} {}",
                row.state,
                row.endpoint.1,
                row.target(),
                told.status
            );
        }
    }
}

#[test]
fn every_combination_of_project_token_and_request_has_the_answer_of_the_rules() {
    for source in Source::ALL {
        every_combination_has_the_answer_of_the_rules(*source);
    }
}

fn every_combination_has_the_answer_of_the_rules(source: Source) {
    let mut report = Report::default();
    for state in ["public", "internal", "private", "disabled"] {
        let host = host(state, source);
        for mut row in every_row(state) {
            let anonymous = ask(&host, &row, None);
            report.check(&row, "no token", row.expected(), &anonymous);
            let refused = if row.endpoint.1 == "POST" { 405 } else { 401 };
            for (header, secret) in [
                ("private-token", "unknown"),
                ("private-token", "expired"),
                ("authorization", "malformed"),
                ("authorization", "Bearer gpe_0"),
            ] {
                let told = ask(&host, &row, Some((header, secret)));
                report.check(&row, secret, refused, &told);
            }
            for (kind, header, _, holds) in TOKENS {
                for (scope, publishes) in SCOPES.into_iter().zip([false, false, true, true]) {
                    row.token = Some((holds, publishes));
                    let who = format!("{kind} {scope}");
                    let (header, secret) = present(header, &who);
                    let told = ask(&host, &row, Some((header, &secret)));
                    report.check(&row, &who, row.expected(), &told);
                    if let Some(wrong) = wrong_caching(&row, &told, &anonymous) {
                        let target = row.target();
                        let _ = writeln!(report.differences, "{state} {target} {who}: {wrong}");
                    }
                }
            }
        }
    }
    assert!(
        report.differences.is_empty(),
        "{source:?}\nstate     place    method target, who, expected, got\n{}",
        report.differences
    );
    assert_eq!(report.count, 4 * 6 * 12 * 2 * 45);
}

/// A shared cache may keep a read's answer if and only if it is what comes without a credential too.
fn wrong_caching(row: &Row, told: &Told, anonymous: &Told) -> Option<String> {
    if !matches!(row.endpoint.1, "GET" | "HEAD") {
        return None;
    }
    let cache = told.header("cache-control").unwrap_or_default();
    let same = told == anonymous;
    let (fits, vary) = match told.status {
        200 if same => (cache.starts_with("public"), None),
        200 => (
            cache.starts_with("private"),
            Some("Authorization, Private-Token, Job-Token, Deploy-Token"),
        ),
        404 if same => (cache.starts_with("public"), None),
        _ => (cache == "no-store", None),
    };
    (!fits || told.header("vary") != vary).then(|| format!("{told:?}"))
}

#[test]
fn a_project_that_one_may_not_see_is_to_the_byte_and_the_store_as_one_that_is_not_there() {
    for source in Source::ALL {
        for state in ["private", "disabled"] {
            let host = host(state, *source);
            for (credential, names) in [
                (None, ["/7/", "/9/"]),
                (None, ["/team%2Fsub%2Flib/", "/team%2Fsub%2Fbil/"]),
                (
                    Some(("deploy-token", "another project api")),
                    ["/7/", "/9/"],
                ),
            ] {
                for endpoint in ENDPOINTS {
                    let [hidden, absent] =
                        names.map(|name| told_below(&host, state, name, endpoint, credential));
                    assert_eq!(hidden, absent, "{source:?} {state} {endpoint:?}");
                }
            }
        }
    }
}

/// What is answered below GitLab's base, and how often the store was asked, for how many values.
fn told_below(
    host: &TestHost,
    state: &'static str,
    name: &str,
    endpoint: (&'static str, &'static str, u16, u16),
    credential: Option<(&str, &str)>,
) -> (Told, usize, usize) {
    let base: &'static str = format!("/api/v4/projects{name}packages/go").leak();
    let row = Row {
        place: ("", base, "example.com/lib/m", ""),
        state,
        endpoint,
        is_there: true,
        token: None,
    };
    host.map.calls.set(0);
    host.map.values_asked.set(0);
    let mut told = ask(host, &row, credential);
    // The one thing that may differ is what the client itself wrote.
    told.body = told.body.replace("\"7\"", "\"9\"");
    (told, host.map.calls.get(), host.map.values_asked.get())
}

#[test]
fn the_list_of_a_path_under_a_named_prefix_is_empty_below_gitlabs_base_alone() {
    let host = host("private", Source::Settings);
    let token = [("private-token", "group read_api")];
    let list = |target: &str| host.ask(Method::Get, target, &token, b"");
    let told = list("/api/v4/projects/7/packages/go/example.com/lib/none/@v/list");
    let tag = told.header("etag").unwrap().to_owned();
    let expected = Told {
        status: 200,
        headers: vec![
            ("content-type", "text/plain; charset=utf-8".to_owned()),
            ("etag", tag),
            ("cache-control", "private, max-age=60".to_owned()),
            (
                "vary",
                "Authorization, Private-Token, Job-Token, Deploy-Token".to_owned(),
            ),
        ],
        length: Some(0),
        body: String::new(),
    };
    assert_eq!(told, expected);
    let plain = list("/example.com/lib/none/@v/list");
    let text = "not found: example.com/lib/none: no such module\n";
    assert_eq!((plain.status, plain.body.as_str()), (404, text));
}

#[test]
fn a_refusal_says_what_is_missing_and_never_where() {
    let host = host("private", Source::Settings);
    let stranger = ("deploy-token", "another project api");
    let reader = ("private-token", "group read_api");
    let base = "/api/v4/projects/7/packages/go";
    let zip = "example.com/lib/m/@v/v1.0.0.zip";
    for (target, credential, writes, status, text) in [
        (
            format!("/{zip}"),
            stranger,
            false,
            403,
            "forbidden: the token `another project api`: example.com/lib/m is not for it\n",
        ),
        (
            format!("{base}/{zip}"),
            stranger,
            false,
            404,
            "not found: there is no project \"7\" here\n",
        ),
        (
            format!("{base}/{zip}"),
            reader,
            true,
            403,
            "forbidden: the token `group`: it has no scope to publish: that takes `write_package_registry` or `api`\n",
        ),
        (
            format!("{base}/example.com/other/m/@v/list"),
            reader,
            false,
            404,
            "not found: example.com/other/m: not a module of the project \"7\"\n",
        ),
        (
            "/example.org/m/@v/list".to_owned(),
            reader,
            false,
            404,
            "not found: example.org/m: no project here has this path\n",
        ),
    ] {
        let method = if writes { Method::Put } else { Method::Get };
        let told = host.ask(method, &target, &[credential], b"");
        assert_eq!(
            (told.status, told.body.as_str()),
            (status, text),
            "{target}"
        );
    }
}

#[test]
fn nothing_is_read_from_the_store_before_access_is_decided() {
    let host = host("private", Source::Settings);
    host.map
        .failure
        .replace(Some(Error::Unavailable("asked".to_owned())));
    for row in every_row("private") {
        let status = row.expected();
        if status == 401 {
            assert_eq!(ask(&host, &row, None).status, 401, "{}", row.target());
        }
        let told = ask(&host, &row, Some(("private-token", "gpe_wrong")));
        assert!(matches!(told.status, 401 | 405), "{}", row.target());
    }
}
