//! The way of a team that moves over from GitLab, as README tells it: the tokens that its people have, given on standard
//! input, and the modules that are there.

#[cfg(target_os = "linux")]
use std::process::{Command, Stdio};

use crate::support::Ran;
use crate::support::git::Repository;
use crate::support::go::Go;
use crate::support::http::Request;
use crate::support::server::{Server, Setup};
use crate::support::tls::Authority;

const LIST: &str = "/example.com/lib/@v/list";

fn status(server: &Server, token: &str) -> u16 {
    let request = Request::new("GET", LIST).header("Private-Token", token);
    request.send(server.address()).status
}

#[test]
fn what_stands_on_standard_input_is_one_token_or_refused_without_being_shown() {
    let server = Server::new();
    let add = |name: &str, input: &str| {
        let arguments = ["token", "add", name, "--existing", "--expires-in", "never"];
        let ran = server.command_reading(None, &arguments, input);
        assert_eq!(ran.stdout, "", "nothing is printed");
        for word in input.split_whitespace() {
            assert!(!ran.stderr.contains(word), "{}", ran.stderr);
        }
        (ran.code, ran.stderr)
    };
    let url = server.url();
    assert_eq!(
        add("old", "glpat-abc\n"),
        (Some(0), format!("token old added: {url}\n"))
    );
    assert_eq!(
        add("old", "glpat-abc"),
        (
            Some(0),
            format!("token old is there already, just so: {url}\n")
        )
    );
    assert_eq!(status(&server, "glpat-abc"), 404);
    assert_eq!(
        add("old", "glpat-other\r\n"),
        (Some(0), format!("token old changed: {url}\n"))
    );
    assert_eq!(status(&server, "glpat-abc"), 401);
    assert_eq!(status(&server, "glpat-other"), 404);
    let conflict =
        format!("error: {url}: conflict: its secret is kept as that of the token `old`\n");
    assert_eq!(add("new", "glpat-other"), (Some(1), conflict));
    for (input, reason) in [
        (
            "",
            "standard input is empty: --existing reads the token there, one line",
        ),
        (
            "\n",
            "standard input is empty: --existing reads the token there, one line",
        ),
        (
            "hunter2\nhunter3\n",
            "standard input holds more than a token on one line: a space, a control character or another line",
        ),
        (
            "gpe_hunter2\n",
            "the token on standard input begins with gpe_ as ours do, but is none of them: a part of it is missing or wrong",
        ),
    ] {
        assert_eq!(add("new", input), (Some(1), format!("error: {reason}\n")));
    }
    assert!(!server.log().contains("glpat"));
}

/// `script`, which every Debian has, gives a command a terminal.
#[cfg(target_os = "linux")]
#[test]
fn a_token_is_not_typed_where_the_terminal_shows_it() {
    let command = concat!(
        env!("CARGO_BIN_EXE_goproxy-edge"),
        " token add old --existing --to http://127.0.0.1:9"
    );
    let ran = Command::new("script")
        .args(["--quiet", "--return", "--command", command, "/dev/null"])
        .env("GOPROXY_EDGE_TOKEN", "x")
        .stdin(Stdio::null())
        .output()
        .expect("`script`, of the package bsdutils or util-linux");
    let text = "error: --existing reads the token on standard input, which is a terminal and would show it: \
                hand it in from a file or a program, such as `goproxy-edge token add NAME --existing < FILE`";
    let shown = String::from_utf8_lossy(&ran.stdout);
    assert_eq!((ran.status.code(), shown.trim_end()), (Some(1), text));
}

const MODULE: &str = "gitlab.example.com/group/lib";

/// A `go` of somebody who has a GitLab token in `.netrc`, with GitLab's path in GOPROXY.
fn go_of_alice(authority: &Authority, server: &Server) -> Go {
    let port = server.address().rsplit(':').next().expect("a port");
    let base = format!("https://localhost:{port}/api/v4/projects/42/packages/go");
    let go = Go::at(&base)
        .env("GONOSUMDB", "gitlab.example.com/*")
        .env("GONOPROXY", "none")
        .env("SSL_CERT_FILE", authority.root().display());
    let netrc = format!("machine localhost:{port} login alice password glpat-alice\n");
    std::fs::write(go.home().join(".netrc"), netrc).expect("a file");
    go
}

/// A server with the project and with the token of alice.
fn server(authority: &Authority) -> Server {
    let server = Setup::new()
        .set("projects", "[]")
        .tls(authority.certificate(), authority.key())
        .start();
    let add = ["project", "add", "group/lib", "--id", "42"];
    let add = [&add[..], &["--module", MODULE]].concat();
    let ran = server.command_reading(Some(authority), &add, "");
    ran.expect_quiet();
    let add = ["token", "add", "alice", "--existing"];
    let add = [&add[..], &["--scope", "read_api", "--project", "group"]].concat();
    let ran = server.command_reading(Some(authority), &add, "glpat-alice\n");
    assert_eq!(ran.expect_success(), "");
    server
}

fn versions(go: &Go) -> String {
    let format = "{{range .Versions}}{{.}} {{end}}";
    let list = ["list", "-m", "-versions", "-f", format, MODULE];
    go.anywhere(&list).expect_success()
}

fn download(go: &Go, version: &str) -> Ran {
    go.anywhere(&["mod", "download", &format!("{MODULE}@{version}")])
}

/// What README says under "Moving from GitLab", with a server of ours in the place of the GitLab.
#[test]
fn a_team_moves_over_from_gitlab_and_changes_the_host_name_alone() {
    let authority = Authority::new();
    let gitlab = server(&authority);
    for version in ["v1.0.0", "v1.1.0"] {
        let go_mod = format!("module {MODULE}\n");
        let files = [("go.mod", &*go_mod), ("m.go", "package lib\n")];
        let repository = Repository::with(&files, &[version]);
        let folder = repository.path().to_str().expect("UTF-8").to_owned();
        let ran = gitlab.command_reading(Some(&authority), &["publish", &folder], "");
        ran.expect_success();
    }
    let before = go_of_alice(&authority, &gitlab);
    assert_eq!(versions(&before), "v1.0.0 v1.1.0 \n");
    for version in versions(&before).split_whitespace() {
        download(&before, version).expect_success();
    }

    let edge = server(&authority);
    let downloads = before.downloads();
    let import = ["import", downloads.to_str().expect("UTF-8")];
    let imported = edge.command_reading(Some(&authority), &import, "");
    let imported = imported.expect_quiet();
    let (_, summary) = imported.split_once(": ").expect("an address");
    let (count, rest) = summary.split_once(" (").expect("a size");
    assert_eq!(count, "2 zips and 0 go.mod files imported");
    assert!(rest.ends_with("), 0 already there, 0 refused\n"), "{rest}");

    // The import has looked whether the list names both.
    edge.logged(&format!("GET /{MODULE}/@v/list 200"));

    let after = go_of_alice(&authority, &edge);
    assert_eq!(versions(&after), "v1.0.0 v1.1.0 \n");
    download(&after, "v1.1.0").expect_success();
    let stranger = go_of_alice(&authority, &edge);
    std::fs::remove_file(stranger.home().join(".netrc")).expect("it was there");
    let stopped = download(&stranger, "v1.1.0").stderr;
    assert!(stopped.contains("401 Unauthorized"), "{stopped}");
}
