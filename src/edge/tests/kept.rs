//! Requests where projects and tokens are in the store too: which of two sources decides, what it costs,
//! and what is refused when the store can't say.

use super::admin::ONE;
use super::*;
use crate::access::kept::{Documents, Kept, Remembered};
use crate::access::{Project, Projects, Token};
use crate::json::Json;
use sha2::Digest as _;

/// SHA-256 of "one" stands for the token `reader`, for project 7.
fn reader(more: &str) -> String {
    format!(r#"{{"name":"reader","sha256":"{ONE}","scopes":["read_api"],"projects":["7"]{more}}}"#)
}

fn project(id: u32, prefix: &str, more: &str) -> String {
    format!(r#"{{"id":{id},"path":"team/p{id}","modules":["{prefix}"]{more}}}"#)
}

const PUBLIC: &str = r#","visibility":"public""#;

/// Publishes where everything is one public project.
fn published(modules: &[&str]) -> TestHost {
    let host = TestHost::new();
    for module in modules {
        let zip = module_zip(&version(module, "v1.0.0"), b"text");
        let target = info(module).replace(".info", ".zip");
        let told = host.put(&target, &zip);
        assert_eq!(told.status, 201, "{told:?}");
    }
    host.set("admin", "on")
}

fn info(module: &str) -> String {
    let path = version(module, "v1.0.0").path().escaped().to_string();
    format!("/{path}/@v/v1.0.0.info")
}

#[test]
fn the_longest_prefix_over_configuration_and_store_decides_and_of_two_alike_the_configurations() {
    let modules = [
        "example.com/a",
        "example.com/a/b",
        "example.com/a/b/c",
        "example.com/a/b/c/d",
        "example.com/other",
        "example.com/B/x",
    ];
    let host = published(&modules);
    host.add("projects", &project(11, "example.com/a/b", ""));
    host.add("projects", &project(12, "example.com/a/b/c/d", PUBLIC));
    host.add("projects", &project(13, "example.com/other", ""));
    host.add("projects", &project(14, "example.com/B", ""));
    // Without a setting, what the store does not name is everybody's.
    for (module, status) in modules.iter().zip([200, 401, 401, 200, 401, 401]) {
        assert_eq!(host.status(&info(module), None), status, "{module}");
    }
    let configured = format!(
        "[{},{},{}]",
        project(1, "example.com/a", PUBLIC),
        project(2, "example.com/a/b/c", PUBLIC),
        project(3, "example.com/other", PUBLIC),
    );
    let host = host.set("projects", &configured);
    for (module, plain, below) in [
        ("example.com/a", 200, 1),
        ("example.com/a/b", 401, 11),
        ("example.com/a/b/c", 200, 2),
        ("example.com/a/b/c/d", 200, 12),
        ("example.com/other", 200, 3),
        ("example.com/B/x", 401, 14),
    ] {
        let target = info(module);
        assert_eq!(host.status(&target, None), plain, "{module}");
        for id in [1, 2, 3, 11, 12, 13, 14] {
            let gitlab = format!("/api/v4/projects/{id}/packages/go{target}");
            let secret = Some("secret").filter(|_| id != 11);
            let status = host.status(&gitlab, secret);
            // The administrator's token of these tests is for project 1 alone.
            let expected = match id == below && ![11, 13, 14].contains(&id) {
                true => 200,
                false if id == 11 => 401,
                false => 404,
            };
            assert_eq!(status, expected, "{module} below {id}");
        }
    }
    assert_eq!(host.status("/example.org/m/@v/list", None), 404);
}

#[test]
fn what_a_hidden_project_owned_is_nobodys_but_below_a_prefix_of_the_one_that_hides_it() {
    let host = published(&["example.com/a/b"]);
    host.add("projects", &project(7, "example.com/a/b", ""));
    host.add("tokens", &reader(""));
    let rest = r#"{"id":1,"path":"all/rest","visibility":"public"}"#;
    let over = r#""modules":["example.com/a"]"#;
    let target = info("example.com/a/b");
    for (configured, anonymous, with) in [
        (
            format!(r#"{rest},{{"id":7,"path":"open/x","modules":["x.y"]{PUBLIC}}}"#),
            401,
            403,
        ),
        (
            format!(r#"{rest},{{"id":70,"path":"team/p7","modules":["x.y"]{PUBLIC}}}"#),
            401,
            403,
        ),
        (
            format!(r#"{{"id":7,"path":"open/rest"{PUBLIC}}}"#),
            401,
            403,
        ),
        (
            format!(r#"{rest},{{"id":7,"path":"open/x",{over}{PUBLIC}}}"#),
            200,
            200,
        ),
        (
            format!(r#"{rest},{{"id":7,"path":"conf/x",{over}}}"#),
            401,
            200,
        ),
        (
            format!(r#"{rest},{{"id":70,"path":"team/p7",{over}}}"#),
            401,
            403,
        ),
        // Another's prefix, which is shorter than what was its own.
        (
            format!(
                r#"{{"id":1,"path":"all/rest",{over}{PUBLIC}}},{{"id":7,"path":"open/x","modules":["x.y"]{PUBLIC}}}"#
            ),
            401,
            403,
        ),
        (
            format!(r#"{rest},{{"id":70,"path":"conf/x","modules":["x.y"]}}"#),
            401,
            200,
        ),
    ] {
        let host = TestHost {
            settings: host.settings.clone(),
            map: Rc::clone(&host.map),
            ..TestHost::new()
        };
        let host = host.set("projects", &format!("[{configured}]"));
        assert_eq!(host.status(&target, None), anonymous, "{configured}");
        assert_eq!(host.status(&target, Some("one")), with, "{configured}");
        for base in ["7", "70", "team%2Fp7"] {
            let target = format!("/api/v4/projects/{base}/packages/go{target}");
            let open = anonymous == 200 && base == "7";
            let status = host.status(&target, None);
            assert_eq!(status == 200, open, "{configured} {base}: {status}");
        }
    }
}

#[test]
fn the_project_that_is_there_without_a_setting_opens_nothing_of_a_kept_one_of_its_id() {
    let host = published(&["example.com/a"]).set("projects", "[]");
    host.add("projects", &project(1, "example.com/a", ""));
    let target = info("example.com/a");
    // An empty value is the default.
    let settings = host.settings.iter();
    let settings = settings.filter(|(name, _)| name != "projects").cloned();
    let host = TestHost {
        settings: settings.collect(),
        ..host
    };
    for base in [
        "",
        "/api/v4/projects/1/packages/go",
        "/api/v4/projects/default%2Fmodules/packages/go",
        "/api/v4/projects/team%2Fp1/packages/go",
    ] {
        assert_eq!(host.status(&format!("{base}{target}"), None), 401, "{base}");
    }
    assert_eq!(host.status(&target, Some("secret")), 200);
}

#[test]
fn a_token_of_the_store_works_until_it_expires_is_changed_revoked_or_hidden() {
    let host = published(&["example.com/a"]);
    host.add("projects", &project(7, "example.com/a", ""));
    let target = info("example.com/a");
    host.add("tokens", &reader(r#","expires_at":"2023-11-14T22:13:30Z""#));
    let check = |host: &TestHost, one: u16, two: u16| {
        assert_eq!(host.status(&target, None), 401);
        assert_eq!(host.status(&target, Some("one")), one);
        assert_eq!(host.status(&target, Some("two")), two);
    };
    check(&host, 200, 401);
    host.now.set(host.now.get() + 9);
    check(&host, 200, 401);
    host.now.set(host.now.get() + 1);
    check(&host, 401, 401);
    // Another secret under the same name.
    let hash = crate::hex::encode(&sha2::Sha256::digest("two"));
    let two = reader("").replace(ONE, &hash);
    assert_eq!(host.administer(Method::Put, "tokens", &two).status, 200);
    check(&host, 401, 200);
    let stranger = two.replace("[\"7\"]", "[\"8\"]");
    assert_eq!(
        host.administer(Method::Put, "tokens", &stranger).status,
        200
    );
    check(&host, 401, 403);
    let group = two.replace("[\"7\"]", "[\"team\"]");
    assert_eq!(host.administer(Method::Put, "tokens", &group).status, 200);
    check(&host, 401, 200);
    assert_eq!(
        host.administer(Method::Delete, "tokens/reader", "").status,
        200
    );
    check(&host, 401, 401);

    host.add("tokens", &two);
    let admin = host.settings[0].1.trim_end_matches(']').to_owned();
    let expired = format!(
        r#"{{"name":"x","sha256":"{hash}","scopes":["api"],"projects":["*"],"expires_at":"2020-01-01"}}"#
    );
    for (hiding, status) in [
        (reader(""), 401),
        (expired.clone(), 401),
        (expired.replace(&hash, ONE), 200),
    ] {
        let host = TestHost {
            settings: host.settings.clone(),
            map: Rc::clone(&host.map),
            ..TestHost::new()
        };
        let host = host.set("tokens", &format!("{admin},{hiding}]"));
        assert_eq!(host.status(&target, Some("two")), status, "{hiding}");
    }
}

#[test]
fn a_token_that_is_put_without_a_secret_keeps_the_one_that_it_has() {
    let host = published(&["example.com/a"]);
    host.add("projects", &project(7, "example.com/a", ""));
    let hash = format!(r#""sha256":"{ONE}","#);
    let without = |more: &str| reader(more).replace(&hash, "");
    let put = |body: &str| {
        let told = host.administer(Method::Put, "tokens", body);
        (told.status, told.body)
    };
    let text =
        "not found: the store has no token of this name whose secret could stay: give `sha256`\n";
    assert_eq!(put(&without("")), (404, text.to_owned()));
    host.add("tokens", &reader(""));
    let target = info("example.com/a");
    for (more, outcome, status) in [
        ("", "unchanged", 200),
        (r#","expires_at":"2020-01-01""#, "changed", 401),
        ("", "changed", 200),
    ] {
        let expected = format!("{{\"outcome\":\"{outcome}\"}}\n");
        assert_eq!(put(&without(more)), (200, expected));
        assert_eq!(host.status(&target, Some("one")), status, "{more}");
    }
    // One that can't be read has none that could stay.
    damage(&host, "=2Ftoken=2Fname=2Freader");
    assert_eq!(put(&without("")).0, 404);
    assert_eq!(put(&reader("")).0, 200);
    assert_eq!(host.status(&target, Some("one")), 200);
}

#[test]
fn with_admin_off_nothing_of_the_store_counts() {
    let host = published(&["example.com/a"]);
    host.add("projects", &project(7, "example.com/a", ""));
    host.add("tokens", &reader(""));
    let target = info("example.com/a");
    assert_eq!(host.status(&target, None), 401);
    let host = host.set("admin", "off");
    host.map.calls.set(0);
    assert_eq!(host.status(&target, None), 200);
    assert_eq!(host.map.calls.get(), 1);
    assert_eq!(host.status(&target, Some("one")), 401);
}

/// Spoils the document of this name.
fn damage(host: &TestHost, end: &str) {
    let mut values = host.map.values.borrow_mut();
    let mut damaged = values.iter_mut().filter(|(key, _)| key.ends_with(end));
    let (_, value) = damaged.next().expect("the document");
    *value = b"{".to_vec();
    assert!(damaged.next().is_none(), "{end} is one");
}

#[test]
fn a_copy_that_can_not_be_read_opens_nothing_to_those_who_see_a_project_above_it() {
    let above = r#"[{"id":1,"path":"conf/all","modules":["example.com"],"visibility":"VISIBLE"}]"#;
    let target = info("example.com/secret/m");
    for visible in ["internal", "private"] {
        let host = published(&["example.com/secret/m"]);
        let host = host.set("projects", &above.replace("VISIBLE", visible));
        host.add("projects", &project(7, "example.com/secret", ""));
        let of_above = reader("").replace(r#"["7"]"#, r#"["1"]"#);
        host.add("tokens", &of_above);
        let gitlab = format!("/api/v4/projects/1/packages/go{target}");
        assert_eq!(host.status(&gitlab, Some("one")), 404);
        damage(&host, "=2Fprefix=2Fexample.com=2Fsecret");
        for (target, secret, status) in [
            (&gitlab, Some("one"), 500),
            (&gitlab, None, 401),
            (&target, Some("one"), 500),
            (&target, None, 500),
        ] {
            let headers: Vec<_> = secret.map(|it| ("private-token", it)).into_iter().collect();
            let told = host.ask(Method::Get, target, &headers, b"");
            assert_eq!(
                told.status, status,
                "{visible} {target} {secret:?}: {told:?}"
            );
        }
    }
}

#[test]
fn who_has_a_right_to_a_project_is_told_that_a_copy_of_it_can_not_be_read_and_others_see_none() {
    let target = info("example.com/a");
    for (visible, of_stranger, of_nobody) in [
        ("private", 404, 401),
        ("internal", 500, 401),
        ("public", 500, 500),
    ] {
        for (name, document) in [("7", "=2Fpath=2F7"), ("team%2Fp7", "=2Fpath=2Fteam=2Fp7")] {
            for projects in ["7", "team/p7", "team"] {
                let host = published(&["example.com/a"]);
                let visibility = format!(r#","visibility":"{visible}""#);
                host.add("projects", &project(7, "example.com/a", &visibility));
                host.add(
                    "tokens",
                    &reader("").replace(r#"["7"]"#, &format!("[\"{projects}\"]")),
                );
                let stranger =
                    r#"{"name":"stranger","sha256":"HASH","scopes":["api"],"projects":["8"]}"#;
                let hash = crate::hex::encode(&sha2::Sha256::digest("two"));
                host.add("tokens", &stranger.replace("HASH", &hash));
                damage(&host, document);
                let target = format!("/api/v4/projects/{name}/packages/go{target}");
                let statuses = [Some("one"), Some("two"), None].map(|it| host.status(&target, it));
                let expected = [500, of_stranger, of_nobody];
                assert_eq!(statuses, expected, "{visible} {name} {projects}");
            }
        }
    }
}

#[test]
fn a_path_that_names_nothing_is_refused_as_all_below_its_prefix_and_finds_no_document_by_its_hash()
{
    let host = published(&[]);
    host.add("projects", &project(7, "example.com/Team", ""));
    let hash = crate::hex::encode(&sha2::Sha256::digest("example.com/Team"));
    for (target, status) in [
        ("/example.com/!team/m/@v/v1.0.0.ziphash".to_owned(), 401),
        ("/example.com/!team/m/@v/v1.0.0-RC1.info".to_owned(), 401),
        ("/example.com/!team/m/@v/%zz.info".to_owned(), 401),
        (
            format!("/example.com/!team/{}/@v/list", "a".repeat(3000)),
            401,
        ),
        ("/example.com/!team".to_owned(), 401),
        ("/example.com/!teams/@v/v1.0.0.ziphash".to_owned(), 404),
        (format!("/%2F{hash}"), 404),
        (format!("//{hash}"), 404),
        (format!("/%2F{hash}%2Fa.b"), 404),
        ("/example.com/!team/Foo/@v/list".to_owned(), 401),
        ("/example.com/!team/m%C3%A9/@v/list".to_owned(), 401),
        ("/example.com/!team/a!!b/@v/list".to_owned(), 401),
        ("/favicon.ico".to_owned(), 404),
    ] {
        assert_eq!(host.status(&target, None), status, "{target}");
    }
    host.map.calls.set(0);
    for target in ["/", "/wp-login", "/sumdb/sum/supported", "/.env/x"] {
        assert_eq!(host.status(target, None), 404, "{target}");
    }
    assert_eq!(
        host.map.calls.get(),
        1,
        "`.env` alone could be a host's name"
    );
}

#[test]
fn what_the_store_can_not_say_is_never_open() {
    let host = published(&["example.com/a"]);
    host.add("projects", &project(7, "example.com/a", PUBLIC));
    host.add("tokens", &reader(""));
    let target = info("example.com/a");
    let names: Vec<String> = host.map.values.borrow().keys().cloned().collect();
    let kept = names.iter().filter(|name| name.contains("admin"));
    let mut refused = 0;
    for name in kept {
        // What other hands than ours change is heeded after so long.
        host.now.set(host.now.get() + 10);
        let whole = host.map.values.borrow().clone();
        host.map
            .values
            .borrow_mut()
            .insert(name.clone(), b"{".to_vec());
        for (target, secret) in [
            (target.clone(), None),
            (target.clone(), Some("one")),
            (format!("/api/v4/projects/7/packages/go{target}"), None),
            (
                format!("/api/v4/projects/team%2Fp7/packages/go{target}"),
                None,
            ),
        ] {
            let headers: Vec<_> = secret.map(|it| ("private-token", it)).into_iter().collect();
            let told = host.ask(Method::Get, &target, &headers, b"");
            if told.status != 200 {
                refused += 1;
                assert_eq!(told.status, 500, "{told:?}");
                assert!(told.body.contains("can't be right"), "{told:?}");
            }
        }
        *host.map.values.borrow_mut() = whole;
    }
    // The prefix: all four; its copies by the id and by the path: one each; the hash: one.
    assert_eq!(refused, 4 + 1 + 1 + 1);
    // Nobody is remembered any more.
    host.now.set(host.now.get() + 10);
    host.map
        .failure
        .replace(Some(Error::TimedOut("asleep".to_owned())));
    let told = host.get(&target);
    let text = "store timed out: projects and tokens can't be looked up: the store did not answer in time: asleep\n";
    assert_eq!((told.status, told.body.as_str()), (504, text));
    let told = host.ask(Method::Get, &target, &[("private-token", "one")], b"");
    assert_eq!((told.status, told.body.as_str()), (504, text));
}

/// Documents of a store, for many at once.
struct Straight(Kv);

impl Documents for Straight {
    fn get(&self, names: &[&str]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        self.0.documents(names)
    }
    fn set(&self, name: &str, value: &[u8]) -> Result<(), Error> {
        self.0.set_document(name, value)
    }
    fn remove(&self, name: &str) -> Result<(), Error> {
        self.0.remove_document(name)
    }
    fn names(&self, prefix: &str, after: Option<&str>, most: usize) -> Result<Vec<String>, Error> {
        self.0.document_names(prefix, after, most)
    }
    fn wait(&self, _: std::time::Duration) {}
    fn random(&self) -> u64 {
        7
    }
}

#[test]
fn a_hit_costs_one_more_call_of_the_store_with_a_token_or_without_however_many_there_are() {
    let module = "example.com/team/lib/sub/m";
    let host = published(&[module]);
    host.add("projects", &project(7, "example.com/team/lib", PUBLIC));
    host.add("tokens", &reader(""));
    let target = info(module);
    let entropy = Rc::new(TestEntropy::new(1_700_000_000, 0));
    let documents = Straight(Kv::new(host.map.clone(), entropy, 262_016));
    let projects = Projects::parse_list("[]").unwrap();
    let kept = Kept {
        documents: &documents,
        projects: &projects,
        tokens: &[],
        remembered: &Remembered::default(),
        begun: &|_| (),
    };
    let mut there = 1;
    for count in [10, 10_000] {
        for number in there..count {
            let text = project(100 + number, &format!("example.com/team/p{number}"), "");
            let json = Json::parse(text.as_bytes()).unwrap();
            kept.put_project(&Project::parse(&json).unwrap()).unwrap();
            let hash = crate::hex::encode(&sha2::Sha256::digest(number.to_string()));
            let text = reader("")
                .replace(ONE, &hash)
                .replace("reader", &format!("t{number}"));
            let json = Json::parse(text.as_bytes()).unwrap();
            kept.put_token(&Token::parse(&json).unwrap()).unwrap();
        }
        there = count;
        for (base, of_refusal) in [
            ("", 1),
            // Once more, lest the time tells whether the project is there.
            ("/api/v4/projects/7/packages/go", 2),
            ("/api/v4/projects/team%2Fp7/packages/go", 2),
        ] {
            for (secret, status, calls) in [
                (None, 200, 2),
                (Some("one"), 200, 2),
                (Some("5"), 200, 2),
                (Some("secret"), 200, 2),
                // An unknown one costs what a wrong one does; one of ours that is mistyped, nothing.
                (Some("unknown"), 401, of_refusal),
                (Some("gpe_mistyped"), 401, 0),
            ] {
                host.map.calls.set(0);
                let found = host.status(&format!("{base}{target}"), secret);
                let found = (found, host.map.calls.get());
                assert_eq!(found, (status, calls), "{base} {secret:?} of {count}");
            }
        }
    }
    let kept = host.map.values.borrow();
    let documents = kept.keys().filter(|key| key.contains("admin")).count();
    assert_eq!(
        documents,
        10_000 * 6 + 2,
        "and nobody's project, and the generation"
    );
}

#[test]
fn who_was_let_in_costs_no_call_of_the_store_more_and_after_a_change_one() {
    let module = "example.com/team/lib/m";
    let host = published(&[module]);
    host.add("projects", &project(7, "example.com/team/lib", PUBLIC));
    host.add("tokens", &reader(""));
    let target = info(module);
    let list = target.replace("v1.0.0.info", "list");
    let zip = target.replace(".info", ".zip");
    for base in ["", "/api/v4/projects/7/packages/go"] {
        for secret in [None, Some("one")] {
            for target in [&target, &list, &zip] {
                let costs = || {
                    host.map.calls.set(0);
                    let status = host.status(&format!("{base}{target}"), secret);
                    (status, host.map.calls.get())
                };
                let of_zip = if *target == zip { 1 } else { 0 };
                for _ in 0..3 {
                    costs();
                }
                let at = format!("{base}{target} {secret:?}");
                assert_eq!(costs(), (200, 1 + of_zip), "{at}");
                host.add("projects", &project(8, "example.com/other", PUBLIC));
                assert_eq!(costs(), (200, 2 + of_zip), "{at}");
                host.administer(Method::Delete, "projects/8", "");
            }
        }
    }
    for _ in 0..4 {
        assert_eq!(host.status(&target, None), 200);
    }
    // A store that fails says so itself, of what it was asked for.
    let failure = Error::TimedOut("asleep".to_owned());
    host.map.failure.replace(Some(failure));
    host.map.calls.set(0);
    let told = host.get(&target);
    let text = "store timed out: example.com/team/lib/m@v1.0.0: the store did not answer in time: asleep\n";
    assert_eq!((told.status, told.body.as_str()), (504, text));
    assert_eq!(host.map.calls.get(), 1);
    host.map.failure.take();
    for _ in 0..4 {
        assert_eq!(host.status(&target, Some("one")), 200);
    }
    // What was read before the change was seen is not given out, or as the change has it.
    let private = project(7, "example.com/team/lib", "");
    host.administer(Method::Put, "projects", &private);
    assert_eq!(host.status(&target, None), 401);
    let told = host.ask(Method::Get, &target, &[("private-token", "one")], b"");
    let cache = told
        .header("cache-control")
        .map(|it| it.split(',').next().unwrap());
    assert_eq!((told.status, cache), (200, Some("private")));
    assert!(
        told.header("vary")
            .is_some_and(|vary| vary.contains("Private-Token")),
        "{told:?}"
    );
}

#[test]
fn a_list_of_a_module_that_is_not_there_is_empty_also_while_its_project_is_changed() {
    let host = published(&[]);
    host.add("projects", &project(7, "example.com/team", PUBLIC));
    let old = host.map.values.borrow().clone();
    let more = project(7, "example.com/team", PUBLIC)
        .replace(r#""modules":["#, r#""modules":["example.org/m","#);
    assert_eq!(host.administer(Method::Put, "projects", &more).status, 200);
    let new = host.map.values.borrow().clone();
    // The copies under the names of the one state, those under the prefixes of the other.
    for (names, prefixes) in [(&old, &old), (&new, &old), (&old, &new), (&new, &new)] {
        let mut mixed = prefixes.clone();
        let named = names.iter().filter(|(key, _)| key.contains("=2Fpath=2F"));
        mixed.extend(named.map(|(key, value)| (key.clone(), value.clone())));
        *host.map.values.borrow_mut() = mixed;
        for name in ["7", "team%2Fp7"] {
            let target =
                format!("/api/v4/projects/{name}/packages/go/example.com/team/new/@v/list");
            let told = host.get(&target);
            assert_eq!((told.status, told.body.as_str()), (200, ""), "{name}");
        }
    }
}

#[test]
fn without_a_configured_token_a_write_asks_for_one_where_the_store_may_have_it() {
    let host = TestHost {
        settings: Vec::new(),
        ..TestHost::new()
    };
    let put = |host: &TestHost| {
        let told = host.ask(Method::Put, "/example.com/m/@v/v1.0.0.zip", &[], b"");
        told.status
    };
    assert_eq!(put(&host), 403);
    assert_eq!(put(&host.set("admin", "on")), 401);
}

#[test]
fn repair_leaves_what_is_kept() {
    let host = published(&["example.com/a"]);
    host.add("projects", &project(7, "example.com/a", ""));
    host.add("tokens", &reader(""));
    let before = host.map.values.borrow().clone();
    host.now.set(host.now.get() + 2 * 24 * 60 * 60);
    let told = host.administer(Method::Post, "repair", "");
    assert!(
        told.body.contains("\"removed\":0,\"problems\":[]"),
        "{told:?}"
    );
    let kept = |values: &BTreeMap<String, Vec<u8>>| {
        let mut values = values.clone();
        values.retain(|key, _| key.contains("admin") && !key.ends_with("generation"));
        values
    };
    assert_eq!(kept(&host.map.values.borrow()), kept(&before));
}

#[test]
fn repair_ends_a_secret_that_works_and_that_no_list_shows() {
    let host = published(&["example.com/a"]);
    host.add("projects", &project(7, "example.com/a", ""));
    host.add("tokens", &reader(""));
    host.take_audit();
    let target = info("example.com/a");
    host.map
        .values
        .borrow_mut()
        .retain(|key, _| !key.contains("token=2Fname"));
    assert_eq!(host.status(&target, Some("one")), 200);
    let told = host.administer(Method::Post, "repair", "");
    let body = r#""removed":1,"problems":[]"#;
    assert!(told.body.contains(body), "{told:?}");
    assert!(told.body.contains(r#""cursor":null"#), "{told:?}");
    let line = "audit 2023-11-14T22:13:20Z ci token reader ended where no list showed it";
    assert_eq!(host.take_audit(), [line]);
    assert_eq!(host.status(&target, Some("one")), 401);
    let told = host.administer(Method::Post, "repair?cursor=kept:", "");
    assert!(
        told.body.contains(r#""removed":0,"problems":[]"#),
        "{told:?}"
    );
}
