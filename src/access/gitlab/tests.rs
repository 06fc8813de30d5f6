//! A GitLab that knows one job, refuses, fails or answers nonsense.

use super::*;
use crate::access::testing::{Says, World};
use crate::http::client::Unanswered;
use crate::store::Error;

const GITLAB: &str = "https://gitlab.example.com";
const JOB: &str = "https://gitlab.example.com/api/v4/job";
/// After the example in GitLab's documentation, cut.
const ANSWER: &str = r#"{"id":8,"status":"running","tag":false,
    "pipeline":{"id":6,"project_id":1,"status":"running"},
    "web_url":"https://gitlab.example.com/group/sub/project/-/jobs/8",
    "project":{"ci_job_token_scope_enabled":false},"user":{"username":"root"}}"#;

fn judged(world: &World, token: &str) -> Result<Grant, (Kind, String)> {
    let judged = judge(token.as_bytes(), GITLAB, &world.outside());
    judged.map_err(|failure| (failure.kind, failure.text))
}

fn publisher() -> Grant {
    Grant {
        name: "a job of group/sub/project".to_owned(),
        scopes: vec![Scope::WritePackageRegistry],
        projects: vec!["group/sub/project".to_owned()],
        admin: false,
        guest: false,
        alone: true,
    }
}

fn refusal() -> Result<Grant, (Kind, String)> {
    Err((Kind::Unauthorized, unknown().text))
}

#[test]
fn a_job_that_gitlab_knows_publishes_to_its_own_project_for_five_minutes_unasked() {
    let world = World::new();
    world.serve(JOB, ANSWER);
    assert_eq!(judged(&world, "glcbt-64_x"), Ok(publisher()));
    assert_eq!(world.asked(), [format!("GET {JOB} job-token: glcbt-64_x")]);
    world.say(JOB, Says::Body(401, Vec::new()));
    world.pass(299);
    assert_eq!(judged(&world, "glcbt-64_x"), Ok(publisher()));
    assert_eq!(world.asked(), [""; 0]);
    assert_eq!(judged(&world, "glcbt-64_y"), refusal(), "another's token");
    assert_eq!(world.asked().len(), 1);
    world.pass(1);
    assert_eq!(judged(&world, "glcbt-64_x"), refusal(), "the job has ended");
    let kept = world.kept.borrow();
    let text = String::from_utf8(kept[NAME].clone()).unwrap();
    assert!(!text.contains("glcbt"), "{text}");
}

#[test]
fn so_many_jobs_are_remembered_and_no_more() {
    let world = World::new();
    world.serve(JOB, ANSWER);
    for number in 0..=MOST_JOBS {
        assert_eq!(judged(&world, &format!("t{number}")), Ok(publisher()));
    }
    world.asked();
    let lines = world.kept.borrow()[NAME]
        .split(|byte| *byte == b'\n')
        .count();
    assert_eq!(lines, MOST_JOBS + 1);
    assert_eq!(judged(&world, "t1"), Ok(publisher()));
    assert_eq!(world.asked().len(), 0);
    assert_eq!(judged(&world, "t0"), Ok(publisher()));
    assert_eq!(world.asked().len(), 1, "the oldest is forgotten");
}

#[test]
fn what_cannot_be_a_token_is_sent_to_nobody() {
    let world = World::new();
    for token in ["a b", "a\nb", "\u{e9}", &"x".repeat(LONGEST_TOKEN + 1)] {
        assert_eq!(judged(&world, token), refusal(), "{token}");
    }
    assert_eq!(world.asked(), [""; 0]);
}

