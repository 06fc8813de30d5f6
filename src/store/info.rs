//! `.info`: a version's name, time and origin, as the `go` command reads and writes them
//! (golang.org/ref/mod#goproxy-protocol; `RevInfo` and `Origin` of cmd/go).

use crate::json::{Json, Writer};

use crate::module::{Timestamp, Version};

/// What `.info` says of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// The canonical version.
    pub version: Version,
    /// When it was made.
    pub time: Timestamp,
    /// Where it came from.
    pub origin: Option<Origin>,
}

/// Where a version came from, in the `go` command's own fields and order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The version control system, such as `git`.
    pub vcs: String,
    /// The repository's address.
    pub url: String,
    /// The module's folder in the repository.
    pub subdir: String,
    /// The commit.
    pub hash: String,
    /// The prefix of the tags that `tag_sum` covers.
    pub tag_prefix: String,
    /// A checksum of the repository's tags.
    pub tag_sum: String,
    /// The full name of the branch or tag, such as `refs/heads/main`.
    pub reference: String,
    /// A checksum of the whole repository's state.
    pub repo_sum: String,
}

impl Origin {
    /// Reads an Origin. `None` when it is no object, or one of its fields is no text.
    pub fn from_json(json: &Json) -> Option<Self> {
        json.members()?;
        let text = |name: &str| match json.get(name) {
            None | Some(Json::Null) => Some(String::new()),
            Some(value) => value.text().map(str::to_owned),
        };
        Some(Origin {
            vcs: text("VCS")?,
            url: text("URL")?,
            subdir: text("Subdir")?,
            hash: text("Hash")?,
            tag_prefix: text("TagPrefix")?,
            tag_sum: text("TagSum")?,
            reference: text("Ref")?,
            repo_sum: text("RepoSum")?,
        })
    }

    /// Writes it as the `go` command does: a JSON object.
    pub fn to_json(&self) -> String {
        let mut json = Writer::new();
        for (name, value) in [
            ("VCS", &self.vcs),
            ("URL", &self.url),
            ("Subdir", &self.subdir),
            ("Hash", &self.hash),
            ("TagPrefix", &self.tag_prefix),
            ("TagSum", &self.tag_sum),
            ("Ref", &self.reference),
            ("RepoSum", &self.repo_sum),
        ] {
            if !value.is_empty() {
                json.text(name, value);
            }
        }
        json.end()
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Origin::default()
    }
}

impl Info {
    /// Reads a `.info`. `None` when it is none, or names no canonical version. `Time` may be missing
    /// in what others wrote.
    pub fn parse(json: &[u8]) -> Option<Self> {
        let fields = Json::parse(json).ok()?;
        let time = match fields.get("Time") {
            None => Timestamp::ZERO,
            Some(text) => Timestamp::parse_rfc3339(text.text()?)?,
        };
        let origin = match fields.get("Origin") {
            None | Some(Json::Null) => None,
            Some(origin) => Some(Origin::from_json(origin)?),
        };
        Some(Info {
            version: Version::parse(fields.get("Version")?.text()?).ok()?,
            time,
            origin: origin.filter(|origin| !origin.is_empty()),
        })
    }

    /// Writes it as the `go` command does: one line of JSON.
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = Writer::new();
        json.text("Version", self.version.as_str());
        json.text("Time", &self.time.to_string());
        if let Some(origin) = &self.origin {
            json.json("Origin", &origin.to_json());
        }
        json.end().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_go_command_writes_is_read_and_written_back_to_the_byte() {
        for json in [
            r#"{"Version":"v1.5.2","Time":"2018-02-14T15:44:20Z"}"#,
            r#"{"Version":"v0.0.0-20170915032832-14c0d48ead0c","Time":"2017-09-15T03:28:32Z"}"#,
            r#"{"Version":"v1.0.0","Time":"2020-01-01T00:00:00.5Z","Origin":{"VCS":"git","URL":"https://example.com/m","Subdir":"sub","Hash":"0123456789012345678901234567890123456789","TagPrefix":"sub/","TagSum":"t1:x","Ref":"refs/tags/v1.0.0"}}"#,
        ] {
            let info = Info::parse(json.as_bytes()).unwrap_or_else(|| panic!("{json}"));
            assert_eq!(String::from_utf8(info.to_json()).unwrap(), json);
        }
    }

    #[test]
    fn a_missing_time_is_the_zero_time_and_nonsense_is_none() {
        let info = Info::parse(br#"{"Version":"v1.0.0"}"#).unwrap();
        assert_eq!(info.time, Timestamp::ZERO);
        for json in [
            "",
            "{",
            "[]",
            r#"{"Time":"2020-01-01T00:00:00Z"}"#,
            r#"{"Version":"master"}"#,
            r#"{"Version":"v1.0.0","Time":"yesterday"}"#,
        ] {
            assert_eq!(Info::parse(json.as_bytes()), None, "{json}");
        }
    }
}
