//! The proxy's settings: which there are, where their values come from, and the two that the host
//! itself must know about, a folder and a store's name in `store`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use goproxy_edge::settings::{BadSetting, NAMES, StorePlace};

use crate::Failure;

/// One `--set`.
#[derive(Clone, Debug)]
pub struct Setting {
    name: String,
    value: String,
}

/// What a setting's name has in front of it in the environment.
const PREFIX: &str = "GOPROXY_EDGE_";
/// Ours, and no settings: what the subcommands that speak to a server take for a token, and where the build finds
/// the component, which `cargo run` hands on to us.
const OTHER_VARIABLES: [&str; 2] = ["TOKEN", "COMPONENT"];
/// Longer than any name of ours.
const LONGEST_NAME: usize = 24;

/// Reads `NAME=VALUE`.
///
/// # Errors
/// Why it is none, for all to read: the value may be a secret, and so may what is no name.
pub fn parse(text: &str) -> Result<Setting, String> {
    let (name, value) = text.split_once('=').ok_or("it has the form NAME=VALUE")?;
    if !NAMES.contains(&name) {
        let fine = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
        let which = match name.len() <= LONGEST_NAME && name.bytes().all(fine) {
            true => format!("{name:?}"),
            false => "of this name".to_owned(),
        };
        return Err(format!(
            "there is no setting {which}; there are {}",
            NAMES.join(", ")
        ));
    }
    Ok(Setting {
        name: name.to_owned(),
        value: value.to_owned(),
    })
}

/// The variables of the environment that look like settings and are none: most are misspelt, and a server without
/// the setting that was meant may be open where it should be closed. Their values may be secrets, and stay out of it.
pub fn unknown_variables(names: impl Iterator<Item = OsString>) -> Vec<String> {
    let unknown = names.filter_map(|name| {
        let name = name.to_str()?;
        let rest = name.strip_prefix(PREFIX)?;
        let is_known = OTHER_VARIABLES.contains(&rest)
            || is_kubernetes(rest)
            || NAMES.iter().any(|known| known.to_uppercase() == rest);
        (!is_known).then(|| name.to_owned())
    });
    let mut unknown: Vec<String> = unknown.collect();
    unknown.sort();
    unknown
}

/// What Kubernetes puts into the environment of every container beside services that are called
/// `goproxy-edge` or `goproxy-edge-…` (its documentation, Discovering services, Environment variables).
fn is_kubernetes(rest: &str) -> bool {
    let of_service = |mark: &str| rest.starts_with(mark) || rest.contains(&format!("_{mark}"));
    rest == "PORT"
        || rest.ends_with("_PORT")
        || of_service("PORT_")
        || of_service("SERVICE_HOST")
        || of_service("SERVICE_PORT")
}

