//! Who gets what: every combination of visibility, switch, kind of token, scope, base, endpoint and
//! method against the rules, which stand here as two tables and nothing else; with projects and tokens
//! in the settings, and in the store; and who may administer.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

use super::*;

/// Reads: where, a project's state, then what comes to who has no token, to the job of a project that is
/// not here, to a token for another project, and to one for this project. `ok` is what the endpoint
/// says by itself.
const READS: &str = "
    plain    public    ok  ok  ok  ok
    plain    internal  401 403 ok  ok
    plain    private   401 403 403 ok
    plain    disabled  401 403 403 403
    gitlab   public    ok  ok  ok  ok
    gitlab   internal  401 404 ok  ok
    gitlab   private   401 404 404 ok
    gitlab   disabled  401 404 404 404
    foreign  public    404 404 404 404
    foreign  internal  401 404 404 404
    foreign  private   401 404 404 404
    foreign  disabled  401 404 404 404
    absent   any       401 404 404 404
    unowned  any       404 404 404 404";

/// Writes: the same with a token that only reads, and one that publishes, for another project and for
/// this one.
const WRITES: &str = "
    plain    public    401 403 403 403 403 ok
    plain    internal  401 403 403 403 403 ok
    plain    private   401 403 403 403 403 ok
    plain    disabled  401 403 403 403 403 403
    gitlab   public    401 403 403 403 403 ok
    gitlab   internal  401 404 403 403 403 ok
    gitlab   private   401 404 404 404 403 ok
    gitlab   disabled  401 404 404 404 404 404
    foreign  public    401 403 403 403 403 404
    foreign  internal  401 404 403 403 403 404
    foreign  private   401 404 404 404 403 404
    foreign  disabled  401 404 404 404 404 404
    absent   any       401 404 404 404 404 404
    unowned  any       401 404 404 404 404 404";

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
const TOKENS: [(&str, &str, &str, bool); 13] = [
    ("personal", "private-token", r#"["*"]"#, true),
    ("project", "authorization", r#"["7"]"#, true),
    ("by path", "private-token", r#"["team/sub/lib"]"#, true),
    ("group", "private-token", r#"["team"]"#, true),
    ("sub-group", "authorization", r#"["team/sub"]"#, true),
    ("deploy", "deploy-token", r#"["8","7"]"#, true),
    ("job", "job-token", r#"["team/sub/lib"]"#, true),
    ("netrc", "basic alice", r#"["7"]"#, true),
    ("netrc of another", "basic bob", r#"["other/lib"]"#, false),
    (ADMINISTRATOR, "private-token", r#"["8"]"#, false),
    ("another project", "deploy-token", r#"["8"]"#, false),
    (
        "alike",
        "private-token",
        r#"["te","team/sub/li","70"]"#,
        false,
    ),
    ("none at all", "authorization", "[]", false),
];

/// The kind that has the flag, which opens no project.
const ADMINISTRATOR: &str = "administrator";

/// What is refused wherever a credential is looked at.
const REFUSED: [(&str, &str); 6] = [
    ("private-token", "unknown"),
    ("private-token", "expired"),
    ("job-token", "unknown"),
    ("authorization", "malformed"),
    ("authorization", "Bearer gpe_0"),
    // Of alice, whose password is "unknown".
    ("authorization", "Basic YWxpY2U6dW5rbm93bg=="),
];

/// What an issuer signs: for whom, a project, and whether it is this one.
#[cfg(feature = "oidc")]
const SIGNED: [(&str, &str, bool); 2] = [
    ("signed", "team/sub/lib", true),
    ("signed for another", "8", false),
];

/// Below `/-/admin/`: a method, what comes to an administrator where `admin` is on, and a right body.
const ADMINISTRATION: &[(&str, &str, u16, &str)] = &[
    ("POST", "repair", 200, ""),
    #[cfg(feature = "admin")]
    ("GET", "projects", 200, ""),
    #[cfg(feature = "admin")]
    (
        "PUT",
        "projects",
        201,
        r#"{"id":70,"path":"team/new","modules":["example.com/new"]}"#,
    ),
    #[cfg(feature = "admin")]
    ("POST", "projects/70/enable", 404, ""),
    #[cfg(feature = "admin")]
    ("DELETE", "projects/70", 200, ""),
    #[cfg(feature = "admin")]
    ("GET", "tokens", 200, ""),
    #[cfg(feature = "admin")]
    (
        "PUT",
        "tokens",
        201,
        r#"{"name":"new","sha256":"7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed","scopes":["api"],"projects":["*"]}"#,
    ),
    #[cfg(feature = "admin")]
    ("DELETE", "tokens/new", 200, ""),
];

/// A method that an endpoint takes, and what it says of a module that is there and of one that is not, to
/// whom it lets in.
type Taken = (&'static str, u16, u16);

/// Endpoints below a module, and the methods they take.
const ENDPOINTS: [(&str, &[Taken]); 9] = [
    ("@v/list", &[("GET", 200, 404), ("HEAD", 200, 404)]),
    ("@latest", &[("GET", 200, 404), ("HEAD", 200, 404)]),
    ("@v/v1.0.0.info", &[("GET", 200, 404), ("HEAD", 200, 404)]),
    ("@v/main.info", &[("GET", 200, 404), ("HEAD", 200, 404)]),
    (
        "@v/v1.0.0.mod",
        &[("GET", 200, 404), ("HEAD", 200, 404), ("PUT", 422, 422)],
    ),
    (
        "@v/v1.0.0.zip",
        &[("GET", 200, 404), ("HEAD", 200, 404), ("PUT", 422, 422)],
    ),
    // For the `go` command this is a path that names nothing: 405 would stop it.
    (
        "@v/v1.0.0",
        &[("GET", 404, 404), ("HEAD", 404, 404), ("DELETE", 204, 404)],
    ),
    (
        NOTHING,
        &[
            ("GET", 404, 404),
            ("HEAD", 404, 404),
            ("PUT", 422, 422),
            ("POST", 404, 404),
            ("DELETE", 422, 422),
            ("PATCH", 404, 404),
        ],
    ),
    ("upload", &[("PUT", 422, 422)]),
];

/// A file that the protocol does not know.
const NOTHING: &str = "@v/v1.0.0.ziphash";

const METHODS: [&str; 6] = ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH"];

/// An endpoint, a method, and what they say of a module that is there and of one that is not.
type Endpoint = (&'static str, &'static str, u16, u16);

const INFO: Endpoint = ("@v/v1.0.0.info", "GET", 200, 404);

/// Each endpoint with each method. One that it does not take is refused whoever asks with a valid credential or none.
fn endpoints() -> Vec<Endpoint> {
    let each = ENDPOINTS.iter().flat_map(|(file, taken)| {
        METHODS.map(|method| {
            let known = taken.iter().find(|(known, ..)| *known == method);
            let (_, there, absent) = known.copied().unwrap_or((method, 405, 405));
            (*file, method, there, absent)
        })
    });
    each.collect()
}

/// A project's visibility, and whether it is switched off.
const STATES: [&str; 6] = [
    "public",
    "internal",
    "private",
    "public-off",
    "internal-off",
    "private-off",
];

/// What the credential of a request is worth.
#[derive(Clone, Copy)]
enum Standing {
    /// Nothing is presented.
    Nobody,
    Refused,
    /// The job of a project that is not here.
    #[cfg_attr(not(feature = "oidc"), expect(dead_code))]
    Guest,
    /// Whether it is for the project, whether it publishes.
    Token(bool, bool),
}

/// Who asks.
struct Who {
    name: String,
    credential: Option<(&'static str, String)>,
    standing: Standing,
    administers: bool,
}

impl Who {
    fn new(name: impl Into<String>, standing: Standing) -> Self {
        Who {
            name: name.into(),
            credential: None,
            standing,
            administers: false,
        }
    }

    fn presents(self, header: &'static str, value: impl Into<String>) -> Self {
        Who {
            credential: Some((header, value.into())),
            ..self
        }
    }

    fn credential(&self) -> Option<(&str, &str)> {
        let credential = self.credential.as_ref();
        credential.map(|(header, value)| (*header, value.as_str()))
    }
}

fn everyone() -> Vec<Who> {
    let mut all = vec![Who::new("no token", Standing::Nobody)];
    for (header, value) in REFUSED {
        all.push(Who::new(value, Standing::Refused).presents(header, value));
    }
    for (kind, header, _, holds) in TOKENS {
        for (scope, publishes) in SCOPES.into_iter().zip([false, false, true, true]) {
            let name = format!("{kind} {scope}");
            let (header, value) = present(header, &name);
            let who = Who::new(name, Standing::Token(holds, publishes)).presents(header, value);
            all.push(Who {
                administers: kind == ADMINISTRATOR && scope == "api",
                ..who
            });
        }
    }
    #[cfg(feature = "oidc")]
    all.extend(judged());
    all
}

/// Those whom others judge.
#[cfg(feature = "oidc")]
fn judged() -> Vec<Who> {
    let bearer = |token: String| format!("Bearer {token}");
    let stranger = judges::signed("https://elsewhere.example.com", "signed api");
    let mut all = vec![
        Who::new("signed elsewhere", Standing::Refused).presents("authorization", bearer(stranger)),
    ];
    for (subject, _, holds) in SIGNED {
        for (scope, publishes) in SCOPES.into_iter().zip([false, false, true, true]) {
            let name = format!("{subject} {scope}");
            let token = bearer(judges::signed(judges::ISSUER, &name));
            let who = Who::new(name, Standing::Token(holds, publishes));
            all.push(who.presents("authorization", token));
        }
    }
    for (project, standing) in [
        ("team/sub/lib", Standing::Token(true, true)),
        ("other/lib", Standing::Token(false, true)),
        ("strangers/lib", Standing::Guest),
        // What stands in for a project that is not there has this path.
        ("nobodys/project", Standing::Guest),
    ] {
        for header in ["job-token", "basic gitlab-ci-token"] {
            let who = Who::new(format!("{header} of {project}"), standing);
            let (header, value) = present(header, &judges::job(project));
            all.push(who.presents(header, value));
        }
    }
    all
}

/// A host that lets those in whom others judge.
#[cfg(feature = "oidc")]
fn with_judges(host: TestHost) -> TestHost {
    let rules = SIGNED.iter().flat_map(|(subject, project, _)| {
        SCOPES.map(|scope| judges::rule(&format!("{subject} {scope}"), project, scope))
    });
    let rules: Vec<_> = rules.collect();
    let credentials = judged().into_iter().filter_map(|who| who.credential);
    let credentials: Vec<_> = credentials.collect();
    host.judged(&rules, &credentials)
}

#[cfg(not(feature = "oidc"))]
fn with_judges(host: TestHost) -> TestHost {
    host
}

struct Row {
    place: (&'static str, &'static str, &'static str, &'static str),
    /// One of [`STATES`].
    state: &'static str,
    endpoint: Endpoint,
    is_there: bool,
}

impl Row {
    fn expected(&self, standing: Standing) -> u16 {
        let (file, method, there, absent) = self.endpoint;
        let (place, ..) = self.place;
        let own = if self.is_there { there } else { absent };
        if own == 405 && !matches!(standing, Standing::Refused) {
            return own;
        }
        let reads = matches!(method, "GET" | "HEAD");
        let column = match (reads, standing) {
            (_, Standing::Refused) => return 401,
            (_, Standing::Nobody) => 0,
            (_, Standing::Guest) => 1,
            (true, Standing::Token(holds, _)) => 2 + usize::from(holds),
            (false, Standing::Token(holds, publishes)) => {
                2 + 2 * usize::from(holds) + usize::from(publishes)
            }
        };
        // What the zip holds is not known before the scope is asked for.
        let unsaid = [("unowned", "upload"), ("unowned", NOTHING)].contains(&(place, file));
        if unsaid && !reads && matches!(standing, Standing::Token(_, false)) {
            return 403;
        }
        match cell(
            if reads { READS } else { WRITES },
            place,
            self.state,
            column,
        ) {
            "ok" if place == "gitlab" && file == "@v/list" => 200,
            // Whoever may publish in the project is told that this names nothing, not whose it is not.
            "404"
                if (place, file) == ("foreign", NOTHING)
                    && !self.state.ends_with("-off")
                    && matches!(standing, Standing::Token(true, true)) =>
            {
                own
            }
            "ok" => own,
            "404" if (place, file) == ("unowned", NOTHING) => own,
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
    let state = if state.ends_with("-off") {
        "disabled"
    } else {
        state
    };
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
    /// The tokens in the settings, the projects in the store.
    #[cfg(feature = "admin")]
    ProjectsInStore,
}

impl Source {
    const ALL: &[Source] = &[
        Source::Settings,
        #[cfg(feature = "admin")]
        Source::SettingsBesideStore,
        #[cfg(feature = "admin")]
        Source::Store,
        #[cfg(feature = "admin")]
        Source::ProjectsInStore,
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
            let admin = kind == ADMINISTRATOR;
            entries.push(format!(
                r#"{{"name":"{kind}{mark}","sha256":"{hash}","scopes":["{scope}"],"projects":{projects},"admin":{admin}}}"#
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
    let (visibility, enabled) = match state.strip_suffix("-off") {
        Some(visibility) => (visibility, false),
        None => (state, true),
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
    let host = match source {
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
        Source::Store | Source::ProjectsInStore => {
            let host = host.set("admin", "on").set("projects", "[]");
            for project in projects(state) {
                host.add("projects", &project);
            }
            if source == Source::ProjectsInStore {
                let tokens = format!("[{}]", all_tokens().join(","));
                return with_judges(host.set("tokens", &tokens));
            }
            for token in all_tokens() {
                host.add("tokens", &token);
            }
            host
        }
    };
    with_judges(host)
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "POST" => Method::Post,
        other => Method::Other(other.to_owned()),
    }
}

fn present(header: &'static str, secret: &str) -> (&'static str, String) {
    match (header, header.strip_prefix("basic ")) {
        (_, Some(user)) => {
            let basic = BASE64_STANDARD.encode(format!("{user}:{secret}"));
            ("authorization", format!("Basic {basic}"))
        }
        ("authorization", _) => (header, format!("Bearer {secret}")),
        _ => (header, secret.to_owned()),
    }
}

/// Asks without leaving a trace in the store.
fn ask(host: &TestHost, row: &Row, credential: Option<(&str, &str)>) -> Told {
    tell(host, row.endpoint.1, &row.target(), credential, &row.body())
}

fn tell(
    host: &TestHost,
    verb: &str,
    target: &str,
    credential: Option<(&str, &str)>,
    body: &[u8],
) -> Told {
    let headers: Vec<_> = credential.into_iter().collect();
    let before = host.map.values.borrow().clone();
    let told = host.ask(method(verb), target, &headers, body);
    host.map.values.replace(before);
    told
}

fn every_row(state: &'static str) -> Vec<Row> {
    let mut rows = Vec::new();
    for place in PLACES {
        for endpoint in endpoints() {
            for is_there in [true, false] {
                rows.push(Row {
                    place,
                    state,
                    endpoint,
                    // Nothing was ever published where nobody owns the path.
                    is_there: is_there && place.0 != "unowned",
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
    /// `asked` is state, place, method and target.
    fn check(&mut self, asked: [&str; 4], who: &Who, expected: u16, told: &Told) {
        self.count += 1;
        if told.status != expected {
            let [state, place, method, target] = asked;
            let (who, got) = (&who.name, told.status);
            let _ = writeln!(
                self.differences,
                "{state:12} {place:8} {method:6} {target:60} {who:40} {expected} {got}"
            );
        }
    }
}

#[test]
fn every_combination_of_project_token_and_request_has_the_answer_of_the_rules() {
    std::thread::scope(|scope| {
        for source in Source::ALL {
            scope.spawn(|| every_combination_has_the_answer_of_the_rules(*source));
        }
    });
}

fn every_combination_has_the_answer_of_the_rules(source: Source) {
    let mut report = Report::default();
    let everyone = everyone();
    for state in STATES {
        let host = host(state, source);
        for row in every_row(state) {
            let anonymous = ask(&host, &row, None);
            let (place, target) = (row.place.0, row.target());
            let asked = [state, place, row.endpoint.1, &target];
            for who in &everyone {
                let told = ask(&host, &row, who.credential());
                report.check(asked, who, row.expected(who.standing), &told);
                let counts = matches!(who.standing, Standing::Guest | Standing::Token(..));
                let wrong = wrong_caching(&row, &told, &anonymous);
                if let Some(wrong) = wrong.filter(|_| counts) {
                    let who = &who.name;
                    let _ = writeln!(report.differences, "{state} {target} {who}: {wrong}");
                }
            }
        }
        for (verb, below, own, body) in ADMINISTRATION {
            let target = format!("/-/admin/{below}");
            for who in &everyone {
                let expected = match who.standing {
                    Standing::Nobody | Standing::Refused => 401,
                    _ if !who.administers => 403,
                    // Nothing is kept in the store that could be changed.
                    _ if source == Source::Settings && *below != "repair" => 403,
                    _ => *own,
                };
                let told = tell(&host, verb, &target, who.credential(), body.as_bytes());
                report.check([state, "admin", verb, &target], who, expected, &told);
            }
        }
    }
    assert!(
        report.differences.is_empty(),
        "{source:?}\nstate        place    method target, who, expected, got\n{}",
        report.differences
    );
    let judged = if cfg!(feature = "oidc") { 17 } else { 0 };
    assert_eq!(everyone.len(), 1 + 6 + 13 * 4 + judged);
    let requests = 6 * (6 * (9 * 6) * 2 + ADMINISTRATION.len());
    assert_eq!(report.count, requests * everyone.len());
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
        for state in ["private", "public-off"] {
            let host = host(state, *source);
            // Whoever may is let in before, so often that it is remembered.
            let everyone = everyone();
            let holds = |who: &&Who| matches!(who.standing, Standing::Token(true, _));
            for who in everyone.iter().filter(holds) {
                for name in ["/7/", "/team%2Fsub%2Flib/"] {
                    for _ in 0..4 {
                        told_below(&host, state, name, INFO, who.credential());
                    }
                }
            }
            assert_one_is_as_the_other(&host, state, source);
            // The same while a change of the project is under way.
            for (key, value) in host.map.values.borrow_mut().iter_mut() {
                let of_lib = key.ends_with("=2Fprefix=2Fexample.com=2Flib");
                let at = value.windows(6).position(|six| six == b"state ");
                if let Some(at) = at.filter(|_| of_lib) {
                    value[at + 6..][..16].fill(b'0');
                }
            }
            host.now.set(host.now.get() + 10);
            assert_one_is_as_the_other(&host, state, source);
        }
    }
}

fn assert_one_is_as_the_other(host: &TestHost, state: &'static str, source: &Source) {
    for (credential, names) in [
        (None, ["/7/", "/9/"]),
        (None, ["/team%2Fsub%2Flib/", "/team%2Fsub%2Fbil/"]),
        (
            Some(("deploy-token", "another project api")),
            ["/7/", "/9/"],
        ),
        (Some(("private-token", "nobody's")), ["/7/", "/9/"]),
    ] {
        for endpoint in endpoints() {
            let [hidden, absent] =
                names.map(|name| told_below(host, state, name, endpoint, credential));
            assert_eq!(hidden, absent, "{source:?} {state} {endpoint:?}");
        }
    }
}

/// What is answered below GitLab's base, and how often the store was asked, for how many values, and how
/// many of those it had.
fn told_below(
    host: &TestHost,
    state: &'static str,
    name: &str,
    endpoint: Endpoint,
    credential: Option<(&str, &str)>,
) -> (Told, [usize; 3]) {
    let base: &'static str = format!("/api/v4/projects{name}packages/go").leak();
    let row = Row {
        place: ("", base, "example.com/lib/m", ""),
        state,
        endpoint,
        is_there: true,
    };
    let counts = [
        &host.map.calls,
        &host.map.values_asked,
        &host.map.values_found,
    ];
    for count in counts {
        count.set(0);
    }
    let mut told = ask(host, &row, credential);
    // The one thing that may differ is what the client itself wrote.
    told.body = told.body.replace("\"7\"", "\"9\"");
    (told, counts.map(Cell::get))
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
    for source in Source::ALL {
        let host = host("private", *source);
        host.map
            .failure
            .replace(Some(Error::Unavailable("asked".to_owned())));
        for row in every_row("private") {
            let at = format!("{source:?} {}", row.target());
            // Elsewhere the store says what access there is.
            let of_settings = matches!(source, Source::Settings);
            if of_settings && row.expected(Standing::Nobody) == 401 {
                assert_eq!(ask(&host, &row, None).status, 401, "{at}");
            }
            let told = ask(&host, &row, Some(("private-token", "gpe_wrong")));
            assert_eq!(told.status, 401, "{at}");
        }
    }
}

#[cfg(feature = "oidc")]
#[test]
fn the_token_of_a_job_opens_its_own_project_and_none_below_its_path() {
    let inner = r#"{"id":9,"path":"team/sub/lib/inner","modules":["example.com/inner"]}"#;
    for source in Source::ALL {
        let host = match source {
            Source::Settings => {
                let [own, other] = projects("private");
                let all = format!("[{own},{other},{inner}]");
                with_judges(TestHost::new().set("projects", &all))
            }
            #[cfg(feature = "admin")]
            Source::Store => {
                let host = host("private", Source::Store);
                host.add("projects", inner);
                host
            }
            #[cfg(feature = "admin")]
            _ => continue,
        };
        let (header, value) = present("job-token", &judges::job("team/sub/lib"));
        for (module, status) in [("example.com/lib/none", 404), ("example.com/inner/m", 403)] {
            let target = format!("/{module}/@v/v1.0.0.info");
            let told = host.ask(Method::Get, &target, &[(header, &value)], b"");
            assert_eq!(told.status, status, "{source:?} {module}: {told:?}");
        }
        // What is kept of it, what its GitLab said of the job, and the file: no call for whether the project is here.
        host.map.calls.set(0);
        let target = "/example.com/lib/none/@v/v1.0.0.info";
        host.ask(Method::Get, target, &[(header, &value)], b"");
        let of_store = usize::from(!matches!(source, Source::Settings));
        assert_eq!(host.map.calls.get(), of_store + 2, "{source:?}");
    }
}

#[cfg(all(feature = "oidc", feature = "admin"))]
#[test]
fn a_job_is_not_taken_for_a_strangers_where_its_project_can_not_be_read() {
    let host = host("internal", Source::Store);
    for (key, value) in host.map.values.borrow_mut().iter_mut() {
        if key.ends_with("=2Fpath=2Fteam=2Fsub=2Flib") {
            *value = b"{".to_vec();
        }
    }
    let (header, value) = present("job-token", &judges::job("team/sub/lib"));
    // Of another project, which tells nothing of that one.
    let target = "/example.com/other/m/@v/v1.0.0.info";
    let told = host.ask(Method::Get, target, &[(header, &value)], b"");
    assert_eq!(told.status, 500, "{told:?}");
}
