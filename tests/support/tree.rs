//! Module caches on disk: read, and made on the spot.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The files of a `cache/download` tree that a proxy serves, by path below it: all .info, .mod and .zip files of
/// canonical versions. (Real caches hold no others, made ones here are told apart by the tests.)
pub fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                if path != root.join("sumdb") && path != root.join("cache") {
                    walk(root, &path, found);
                }
            } else if path
                .extension()
                .is_some_and(|extension| ["info", "mod", "zip"].iter().any(|one| extension == *one))
            {
                let name = path
                    .strip_prefix(root)
                    .expect("below")
                    .to_str()
                    .expect("UTF-8")
                    .to_owned();
                found.insert(name, fs::read(&path).expect("a file"));
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(root, root, &mut found);
    found
}

/// A tree made on the spot.
pub struct Tree(TempDir);

impl Tree {
    pub fn new(files: &[(&str, &[u8])]) -> Self {
        let tree = Self(tempfile::tempdir().expect("a temporary folder"));
        for (name, content) in files {
            tree.write(name, content);
        }
        tree
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// For a command line.
    pub fn name(&self) -> &str {
        self.path().to_str().expect("UTF-8")
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let file: PathBuf = self.path().join(name);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(file, content).expect("a file");
    }
}
