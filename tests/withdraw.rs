//! `goproxy-edge withdraw`, and how the command's token travels.

use crate::support::archive::small_module;
use crate::support::front::Front;
use crate::support::server::{GITLAB_BASES, Server, Setup, TOKEN};
use crate::support::tls::Authority;
use crate::support::{goproxy_edge, run};

#[test]
fn a_version_is_withdrawn_as_often_as_it_is_asked() {
    let server = Server::new();
    for version in ["v1.0.0", "v1.1.0-RC.1"] {
        let path = version.replace("RC", "!r!c");
        let path = format!("/example.com/!up/@v/{path}.zip").replace('!', "%21");
        server.publish(&path, small_module("example.com/Up", version));
    }
    let url = server.url();
    let withdraw = |base: &str, version: &str| {
        let ran = server.command_at(base, &["withdraw", version]);
        assert_eq!(
            ran.expect_quiet(),
            format!(
                "{version} is withdrawn from {url}{base}: its go.mod stays, all else is answered with 410\n"
            )
        );
    };
    withdraw("", "example.com/Up@v1.0.0");
    withdraw("", "example.com/Up@v1.0.0");
    let at = "/example.com/%21up/@v";
    for (name, status) in [
        ("v1.0.0.zip", 410),
        ("v1.0.0.info", 410),
        ("v1.0.0.mod", 200),
    ] {
        assert_eq!(server.get(&format!("{at}/{name}")).status, status, "{name}");
    }
    let list = || server.get(&format!("{at}/list")).text();
    assert_eq!(list(), "v1.1.0-RC.1\n");
    withdraw(GITLAB_BASES[1], "example.com/Up@v1.1.0-RC.1");
    assert_eq!(list(), "");
}

#[test]
fn what_cannot_be_withdrawn_is_explained() {
    let server = Server::new();
    let url = server.url();
    let reason = server.delete("/example.com/m/@v/v1.0.0").text();
    let rows: [(&[&str], i32, String); 5] = [
        (
            &["example.com/m@v1.0.0"],
            1,
            format!("error: example.com/m@v1.0.0 is not withdrawn from {url}: {reason}"),
        ),
        (
            &["example.com/m@v1.0.0", "--token", "s3cret"],
            1,
            format!(
                "error: unauthorized: the token presented is unknown, expired or malformed: check .netrc, the address \
                 in GOPROXY, or the header that carries it: {url} does not take the token from --token\n"
            ),
        ),
        (
            &["example.com/m"],
            2,
            "error: invalid value 'example.com/m' for '<MODULE@VERSION>': it has the form MODULE@VERSION, such as \
             example.com/my/module@v1.2.3\n\nFor more information, try '--help'.\n"
                .to_owned(),
        ),
        (
            &["example.com/m@v1"],
            2,
            "error: invalid value 'example.com/m@v1' for '<MODULE@VERSION>': version \"v1\" is not canonical (should be \
             \"v1.0.0\")\n\nFor more information, try '--help'.\n"
                .to_owned(),
        ),
        (
            &["nodot@v1.0.0"],
            2,
            "error: invalid value 'nodot@v1.0.0' for '<MODULE@VERSION>': malformed module path \"nodot\": missing dot in \
             first path element\n\nFor more information, try '--help'.\n"
                .to_owned(),
        ),
    ];
    for (arguments, code, stderr) in rows {
        let ran = server.command(&[&["withdraw"], arguments].concat());
        assert_eq!(
            (ran.code, ran.stdout.as_str(), ran.stderr),
            (Some(code), "", stderr),
            "{arguments:?}"
        );
    }
    let home = tempfile::tempdir().unwrap();
    let help = run(goproxy_edge(home.path()).arg("--help")).expect_quiet();
    assert!(help.contains("\n  withdraw "), "{help}");
}

/// GitLab's job tokens are judged only where they are presented as such.
#[test]
fn the_token_of_a_ci_job_travels_as_one_and_any_other_as_a_bearers() {
    let authority = Authority::new();
    let server = Setup::new().start();
    let front = Front::new(&authority, server.address());
    let to = format!("https://localhost:{}", front.port());
    let bearer = format!("authorization: Bearer {TOKEN}");
    let rows = [
        ("no job", Some(TOKEN), None, "", bearer.clone()),
        (
            "a job, and another token",
            Some(TOKEN),
            Some("glcbt-other"),
            "",
            bearer,
        ),
        (
            "a job's token",
            Some(TOKEN),
            Some(TOKEN),
            "",
            format!("job-token: {TOKEN}"),
        ),
        (
            "a job's token in .netrc, as GitLab documents it",
            None,
            Some("secret"),
            "machine localhost login gitlab-ci-token password secret\n",
            "authorization: Basic Z2l0bGFiLWNpLXRva2VuOnNlY3JldA==".to_owned(),
        ),
    ];
    for (name, token, of_job, netrc, expected) in rows {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join(".netrc"), netrc).unwrap();
        let mut command = goproxy_edge(home.path());
        command.env("SSL_CERT_FILE", authority.root());
        for (variable, value) in [("GOPROXY_EDGE_TOKEN", token), ("CI_JOB_TOKEN", of_job)] {
            if let Some(value) = value {
                command.env(variable, value);
            }
        }
        run(command.args(["withdraw", "example.com/m@v1.0.0", "--to", &to]));
        let heads = front.heads();
        assert_eq!(heads.len(), 1, "{name}: {heads:#?}");
        let carriers = heads[0].split("\r\n").filter(|field| {
            let field = field.to_ascii_lowercase();
            field.starts_with("authorization:") || field.starts_with("job-token:")
        });
        assert_eq!(carriers.collect::<Vec<_>>(), [expected], "{name}");
    }
}
