//! Finds names that collide: a name twice, a file where another entry has a folder, and names that
//! a file system takes for one because it ignores case.
//!
//! golang.org/x/mod keeps a map of all names and of all their parent folders. A name of 64 KiB can
//! have 32,000 parents, so here the names are sorted instead, element by element, each by its
//! folded form first and its exact form second. Then every folder is a run of neighbours, and
//! folders whose names differ only in case are neighbouring runs. One walk over the sorted names,
//! with a stack as deep as the deepest name, finds all collisions: its time is linear in the bytes
//! of all names, and its memory is 4 bytes a name.
//!
//! Of names that collide, the first in the archive and those that agree with it are not reported.

use std::cmp::Ordering;

use super::super::unicode::fold;
use crate::order;

/// A name to be checked.
#[derive(Clone, Copy)]
pub struct Name<'a> {
    /// A valid file path, without a folder's slash.
    pub path: &'a str,
    /// Whether the entry is a folder.
    pub is_folder: bool,
}

/// How an entry's name collides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collision {
    /// Another entry has the same name.
    Duplicate,
    /// The path of this many elements is a file in one entry and a folder in another.
    FileAndFolder(usize),
    /// The path of this many elements differs only in case from that of entry `first`.
    Case {
        /// The number of the entry that came first.
        first: u32,
        /// How many elements the colliding paths have.
        elements: usize,
    },
}

/// Calls `report` for every entry whose name collides, perhaps more than once for an entry.
///
/// `numbers` are the entries to look at, in any order; `name` gives an entry's name.
pub fn find<'a>(
    numbers: &mut [u32],
    name: impl Fn(u32) -> Name<'a>,
    report: impl FnMut(u32, Collision),
) {
    order::sort(numbers, &mut |a, b| {
        let (x, y) = (name(a), name(b));
        compare(x.path, y.path)
            .then(x.is_folder.cmp(&y.is_folder))
            .then(a.cmp(&b))
    });
    let mut walk = Walk {
        numbers,
        report,
        levels: Vec::new(),
    };
    let mut last = "";
    for at in 0..walk.numbers.len() {
        let number = walk.number(at);
        let Name { path, is_folder } = name(number);
        walk.move_to(at, last, path);
        if let Some(node) = walk.levels.last_mut() {
            node.first = node.first.min(number);
            node.files += u32::from(!is_folder);
            node.folders += u32::from(is_folder);
        }
        last = path;
    }
    walk.close_down_to(0, walk.numbers.len());
}

/// Orders paths element by element, by folded and then by exact form.
fn compare(a: &str, b: &str) -> Ordering {
    let same = common_prefix(a, b);
    let [a, b] = [a, b].map(|path| path.get(same..).unwrap_or_default());
    let [x, y] = [a, b].map(first_element);
    compare_folded(x, y)
        .then_with(|| x.cmp(y))
        .then_with(|| a.len().cmp(&b.len()))
}

fn compare_folded(x: &str, y: &str) -> Ordering {
    x.chars().map(fold).cmp(y.chars().map(fold))
}

fn first_element(path: &str) -> &str {
    path.split('/').next().unwrap_or_default()
}

/// The length of what two paths have in common, in whole characters.
fn common_prefix(a: &str, b: &str) -> usize {
    const STEP: usize = 16;
    let [x, y] = [a, b].map(|path| path.as_bytes().chunks_exact(STEP));
    let start = STEP * x.zip(y).take_while(|(x, y)| x == y).count();
    let [x, y] = [a, b].map(|path| path.as_bytes().iter().skip(start));
    let mut same = start + x.zip(y).take_while(|(x, y)| x == y).count();
    while !a.is_char_boundary(same) {
        same -= 1;
    }
    same
}

/// A file or folder on the path of the name that the walk is at.
struct Level {
    /// Where its element ends in the path.
    end: usize,
    /// Where the names begin that have it.
    start: usize,
    /// The first entry in the archive that has it.
    first: u32,
    /// How many entries are this file. In the order of the walk they come first.
    files: u32,
    /// How many entries are this folder itself. They come second.
    folders: u32,
    /// Its siblings so far whose names differ only in case.
    variants: Variants,
}

