//! The settings: their names, defaults, and what is a right value. Where values come from is the
//! host's business (`wasi`); here is only text. A wrong value stops every request, named, so that
//! nobody serves for weeks with a token list that was never read.

use std::fmt;
#[cfg(feature = "s3")]
use std::rc::Rc;

#[cfg(feature = "oidc")]
use crate::access::oidc::Rule;
use crate::access::{Projects, Token};
#[cfg(feature = "oidc")]
use crate::http::client::Address;

/// Go's own limit for a module zip, in bytes (golang.org/x/mod/zip, MaxZipFile).
pub const MAX_ZIP_BYTES: u64 = 500 << 20;
/// 256 KiB less 128: redb rounds a value and its header up to a power of two, so that chunks of
/// 262,144 bytes take twice their room.
const KV_CHUNK_BYTES: usize = 262_016;
/// The key-value store that hosts give where none is named.
const DEFAULT_BUCKET: &str = "default";
/// What a right `store` is.
const WHERE: &str = "it is `kv`, `kv:<bucket>`, `dir:<path>`, `s3`, `s3+kv`, `s3+kv:<bucket>`, \
                     `blobstore:<container>` or `blobstore:<container>+kv:<bucket>`";
/// Whether the store `dir` is built in: 20 KB that a component for a host without files does not need.
pub const HAS_DIR: bool = cfg!(any(
    feature = "dir",
    not(any(feature = "spin", feature = "wasmcloud")),
    not(target_arch = "wasm32")
));
/// A chunk is in memory while it is sent, and an upload holds several.
const LARGEST_CHUNK: usize = 4 << 20;
const SMALLEST_CHUNK: usize = 1024;

/// The names of all settings, as they stand in a host's configuration. In the environment each is
/// `GOPROXY_EDGE_` and the name in capitals.
pub const NAMES: &[&str] = &[
    "store",
    "base_path",
    "tokens",
    "projects",
    "list_max_age",
    "max_zip_bytes",
    "kv_chunk_bytes",
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
    "log",
    "trust",
    "gitlab",
    "admin",
];

/// Where modules are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorePlace {
    /// `kv` or `kv:<bucket>`: the host's key-value store of this name.
    Kv(String),
    /// `blobstore:<container>`, `blobstore:<container>+kv` or `blobstore:<container>+kv:<bucket>`: zips in
    /// this container of the host's object store, the rest in this key-value store.
    Blobstore(String, String),
    /// `dir:<path>`: a folder that the host lets us see.
    Dir(String),
    /// `s3`: the bucket that the settings `s3_…` name.
    #[cfg(feature = "s3")]
    S3,
    /// `s3+kv` or `s3+kv:<bucket>`: zips in that bucket, the rest in this key-value store.
    #[cfg(feature = "s3")]
    S3Kv(String),
}

/// What goes to standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Log {
    /// Nothing.
    Off,
    /// Requests that end with 500 or more.
    Error,
    /// Every request.
    Info,
}

/// All settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where modules are kept.
    pub store: StorePlace,
    /// What every path starts with: empty, or a slash and segments without a slash at the end.
    pub base_path: String,
    /// Who may do what.
    pub tokens: Vec<Token>,
    /// What there is to have rights in.
    pub projects: Projects,
    /// How many seconds a cache may keep a list, a query, and a 404.
    pub list_max_age: u64,
    /// The largest body of an upload, in bytes.
    pub max_zip_bytes: u64,
    /// The largest value in a key-value store, in bytes.
    pub kv_chunk_bytes: usize,
    /// Where the object store is.
    #[cfg(feature = "s3")]
    pub s3: Rc<crate::store::s3::Config>,
    /// Zips of more bytes are fetched from the object store itself, and may be sent to it; none: never.
    #[cfg(feature = "s3")]
    pub redirect_over: Option<u64>,
    /// What is logged.
    pub log: Log,
    /// Whose OpenID Connect tokens stand for what.
    #[cfg(feature = "oidc")]
    pub trust: Vec<Rule>,
    /// The address of the GitLab that judges job tokens, without a slash at its end; empty for none.
    #[cfg(feature = "oidc")]
    pub gitlab: String,
    /// Whether there are projects and tokens in the store too, which administrators change.
    #[cfg(feature = "admin")]
    pub admin: bool,
    /// What is remembered of those as long as these settings hold.
    #[cfg(feature = "admin")]
    pub remembered: crate::access::kept::Remembered,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            store: default_store(),
            base_path: String::new(),
            tokens: Vec::new(),
            projects: Projects::default(),
            list_max_age: 60,
            max_zip_bytes: MAX_ZIP_BYTES,
            kv_chunk_bytes: KV_CHUNK_BYTES,
            #[cfg(feature = "s3")]
            s3: Rc::default(),
            #[cfg(feature = "s3")]
            redirect_over: None,
            log: Log::Info,
            #[cfg(feature = "oidc")]
            trust: Vec::new(),
            #[cfg(feature = "oidc")]
            gitlab: String::new(),
            #[cfg(feature = "admin")]
            admin: false,
            #[cfg(feature = "admin")]
            remembered: Default::default(),
        }
    }
}

