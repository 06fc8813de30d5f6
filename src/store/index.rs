//! The index of a module: its published and withdrawn versions, with what publishers recorded of
//! their origin, as text that `list` can be cut from without parsing it.
//!
//! One line a version, in semver order. The first byte says what it is: `v` a version that is
//! listed, `~` a pseudo-version, `-` a withdrawn one. Behind the version stand, where known, the time
//! in Unix seconds (`t=`), the first twelve digits of the commit (`c=`) and the refs (`r=`).
//! Merging two indexes is the union, a withdrawn line wins over a published one, and of two published
//! lines the one that sorts last: so any order of writers ends in the same index.

use std::fmt::Write;

use super::Info;
use crate::module::Version;
use crate::order::sorted;

const WITHDRAWN: char = '-';
const PSEUDO: char = '~';
/// As many digits of a commit as a pseudo-version has.
const COMMIT_DIGITS: usize = 12;

/// The index of one module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Index {
    lines: String,
}

/// One version in an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The version.
    pub version: Version,
    /// Whether it has been withdrawn.
    pub withdrawn: bool,
    /// What was recorded of its origin.
    pub recorded: Recorded,
}

/// What an index knows of a version's origin.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recorded {
    /// Its time in Unix seconds; kept where a branch is, which means its newest version.
    pub seconds: Option<i64>,
    /// The first twelve hex digits of its commit.
    pub commit: Option<String>,
    /// Full names of branches and tags, the version's own tag left out.
    pub refs: Vec<String>,
}

impl Entry {
    /// A published version.
    pub fn published(info: &Info) -> Self {
        let mut recorded = Recorded::default();
        if let Some(origin) = &info.origin {
            let commit = origin.hash.get(..COMMIT_DIGITS);
            recorded.commit = commit
                .filter(|hash| hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
                .map(str::to_ascii_lowercase);
            let name = origin.reference.as_str();
            let own_tag = name
                .rsplit('/')
                .next()
                .is_some_and(|last| last == info.version.as_str());
            let writable = !name.is_empty() && !name.contains(|c: char| c <= ' ' || c == '\x7f');
            if writable && !own_tag {
                recorded.refs.push(name.to_owned());
                recorded.seconds = Some(info.time.unix_seconds());
            }
        }
        Entry {
            version: info.version.clone(),
            withdrawn: false,
            recorded,
        }
    }

    /// A withdrawn version.
    pub fn withdrawn(version: &Version) -> Self {
        Entry {
            version: version.clone(),
            withdrawn: true,
            recorded: Recorded::default(),
        }
    }

    /// A line without its line end. `None` for one that no index of ours holds.
    fn parse(line: &str) -> Option<Self> {
        let version = Version::parse(name_in(line)).ok()?;
        let mut recorded = Recorded::default();
        for word in line.split(' ').skip(1) {
            match word.split_once('=')? {
                ("t", seconds) => recorded.seconds = seconds.parse().ok(),
                ("c", commit) => recorded.commit = Some(commit.to_owned()),
                ("r", name) => recorded.refs.push(name.to_owned()),
                _ => {}
            }
        }
        Some(Entry {
            version,
            withdrawn: line.starts_with(WITHDRAWN),
            recorded,
        })
    }

    fn write(&self, text: &mut String) {
        if self.withdrawn {
            text.push(WITHDRAWN);
        } else if self.version.is_pseudo() {
            text.push(PSEUDO);
        }
        text.push_str(self.version.as_str());
        // Writing to a String can't fail.
        if let Some(seconds) = self.recorded.seconds {
            let _ = write!(text, " t={seconds}");
        }
        if let Some(commit) = &self.recorded.commit {
            let _ = write!(text, " c={commit}");
        }
        for name in &self.recorded.refs {
            let _ = write!(text, " r={name}");
        }
        text.push('\n');
    }

    /// The time that orders versions of one branch: the recorded one, else a pseudo-version's own.
    pub fn seconds(&self) -> Option<i64> {
        let own = || Some(self.version.pseudo_time()?.unix_seconds());
        self.recorded.seconds.or_else(own)
    }
}

impl Index {
    /// An index of these entries.
    pub fn new(entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut index = Index::default();
        index.merge(entries);
        index
    }

    /// Takes over what [`Index::as_text`] gave, from a writer that may have been stopped anywhere:
    /// a last line without its end is dropped.
    pub fn from_text(mut lines: String) -> Self {
        let whole = lines.rfind('\n').map_or(0, |end| end + 1);
        lines.truncate(whole);
        Index { lines }
    }

    /// The text to store.
    pub fn as_text(&self) -> &str {
        &self.lines
    }

    /// Whether it names no version.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The body of `list`: the versions that are listed, in semver order, a line each.
    pub fn list(&self) -> String {
        let mut list = String::with_capacity(self.lines.len());
        for line in self.lines.lines().filter(|line| line.starts_with('v')) {
            list.push_str(name_in(line));
            list.push('\n');
        }
        list
    }

    /// All versions, in semver order.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = Entry> {
        self.lines.lines().filter_map(Entry::parse)
    }