/// All settings that have a value.
#[derive(Debug, Default)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// From `GOPROXY_EDGE_<NAME>`, and above those from the command line.
    pub fn gather(given: Vec<Setting>) -> Result<Settings, Failure> {
        let mut values = BTreeMap::new();
        for &name in NAMES {
            let variable = format!("{PREFIX}{}", name.to_uppercase());
            match std::env::var(&variable) {
                Ok(value) => drop(values.insert(name.to_owned(), value)),
                Err(std::env::VarError::NotPresent) => {}
                Err(std::env::VarError::NotUnicode(_)) => {
                    return Err(format!("{variable} is not UTF-8").into());
                }
            }
        }
        values.extend(
            given
                .into_iter()
                .map(|setting| (setting.name, setting.value)),
        );
        // As the proxy has it: an empty value means the default.
        values.retain(|_, value: &mut String| !value.trim().is_empty());
        let mut settings = Settings(values);
        settings.make_folder_absolute()?;
        Ok(settings)
    }

    pub fn set(&mut self, name: &str, value: String) {
        self.0.insert(name.to_owned(), value);
    }

    /// Whether the operator brought tokens along, if only an empty list of them.
    pub fn has_tokens(&self) -> bool {
        self.0.contains_key("tokens")
    }

    /// Keeps projects and tokens in the store too, unless the operator said otherwise. Not in an object store alone:
    /// there each look at them is a request more before the one that a hit takes, and needs the right to list.
    pub fn administer_by_default(&mut self) {
        if self.0.get("store").is_some_and(|store| store == "s3") {
            return;
        }
        let value = || "on".to_owned();
        self.0.entry("admin".to_owned()).or_insert_with(value);
    }

    /// The guest finds the folder under the same name as we do, and it has no current directory.
    fn make_folder_absolute(&mut self) -> Result<(), Failure> {
        if let Some(folder) = self.folder() {
            let absolute = folder
                .canonicalize()
                .map_err(|error| format!("cannot open the folder {}: {error}", folder.display()))?;
            let text = absolute.to_str().ok_or("the folder's name is not UTF-8")?;
            self.set("store", format!("dir:{text}"));
        }
        Ok(())
    }

    /// The folder in `store=dir:<path>`, if it names one.
    pub fn folder(&self) -> Option<PathBuf> {
        let folder = self.0.get("store")?.strip_prefix("dir:")?;
        (!folder.is_empty()).then(|| PathBuf::from(folder))
    }

    /// The name in `store=kv:<bucket>`.
    pub fn bucket(&self) -> Option<String> {
        let store = self.0.get("store")?;
        let store = store.strip_prefix("s3+").unwrap_or(store);
        let bucket = store.strip_prefix("kv:")?;
        (!bucket.is_empty() && bucket != "default").then(|| bucket.to_owned())
    }

    /// As the proxy reads them.
    ///
    /// # Errors
    /// The first that is wrong, which the proxy would answer every request with.
    pub fn read(&self) -> Result<goproxy_edge::settings::Settings, BadSetting> {
        let settings = goproxy_edge::settings::Settings::read(self.0.clone())?;
        match settings.store {
            // Right for the proxy, but this host has none to give.
            StorePlace::Blobstore(..) => Err(BadSetting {
                name: "store".to_owned(),
                problem:
                    "`serve` has no object store of its own: `s3` and `s3+kv` are for one elsewhere"
                        .to_owned(),
            }),
            _ => Ok(settings),
        }
    }

    pub fn into_map(self) -> BTreeMap<String, String> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_is_not_known_is_refused_with_the_names_of_those_that_are() {
        let refusal = parse("lgo=off").unwrap_err();
        assert_eq!(
            refusal,
            "there is no setting \"lgo\"; there are store, base_path, tokens, projects, list_max_age, max_zip_bytes, kv_chunk_bytes, s3_endpoint, s3_region, s3_bucket, s3_prefix, s3_access_key, s3_secret_key, s3_session_token, s3_addressing, s3_layout, redirect_over, log, trust, gitlab, admin"
        );
        assert_eq!(parse("log").unwrap_err(), "it has the form NAME=VALUE");
    }

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        for text in [
            "hunter2",
            "s3_secret_keyy=hunter2",
            "S3_SECRET_KEY:hunter2==",
            "s3_secret_key_hunter2_hunter2=",
            "Hunter2=",
        ] {
            let refusal = parse(text).unwrap_err();
            assert!(!refusal.to_lowercase().contains("hunter2"), "{refusal}");
        }
    }

    #[test]
    fn a_value_may_hold_an_equals_sign() {
        let setting = parse("base_path=/a=b").unwrap();
        assert_eq!(
            (setting.name.as_str(), setting.value.as_str()),
            ("base_path", "/a=b")
        );
    }

    #[test]
    fn an_empty_value_is_as_none() {
        let given = ["tokens=", "base_path= ", "log=off"].map(|text| parse(text).unwrap());
        let settings = Settings::gather(given.to_vec()).unwrap();
        assert!(!settings.has_tokens());
        let all: Vec<_> = settings.into_map().into_iter().collect();
        assert_eq!(all, [("log".to_owned(), "off".to_owned())]);
    }

    #[test]
    fn the_path_below_which_the_proxy_is_follows_its_address() {
        for (given, expected) in [("base_path=/go/", "/go"), ("log=off", "")] {
            let settings = Settings::gather(vec![parse(given).unwrap()]).unwrap();
            assert_eq!(settings.read().unwrap().base_path, expected, "{given}");
        }
    }

    #[test]
    fn what_the_proxy_would_refuse_is_refused_in_its_words() {
        for (given, expected) in [
            (
                "base_path=go/../x",
                "the setting `base_path` is wrong: it is a path such as `/goproxy`, of letters, digits and -._~",
            ),
            (
                "trust={}",
                "the setting `trust` is wrong: it is not a JSON list",
            ),
            (
                "store=blobstore:zips+kv",
                "the setting `store` is wrong: `serve` has no object store of its own: `s3` and `s3+kv` are for one \
                 elsewhere",
            ),
            (
                "log=loud",
                "the setting `log` is wrong: it is `off`, `error` or `info`",
            ),
            (
                "store=dir:",
                "the setting `store` is wrong: it is `kv`, `kv:<bucket>`, `dir:<path>`, `s3`, `s3+kv`, \
                 `s3+kv:<bucket>`, `blobstore:<container>` or `blobstore:<container>+kv:<bucket>`",
            ),
        ] {
            let settings = Settings::gather(vec![parse(given).unwrap()]).unwrap();
            assert_eq!(settings.read().unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn a_variable_that_looks_like_a_setting_and_is_none_is_found() {
        let unknown = |names: &[&str]| unknown_variables(names.iter().map(OsString::from));
        for name in NAMES {
            let name = format!("GOPROXY_EDGE_{}", name.to_uppercase());
            assert_eq!(unknown(&[&name]), [""; 0], "{name}");
        }
        for ours_or_no_concern_of_ours in [
            "GOPROXY_EDGE_TOKEN",
            "GOPROXY_EDGE_COMPONENT",
            "GOPROXY_EDGE_PORT",
            "GOPROXY_EDGE_PORT_3000_TCP_ADDR",
            "GOPROXY_EDGE_SERVICE_HOST",
            "GOPROXY_EDGE_SERVICE_PORT_HTTP",
            "GOPROXY_EDGE_REDIS_SERVICE_HOST",
            "GOPROXY_EDGE_REDIS_SERVICE_PORT",
            "GOPROXY_EDGE_REDIS_PORT",
            "GOPROXY_EDGE_REDIS_PORT_6379_TCP_PROTO",
            "GOPROXY",
            "GOPROXY_EDGE",
        ] {
            assert_eq!(unknown(&[ours_or_no_concern_of_ours]), [""; 0]);
        }
        let wrong = [
            "GOPROXY_EDGE_TOKENSS",
            "GOPROXY_EDGE_BASEPATH",
            "GOPROXY_EDGE_log",
            "GOPROXY_EDGE_",
        ];
        let mut sorted = wrong;
        sorted.sort_unstable();
        assert_eq!(unknown(&wrong), sorted);
    }

    #[test]
    fn projects_and_tokens_are_in_the_store_too_unless_told() {
        for (given, expected) in [
            (vec![], Some("on")),
            (vec!["admin=off"], Some("off")),
            (vec!["admin=on"], Some("on")),
            (vec!["store=s3"], None),
            (vec!["store=s3", "admin=on"], Some("on")),
            (vec!["store=s3+kv"], Some("on")),
        ] {
            let given = given.into_iter().map(|text| parse(text).unwrap());
            let mut settings = Settings::gather(given.collect()).unwrap();
            settings.administer_by_default();
            let admin = settings.into_map().remove("admin");
            assert_eq!(admin.as_deref(), expected);
        }
    }

    #[test]
    fn a_folder_is_handed_on_by_its_absolute_path() {
        let settings = Settings::gather(vec![parse("store=dir:src").unwrap()]).unwrap();
        let folder = settings.folder().unwrap();
        assert!(
            folder.is_absolute() && folder.ends_with("src"),
            "{}",
            folder.display()
        );
        assert_eq!(settings.bucket(), None);
    }

    #[test]
    fn the_servers_that_trust_and_gitlab_name_are_granted() {
        let trust = r#"trust=[
            {"issuer":"https://ci.example.com/x","audience":"a","claims":{"sub":"s"},"projects":["1"],"scopes":["api"]},
            {"issuer":"https://b.example.com","jwks":"https://keys.example.com:8443/k","audience":"a","claims":{"sub":"s"},"projects":["1"],"scopes":["api"]}]"#;
        let gitlab = "gitlab=http://gitlab.example.com:8080/git/";
        let settings = Settings::gather(vec![parse(trust).unwrap(), parse(gitlab).unwrap()]);
        assert_eq!(
            settings.unwrap().read().unwrap().outbound(),
            [
                "https://ci.example.com",
                "https://keys.example.com:8443",
                "http://gitlab.example.com:8080"
            ]
        );
    }

    #[test]
    fn a_named_store_is_granted_besides_the_default_one() {
        let settings = |text| Settings::gather(vec![parse(text).unwrap()]).unwrap();
        assert_eq!(
            settings("store=kv:modules").bucket(),
            Some("modules".into())
        );
        let beside = settings("store=s3+kv:modules");
        assert_eq!(beside.bucket(), Some("modules".into()));
        assert_eq!(settings("store=s3+kv").bucket(), None);
        assert_eq!(settings("store=kv").bucket(), None);
        assert_eq!(settings("store=kv:default").bucket(), None);
    }

    #[test]
    fn the_object_store_is_what_the_component_may_ask() {
        let granted = |texts: &[&str]| {
            let given = texts.iter().map(|text| parse(text).unwrap()).collect();
            Settings::gather(given).unwrap().read().unwrap().outbound()
        };
        let endpoint = "s3_endpoint=https://s3.example.com/";
        let bucket = "s3_bucket=modules";
        assert_eq!(
            granted(&["store=s3", endpoint, bucket]),
            ["https://s3.example.com"]
        );
        assert_eq!(
            granted(&["store=s3", endpoint, bucket, "s3_addressing=virtual"]),
            ["https://modules.s3.example.com"]
        );
        assert_eq!(granted(&[endpoint, bucket]), [""; 0]);
    }
}