/// The store of a flavour whose host has a key-value store is that; any other has a folder.
fn default_store() -> StorePlace {
    if cfg!(any(feature = "spin", feature = "wasmcloud")) {
        StorePlace::Kv(DEFAULT_BUCKET.to_owned())
    } else {
        StorePlace::Dir("/data".to_owned())
    }
}

/// A setting that has no right value. Says which, and never the value, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadSetting {
    /// The setting's name.
    pub name: String,
    /// What a right value is, or what is wrong with this one.
    pub problem: String,
}

impl fmt::Display for BadSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the setting `{}` is wrong: {}", self.name, self.problem)
    }
}

/// Why there are no settings to go by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoSettings {
    /// One of them is wrong.
    Bad(BadSetting),
    /// The host does not tell them, as when whoever holds its secrets does not answer. The defaults must
    /// not stand in for them: they let everybody read.
    Untold,
}

impl From<BadSetting> for NoSettings {
    fn from(bad: BadSetting) -> Self {
        NoSettings::Bad(bad)
    }
}

impl fmt::Display for NoSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoSettings::Bad(bad) => bad.fmt(f),
            NoSettings::Untold => f.write_str(
                "the host does not tell the settings now: its own log says why (a provider of \
                 variables or secrets that does not answer?), and another attempt may do",
            ),
        }
    }
}

