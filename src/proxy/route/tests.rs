//! The URL space, path by path, and what is said of a path that is not in it.

use super::*;

#[path = "../../../fuzz/drive/request_path.rs"]
mod drive;

#[test]
fn the_seeds_of_the_fuzzer_are_taken_without_a_panic() {
    let seeds = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/fuzz/corpus-seeds/request_path"
    );
    let mut count = 0;
    for seed in std::fs::read_dir(seeds).unwrap() {
        let seed = std::fs::read(seed.unwrap().path()).unwrap();
        // As a fuzzer would begin: cut short, and with each byte changed.
        for at in 0..seed.len() {
            drive::drive(&seed[..at]);
            let mut changed = seed.clone();
            changed[at] ^= 0x41;
            drive::drive(&changed);
        }
        drive::drive(&seed);
        count += 1;
    }
    assert!(count > 5, "{count} seeds");
}

fn module(path: &str) -> ModulePath {
    ModulePath::parse(path).unwrap()
}

fn exactly(version: &str) -> Asked {
    Asked::Exactly(Version::parse(version).unwrap())
}

fn query(text: &str) -> Asked {
    Asked::Query(text.to_owned())
}

fn here(resource: Resource) -> Result<Route, String> {
    Ok(Route::InProject(None, Ok(resource)))
}

#[test]
fn every_path_of_the_url_space_is_understood() {
    let m = || module("example.com/m");
    for (path, route) in [
        ("/healthz", Ok(Route::Health)),
        ("/readyz", Ok(Route::Ready)),
        (
            "/-/admin/repair",
            Ok(Route::Admin(vec!["repair".to_owned()])),
        ),
        (
            "/-/admin/projects/group%2Fproject/enable",
            Ok(Route::Admin(
                ["projects", "group/project", "enable"]
                    .map(str::to_owned)
                    .to_vec(),
            )),
        ),
        ("/upload", here(Resource::Upload)),
        ("/example.com/m/@v/list", here(Resource::List(m()))),
        ("/example.com/m/@latest", here(Resource::Latest(m()))),
        (
            "/example.com/m/@v/v1.0.0.info",
            here(Resource::Info(m(), exactly("v1.0.0"))),
        ),
        (
            "/example.com/m/@v/1.0.0.info",
            here(Resource::Info(m(), exactly("v1.0.0"))),
        ),
        (
            "/example.com/m/@v/v1.0.0.mod",
            here(Resource::Mod(m(), exactly("v1.0.0"))),
        ),
        (
            "/example.com/m/@v/v1.0.0.zip",
            here(Resource::Zip(m(), exactly("v1.0.0"))),
        ),
        (
            "/example.com/m/@v/v1.0.0-%21r%21c.1.zip",
            here(Resource::Zip(m(), exactly("v1.0.0-RC.1"))),
        ),
        (
            "/example.com/m/@v/v3.0.0+incompatible.zip",
            here(Resource::Zip(m(), exactly("v3.0.0+incompatible"))),
        ),
        (
            "/example.com/m/@v/v3.0.0%2Bincompatible.zip",
            here(Resource::Zip(m(), exactly("v3.0.0+incompatible"))),
        ),
        (
            "/example.com/m/@v/v1.0.0",
            here(Resource::Version(m(), exactly("v1.0.0"))),
        ),
        (
            "/example.com/m/@v/latest.mod",
            here(Resource::Mod(m(), query("latest"))),
        ),
        (
            "/example.com/m/@v/v1.2.info",
            here(Resource::Info(m(), query("v1.2"))),
        ),
        (
            "/example.com/m/@v/1.2.info",
            here(Resource::Info(m(), query("1.2"))),
        ),
        (
            "/example.com/m/@v/feature%2Fx.info",
            here(Resource::Info(m(), query("feature/x"))),
        ),
        (
            "/example.com/m/@v/v1.0.0+meta.info",
            here(Resource::Info(m(), query("v1.0.0+meta"))),
        ),
        (
            "/github.com/%21azure/m/@v/list",
            here(Resource::List(module("github.com/Azure/m"))),
        ),
        (
            "/github.com/!azure/m/@v/list",
            here(Resource::List(module("github.com/Azure/m"))),
        ),
        (
            "/api/v4/projects/1/packages/go/example.com/m/@v/list",
            Ok(Route::InProject(
                Some("1".to_owned()),
                Ok(Resource::List(m())),
            )),
        ),
        (
            "/api/v4/projects/default%2Fmodules/packages/go/upload",
            Ok(Route::InProject(
                Some("default/modules".to_owned()),
                Ok(Resource::Upload),
            )),
        ),
    ] {
        assert_eq!(parse(path, ""), route, "{path}");
        assert_eq!(
            parse(&format!("/base{path}"), "/base"),
            route,
            "/base{path}"
        );
    }
}

