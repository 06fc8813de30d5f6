//! What hosts are told by the files of this repository: every setting there is one that the component knows, every
//! setting that it knows is there or left out for a reason, and a host reaches no other server but those that stand
//! in its manifest.

use std::collections::BTreeSet;
use std::path::Path;

use goproxy_edge::settings::{NAMES, Settings, StorePlace};

/// Those that no list of settings may show.
const SECRETS: [&str; 4] = [
    "tokens",
    "s3_access_key",
    "s3_secret_key",
    "s3_session_token",
];
/// `GOPROXY_EDGE_TOKEN` is the command's own, and no setting.
const OF_THE_COMMAND: &str = "token";
const AKAMAI: &str = "deploy/akamai/spin.toml";
/// Every file that tells people or hosts about settings.
const FILES: [&str; 8] = [
    "README.md",
    "spin.toml",
    AKAMAI,
    "deploy/spin/redis.toml",
    "deploy/spin/dynamodb.toml",
    "deploy/spin/cosmos.toml",
    "deploy/wasmcloud/workload.yaml",
    ".wash/config.yaml",
];

/// Settings that wasmCloud's files leave to their defaults, and why.
const LEFT_OUT: [(&str, &[&str]); 3] = [
    (
        "for whoever needs another than the default, which suits both stores there",
        &["base_path", "list_max_age", "max_zip_bytes", "log"],
    ),
    (
        "for whoever has several projects, or tokens that others judge",
        &["projects", "trust", "gitlab", "admin"],
    ),
    (
        "of the stores `s3` and `s3+kv`, and the stores there are wasmCloud's own",
        &[
            "s3_endpoint",
            "s3_region",
            "s3_bucket",
            "s3_prefix",
            "s3_access_key",
            "s3_secret_key",
            "s3_session_token",
            "s3_addressing",
            "s3_layout",
            "redirect_over",
        ],
    ),
];

#[track_caller]
fn read(file: &str) -> String {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::read_to_string(top.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The names and values of a table of TOML, in their order.
fn table<'a>(toml: &'a str, name: &str) -> Vec<(&'a str, &'a str)> {
    let head = format!("[{name}]");
    let lines = toml.lines().skip_while(|line| **line != head).skip(1);
    lines
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(" = "))
        .collect()
}

/// A member of a table of TOML, as a list of texts.
#[track_caller]
fn texts(toml: &str, name: &str, member: &str) -> Vec<String> {
    let members = table(toml, name);
    let value = members.iter().find(|(name, _)| *name == member);
    let (_, value) = value.unwrap_or_else(|| panic!("no {member} in [{name}]"));
    serde_json::from_str(value).unwrap_or_else(|error| panic!("{member}: {error}: {value}"))
}

/// The members below this path of YAML, of all documents and list entries that have it, in their order.
fn members<'a>(yaml: &'a str, path: &[&str]) -> Vec<(&'a str, &'a str)> {
    let mut at: Vec<(usize, &str)> = Vec::new();
    let mut found = Vec::new();
    for line in yaml.lines() {
        let text = line.trim_start();
        if text == "---" {
            at.clear();
        }
        let Some((name, value)) = text.split_once(':').filter(|_| !text.starts_with('#')) else {
            continue;
        };
        // What an entry of a list has is further in than its dash.
        let inner = name.trim_start_matches("- ");
        let indent = line.len() - text.len() + (name.len() - inner.len());
        at.retain(|(outer, _)| *outer < indent);
        if at.iter().map(|(_, name)| *name).eq(path.iter().copied()) {
            found.push((inner, value.trim().trim_matches('"')));
        }
        at.push((indent, inner));
    }
    found
}

/// What a setting of spin.toml is if nobody gives it: its default, or none.
fn default_of(declaration: &str) -> Option<&str> {
    let rest = declaration.strip_prefix("{ default = \"")?;
    rest.split_once('"').map(|(value, _)| value)
}

#[track_caller]
fn settings<'a>(values: impl IntoIterator<Item = (&'a str, &'a str)>) -> Settings {
    let values = values.into_iter();
    let values = values.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Settings::read(values).unwrap_or_else(|bad| panic!("{bad}"))
}

/// What Spin lets the component have if nobody gives a variable but these.
#[track_caller]
fn of_spin(manifest: &str, given: &[(&str, &str)]) -> Settings {
    let declared = table(manifest, "variables");
    settings(declared.iter().map(|(name, declaration)| {
        let given = given.iter().find(|(given, _)| given == name);
        let value = match (given, default_of(declaration)) {
            (Some((_, value)), _) => *value,
            (None, Some(value)) => value,
            (None, None) => panic!("{name} is required, and not given"),
        };
        (*name, value)
    }))
}