impl Settings {
    /// Reads names and values over the defaults. An empty value means the default; names that are
    /// not ours belong to somebody else.
    ///
    /// # Errors
    /// The first value that is wrong.
    pub fn read(values: impl IntoIterator<Item = (String, String)>) -> Result<Self, BadSetting> {
        let mut settings = Settings::default();
        for (name, value) in values {
            let value = value.trim();
            if !value.is_empty() {
                settings
                    .set(&name, value)
                    .map_err(|problem| BadSetting { name, problem })?;
            }
        }
        #[cfg(feature = "s3")]
        if settings.needs_s3() {
            let beside_kv = matches!(settings.store, StorePlace::S3Kv(_));
            if beside_kv && settings.s3.layout != crate::store::s3::Layout::Goproxy {
                let problem = "a bucket of Athens is read with the store `s3` alone";
                return Err(BadSetting {
                    name: "s3_layout".to_owned(),
                    problem: problem.to_owned(),
                });
            }
            settings.s3.check().map_err(|(name, problem)| BadSetting {
                name: name.to_owned(),
                problem: problem.to_owned(),
            })?;
            if settings.redirect_over.is_some() && !settings.s3.server().starts_with("https://") {
                return Err(misdirected("`s3_endpoint` is not https"));
            }
        }
        Ok(settings)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "store" => self.store = store_place(value)?,
            "base_path" => self.base_path = base_path(value)?,
            "tokens" => self.tokens = Token::parse_list(value)?,
            "projects" => self.projects = Projects::parse_list(value)?,
            "list_max_age" => self.list_max_age = number(value, 0, 31_536_000, "seconds")?,
            "max_zip_bytes" => self.max_zip_bytes = number(value, 1, MAX_ZIP_BYTES, "bytes")?,
            "kv_chunk_bytes" => {
                let (least, most) = (SMALLEST_CHUNK as u64, LARGEST_CHUNK as u64);
                self.kv_chunk_bytes = number(value, least, most, "bytes")? as usize;
            }
            "log" => {
                self.log = match value {
                    "off" => Log::Off,
                    "error" => Log::Error,
                    "info" => Log::Info,
                    _ => return Err("it is `off`, `error` or `info`".to_owned()),
                }
            }
            #[cfg(feature = "oidc")]
            "trust" => self.trust = Rule::parse_list(value)?,
            #[cfg(feature = "oidc")]
            "gitlab" => self.gitlab = gitlab(value)?,
            #[cfg(not(feature = "oidc"))]
            "trust" | "gitlab" if (name, value) != ("trust", "[]") => return Err(without("oidc")),
            #[cfg(feature = "admin")]
            "admin" => {
                self.admin = match value {
                    "on" => true,
                    "off" => false,
                    _ => return Err("it is `off` or `on`".to_owned()),
                }
            }
            #[cfg(not(feature = "admin"))]
            "admin" if value != "off" => {
                return Err(
                    "this build is without the cargo feature `admin`: `off` is right where the store \
                     keeps no projects and tokens, for it would not heed them"
                        .to_owned(),
                );
            }
            #[cfg(feature = "s3")]
            "redirect_over" => {
                self.redirect_over = Some(number(value, 0, MAX_ZIP_BYTES, "bytes")?);
            }
            #[cfg(feature = "s3")]
            _ => Rc::make_mut(&mut self.s3).set(name, value)?,
            #[cfg(not(feature = "s3"))]
            _ => {}
        }
        Ok(())
    }

    #[cfg(feature = "s3")]
    fn needs_s3(&self) -> bool {
        matches!(self.store, StorePlace::S3 | StorePlace::S3Kv(_))
    }

    /// Whether clients may be sent to the object store itself, with and for large zips.
    pub fn presigns(&self) -> bool {
        #[cfg(feature = "s3")]
        let presigns = self.redirect_over.is_some() && self.needs_s3();
        #[cfg(not(feature = "s3"))]
        let presigns = false;
        presigns
    }

    /// What makes it unsafe to send the client of a request with this `Host` to the object store.
    #[cfg(feature = "s3")]
    pub fn misdirects(&self, host: Option<&str>) -> Option<BadSetting> {
        let host = host.filter(|_| self.presigns())?;
        let takes = self.s3.takes_credentials_of(host);
        takes.then(|| misdirected(&format!("the object store's host is {host} or below it")))
    }

    /// The servers that the component asks, as `scheme://host` and port: what its host must let it
    /// reach.
    pub fn outbound(&self) -> Vec<String> {
        let mut servers = Vec::new();
        #[cfg(feature = "oidc")]
        {
            servers.extend(self.trust.iter().filter_map(Rule::server));
            servers.extend(Address::parse(&self.gitlab).map(|address| {
                let scheme = if address.secure { "https" } else { "http" };
                format!("{scheme}://{}", address.authority)
            }));
        }
        #[cfg(feature = "s3")]
        if self.needs_s3() && self.s3.check().is_ok() {
            servers.push(self.s3.server());
        }
        servers.dedup();
        servers
    }
}

/// `go` takes its credentials along to the same host and those below it (net/http,
/// shouldCopyHeaderOnRedirect), and S3 refuses a request that is signed twice. It follows no redirect
/// from https to http.
#[cfg(feature = "s3")]
fn misdirected(why: &str) -> BadSetting {
    BadSetting {
        name: "redirect_over".to_owned(),
        problem: format!(
            "{why}: `go` would not follow there, or take its credentials along, which the store refuses"
        ),
    }
}