#[test]
fn a_refusal_is_401_and_a_gitlab_that_fails_503() {
    let silent = |why: &str| {
        let text = format!("GitLab can't be asked whose job this token is: {JOB}: {why}");
        Err((Kind::NoVerdict, text))
    };
    let body = |status, text: &str| Says::Body(status, text.as_bytes().to_vec());
    let page = |url: &str| body(200, &format!(r#"{{"web_url":"{url}"}}"#));
    let nameless = "its answer names no project";
    for (says, expected) in [
        (body(401, "{}"), refusal()),
        (body(403, "{}"), refusal()),
        (body(404, "{}"), refusal()),
        (body(302, ""), silent("it answered 302")),
        (body(429, ""), silent("it answered 429")),
        (body(502, ""), silent("it answered 502")),
        (body(200, "<html>"), silent(nameless)),
        (body(200, "{}"), silent(nameless)),
        (
            page("https://gitlab.example.com/-/jobs/8"),
            silent(nameless),
        ),
        (
            page("https://gitlab.example.com/group/project"),
            silent(nameless),
        ),
        (
            page("https://gitlab.example.com/project/-/jobs/8"),
            silent(nameless),
        ),
        (page("group/project/-/jobs/8"), silent(nameless)),
        (
            page("https://gitlab.example.com/g/p%0A/-/jobs/8"),
            silent(nameless),
        ),
        (
            Says::Endless,
            silent("its answer is longer than 1048576 bytes"),
        ),
        (
            Says::Nothing(Unanswered::TimedOut),
            silent("it did not answer in time"),
        ),
    ] {
        let world = World::new();
        let shown = format!("{says:?}");
        world.say(JOB, says);
        assert_eq!(judged(&world, "token"), expected, "{shown}");
        assert!(world.kept.borrow().is_empty(), "{shown}");
    }
}

#[test]
fn the_path_is_found_below_gitlab_s_own_and_whatever_its_host() {
    for (gitlab, page, path) in [
        (
            GITLAB,
            "https://gitlab.example.com/g/p/-/jobs/8",
            Some("g/p"),
        ),
        (
            "http://10.0.0.1",
            "https://gitlab.example.com/g/p/-/jobs/8",
            Some("g/p"),
        ),
        (
            "https://x.example.com/git",
            "https://x.example.com/git/g/p/-/jobs/8",
            Some("g/p"),
        ),
        (
            "https://x.example.com/git",
            "https://x.example.com/g/p/-/jobs/8",
            None,
        ),
        (
            "https://x.example.com/git",
            "https://x.example.com/gitg/p/-/jobs/8",
            None,
        ),
    ] {
        assert_eq!(
            project_path(page, gitlab).as_deref(),
            path,
            "{gitlab} {page}"
        );
    }
}

#[test]
fn a_store_that_fails_is_named_and_one_that_cannot_keep_stops_nobody() {
    let world = World::new();
    world.serve(JOB, ANSWER);
    *world.write_failure.borrow_mut() = Some(Error::Unavailable("w".to_owned()));
    assert_eq!(judged(&world, "token"), Ok(publisher()));
    *world.read_failure.borrow_mut() = Some(Error::Unavailable("r".to_owned()));
    let text = "the credential can't be judged: the store failed: r".to_owned();
    assert_eq!(judged(&world, "token"), Err((Kind::Unavailable, text)));
}

#[test]
fn a_job_of_a_project_that_is_not_here_is_a_guest() {
    use crate::access::credential::Credential;
    use crate::access::outside;
    use crate::http::Headers;
    use crate::settings::Settings;

    let world = World::new();
    world.serve(JOB, ANSWER);
    let headers = Headers::new(vec![("job-token".to_owned(), b"glcbt-64_x".to_vec())]);
    let credential = Credential::presented(&headers).unwrap().ok().unwrap();
    let settings = Settings {
        gitlab: GITLAB.to_owned(),
        ..Settings::default()
    };
    let judged = |is_here: Result<bool, Failure>| {
        outside::judge(&credential, &settings, &world.outside(), &|path| {
            assert_eq!(path, "group/sub/project");
            is_here.clone()
        })
    };
    assert_eq!(judged(Ok(true)), Ok(Some(publisher())));
    let guest = Grant {
        projects: Vec::new(),
        guest: true,
        ..publisher()
    };
    assert_eq!(judged(Ok(false)), Ok(Some(guest)));
    let broken = Failure::new(Kind::Unavailable, "w");
    assert_eq!(judged(Err(broken.clone())), Err(broken));
}

#[test]
fn the_token_of_a_job_that_is_signed_is_asked_of_its_gitlab_where_no_rule_takes_it() {
    use crate::access::credential::Credential;
    use crate::access::outside;
    use crate::http::Headers;
    use crate::settings::Settings;

    // {"alg":"HS256"}.{}.
    let signed = "eyJhbGciOiJIUzI1NiJ9.e30.AAAA";
    let rule = r#"[{"issuer":"https://ci.example.com","audience":"a","claims":{"sub":"s"},
        "projects":["1"],"scopes":["api"]}]"#;
    let settings = Settings {
        gitlab: GITLAB.to_owned(),
        trust: crate::access::oidc::Rule::parse_list(rule).unwrap(),
        ..Settings::default()
    };
    let judged = |world: &World, header: &str| {
        let headers = Headers::new(vec![(header.to_owned(), signed.into())]);
        let credential = Credential::presented(&headers).unwrap().ok().unwrap();
        let judged = outside::judge(&credential, &settings, &world.outside(), &|_| Ok(true));
        judged.map_err(|failure| failure.text)
    };
    let algorithm = "the OpenID Connect token presented is refused: it is signed by another algorithm than \
                     RS256 and ES256";
    let knows = World::new();
    knows.serve(JOB, ANSWER);
    assert_eq!(judged(&knows, "job-token"), Ok(Some(publisher())));
    assert_eq!(judged(&knows, "private-token"), Err(algorithm.to_owned()));
    let knows_not = World::new();
    knows_not.say(JOB, Says::Body(401, Vec::new()));
    assert_eq!(judged(&knows_not, "job-token"), Err(algorithm.to_owned()));
    assert_eq!(knows_not.asked.borrow().len(), 1);
}
