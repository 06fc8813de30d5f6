//! Listing: a module's folder, in pages of a thousand keys. What is no file of a version is passed over.

use std::borrow::Cow;

use super::config::Layout;
use super::request::Ask;
use super::{S3, xml};
use crate::http::{Method, percent_decode};
use crate::module::{ModulePath, Version};
use crate::store::Error;
use crate::store::tree::Files;

/// A zip without entries is that long: what is shorter was cut.
pub(super) const SMALLEST_ZIP: u64 = 22;

/// A key in a listing.
pub(super) struct Listed {
    /// Without the prefix of the settings.
    pub key: String,
    /// In bytes.
    pub size: u64,
}

/// A page of a listing.
pub(super) struct Page {
    pub keys: Vec<Listed>,
    /// What the next page is asked with; none at the end.
    pub next: Option<String>,
}

/// An upload in parts that has not come whole.
pub(super) struct Unfinished {
    /// Without the prefix of the settings.
    pub key: String,
    /// Which of those to this key.
    pub id: String,
}

/// As many uploads in parts are named at once: each may make a request.
const UNFINISHED: &str = "100";

impl S3 {
    /// A page of the keys that start with `prefix`, in the order of their bytes, after one of them.
    pub(super) fn page(
        &self,
        prefix: &str,
        after: Option<&str>,
        token: Option<&str>,
        most: &str,
    ) -> Result<Page, Error> {
        let prefix = format!("{}{prefix}", self.config.prefix);
        let after = after.map(|key| format!("{}{key}", self.config.prefix));
        let mut query = Vec::new();
        query.extend(token.map(|token| ("continuation-token", token)));
        query.extend([
            ("encoding-type", "url"),
            ("list-type", "2"),
            ("max-keys", most),
            ("prefix", prefix.as_str()),
        ]);
        query.extend(after.as_deref().map(|after| ("start-after", after)));
        let (status, text) = self.ask_text(&Ask::new(Method::Get, None).query(&query))?;
        let no_list = || Error::Unavailable(self.words("it answered a list with something else"));
        if status != 200 || xml::text(&text, "IsTruncated").is_none() {
            return Err(no_list());
        }
        let encoded = xml::text(&text, "EncodingType").as_deref() == Some("url");
        let mut keys = Vec::new();
        for entry in xml::all(&text, "Contents") {
            let key = xml::text(entry, "Key").ok_or_else(no_list)?;
            // `+` stands for a space here, and a plus is encoded. What is no text is no key of ours.
            let key = match encoded {
                true => percent_decode(&key.replace('+', " ")).map(Cow::into_owned),
                false => Some(key),
            };
            let Some(key) = key else {
                continue;
            };
            let size = xml::text(entry, "Size").and_then(|size| size.parse().ok());
            let own = key.strip_prefix(self.config.prefix.as_str());
            keys.extend(own.zip(size).map(|(key, size)| Listed {
                key: key.to_owned(),
                size,
            }));
        }
        let cut = xml::text(&text, "IsTruncated").as_deref() == Some("true");
        let next = xml::text(&text, "NextContinuationToken");
        if cut && next.is_none() {
            return Err(no_list());
        }
        let next = next.filter(|_| cut);
        Ok(Page { keys, next })
    }

    /// Some of the uploads in parts to keys that start with `prefix`, after one of them, and the last
    /// key where there are more. Each has a key of its own, so the key alone is the place.
    pub(super) fn unfinished(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<(Vec<Unfinished>, Option<String>), Error> {
        let prefix = format!("{}{prefix}", self.config.prefix);
        let after = after.map(|key| format!("{}{key}", self.config.prefix));
        let mut query = vec![("encoding-type", "url")];
        query.extend(after.as_deref().map(|after| ("key-marker", after)));
        query.extend([
            ("max-uploads", UNFINISHED),
            ("prefix", prefix.as_str()),
            ("uploads", ""),
        ]);
        let (_, text) = self.ask_text(&Ask::new(Method::Get, None).query(&query))?;
        let encoded = xml::text(&text, "EncodingType").as_deref() == Some("url");
        let mut found = Vec::new();
        for upload in xml::all(&text, "Upload") {
            let key = xml::text(upload, "Key").and_then(|key| match encoded {
                true => percent_decode(&key).map(Cow::into_owned),
                false => Some(key),
            });
            let key = key.as_deref();
            let own = key.and_then(|key| key.strip_prefix(self.config.prefix.as_str()));
            let id = xml::text(upload, "UploadId");
            found.extend(own.zip(id).map(|(key, id)| Unfinished {
                key: key.to_owned(),
                id,
            }));
        }
        let cut = xml::text(&text, "IsTruncated").as_deref() == Some("true");
        let last = found.last().filter(|_| cut);
        let last = last.map(|upload| upload.key.clone());
        Ok((found, last))
    }

    /// The files in a module's folder.
    pub(super) fn files(&self, module: &ModulePath) -> Result<Vec<(Version, Files)>, Error> {
        let folder = match self.config.layout {
            Layout::Goproxy => format!("{}/@v/", module.escaped()),
            Layout::Athens => format!("{module}/@v/"),
            // Every version begins so, and many a nested module does not.
            Layout::AthensMinio => format!("{module}/v"),
        };
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let page = self.page(&folder, None, token.as_deref(), "1000")?;
            for listed in &page.keys {
                let file = self.file_of(module, &listed.key);
                let least = |it: &Files| match it.zip {
                    true => SMALLEST_ZIP,
                    false => u64::from(it.go_mod),
                };
                found.extend(file.filter(|(_, it)| listed.size >= least(it)));
            }
            token = page.next;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// Which file of which version of a module a key names.
    fn file_of(&self, module: &ModulePath, key: &str) -> Option<(Version, Files)> {
        let parsed = |text: &str| Version::parse(text).ok().filter(|it| it.as_str() == text);
        match self.config.layout {
            Layout::Goproxy => {
                let folder = key.strip_prefix(&*module.escaped())?;
                Files::named(folder.strip_prefix("/@v/")?)
            }
            Layout::Athens => {
                let name = key.strip_prefix(module.as_str())?.strip_prefix("/@v/")?;
                let (version, extension) = name.rsplit_once('.')?;
                Some((parsed(version)?, Files::one(extension)?))
            }
            Layout::AthensMinio => {
                let below = key.strip_prefix(module.as_str())?.strip_prefix('/')?;
                let (version, name) = below.split_once('/')?;
                let files = match name {
                    "go.mod" => Files::one("mod"),
                    "source.zip" => Files::one("zip"),
                    name if name.strip_suffix(".info") == Some(version) => Files::one("info"),
                    _ => None,
                };
                Some((parsed(version)?, files?))
            }
        }
    }
}