fn store_place(value: &str) -> Result<StorePlace, String> {
    match value.split_once(':') {
        None if value == "kv" => Ok(StorePlace::Kv(DEFAULT_BUCKET.to_owned())),
        Some(("kv", bucket)) if !bucket.is_empty() => Ok(StorePlace::Kv(bucket.to_owned())),
        Some(("dir", path)) if !path.is_empty() => match HAS_DIR {
            true => Ok(StorePlace::Dir(path.to_owned())),
            false => Err(without("dir")),
        },
        Some(("blobstore", places)) => blobstore(places).ok_or_else(|| WHERE.to_owned()),
        #[cfg(not(feature = "s3"))]
        _ if value == "s3" || value.starts_with("s3+kv") => Err(without("s3")),
        #[cfg(feature = "s3")]
        None if value == "s3" => Ok(StorePlace::S3),
        #[cfg(feature = "s3")]
        None if value == "s3+kv" => Ok(StorePlace::S3Kv(DEFAULT_BUCKET.to_owned())),
        #[cfg(feature = "s3")]
        Some(("s3+kv", bucket)) if !bucket.is_empty() => Ok(StorePlace::S3Kv(bucket.to_owned())),
        _ => Err(WHERE.to_owned()),
    }
}

fn without(feature: &str) -> String {
    format!("this build is without the cargo feature `{feature}`")
}

/// What follows `blobstore:`.
fn blobstore(places: &str) -> Option<StorePlace> {
    let (container, bucket) = match places.split_once('+') {
        None => (places, DEFAULT_BUCKET),
        Some((container, "kv")) => (container, DEFAULT_BUCKET),
        Some((container, rest)) => (container, rest.strip_prefix("kv:")?),
    };
    let named = !container.is_empty() && !bucket.is_empty();
    named.then(|| StorePlace::Blobstore(container.to_owned(), bucket.to_owned()))
}

fn base_path(value: &str) -> Result<String, String> {
    let inner = value.trim_matches('/');
    let fine = |segment: &str| {
        let mut bytes = segment.bytes();
        !segment.is_empty()
            && segment != "."
            && segment != ".."
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
    };
    if inner.is_empty() {
        return Ok(String::new());
    }
    if !inner.split('/').all(fine) {
        let problem = "it is a path such as `/goproxy`, of letters, digits and -._~";
        return Err(problem.to_owned());
    }
    Ok(format!("/{inner}"))
}

#[cfg(feature = "oidc")]
fn gitlab(value: &str) -> Result<String, String> {
    let value = value.trim_end_matches('/');
    let known = Address::parse(value).filter(|address| !address.path_with_query.contains('?'));
    match known {
        Some(_) => Ok(value.to_owned()),
        None => Err("it is an address such as `https://gitlab.example.com`".to_owned()),
    }
}

