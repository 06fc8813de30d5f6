//! `goproxy-edge serve` as a command: what it refuses before it listens, and what it leaves in its data folder.

use std::path::Path;

use serde_json::json;

use crate::support::server::{Server, Setup, TOKEN};
use crate::support::{Ran, goproxy_edge, run, sha256_hex};

/// Runs a server that is expected to end by itself.
#[track_caller]
fn serve(home: &Path, settings: &[&str], environment: &[(&str, &str)]) -> Ran {
    let mut command = goproxy_edge(home);
    command.args(["serve", "--addr", "127.0.0.1:0", "--data"]);
    command.arg(home.join("store"));
    for setting in settings {
        command.args(["--set", setting]);
    }
    run(command.envs(environment.iter().copied()))
}

fn token_file(server: &Server) -> Option<String> {
    std::fs::read_to_string(server.data().join("token")).ok()
}

#[test]
fn a_wrong_setting_ends_it_before_it_listens_and_is_named_without_its_value() {
    let home = tempfile::tempdir().unwrap();
    let rows = [
        (
            "tokens that are no JSON",
            "tokens",
            "s3cret",
            "it is not JSON (line 1, column 1)",
        ),
        (
            "a token with an unknown field",
            "tokens",
            r#"[{"name":"ci","sha256":"s3cret","scopes":[],"projects":[],"expire":"x"}]"#,
            "the token `ci`: it has an unknown field: `name`, `sha256`, `scopes`, `projects`, `expires_at` and `admin` are known",
        ),
        (
            "two projects with one number",
            "projects",
            r#"[{"id":1,"path":"a/b","modules":["x.com"]},{"id":1,"path":"a/c","modules":["y.com"]}]"#,
            "projects 1 and 2 have the same id",
        ),
        (
            "a number that is none",
            "list_max_age",
            "soon",
            "it is a number of seconds from 0 to 31536000",
        ),
        (
            "a store that is not known",
            "store",
            "s3cret",
            "it is `kv`, `kv:<bucket>`, `dir:<path>`, `s3`, `s3+kv`, `s3+kv:<bucket>`, `blobstore:<container>` or `blobstore:<container>+kv:<bucket>`",
        ),
        (
            "a store that this host has not",
            "store",
            "blobstore:zips",
            "`serve` has no object store of its own: `s3` and `s3+kv` are for one elsewhere",
        ),
        (
            "a log level that is not known",
            "log",
            "loud",
            "it is `off`, `error` or `info`",
        ),
    ];
    for (name, setting, value, text) in rows {
        let stderr = format!("error: the setting `{setting}` is wrong: {text}\n");
        let given = format!("{setting}={value}");
        let variable = format!("GOPROXY_EDGE_{}", setting.to_uppercase());
        for ran in [
            serve(home.path(), &[&given], &[]),
            serve(home.path(), &[], &[(&variable, value)]),
        ] {
            assert_eq!(
                (ran.code, ran.stdout.as_str(), ran.stderr),
                (Some(2), "", stderr.clone()),
                "{name}"
            );
        }
    }
    assert!(!home.path().join("store").exists(), "nothing is made");
}

#[test]
fn a_variable_that_is_no_setting_is_named_without_its_value() {
    let home = tempfile::tempdir().unwrap();
    let environment = [
        ("GOPROXY_EDGE_TOKENSS", "hunter2"),
        ("GOPROXY_EDGE_LGO", "off"),
        ("GOPROXY_EDGE_TOKEN", "x"),
        ("GOPROXY_EDGE_SERVICE_HOST", "10.0.0.1"),
    ];
    // So that it ends.
    let ran = serve(home.path(), &["log=loud"], &environment);
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (
            Some(2),
            "warning: no setting has these names, so correct them in the environment or take them out: \
             GOPROXY_EDGE_LGO, GOPROXY_EDGE_TOKENSS\n\
             error: the setting `log` is wrong: it is `off`, `error` or `info`\n"
        )
    );
}

#[test]
fn a_server_that_cannot_start_leaves_the_token_file_of_the_one_that_runs() {
    let server = Setup::new().tokens(None).start();
    let before = token_file(&server).expect("a token file");
    assert!(before.starts_with(&format!("{}\n", server.url())));
    let home = tempfile::tempdir().unwrap();
    for settings in [&[][..], &["--set", "tokens=[]"]] {
        let mut command = goproxy_edge(home.path());
        command.args(["serve", "--addr", "127.0.0.1:0", "--data"]);
        let second = run(command.arg(server.data()).args(settings));
        assert_eq!((second.code, second.stdout.as_str()), (Some(1), ""));
        assert_eq!(token_file(&server).as_ref(), Some(&before), "{settings:?}");
    }
}

#[test]
fn a_first_token_that_the_settings_have_not_is_set_aside_and_a_netrc_is_found() {
    let first = Setup::new().tokens(None).start();
    let file = token_file(&first).expect("a token file");
    let own = file.lines().nth(1).expect("a token").to_owned();
    let home = tempfile::tempdir().unwrap();
    let netrc = format!("machine 127.0.0.1 login any password {TOKEN}\n");
    std::fs::write(home.path().join(".netrc"), netrc).unwrap();
    let list = |server: &Server| {
        let mut command = goproxy_edge(home.path());
        command.args(["token", "list", "--json", "--to", &server.url(), "--data"]);
        let ran = run(command.arg(server.data()));
        (ran.code, ran.stderr)
    };
    let entry = |token: &str| {
        json!([{"name": "ops", "sha256": sha256_hex(token), "scopes": ["api"], "projects": ["*"], "admin": true}])
            .to_string()
    };
    let fine = (Some(0), String::new());

    let configured = first.restart_as(|setup| setup.tokens(Some(&entry(TOKEN))));
    assert_eq!(token_file(&configured), None);
    assert_eq!(list(&configured), fine, "with the token of .netrc");
    let note = configured.logged("note: ");
    let said = format!(
        "note: the setting `tokens` does not have the first token, so its file in {} is called token.unused now; \
         a start without that setting takes it again",
        configured.data().display()
    );
    assert_eq!(note, said);

    let again = configured.restart_as(|setup| setup.tokens(None));
    assert_eq!(token_file(&again), Some(file.clone()));
    assert_eq!(list(&again), fine, "with the first token");

    let with_it = again.restart_as(|setup| setup.tokens(Some(&entry(&own))));
    assert_eq!(token_file(&with_it), Some(file));
    assert_eq!(list(&with_it), fine, "with the first token, configured");
}

#[test]
fn certificates_that_cannot_be_read_are_named_when_another_server_is_first_asked() {
    let mut setup = Setup::new().trust(Path::new("/certificates/that/are/not/there.pem"));
    for (name, value) in [
        ("store", "s3"),
        ("s3_endpoint", "https://127.0.0.1:9"),
        ("s3_bucket", "modules"),
    ] {
        setup = setup.set(name, value);
    }
    let server = setup.start();
    assert!(!server.log().contains("certificates"), "{}", server.log());
    assert_eq!(server.get("/readyz").status, 503);
    let line = server.logged("not all of the certificates that are trusted can be read: ");
    assert!(
        line.contains("/certificates/that/are/not/there.pem"),
        "{line}"
    );
    assert!(line.ends_with("; 0 are there"), "{line}");
}
