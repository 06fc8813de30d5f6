//! Care of the bucket: what broken-off uploads left is removed, and withdrawals that were stopped
//! between the mark and the files are carried out. Lists are computed, so there is nothing to rebuild.

use super::S3;
use super::write::UPLOADS;
use crate::store::tree::WITHDRAWN;
use crate::store::{Error, LEFT_OVER_AFTER, Repaired};

/// As many are removed before the time is looked at: each is a request.
const AT_ONCE: &str = "100";

/// What is done one after the other.
#[derive(Clone, Copy)]
enum Stage {
    /// Uploads that came whole and were neither committed nor dropped.
    Uploads,
    /// Uploads in parts that did not come whole. Their parts are kept, and paid for, else.
    Parts,
    /// All keys.
    Keys,
}

/// In their order, with the names that they have in a cursor.
const STAGES: [(Stage, &str); 3] = [
    (Stage::Uploads, "uploads/"),
    (Stage::Parts, "parts/"),
    (Stage::Keys, "keys/"),
];

impl S3 {
    /// One page, of as many lists as there is time for. The cursor is a stage and the last key seen.
    pub(super) fn repair_page(
        &self,
        cursor: Option<&str>,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Repaired, Error> {
        let cursor = cursor.unwrap_or("uploads/");
        let begun = STAGES
            .iter()
            .find_map(|(_, name)| Some((*name, cursor.strip_prefix(name)?)));
        let Some((first, after)) = begun else {
            return Err(Error::Refused("no page gave this cursor".to_owned()));
        };
        let mut after = Some(after.to_owned()).filter(|key| !key.is_empty());
        let mut done = Repaired::default();
        let mut module = String::new();
        for (stage, name) in STAGES.iter().skip_while(|(_, name)| *name != first) {
            loop {
                let after_this = after.as_deref();
                let (removed, next) = match stage {
                    Stage::Uploads => self.remove_uploads(after_this)?,
                    Stage::Parts => {
                        self.abort_some(UPLOADS, after_this, &|key| self.is_old(key))?
                    }
                    Stage::Keys => (0, self.walk(after_this, go_on, &mut module, &mut done)?),
                };
                done.removed += removed;
                after = next;
                let Some(key) = &after else {
                    break;
                };
                if !go_on() {
                    done.cursor = Some(format!("{name}{key}"));
                    return Ok(done);
                }
            }
        }
        Ok(done)
    }

    /// Looks at a thousand keys, or, where marks take requests, as many as there is time for. Returns the last
    /// one where there are more.
    fn walk(
        &self,
        after: Option<&str>,
        go_on: &dyn Fn() -> bool,
        module: &mut String,
        done: &mut Repaired,
    ) -> Result<Option<String>, Error> {
        let page = self.page("", after, None, "1000")?;
        for listed in &page.keys {
            let took_requests = self.look_at(&listed.key, module, done)?;
            if took_requests && !go_on() {
                return Ok(Some(listed.key.clone()));
            }
        }
        let last = page.keys.last().filter(|_| page.next.is_some());
        Ok(last.map(|listed| listed.key.clone()))
    }

    /// Whether that took requests.
    fn look_at(&self, key: &str, module: &mut String, done: &mut Repaired) -> Result<bool, Error> {
        let Some((folder, name)) = key.split_once("/@v/") else {
            return Ok(false);
        };
        if name.ends_with(".zip") {
            done.versions += 1;
            if module != folder {
                done.modules += 1;
                *module = folder.to_owned();
            }
        }
        let Some(version) = name.strip_suffix(WITHDRAWN) else {
            return Ok(false);
        };
        for extension in ["info", "zip"] {
            let left = format!("{folder}/@v/{version}{extension}");
            if self.head(&left)?.is_some() {
                self.delete(&left)?;
                done.removed += 1;
            }
        }
        Ok(true)
    }

    /// Removes old ones of some uploads. How many they were, and the last key seen where there are more.
    pub(super) fn remove_uploads(
        &self,
        after: Option<&str>,
    ) -> Result<(u64, Option<String>), Error> {
        let page = self.page(UPLOADS, after, None, AT_ONCE)?;
        let mut removed = 0;
        for listed in page.keys.iter().filter(|listed| self.is_old(&listed.key)) {
            self.delete(&listed.key)?;
            removed += 1;
        }
        let last = page.keys.last().filter(|_| page.next.is_some());
        Ok((removed, last.map(|listed| listed.key.clone())))
    }

    /// Aborts some of the uploads in parts whose keys start with `prefix`, as far as they are `old`. How
    /// many they were, and the last key seen where there are more.
    pub(super) fn abort_some(
        &self,
        prefix: &str,
        after: Option<&str>,
        old: &dyn Fn(&str) -> bool,
    ) -> Result<(u64, Option<String>), Error> {
        let (uploads, next) = self.unfinished(prefix, after)?;
        let mut aborted = 0;
        for upload in uploads.iter().filter(|upload| old(&upload.key)) {
            self.abort(&upload.key, &upload.id)?;
            aborted += 1;
        }
        Ok((aborted, next))
    }

    /// Whether an upload can't be under way any more. Its key says when it began.
    pub(super) fn is_old(&self, key: &str) -> bool {
        let begun = key
            .strip_prefix(UPLOADS)
            .and_then(|name| name.split('.').next());
        let begun = begun.and_then(|hex| i64::from_str_radix(hex, 16).ok());
        begun.is_some_and(|begun| self.entropy.unix_seconds() - begun >= LEFT_OVER_AFTER)
    }
}
