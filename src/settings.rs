//! The settings: their names, defaults, and what is a right value. Where values come from is the
//! host's business (`wasi`); here is only text. A wrong value stops every request, named, so that
//! nobody serves for weeks with a token list that was never read.

use std::fmt;

use crate::access::{Projects, Token};

/// Go's own limit for a module zip, in bytes (golang.org/x/mod/zip, MaxZipFile).
pub const MAX_ZIP_BYTES: u64 = 500 << 20;
/// 256 KiB less 128: redb rounds a value and its header up to a power of two, so that chunks of
/// 262,144 bytes take twice their room.
const KV_CHUNK_BYTES: usize = 262_016;
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
    "log",
];

/// Where modules are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorePlace {
    /// `kv` or `kv:<bucket>`: the host's key-value store of this name.
    Kv(String),
    /// `dir:<path>`: a folder that the host lets us see.
    Dir(String),
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
    /// What is logged.
    pub log: Log,
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
            log: Log::Info,
        }
    }
}

/// The store of a flavour whose host has a key-value store is that; any other has a folder.
fn default_store() -> StorePlace {
    if cfg!(feature = "spin") {
        StorePlace::Kv("default".to_owned())
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
            _ => {}
        }
        Ok(())
    }
}

fn store_place(value: &str) -> Result<StorePlace, String> {
    match value.split_once(':') {
        None if value == "kv" => Ok(StorePlace::Kv("default".to_owned())),
        Some(("kv", bucket)) if !bucket.is_empty() => Ok(StorePlace::Kv(bucket.to_owned())),
        Some(("dir", path)) if !path.is_empty() => Ok(StorePlace::Dir(path.to_owned())),
        _ => Err("it is `kv`, `kv:<bucket>` or `dir:<path>`".to_owned()),
    }
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
            ("somebody_elses", "value", default()),
        ] {
            assert_eq!(read(name, value), Ok(expected), "{name} = {value}");
        }
    }

    #[test]
    fn a_wrong_value_names_its_setting_and_not_itself() {
        for (name, value, problem) in [
            ("store", "s4", "it is `kv`, `kv:<bucket>` or `dir:<path>`"),
            ("store", "kv:", "it is `kv`, `kv:<bucket>` or `dir:<path>`"),
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
            ("log", "debug", "it is `off`, `error` or `info`"),
        ] {
            let expected = format!("the setting `{name}` is wrong: {problem}");
            assert_eq!(read(name, value), Err(expected), "{name} = {value}");
        }
    }
}