/// An entry of `allowed_outbound_hosts` is one literal `scheme://host`, with a port or without: a template that comes
/// out empty, or a path, would fail the component.
#[track_caller]
fn check_outbound(entry: &str, file: &str) {
    let host = entry.strip_prefix("https://").unwrap_or_default();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:".contains(&byte);
    assert!(
        !host.is_empty() && host.bytes().all(fits),
        "{file}: {entry:?} is no literal `https://host`"
    );
}

#[test]
fn each_manifest_of_spin_declares_every_setting_and_passes_it_on_under_its_own_name() {
    for file in ["spin.toml", AKAMAI] {
        let manifest = read(file);
        let declared = table(&manifest, "variables");
        let names: Vec<_> = declared.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, NAMES, "{file}: [variables]");
        let passed = table(&manifest, "component.goproxy-edge.variables");
        let expected: Vec<_> = NAMES
            .iter()
            .map(|name| (*name, format!("\"{{{{ {name} }}}}\"")))
            .collect();
        let passed: Vec<_> = passed
            .into_iter()
            .map(|(name, value)| (name, value.to_owned()))
            .collect();
        assert_eq!(passed, expected, "{file}: the component's variables");
        let secrets: Vec<_> = declared
            .iter()
            .filter(|(_, declaration)| declaration.contains("secret = true"))
            .map(|(name, _)| *name)
            .collect();
        assert_eq!(secrets, SECRETS, "{file}");
    }
}

#[test]
fn spin_toml_by_itself_is_the_defaults_and_reaches_no_other_server() {
    let manifest = read("spin.toml");
    assert_eq!(of_spin(&manifest, &[]), Settings::default());
    let component = "component.goproxy-edge";
    let hosts = texts(&manifest, component, "allowed_outbound_hosts");
    assert_eq!(hosts, [""; 0]);
    let stores = texts(&manifest, component, "key_value_stores");
    assert_eq!(Settings::default().store, StorePlace::Kv(stores.concat()));
    // What is said of another store is said of this one.
    for kind in ["redis", "dynamodb", "cosmos"] {
        let runtime = read(&format!("deploy/spin/{kind}.toml"));
        let table = table(&runtime, &format!("key_value_store.{}", stores.concat()));
        assert!(table.iter().any(|(name, _)| *name == "type"), "{kind}");
    }
}

#[test]
fn the_manifest_of_akamai_reaches_the_bucket_that_it_is_given_and_sends_large_zips_there() {
    let manifest = read(AKAMAI);
    let component = "component.goproxy-edge";
    let hosts = texts(&manifest, component, "allowed_outbound_hosts");
    let [endpoint] = hosts.as_slice() else {
        panic!("one server: {hosts:?}");
    };
    check_outbound(endpoint, AKAMAI);
    let required: Vec<_> = table(&manifest, "variables")
        .into_iter()
        .filter(|(_, declaration)| declaration.contains("required = true"))
        .map(|(name, _)| name)
        .collect();
    let given = [
        ("s3_endpoint", endpoint.as_str()),
        ("s3_bucket", "modules"),
        ("s3_access_key", "a-key"),
        ("s3_secret_key", "a-secret"),
    ];
    assert_eq!(required, given.map(|(name, _)| name));
    let alone = of_spin(&manifest, &given);
    assert_eq!(alone.store, StorePlace::S3);
    assert_eq!(alone.redirect_over, Some(8 << 20));
    assert_eq!(alone.outbound(), hosts);
    let beside = [&given[..], &[("store", "s3+kv")]].concat();
    let beside = of_spin(&manifest, &beside);
    let stores = texts(&manifest, component, "key_value_stores");
    assert_eq!(beside.store, StorePlace::S3Kv(stores.concat()));
    assert_eq!(beside.outbound(), hosts);
}

#[test]
fn every_line_of_outbound_hosts_that_readme_gives_is_one_that_spin_takes() {
    let readme = read("README.md");
    let mut hosts = BTreeSet::new();
    for line in readme.lines() {
        // One that stands for another is commented out.
        let line = line.trim_start_matches("# ");
        let Some(value) = line.strip_prefix("allowed_outbound_hosts = ") else {
            continue;
        };
        let (list, _) = value.split_once(']').expect("a list in one line");
        let entries: Vec<String> = serde_json::from_str(&format!("{list}]")).expect("texts");
        for entry in entries {
            check_outbound(&entry, "README.md");
            hosts.insert(entry);
        }
    }
    // A bucket by path and by host, and issuers of tokens, one of them a GitLab.
    let expected = [
        "https://gitlab.com",
        "https://modules.s3.example.com",
        "https://s3.example.com",
        "https://token.actions.githubusercontent.com",
    ];
    assert_eq!(hosts, expected.map(str::to_owned).into());
}