#[test]
fn a_path_that_can_name_nothing_is_told_why() {
    let long = format!("/example.com/m/{}/@v/list", "a".repeat(1100));
    let longer = format!("/example.com/m/{}", "a".repeat(4000));
    for (path, of, why) in [
        (
            "/",
            "",
            "this is a Go module proxy: give its address to the go command, in GOPROXY",
        ),
        ("/example.com", "example.com", "missing /@v/"),
        ("/example.com/@/", "example.com/@/", "missing /@v/"),
        ("/-/admin", "", "missing /@v/"),
        ("/api/v4/projects/1/packages/npm/x", "", "missing /@v/"),
        ("//example.com/m", "", "missing /@v/"),
        ("/%2Fexample.com%2Fm", "", "missing /@v/"),
        ("/Example.com/m", "", "missing /@v/"),
        (
            "/example.com/!azure/m/@v/v1.0.0.ziphash",
            "example.com/Azure/m",
            "unexpected extension \".ziphash\"",
        ),
        (
            "/example.com/m/@v/",
            "example.com/m",
            "no file extension in filename \"\"",
        ),
        (
            "/example.com/@v/foobar",
            "example.com",
            "no file extension in filename \"foobar\"",
        ),
        (
            "/example.com/@v/foo.bar",
            "example.com",
            "unexpected extension \".bar\"",
        ),
        (
            "/example.com/m/@v/v1.0.0.ziphash",
            "example.com/m",
            "unexpected extension \".ziphash\"",
        ),
        (
            "/example.com/m/@v/v1.0.0.lock",
            "example.com/m",
            "unexpected extension \".lock\"",
        ),
        (
            "/foobar/@latest",
            "",
            "invalid escaped module path \"foobar\": malformed module path \"foobar\": missing dot in first path element",
        ),
        (
            "/example.com//m/@v/list",
            "example.com//m",
            "invalid escaped module path \"example.com//m\": malformed module path \"example.com//m\": double slash",
        ),
        (
            "/example.com/../m/@v/list",
            "example.com/../m",
            "invalid escaped module path \"example.com/../m\": malformed module path \"example.com/../m\": invalid path element \"..\"",
        ),
        (
            "/example.com/%2e%2e/m/@v/list",
            "example.com/../m",
            "invalid escaped module path \"example.com/../m\": malformed module path \"example.com/../m\": invalid path element \"..\"",
        ),
        (
            "/example.com/Azure/@v/list",
            "example.com/Azure",
            "invalid escaped module path \"example.com/Azure\": malformed module path \"example.com/Azure\": invalid escaped form",
        ),
        (
            "/example.com/a%2Fb/@v/list",
            "example.com/a/b",
            "%2F in \"a/b\" does not separate path elements",
        ),
        (
            "/example.com/%zz/@v/list",
            "example.com/%zz",
            "\"%zz\" is not valid percent-encoding of UTF-8",
        ),
        (
            "/example.com/m/@v/%ff.info",
            "example.com/m",
            "\"%ff.info\" is not valid percent-encoding of UTF-8",
        ),
        (
            "/example.com/%00/@v/list",
            "example.com/%00",
            "the path has a NUL in it",
        ),
        (&long, "example.com/m", "the module path is too long"),
        (&longer, "example.com/m", "the path is too long"),
    ] {
        let nothing = |project: Option<&str>| {
            let (path, why) = (of.to_owned(), why.to_owned());
            let nothing = Nothing { path, why };
            Ok(Route::InProject(project.map(str::to_owned), Err(nothing)))
        };
        assert_eq!(parse(path, ""), nothing(None), "{path}");
        let base = "/api/v4/projects/1/packages/go";
        assert_eq!(
            parse(&format!("{base}{path}"), ""),
            nothing(Some("1")),
            "{path}"
        );
    }
    let rootless = Err("the path does not begin with a slash".to_owned());
    assert_eq!(parse("", ""), rootless);
    let outside = Err("every path here begins with /base/".to_owned());
    assert_eq!(parse("/healthz", "/base"), outside);
    assert_eq!(parse("/basement/healthz", "/base"), outside);
}

#[test]
fn version_prefixes_are_those_of_go() {
    for (text, is_one) in [
        ("v1", true),
        ("v1.2", true),
        ("v1.2.3", false),
        ("v01", false),
        ("1.2", false),
        ("v1.2-rc", false),
        ("main", false),
    ] {
        assert_eq!(is_version_prefix(text), is_one, "{text}");
    }
}
