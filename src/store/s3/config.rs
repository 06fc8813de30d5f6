//! The settings of the store in an object store.

use std::fmt;

use crate::http::client::Address;
use crate::lately::Lately;

/// Text that no message and no log may hold.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// How a bucket is named in an address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Addressing {
    /// `https://host/bucket/key`
    #[default]
    Path,
    /// `https://bucket.host/key`
    Virtual,
}

/// Which keys the files of a version have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Layout {
    /// `<escaped module>/@v/<escaped version>.zip`: goproxy/goproxy, a module cache, and ourselves.
    #[default]
    Goproxy,
    /// `<module>/@v/<version>.zip`, not escaped: Athens' `s3`, `gcp` and `azureblob`. Read only.
    Athens,
    /// `<module>/<version>/source.zip`, not escaped: Athens' `minio` and `disk`. Read only.
    AthensMinio,
}

/// Where the objects are, and who asks for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `https://s3.example.com`, without a slash at its end.
    pub endpoint: String,
    /// The region that signatures name.
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// What every key starts with: empty, or ended by a slash.
    pub prefix: String,
    /// The access key; empty for a bucket that anyone may read.
    pub access_key: Secret,
    /// Its secret.
    pub secret_key: Secret,
    /// The token of a session, where the keys are those of one.
    pub session_token: Secret,
    /// How the bucket is named.
    pub addressing: Addressing,
    /// Which keys the files have.
    pub layout: Layout,
    /// When which address of an object was signed with these settings. What is asked for again and again,
    /// such as the `.info` of a module that many use, need not be signed each time. (Measured with 16
    /// connections: a tenth of what such a hit takes of the processor.)
    pub(super) signed_lately: Lately<String, (i64, String), 64>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            endpoint: String::new(),
            region: "us-east-1".to_owned(),
            bucket: String::new(),
            prefix: String::new(),
            access_key: Secret::default(),
            secret_key: Secret::default(),
            session_token: Secret::default(),
            addressing: Addressing::default(),
            layout: Layout::default(),
            signed_lately: Lately::new(),
        }
    }
}