#[test]
fn wash_dev_and_a_lattice_are_told_known_settings_and_the_others_are_left_out_for_a_reason() {
    let left_out: Vec<&str> = LEFT_OUT
        .iter()
        .flat_map(|(_, names)| *names)
        .copied()
        .collect();
    let check = |file: &str, told: &[&str], more: &[&str]| {
        let mut all = [told, more, &left_out].concat();
        all.sort_unstable();
        let mut expected = NAMES.to_vec();
        expected.sort_unstable();
        assert_eq!(all, expected, "{file}: told, and left out");
    };

    let file = ".wash/config.yaml";
    let told = read(file);
    let told = members(&told, &["workload", "config"]);
    let names: Vec<_> = told.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["store", "tokens"], "{file}");
    // In files and in memory any size of a chunk will do.
    check(file, &names, &["kv_chunk_bytes"]);
    let read_as = settings(told);
    assert_eq!(read_as, Settings::default(), "{file}");

    let file = "deploy/wasmcloud/workload.yaml";
    let text = read(file);
    let told = members(&text, &["data"]);
    let names: Vec<_> = told.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["store", "kv_chunk_bytes"], "{file}");
    // A secret of the same name as the map has them.
    let secret = "kubectl create secret generic goproxy-edge --from-literal=tokens=";
    assert!(text.contains(secret), "{file}");
    check(file, &names, &["tokens"]);
    let interfaces = ["spec", "template", "spec", "hostInterfaces"];
    for source in ["configFrom", "secretFrom"] {
        let path = [&interfaces[..], &[source]].concat();
        assert_eq!(
            members(&text, &path),
            [("name", "goproxy-edge")],
            "{source}"
        );
    }
    assert_eq!(members(&text, &["metadata"]), [("name", "goproxy-edge"); 2]);
    // The container that the store names is the one that the workload may open.
    let config = members(&text, &[&interfaces[..], &["config"]].concat());
    let containers: Vec<_> = config
        .iter()
        .filter(|(name, _)| *name == "buckets")
        .collect();
    let [(_, container)] = containers.as_slice() else {
        panic!("{containers:?}");
    };
    let read_as = settings(told);
    let expected = StorePlace::Blobstore((*container).to_owned(), "modules".to_owned());
    assert_eq!(read_as.store, expected);
    // It asks no other server, and may not.
    assert_eq!(read_as.outbound(), [""; 0]);
    let resources = ["spec", "template", "spec", "components", "localResources"];
    assert_eq!(members(&text, &resources), [("allowedHosts", "[]")]);
}

#[test]
fn readme_has_each_setting_in_its_table_and_no_file_names_one_that_there_is_not() {
    let readme = read("README.md");
    let (_, rest) = readme.split_once("\n## Settings\n").expect("a chapter");
    let (chapter, _) = rest.split_once("\n## ").expect("an end");
    let mut rows: Vec<&str> = Vec::new();
    for line in chapter.lines().filter(|line| line.starts_with("| `")) {
        let cell = line.split(" | ").next().unwrap_or_default();
        rows.extend(cell.split('`').skip(1).step_by(2));
    }
    let count = rows.len();
    let rows: BTreeSet<_> = rows.into_iter().collect();
    assert_eq!(rows, NAMES.iter().copied().collect());
    assert_eq!(count, NAMES.len(), "each once");

    for file in FILES {
        let text = read(file);
        for option in ["--set ", "--variable "] {
            for rest in text.split(option).skip(1) {
                let name = rest.split('=').next().unwrap_or_default();
                assert!(
                    NAMES.contains(&name) || name == "NAME",
                    "{file}: {option}{name}"
                );
            }
        }
        for rest in text.split("GOPROXY_EDGE_").skip(1) {
            let fits = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '_';
            let name: String = rest.chars().take_while(fits).collect();
            let name = name.to_lowercase();
            let known = NAMES.contains(&name.as_str()) || name == OF_THE_COMMAND;
            assert!(known || rest.starts_with(['<', '…']), "{file}: {name}");
        }
    }
}