/// Neighbouring runs of names that differ only in the case of one element.
#[derive(Clone, Copy, Default)]
struct Variants {
    runs: u32,
    start: usize,
    /// The run with the entry that comes first in the archive.
    winner: (usize, usize),
    first: u32,
}

struct Walk<'a, R> {
    numbers: &'a [u32],
    report: R,
    levels: Vec<Level>,
}

impl<R: FnMut(u32, Collision)> Walk<'_, R> {
    fn number(&self, at: usize) -> u32 {
        self.numbers.get(at).copied().unwrap_or(u32::MAX)
    }

    /// Leaves the levels of the path `last` that `path` does not share, and enters its own.
    fn move_to(&mut self, at: usize, last: &str, path: &str) {
        let same = common_prefix(last, path);
        let ends_there = |end: usize| matches!(path.as_bytes().get(end), None | Some(b'/'));
        let shared = self
            .levels
            .partition_point(|level| level.end < same || (level.end == same && ends_there(same)));
        let parent = shared
            .checked_sub(1)
            .and_then(|parent| self.levels.get(parent));
        let mut start = parent.map_or(0, |parent| parent.end + 1);
        self.close_down_to(shared + 1, at);
        let mut variants = Variants::default();
        if self.levels.len() > shared {
            variants = self.close(at);
            let [old, new] =
                [last, path].map(|path| first_element(path.get(start..).unwrap_or_default()));
            if compare_folded(old, new).is_ne() {
                self.settle(variants, shared + 1, at);
                variants = Variants::default();
            }
        }
        while let Some(rest) = path.get(start..) {
            let end = start + first_element(rest).len();
            self.levels.push(Level {
                end,
                start: at,
                first: u32::MAX,
                files: 0,
                folders: 0,
                variants: std::mem::take(&mut variants),
            });
            start = end + 1;
        }
    }

    /// Closes levels until no more than `depth` are open.
    fn close_down_to(&mut self, depth: usize, at: usize) {
        while self.levels.len() > depth {
            let elements = self.levels.len();
            let variants = self.close(at);
            self.settle(variants, elements, at);
        }
    }

    /// Closes the deepest level, whose names end before `at`, and adds it to its variants.
    fn close(&mut self, at: usize) -> Variants {
        let elements = self.levels.len();
        let Some(level) = self.levels.pop() else {
            return Variants::default();
        };
        if let Some(parent) = self.levels.last_mut() {
            parent.first = parent.first.min(level.first);
        }
        self.report_same_path(&level, elements, at);
        let mut variants = level.variants;
        if variants.runs == 0 {
            variants.start = level.start;
        }
        if variants.runs == 0 || level.first < variants.first {
            variants.first = level.first;
            variants.winner = (level.start, at);
        }
        variants.runs += 1;
        variants
    }

    /// Reports entries of one path that are a file twice, or a file and a folder.
    fn report_same_path(&mut self, level: &Level, elements: usize, end: usize) {
        let files = level.start + level.files as usize;
        let folders = files + level.folders as usize;
        let is_conflict = level.files > 0 && files < end;
        // Both groups are in the order of the archive, so the first of each is its first there.
        for at in (level.start + 1..files).chain(files + 1..folders) {
            let number = self.number(at);
            (self.report)(number, Collision::Duplicate);
        }
        if !is_conflict {
            return;
        }
        let first_is_file = self.number(level.start) == level.first;
        let blamed = if first_is_file {
            files..end
        } else {
            level.start..files
        };
        for at in blamed {
            let number = self.number(at);
            (self.report)(number, Collision::FileAndFolder(elements));
        }
    }

    /// Reports all variants but that of the entry that came first.
    fn settle(&mut self, variants: Variants, elements: usize, end: usize) {
        if variants.runs < 2 {
            return;
        }
        let (start, stop) = variants.winner;
        for at in (variants.start..start).chain(stop..end) {
            let first = variants.first;
            let number = self.number(at);
            (self.report)(number, Collision::Case { first, elements });
        }
    }
}