    /// Whether an index that has this entry merged in would be the same.
    pub fn contains(&self, entry: &Entry) -> bool {
        let name = entry.version.as_str();
        self.lines
            .lines()
            .find(|line| name_in(line) == name)
            .and_then(Entry::parse)
            .is_some_and(|there| there == join(there.clone(), entry.clone()))
    }

    /// Joins entries in.
    pub fn merge(&mut self, entries: impl IntoIterator<Item = Entry>) {
        let all: Vec<Entry> = self.entries().chain(entries).collect();
        let all = sorted(all, |a, b| a.version.cmp(&b.version));
        self.lines.clear();
        let mut last: Option<Entry> = None;
        for entry in all {
            last = Some(match last.take() {
                Some(same) if same.version == entry.version => join(same, entry),
                Some(other) => {
                    other.write(&mut self.lines);
                    entry
                }
                None => entry,
            });
        }
        if let Some(entry) = last {
            entry.write(&mut self.lines);
        }
    }
}

/// The version that a line is about.
fn name_in(line: &str) -> &str {
    let words = line.trim_start_matches([WITHDRAWN, PSEUDO]);
    words.split_once(' ').map_or(words, |(name, _)| name)
}

/// The least upper bound of two entries of one version.
fn join(a: Entry, b: Entry) -> Entry {
    match (a.withdrawn, b.withdrawn) {
        (true, _) => a,
        (_, true) => b,
        _ if a.recorded >= b.recorded => a,
        _ => b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module::Timestamp;
    use crate::store::Origin;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    fn info(name: &str, hash: &str, reference: &str) -> Info {
        Info {
            version: version(name),
            time: Timestamp::from_unix(1_700_000_000, 5).unwrap(),
            origin: Some(Origin {
                hash: hash.to_owned(),
                reference: reference.to_owned(),
                ..Origin::default()
            }),
        }
    }

    fn entry(name: &str) -> Entry {
        Entry::published(&info(name, "", ""))
    }

    const COMMIT: &str = "0123456789ABCDEF0123456789abcdef01234567";

    #[test]
    fn the_text_is_sorted_and_the_list_leaves_out_pseudo_and_withdrawn_versions() {
        let index = Index::new([
            Entry::published(&info("v1.10.0", COMMIT, "refs/tags/sub/v1.10.0")),
            entry("v0.0.0-20200101000000-0123456789ab"),
            Entry::withdrawn(&version("v1.2.0")),
            entry("v1.9.0"),
            Entry::published(&info("v1.9.1-rc.1", COMMIT, "refs/heads/main")),
            entry("v2.0.0+incompatible"),
        ]);
        assert_eq!(
            index.as_text(),
            "~v0.0.0-20200101000000-0123456789ab\n\
             -v1.2.0\n\
             v1.9.0\n\
             v1.9.1-rc.1 t=1700000000 c=0123456789ab r=refs/heads/main\n\
             v1.10.0 c=0123456789ab\n\
             v2.0.0+incompatible\n"
        );
        assert_eq!(
            index.list(),
            "v1.9.0\nv1.9.1-rc.1\nv1.10.0\nv2.0.0+incompatible\n"
        );
        assert_eq!(Index::from_text(index.as_text().to_owned()), index);
    }

    #[test]
    fn merging_in_any_order_ends_in_the_same_index_and_withdrawn_wins() {
        let entries = [
            entry("v1.0.0"),
            Entry::published(&info("v1.0.0", COMMIT, "refs/heads/main")),
            Entry::published(&info("v1.0.0", COMMIT, "refs/heads/other")),
            entry("v1.1.0"),
            Entry::withdrawn(&version("v1.1.0")),
        ];
        let whole = Index::new(entries.clone());
        assert_eq!(
            whole.as_text(),
            "v1.0.0 t=1700000000 c=0123456789ab r=refs/heads/other\n-v1.1.0\n"
        );
        for first in 0..entries.len() {
            for second in 0..entries.len() {
                let mut index = Index::new([entries[first].clone()]);
                index.merge([entries[second].clone()]);
                index.merge(entries.iter().rev().cloned());
                assert_eq!(index, whole, "{first} and {second} first");
            }
        }
    }

    #[test]
    fn an_index_contains_what_a_merge_would_not_change() {
        let with_ref = Entry::published(&info("v1.0.0", COMMIT, "refs/heads/main"));
        let withdrawn = Entry::withdrawn(&version("v1.0.0"));
        let index = Index::new([with_ref.clone()]);
        assert!(index.contains(&with_ref));
        assert!(index.contains(&entry("v1.0.0")));
        assert!(!index.contains(&withdrawn));
        assert!(!index.contains(&entry("v1.0.1")));
        assert!(Index::new([withdrawn]).contains(&with_ref));
    }

    #[test]
    fn refs_that_would_break_a_line_are_not_recorded() {
        for name in ["refs/heads/a b", "refs/heads/a\nv9.9.9", "a\tb"] {
            let index = Index::new([Entry::published(&info("v1.0.0", "", name))]);
            assert_eq!(index.as_text(), "v1.0.0\n");
        }
    }

    #[test]
    fn a_line_cut_short_is_dropped() {
        let index = Index::from_text("v1.0.0\nv1.1".to_owned());
        assert_eq!(index.list(), "v1.0.0\n");
        assert!(Index::from_text("v1.0".to_owned()).is_empty());
    }
}