fn number(value: &str, least: u64, most: u64, unit: &str) -> Result<u64, String> {
    match value.parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("it is a number of {unit} from {least} to {most}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, value: &str) -> Result<Settings, String> {
        Settings::read([(name.to_owned(), value.to_owned())]).map_err(|bad| bad.to_string())
    }

    #[test]
    fn right_values_are_read() {
        let default = Settings::default;
        for (name, value, expected) in [
            ("store", "", default()),
            ("store", "kv", default()),
            (
                "store",
                "kv:modules",
                Settings {
                    store: StorePlace::Kv("modules".to_owned()),
                    ..default()
                },
            ),
            (
                "store",
                "blobstore:zips",
                Settings {
                    store: StorePlace::Blobstore("zips".to_owned(), "default".to_owned()),
                    ..default()
                },
            ),
            (
                "store",
                "blobstore:zips+kv",
                Settings {
                    store: StorePlace::Blobstore("zips".to_owned(), "default".to_owned()),
                    ..default()
                },
            ),
            (
                "store",
                "blobstore:zips+kv:modules",
                Settings {
                    store: StorePlace::Blobstore("zips".to_owned(), "modules".to_owned()),
                    ..default()
                },
            ),
            (
                "store",
                "dir:/srv/a:b",
                Settings {
                    store: StorePlace::Dir("/srv/a:b".to_owned()),
                    ..default()
                },
            ),
            ("base_path", "/", default()),
            (
                "base_path",
                "go/proxy/",
                Settings {
                    base_path: "/go/proxy".to_owned(),
                    ..default()
                },
            ),
            (
                "list_max_age",
                " 5 ",
                Settings {
                    list_max_age: 5,
                    ..default()
                },
            ),
            (
                "max_zip_bytes",
                "1000",
                Settings {
                    max_zip_bytes: 1000,
                    ..default()
                },
            ),
            (
                "kv_chunk_bytes",
                "65536",
                Settings {
                    kv_chunk_bytes: 65536,
                    ..default()
                },
            ),
            (
                "log",
                "off",
                Settings {
                    log: Log::Off,
                    ..default()
                },
            ),
            #[cfg(feature = "s3")]
            (
                "redirect_over",
                "8388608",
                Settings {
                    redirect_over: Some(8_388_608),
                    ..default()
                },
            ),
            #[cfg(feature = "oidc")]
            ("trust", "[]", default()),
            #[cfg(feature = "oidc")]
            (
                "gitlab",
                "https://gitlab.example.com/git/",
                Settings {
                    gitlab: "https://gitlab.example.com/git".to_owned(),
                    ..default()
                },
            ),
            ("admin", "off", default()),
            #[cfg(feature = "admin")]
            (
                "admin",
                "on",
                Settings {
                    admin: true,
                    ..default()
                },
            ),
            ("somebody_elses", "value", default()),
        ] {
            assert_eq!(read(name, value), Ok(expected), "{name} = {value}");
        }
    }

    #[cfg(feature = "s3")]
    #[test]
    fn the_object_store_beside_a_key_value_store_needs_what_it_needs_alone() {
        let pairs = [
            ("store", "s3+kv:modules"),
            ("s3_endpoint", "https://s3.example.com"),
            ("s3_bucket", "zips"),
        ];
        let owned = |pairs: &[(&str, &str)]| {
            let pairs: Vec<_> = pairs
                .iter()
                .map(|(a, b)| ((*a).into(), (*b).into()))
                .collect();
            Settings::read(pairs)
        };
        let settings = owned(&pairs).unwrap();
        assert_eq!(settings.store, StorePlace::S3Kv("modules".to_owned()));
        assert_eq!(settings.outbound(), ["https://s3.example.com"]);
        let default = StorePlace::S3Kv("default".to_owned());
        let named = [("store", "s3+kv"), pairs[1], pairs[2]];
        assert_eq!(owned(&named).unwrap().store, default);
        let missing = owned(&pairs[..2]).map_err(|bad| bad.name);
        assert_eq!(missing, Err("s3_bucket".to_owned()));
        let foreign = [pairs.as_slice(), &[("s3_layout", "athens")]].concat();
        let foreign = owned(&foreign).map_err(|bad| bad.to_string());
        let problem = "the setting `s3_layout` is wrong: a bucket of Athens is read with the store `s3` alone";
        assert_eq!(foreign, Err(problem.to_owned()));
    }

    #[test]
    fn a_wrong_value_names_its_setting_and_not_itself() {
        for (name, value, problem) in [
            ("store", "s4", WHERE),
            ("store", "kv:", WHERE),
            #[cfg(feature = "s3")]
            ("store", "s3+kv:", WHERE),
            ("store", "s3:modules", WHERE),
            #[cfg(not(feature = "s3"))]
            (
                "store",
                "s3",
                "this build is without the cargo feature `s3`",
            ),
            #[cfg(not(feature = "s3"))]
            (
                "store",
                "s3+kv:modules",
                "this build is without the cargo feature `s3`",
            ),
            ("store", "blobstore", WHERE),
            ("store", "blobstore:", WHERE),
            ("store", "blobstore:+kv", WHERE),
            ("store", "blobstore:a+kv:", WHERE),
            ("store", "blobstore:a+dir:/b", WHERE),
            #[cfg(feature = "oidc")]
            ("trust", "{}", "it is not a JSON list"),
            #[cfg(not(feature = "oidc"))]
            (
                "trust",
                "{}",
                "this build is without the cargo feature `oidc`",
            ),
            #[cfg(not(feature = "oidc"))]
            (
                "gitlab",
                "[]",
                "this build is without the cargo feature `oidc`",
            ),
            #[cfg(feature = "oidc")]
            (
                "gitlab",
                "gitlab.example.com",
                "it is an address such as `https://gitlab.example.com`",
            ),
            (
                "base_path",
                "/a/../b",
                "it is a path such as `/goproxy`, of letters, digits and -._~",
            ),
            (
                "list_max_age",
                "-1",
                "it is a number of seconds from 0 to 31536000",
            ),
            (
                "max_zip_bytes",
                "524288001",
                "it is a number of bytes from 1 to 524288000",
            ),
            (
                "kv_chunk_bytes",
                "0",
                "it is a number of bytes from 1024 to 4194304",
            ),
            #[cfg(feature = "s3")]
            (
                "redirect_over",
                "8 MiB",
                "it is a number of bytes from 0 to 524288000",
            ),
            ("log", "debug", "it is `off`, `error` or `info`"),
            #[cfg(feature = "admin")]
            ("admin", "yes", "it is `off` or `on`"),
            #[cfg(not(feature = "admin"))]
            (
                "admin",
                "on",
                "this build is without the cargo feature `admin`: `off` is right where the store keeps no \
                 projects and tokens, for it would not heed them",
            ),
        ] {
            let expected = format!("the setting `{name}` is wrong: {problem}");
            assert_eq!(read(name, value), Err(expected), "{name} = {value}");
        }
    }

    #[cfg(feature = "s3")]
    fn redirecting(store: &str, endpoint: &str, addressing: &str) -> Result<Settings, String> {
        let values = [
            ("store", store),
            ("s3_endpoint", endpoint),
            ("s3_bucket", "modules"),
            ("s3_addressing", addressing),
            ("redirect_over", "0"),
        ];
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Settings::read(values).map_err(|bad| bad.to_string())
    }

    #[cfg(feature = "s3")]
    #[test]
    fn nobody_is_sent_to_where_go_takes_its_credentials_along() {
        let end =
            "`go` would not follow there, or take its credentials along, which the store refuses";
        let problem = "the setting `redirect_over` is wrong: `s3_endpoint` is not https: ";
        for store in ["s3", "s3+kv", "s3+kv:modules"] {
            let plain = redirecting(store, "http://s3.example.com", "path").map(|_| ());
            assert_eq!(plain, Err(format!("{problem}{end}")), "{store}");
            let fine = redirecting(store, "https://s3.example.com", "path");
            assert!(fine.unwrap().presigns(), "{store}");
        }
        for store in ["kv", "dir:/data", "blobstore:zips"] {
            let never = redirecting(store, "http://s3.example.com", "path").unwrap();
            assert!(!never.presigns(), "{store}");
        }
        for (endpoint, addressing, host, refused) in [
            (
                "https://s3.example.com",
                "path",
                "goproxy.example.com",
                false,
            ),
            ("https://s3.example.com", "path", "s3.example.com", true),
            (
                "https://s3.example.com:9000",
                "path",
                "S3.example.com.:443",
                true,
            ),
            ("https://s3.example.com", "path", "example.com", true),
            ("https://s3.example.com", "path", "ample.com", false),
            ("https://example.com", "path", "s3.example.com", false),
            (
                "https://example.com",
                "virtual",
                "modules.example.com",
                true,
            ),
            ("https://example.com", "virtual", "zips.example.com", false),
            ("https://[::1]:9000", "path", "[::1]:3000", true),
            ("https://[::1]:9000", "path", "[::2]:3000", false),
            ("https://127.0.0.1:9000", "path", "localhost:3000", false),
            ("https://127.0.0.1:9000", "path", "127.0.0.1:3000", true),
        ] {
            let stores = ["s3", "s3+kv"];
            for settings in stores.map(|store| redirecting(store, endpoint, addressing).unwrap()) {
                let problem = settings.misdirects(Some(host)).map(|bad| bad.to_string());
                let expected = format!(
                    "the setting `redirect_over` is wrong: the object store's host is {host} or below it: {end}"
                );
                let expected = refused.then_some(expected);
                assert_eq!(problem, expected, "{endpoint} and {host}");
                let never = Settings {
                    redirect_over: None,
                    ..settings
                };
                assert_eq!(never.misdirects(Some(host)), None);
            }
        }
    }
}