impl Config {
    /// Reads one setting by its name. Names that are not ours are left alone.
    ///
    /// # Errors
    /// What a right value is.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "s3_endpoint" => self.endpoint = endpoint(value)?,
            "s3_region" => self.region = plain(value, "a region such as `eu-west-1`")?,
            "s3_bucket" => self.bucket = plain(value, "a bucket's name")?,
            "s3_prefix" => self.prefix = prefix(value)?,
            "s3_access_key" => self.access_key = secret(value)?,
            "s3_secret_key" => self.secret_key = secret(value)?,
            "s3_session_token" => self.session_token = secret(value)?,
            "s3_addressing" => {
                self.addressing = match value {
                    "path" => Addressing::Path,
                    "virtual" => Addressing::Virtual,
                    _ => return Err("it is `path` or `virtual`".to_owned()),
                }
            }
            "s3_layout" => {
                self.layout = match value {
                    "goproxy" => Layout::Goproxy,
                    "athens" => Layout::Athens,
                    "athens-minio" => Layout::AthensMinio,
                    _ => return Err("it is `goproxy`, `athens` or `athens-minio`".to_owned()),
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether all is there that a store needs.
    ///
    /// # Errors
    /// The name of a setting, and what is wrong with it.
    pub fn check(&self) -> Result<(), (&'static str, &'static str)> {
        let keys = (
            self.access_key.expose().is_empty(),
            self.secret_key.expose().is_empty(),
        );
        if self.endpoint.is_empty() {
            return Err((
                "s3_endpoint",
                "the store `s3` needs it, such as `https://s3.example.com`",
            ));
        }
        if self.bucket.is_empty() {
            return Err(("s3_bucket", "the store `s3` needs it"));
        }
        match keys {
            (true, false) => Err(("s3_access_key", "there is an s3_secret_key without it")),
            (false, true) => Err(("s3_secret_key", "there is an s3_access_key without it")),
            _ => Ok(()),
        }
    }

    /// The server that is asked, as `scheme://host[:port]`: what a host must let the component reach.
    pub fn server(&self) -> String {
        match (self.addressing, self.endpoint.split_once("://")) {
            (Addressing::Virtual, Some((scheme, authority))) => {
                format!("{scheme}://{}.{authority}", self.bucket)
            }
            _ => self.endpoint.clone(),
        }
    }

    /// Whether `go` would take the credentials that it has for a host along to this store: to the same
    /// host, on whatever port, and to those below it.
    pub fn takes_credentials_of(&self, host: &str) -> bool {
        let server = self.server();
        let own = host_of(
            server
                .split_once("://")
                .map_or("", |(_, authority)| authority),
        );
        let theirs = host_of(host);
        own == theirs || own.ends_with(&format!(".{theirs}"))
    }
}

/// A host's name without its port, as names are compared.
fn host_of(authority: &str) -> String {
    let name = match authority.rsplit_once(':') {
        // The colons of an IPv6 address stand in brackets.
        Some((name, port)) if !port.contains(']') => name,
        _ => authority,
    };
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn endpoint(value: &str) -> Result<String, String> {
    let value = value.trim_end_matches('/');
    match Address::parse(value) {
        Some(address) if address.path_with_query.is_empty() => Ok(value.to_owned()),
        _ => Err("it is an address such as `https://s3.example.com`, without a path".to_owned()),
    }
}

fn plain(value: &str, what: &str) -> Result<String, String> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    match value.bytes().all(fine) {
        true => Ok(value.to_owned()),
        false => Err(format!("it is {what}, of letters, digits and -._")),
    }
}

fn prefix(value: &str) -> Result<String, String> {
    let inner = value.trim_matches('/');
    let fine = |segment: &str| {
        let mut bytes = segment.bytes();
        !["", ".", ".."].contains(&segment)
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"-._~!@+=".contains(&byte))
    };
    if inner.is_empty() {
        return Ok(String::new());
    }
    match inner.split('/').all(fine) {
        true => Ok(format!("{inner}/")),
        false => Err("it is a path such as `modules/cache/download`".to_owned()),
    }
}

fn secret(value: &str) -> Result<Secret, String> {
    match value.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(Secret(value.to_owned())),
        false => Err("it holds what no key has".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, value: &str) -> Result<Config, String> {
        let mut config = Config::default();
        config.set(name, value).map(|()| config)
    }

    #[test]
    fn a_wrong_value_is_told_without_the_value() {
        let address = "it is an address such as `https://s3.example.com`, without a path";
        for (name, value, problem) in [
            ("s3_endpoint", "s3.example.com", address),
            ("s3_endpoint", "https://s3.example.com/bucket", address),
            ("s3_endpoint", "https://user:pass@s3.example.com", address),
            (
                "s3_region",
                "eu west",
                "it is a region such as `eu-west-1`, of letters, digits and -._",
            ),
            (
                "s3_bucket",
                "a/b",
                "it is a bucket's name, of letters, digits and -._",
            ),
            (
                "s3_prefix",
                "a/../b",
                "it is a path such as `modules/cache/download`",
            ),
            ("s3_secret_key", "a b", "it holds what no key has"),
            ("s3_addressing", "host", "it is `path` or `virtual`"),
            (
                "s3_layout",
                "gitlab",
                "it is `goproxy`, `athens` or `athens-minio`",
            ),
        ] {
            assert_eq!(set(name, value), Err(problem.to_owned()), "{name}");
        }
    }

    #[test]
    fn an_address_and_a_prefix_get_one_form() {
        let config = set("s3_endpoint", "https://s3.example.com/").unwrap();
        assert_eq!(config.endpoint, "https://s3.example.com");
        assert_eq!(set("s3_prefix", "/a/b/").unwrap().prefix, "a/b/");
        assert_eq!(set("s3_prefix", "/").unwrap().prefix, "");
    }

    #[test]
    fn what_is_missing_is_named() {
        let mut config = Config::default();
        assert_eq!(config.check().map_err(|it| it.0), Err("s3_endpoint"));
        config.endpoint = "http://127.0.0.1:9000".to_owned();
        assert_eq!(config.check().map_err(|it| it.0), Err("s3_bucket"));
        config.bucket = "modules".to_owned();
        assert_eq!(config.check(), Ok(()));
        config.set("s3_secret_key", "x").unwrap();
        assert_eq!(config.check().map_err(|it| it.0), Err("s3_access_key"));
        config.set("s3_access_key", "x").unwrap();
        assert_eq!(config.check(), Ok(()));
        assert_eq!(config.server(), "http://127.0.0.1:9000");
        config.addressing = Addressing::Virtual;
        assert_eq!(config.server(), "http://modules.127.0.0.1:9000");
    }

    #[test]
    fn a_secret_is_not_printed() {
        let config = set("s3_secret_key", "hush").unwrap();
        let printed = format!("{config:?}");
        assert!(
            printed.contains("(secret)") && !printed.contains("hush"),
            "{printed}"
        );
    }
}
