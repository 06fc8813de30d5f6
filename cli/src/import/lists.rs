//! Whether the server's lists name what it has taken.
//!
//! With a key-value store a list is one value that all writers of a module's versions share, and none of its hosts
//! compares and swaps: one that is slow may write over another's entry after that one was answered. The server puts
//! it back when the version is read next. Who has sent several versions of a module side by side reads those that its
//! list lacks, so that `go list -m -versions` names all of them when the import is done.

use goproxy_edge::module::{ModulePath, Version};

use crate::Failure;
use crate::client::Answer;
use crate::url::path;

/// Reads the versions of a module that its list lacks. `get` takes a path. A list that can't be read, or not by who
/// writes, is let be: it comes right by itself when the versions are read.
///
/// # Errors
/// Those of `get`, and a server that has no time for it or fails: then there is no use in asking on.
pub fn fill(
    module: &ModulePath,
    versions: &[Version],
    get: impl Fn(&str) -> Result<Answer, Failure>,
) -> Result<(), Failure> {
    let at = format!("/{}/@v", path(&module.escaped()));
    let get = |file: &str| -> Result<Answer, Failure> {
        let answer = get(&format!("{at}/{file}"))?;
        match answer.status {
            429 | 500.. => Err(answer.reason().into()),
            _ => Ok(answer),
        }
    };
    let answer = get("list")?;
    if answer.status != 200 {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&answer.body);
    let listed: Vec<&str> = text.lines().collect();
    let lacking = versions
        .iter()
        .filter(|version| !version.is_pseudo() && !listed.contains(&version.as_str()));
    for version in lacking {
        get(&format!("{}.info", path(&version.escaped())))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// What is asked for where the list is this.
    fn asked(status: u16, list: &str, versions: &[&str]) -> Vec<String> {
        let module = ModulePath::parse("example.com/M").unwrap();
        let versions: Vec<_> = versions
            .iter()
            .map(|text| Version::parse(text).unwrap())
            .collect();
        let asked = RefCell::<Vec<String>>::default();
        let get = |path: &str| {
            asked.borrow_mut().push(path.to_owned());
            Ok(Answer::new(status, list))
        };
        let is_tired = fill(&module, &versions, get).is_err();
        assert_eq!(is_tired, status >= 429);
        asked.into_inner()
    }

    #[test]
    fn what_a_list_lacks_is_read_and_nothing_else() {
        let list = "/example.com/%21m/@v/list";
        let pseudo = "v0.0.0-20200101000000-0123456789ab";
        let versions = ["v1.0.0", "v1.1.0-RC1", "v1.10.0", pseudo];
        assert_eq!(
            asked(200, "v1.1.0-RC1\nv1.10.0\n", &versions),
            [list, "/example.com/%21m/@v/v1.0.0.info"]
        );
        assert_eq!(
            asked(200, "v1.0.0\nv1.10.0\n", &versions),
            [list, "/example.com/%21m/@v/v1.1.0-%21r%21c1.info"]
        );
        assert_eq!(
            asked(200, "v1.0.0\nv1.1.0-RC1\nv1.10.0\n", &versions),
            [list]
        );
        for status in [401, 403, 404, 429, 503] {
            assert_eq!(asked(status, "no\n", &versions), [list], "{status}");
        }
    }
}
