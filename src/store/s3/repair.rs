//! Care of the bucket: what broken-off uploads left is removed, and withdrawals that were stopped
//! between the mark and the files are carried out. Lists are computed, so there is nothing to rebuild.

use super::S3;
use super::write::UPLOADS;
use crate::store::tree::WITHDRAWN;
use crate::store::{Error, Repaired};

/// Uploads younger than this may be under way.
const LEFT_OVER_AFTER: i64 = 24 * 60 * 60;

impl S3 {
    /// One page: the uploads first, then a walk over all keys, the last seen being the cursor.
    pub(super) fn repair_page(
        &self,
        cursor: Option<&str>,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Repaired, Error> {
        let mut done = Repaired::default();
        if cursor.is_none() {
            self.remove_uploads(&mut done)?;
            self.abort_uploads(&mut done)?;
        }
        let mut after = cursor.map(str::to_owned);
        let mut module = String::new();
        loop {
            let page = self.page("", after.as_deref(), None, "1000")?;
            for listed in &page.keys {
                self.look_at(&listed.key, &mut module, &mut done)?;
            }
            after = page.keys.last().map(|listed| listed.key.clone());
            if page.next.is_none() {
                return Ok(done);
            }
            if !go_on() {
                done.cursor = after;
                return Ok(done);
            }
        }
    }

    fn look_at(&self, key: &str, module: &mut String, done: &mut Repaired) -> Result<(), Error> {
        let Some((folder, name)) = key.split_once("/@v/") else {
            return Ok(());
        };
        if name.ends_with(".zip") {
            done.versions += 1;
            if module != folder {
                done.modules += 1;
                *module = folder.to_owned();
            }
        }
        let Some(version) = name.strip_suffix(WITHDRAWN) else {
            return Ok(());
        };
        for extension in ["info", "zip"] {
            let left = format!("{folder}/@v/{version}{extension}");
            if self.head(&left)?.is_some() {
                self.delete(&left)?;
                done.removed += 1;
            }
        }
        Ok(())
    }

    /// Removes uploads that came whole and were neither committed nor dropped.
    fn remove_uploads(&self, done: &mut Repaired) -> Result<(), Error> {
        let mut token = None;
        loop {
            let page = self.page(UPLOADS, None, token.as_deref(), "1000")?;
            for listed in page.keys.iter().filter(|listed| self.is_old(&listed.key)) {
                self.delete(&listed.key)?;
                done.removed += 1;
            }
            token = page.next;
            if token.is_none() {
                return Ok(());
            }
        }
    }

    /// Aborts uploads in parts that did not come whole. Their parts are kept, and paid for, else.
    fn abort_uploads(&self, done: &mut Repaired) -> Result<(), Error> {
        let mut after = None;
        loop {
            let old = |key: &str| self.is_old(key);
            let (aborted, next) = self.abort_some(UPLOADS, after.as_deref(), &old)?;
            done.removed += aborted;
            after = next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// The same for some of those whose keys start with `prefix`, as far as they are `old`. How many
    /// they were, and the last key seen where there are more.
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
    fn is_old(&self, key: &str) -> bool {
        let begun = key
            .strip_prefix(UPLOADS)
            .and_then(|name| name.split('.').next());
        let begun = begun.and_then(|hex| i64::from_str_radix(hex, 16).ok());
        begun.is_some_and(|begun| self.entropy.unix_seconds() - begun >= LEFT_OVER_AFTER)
    }
}
