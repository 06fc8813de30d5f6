//! `.info`: a version's name, time and origin, as the `go` command reads and writes them
//! (golang.org/ref/mod#goproxy-protocol; `RevInfo` and `Origin` of cmd/go).

use serde::Serialize;

use crate::json::Json;

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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Origin {
    /// The version control system, such as `git`.
    #[serde(rename = "VCS", skip_serializing_if = "String::is_empty")]
    pub vcs: String,
    /// The repository's address.
    #[serde(rename = "URL", skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// The module's folder in the repository.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subdir: String,
    /// The commit.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hash: String,
    /// The prefix of the tags that `tag_sum` covers.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tag_prefix: String,
    /// A checksum of the repository's tags.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tag_sum: String,
    /// The full name of the branch or tag, such as `refs/heads/main`.
    #[serde(rename = "Ref", skip_serializing_if = "String::is_empty")]
    pub reference: String,
    /// A checksum of the whole repository's state.
    #[serde(skip_serializing_if = "String::is_empty")]
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

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Origin::default()
    }
}

/// The JSON object.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document<'a> {
    version: &'a str,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<&'a Origin>,
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
        let document = Document {
            version: self.version.as_str(),
            time: self.time.to_string(),
            origin: self.origin.as_ref(),
        };
        // Strings and options of strings always serialise.
        serde_json::to_vec(&document).unwrap_or_default()
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
